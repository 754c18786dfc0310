/// What the vectorised product kernels (simd/products.inl) work on: a tile of C, packed panels, runs of k.
#pragma once

#include "eigengrad/core/shape.hpp"
#include "eigengrad/kernels/operations.hpp"

namespace eigengrad::kernels {

/// The columns of a register tile that a stretch of its sum is part of.
enum class TileHalf { both, first, second };

/// A stretch of a tile's sum: `count` steps of k, from offset a of the one operand and, in units of
/// ProductTile::b_unit, offset b of the other.
struct ProductRun {
  Index a, b, count;
  // Of tiles wider than one half whose rows of A lie side by side; others are part of every run. Those of one
  // half bring in and pack nothing.
  TileHalf half = TileHalf::both;
};

/// What tiles pack meanwhile, a row in every second step of k: one vector, or if `is_wide` as many as a tile
/// has, from rows `stride` apart to rows `width` apart. What is more than `width` the next row replaces. The
/// first `tiles` tiles of a row of tiles do so, each with `from` and `to` so far behind those of the one
/// before.
template <class T>
struct ProductCopy {
  const T* from = nullptr;
  T* to = nullptr;
  Index rows = 0, stride = 0, width = 0;
  bool is_wide = false;
  Index tiles = 1, from_next = 0, to_next = 0;
};

/// C(i, j) = sum over runs and k of A(k, i) B(k, j) + C(i, j) if `accumulate`, else + bias, for a row of
/// register tiles of C side by side, with A(k, i) = a[run.a + k a_step + i a_row_step] and, w being
/// ProductKernels::columns, B(k, j) = b[(j / w) b_next + run.b b_unit + k b_step + j % w]. Whole register
/// tiles are read: A up to the next multiple of row_step, B up to the next multiple of column_step, whatever
/// is there. Tiles of a row are one call, since nothing overlaps writing these fields and reading them back.
template <class T>
struct ProductTile {
  const T* a;
  Index a_step;
  const T* b;
  Index b_step;
  Index b_unit;
  Index b_next = 0;
  const ProductRun* runs;
  Index run_count;
  T* c;  // C(i, j) = c[i c_row_step + j c_column_step]
  Index c_row_step;
  Index c_column_step = 1;
  Index rows;     // 1 .. ProductKernels::rows or narrow_rows
  Index columns;  // 1 or more
  Index a_row_step = 1;
  const T* bias = nullptr;
  bool bias_by_row = false;  // one value for each row instead of each column
  bool accumulate = false;
  bool past_caches = false;  // whole lines of C are written past the caches; neither slope nor accumulate
  T slope = 1;               // of a leaky ReLU of the result; 1 is none
  // What is needed next is brought into the second-level cache meanwhile, a line of 64 bytes in every second
  // step of k: `ahead_rows` rows of `ahead_length` values, `ahead_stride` apart.
  const T* ahead = nullptr;
  Index ahead_rows = 0;
  Index ahead_length = 1;  // 1 or more, or 0 with b_ahead
  Index ahead_stride = 0;
  ProductCopy<T> copy = {};  // what has come is packed
  // Or, if `ahead_rows`, `ahead_length` and `ahead_stride` are 0, the next columns of B, so many values
  // behind b in every step of k: where B's rows come from memory.
  Index b_ahead = 0;
};

/// to[i to_step + j] = leaky ReLU of `slope` of the sum over terms of factor times term[i from_step + j], +
/// bias[j] if there is one. A sum of no terms is zero.
template <class T>
struct LinearCombination {
  static constexpr Index most = 9;
  const T* terms[most] = {};
  T factors[most] = {};
  Index count = 0;
  Index rows = 1, columns = 0, from_step = 0;
  T* to = nullptr;
  Index to_step = 0;
  const T* bias = nullptr;
  T slope = 1;

  void add(const T* term, T factor) {
    terms[count] = term;
    factors[count++] = factor;
  }
  /// Whether it is its only term.
  bool is_copy() const { return count == 1 && factors[0] == 1 && bias == nullptr && slope == 1; }
  bool is_full() const { return count == most; }
};

/// Source of pack_columns: element (k, i) is data[k stride + i].
template <class T>
struct PackSource {
  const T* data;
  Index stride;
};

/// The product kernels of one instruction set.
template <class T>
struct ProductKernels {
  Index rows;         // height of a register tile
  Index narrow_rows;  // the most where it has no more than column_step columns
  Index columns;      // width
  Index row_step;     // heights and widths of panels are rounded up to these
  Index column_step;
  Index depth;  // the most steps of k that panels should have
  bool copies;  // whether tiles do what ProductTile::copy says
  /// Computes a row of tiles of C.
  void (*tile)(const ProductTile<T>& tile);
  /// Computes a linear combination.
  void (*combine)(const LinearCombination<T>& sum);
  /// panel[k width + i] = rows[i][k] for k < count, i < width; a null row counts as zeros.
  void (*pack_rows)(const T* const* rows, Index width, Index count, T* panel);
  /// The columns [0, columns) of the source for k < count as panels of `width` columns, one after the other;
  /// the last one padded with zeros to a multiple of `step` columns: panel[k panel_width + i].
  void (*pack_columns)(const PackSource<T>& from, Index columns, Index width, Index step, Index count,
                       T* panels);
};

/// Computes a row of tiles of C, without bias, and takes it as the gradients of a step of Adam instead of
/// writing it: what would be C(i, j) is the gradient of parameter[i c_row_step + j]. a_row_step is 1.
template <class T>
using ProductUpdate = void (*)(const ProductTile<T>& tile, const AdamState<T>& state,
                               const AdamFactors<T>& factors);

}  // namespace eigengrad::kernels
