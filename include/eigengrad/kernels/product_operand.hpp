/// Operands of matrix products: how they lie in memory, how they are packed, and what is brought into the
/// cache ahead.
#pragma once

#include <algorithm>
#include <cstdint>

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

/// Lines of the first-level data cache that are a multiple of 4 KB apart and fit into it: what the system
/// says, or else 8.
inline Index first_level_ways() {
#if defined(_SC_LEVEL1_DCACHE_ASSOC)
  static const long ways = sysconf(_SC_LEVEL1_DCACHE_ASSOC);
  if (ways > 0) return ways;
#endif
  return 8;
}

/// Rows of the next tile where `left` are left: two tiles share what would leave a narrow one, of which fewer
/// sums run side by side than a multiply-add takes cycles.
template <class T>
Index tile_height(const ProductKernels<T>& kernels, Index left) {
  if (left <= kernels.rows || left > kernels.rows + kernels.row_step) return std::min(left, kernels.rows);
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

  /// Packs steps [k, k + count) of panels [first, last): each at panels + (its first - `first`) count.
  void pack(const ProductKernels<T>& kernels, Index first, Index last, Index k, Index count,
            T* panels) const {
    if (count == 0) return;
    if (k_major)
      return kernels.pack_columns({data + k * stride + first, stride, end()}, last - first, width, step,
                                  count, panels);
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

/// A block of an operand that is packed while tiles before it are computed. Where columns lie side by side in
/// memory, a tile brings in some steps of k of one panel and packs what the tile before it has brought in: a
/// row length that is a power of two maps all rows to few sets of the cache, where no block could wait. Where
/// rows do, and where tiles pack nothing, they bring it in whole.
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
        panels_(panels),
        next_{first, 0, 0} {}

  /// Whether there is anything to pack.
  bool is_needed() const { return block_ > 0; }
  /// Spreads it over the last of `tiles` tiles, each of `steps` steps of k, like a ProductLookahead.
  void plan(Index tiles, Index steps) {
    if (!in_parts()) {
      lookahead_ = operand_->lookahead(first_, last_, k_, block_);
      lookahead_.plan(tiles, steps);
      return;
    }
    most_rows_ = steps / 2 / lines_of_row();
    if (most_rows_ == 0) return;
    const Index chunks = (last_ - first_) / operand_->width * divide_up(block_, most_rows_);
    tiles_before_ = tiles - chunks - 1;
    next_ = chunk_at(first_, 0);
  }
  /// Before a tile is computed: lets it bring in more, and pack what has come.
  void before(ProductTile<T>& tile) {
    if (!in_parts()) return lookahead_.share(tile);
    tile.copy.rows = 0;
    if (--tiles_before_ >= 0) return;
    if (ready_.rows > 0)
      tile.copy = {.from = operand_->at(k_ + ready_.k, ready_.panel),
                   .to = panels_ + (ready_.panel - first_) * block_ + ready_.k * operand_->width,
                   .rows = ready_.rows,
                   .stride = operand_->stride,
                   .width = operand_->width,
                   .is_wide = copies_wide()};
    ready_ = next_;
    if (next_.rows == 0) return;
    tile.ahead = operand_->at(k_ + next_.k, next_.panel);
    tile.ahead_length = lines_of_row() * line;
    tile.ahead_stride = operand_->stride;
    next_ = next_.k + next_.rows < block_ ? chunk_at(next_.panel, next_.k + next_.rows)
                                          : chunk_at(next_.panel + operand_->width, 0);
  }
  /// After the last tile: packs what is left.
  void finish() const {
    if (!is_needed()) return;
    const Index left = !in_parts() ? first_ : ready_.rows > 0 ? ready_.panel : next_.panel;
    if (left < last_) operand_->pack(*kernels_, left, last_, k_, block_, panels_ + (left - first_) * block_);
  }

 private:
  static constexpr Index line = 64 / static_cast<Index>(sizeof(T));  // values

  bool in_parts() const { return operand_->k_major && kernels_->copies; }
  /// Lines of memory that one step of k of a panel can lie in.
  Index lines_of_row() const {
    const bool aligned = operand_->width % line == 0 && operand_->stride % line == 0 &&
                         reinterpret_cast<std::uintptr_t>(operand_->data) % 64 == 0;
    return divide_up(operand_->width, line) + (aligned ? 0 : 1);
  }
  /// Steps of k of a panel, for one tile.
  struct Chunk {
    Index panel = 0, k = 0, rows = 0;
  };

  bool copies_wide() const { return operand_->width > kernels_->column_step; }
  /// The chunk that starts at step k of a panel; without rows where the panel is not full, or where whole
  /// vectors would read behind the operand.
  Chunk chunk_at(Index panel, Index k) const {
    if (panel + operand_->width > last_) return {panel, k, 0};
    const Index behind = operand_->end() - operand_->at(k_ + k, panel);
    const Index read = copies_wide() ? kernels_->columns : kernels_->column_step;
    const Index readable = behind < read ? 0 : (behind - read) / operand_->stride + 1;
    return {panel, k, std::min({most_rows_, block_ - k, readable})};
  }

  const ProductKernels<T>* kernels_ = nullptr;
  const ProductOperand<T>* operand_ = nullptr;
  Index first_ = 0, last_ = 0, k_ = 0, block_ = 0;
  T* panels_ = nullptr;
  ProductLookahead<T> lookahead_;  // if not in parts
  Chunk ready_, next_;             // if in parts: what has been brought in, and what comes then
  Index most_rows_ = 0, tiles_before_ = 0;
};

}  // namespace eigengrad::kernels::detail
