/// conv2d and its input gradient: each output pixel gathers the source pixels its taps meet.
#pragma once

#include <algorithm>
#include <array>
#include <span>
#include <utility>
#include <vector>

#include "eigengrad/kernels/convolution_geometry.hpp"
#include "eigengrad/kernels/convolution_lines.hpp"
#include "eigengrad/kernels/convolution_shared_products.hpp"
#include "eigengrad/kernels/convolution_strip.hpp"
#include "eigengrad/kernels/convolution_tap_panels.hpp"
#include "eigengrad/kernels/products.hpp"

namespace eigengrad::kernels::detail {

/// out[n, h, v, j] = sum over the taps of pixel (h, v) and over channels k of source[n, tap source, k]
/// weights[tap kernel, k, j].
///
/// A register tile is one product of both axes, a pixel where outputs do not share products, for several
/// images ("lanes") times several output channels, so that taps in the padding are skipped, not multiplied. A
/// group of lanes is packed line by line as [width][channels][lanes], just before the first output row that
/// reads it, into a ring of the lines that one unit of rows spans. Where there are few images, each is cut
/// into bands of rows, which are the lanes. Where there are few output channels, lanes and channels change
/// places in the tile. Where they fill half of it, two neighbouring pixels of a row, which lie side by side,
/// fill it: a source that both meet is broadcast once, and takes part with the taps of either.
template <class T>
class Gather {
 public:
  /// With `share` outputs share products.
  Gather(const ConvolutionGeometry& g, bool gradient, bool share)
      : kernels_(product_kernels<T>()),
        gradient_(gradient),
        source_height_(gradient ? g.out_height : g.height),
        source_width_(gradient ? g.out_width : g.width),
        depth_(gradient ? g.out : g.in),
        height_(gradient ? g.height : g.out_height),
        width_(gradient ? g.width : g.out_width),
        features_(gradient ? g.in : g.out),
        kernel_height_(g.kernel_height),
        kernel_width_(g.kernel_width),
        lanes_are_columns_(features_ <= kernels_.row_step && features_ < kernels_.column_step),
        pairs_(!share && features_ == kernels_.column_step && width_ > 1 &&
               pays_pairs(g.kernel_width, gradient ? 1 : g.stride, depth_)),
        lanes_(choose_lanes(kernels_, g.n, height_, g.stride, gradient, pairs_ ? 2 * features_ : features_,
                            g.kernel_height * g.kernel_width * depth_, lanes_are_columns_)),
        band_height_(height_ / lanes_.bands),
        rows_({band_height_, source_height_, g.kernel_height, g.stride, g.padding},
              {.gradient = gradient, .clip = lanes_.bands == 1, .share = share}),
        columns_({width_, source_width_, g.kernel_width, g.stride, g.padding},
                 {.gradient = gradient, .share = share, .pair = pairs_}),
        panels_(kernels_, rows_, columns_, {depth_, features_}, gradient, lanes_are_columns_) {
    if (band_height_ > 0 && width_ > 0) cut();
  }

  Gather(const Gather&) = delete;
  Gather& operator=(const Gather&) = delete;

  bool takes_pairs() const { return pairs_; }

  void run(const T* source, const T* weights, const T* bias, T slope, BasicTensor<T>& out) {
    if (out.size() == 0) return;
    const LineSource<T> lines{source, source_height_, source_width_, depth_,
                              lanes_, rows_,          columns_,      kernels_};
    const Index units = rows_.unit_count(), strips = static_cast<Index>(strips_.size());
    const Index tasks = lanes_.count() * strips * units;
    const double work =
        static_cast<double>(out.size()) * static_cast<double>(kernel_height_ * kernel_width_ * depth_) / 8;
    const int threads = threads_for(tasks, work);
    const Index result_size = is_direct() ? 0 : most_products_ * lanes_.size * panels_.columns();
    const Index worker_size = sizes_.total() + result_size;
    BasicTensor<T> packed = BasicTensor<T>::uninitialized({panels_.size()});
    BasicTensor<T> memory = BasicTensor<T>::uninitialized({threads * worker_size});
    Vector<Worker> workers;
    workers.reserve(static_cast<std::size_t>(threads));
    for (int thread = 0; thread < threads; ++thread) {
      T* const own = memory.mutable_data() + thread * worker_size;
      workers.push_back({PackedLines<T>(lines, sizes_, own), own + sizes_.total(), {}, {}, {}});
      workers.back().runs.resize(static_cast<std::size_t>(most_runs_));
      workers.back().run_begins.resize(static_cast<std::size_t>(most_products_ + 1));
      workers.back().rows.resize(static_cast<std::size_t>(most_factors_));
    }
    bias_ = bias, slope_ = slope, out_ = out.mutable_data(), weights_ = packed.data();
    Vector<T> pair_bias;
    if (pairs_ && bias != nullptr) {
      for (Index j = 0; j < 2 * features_; ++j) pair_bias.push_back(bias[j % features_]);
      bias_ = pair_bias.data();
    }
    panels_.pack(weights, packed.mutable_data(), work);
    parallel_for(tasks, work, [&](Index task, int thread) {
      Worker& worker = workers[static_cast<std::size_t>(thread)];
      const ColumnStrip& strip = strips_[static_cast<std::size_t>(task / units % strips)];
      worker.lines.enter(task / units / strips, strip.stretch());
      list_runs(worker, unit_rows_[static_cast<std::size_t>(task % units)], strip);
      compute(worker, task, strip);
    });
  }

