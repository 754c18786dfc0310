/// Matrix products, alone and as fully connected layers.
#pragma once

#include <array>

#include "eigengrad/core/tensor.hpp"
#include "eigengrad/kernels/blocked_product.hpp"
#include "eigengrad/kernels/matrix_vector.hpp"
#include "eigengrad/kernels/transpose.hpp"

namespace eigengrad::kernels {

namespace detail {

template <class T>
void check_bias(const char* name, const BasicTensor<T>* bias, Index features) {
  if (bias != nullptr)
    check(bias->shape() == Shape{features}, name, ": bias is ", bias->shape(), "; it must be [", features,
          "]");
}

/// op(a) op(b) + bias as it stands.
template <class T>
BasicTensor<T> multiply_directly(const T* a, bool transpose_a, const T* b, bool transpose_b, Index m, Index n,
                                 Index k, const BasicTensor<T>* bias) {
  BasicTensor<T> c = BasicTensor<T>::uninitialized({m, n});
  if (c.size() == 0) return c;
  const ProductOperand<T> left{a, transpose_a ? m : k, transpose_a, m, k};
  const ProductOperand<T> right{b, transpose_b ? k : n, !transpose_b, n, k};
  const T* const offset = bias == nullptr ? nullptr : bias->data();
  if (n == 1)
    multiply_vector(left, b, k, offset, 0, c.mutable_data());
  else if (m == 1)
    multiply_vector(right, a, k, offset, 1, c.mutable_data());
  else
    BlockedProduct<T>(left, right, k).run(offset, c.mutable_data());
  return c;
}

/// Steps of k from which on it pays to ask multiply_long_columns.
inline constexpr Index long_column = 2048;

/// a^T b, by way of its transpose where rows of a^T would be cut into tasks: they lie in narrow pieces, and
/// wide panels of b are brought in and packed faster.
template <class T>
BasicTensor<T> multiply_long_columns(const T* a, const T* b, Index m, Index n, Index k) {
  const ProductOperand<T> left{a, m, true, m, k}, right{b, n, true, n, k};
  if (n < 2 || !BlockedProduct<T>(left, right, k).cuts_a())
    return multiply_directly<T>(a, true, b, false, m, n, k, nullptr);
  BasicTensor<T> c = BasicTensor<T>::uninitialized({n, m});
  BlockedProduct<T>(right, left, k).run(nullptr, c.mutable_data());
  return transpose(c, std::array{1, 0});
}

/// op(a) op(b) + bias of contiguous matrices as an m by n tensor.
template <class T>
BasicTensor<T> multiply(const T* a, bool transpose_a, const T* b, bool transpose_b, Index m, Index n, Index k,
                        const BasicTensor<T>* bias) {
  if (k >= long_column && transpose_a && !transpose_b && bias == nullptr)
    return multiply_long_columns(a, b, m, n, k);
  return multiply_directly(a, transpose_a, b, transpose_b, m, n, k, bias);
}

}  // namespace detail

/// C = op(a) op(b) (+ bias on every row), where op transposes if asked to.
///
///     op(a) [M, K],  op(b) [K, N],  bias [N],  C [M, N]
///
/// Throws unless a and b have rank 2 and fit, and bias is [N].
/// Source: Goto and van de Geijn, "Anatomy of high-performance matrix multiplication", ACM TOMS 34 (2008).
template <class T>
BasicTensor<T> matmul(const BasicTensor<T>& a, const BasicTensor<T>& b, bool transpose_a = false,
                      bool transpose_b = false, const BasicTensor<T>* bias = nullptr) {
  check(a.rank() == 2 && b.rank() == 2, "matmul: a is ", a.shape(), ", b is ", b.shape(),
        "; both must have rank 2");
  const Index m = a.shape()[transpose_a ? 1 : 0], k = a.shape()[transpose_a ? 0 : 1];
  const Index n = b.shape()[transpose_b ? 0 : 1], b_rows = b.shape()[transpose_b ? 1 : 0];
  check(k == b_rows, "matmul: a is ", a.shape(), transpose_a ? " transposed" : "", ", b is ", b.shape(),
        transpose_b ? " transposed" : "", "; columns of a (", k, ") must equal rows of b (", b_rows,
        transpose_a || transpose_b ? ") after transposition" : ")");
  detail::check_bias("matmul", bias, n);
  return detail::multiply(a.data(), transpose_a, b.data(), transpose_b, m, n, k, bias);
}

/// y = x w (+ bias) on the last axis.
///
///     x [..., K],  w [K, N],  bias [N],  y [..., N]
///
/// Throws unless x has rank >= 1, w rank 2 and K rows, and bias is [N].
template <class T>
BasicTensor<T> linear(const BasicTensor<T>& x, const BasicTensor<T>& w,
                      const BasicTensor<T>* bias = nullptr) {
  check(x.rank() >= 1 && w.rank() == 2, "linear: x is ", x.shape(), ", w is ", w.shape(),
        "; x must have rank >= 1 and w rank 2");
  check(x.features() == w.shape()[0], "linear: x is ", x.shape(), ", w is ", w.shape(),
        "; the last axis of x (", x.features(), ") must equal rows of w (", w.shape()[0], ")");
  const Index n = w.shape()[1];
  detail::check_bias("linear", bias, n);
  Shape shape;
  for (int axis = 0; axis + 1 < x.rank(); ++axis) shape.push_back(x.shape()[axis]);
  shape.push_back(n);
  return detail::multiply(x.data(), false, w.data(), false, x.rows(), n, x.features(), bias).reshape(shape);
}

}  // namespace eigengrad::kernels
