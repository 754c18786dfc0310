/// Reductions over any axes. Sums have a fixed order, whatever the number of threads: blocks of a fixed size
/// are summed each by itself, then added up in order, in double.
#pragma once

#include <array>
#include <span>
#include <vector>

#include "eigengrad/core/parallel.hpp"
#include "eigengrad/core/tensor.hpp"
#include "eigengrad/kernels/simd.hpp"

namespace eigengrad::kernels {

namespace detail {

inline constexpr Index reduce_block = 4096;            // elements of a run that are reduced as one chain
inline constexpr Index reduce_columns_at_once = 2048;  // of a matrix whose columns are reduced

/// y[o, i] = op over b of parts[o, b, i]: sums in double. Some neighbours i at a time, as they lie in memory.
template <class Op, class T>
void combine_parts(const T* parts, Index outer, Index blocks, Index inner, T* y) {
  using Total = std::conditional_t<std::is_same_v<Op, op::Add>, double, T>;
  constexpr Index most = 64;
  const Index width = std::min(inner, most), strips = (inner + width - 1) / width;
  const double work = static_cast<double>(outer) * static_cast<double>(blocks) * static_cast<double>(inner);
  parallel_blocks(outer * strips, std::max<Index>(1, 4096 / (width * blocks)), work,
                  [&](Index begin, Index end) {
                    for (Index task = begin; task < end; ++task) {
                      const Index first = task % strips * width, count = std::min(width, inner - first);
                      const T* const from = parts + task / strips * blocks * inner + first;
                      Total total[most];
                      std::copy_n(from, count, total);
                      for (Index b = 1; b < blocks; ++b)
                        for (Index i = 0; i < count; ++i) {
                          const T part = from[b * inner + i];
                          if constexpr (std::is_same_v<Op, op::Add>)
                            total[i] += static_cast<double>(part);
                          else if (total[i] == total[i] && !(part <= total[i]))
                            total[i] = part;
                        }
                      for (Index i = 0; i < count; ++i)
                        y[task / strips * inner + first + i] = static_cast<T>(total[i]);
                    }
                  });
}

/// [outer, reduced, inner] -> [outer, inner], as contiguous arrays. A task reduces one block of one run, or,
/// where inner > 1, of some columns.
template <class Op, class T>
void reduce_middle(Op operation, const T* x, Index outer, Index reduced, Index inner, T* y) {
  const Index block = std::max<Index>(inner == 1 ? reduce_block : 64, reduce_block / inner);
  const Index blocks = (reduced + block - 1) / block;
  const Index strips = std::max<Index>(1, inner / reduce_columns_at_once);  // the last one takes the rest
  const double work = static_cast<double>(outer) * static_cast<double>(reduced) * static_cast<double>(inner);
  std::vector<T, PoolAllocator<T>> scratch;
  if (blocks > 1) scratch.resize(static_cast<std::size_t>(outer * blocks * inner));
  T* const parts = blocks > 1 ? scratch.data() : y;
  const Index task_size = std::min(block, reduced) * std::min(inner, reduce_columns_at_once);
  const Index tasks_at_once = std::max<Index>(1, reduce_block / task_size);
  parallel_blocks(outer * blocks * strips, tasks_at_once, work, [&](Index begin, Index end) {
    dispatch([&](auto isa) {
      for (Index task = begin; task < end; ++task) {
        const Index part = task / strips, column = task % strips * reduce_columns_at_once;
        const Index first = part % blocks * block, count = std::min(block, reduced - first);
        const T* const from = x + (part / blocks * reduced + first) * inner + column;
        if (inner == 1)
          parts[part] = reduce_run(isa, operation, from, count);
        else
          reduce_columns(isa, operation, from, count, inner,
                         task % strips + 1 == strips ? inner - column : reduce_columns_at_once,
                         parts + part * inner + column);
      }
    });
  });
  if (blocks > 1) combine_parts<Op>(parts, outer, blocks, inner, y);
}

/// Which axes are reduced; throws for axes that are not there or named twice.
inline std::array<bool, Shape::max_rank> reduced_axes(const char* name, const Shape& shape,
                                                      std::span<const int> axes) {
  std::array<bool, Shape::max_rank> reduced = {};
  for (int axis : axes) {
    check(axis >= -shape.rank() && axis < shape.rank(), name, ": axis ", axis,
          " is out of range for x of shape ", shape);
    bool& flag = reduced[static_cast<std::size_t>(shape.normalize_axis(axis))];
    check(!flag, name, ": axis ", axis, " of x of shape ", shape, " is named twice");
    flag = true;
  }
  return reduced;
}

template <class Op, class T>
BasicTensor<T> reduce(const char* name, Op operation, const BasicTensor<T>& x, std::span<const int> axes,
                      bool keep_axes) {
  const auto reduced = reduced_axes(name, x.shape(), axes);
  Shape result_shape;
  for (int axis = 0; axis < x.rank(); ++axis)
    if (!reduced[static_cast<std::size_t>(axis)] || keep_axes)
      result_shape.push_back(reduced[static_cast<std::size_t>(axis)] ? 1 : x.shape()[axis]);
  if constexpr (std::is_same_v<Op, op::Maximum>)
    check(x.size() > 0 || result_shape.size() == 0, name, ": x is ", x.shape(),
          "; there is no largest of no elements");
  if (x.size() == 0) return BasicTensor<T>::zeros(result_shape);

  // One pass for each run of neighbouring reduced axes, the last run first.
  BasicTensor<T> current = x;
  Index inner = 1;
  for (int axis = x.rank() - 1; axis >= 0;) {
    if (!reduced[static_cast<std::size_t>(axis)]) {
      inner *= x.shape()[axis--];
      continue;
    }
    Index run = 1;
    for (; axis >= 0 && reduced[static_cast<std::size_t>(axis)]; --axis) run *= x.shape()[axis];
    const Index outer = current.size() / (run * inner);
    if (run == 1) continue;
    BasicTensor<T> next = BasicTensor<T>::uninitialized({outer * inner});
    reduce_middle(operation, current.data(), outer, run, inner, next.mutable_data());
    current = std::move(next);
  }
  return current.reshape(result_shape);
}

}  // namespace detail

/// Sum over `axes` (negative ones count from the back; none: nothing is summed); the reduced axes vanish, or
/// stay with extent 1. Throws for axes that are not there or named twice.
template <class T>
BasicTensor<T> sum(const BasicTensor<T>& x, std::span<const int> axes, bool keep_axes = false) {
  return detail::reduce("sum", op::Add{}, x, axes, keep_axes);
}

/// Sum of all elements, of rank 0.
template <class T>
BasicTensor<T> sum_all(const BasicTensor<T>& x) {
  BasicTensor<T> y = BasicTensor<T>::zeros({});
  if (x.size() > 0) detail::reduce_middle(op::Add{}, x.data(), 1, x.size(), 1, y.mutable_data());
  return y;
}

/// Largest element over `axes`, NaN if one is NaN; throws where there is no element.
template <class T>
BasicTensor<T> max(const BasicTensor<T>& x, std::span<const int> axes, bool keep_axes = false) {
  return detail::reduce("max", op::Maximum{}, x, axes, keep_axes);
}

/// The adjoint of broadcasting: x summed over the axes along which `shape` was repeated to x's shape.
template <class T>
BasicTensor<T> sum_to(const BasicTensor<T>& x, const Shape& shape) {
  if (x.shape() == shape) return x;
  check(broadcasts_to(shape, x.shape()), "sum_to: x is ", x.shape(), "; ", shape,
        " does not broadcast to it");
  int axes[Shape::max_rank];
  std::size_t count = 0;
  for (int back = 1; back <= x.rank(); ++back)
    if (back > shape.rank() || shape[-back] != x.shape()[-back]) axes[count++] = -back;
  return sum(x, std::span<const int>(axes, count)).reshape(shape);
}

/// Index of the largest feature of each row, the first of equal ones; a NaN counts as larger than any number.
template <class T>
std::vector<Index, PoolAllocator<Index>> argmax_last(const BasicTensor<T>& x) {
  check(x.features() > 0, "argmax_last: x is ", x.shape(), "; there is no largest of no features");
  std::vector<Index, PoolAllocator<Index>> result(static_cast<std::size_t>(x.rows()));
  const Index features = x.features();
  parallel_blocks(x.rows(), 256, static_cast<double>(x.size()), [&](Index begin, Index end) {
    for (Index row = begin; row < end; ++row) {
      const T* const values = x.data() + row * features;
      Index best = 0;
      for (Index j = 1; j < features && values[best] == values[best]; ++j)
        if (!(values[j] <= values[best])) best = j;
      result[static_cast<std::size_t>(row)] = best;
    }
  });
  return result;
}

}  // namespace eigengrad::kernels
