/// Matrix products: one blocked, packed product that matmul, linear and the convolutions share.
#pragma once

#include <algorithm>
#include <vector>

#include "eigengrad/core/parallel.hpp"
#include "eigengrad/core/tensor.hpp"
#include "eigengrad/kernels/simd.hpp"

namespace eigengrad::kernels {

namespace detail {

/// How a product is cut up, by its extents alone. Terms of a sum are taken in blocks of k, one chain each, so
/// that the result does not depend on the other cuts either.
struct ProductPlan {
  Index row_panels, column_panels, k_blocks, row_blocks, column_blocks;

  ProductPlan(Index m, Index n, Index k, int tile_rows, Index tile_columns)
      : row_panels((m + tile_rows - 1) / tile_rows),
        column_panels((n + tile_columns - 1) / tile_columns),
        k_blocks(std::max<Index>(1, (k + longest_k - 1) / longest_k)),
        row_blocks((row_panels + 11) / 12),  // 12 panels of A: about a quarter of the second-level cache
        column_blocks((column_panels + 15) / 16) {
    while (row_blocks * column_blocks < 16 && 2 * column_blocks <= column_panels) column_blocks *= 2;
    while (row_blocks * column_blocks < 16 && 2 * row_blocks <= row_panels) row_blocks *= 2;
  }

