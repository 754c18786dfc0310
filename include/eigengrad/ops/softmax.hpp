/// Softmax and its relatives, over the last axis or any other.
#pragma once

#include "eigengrad/kernels/softmax.hpp"
#include "eigengrad/ops/math.hpp"
#include "eigengrad/ops/reduce.hpp"
#include "eigengrad/ops/shape.hpp"

namespace eigengrad {

namespace detail {
/// x with `axis` and the last axis exchanged.
template <class T>
BasicVar<T> exchange_with_last(BasicVar<T> x, int axis) {
  return transpose(x, exchange(x.shape().rank(), axis, x.shape().rank() - 1).span());
}
/// f(x), which acts on the last axis and keeps the shape, along `axis`.
template <class T, class F>
BasicVar<T> along_axis(BasicVar<T> x, int axis, F f) {
  if (axis == -1 || axis == x.shape().rank() - 1) return f(x);
  axis = x.shape().normalize_axis(axis);
  return exchange_with_last(f(exchange_with_last(x, axis)), axis);
}
}  // namespace detail

/// dx = y (dy - sum(dy y)): what softmax hands back.
///
///     d(dy) = y (g - sum(g y)),   y's gradient = g (dy - sum(dy y)) - dy sum(g y)
template <class T>
BasicVar<T> softmax_gradient(BasicVar<T> dy, BasicVar<T> y) {
  return record("softmax_gradient", kernels::softmax_gradient(dy.value(), y.value()),
                pullback(dy, [y](BasicVar<T> g) { return softmax_gradient(g, y); }),
                pullback(y, [dy, y](BasicVar<T> g) {
                  const ReduceOptions keep{.keep_axes = true};
                  return g * (dy - sum(dy * y, -1, keep)) - dy * sum(g * y, -1, keep);
                }));
}

/// y_i = exp(x_i) / sum_j exp(x_j) along `axis`.   dx = y (dy - sum(dy y)).
template <class T>
BasicVar<T> softmax(BasicVar<T> x, int axis = -1) {
  return detail::along_axis(x, axis, [](BasicVar<T> last) {
    return record("softmax", kernels::softmax(last.value()),
                  pullback(last, [](BasicVar<T> dy, BasicVar<T> y) { return softmax_gradient(dy, y); }));
  });
}

/// dx = dy - exp(y) sum(dy): what log_softmax hands back.
///
///     d(dy) = g - sum(g exp(y)),   y's gradient = -g exp(y) sum(dy)
template <class T>
BasicVar<T> log_softmax_gradient(BasicVar<T> dy, BasicVar<T> y) {
  const ReduceOptions keep{.keep_axes = true};
  return record("log_softmax_gradient", kernels::log_softmax_gradient(dy.value(), y.value()),
                pullback(dy, [y, keep](BasicVar<T> g) { return g - sum(g * exp(y), -1, keep); }),
                pullback(y, [dy, y, keep](BasicVar<T> g) { return -(g * exp(y) * sum(dy, -1, keep)); }));
}

/// y_i = x_i - ln sum_j exp(x_j) along `axis`.   dx = dy - exp(y) sum(dy).
template <class T>
BasicVar<T> log_softmax(BasicVar<T> x, int axis = -1) {
  return detail::along_axis(x, axis, [](BasicVar<T> last) {
    return record("log_softmax", kernels::log_softmax(last.value()),
                  pullback(last, [](BasicVar<T> dy, BasicVar<T> y) { return log_softmax_gradient(dy, y); }));
  });
}

/// y = ln sum_j exp(x_j) along `axis`, which vanishes or stays with extent 1.   dx = dy softmax(x).
template <class T>
BasicVar<T> logsumexp(BasicVar<T> x, int axis = -1, ReduceOptions options = {}) {
  const Axes reduced = Axes(axis).of("logsumexp", x.shape());
  const Shape result = detail::without_axes(x.shape(), reduced);
  if (!reduced.contains(x.shape().rank() - 1)) {
    const BasicVar<T> y =
        logsumexp(detail::exchange_with_last(x, reduced.list()[0]), -1, {.keep_axes = true});
    const BasicVar<T> back = detail::exchange_with_last(y, reduced.list()[0]);
    return options.keep_axes ? back : reshape(back, result);
  }
  const BasicTensor<T> y = kernels::logsumexp(x.value(), true);
  return record(
      "logsumexp", options.keep_axes ? y : y.reshape(result),
      pullback(x, [x, kept = y.shape()](BasicVar<T> dy) { return reshape(dy, kept) * softmax(x); }));
}

}  // namespace eigengrad