 private:
  template <class V>
  using Vector = std::vector<V, PoolAllocator<V>>;
  using Stretch = ConvolutionAxis::Stretch;

  /// What a thread keeps from one task to the next.
  struct Worker {
    PackedLines<T> lines;
    T* results;               // products that outputs share
    Vector<ProductRun> runs;  // of a unit, product by product
    Vector<Index> run_begins;
    Vector<Index> rows;  // where the lines of a product are
  };

  /// Whether enough steps of k are part of both outputs of a pair to pay for those that are part of one.
  static bool pays_pairs(Index kernel, Index shift, Index depth) {
    return 2 * (kernel - shift) >= kernel && (kernel - shift) * depth >= 16;
  }
  bool is_direct() const { return !rows_.shares_products() && !columns_.shares_products(); }

  /// Cuts columns into strips, such that what a unit of rows reads of one stays in the second-level cache.
  void cut() {
    Index most_rows = 0;
    for (Index unit = 0; unit < rows_.unit_count(); ++unit) {
      const Stretch rows = rows_.stretch(unit, unit + 1);
      unit_rows_.push_back(rows);
      if (!is_direct()) unit_sums_.push_back(rows_.sums(rows));
      sizes_.lines = std::max(sizes_.lines, rows.source_end - rows.source_begin);
      if (rows_.shares_products())
        sizes_.combined = std::max(sizes_.combined, rows.combined_end - rows.combined_begin);
      most_rows = std::max(most_rows, rows.product_end - rows.product_begin);
      most_factors_ = std::max(most_factors_, rows.factors);
    }
    const Index column_size = depth_ * lanes_.size, units = columns_.unit_count();
    const Index size = (sizes_.lines + sizes_.combined) * columns_.whole().combined_count() * column_size;
    const Index most = (600 << 10) / static_cast<Index>(sizeof(T));
    const Index count = std::clamp<Index>(divide_up(size, most), 1, units);
    for (Index i = 0; i < count; ++i) {
      const ColumnStrip& strip =
          strips_.emplace_back(columns_, units * i / count, units * (i + 1) / count, depth_);
      const Stretch& columns = strip.stretch();
      sizes_.packed = std::max(sizes_.packed, columns.combined_count() * column_size);
      if (columns_.shares_products())
        sizes_.staging = std::max(sizes_.staging, (columns.source_end - columns.source_begin) * column_size);
      most_products_ = std::max(most_products_, most_rows * strip.product_count());
      most_runs_ = std::max(most_runs_, most_factors_ * strip.run_count());
    }
  }

  /// Output channels from `first` on that a row of tiles computes: whole panels together, where products are
  /// short and all their weights stay in the first-level cache.
  Index joined_columns(Index first) const {
    const Index left = features_ - first,
                bytes = features_ * panels_.count() * depth_ * static_cast<Index>(sizeof(T));
    if (is_direct() && !lanes_are_columns_ && left % panels_.columns() == 0 && bytes <= (16 << 10))
      return left;
    return std::min(panels_.width(first), left);
  }

  /// The runs of every product of a unit of rows and a strip.
  void list_runs(Worker& worker, const Stretch& unit, const ColumnStrip& strip) const {
    const Index width = lanes_.width(worker.lines.group());
    ProductRun* run = worker.runs.data();
    Index* begin = worker.run_begins.data();
    for (Index p = unit.product_begin; p < unit.product_end; ++p) {
      const auto factors = rows_.factors(p);
      for (std::size_t y = 0; y < factors.size(); ++y)
        worker.rows[y] = worker.lines.row(factors[y].source) - worker.lines.memory();
      for (Index i = 0; i < strip.product_count(); ++i) {
        *begin++ = run - worker.runs.data();
        for (std::size_t y = 0; y < factors.size(); ++y)
          for (const ProductRun& columns : strip.runs(i)) {
            const Index pixel = worker.rows[y] + columns.a * width,
                        tap = factors[y].tap * columns_.tap_count() * depth_ + columns.b;
            *run++ = lanes_are_columns_ ? ProductRun{tap * kernels_.row_step, pixel / width, columns.count}
                                        : ProductRun{pixel, tap, columns.count, columns.half};
          }
      }
    }
    *begin = run - worker.runs.data();
  }

