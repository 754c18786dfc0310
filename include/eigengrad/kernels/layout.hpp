/// Moving elements: joining, cutting, picking by index, and the adjoints of each.
#pragma once

#include <span>
#include <vector>

#include "eigengrad/core/parallel.hpp"
#include "eigengrad/core/tensor.hpp"
#include "eigengrad/kernels/transpose.hpp"

namespace eigengrad::kernels {

namespace detail {

/// A shape seen around one axis: [outer, extent, inner].
struct AxisView {
  int axis;
  Index outer = 1, extent, inner = 1;
  AxisView(const char* name, const Shape& shape, int which) {
    check(which >= -shape.rank() && which < shape.rank(), name, ": axis ", which,
          " is out of range for x of shape ", shape);
    axis = shape.normalize_axis(which);
    extent = shape[axis];
    for (int i = 0; i < axis; ++i) outer *= shape[i];
    for (int i = axis + 1; i < shape.rank(); ++i) inner *= shape[i];
  }
};

/// `shape` with another extent on one axis.
inline Shape with_extent(const Shape& shape, int axis, Index extent) {
  Shape result;
  for (int i = 0; i < shape.rank(); ++i) result.push_back(i == axis ? extent : shape[i]);
  return result;
}

/// Copies `count` runs of `run` elements, which start every from_stride and to_stride elements.
template <class T>
void copy_runs(const T* from, Index from_stride, T* to, Index to_stride, Index count, Index run) {
  constexpr Index piece = 1 << 15;
  const Index pieces = (run + piece - 1) / piece;
  const Index at_once = std::max<Index>(1, piece / std::max<Index>(run, 1));
  parallel_blocks(count * pieces, at_once, static_cast<double>(count * run), [=](Index begin, Index end) {
    for (Index task = begin; task < end; ++task) {
      const Index i = task / pieces, first = task % pieces * piece;
      copy_run(from + i * from_stride + first, to + i * to_stride + first, std::min(piece, run - first));
    }
  });
}

}  // namespace detail

/// The parts one after the other along `axis`; their other extents must be equal.
template <class T>
BasicTensor<T> concatenate(std::span<const BasicTensor<T>> parts, int axis) {
  check(!parts.empty(), "concatenate: there is nothing to concatenate");
  const detail::AxisView first("concatenate", parts[0].shape(), axis);
  Index extent = 0;
  for (const BasicTensor<T>& part : parts) {
    check(part.rank() == parts[0].rank() && detail::with_extent(part.shape(), first.axis, 0) ==
                                                detail::with_extent(parts[0].shape(), first.axis, 0),
          "concatenate: a part is ", part.shape(), ", the first is ", parts[0].shape(),
          "; all extents but that of axis ", axis, " must be equal");
    extent += part.shape()[first.axis];
  }
  BasicTensor<T> y = BasicTensor<T>::uninitialized(detail::with_extent(parts[0].shape(), first.axis, extent));
  T* const to = y.mutable_data();
  Index begin = 0;
  for (const BasicTensor<T>& part : parts) {
    const Index run = part.shape()[first.axis] * first.inner;
    detail::copy_runs(part.data(), run, to + begin, extent * first.inner, first.outer, run);
    begin += run;
  }
  return y;
}

/// Elements [begin, end) of one axis.
template <class T>
BasicTensor<T> slice(const BasicTensor<T>& x, int axis, Index begin, Index end) {
  const detail::AxisView view("slice", x.shape(), axis);
  check(begin >= 0 && begin <= end && end <= view.extent, "slice: [", begin, ", ", end,
        ") is not within axis ", axis, " of x of shape ", x.shape());
  BasicTensor<T> y = BasicTensor<T>::uninitialized(detail::with_extent(x.shape(), view.axis, end - begin));
  T* const to = y.mutable_data();
  const Index run = (end - begin) * view.inner;
  detail::copy_runs(x.data() + begin * view.inner, view.extent * view.inner, to, run, view.outer, run);
  return y;
}

/// The adjoint of slice: dy at [begin, begin + its extent) of an axis of `extent`, zeros elsewhere.
template <class T>
BasicTensor<T> slice_gradient(const BasicTensor<T>& dy, int axis, Index begin, Index extent) {
  const detail::AxisView view("slice_gradient", dy.shape(), axis);
  check(begin >= 0 && view.extent <= extent && begin <= extent - view.extent, "slice_gradient: dy is ",
        dy.shape(), "; it does not fit at ", begin, " of an axis of ", extent);
  BasicTensor<T> dx = BasicTensor<T>::uninitialized(detail::with_extent(dy.shape(), view.axis, extent));
  T* const to = dx.mutable_data();
  const Index run = view.extent * view.inner, whole = extent * view.inner, before = begin * view.inner;
  const Index at_once = std::max<Index>(1, 4096 / std::max<Index>(whole, 1));
  parallel_blocks(view.outer, at_once, static_cast<double>(dx.size()), [&](Index first, Index last) {
    for (Index o = first; o < last; ++o) {
      T* const row = to + o * whole;
      std::fill_n(row, before, T(0));
      detail::copy_run(dy.data() + o * run, row + before, run);
      std::fill(row + before + run, row + whole, T(0));
    }
  });
  return dx;
}

namespace detail {
template <class... What>
void check_indices(const char* name, std::span<const Index> indices, Index extent, const What&... what) {
  for (std::size_t i = 0; i < indices.size(); ++i)
    check(indices[i] >= 0 && indices[i] < extent, name, ": index ", indices[i], " at position ", i,
          " is outside [0, ", extent, "), ", what...);
}
}  // namespace detail

/// The slices of `axis` that `indices` name, in their order: y[.., i, ..] = x[.., indices[i], ..].
template <class T>
BasicTensor<T> gather(const BasicTensor<T>& x, std::span<const Index> indices, int axis = 0) {
  const detail::AxisView view("gather", x.shape(), axis);
  detail::check_indices("gather", indices, view.extent, "axis ", view.axis, " of x of shape ", x.shape());
  const auto count = static_cast<Index>(indices.size());
  BasicTensor<T> y = BasicTensor<T>::uninitialized(detail::with_extent(x.shape(), view.axis, count));
  T* const to = y.mutable_data();
  parallel_for(view.outer * count, static_cast<double>(y.size()), [&](Index task) {
    const Index o = task / count, i = indices[static_cast<std::size_t>(task % count)];
    detail::copy_run(x.data() + (o * view.extent + i) * view.inner, to + task * view.inner, view.inner);
  });
  return y;
}

/// The adjoint of gather: every slice of dy added where it came from, in order, on an axis of `extent`.
template <class T>
BasicTensor<T> scatter_add(const BasicTensor<T>& dy, std::span<const Index> indices, int axis, Index extent) {
  const detail::AxisView view("scatter_add", dy.shape(), axis);
  check(static_cast<Index>(indices.size()) == view.extent, "scatter_add: dy is ", dy.shape(), "; axis ", axis,
        " must have ", indices.size(), " elements, one for each index");
  detail::check_indices("scatter_add", indices, extent, "axis ", view.axis, " of the result; dy is ",
                        dy.shape());
  BasicTensor<T> dx = BasicTensor<T>::zeros(detail::with_extent(dy.shape(), view.axis, extent));
  T* const to = dx.mutable_data();
  constexpr Index piece = 256;  // of the inner elements: an index can occur twice, so one task adds all of it
  const Index pieces = (view.inner + piece - 1) / piece;
  parallel_for(view.outer * pieces, static_cast<double>(dy.size()), [&](Index task) {
    const Index o = task / pieces, first = task % pieces * piece, last = std::min(first + piece, view.inner);
    for (Index i = 0; i < view.extent; ++i) {
      const T* const from = dy.data() + (o * view.extent + i) * view.inner;
      T* const target = to + (o * extent + indices[static_cast<std::size_t>(i)]) * view.inner;
      for (Index k = first; k < last; ++k) target[k] += from[k];
    }
  });
  return dx;
}

/// One feature of every row: y[r] = x[r, indices[r]]; the last axis vanishes.
template <class T>
BasicTensor<T> gather_last(const BasicTensor<T>& x, std::span<const Index> indices) {
  check(x.rank() >= 1 && static_cast<Index>(indices.size()) == x.rows(), "gather_last: x is ", x.shape(),
        ", there are ", indices.size(), " indices; one is needed for each of the ", x.rows(), " rows");
  detail::check_indices("gather_last", indices, x.features(), "the features of x of shape ", x.shape());
  Shape shape;
  for (int axis = 0; axis + 1 < x.rank(); ++axis) shape.push_back(x.shape()[axis]);
  BasicTensor<T> y = BasicTensor<T>::uninitialized(shape);
  T* const to = y.mutable_data();
  for (Index row = 0; row < x.rows(); ++row)
    to[row] = x.data()[row * x.features() + indices[static_cast<std::size_t>(row)]];
  return y;
}

/// The adjoint of gather_last: zeros but for dx[r, indices[r]] = dy[r].
template <class T>
BasicTensor<T> scatter_last(const BasicTensor<T>& dy, std::span<const Index> indices, Index features) {
  check(static_cast<Index>(indices.size()) == dy.size(), "scatter_last: dy is ", dy.shape(), ", there are ",
        indices.size(), " indices; they must be as many");
  detail::check_indices("scatter_last", indices, features, "the features of the result; dy is ", dy.shape());
  Shape shape = dy.shape();
  shape.push_back(features);
  BasicTensor<T> dx = BasicTensor<T>::zeros(shape);
  T* const to = dx.mutable_data();
  for (Index row = 0; row < dy.size(); ++row)
    to[row * features + indices[static_cast<std::size_t>(row)]] = dy.data()[row];
  return dx;
}

/// Rows of zeros with a one at each index: [count, classes].
template <class T = float>
BasicTensor<T> one_hot(std::span<const Index> indices, Index classes) {
  detail::check_indices("one_hot", indices, classes, "the classes");
  return scatter_last(BasicTensor<T>::ones({static_cast<Index>(indices.size())}), indices, classes);
}

}  // namespace eigengrad::kernels
