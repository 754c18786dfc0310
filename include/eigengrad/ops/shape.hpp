/// Shape changes: reshape, flatten, transpose, concatenate, slice.
#pragma once

#include <array>
#include <initializer_list>
#include <span>

#include "eigengrad/autodiff/tape.hpp"
#include "eigengrad/kernels/layout.hpp"

namespace eigengrad {

/// y = x under another shape of the same size, sharing its values.   dx = dy under x's shape.
template <class T>
BasicVar<T> reshape(BasicVar<T> x, const Shape& shape) {
  return record("reshape", x.value().reshape(shape),
                pullback(x, [from = x.shape()](BasicVar<T> dy) { return reshape(dy, from); }));
}
/// The same with a list, in which one extent may be -1: reshape(x, {-1, 28, 28, 1}).
template <class T>
BasicVar<T> reshape(BasicVar<T> x, std::initializer_list<Index> extents) {
  return reshape(x, x.value().reshape(extents).shape());
}

/// y = x as [N, all other axes]. Throws for a scalar.
template <class T>
BasicVar<T> flatten(BasicVar<T> x) {
  check(x.shape().rank() >= 1, "flatten: x is a scalar; it needs a first axis");
  Index features = 1;
  for (int axis = 1; axis < x.shape().rank(); ++axis) features *= x.shape()[axis];
  return reshape(x, Shape{x.shape()[0], features});
}

namespace detail {
/// An order of axes, trivially copyable.
struct Permutation {
  std::array<int, Shape::max_rank> axes = {};
  std::size_t rank = 0;
  std::span<const int> span() const { return {axes.data(), rank}; }
};

/// 0, 1, ..., rank - 1 with a and b exchanged.
inline Permutation exchange(int rank, int a, int b) {
  Permutation order{{}, static_cast<std::size_t>(rank)};
  for (int k = 0; k < rank; ++k) order.axes[static_cast<std::size_t>(k)] = k == a ? b : k == b ? a : k;
  return order;
}
}  // namespace detail

/// y with axis permutation[k] of x as its axis k.   dx = dy with the inverse permutation.
///
/// Throws unless every axis is named once.
template <class T>
BasicVar<T> transpose(BasicVar<T> x, std::span<const int> permutation) {
  BasicTensor<T> y = kernels::transpose(x.value(), permutation);  // checks the permutation
  detail::Permutation inverse{{}, permutation.size()};
  for (int k = 0; k < y.rank(); ++k) {
    const int axis = y.shape().normalize_axis(permutation[static_cast<std::size_t>(k)]);
    inverse.axes[static_cast<std::size_t>(axis)] = k;
  }
  return record("transpose", std::move(y),
                pullback(x, [inverse](BasicVar<T> dy) { return transpose(dy, inverse.span()); }));
}
template <class T>
BasicVar<T> transpose(BasicVar<T> x, std::initializer_list<int> permutation) {
  return transpose(x, std::span(permutation.begin(), permutation.size()));
}
/// y with the last two axes of x exchanged: every matrix transposed. Throws for fewer axes.
template <class T>
BasicVar<T> transpose(BasicVar<T> x) {
  const int rank = x.shape().rank();
  check(rank >= 2, "transpose: x is ", x.shape(), "; it needs two axes");
  return transpose(x, detail::exchange(rank, rank - 2, rank - 1).span());
}

template <class T>
BasicVar<T> slice(BasicVar<T> x, int axis, Index begin, Index end);

/// dx = dy at [begin, ...) of an axis of `extent`, 0 elsewhere: what slice hands back.   d(dy) = that slice
/// of g.
template <class T>
BasicVar<T> slice_gradient(BasicVar<T> dy, int axis, Index begin, Index extent) {
  const Index end = begin + dy.shape()[axis];
  return record("slice_gradient", kernels::slice_gradient(dy.value(), axis, begin, extent),
                pullback(dy, [axis, begin, end](BasicVar<T> g) { return slice(g, axis, begin, end); }));
}

/// y = elements [begin, end) along `axis`.   dx = dy in their place, 0 elsewhere.
///
/// Throws unless 0 <= begin <= end <= extent.
template <class T>
BasicVar<T> slice(BasicVar<T> x, int axis, Index begin, Index end) {
  BasicTensor<T> y = kernels::slice(x.value(), axis, begin, end);
  return record("slice", std::move(y), pullback(x, [axis, begin, extent = x.shape()[axis]](BasicVar<T> dy) {
                  return slice_gradient(dy, axis, begin, extent);
                }));
}

/// y = the parts one after the other along `axis`.   d(part) = its slice of dy.
///
/// Throws for no parts, and unless all extents but that of the axis are equal.
template <class T>
BasicVar<T> concatenate(std::span<const BasicVar<T>> parts, int axis) {
  BasicTensorList<T> values;
  values.reserve(parts.size());
  for (const BasicVar<T>& part : parts) values.push_back(part.value());
  BasicTensor<T> joined = kernels::concatenate(std::span<const BasicTensor<T>>(values), axis);
  BasicTape<T>& tape = parts[0].tape();
  const BasicVar<T> y = tape.record("concatenate", std::move(joined));
  Index begin = 0;
  for (const BasicVar<T>& part : parts) {
    const Index end = begin + part.shape()[axis];
    tape.attach(y,
                pullback(part, [axis, begin, end](BasicVar<T> dy) { return slice(dy, axis, begin, end); }));
    begin = end;
  }
  return y;
}
template <class T>
BasicVar<T> concatenate(std::initializer_list<BasicVar<T>> parts, int axis) {
  return concatenate(std::span<const BasicVar<T>>(parts.begin(), parts.size()), axis);
}
template <class T>
BasicVar<T> concatenate(const BasicVarList<T>& parts, int axis) {
  return concatenate(std::span<const BasicVar<T>>(parts), axis);
}

}  // namespace eigengrad
