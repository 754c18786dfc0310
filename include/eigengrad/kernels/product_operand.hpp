/// Operands of matrix products: how they lie in memory, how they are packed, and what is brought into the
/// cache ahead.
#pragma once

#include <algorithm>

#if __has_include(<unistd.h>)
#  include <unistd.h>
#endif

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

/// What takes products into a step of Adam; null where tiles have no time for it.
template <class T>
ProductUpdate<T> product_update() {
  static const ProductUpdate<T> update = dispatch([](auto isa) { return make_product_update<T>(isa); });
  return update;
}

/// Lines of the first-level data cache that are a multiple of 4 KB apart and fit into it: what the system
/// says, or else 8.
inline Index first_level_ways() {
#if defined(_SC_LEVEL1_DCACHE_ASSOC)
  static const long ways = sysconf(_SC_LEVEL1_DCACHE_ASSOC);
  if (ways > 0) return ways;
#endif
  return 8;
}

/// The most rows of a tile where C has so many columns.
template <class T>
Index most_rows(const ProductKernels<T>& kernels, Index columns) {
  return columns <= kernels.column_step ? kernels.narrow_rows : kernels.rows;
}

/// Rows of the next tile, at most `most`, where `left` are left: two tiles share what would leave a low
/// one, of which fewer sums run side by side than a multiply-add takes cycles.
template <class T>
Index tile_height(const ProductKernels<T>& kernels, Index most, Index left) {
  if (left <= most || left > most + kernels.row_step) return std::min(left, most);
  return round_up(divide_up(left, 2), kernels.row_step);
}

/// Memory that is read next, brought into the second-level cache while tiles before it are computed: rows of
/// `length` values, `stride` apart.
template <class T>
class ProductLookahead {
 public:
  ProductLookahead() = default;
  ProductLookahead(const T* data, Index rows, Index length, Index stride)
      : data_(data), rows_(length > 0 ? rows : 0), length_(length), stride_(stride) {}

  /// Rows of `length` values that a tile of `steps` steps of k brings in.
  static Index rows_of_tile(Index length, Index steps) {
    const Index lines = length * static_cast<Index>(sizeof(T)) / 64 + 1;
    return std::max<Index>(1, steps / 2 / lines);
  }
  /// Spreads it over the next tiles, each of which brings in so many rows.
  void spread(Index rows_of_tile) { rows_of_tile_ = rows_of_tile; }
  /// Spreads it over the last of `tiles` tiles, each of `steps` steps of k: what comes too early is gone when
  /// it is needed. Returns the tiles before those.
  Index plan(Index tiles, Index steps) {
    rows_of_tile_ = rows_of_tile(length_, steps);
    tiles_before_ = std::max<Index>(0, tiles - this->tiles());
    return tiles_before_;
  }
  /// Tiles that it still needs.
  Index tiles() const { return divide_up(std::max<Index>(0, rows_), rows_of_tile_); }
  /// Gives the next row of so many tiles its share, if it has nothing to bring in yet.
  void share(ProductTile<T>& tile, Index tiles = 1) {
    tiles_before_ -= tiles;
    if (tiles_before_ >= 0 || rows_ <= 0 || tile.ahead_rows > 0) return;
    tile.ahead = data_;
    tile.ahead_rows = std::min(rows_, rows_of_tile_ * std::min(tiles, -tiles_before_));
    tile.ahead_length = length_;
    tile.ahead_stride = stride_;
    data_ += tile.ahead_rows * stride_;
    rows_ -= tile.ahead_rows;
    tiles_before_ = 0;
  }

 private:
  const T* data_ = nullptr;
  Index rows_ = 0, length_ = 0, stride_ = 0, rows_of_tile_ = 1, tiles_before_ = 0;
};

/// An operand: element (k, i) is data[k stride + i] if `k_major`, else data[i stride + k], for i < extent and
/// k < depth.
template <class T>
struct ProductOperand {
  const T* data;
  Index stride;
  bool k_major;
  Index extent, depth;
  // Of its panels: the width, what the last one's width is rounded up to, the sum of the widths, and that of
  // the panels that are full.
  Index width = 0, step = 0, padded = 0, whole = 0;

