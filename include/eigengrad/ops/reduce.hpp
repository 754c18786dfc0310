/// Sums, means, variances and maxima over any axes.
#pragma once

#include <initializer_list>
#include <span>

#include "eigengrad/autodiff/broadcast.hpp"
#include "eigengrad/ops/arithmetic.hpp"
#include "eigengrad/ops/math.hpp"
#include "eigengrad/ops/shape.hpp"

namespace eigengrad {

/// Settings of reductions.
struct ReduceOptions {
  bool keep_axes = false;  ///< reduced axes stay with extent 1
};

namespace detail {

/// `shape` with extent 1 on the reduced axes: what broadcasts back to it.
inline Shape kept_shape(const char* name, const Shape& shape, std::span<const int> axes) {
  const auto reduced = kernels::detail::reduced_axes(name, shape, axes);
  Shape kept;
  for (int axis = 0; axis < shape.rank(); ++axis)
    kept.push_back(reduced[static_cast<std::size_t>(axis)] ? 1 : shape[axis]);
  return kept;
}

}  // namespace detail

/// Sum of all elements, of rank 0.   dx = dy everywhere.
template <class T>
BasicVar<T> sum(BasicVar<T> x) {
  return record("sum", kernels::sum_all(x.value()),
                pullback(x, [shape = x.shape()](BasicVar<T> dy) { return broadcast_to(dy, shape); }));
}

/// Sum over `axes` (negative ones count from the back).   dx = dy repeated along them.
template <class T>
BasicVar<T> sum(BasicVar<T> x, std::span<const int> axes, ReduceOptions options = {}) {
  const Shape kept = detail::kept_shape("sum", x.shape(), axes);
  return record("sum", kernels::sum(x.value(), axes, options.keep_axes),
                pullback(x, [kept, shape = x.shape()](BasicVar<T> dy) {
                  return broadcast_to(reshape(dy, kept), shape);
                }));
}
template <class T>
BasicVar<T> sum(BasicVar<T> x, std::initializer_list<int> axes, ReduceOptions options = {}) {
  return sum(x, std::span(axes.begin(), axes.size()), options);
}

/// Mean of all elements, of rank 0.   dx = dy / size.
template <class T>
BasicVar<T> mean(BasicVar<T> x) {
  check(x.size() > 0, "mean: x is ", x.shape(), "; there is no mean of no elements");
  return sum(x) / static_cast<double>(x.size());
}

/// Mean over `axes`.   dx = dy / count repeated along them.
template <class T>
BasicVar<T> mean(BasicVar<T> x, std::span<const int> axes, ReduceOptions options = {}) {
  const Shape kept = detail::kept_shape("mean", x.shape(), axes);
  check(x.size() > 0, "mean: x is ", x.shape(), "; there is no mean of no elements");
  return sum(x, axes, options) * (static_cast<double>(kept.size()) / static_cast<double>(x.size()));
}
template <class T>
BasicVar<T> mean(BasicVar<T> x, std::initializer_list<int> axes, ReduceOptions options = {}) {
  return mean(x, std::span(axes.begin(), axes.size()), options);
}

/// Settings of variance.
struct VarianceOptions {
  bool keep_axes = false;
  bool unbiased = false;  ///< divide by count - 1 instead of count
};

/// Mean squared deviation from the mean over `axes`.   dx = 2 dy (x - mean) / count.
template <class T>
BasicVar<T> variance(BasicVar<T> x, std::span<const int> axes, VarianceOptions options = {}) {
  const Shape kept = detail::kept_shape("variance", x.shape(), axes);
  const Index count = kept.size() > 0 ? x.size() / kept.size() : 0,
              divisor = options.unbiased ? count - 1 : count;
  check(divisor > 0, "variance: x is ", x.shape(), ", ", count, " elements are reduced to one; at least ",
        options.unbiased ? 2 : 1, " are needed");
  const BasicVar<T> centered = x - mean(x, axes, {.keep_axes = true});
  return sum(square(centered), axes, {options.keep_axes}) / static_cast<double>(divisor);
}
template <class T>
BasicVar<T> variance(BasicVar<T> x, std::initializer_list<int> axes, VarianceOptions options = {}) {
  return variance(x, std::span(axes.begin(), axes.size()), options);
}

/// Largest element over `axes`.   dx = dy shared evenly among the elements that are largest.
template <class T>
BasicVar<T> max(BasicVar<T> x, std::span<const int> axes, ReduceOptions options = {}) {
  const Shape kept = detail::kept_shape("max", x.shape(), axes);
  BasicTensor<T> value = kernels::max(x.value(), axes, options.keep_axes);
  return record("max", value, pullback(x, [kept, x](BasicVar<T> dy, BasicVar<T> y) {
                  const BasicTensor<T> largest =
                      kernels::binary("max", kernels::op::Equal{}, x.value(), y.value().reshape(kept));
                  const BasicTensor<T> share =
                      kernels::binary("max", kernels::op::Divide{}, largest, kernels::sum_to(largest, kept));
                  return reshape(dy, kept) * dy.tape().constant(share);
                }));
}
template <class T>
BasicVar<T> max(BasicVar<T> x, std::initializer_list<int> axes, ReduceOptions options = {}) {
  return max(x, std::span(axes.begin(), axes.size()), options);
}

}  // namespace eigengrad
