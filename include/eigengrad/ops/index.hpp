/// Picking by integer index.
#pragma once

#include <span>

#include "eigengrad/autodiff/tape.hpp"
#include "eigengrad/kernels/layout.hpp"

namespace eigengrad {

namespace detail {

// The spans of these four are kept by the tape.
template <class T>
BasicVar<T> gather_kept(BasicVar<T> x, std::span<const Index> indices, int axis);
template <class T>
BasicVar<T> scatter_add_kept(BasicVar<T> dy, std::span<const Index> indices, int axis, Index extent) {
  return record("scatter_add", kernels::scatter_add(dy.value(), indices, axis, extent),
                pullback(dy, [=](BasicVar<T> g) { return gather_kept(g, indices, axis); }));
}
template <class T>
BasicVar<T> gather_kept(BasicVar<T> x, std::span<const Index> indices, int axis) {
  return record("gather", kernels::gather(x.value(), indices, axis),
                pullback(x, [=, extent = x.shape()[axis]](BasicVar<T> dy) {
                  return scatter_add_kept(dy, indices, axis, extent);
                }));
}

template <class T>
BasicVar<T> gather_last_kept(BasicVar<T> x, std::span<const Index> indices);
template <class T>
BasicVar<T> scatter_last_kept(BasicVar<T> dy, std::span<const Index> indices, Index features) {
  return record("scatter_last", kernels::scatter_last(dy.value(), indices, features),
                pullback(dy, [=](BasicVar<T> g) { return gather_last_kept(g, indices); }));
}
template <class T>
BasicVar<T> gather_last_kept(BasicVar<T> x, std::span<const Index> indices) {
  return record("gather_last", kernels::gather_last(x.value(), indices),
                pullback(x, [=, features = x.shape().features()](BasicVar<T> dy) {
                  return scatter_last_kept(dy, indices, features);
                }));
}

}  // namespace detail

/// The slices of `axis` that `indices` name: y[.., i, ..] = x[.., indices[i], ..].   dx = every slice of dy
/// added where it came from. Throws for an index outside the axis.
template <class T>
BasicVar<T> gather(BasicVar<T> x, std::span<const Index> indices, int axis = 0) {
  return detail::gather_kept(x, x.tape().keep(indices), axis);
}

/// One feature of every row: y[r] = x[r, indices[r]]; the last axis vanishes.   dx = dy there, zeros
/// elsewhere.
template <class T>
BasicVar<T> gather_last(BasicVar<T> x, std::span<const Index> indices) {
  return detail::gather_last_kept(x, x.tape().keep(indices));
}

/// Rows of zeros with a one at each index, as a tensor [count, classes].
template <class T = float>
BasicTensor<T> one_hot(std::span<const Index> indices, Index classes) {
  return kernels::one_hot<T>(indices, classes);
}

}  // namespace eigengrad
