/// conv2d and its input gradient: each output pixel gathers the source pixels its taps meet.
#pragma once

#include <limits>
#include <utility>
#include <vector>

#include "eigengrad/kernels/convolution_geometry.hpp"
#include "eigengrad/kernels/products.hpp"

namespace eigengrad::kernels::detail {

/// out[n, h, v, j] = sum over the taps of pixel (h, v) and over channels k of source[n, tap source, k]
/// weights[tap kernel, k, j].
///
/// A register tile is one pixel of several images ("lanes") times several output channels, so that taps in
/// the padding are skipped, not multiplied. A group of lanes is packed row by row as
/// [width][channels][lanes], just before the first output row that reads it, into a ring of the rows that one
/// output row spans. Where there are few images, each is cut into bands of rows, which are the lanes. Where
/// there are few output channels, lanes and channels change places in the tile.
template <class T>
class Gather {
 public:
  Gather(const ConvolutionGeometry& g, bool gradient)
      : kernels_(product_kernels<T>()),
        gradient_(gradient),
        images_(g.n),
        source_height_(gradient ? g.out_height : g.height),
        source_width_(gradient ? g.out_width : g.width),
        depth_(gradient ? g.out : g.in),
        height_(gradient ? g.height : g.out_height),
        width_(gradient ? g.width : g.out_width),
        features_(gradient ? g.in : g.out),
        taps_(g.kernel_height * g.kernel_width),
        kernel_width_(g.kernel_width),
        lanes_are_columns_(features_ <= kernels_.row_step && features_ < kernels_.column_step),
        bands_(choose_bands(g.stride)),
        band_height_(height_ / bands_),
        band_shift_(gradient ? band_height_ / g.stride : band_height_ * g.stride),
        rows_(band_height_, source_height_, g.kernel_height, g.stride, g.padding, gradient, bands_ == 1),
        columns_(width_, source_width_, g.kernel_width, g.stride, g.padding, gradient, true),
        ring_(rows_.longest_span()),
        lanes_(images_ * bands_),
        lane_step_(lanes_are_columns_ ? kernels_.column_step : kernels_.row_step),
        group_(choose_group()) {}

  void run(const T* source, const T* weights, const T* bias, T slope, BasicTensor<T>& out) {
    if (out.size() == 0) return;
    const Index tasks = divide_up(lanes_, group_) * band_height_;
    const double work = static_cast<double>(out.size()) * static_cast<double>(taps_ * depth_) / 8;
    const int threads = threads_for(tasks, work);
    const Index ring_size = ring_ * source_width_ * depth_ * group_;
    const Index feature_step = lanes_are_columns_ ? kernels_.row_step : kernels_.column_step;
    BasicTensor<T> packed =
        BasicTensor<T>::uninitialized({round_up(features_, feature_step) * taps_ * depth_});
    BasicTensor<T> rings = BasicTensor<T>::uninitialized({threads * ring_size});
    std::vector<Worker, PoolAllocator<Worker>> workers(static_cast<std::size_t>(threads));
    for (Worker& worker : workers) {
      worker.ring = rings.mutable_data() + (&worker - workers.data()) * ring_size;
      worker.runs.resize(static_cast<std::size_t>(width_ * taps_));
      worker.run_begins.resize(static_cast<std::size_t>(width_ + 1));
    }
    source_ = source, bias_ = bias, slope_ = slope, out_ = out.mutable_data(),
    weights_ = packed.mutable_data();
    pack_weights(weights, packed.mutable_data(), work);
    parallel_for(tasks, work, [&](Index task, int thread) {
      Worker& worker = workers[static_cast<std::size_t>(thread)];
      const Index row = task % band_height_;
      pack_source(worker, task / band_height_, row);
      list_runs(worker, row);
      compute_row(worker, row);
    });
  }

 private:
  /// What a thread keeps from one output row to the next of the same group.
  struct Worker {
    T* ring = nullptr;
    Index group = -1, row = 0;
    Index next_source = 0;                                    // rows before it are packed
    std::vector<ProductRun, PoolAllocator<ProductRun>> runs;  // of one output row, pixel by pixel
    std::vector<Index, PoolAllocator<Index>> run_begins;
  };