  static constexpr Index longest_k = 256;
  /// Begin of part `i` when `count` things are cut into `parts` nearly equal parts.
  static Index cut(Index count, Index parts, Index i) { return count * i / parts; }
};

/// C = A B (+ bias on every row). `pack_a(isa, panel, k_begin, k_count, to)` packs a panel of tile_rows rows
/// of A, `pack_b(isa, panel, k_begin, k_count, to)` one of tile_columns columns of B, padded with zeros;
/// `row(i)` points to row i of C. Row pointers let an operation write its rows anywhere.
template <class T, class PackA, class PackB, class Row>
void blocked_product(Index m, Index n, Index k, const PackA& pack_a, const PackB& pack_b, const Row& row,
                     const T* bias) {
  if (m == 0 || n == 0) return;
  dispatch([&](auto isa) {
    const int mr = tile_rows_of<T>(isa);
    const Index nr = tile_columns_of<T>(isa);
    const ProductPlan plan(m, n, k, mr, nr);
    const double work = 2.0 * static_cast<double>(m) * static_cast<double>(n) *
                        static_cast<double>(std::max<Index>(k, 1)) / 8;
    const Index longest = ProductPlan::cut(k, plan.k_blocks, 1) + 1;
    const Index block_panels = (plan.row_panels + plan.row_blocks - 1) / plan.row_blocks;
    const Index tasks = plan.row_blocks * plan.column_blocks;
    const int threads = threads_for(tasks, work);
    const Index a_size = block_panels * mr * longest;
    std::vector<T, PoolAllocator<T>> packed_b, packed_a;
    packed_b.reserve(static_cast<std::size_t>(plan.column_panels * nr * longest));
    packed_a.reserve(static_cast<std::size_t>(a_size * threads));
    T* const b_panels = packed_b.data();
    T* const a_panels = packed_a.data();

    for (Index k_block = 0; k_block < plan.k_blocks; ++k_block) {
      const Index k_begin = ProductPlan::cut(k, plan.k_blocks, k_block);
      const Index k_count = ProductPlan::cut(k, plan.k_blocks, k_block + 1) - k_begin;
      parallel_for(plan.column_panels, work, [&](Index panel) {
        pack_b(isa, panel, k_begin, k_count, b_panels + panel * nr * k_count);
      });
      parallel_for(tasks, work, [&](Index task, int thread) {
        const Index row_block = task / plan.column_blocks, column_block = task % plan.column_blocks;
        const Index first = ProductPlan::cut(plan.row_panels, plan.row_blocks, row_block);
        const Index last = ProductPlan::cut(plan.row_panels, plan.row_blocks, row_block + 1);
        T* const a = a_panels + thread * a_size;
        for (Index panel = first; panel < last; ++panel)
          pack_a(isa, panel, k_begin, k_count, a + (panel - first) * mr * k_count);
        const Index b_first = ProductPlan::cut(plan.column_panels, plan.column_blocks, column_block);
        const Index b_last = ProductPlan::cut(plan.column_panels, plan.column_blocks, column_block + 1);
        for (Index b_panel = b_first; b_panel < b_last; ++b_panel) {
          const Index column = b_panel * nr;
          for (Index panel = first; panel < last; ++panel) {
            T* c[16];
            const int rows = static_cast<int>(std::min<Index>(mr, m - panel * mr));
            for (int i = 0; i < rows; ++i) c[i] = row(panel * mr + i) + column;
            product_tile(isa, k_count, a + (panel - first) * mr * k_count, b_panels + b_panel * nr * k_count,
                         c, rows, std::min(nr, n - column), bias == nullptr ? nullptr : bias + column,
                         k_block > 0);
          }
        }
      });
    }
  });
}

/// Packs panels of columns of a matrix whose element (p, j) is at data[p * row_stride + j * column_stride].
template <class T>
auto pack_columns_of(const T* data, Index row_stride, Index column_stride, Index columns) {
  return [=](auto isa, Index panel, Index k_begin, Index k_count, T* to) {
    const Index nr = tile_columns_of<T>(isa), first = panel * nr, count = std::min(nr, columns - first);
    pack_columns(isa, data + k_begin * row_stride + first * column_stride, row_stride, column_stride, k_count,
                 count, to);
  };
}

/// Packs panels of rows of a matrix whose element (i, p) is at data[i * row_stride + p * column_stride].
template <class T>
auto pack_rows_of(const T* data, Index row_stride, Index column_stride, Index rows) {
  return [=](auto isa, Index panel, Index k_begin, Index k_count, T* to) {
    const int mr = tile_rows_of<T>(isa);
    const T* pointers[16] = {};
    for (int i = 0; i < mr && panel * mr + i < rows; ++i)
      pointers[i] = data + (panel * mr + i) * row_stride + k_begin * column_stride;
    pack_rows(isa, pointers, column_stride, k_count, to);
  };
}

template <class T>
void check_bias(const char* name, const BasicTensor<T>* bias, Index columns) {
  check(bias == nullptr || bias->shape() == Shape{columns}, name, ": bias is ",
        bias == nullptr ? Shape{} : bias->shape(), "; it must be [", columns, "]");
}

}  // namespace detail

/// op(a) op(b) (+ bias on every row): [M, K] times [K, N] is [M, N], where op transposes if asked to.
template <class T>
BasicTensor<T> matmul(const BasicTensor<T>& a, const BasicTensor<T>& b, bool transpose_a = false,
                      bool transpose_b = false, const BasicTensor<T>* bias = nullptr) {
  check(a.rank() == 2 && b.rank() == 2, "matmul: a is ", a.shape(), ", b is ", b.shape(),
        "; both must have rank 2");
  const Index m = a.shape()[transpose_a ? 1 : 0], k = a.shape()[transpose_a ? 0 : 1];
  const Index n = b.shape()[transpose_b ? 0 : 1], k_of_b = b.shape()[transpose_b ? 1 : 0];
  check(k == k_of_b, "matmul: a is ", a.shape(), ", b is ", b.shape(), "; ", transpose_a ? "rows" : "columns",
        " of a (", k, ") must equal ", transpose_b ? "columns" : "rows", " of b (", k_of_b, ")");
  detail::check_bias("matmul", bias, n);
  BasicTensor<T> c = BasicTensor<T>::uninitialized({m, n});
  T* const to = c.mutable_data();
  detail::blocked_product<T>(
      m, n, k, detail::pack_rows_of(a.data(), transpose_a ? 1 : k, transpose_a ? m : 1, m),
      detail::pack_columns_of(b.data(), transpose_b ? 1 : n, transpose_b ? k : 1, n),
      [=](Index i) { return to + i * n; }, bias == nullptr ? nullptr : bias->data());
  return c;
}

/// x w (+ bias) on the last axis: [..., K] times [K, N] is [..., N].
template <class T>
BasicTensor<T> linear(const BasicTensor<T>& x, const BasicTensor<T>& w,
                      const BasicTensor<T>* bias = nullptr) {
  check(x.rank() >= 1 && w.rank() == 2 && x.features() == w.shape()[0], "linear: x is ", x.shape(), ", w is ",
        w.shape(), "; the last axis of x must equal rows of w");
  Shape shape;
  for (int axis = 0; axis + 1 < x.rank(); ++axis) shape.push_back(x.shape()[axis]);
  shape.push_back(w.shape()[1]);
  return matmul(x.reshape({x.rows(), x.features()}), w, false, false, bias).reshape(shape);
}

}  // namespace eigengrad::kernels
