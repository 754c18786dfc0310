/// Operands of matrix products: how they lie in memory, how they are packed, and what is brought into the
/// cache ahead.
#pragma once

#include <algorithm>
#include <limits>

#include "eigengrad/kernels/simd.hpp"

namespace eigengrad::kernels::detail {

inline Index divide_up(Index a, Index b) {
  return (a + b - 1) / b;
}
inline Index round_up(Index a, Index b) {
  return divide_up(a, b) * b;
}

/// The product kernels of the instruction set in use.
template <class T>
const ProductKernels<T>& product_kernels() {
  static const ProductKernels<T> kernels = dispatch([](auto isa) { return make_product_kernels<T>(isa); });
  return kernels;
}

/// The part of an operand that is packed next, brought into the cache while tiles before it are computed.
template <class T>
class ProductLookahead {
 public:
  ProductLookahead() = default;
  ProductLookahead(const T* data, Index rows, Index length, Index stride)
      : data_(data), rows_(rows), length_(length), stride_(stride) {}

  /// Spreads it over the last of `tiles` tiles, each of `steps` steps of k: what comes too early is gone when
  /// it is needed.
  void plan(Index tiles, Index steps) {
    const Index lines = length_ * static_cast<Index>(sizeof(T)) / 64 + 1;
    rows_of_tile_ = std::max<Index>(1, steps / 2 / lines);
    tiles_before_ = std::max<Index>(0, tiles - divide_up(rows_, rows_of_tile_));
  }
  /// Gives the next tile its share.
  void share(ProductTile<T>& tile) {
    if (--tiles_before_ >= 0 || rows_ <= 0) return;
    tile.ahead = data_;
    tile.ahead_length = length_;
    tile.ahead_stride = stride_;
    data_ += rows_of_tile_ * stride_;
    rows_ -= rows_of_tile_;
  }

 private:
  const T* data_ = nullptr;
  Index rows_ = 0, length_ = 0, stride_ = 0, rows_of_tile_ = 1, tiles_before_ = 0;
};

/// An operand: element (k, i) is data[k stride + i] if `k_major`, else data[i stride + k], for i < extent.
template <class T>
struct ProductOperand {
  const T* data;
  Index stride;
  bool k_major;
  Index extent;
  Index width = 0, step = 0;  // of its panels, and what the last panel's width is rounded up to

  /// How many of its rows of k can lie in the second-level cache side by side: a stride that is a large power
  /// of two maps them to the same sets (half of eight ways of 128 KB).
  Index rows_without_conflict() const {
    if (!k_major) return std::numeric_limits<Index>::max();
    const Index bytes = stride * static_cast<Index>(sizeof(T)), power_of_two = bytes & -bytes;
    return std::max<Index>(64, 4 * (128 << 10) / std::max<Index>(power_of_two, 1));
  }

  Index padded() const { return round_up(extent, step); }
  /// Width of the panel that starts at `first`, and how many rows or columns of the operand are in it.
  Index panel_width(Index first) const { return std::min(width, padded() - first); }
  Index panel_used(Index first) const { return std::min(width, extent - first); }

  /// Packs panels [first, last) of one block of k (of `depth` in all), each at panels + (its first - `first`)
  /// count.
  void pack(const ProductKernels<T>& kernels, Index first, Index last, Index k, Index count, Index depth,
            T* panels) const {
    if (count == 0) return;
    if (k_major)
      return kernels.pack_columns({data + k * stride + first, stride, data + (depth - 1) * stride + extent},
                                  last - first, width, step, count, panels);
    for (Index panel = first; panel < last; panel += width) {
      const T* rows[64] = {};
      for (Index i = 0; i < panel_used(panel); ++i) rows[i] = data + (panel + i) * stride + k;
      kernels.pack_rows(rows, panel_width(panel), count, panels + (panel - first) * count);
    }
  }
  /// What pack(kernels, first, last, k, count, ...) reads.
  ProductLookahead<T> lookahead(Index first, Index last, Index k, Index count) const {
    return k_major ? ProductLookahead<T>(data + k * stride + first, count, last - first, stride)
                   : ProductLookahead<T>(data + first * stride + k, last - first, count, stride);
  }
};

}  // namespace eigengrad::kernels::detail
