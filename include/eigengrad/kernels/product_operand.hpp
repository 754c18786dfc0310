/// Operands of matrix products: how they lie in memory, how they are packed, and what is brought into the
/// cache ahead.
#pragma once

#include <algorithm>

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

/// Memory that is read next, brought into the second-level cache while tiles before it are computed: rows of
/// `length` values, `stride` apart.
template <class T>
class ProductLookahead {
 public:
  ProductLookahead() = default;
  ProductLookahead(const T* data, Index rows, Index length, Index stride)
      : data_(data), rows_(length > 0 ? rows : 0), length_(length), stride_(stride) {}

  /// Spreads it over the last of `tiles` tiles, each of `steps` steps of k: what comes too early is gone when
  /// it is needed. Returns the tiles before those.
  Index plan(Index tiles, Index steps) {
    const Index lines = length_ * static_cast<Index>(sizeof(T)) / 64 + 1;
    rows_of_tile_ = std::max<Index>(1, steps / 2 / lines);
    tiles_before_ = std::max<Index>(0, tiles - this->tiles());
    return tiles_before_;
  }
  /// Tiles that it still needs.
  Index tiles() const { return divide_up(std::max<Index>(0, rows_), rows_of_tile_); }
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

/// An operand: element (k, i) is data[k stride + i] if `k_major`, else data[i stride + k], for i < extent and
/// k < depth.
template <class T>
struct ProductOperand {
  const T* data;
  Index stride;
  bool k_major;
  Index extent, depth;
  // Of its panels: the width, what the last one's width is rounded up to, and the sum of the widths.
  Index width = 0, step = 0, padded = 0;

  /// The same with panels.
  ProductOperand with_panels(Index panel_width, Index panel_step) const {
    ProductOperand result = *this;
    result.width = panel_width;
    result.step = panel_step;
    result.padded = round_up(extent, panel_step);
    return result;
  }

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
    return missing == 0 || (k_major && (depth - k_end) * stride >= missing) ? extent : extent / width * width;
  }

  /// Packs steps [begin, begin + count) of a block of k that starts at `k` and is `block` long, of panels
  /// [first, last): each at panels + (its first - `first`) block.
  void pack(const ProductKernels<T>& kernels, Index first, Index last, Index k, Index block, Index begin,
            Index count, T* panels) const {
    if (count == 0) return;
    if (k_major)
      return kernels.pack_columns({data + (k + begin) * stride + first, stride, end()}, last - first, width,
                                  step, count, block, panels, begin);
    for (Index panel = first; panel < last; panel += width) {
      const T* rows[64] = {};
      for (Index i = 0; i < panel_used(panel); ++i) rows[i] = data + (panel + i) * stride + k + begin;
      kernels.pack_rows(rows, panel_width(panel), count,
                        panels + (panel - first) * block + begin * panel_width(panel));
    }
  }
  /// What pack reads for steps [k, k + count).
  ProductLookahead<T> lookahead(Index first, Index last, Index k, Index count) const {
    return k_major ? ProductLookahead<T>(data + k * stride + first, count, last - first, stride)
                   : ProductLookahead<T>(data + first * stride + k, last - first, count, stride);
  }
};

/// A block of an operand that is packed while tiles before it are computed. Where rows lie side by side in
/// memory they bring it in whole. Where columns do, each brings in some steps of k, which are packed at once:
/// a row length that is a power of two maps all rows to few sets of the cache, where no block could wait.
template <class T>
class PackAhead {
 public:
  PackAhead() = default;
  PackAhead(const ProductKernels<T>& kernels, const ProductOperand<T>& operand, Index first, Index last,
            Index k, Index block, T* panels)
      : kernels_(&kernels),
        operand_(&operand),
        first_(first),
        last_(last),
        k_(k),
        block_(block),
        panels_(panels) {}

  /// Whether there is anything to pack.
  bool is_needed() const { return block_ > 0; }
  /// Spreads it over the last of `tiles` tiles, each of `steps` steps of k, like a ProductLookahead.
  void plan(Index tiles, Index steps) {
    steps_ = steps;
    const Index line = 64 / static_cast<Index>(sizeof(T));  // values
    chunk_ =
        operand_->k_major ? std::max<Index>(1, divide_up(steps, 2) / ((last_ - first_) / line + 1)) : block_;
    fetch_chunk();
    tiles_before_ = std::max<Index>(0, tiles - divide_up(block_, chunk_) * fetched_.tiles());
  }
  /// Before a tile is computed: packs what has come, and lets the tile bring in more.
  void before(ProductTile<T>& tile) {
    if (--tiles_before_ >= 0 || packed_ == block_) return;
    if (fetched_.tiles() == 0) {
      pack(length());
      fetch_chunk();
    }
    fetched_.share(tile);
  }
  /// After the last tile: packs what is left.
  void finish() {
    if (packed_ < block_) pack(block_ - packed_);
  }

 private:
  Index length() const { return std::min(chunk_, block_ - packed_); }
  void fetch_chunk() {
    fetched_ = operand_->lookahead(first_, last_, k_ + packed_, length());
    fetched_.plan(0, steps_);
  }
  void pack(Index count) {
    operand_->pack(*kernels_, first_, last_, k_, block_, packed_, count, panels_);
    packed_ += count;
  }

  const ProductKernels<T>* kernels_ = nullptr;
  const ProductOperand<T>* operand_ = nullptr;
  Index first_ = 0, last_ = 0, k_ = 0, block_ = 0;
  T* panels_ = nullptr;
  ProductLookahead<T> fetched_;  // the chunk that comes after what is packed
  Index packed_ = 0, chunk_ = 1, steps_ = 1, tiles_before_ = 0;
};

}  // namespace eigengrad::kernels::detail
