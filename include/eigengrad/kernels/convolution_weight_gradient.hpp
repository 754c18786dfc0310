/// conv2d_weight_gradient: for each tap the product of the shifted images' transpose and dy.
#pragma once

#include "eigengrad/kernels/convolution_geometry.hpp"
#include "eigengrad/kernels/padded_lines.hpp"
#include "eigengrad/kernels/products.hpp"

namespace eigengrad::kernels::detail {

/// dw[a, b, c, o] = sum over n, p and q of x[n, p stride + a - padding, q stride + b - padding, c]
/// dy[n, p, q, o]. Both operands have k = (n, p, q) as their slow axis, so that tiles read them where they
/// are. One run of k is a line (n, p): the q whose pixels are inside of the image; or, of small images, a
/// pixel (p, q) of all n. Where there are few channels, the taps of one kernel row, contiguous in a padded
/// copy of x, take their place.
///
/// The runs are cut into parts with partial results, by shape alone, where kernel rows and channels make too
/// few tasks, and a part into blocks that stay in the second-level cache.
template <class T>
class WeightGradient {
 public:
  explicit WeightGradient(const ConvolutionGeometry& g)
      : g_(g),
        kernels_(product_kernels<T>()),
        merged_(g.in < kernels_.row_step && g.padding < g.kernel_width),
        margin_(merged_ ? g.padding : 0),
        x_width_(g.width + 2 * margin_),
        rows_(merged_ ? g.kernel_width * g.in : g.in),
        dy_step_(round_up(g.out, kernels_.column_step)),
        tile_rows_(most_rows(kernels_, g.out)),
        chunks_(divide_up(rows_, 16 * tile_rows_)),
        by_pixel_(g.out_width < 8 && g.n >= 4 * g.out_width),
        all_runs_(by_pixel_ ? g.out_height * g.out_width : g.n * g.out_height),
        run_length_(by_pixel_ ? g.n : g.out_width),
        x_run_step_(by_pixel_ ? g.height * x_width_ * g.in : g.stride * g.in),
        dy_run_step_(by_pixel_ ? g.out_height * g.out_width * dy_step_ : dy_step_) {
    const Index run_bytes = run_length_ * (g.stride * g.in + dy_step_) * static_cast<Index>(sizeof(T));
    block_runs_ = std::max<Index>(1, 300'000 / std::max<Index>(run_bytes, 1));
    const Index items = g.kernel_height * chunks_, size = g.kernel_height * g.kernel_width * g.in * g.out;
    const Index most = std::max<Index>(1, std::min(all_runs_ / 8, (Index{1} << 22) / size));
    parts_ = std::clamp<Index>(divide_up(16, items), 1, most);
  }

  void run(const T* x, const T* dy, T* dw) {
    const Index items = g_.kernel_height * chunks_,
                size = g_.kernel_height * g_.kernel_width * g_.in * g_.out;
    const double work =
        static_cast<double>(size) * static_cast<double>(g_.n * g_.out_height * g_.out_width) / 8;
    const BasicTensor<T> x_copy = copy_lines(x, g_.n * g_.height, g_.width * g_.in, margin_ * g_.in,
                                             x_width_ * g_.in, merged_ || g_.in % kernels_.row_step != 0);
    const BasicTensor<T> dy_copy =
        copy_lines(dy, g_.n * g_.out_height * g_.out_width, g_.out, 0, dy_step_, dy_step_ != g_.out);
    x_ = x_copy.size() > 0 ? x_copy.data() : x;
    dy_ = dy_copy.size() > 0 ? dy_copy.data() : dy;
    BasicTensor<T> partial = BasicTensor<T>::uninitialized({parts_ > 1 ? parts_ * size : 0});
    T* const sums = parts_ > 1 ? partial.mutable_data() : dw;
    const int threads = threads_for(parts_ * items, work);
    std::vector<ProductRun, PoolAllocator<ProductRun>> runs(static_cast<std::size_t>(threads * block_runs_));
    parallel_for(parts_ * items, work, [&](Index task, int thread) {
      const Index part = task / items, kernel_row = task % items / chunks_;
      const Index row = task % chunks_ * 16 * tile_rows_;
      compute(kernel_row, row, std::min(row + 16 * tile_rows_, rows_), all_runs_ * part / parts_,
              all_runs_ * (part + 1) / parts_, runs.data() + thread * block_runs_, sums + part * size);
    });
    if (parts_ > 1) add_parts<T>(sums, parts_, size / g_.out, g_.out, nullptr, dw);
  }

 private:
  /// Padded lines with a tile's worth of room at the end; an empty tensor if not `needed`.
  BasicTensor<T> copy_lines(const T* from, Index lines, Index length, Index before, Index step,
                            bool needed) const {
    if (!needed) return {};
    return PaddedLines{.groups = 1, .lines = lines, .length = length, .before = before, .step = step}.copy(
        from, kernels_.narrow_rows);
  }

  /// Rows [row_begin, row_end) of the taps of one kernel row, summed over the runs [begin, end).
  void compute(Index kernel_row, Index row_begin, Index row_end, Index begin, Index end, ProductRun* runs,
               T* sums) const {
    const Index taps = merged_ ? 1 : g_.kernel_width, steps = block_runs_ * run_length_;
    const Index row_tiles = divide_up(g_.out, kernels_.columns);
    const Index tiles = taps * divide_up(row_end - row_begin, tile_rows_) * row_tiles;
    for (bool accumulate = false; !accumulate || begin < end; accumulate = true, begin += block_runs_) {
      const Index block_end = std::min(begin + block_runs_, end);
      const Index next_end = std::min(block_end + block_runs_, end);
      ProductLookahead<T> next_dy = dy_of(block_end, next_end),
                          next_x = x_of(kernel_row, block_end, next_end);
      next_x.plan(next_dy.plan(tiles, steps), steps);
      for (Index tap = 0; tap < taps; ++tap) {
        const Index run_count = by_pixel_ ? list_pixels(kernel_row, tap, begin, block_end, runs)
                                          : list_lines(kernel_row, tap, begin, block_end, runs);
        T* const c = sums + ((kernel_row * g_.kernel_width + tap) * g_.in) * g_.out;
        for (Index i = row_begin, rows; i < row_end; i += rows) {
          rows = tile_height(kernels_, tile_rows_, row_end - i);
          ProductTile<T> tile{.a = x_ + i,
                              .a_step = x_run_step_,
                              .b = dy_,
                              .b_step = dy_run_step_,
                              .b_unit = dy_step_,
                              .b_next = kernels_.columns,
                              .runs = runs,
                              .run_count = run_count,
                              .c = c + i * g_.out,
                              .c_row_step = g_.out,
                              .rows = rows,
                              .columns = g_.out,
                              .accumulate = accumulate};
          next_x.share(tile, row_tiles);
          next_dy.share(tile, row_tiles);
          kernels_.tile(tile);
        }
      }
    }
  }

  /// What the runs [begin, end) read of dy.
  ProductLookahead<T> dy_of(Index begin, Index end) const {
    if (by_pixel_) return {dy_ + begin * dy_step_, g_.n, (end - begin) * dy_step_, dy_run_step_};
    const Index line = g_.out_width * dy_step_;
    return {dy_ + begin * line, end - begin, line, line};
  }
  /// And of x, as far as runs follow each other evenly: not where a row of pixels or an image ends.
  ProductLookahead<T> x_of(Index kernel_row, Index begin, Index end) const {
    const auto row = [&](Index p) { return std::max<Index>(0, p * g_.stride + kernel_row - g_.padding); };
    if (by_pixel_)
      return {x_ + x_offset(row(begin / g_.out_width), begin % g_.out_width * g_.stride), g_.n,
              (end - begin) * g_.stride * g_.in, x_run_step_};
    return {x_ + x_offset(begin / g_.out_height * g_.height + row(begin % g_.out_height), 0), end - begin,
            g_.width * g_.in, g_.stride * x_width_ * g_.in};
  }

  /// Where x holds pixel (y, x) of the first image.
  Index x_offset(Index y, Index x) const { return (y * x_width_ + x + margin_) * g_.in; }

  Index list_lines(Index kernel_row, Index tap, Index line, Index line_end, ProductRun* runs) const {
    // Pixels q with 0 <= q stride + tap - padding < width.
    const Index left = merged_ ? 0 : std::max<Index>(0, divide_up(g_.padding - tap, g_.stride));
    const Index room = g_.width - 1 + g_.padding - tap;
    const Index right = merged_ ? g_.out_width : room < 0 ? 0 : std::min(g_.out_width, room / g_.stride + 1);
    Index count = 0;
    if (left < right)
      for (; line < line_end; ++line) {
        const Index image = line / g_.out_height;
        const Index y = line % g_.out_height * g_.stride + kernel_row - g_.padding;
        if (y < 0 || y >= g_.height) continue;
        runs[count++] = {x_offset(image * g_.height + y, left * g_.stride + tap - g_.padding),
                         line * g_.out_width + left, right - left};
      }
    return count;
  }

  Index list_pixels(Index kernel_row, Index tap, Index pixel, Index pixel_end, ProductRun* runs) const {
    Index count = 0;
    for (; pixel < pixel_end; ++pixel) {
      const Index y = pixel / g_.out_width * g_.stride + kernel_row - g_.padding;
      const Index x = pixel % g_.out_width * g_.stride + tap - g_.padding;
      if (y >= 0 && y < g_.height && (merged_ || (x >= 0 && x < g_.width)))
        runs[count++] = {x_offset(y, x), pixel, g_.n};
    }
    return count;
  }

  ConvolutionGeometry g_;
  const ProductKernels<T>& kernels_;
  bool merged_;
  Index margin_, x_width_, rows_, dy_step_, tile_rows_, chunks_;
  bool by_pixel_;
  Index all_runs_, run_length_, x_run_step_, dy_run_step_;  // steps from one k of a run to the next
  Index block_runs_ = 1, parts_ = 1;
  const T *x_ = nullptr, *dy_ = nullptr;
};

}  // namespace eigengrad::kernels::detail
