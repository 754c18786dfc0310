/// How matrix products are cut into blocks, parts and tasks.
#pragma once

#include <algorithm>
#include <limits>

#include "eigengrad/core/parallel.hpp"
#include "eigengrad/kernels/product_operand.hpp"

namespace eigengrad::kernels::detail {

/// One block of k of a task.
struct ProductBlock {
  Index task = -1, block = 0;
  bool operator==(const ProductBlock&) const = default;
};

/// How a product is cut. Blocks of k, each one chain of sums, are added in order; where the result is too
/// small to occupy the machine, parts of k have partial results. Both follow from the extents alone, so the
/// bits of the result do. The tiles of the operand that is not shared, one task each, change nothing in any
/// sum: they may suit the threads.
struct ProductPlan {
  Index k_block = 0, k_blocks = 0, tile = 0, tiles = 0, parts = 0;

  ProductPlan() = default;
  template <class T>
  ProductPlan(const ProductOperand<T>& operand, Index k, Index depth, double work) {
    const Index cut = operand.extent, width = operand.width;
    k_block = divide_up(k, std::max<Index>(1, divide_up(k, depth)));
    k_blocks = std::max<Index>(1, k == 0 ? 1 : divide_up(k, k_block));
    // Panels that make up a quarter of the second-level cache; not too many of short ones.
    const Index panel_bytes = std::max(k_block, depth / 16) * width * static_cast<Index>(sizeof(T));
    const Index widest = std::max<Index>(1, (256 << 10) / panel_bytes);
    const Index panels = std::max<Index>(1, divide_up(cut, width));
    parts = panels >= 16 ? 1 : std::clamp<Index>(std::min(divide_up(16, panels), k_blocks), 1, 16);
    const Index threads = threads_for(std::max<Index>(2, panels * parts), work);
    tile = width * best_tile(panels, widest, divide_up(threads, parts), work / static_cast<double>(panels));
    tiles = divide_up(cut, tile);
  }
  /// The first block of k of a part.
  Index part_begin(Index part) const { return k_blocks * part / parts; }
  /// The next block of the task, or the first one of the next task.
  ProductBlock after(ProductBlock block) const {
    Index part = block.task / tiles;
    if (++block.block == part_begin(part + 1)) {
      part = ++block.task / tiles;
      block.block = part_begin(part);
    }
    return block;
  }

 private:
  /// What it takes to begin a task, in units of 8 multiply-adds like the work of a product.
  static constexpr double task_work = 1200;

  /// Panels of a tile, at most `widest`: the longest-working of `threads` has the least to do, of panels of
  /// `panel_work` each and of tasks to begin.
  static Index best_tile(Index panels, Index widest, Index threads, double panel_work) {
    Index best = 1;
    double least = std::numeric_limits<double>::infinity();
    for (Index tile = std::min(panels, widest); tile >= 1; --tile) {
      const Index longest = divide_up(divide_up(panels, tile), threads);  // in tasks
      const double time = static_cast<double>(longest) * (static_cast<double>(tile) * panel_work + task_work);
      if (time < least) least = time, best = tile;
    }
    return best;
  }
};

}  // namespace eigengrad::kernels::detail
