/// Softmax and its relatives over the last axis.
#pragma once

#include "eigengrad/kernels/softmax.hpp"
#include "eigengrad/ops/math.hpp"
#include "eigengrad/ops/reduce.hpp"

namespace eigengrad {

/// dx = y (dy - sum_j dy_j y_j).
template <class T>
BasicVar<T> softmax_gradient(BasicVar<T> dy, BasicVar<T> y) {
  const auto row_sum = [](BasicVar<T> v) { return sum(v, {-1}, {.keep_axes = true}); };
  return record("softmax_gradient", kernels::softmax_gradient(dy.value(), y.value()),
                pullback(dy, [y](BasicVar<T> g) { return softmax_gradient(g, y); }),
                pullback(y, [=](BasicVar<T> g) { return g * (dy - row_sum(dy * y)) - dy * row_sum(g * y); }));
}

/// y_i = exp(x_i) / sum_j exp(x_j).   dx = y (dy - sum_j dy_j y_j).
template <class T>
BasicVar<T> softmax(BasicVar<T> x) {
  return record("softmax", kernels::softmax(x.value()),
                pullback(x, [](BasicVar<T> dy, BasicVar<T> y) { return softmax_gradient(dy, y); }));
}

/// dx = dy - exp(y) sum_j dy_j.
template <class T>
BasicVar<T> log_softmax_gradient(BasicVar<T> dy, BasicVar<T> y) {
  const auto row_sum = [](BasicVar<T> v) { return sum(v, {-1}, {.keep_axes = true}); };
  return record("log_softmax_gradient", kernels::log_softmax_gradient(dy.value(), y.value()),
                pullback(dy, [=](BasicVar<T> g) { return g - row_sum(g * exp(y)); }),
                pullback(y, [=](BasicVar<T> g) { return -1.0 * g * exp(y) * row_sum(dy); }));
}

/// y_i = x_i - ln sum_j exp(x_j).   dx = dy - exp(y) sum_j dy_j.
template <class T>
BasicVar<T> log_softmax(BasicVar<T> x) {
  return record("log_softmax", kernels::log_softmax(x.value()),
                pullback(x, [](BasicVar<T> dy, BasicVar<T> y) { return log_softmax_gradient(dy, y); }));
}

/// y = ln sum_j exp(x_j); the last axis vanishes or stays with extent 1.   dx = dy softmax(x).
template <class T>
BasicVar<T> logsumexp(BasicVar<T> x, ReduceOptions options = {}) {
  const Shape kept = detail::kept_shape("logsumexp", x.shape(), std::array{-1});
  return record("logsumexp", kernels::logsumexp(x.value(), options.keep_axes),
                pullback(x, [=](BasicVar<T> dy) { return reshape(dy, kept) * softmax(x); }));
}

}  // namespace eigengrad
