/// The source lines of a convolution, packed for its tiles.
#pragma once

#include <algorithm>
#include <limits>
#include <utility>
#include <vector>

#include "eigengrad/kernels/convolution_axis.hpp"
#include "eigengrad/kernels/product_operand.hpp"

namespace eigengrad::kernels::detail {

/// What tiles compute side by side: pixels at the same place of several images, or of several bands of rows
/// of each, in groups.
struct LaneGroups {
  Index images, bands, band_shift;  // source rows from one band to the next
  Index size, step;                 // lanes of a group, and what their number is rounded up to

  Index lanes() const { return images * bands; }
  Index count() const { return divide_up(lanes(), size); }
  Index used(Index group) const { return std::min(size, lanes() - group * size); }
  Index width(Index group) const { return round_up(used(group), step); }
};

/// For an output of `height` rows and so many channels, sums of `terms` over all taps: the fewest equal bands
/// that fill a tile with lanes, all of it or two thirds, which still hide latencies, in every group; or at
/// least in one. Two thirds take more groups, each of which costs as much besides as 120 steps of a lane: too
/// much for short sums, where that is a sixteenth of all steps. Of a narrow tile more lanes than another has
/// rows are enough.
template <class T>
LaneGroups choose_lanes(const ProductKernels<T>& kernels, Index images, Index height, Index stride,
                        bool gradient, Index features, Index terms, bool lanes_are_columns) {
  const Index full = lanes_are_columns ? kernels.columns : most_rows(kernels, features),
              two_thirds = full / (3 * kernels.row_step) * 2 * kernels.row_step,
              steps = gradient ? terms / stride / stride : terms;  // of an output, on average
  const auto fits = [&](Index lanes) {
    return !lanes_are_columns && two_thirds >= 8 && lanes % full != 0 && lanes % two_thirds == 0 &&
           (lanes / two_thirds - divide_up(lanes, full)) * 120 <= lanes * steps / 16;
  };
  const Index enough = full > kernels.rows && !lanes_are_columns ? kernels.rows + 1 : full;
  Index bands = 1;
  for (Index more = 2; more <= height && images * bands < enough && !fits(images * bands); ++more)
    if (height % more == 0 && (!gradient || height / more % stride == 0)) bands = more;
  const Index rows = height / bands;
  return {images, bands, gradient ? rows / stride : rows * stride, fits(images * bands) ? two_thirds : full,
          lanes_are_columns ? kernels.column_step : kernels.row_step};
}

/// Images [n, height, width, depth], and how they are read.
template <class T>
struct LineSource {
  const T* data;
  Index height, width, depth;
  const LaneGroups& lanes;
  const ConvolutionAxis &rows, &columns;
  const ProductKernels<T>& kernels;
};

/// The lines of a group of lanes and a strip of columns, each packed just before it is first read as
/// [columns][depth][lanes], and combinations of lines, in rings of as many as a unit of rows spans.
template <class T>
class PackedLines {
 public:
  /// The most lines and combinations of lines that a unit reads, and values of the widest strip's lines,
  /// packed and as they are.
  struct Sizes {
    Index lines = 1, combined = 0, packed = 0, staging = 0;
    Index total() const { return (lines + combined) * packed + staging; }
  };

  PackedLines(const LineSource<T>& source, const Sizes& sizes, T* memory)
      : source_(source), sizes_(sizes), memory_(memory) {
    line_of_.resize(static_cast<std::size_t>(sizes.lines));
    combination_of_.resize(static_cast<std::size_t>(sizes.combined));
  }

  void enter(Index group, const ConvolutionAxis::Stretch& strip) {
    if (std::exchange(group_, group) == group && std::exchange(strip_, &strip) == &strip) return;
    strip_ = &strip;
    next_ = none;
    std::ranges::fill(line_of_, none);
    std::ranges::fill(combination_of_, none);
  }

  const T* memory() const { return memory_; }
  Index group() const { return group_; }

  /// A combined source of the rows.
  const T* row(Index source) {
    const Combination sum = source_.rows.source(source);
    if (sum.is_copy()) return line(sum.at[0]);
    const Index i = slot(source, sizes_.combined);
    T* const to = memory_ + (sizes_.lines + i) * sizes_.packed;
    if (std::exchange(combination_of_[static_cast<std::size_t>(i)], source) != source)
      combine(
          sum, [&](Index y) { return line(y); }, strip_->combined_count() * pixel(), to);
    return to;
  }

  /// What a unit of rows of a group and strip reads, as far as it is not there yet.
  ProductLookahead<T> lookahead(Index group, const ConvolutionAxis::Stretch& strip,
                                const ConvolutionAxis::Stretch& rows) const {
    const LaneGroups& lanes = source_.lanes;
    const bool is_here = group == group_ && &strip == strip_;
    const Index begin = is_here ? std::max(rows.source_begin, next_) : rows.source_begin;
    const Index columns = strip.source_end - strip.source_begin;
    // Lanes and lines are not evenly apart where lanes are bands, or lines are parts of the image's.
    if (lanes.bands > 1 || rows.source_end <= begin) return {};
    if (columns < source_.width && rows.source_end - begin > 1) return {};
    const Index line = source_.width * source_.depth, image = source_.height * line;
    return {source_.data + group * lanes.size * image + begin * line + strip.source_begin * source_.depth,
            lanes.used(group), (rows.source_end - begin - 1) * line + columns * source_.depth, image};
  }

 private:
  static constexpr Index none = std::numeric_limits<Index>::min();

  static Index slot(Index i, Index slots) { return (i % slots + slots) % slots; }
  Index pixel() const { return source_.depth * source_.lanes.width(group_); }

  const T* line(Index y) {
    const Index i = slot(y, sizes_.lines);
    T* const packed = memory_ + i * sizes_.packed;
    if (std::exchange(line_of_[static_cast<std::size_t>(i)], y) == y) return packed;
    next_ = std::max(next_, y + 1);
    const LaneGroups& lanes = source_.lanes;
    const Index columns = strip_->source_end - strip_->source_begin;
    const T* pointers[64] = {};
    for (Index j = 0; j < lanes.used(group_); ++j) {
      const Index lane = group_ * lanes.size + j, row = y + lane % lanes.bands * lanes.band_shift;
      if (row >= 0 && row < source_.height)
        pointers[j] = source_.data +
                      ((lane / lanes.bands * source_.height + row) * source_.width + strip_->source_begin) *
                          source_.depth;
    }
    const bool combines = source_.columns.shares_products();
    T* const staging = memory_ + (sizes_.lines + sizes_.combined) * sizes_.packed;
    source_.kernels.pack_rows(pointers, lanes.width(group_), columns * source_.depth,
                              combines ? staging : packed);
    for (Index c = strip_->combined_begin; combines && c < strip_->combined_end; ++c)
      combine(
          source_.columns.source(c), [&](Index x) { return staging + (x - strip_->source_begin) * pixel(); },
          pixel(), packed + (c - strip_->combined_begin) * pixel());
    return packed;
  }
  template <class Where>
  void combine(const Combination& terms, const Where& where, Index size, T* to) const {
    LinearCombination<T> sum{.columns = size, .to = to};
    add_terms(sum, terms, where);
    source_.kernels.combine(sum);
  }

  const LineSource<T>& source_;
  Sizes sizes_;
  T* memory_;
  Index group_ = none, next_ = none;
  const ConvolutionAxis::Stretch* strip_ = nullptr;
  std::vector<Index, PoolAllocator<Index>> line_of_, combination_of_;  // what is in the slots of both rings
};

}  // namespace eigengrad::kernels::detail
