/// Permuting axes.
#pragma once

#include <algorithm>
#include <array>
#include <cstring>
#include <span>

#include "eigengrad/core/parallel.hpp"
#include "eigengrad/core/tensor.hpp"
#include "eigengrad/kernels/simd.hpp"

namespace eigengrad::kernels {

namespace detail {

template <class T>
void copy_run(const T* from, T* to, Index count) {
  if (count > 0) std::memcpy(to, from, static_cast<std::size_t>(count) * sizeof(T));
}

/// The axes of a transposed tensor with the distance of their elements in x; axes that lie in x as they do in
/// the result are one.
struct TransposedAxes {
  Shape shape;  // of the result, before axes are joined
  int rank = 0;
  std::array<Index, Shape::max_rank> extent = {}, stride = {};

  TransposedAxes(const Shape& x, std::span<const int> permutation) {
    check(static_cast<int>(permutation.size()) == x.rank(), "transpose: x is ", x, ", the permutation has ",
          permutation.size(), " entries; one is needed for each axis");
    std::array<bool, Shape::max_rank> used = {};
    for (int named : permutation) {
      check(named >= -x.rank() && named < x.rank(), "transpose: axis ", named,
            " is out of range for x of shape ", x);
      const int axis = x.normalize_axis(named);
      check(!used[static_cast<std::size_t>(axis)], "transpose: axis ", named, " of x of shape ", x,
            " is named twice");
      used[static_cast<std::size_t>(axis)] = true;
      shape.push_back(x[axis]);
      Index step = 1;
      for (int i = axis + 1; i < x.rank(); ++i) step *= x[i];
      append(x[axis], step);
    }
  }

  void append(Index count, Index step) {
    if (count == 1) return;
    const auto last = static_cast<std::size_t>(rank - 1), next = static_cast<std::size_t>(rank);
    if (rank > 0 && stride[last] == count * step) {
      extent[last] *= count;
      stride[last] = step;
    } else {
      extent[next] = count;
      stride[next] = step;
      ++rank;
    }
  }

  /// Where row `row` of the result begins in x.
  Index offset(Index row) const {
    Index offset = 0;
    for (int i = rank - 2; i >= 0; --i) {
      const auto axis = static_cast<std::size_t>(i);
      offset += row % extent[axis] * stride[axis];
      row /= extent[axis];
    }
    return offset;
  }
};

/// Where the last but one axis of the result is the innermost of x: matrices, each cut into blocks.
template <class T>
void transpose_matrices(const TransposedAxes& axes, Index size, const T* x, T* y) {
  constexpr Index block_rows = 64, block_columns = 1024;
  const auto last = static_cast<std::size_t>(axes.rank - 1);
  const Index rows = axes.extent[last - 1], columns = axes.extent[last], stride = axes.stride[last];
  const Index row_blocks = (rows + block_rows - 1) / block_rows;
  const Index column_blocks = (columns + block_columns - 1) / block_columns,
              blocks = row_blocks * column_blocks;
  parallel_for(size / (rows * columns) * blocks, static_cast<double>(size), [&](Index task) {
    const Index row = task % blocks / column_blocks * block_rows,
                column = task % column_blocks * block_columns;
    const Index first = task / blocks * rows + row;  // among the rows of all matrices
    const T* const from = x + axes.offset(first) + column * stride;
    T* const to = y + first * columns + column;
    dispatch([&](auto isa) {
      transpose_matrix(isa, from, stride, std::min(block_rows, rows - row),
                       std::min(block_columns, columns - column), to, columns);
    });
  });
}

}  // namespace detail

/// y[i_p0, i_p1, ...] = x[i_0, i_1, ...]: axis k of y is axis permutation[k] of x. Throws unless every axis
/// is named once.
template <class T>
BasicTensor<T> transpose(const BasicTensor<T>& x, std::span<const int> permutation) {
  const detail::TransposedAxes axes(x.shape(), permutation);
  if (axes.rank <= 1 || x.size() == 0) return x.reshape(axes.shape);
  BasicTensor<T> y = BasicTensor<T>::uninitialized(axes.shape);
  const T* const from = x.data();
  T* const to = y.mutable_data();
  const auto last = static_cast<std::size_t>(axes.rank - 1);
  const Index columns = axes.extent[last], stride = axes.stride[last];
  if (axes.stride[last - 1] == 1 && axes.extent[last - 1] * columns >= 128) {  // fill some vectors
    detail::transpose_matrices(axes, x.size(), from, to);
    return y;
  }
  // Tiles of 32 rows by 32 columns of y, so that lines of x are used while they are in the cache.
  constexpr Index tile = 32;
  parallel_blocks(y.size() / columns, tile, static_cast<double>(y.size()), [&](Index begin, Index end) {
    Index offsets[tile];
    for (Index row = begin; row < end; ++row) offsets[row - begin] = axes.offset(row);
    if (stride == 1) {
      for (Index row = begin; row < end; ++row)
        detail::copy_run(from + offsets[row - begin], to + row * columns, columns);
      return;
    }
    for (Index first = 0; first < columns; first += tile)
      for (Index row = begin; row < end; ++row) {
        const T* const source = from + offsets[row - begin];
        for (Index j = first; j < std::min(first + tile, columns); ++j)
          to[row * columns + j] = source[j * stride];
      }
  });
  return y;
}

}  // namespace eigengrad::kernels
