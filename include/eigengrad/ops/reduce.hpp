/// Reductions over any axes: sum, mean, variance, max.
#pragma once

#include <algorithm>
#include <initializer_list>
#include <span>

#include "eigengrad/ops/math.hpp"
#include "eigengrad/ops/shape.hpp"

namespace eigengrad {

/// Axes of a reduction: one axis, a list, or Axes::all(). Negative ones count from the back; an empty list
/// reduces nothing.
class Axes {
 public:
  Axes(int axis) : Axes({axis}) {}
  Axes(std::initializer_list<int> axes) : Axes(std::span(axes.begin(), axes.size())) {}
  Axes(std::span<const int> axes) {
    check(axes.size() <= Shape::max_rank, "Axes: ", axes.size(), " axes are named; a tensor has at most ",
          Shape::max_rank);
    for (int axis : axes) axes_[count_++] = axis;
  }
  static Axes all() {
    Axes axes{};
    axes.all_ = true;
    return axes;
  }

  /// The same axes of `shape`, counted from the front; throws, naming `operation`, for those that are not
  /// there.
  Axes of(const char* operation, const Shape& shape) const {
    Axes axes{};
    if (all_)
      for (int axis = 0; axis < shape.rank(); ++axis) axes.axes_[axes.count_++] = axis;
    for (int axis : list()) {
      check(axis >= -shape.rank() && axis < shape.rank(), operation, ": axis ", axis,
            " is out of range for x of shape ", shape);
      axes.axes_[axes.count_++] = shape.normalize_axis(axis);
    }
    return axes;
  }
  std::span<const int> list() const { return {axes_, static_cast<std::size_t>(count_)}; }
  bool contains(int axis) const { return std::find(axes_, axes_ + count_, axis) != axes_ + count_; }

 private:
  int axes_[Shape::max_rank] = {};
  int count_ = 0;
  bool all_ = false;
};

/// Settings of a reduction.
struct ReduceOptions {
  bool keep_axes = false;  ///< reduced axes stay, with extent 1
};

/// Settings of variance.
struct VarianceOptions {
  bool keep_axes = false;  ///< reduced axes stay, with extent 1
  bool unbiased = false;   ///< divide by n - 1 instead of n
};

namespace detail {
/// `shape` without the axes of a reduction (counted from the front).
inline Shape without_axes(const Shape& shape, const Axes& axes) {
  Shape result;
  for (int axis = 0; axis < shape.rank(); ++axis)
    if (!axes.contains(axis)) result.push_back(shape[axis]);
  return result;
}
/// How many elements become one.
inline Index reduced_count(const Shape& shape, const Axes& axes) {
  Index count = 1;
  for (int axis : axes.list()) count *= shape[axis];
  return count;
}
}  // namespace detail

/// y = sum of x over `axes`: all, or sum(x, -1), sum(x, {0, 1}), sum(x, -1, {.keep_axes = true}).
///
///     dx = dy repeated along the axes
///
/// Throws for axes that are not there or named twice.
template <class T>
BasicVar<T> sum(BasicVar<T> x, Axes axes = Axes::all(), ReduceOptions options = {}) {
  axes = axes.of("sum", x.shape());
  const BasicTensor<T> y = kernels::sum(x.value(), axes.list(), true);
  return record("sum", options.keep_axes ? y : y.reshape(detail::without_axes(x.shape(), axes)),
                pullback(x, [kept = y.shape(), shape = x.shape()](BasicVar<T> dy) {
                  return broadcast_to(reshape(dy, kept), shape);
                }));
}

/// y = sum(x) / n, the mean over `axes`.   dx = dy / n, repeated. Throws where there is no element.
template <class T>
BasicVar<T> mean(BasicVar<T> x, Axes axes = Axes::all(), ReduceOptions options = {}) {
  axes = axes.of("mean", x.shape());
  const Index n = detail::reduced_count(x.shape(), axes);
  check(n > 0, "mean: x is ", x.shape(), "; there is no mean of no elements");
  return sum(x, axes, options) / static_cast<double>(n);
}

/// y = sum((x - mean(x))^2) / n over `axes`, or / (n - 1) where unbiased.   dx = 2 dy (x - mean(x)) / n.
///
/// Throws where there is no element, or where unbiased only one.
template <class T>
BasicVar<T> variance(BasicVar<T> x, Axes axes = Axes::all(), VarianceOptions options = {}) {
  axes = axes.of("variance", x.shape());
  const Index divisor = detail::reduced_count(x.shape(), axes) - (options.unbiased ? 1 : 0);
  check(divisor > 0, "variance: x is ", x.shape(), "; at least ", options.unbiased ? 2 : 1,
        " elements must become one");
  const BasicVar<T> centered = x - mean(x, axes, {.keep_axes = true});
  return sum(square(centered), axes, {.keep_axes = options.keep_axes}) / static_cast<double>(divisor);
}

namespace detail {
/// 1 / (number of largest elements) at each of them, 0 elsewhere, as a constant: the shares of dy that max
/// hands back.
template <class T>
BasicVar<T> shares_of_largest(BasicVar<T> x, const Axes& axes) {
  const auto largest = kernels::max(x.value(), axes.list(), true);
  const auto ties = kernels::binary("max", kernels::op::Equal{}, x.value(), largest);
  const auto count = kernels::sum(ties, axes.list(), true);
  return x.tape().constant(kernels::binary("max", kernels::op::Divide{}, ties, count));
}
}  // namespace detail

/// y = largest element over `axes`, NaN if one is NaN.
///
///     dx = dy at the largest element, in equal shares where several are
///
/// Throws where there is no element.
template <class T>
BasicVar<T> max(BasicVar<T> x, Axes axes = Axes::all(), ReduceOptions options = {}) {
  axes = axes.of("max", x.shape());
  const BasicTensor<T> y = kernels::max(x.value(), axes.list(), true);
  return record("max", options.keep_axes ? y : y.reshape(detail::without_axes(x.shape(), axes)),
                pullback(x, [x, axes, kept = y.shape()](BasicVar<T> dy) {
                  return reshape(dy, kept) * detail::shares_of_largest(x, axes);
                }));
}

}  // namespace eigengrad
