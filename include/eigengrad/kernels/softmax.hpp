/// Softmax and its relatives over the last axis, shifted by the row's largest value: stable for any finite
/// input.
#pragma once

#include <cmath>
#include <limits>

#include "eigengrad/core/parallel.hpp"
#include "eigengrad/core/tensor.hpp"
#include "eigengrad/kernels/simd.hpp"

namespace eigengrad::kernels {

namespace detail {

/// body(isa, row) for every row of [rows, features], in parallel.
template <class Body>
void for_each_row(Index rows, Index features, double work_per_element, Body body) {
  const Index rows_at_once = std::max<Index>(1, 4096 / std::max<Index>(features, 1));
  parallel_blocks(rows, rows_at_once, work_per_element * static_cast<double>(rows * features),
                  [&](Index begin, Index end) {
                    dispatch([&](auto isa) {
                      for (Index row = begin; row < end; ++row) body(isa, row);
                    });
                  });
}

/// log sum_i exp(x_i) as its two terms, to be added: the largest value, by op::Maximum or op::LargestNumber,
/// and the logarithm of what is left, NaN if one x_i is.
template <class T>
struct LogSumExp {
  T largest, rest;
};
template <class T, class Isa, class Largest>
LogSumExp<T> log_sum_exp(Isa isa, Largest operation, const T* x, Index n) {
  const T largest = reduce_run(isa, operation, x, n);
  return {largest, std::log(exp_row(isa, x, n, largest, static_cast<T*>(nullptr)))};
}

/// Whether the rows of y are written past the caches: where y is large, and each long enough to be worth the
/// fence after it.
template <class T>
bool are_rows_past_caches(const BasicTensor<T>& y) {
  return y.features() >= 256 && is_past_caches<T>(y.size());
}

template <class T>
void check_softmax(const char* name, const BasicTensor<T>& x) {
  check(x.rank() >= 1, name, ": x is ", x.shape(), "; it needs a last axis");
}

template <class T>
void check_same(const char* name, const BasicTensor<T>& dy, const BasicTensor<T>& y) {
  check(dy.shape() == y.shape(), name, ": dy is ", dy.shape(), ", y is ", y.shape(), "; they must be equal");
}

}  // namespace detail

/// y_i = exp(x_i) / sum_j exp(x_j). A row of -inf, or with an inf, gives NaN.
template <class T>
BasicTensor<T> softmax(const BasicTensor<T>& x) {
  detail::check_softmax("softmax", x);
  BasicTensor<T> y = BasicTensor<T>::uninitialized(x.shape());
  T* const to = y.mutable_data();
  const Index n = x.features();
  // The exponentials wait in the first-level cache where y goes past it.
  constexpr Index longest = 2048;
  const bool past_caches = n <= longest && detail::are_rows_past_caches(y);
  detail::for_each_row(x.rows(), n, 8, [&](auto isa, Index row) {
    const T* const from = x.data() + row * n;
    alignas(64) T waiting[longest];
    T* const exponentials = past_caches ? waiting : to + row * n;
    const T sum = exp_row(isa, from, n, reduce_run(isa, op::LargestNumber{}, from, n), exponentials);
    unary_block(isa, op::DivideBy{static_cast<double>(sum)}, exponentials, to + row * n, n, past_caches);
  });
  return y;
}

/// log sum_j exp(x_j), of the row; the last axis vanishes or stays with extent 1. A row of -inf gives -inf.
template <class T>
BasicTensor<T> logsumexp(const BasicTensor<T>& x, bool keep_axis = false) {
  detail::check_softmax("logsumexp", x);
  Shape shape;
  for (int axis = 0; axis + 1 < x.rank(); ++axis) shape.push_back(x.shape()[axis]);
  if (keep_axis) shape.push_back(1);
  BasicTensor<T> y = BasicTensor<T>::uninitialized(shape);
  T* const to = y.mutable_data();
  const Index n = x.features();
  detail::for_each_row(x.rows(), n, 8, [&](auto isa, Index row) {
    // A NaN beside an inf is to be seen here: both leave nothing but NaN in the second term.
    const auto [largest, rest] = detail::log_sum_exp(isa, op::Maximum{}, x.data() + row * n, n);
    to[row] = std::isinf(largest) ? largest : largest + rest;
  });
  return y;
}

/// y_i = x_i - log sum_j exp(x_j). A row of -inf, or with an inf, gives NaN.
template <class T>
BasicTensor<T> log_softmax(const BasicTensor<T>& x) {
  detail::check_softmax("log_softmax", x);
  BasicTensor<T> y = BasicTensor<T>::uninitialized(x.shape());
  T* const to = y.mutable_data();
  const Index n = x.features();
  const bool past_caches = detail::are_rows_past_caches(y);
  detail::for_each_row(x.rows(), n, 8, [&](auto isa, Index row) {
    const T* const from = x.data() + row * n;
    // The large term first: x - largest is exact or nearly so, and keeps the digits of the small one.
    const auto [largest, rest] = detail::log_sum_exp(isa, op::LargestNumber{}, from, n);
    unary_block(isa, op::SubtractBoth{static_cast<double>(largest), static_cast<double>(rest)}, from,
                to + row * n, n, past_caches);
  });
  return y;
}

/// dx = y (dy - sum_j dy_j y_j), for y = softmax(x).
template <class T>
BasicTensor<T> softmax_gradient(const BasicTensor<T>& dy, const BasicTensor<T>& y) {
  detail::check_same("softmax_gradient", dy, y);
  BasicTensor<T> dx = BasicTensor<T>::uninitialized(y.shape());
  T* const to = dx.mutable_data();
  const Index n = y.features();
  const bool past_caches = detail::are_rows_past_caches(y);
  detail::for_each_row(y.rows(), n, 4, [&](auto isa, Index row) {
    const T* const g = dy.data() + row * n;
    const T* const value = y.data() + row * n;
    const T dot = dot_row(isa, g, value, n);
    binary_block(isa, op::SoftmaxGradient{static_cast<double>(dot)}, g, value, to + row * n, n, past_caches);
  });
  return dx;
}

/// dx = dy - exp(y) sum_j dy_j, for y = log_softmax(x).
template <class T>
BasicTensor<T> log_softmax_gradient(const BasicTensor<T>& dy, const BasicTensor<T>& y) {
  detail::check_same("log_softmax_gradient", dy, y);
  BasicTensor<T> dx = BasicTensor<T>::uninitialized(y.shape());
  T* const to = dx.mutable_data();
  const Index n = y.features();
  const bool past_caches = detail::are_rows_past_caches(y);
  detail::for_each_row(y.rows(), n, 8, [&](auto isa, Index row) {
    const T* const g = dy.data() + row * n;
    const T sum = reduce_run(isa, op::Add{}, g, n);
    binary_block(isa, op::LogSoftmaxGradient{static_cast<double>(sum)}, g, y.data() + row * n, to + row * n,
                 n, past_caches);
  });
  return dx;
}

}  // namespace eigengrad::kernels