  Index lanes_wanted() const { return lanes_are_columns_ ? kernels_.columns : kernels_.rows; }

  /// The fewest equal bands that fill a tile with lanes.
  Index choose_bands(Index stride) const {
    Index best = 1;
    for (Index bands = 2; bands <= height_ && images_ * best < lanes_wanted(); ++bands)
      if (height_ % bands == 0 && (!gradient_ || height_ / bands % stride == 0)) best = bands;
    return best;
  }

  /// Lanes of a group: two thirds of the tile where that leaves no group part empty and still hides
  /// latencies.
  Index choose_group() const {
    const Index full = lanes_wanted(), smaller = 2 * kernels_.row_step;
    return !lanes_are_columns_ && smaller >= 8 && lanes_ % full != 0 && lanes_ % smaller == 0 ? smaller
                                                                                              : full;
  }
  Index group_lanes(Index group) const { return std::min(group_, lanes_ - group * group_); }
  Index group_width(Index group) const { return round_up(group_lanes(group), lane_step_); }

  /// Width of the panel of output channels that starts at `first`.
  Index panel_width(Index first) const {
    if (lanes_are_columns_) return kernels_.row_step;
    return std::min(kernels_.columns, round_up(features_, kernels_.column_step) - first);
  }
  Index panel_columns() const { return lanes_are_columns_ ? kernels_.row_step : kernels_.columns; }

  /// Panels of output channels, each [tap][channel][width], taps in the order of the axes' kernel
  /// coordinates.
  void pack_weights(const T* weights, T* packed, double work) const {
    parallel_for(taps_, work, [&](Index tap) {
      const T* const from = weights + (gradient_ ? taps_ - 1 - tap : tap) * depth_ * features_;
      for (Index first = 0; first < features_; first += panel_columns()) {
        const Index width = panel_width(first), used = std::min(width, features_ - first);
        T* const to = packed + first * taps_ * depth_ + tap * depth_ * width;
        if (!gradient_) {
          kernels_.pack_columns({from + first, features_, from + depth_ * features_}, used, width, width,
                                depth_, to);
        } else {
          const T* rows[64] = {};
          for (Index j = 0; j < used; ++j) rows[j] = from + (first + j) * depth_;
          kernels_.pack_rows(rows, width, depth_, to);
        }
      }
    });
  }

  T* ring_row(const Worker& worker, Index source_row) const {
    const Index slot = (source_row % ring_ + ring_) % ring_;
    return worker.ring + slot * source_width_ * depth_ * group_width(worker.group);
  }

  /// Packs those source rows of the group that the output row needs and that are not there yet.
  void pack_source(Worker& worker, Index group, Index row) const {
    if (worker.group != group || row < worker.row) worker.next_source = std::numeric_limits<Index>::min();
    worker.group = group;
    worker.row = row;
    const auto taps = rows_[row];
    if (taps.empty()) return;
    worker.next_source = std::max(worker.next_source, taps.front().source);
    for (; worker.next_source <= taps.back().source; ++worker.next_source) {
      const T* pointers[64] = {};
      for (Index i = 0; i < group_lanes(group); ++i) {
        const Index lane = group * group_ + i, source_row = worker.next_source + lane % bands_ * band_shift_;
        if (source_row >= 0 && source_row < source_height_)
          pointers[i] = source_ + (lane / bands_ * source_height_ + source_row) * source_width_ * depth_;
      }
      kernels_.pack_rows(pointers, group_width(group), source_width_ * depth_,
                         ring_row(worker, worker.next_source));
    }
  }

