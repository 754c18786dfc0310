/// Packs a block of an operand of a product while the tiles of the block before are computed.
#pragma once

#include <algorithm>
#include <cstdint>

#include "eigengrad/kernels/product_operand.hpp"

namespace eigengrad::kernels::detail {

/// A block of an operand that is packed while tiles before it are computed. Where columns lie side by side in
/// memory, a row of tiles brings in some steps of k of as many panels, memory's rows at once, and packs what
/// the row of tiles before it has brought in: a row length that is a power of two maps all rows to few sets
/// of the cache, where no block could wait. Where rows do, and where tiles pack nothing, they bring it in
/// whole.
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
  /// Spreads it over the last of so many rows of `tiles` tiles, each of `steps` steps of k, like a
  /// ProductLookahead.
  void plan(Index rows, Index tiles, Index steps) {
    if (!in_parts()) {
      lookahead_ = operand_->lookahead(first_, last_, k_, block_);
      lookahead_.plan(rows * tiles, steps);
      return;
    }
    constexpr Index most = 512 / static_cast<Index>(sizeof(T));  // values that are next to each other
    whole_ = (last_ - first_) / operand_->width;
    group_ = std::min({tiles, whole_, std::max<Index>(1, most / operand_->width)});
    packable_ = packable_steps();
    const Index steps_of_row = steps / 2 / lines_of(1);
    if (group_ == 0 || packable_ == 0 || steps_of_row == 0) {
      whole_ = 0;
      return;
    }
    // Twice as many chunks as tiles have time for, where there are rows enough: each waits in few sets.
    const Index groups = divide_up(whole_, group_), least = divide_up(packable_, steps_of_row);
    chunks_ = std::clamp((rows - 1) / groups, least, 2 * least);
    rows_before_ = rows - groups * chunks_ - 1;
  }
  /// Before a row of tiles is computed: lets it bring in more, and pack what has come.
  void before(ProductTile<T>& tile, Index tiles) {
    if (!in_parts()) return lookahead_.share(tile, tiles);
    tile.copy.rows = 0;
    if (--rows_before_ >= 0 || panel_ >= whole_) return;
    if (ready_ < 0) {
      bring_in(tile, ready_ = 0, 0, 0, 1, 1);
      return;
    }
    const Index panels = std::min(group_, whole_ - panel_), now = std::min(tiles, panels - packed_);
    pack(tile, panel_ + packed_, now);
    const bool goes_on = ready_ + 1 < chunks_;
    const Index next_panel = goes_on ? panel_ : panel_ + group_, next = goes_on ? ready_ + 1 : 0;
    if (next_panel < whole_) bring_in(tile, next, next_panel, packed_, packed_ + now, panels);
    packed_ += now;
    if (packed_ == panels) packed_ = 0, ready_ = next, panel_ = next_panel;
  }
  /// After the last tile: packs what is left.
  void finish() const {
    if (!is_needed()) return;
    if (!in_parts()) return operand_->pack(*kernels_, first_, last_, k_, block_, panels_);
    for (Index i = 0, first = first_; first < last_; ++i, first += operand_->width) {
      const Index end = std::min(first + operand_->width, last_), width = operand_->panel_width(first);
      const Index done = packed_steps(i);
      if (done < block_)
        operand_->pack(*kernels_, first, end, k_ + done, block_ - done,
                       panels_ + (first - first_) * block_ + done * width);
    }
  }

 private:
  static constexpr Index line = 64 / static_cast<Index>(sizeof(T));  // values

  /// Tiles copy no more than their own width.
  bool in_parts() const {
    return operand_->k_major && kernels_->copies && operand_->width <= kernels_->columns;
  }
  bool copies_wide() const { return operand_->width > kernels_->column_step; }
  /// Lines of memory that one step of k of so many panels can lie in.
  Index lines_of(Index panels) const {
    const bool aligned = operand_->width % line == 0 && operand_->stride % line == 0 &&
                         reinterpret_cast<std::uintptr_t>(operand_->data) % 64 == 0;
    return divide_up(panels * operand_->width, line) + (aligned ? 0 : 1);
  }
  /// Steps of k that tiles can pack: all, but the last one if it would run over into the next panel, which
  /// may have been packed.
  Index packable_steps() const {
    const Index copied = copies_wide() ? kernels_->columns : kernels_->column_step;
    return operand_->width == copied ? block_ : block_ - 1;
  }
  /// The step of k with which a chunk begins.
  Index begin(Index chunk) const { return packable_ * std::max<Index>(0, chunk) / chunks_; }

  /// Steps of k of panel i that tiles have packed.
  Index packed_steps(Index i) const {
    if (i >= std::min(panel_ + group_, whole_)) return 0;
    return i < panel_ ? packable_ : begin(ready_ + (i < panel_ + packed_ ? 1 : 0));
  }

  /// The row of tiles packs the chunk that has come of so many panels.
  void pack(ProductTile<T>& tile, Index panel, Index panels) const {
    const Index k = begin(ready_);
    tile.copy = {.from = operand_->at(k_ + k, first_ + panel * operand_->width),
                 .to = panels_ + panel * operand_->width * block_ + k * operand_->width,
                 .rows = begin(ready_ + 1) - k,
                 .stride = operand_->stride,
                 .width = operand_->width,
                 .is_wide = copies_wide(),
                 .tiles = panels,
                 .from_next = operand_->width,
                 .to_next = operand_->width * block_};
  }
  /// It brings in a share, from part `from` of `parts` to part `to`, of a chunk of the group from `panel` on.
  void bring_in(ProductTile<T>& tile, Index chunk, Index panel, Index from, Index to, Index parts) const {
    const Index k = begin(chunk), steps = begin(chunk + 1) - k, skipped = steps * from / parts;
    tile.ahead = operand_->at(k_ + k + skipped, first_ + panel * operand_->width);
    tile.ahead_rows = steps * to / parts - skipped;
    tile.ahead_length = lines_of(std::min(group_, whole_ - panel)) * line;
    tile.ahead_stride = operand_->stride;
  }

  const ProductKernels<T>* kernels_ = nullptr;
  const ProductOperand<T>* operand_ = nullptr;
  Index first_ = 0, last_ = 0, k_ = 0, block_ = 0;
  T* panels_ = nullptr;
  ProductLookahead<T> lookahead_;  // if not in parts
  // If in parts: whole panels, how many of them go together, steps of k that tiles can pack, in how many
  // chunks, and rows of tiles that do nothing yet.
  Index whole_ = 0, group_ = 0, packable_ = 0, chunks_ = 1, rows_before_ = 0;
  // The chunk that has been brought in, of the group that starts at a panel, and of how many panels of these
  // it is packed.
  Index ready_ = -1, panel_ = 0, packed_ = 0;
};

}  // namespace eigengrad::kernels::detail