  /// What the task after this one packs.
  ProductLookahead<T> after(const PackedLines<T>& lines, Index task) const {
    const Index units = rows_.unit_count(), strips = static_cast<Index>(strips_.size()), next = task + 1;
    if (next == lanes_.count() * strips * units) return {};
    return lines.lookahead(next / units / strips,
                           strips_[static_cast<std::size_t>(next / units % strips)].stretch(),
                           unit_rows_[static_cast<std::size_t>(next % units)]);
  }

  void compute(const Worker& worker, Index task, const ColumnStrip& strip) const {
    const Stretch& rows = unit_rows_[static_cast<std::size_t>(task % rows_.unit_count())];
    const Index lane_stride = band_height_ * width_ * features_, group = worker.lines.group(),
                products = (rows.product_end - rows.product_begin) * strip.product_count();
    const Index steps = rows.factors * strip.stretch().factors * depth_ / products;
    ProductLookahead<T> next = after(worker.lines, task);
    next.plan(products * divide_up(features_, panels_.columns()), steps);
    ProductTile<T> tile{};
    tile.a = worker.lines.memory();
    tile.a_step = lanes_.width(group);
    tile.rows = lanes_.used(group);
    tile.c_column_step = 1;
    T* const out = out_ + group * lanes_.size * lane_stride;
    std::span<const ConvolutionAxis::Sum> sums;
    if (!is_direct()) sums = unit_sums_[static_cast<std::size_t>(task % rows_.unit_count())];
    // The sums find their outputs in the cache.
    std::array<ProductLookahead<T>, ConvolutionAxis::most_outputs> outputs;
    Index tiles = products;
    for (std::size_t i = 0; i < sums.size(); ++i) {
      const Index first = strip.sums().front().output, columns = strip.sums().back().output + 1 - first;
      outputs[i] = {out + pixel(sums[i].output, first), tile.rows, columns * features_, lane_stride};
      tiles = outputs[i].plan(tiles, steps);
    }
    for (Index first = 0; first < features_; first += tile.columns) {
      tile.b = weights_ + first * panels_.count() * depth_;
      tile.b_step = tile.b_unit = panels_.width(first);
      tile.b_next = panels_.columns() * panels_.count() * depth_;
      tile.columns = joined_columns(first);
      const T* const bias = bias_ == nullptr ? nullptr : bias_ + first;
      const SharedProducts<T> results{worker.results, tile.rows, tile.b_step, rows.product_begin, strip};
      tile.c_row_step = is_direct() ? lane_stride : tile.b_step;
      if (is_direct()) tile.bias = bias, tile.slope = slope_;
      ProductTile<T> oriented = lanes_are_columns_ ? transposed(tile) : tile;
      const Index* begin = worker.run_begins.data();
      for (Index p = rows.product_begin; p < rows.product_end; ++p)
        for (Index i = 0; i < strip.product_count(); ++i, ++begin) {
          const Index q = strip.product(i);
          oriented.runs = worker.runs.data() + begin[0];
          oriented.run_count = begin[1] - begin[0];
          if (pairs_) oriented.columns = columns_.units()[static_cast<std::size_t>(q)].count * features_;
          // Where outputs do not share products, the numbers of products are those of units.
          oriented.c = is_direct() ? out + first +
                                         pixel(rows_.units()[static_cast<std::size_t>(p)].outputs[0],
                                               columns_.units()[static_cast<std::size_t>(q)].outputs[0])
                                   : results.at(p, q);
          oriented.ahead_rows = 0;
          for (ProductLookahead<T>& row : outputs) row.share(oriented);
          next.share(oriented, divide_up(tile.columns, panels_.columns()));
          kernels_.tile(oriented);
        }
      LinearCombination<T> output{
          .columns = tile.columns, .to = out + first, .to_step = lane_stride, .bias = bias, .slope = slope_};
      if (!is_direct()) results.add_up(sums, output, width_ * features_, features_);
    }
  }
  Index pixel(Index row, Index column) const { return (row * width_ + column) * features_; }

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
  Index source_height_, source_width_, depth_, height_, width_, features_, kernel_height_, kernel_width_;
  bool lanes_are_columns_, pairs_;
  LaneGroups lanes_;
  Index band_height_;
  ConvolutionAxis rows_, columns_;
  TapPanels<T> panels_;
  Vector<Stretch> unit_rows_;
  Vector<Vector<ConvolutionAxis::Sum>> unit_sums_;
  Vector<ColumnStrip> strips_;
  typename PackedLines<T>::Sizes sizes_;
  Index most_products_ = 0, most_factors_ = 0, most_runs_ = 0;
  const T *bias_ = nullptr, *weights_ = nullptr;
  T slope_ = 1;  // of a leaky ReLU of the result
  T* out_ = nullptr;
};

}  // namespace eigengrad::kernels::detail