  /// The runs of every pixel of an output row; taps that are neighbours in source and kernel make one run.
  void list_runs(Worker& worker, Index row) const {
    const Index width = group_width(worker.group);
    Index count = 0;
    for (Index column = 0; column < width_; ++column) {
      const Index begin = worker.run_begins[static_cast<std::size_t>(column)] = count;
      for (const Tap& y : rows_[row]) {
        const Index lanes = ring_row(worker, y.source) - worker.ring;
        for (const Tap& x : columns_[column]) {
          const Index pixel = lanes + x.source * depth_ * width,
                      tap = (y.kernel * kernel_width_ + x.kernel) * depth_;
          const ProductRun run = lanes_are_columns_
                                     ? ProductRun{tap * kernels_.row_step, pixel / width, depth_}
                                     : ProductRun{pixel, tap, depth_};
          if (count > begin && follows(worker.runs[static_cast<std::size_t>(count - 1)], run, width))
            worker.runs[static_cast<std::size_t>(count - 1)].count += depth_;
          else
            worker.runs[static_cast<std::size_t>(count++)] = run;
        }
      }
    }
    worker.run_begins[static_cast<std::size_t>(width_)] = count;
  }
  bool follows(const ProductRun& before, const ProductRun& run, Index lane_width) const {
    return run.a == before.a + before.count * (lanes_are_columns_ ? kernels_.row_step : lane_width) &&
           run.b == before.b + before.count;
  }

  /// What pack_source packs after this row: the source rows that the next one needs besides, or those of the
  /// next group's first row.
  ProductLookahead<T> after(const Worker& worker, Index row) const {
    const bool last = row + 1 == band_height_;
    const Index first_lane = (worker.group + (last ? 1 : 0)) * group_;
    const auto taps = rows_[last ? 0 : row + 1];
    if (bands_ > 1 || taps.empty() || first_lane >= lanes_) return {};
    const Index begin = last ? taps.front().source : std::max(taps.front().source, worker.next_source);
    const Index line = source_width_ * depth_, image = source_height_ * line;
    return {source_ + first_lane * image + begin * line, std::min(group_, lanes_ - first_lane),
            std::max<Index>(0, taps.back().source + 1 - begin) * line, image};
  }

  void compute_row(const Worker& worker, Index row) const {
    const Index lane_stride = band_height_ * width_ * features_;
    ProductLookahead<T> next = after(worker, row);
    next.plan(width_ * divide_up(features_, panel_columns()),
              static_cast<Index>(rows_[row].size() * columns_[width_ / 2].size()) * depth_);
    ProductTile<T> tile{};
    tile.a = worker.ring;
    tile.a_step = group_width(worker.group);
    tile.rows = group_lanes(worker.group);
    tile.c_row_step = lane_stride;
    tile.c_column_step = 1;
    tile.slope = slope_;
    for (Index first = 0; first < features_; first += panel_columns()) {
      tile.b = weights_ + first * taps_ * depth_;
      tile.b_step = tile.b_unit = panel_width(first);
      tile.columns = std::min(tile.b_step, features_ - first);
      tile.bias = bias_ == nullptr ? nullptr : bias_ + first;
      ProductTile<T> oriented = lanes_are_columns_ ? transposed(tile) : tile;
      for (Index column = 0; column < width_; ++column) {
        const Index begin = worker.run_begins[static_cast<std::size_t>(column)];
        oriented.runs = worker.runs.data() + begin;
        oriented.run_count = worker.run_begins[static_cast<std::size_t>(column + 1)] - begin;
        oriented.c = out_ + worker.group * group_ * lane_stride + (row * width_ + column) * features_ + first;
        next.share(oriented);
        kernels_.tile(oriented);
      }
    }
  }
  static ProductTile<T> transposed(ProductTile<T> tile) {
    std::swap(tile.a, tile.b);
    std::swap(tile.a_step, tile.b_step);
    tile.b_unit = tile.b_step;
    std::swap(tile.c_row_step, tile.c_column_step);
    std::swap(tile.rows, tile.columns);
    tile.bias_by_row = true;
    return tile;
  }

  const ProductKernels<T>& kernels_;
  bool gradient_;
  Index images_, source_height_, source_width_, depth_, height_, width_, features_, taps_, kernel_width_;
  bool lanes_are_columns_;
  Index bands_, band_height_, band_shift_;
  AxisTaps rows_, columns_;
  Index ring_, lanes_, lane_step_, group_;
  const T *source_ = nullptr, *bias_ = nullptr, *weights_ = nullptr;
  T slope_ = 1;  // of a leaky ReLU of the result
  T* out_ = nullptr;
};

}  // namespace eigengrad::kernels::detail
