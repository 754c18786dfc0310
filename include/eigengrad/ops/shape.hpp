/// Operations that move values without changing them.
#pragma once

#include <array>
#include <initializer_list>
#include <span>
#include <vector>

#include "eigengrad/autodiff/tape.hpp"
#include "eigengrad/kernels/layout.hpp"

namespace eigengrad {

/// The same values under another shape; one extent may be -1 and is inferred.   dx = dy under x's shape.
template <class T>
BasicVar<T> reshape(BasicVar<T> x, std::span<const Index> extents) {
  return record("reshape", x.value().reshape(extents), pullback(x, [shape = x.shape()](BasicVar<T> dy) {
                  return reshape(dy, std::span<const Index>(shape.begin(), shape.end()));
                }));
}
template <class T>
BasicVar<T> reshape(BasicVar<T> x, std::initializer_list<Index> extents) {
  return reshape(x, std::span<const Index>(extents.begin(), extents.size()));
}
template <class T>
BasicVar<T> reshape(BasicVar<T> x, const Shape& shape) {
  return reshape(x, std::span<const Index>(shape.begin(), shape.end()));
}

/// All axes but the first become one: [N, ...] -> [N, features].
template <class T>
BasicVar<T> flatten(BasicVar<T> x) {
  check(x.shape().rank() >= 1, "flatten: x is ", x.shape(), "; it needs a first axis");
  const Index n = x.shape()[0];
  return reshape(x, {n, n > 0 ? x.size() / n : 0});
}

/// Axis k of y is axis permutation[k] of x.   dx = dy with the inverse permutation.
template <class T>
BasicVar<T> transpose(BasicVar<T> x, std::span<const int> permutation) {
  BasicTensor<T> value = kernels::transpose(x.value(), permutation);  // checks the permutation
  std::array<int, Shape::max_rank> inverse = {};
  const int rank = x.shape().rank();
  for (int k = 0; k < rank; ++k)
    inverse[static_cast<std::size_t>(x.shape().normalize_axis(permutation[static_cast<std::size_t>(k)]))] = k;
  return record("transpose", std::move(value), pullback(x, [inverse, rank](BasicVar<T> dy) {
                  return transpose(dy, std::span<const int>(inverse.data(), static_cast<std::size_t>(rank)));
                }));
}
template <class T>
BasicVar<T> transpose(BasicVar<T> x, std::initializer_list<int> permutation) {
  return transpose(x, std::span<const int>(permutation.begin(), permutation.size()));
}
/// The two last axes exchanged.
template <class T>
BasicVar<T> transpose(BasicVar<T> x) {
  const int rank = x.shape().rank();
  check(rank >= 2, "transpose: x is ", x.shape(), "; it needs two axes");
  std::array<int, Shape::max_rank> permutation = {};
  for (int k = 0; k < rank; ++k) permutation[static_cast<std::size_t>(k)] = k;
  std::swap(permutation[static_cast<std::size_t>(rank - 1)], permutation[static_cast<std::size_t>(rank - 2)]);
  return transpose(x, std::span<const int>(permutation.data(), static_cast<std::size_t>(rank)));
}

template <class T>
BasicVar<T> slice_gradient(BasicVar<T> dy, int axis, Index begin, Index extent);

/// Elements [begin, end) of one axis.   dx = dy there, zeros elsewhere.
template <class T>
BasicVar<T> slice(BasicVar<T> x, int axis, Index begin, Index end) {
  return record("slice", kernels::slice(x.value(), axis, begin, end),
                pullback(x, [=, extent = x.shape()[axis]](BasicVar<T> dy) {
                  return slice_gradient(dy, axis, begin, extent);
                }));
}

/// The adjoint of slice: dy from `begin` on, zeros elsewhere on an axis of `extent`.   Its pullback is slice.
template <class T>
BasicVar<T> slice_gradient(BasicVar<T> dy, int axis, Index begin, Index extent) {
  return record("slice_gradient", kernels::slice_gradient(dy.value(), axis, begin, extent),
                pullback(dy, [=, count = dy.shape()[axis]](BasicVar<T> g) {
                  return slice(g, axis, begin, begin + count);
                }));
}

/// The parts one after the other along `axis`.   The gradient of each is its slice of dy.
template <class T>
BasicVar<T> concatenate(std::span<const BasicVar<T>> parts, int axis) {
  check(!parts.empty(), "concatenate: there is nothing to concatenate");
  BasicTensorList<T> values;
  values.reserve(parts.size());
  for (BasicVar<T> part : parts) values.push_back(part.value());
  BasicTape<T>& tape = parts[0].tape();
  const BasicVar<T> y =
      tape.record("concatenate", kernels::concatenate(std::span<const BasicTensor<T>>(values), axis));
  Index begin = 0;
  for (BasicVar<T> part : parts) {
    const Index end = begin + part.shape()[axis];
    tape.attach(y, pullback(part, [=](BasicVar<T> dy) { return slice(dy, axis, begin, end); }));
    begin = end;
  }
  return y;
}
template <class T>
BasicVar<T> concatenate(std::initializer_list<BasicVar<T>> parts, int axis) {
  return concatenate(std::span<const BasicVar<T>>(parts.begin(), parts.size()), axis);
}

}  // namespace eigengrad
