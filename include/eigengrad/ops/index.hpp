/// Picking elements by index. Indices are spans of Index; the tape keeps a copy for the reverse pass.
#pragma once

#include <span>

#include "eigengrad/autodiff/tape.hpp"
#include "eigengrad/kernels/layout.hpp"

namespace eigengrad {

template <class T>
BasicVar<T> gather(BasicVar<T> x, std::span<const Index> indices, int axis = 0);

/// dx = zeros with an axis of `extent`, every slice of dy added where its index says: what gather hands back.
///
///     d(dy) = gather(g, indices, axis)
template <class T>
BasicVar<T> scatter_add(BasicVar<T> dy, std::span<const Index> indices, int axis, Index extent) {
  BasicTensor<T> dx = kernels::scatter_add(dy.value(), indices, axis, extent);
  return record(
      "scatter_add", std::move(dx),
      pullback(dy, [kept = dy.tape().keep(indices), axis](BasicVar<T> g) { return gather(g, kept, axis); }));
}

/// y = the slices of `axis` that `indices` name, in their order: y[.., i, ..] = x[.., indices[i], ..].
///
///     dx = every slice of dy added where it came from
///
/// An embedding table is x [entries, features] with axis 0. Throws for an index outside [0, extent).
template <class T>
BasicVar<T> gather(BasicVar<T> x, std::span<const Index> indices, int axis) {
  BasicTensor<T> y = kernels::gather(x.value(), indices, axis);
  return record("gather", std::move(y),
                pullback(x, [kept = x.tape().keep(indices), axis, extent = x.shape()[axis]](BasicVar<T> dy) {
                  return scatter_add(dy, kept, axis, extent);
                }));
}

template <class T>
BasicVar<T> gather_last(BasicVar<T> x, std::span<const Index> indices);

/// dx[r, indices[r]] = dy[r], 0 elsewhere: what gather_last hands back.   d(dy) = gather_last(g, indices).
template <class T>
BasicVar<T> scatter_last(BasicVar<T> dy, std::span<const Index> indices, Index features) {
  BasicTensor<T> dx = kernels::scatter_last(dy.value(), indices, features);
  return record("scatter_last", std::move(dx), pullback(dy, [kept = dy.tape().keep(indices)](BasicVar<T> g) {
                  return gather_last(g, kept);
                }));
}

/// y[r] = x[r, indices[r]], one feature of every row; the last axis vanishes.
///
///     dx = dy at the features picked, 0 elsewhere
///
/// Throws unless there is one index for each row, inside [0, features).
template <class T>
BasicVar<T> gather_last(BasicVar<T> x, std::span<const Index> indices) {
  BasicTensor<T> y = kernels::gather_last(x.value(), indices);
  return record("gather_last", std::move(y),
                pullback(x, [kept = x.tape().keep(indices), features = x.shape().features()](BasicVar<T> dy) {
                  return scatter_last(dy, kept, features);
                }));
}

/// Rows of zeros with a one at each index, [count, classes], as a tensor. Throws for an index outside
/// [0, classes).
template <class T = float>
BasicTensor<T> one_hot(std::span<const Index> indices, Index classes) {
  return kernels::one_hot<T>(indices, classes);
}

}  // namespace eigengrad