  /// The same with panels.
  ProductOperand with_panels(Index panel_width, Index panel_step) const {
    return {data,
            stride,
            k_major,
            extent,
            depth,
            panel_width,
            panel_step,
            round_up(extent, panel_step),
            extent / panel_width * panel_width};
  }

  /// Whether its rows in memory all begin in the same few sets of the first-level cache; and whether a panel
  /// has such rows.
  bool lies_in_few_sets() const { return stride * static_cast<Index>(sizeof(T)) % 4096 == 0; }
  bool rows_share_sets() const { return !k_major && lies_in_few_sets(); }
  const T* end() const { return at(depth - 1, extent - 1) + 1; }

  /// Width of the panel that starts at `first`, and how many rows or columns of the operand are in it.
  Index panel_width(Index first) const { return std::min(width, padded - first); }
  Index panel_used(Index first) const { return std::min(width, extent - first); }

  /// Where element (k, i) is, and how far from it those of the next k and i.
  const T* at(Index k, Index i) const { return data + (k_major ? k * stride + i : i * stride + k); }
  Index k_step() const { return k_major ? stride : 1; }
  Index i_step() const { return k_major ? 1 : stride; }
  /// Tiles can read the panels before this where they lie, for steps of k before `k_end`, without reading
  /// anything outside of the operand: what a last panel has too few of, it takes from the next step of k.
  Index in_place_end(Index k_end) const {
    if (depth == 0) return 0;
    const Index missing = padded - extent;
    return missing == 0 || (k_major && (depth - k_end) * stride >= missing) ? extent : whole;
  }

  /// Packs steps [k, k + count) of panels [first, last): each at panels + (its first - `first`) count.
  void pack(const ProductKernels<T>& kernels, Index first, Index last, Index k, Index count,
            T* panels) const {
    if (count == 0) return;
    if (k_major)
      return kernels.pack_columns({data + k * stride + first, stride}, last - first, width, step, count,
                                  panels);
    for (Index panel = first; panel < last; panel += width) {
      const T* rows[64] = {};
      for (Index i = 0; i < panel_used(panel); ++i) rows[i] = data + (panel + i) * stride + k;
      kernels.pack_rows(rows, panel_width(panel), count, panels + (panel - first) * count);
    }
  }
  /// What pack reads for steps [k, k + count).
  ProductLookahead<T> lookahead(Index first, Index last, Index k, Index count) const {
    return k_major ? ProductLookahead<T>(data + k * stride + first, count, last - first, stride)
                   : ProductLookahead<T>(data + first * stride + k, last - first, count, stride);
  }
};

/// Where an operand's panels of a block of k are: those before `in_place_end` where the operand lies, from k
/// on; of the others the panel that starts at `first` at rest + first count, packed, or, copied as it lies,
/// at rest + first i_step.
template <class T>
struct ProductPanels {
  const ProductOperand<T>& operand;
  Index k, in_place_end;
  const T* rest;
  bool is_copied = false;

  const T* data(Index first, Index count) const {
    return first < in_place_end ? operand.at(k, first)
                                : rest + first * (is_copied ? operand.i_step() : count);
  }
  Index k_step(Index first) const { return lies(first) ? operand.k_step() : operand.panel_width(first); }
  Index i_step(Index first) const { return lies(first) ? operand.i_step() : 1; }
  /// The end of the panels from `first` on that lie alike.
  Index alike_end(Index first) const {
    if (first < in_place_end) return in_place_end;
    // The last one that is packed is narrower.
    return is_copied || first >= operand.whole ? operand.extent : operand.whole;
  }
  /// How far it is from a panel to the next one that lies alike.
  Index next_panel(Index first, Index count) const {
    return operand.width * (lies(first) ? operand.i_step() : count);
  }
  bool are_all_in_place() const { return in_place_end == operand.extent; }
  /// A panel as something to bring in, if its lines follow one another.
  ProductLookahead<T> lookahead(Index first, Index count) const {
    const bool is_packed = !lies(first);
    if (!is_packed && operand.k_major) return {};
    return {data(first, count), operand.panel_used(first), count, is_packed ? count : operand.stride};
  }

 private:
  bool lies(Index first) const { return is_copied || first < in_place_end; }
};

}  // namespace eigengrad::kernels::detail
