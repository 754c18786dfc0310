/// Matrix products: matmul of two matrices, and linear, which acts on the last axis of any tensor.
#pragma once

#include "eigengrad/autodiff/tape.hpp"
#include "eigengrad/kernels/products.hpp"

namespace eigengrad {

/// Which arguments of matmul are read transposed.
struct MatmulOptions {
  bool transpose_a = false;
  bool transpose_b = false;
};

/// y = A B of two matrices, with A = a or a^T and B = b or b^T.
///
///     dA = dy B^T,   dB = A^T dy        (transposed once more where a or b is)
///
/// Throws unless both have rank 2 and the columns of A equal the rows of B.
template <class T>
BasicVar<T> matmul(BasicVar<T> a, BasicVar<T> b, MatmulOptions options = {}) {
  const auto [ta, tb] = options;
  return record("matmul", kernels::matmul(a.value(), b.value(), options.transpose_a, options.transpose_b),
                pullback(a,
                         [b, ta = ta, tb = tb](BasicVar<T> dy) {
                           return ta ? matmul(b, dy, {tb, true}) : matmul(dy, b, {false, !tb});
                         }),
                pullback(b, [a, ta = ta, tb = tb](BasicVar<T> dy) {
                  return tb ? matmul(dy, a, {true, ta}) : matmul(a, dy, {!ta, false});
                }));
}

namespace detail {
/// The [rows, features] view of a tensor.
template <class T>
BasicTensor<T> as_matrix(const BasicTensor<T>& x) {
  return x.reshape({x.rows(), x.features()});
}
/// dy w^T in the shape of dy with its last axis replaced by w's rows.
template <class T>
BasicTensor<T> linear_input_gradient_value(const BasicTensor<T>& dy, const BasicTensor<T>& w) {
  Shape shape;
  for (int axis = 0; axis + 1 < dy.rank(); ++axis) shape.push_back(dy.shape()[axis]);
  shape.push_back(w.rows());
  return kernels::matmul(as_matrix(dy), w, false, true).reshape(shape);
}
}  // namespace detail

template <class T>
BasicVar<T> linear(BasicVar<T> x, BasicVar<T> w);
template <class T>
BasicVar<T> linear_weight_gradient(BasicVar<T> x, BasicVar<T> dy);

/// dx = dy w^T on the last axis: what linear(x, w) hands back to x. dy is [..., N], w [K, N], dx [..., K].
template <class T>
BasicVar<T> linear_input_gradient(BasicVar<T> dy, BasicVar<T> w) {
  return record("linear_input_gradient", detail::linear_input_gradient_value(dy.value(), w.value()),
                pullback(dy, [w](BasicVar<T> g) { return linear(g, w); }),
                pullback(w, [dy](BasicVar<T> g) { return linear_weight_gradient(g, dy); }));
}

/// dw = x^T dy over all axes but the last: what linear(x, w) hands back to w. x is [..., K], dy [..., N],
/// dw [K, N].
template <class T>
BasicVar<T> linear_weight_gradient(BasicVar<T> x, BasicVar<T> dy) {
  return record("linear_weight_gradient",
                kernels::matmul(detail::as_matrix(x.value()), detail::as_matrix(dy.value()), true, false),
                pullback(x, [dy](BasicVar<T> g) { return linear_input_gradient(dy, g); }),
                pullback(dy, [x](BasicVar<T> g) { return linear(x, g); }));
}

namespace detail {
template <class T>
auto linear_weight_pullback(BasicVar<T> w, BasicVar<T> x) {
  return product_pullback(w, x, [x](BasicVar<T> dy) { return linear_weight_gradient(x, dy); });
}
}  // namespace detail

/// y = x w on the last axis of x: x is [..., K], w [K, N], y [..., N].
///
///     dx = dy w^T,   dw = x^T dy        (summed over all axes but the last)
///
/// The three products are one trilinear form, so each one's gradients are the other two. Throws unless w has
/// rank 2 and K rows.
template <class T>
BasicVar<T> linear(BasicVar<T> x, BasicVar<T> w) {
  return record("linear", kernels::linear(x.value(), w.value()),
                pullback(x, [w](BasicVar<T> dy) { return linear_input_gradient(dy, w); }),
                detail::linear_weight_pullback(w, x));
}

/// y = x w + bias, with bias [N] added inside the product.   dbias = dy summed to [N]; dx, dw as above.
template <class T>
BasicVar<T> linear(BasicVar<T> x, BasicVar<T> w, BasicVar<T> bias) {
  check(bias.shape() == Shape{w.shape().features()}, "linear: bias is ", bias.shape(), ", w is ", w.shape(),
        "; bias must be [", w.shape().features(), "]");
  return record("linear", kernels::linear(x.value(), w.value(), &bias.value()),
                pullback(x, [w](BasicVar<T> dy) { return linear_input_gradient(dy, w); }),
                detail::linear_weight_pullback(w, x), pullback(bias, [](BasicVar<T> dy) { return dy; }));
}

}  // namespace eigengrad
