/// conv2d_weight_gradient of images with very few channels: the product of unfolded images and dy.
#pragma once

#include <algorithm>
#include <cstring>

#include "eigengrad/kernels/convolution_geometry.hpp"
#include "eigengrad/kernels/padded_lines.hpp"
#include "eigengrad/kernels/partial_sums.hpp"

namespace eigengrad::kernels::detail {

/// dw = X^T dy, where row (n, p, q) of X holds what all taps meet: x[n, p stride + a - padding, q stride + b
/// - padding, c]. It pays where the taps of one kernel row, which lie side by side in x, are too few for a
/// register tile, and there are output channels enough to pay for unfolding; not for kernels so high that
/// what is unfolded would be much more than dy. Lines (n, p) are unfolded a block at a time, which stays in
/// the second-level cache while tiles read it. Each task has a result of its own; those of a part of the
/// lines are added first, then the parts.
template <class T>
class UnfoldedWeightGradient {
 public:
  explicit UnfoldedWeightGradient(const ConvolutionGeometry& g)
      : g_(g),
        kernels_(product_kernels<T>()),
        row_(g.kernel_width * g.in),
        rows_(g.kernel_height * row_),
        x_step_(rows_ + round_up(row_, piece) - row_),
        padded_{.groups = g.n,
                .lines = g.height,
                .length = g.width * g.in,
                .before = g.padding * g.in,
                .step = (g.width + 2 * g.padding) * g.in,
                .margin = g.padding},
        dy_step_(round_up(g.out, kernels_.column_step)),
        lines_(g.n * g.out_height) {
    const Index line_bytes = g.out_width * (g.stride * g.in + dy_step_) * static_cast<Index>(sizeof(T));
    block_ = std::clamp<Index>(300'000 / line_bytes, 1, lines_);
    const Index most = std::max<Index>(1, (Index{1} << 22) / (rows_ * g.out));  // 16 MB of floats
    parts_ = std::clamp<Index>(std::min(divide_up(16, g.kernel_height), lines_ / 8), 1, most);
    tasks_ =
        std::clamp<Index>(divide_up(divide_up(lines_, parts_), block_), 1, std::max<Index>(1, most / parts_));
  }

  static bool suits(const ConvolutionGeometry& g) {
    const ProductKernels<T>& kernels = product_kernels<T>();
    const Index row = g.kernel_width * g.in, height = round_up(row, kernels.row_step);
    // A kernel row by itself takes a tile of that height: the lowest one, or one with a fifth left empty.
    return row < kernels.rows && (height == kernels.row_step || 4 * height >= 5 * row) &&
           g.kernel_height > 1 && g.kernel_height <= 8 && g.out > kernels.columns &&
           g.padding < std::min(g.kernel_height, g.kernel_width);
  }

  void run(const T* x, const T* dy, T* dw) const {
    const Index size = rows_ * g_.out, tasks = parts_ * tasks_;
    const BasicTensor<T> images = padded_.copy(x, piece);
    BasicTensor<T> dy_copy;
    if (dy_step_ != g_.out) {
      const PaddedLines pixels{
          .groups = 1, .lines = lines_ * g_.out_width, .length = g_.out, .before = 0, .step = dy_step_};
      dy_copy = pixels.copy(dy, 0);
      dy = dy_copy.data();
    }
    const double work = static_cast<double>(size) * static_cast<double>(lines_ * g_.out_width) / 8;
    const Index unfolded_size = block_ * g_.out_width * x_step_ + kernels_.rows + piece;
    BasicTensor<T> unfolded = BasicTensor<T>::uninitialized({threads_for(tasks, work) * unfolded_size});
    BasicTensor<T> partial = BasicTensor<T>::uninitialized({(tasks + parts_) * size});
    T *const scratch = unfolded.mutable_data(), *const sums = partial.mutable_data();
    parallel_for(tasks, work, [&](Index task, int thread) {
      const Index part = task / tasks_, first = lines_ * part / parts_,
                  blocks = divide_up(lines_ * (part + 1) / parts_ - first, block_);
      const auto line = [&](Index number) {
        return std::min(first + blocks * number / tasks_ * block_, lines_ * (part + 1) / parts_);
      };
      compute(images.data(), dy, line(task % tasks_), line(task % tasks_ + 1),
              scratch + thread * unfolded_size, sums + task * size);
    });
    T* const sums_of_parts = sums + tasks * size;
    for (Index part = 0; part < parts_; ++part)
      add_parts<T>(sums + part * tasks_ * size, tasks_, rows_, g_.out, nullptr, sums_of_parts + part * size);
    add_parts<T>(sums_of_parts, parts_, rows_, g_.out, nullptr, dw);
  }

 private:
  /// Values that are copied at once, wanted or not: 16 bytes.
  static constexpr Index piece = 16 / static_cast<Index>(sizeof(T));

  /// The sums over lines [begin, end).
  void compute(const T* images, const T* dy, Index begin, Index end, T* unfolded, T* sums) const {
    if (begin == end) std::fill_n(sums, rows_ * g_.out, T(0));
    ProductTile<T> tile{};
    tile.run_count = 1;
    tile.a_step = x_step_;
    tile.b_step = tile.b_unit = dy_step_;
    tile.b_next = kernels_.columns;
    tile.c_row_step = tile.columns = g_.out;
    for (; begin < end; begin += block_) {
      const Index lines = std::min(block_, end - begin);
      unfold(images, begin, lines, unfolded);
      const ProductRun run{0, 0, lines * g_.out_width};
      tile.runs = &run;
      tile.b = dy + begin * g_.out_width * dy_step_;
      for (Index i = 0; i < rows_; i += tile.rows) {
        tile.rows = tile_height(kernels_, kernels_.rows, rows_ - i);
        tile.a = unfolded + i;
        tile.c = sums + i * g_.out;
        kernels_.tile(tile);
      }
      tile.accumulate = true;
    }
  }

  /// What pieces hold behind a kernel row's taps, the next one's replace; the last one's have room of their
  /// own.
  void unfold(const T* images, Index begin, Index lines, T* to) const {
    for (Index line = begin; line < begin + lines; ++line, to += g_.out_width * x_step_)
      for (Index a = 0; a < g_.kernel_height; ++a) {
        const Index image = line / g_.out_height, y = line % g_.out_height * g_.stride + a;
        for (Index j = 0; j < row_; j += piece) {
          const T* pixel = images + (image * padded_.lines_of_group() + y) * padded_.step + j;
          T* taps = to + a * row_ + j;
          for (Index q = 0; q < g_.out_width; ++q, pixel += g_.stride * g_.in, taps += x_step_)
            std::memcpy(taps, pixel, piece * sizeof(T));
        }
      }
  }

  ConvolutionGeometry g_;
  const ProductKernels<T>& kernels_;
  Index row_, rows_, x_step_;  // taps of a kernel row, of all, and from those of a pixel to the next one's
  PaddedLines padded_;
  Index dy_step_, lines_;
  Index block_ = 1, parts_ = 1, tasks_ = 1;  // lines of a block; tasks of a part
};

}  // namespace eigengrad::kernels::detail
