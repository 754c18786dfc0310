/// conv2d_weight_gradient where outputs share products.
#pragma once

#include <algorithm>
#include <optional>
#include <utility>
#include <vector>

#include "eigengrad/kernels/convolution_axis.hpp"
#include "eigengrad/kernels/convolution_combined_rows.hpp"
#include "eigengrad/kernels/convolution_geometry.hpp"
#include "eigengrad/kernels/convolution_weight_gradient.hpp"
#include "eigengrad/kernels/products.hpp"

namespace eigengrad::kernels::detail {

/// With the products of both axes of the convolution, and dy[p] the sum of dy of the outputs that product p
/// is part of, times its coefficient in each: the gradient of a combined tap is the sum over products p that
/// it is a factor of, of the combined source that it is multiplied with there times dy[p]; a tap's is the sum
/// of those of the combinations it is in.
///
/// Tasks are parts of the images and rows times some input channels. Of a block of a part, sources and dy are
/// combined as [row][column][image][channel], only the rows of one combined tap at a time, and columns such
/// that those of one combined tap follow each other: as the runs of k of a product they need no packing.
template <class T>
class SharedWeightGradient {
 public:
  explicit SharedWeightGradient(const ConvolutionGeometry& g)
      : g_(g),
        kernels_(product_kernels<T>()),
        rows_({g.out_height, g.height, g.kernel_height, g.stride, g.padding}, {.share = true}),
        columns_({g.out_width, g.width, g.kernel_width, g.stride, g.padding}, {.share = true}),
        tap_columns_(columns_.tap_count()),
        taps_(rows_.tap_count() * tap_columns_) {
    row_outputs_ = outputs_of(rows_);
    for (Index a = 0; a < g.kernel_height; ++a) row_taps_.push_back(rows_.combined_with(a));
    for (Index b = 0; b < g.kernel_width; ++b) column_taps_.push_back(columns_.combined_with(b));
    const Index size = g.kernel_height * g.kernel_width * g.in * g.out;
    const Index most_parts = std::clamp<Index>((Index{1} << 22) / size, 1, 4);
    chunk_ = std::clamp<Index>(divide_up(g.in, divide_up(8, most_parts)), 32, 128);
    chunk_ = std::min(g.in, round_up(chunk_, kernels_.row_step));
    const Index units = rows_.unit_count();
    const Index row_size = columns_.source_count() * chunk_ + columns_.product_count() * g.out;
    const Index image_size = most_factors(rows_.whole()) * row_size;
    constexpr Index most = (360 << 10) / static_cast<Index>(sizeof(T));  // a third of the second-level cache
    images_ = std::clamp<Index>(most / image_size, 1, divide_up(g.n, most_parts));
    images_ = divide_up(g.n, round_up(divide_up(g.n, images_), most_parts));
    row_blocks_ = std::clamp<Index>(divide_up(images_ * image_size, most), 1, units);
    blocks_ = divide_up(g.n, images_) * row_blocks_;
    parts_ = std::min(blocks_, most_parts);
    for (Index i = 0; i < row_blocks_; ++i) {
      row_stretches_.push_back(rows_.stretch(units * i / row_blocks_, units * (i + 1) / row_blocks_));
      most_rows_ = std::max(most_rows_, most_factors(row_stretches_.back()));
    }
    place_columns();
  }

  /// Whether it pays: both operands are combined, so that sharing must save more than in the other
  /// directions.
  static bool pays(const ConvolutionGeometry& g) {
    return g.saved_by_sharing() >= 0.4 && g.pays_sharing(g.out_height * g.out_width);
  }

  void run(const T* x, const T* dy, T* dw) {
    const Index chunks = divide_up(g_.in, chunk_), size = g_.kernel_height * g_.kernel_width * g_.in * g_.out;
    const double work =
        static_cast<double>(size) * static_cast<double>(g_.n * g_.out_height * g_.out_width) / 8;
    const int threads = threads_for(parts_ * chunks, work);
    // Tiles read past the last row, up to a whole one.
    const Index source_size = most_rows_ * columns_.source_count() * images_ * chunk_ + kernels_.rows;
    const Index dy_size = most_rows_ * columns_.product_count() * images_ * g_.out + kernels_.columns;
    const Index staging_size = std::max(combined_x_->staging_size(), combined_dy_->staging_size());
    const Index sums_size = taps_ * chunk_ * g_.out,
                worker_size = source_size + dy_size + sums_size + staging_size;
    BasicTensor<T> memory = BasicTensor<T>::uninitialized({threads * worker_size});
    BasicTensor<T> partial = BasicTensor<T>::uninitialized({parts_ > 1 ? parts_ * size : 0});
    Vector<ProductRun> runs(static_cast<std::size_t>(threads * most_runs()));
    Vector<Index> dy_rows(static_cast<std::size_t>(threads * most_rows_));
    x_ = x, dy_ = dy;
    parallel_for(parts_ * chunks, work, [&](Index task, int thread) {
      T* const sources = memory.mutable_data() + thread * worker_size;
      Worker worker{sources,
                    sources + source_size,
                    sources + source_size + dy_size,
                    sources + source_size + dy_size + sums_size,
                    runs.data() + thread * most_runs(),
                    dy_rows.data() + thread * most_rows_,
                    task % chunks * chunk_,
                    0};
      worker.channels = std::min(chunk_, g_.in - worker.first);
      const Index part = task / chunks, begin = first_block(part), end = first_block(part + 1);
      for (Index block = begin; block < end; ++block) {
        Place next{block + 1, worker.first};
        if (block + 1 == end) next = {first_block((task + 1) / chunks), (task + 1) % chunks * chunk_};
        add_block(worker, block, block > begin, next);
      }
      separate_taps(worker, parts_ > 1 ? partial.mutable_data() + part * size : dw);
    });
    if (parts_ > 1) add_parts<T>(partial.data(), parts_, size / g_.out, g_.out, nullptr, dw);
  }

 private:
  template <class V>
  using Vector = std::vector<V, PoolAllocator<V>>;
  using Stretch = ConvolutionAxis::Stretch;

  struct Worker {
    T *sources, *dy, *sums, *staging;  // combined sources and dy of a block, gradients of combined taps
    ProductRun* runs;
    Index* rows;            // the products whose dy is there
    Index first, channels;  // of the input
  };
  /// Sources and products that are multiplied with each other, next to each other in both.
  struct ColumnRun {
    Index tap, source, product, count;
  };

  /// A block and the first of its input channels.
  struct Place {
    Index block, channel;
  };

  /// The first block of a part.
  Index first_block(Index part) const { return blocks_ * part / parts_; }
  Index most_runs() const { return most_rows_ * static_cast<Index>(column_runs_.size()); }

  /// The outputs that each product of an axis is part of.
  static Vector<Combination> outputs_of(const ConvolutionAxis& axis) {
    Vector<Combination> outputs;
    axis.for_each_product(axis.whole(), [&](const Combination& terms, Index) { outputs.push_back(terms); });
    return outputs;
  }
  void place_columns() {
    Vector<Index> source_places(static_cast<std::size_t>(columns_.source_count()), -1),
        product_places(static_cast<std::size_t>(columns_.product_count()), -1);
    Index sources = 0, products = 0;
    for (Index tap = 0; tap < tap_columns_; ++tap)
      for (Index p = 0; p < columns_.product_count(); ++p)
        for (const auto& factor : columns_.factors(p)) {
          if (factor.tap != tap) continue;
          Index& source = source_places[static_cast<std::size_t>(factor.source)];
          Index& product = product_places[static_cast<std::size_t>(p)];
          if (source < 0) source = sources++;
          if (product < 0) product = products++;
          ColumnRun* const last = column_runs_.empty() ? nullptr : &column_runs_.back();
          if (last != nullptr && last->tap == tap && last->source + last->count == source &&
              last->product + last->count == product)
            ++last->count;
          else
            column_runs_.push_back({tap, source, product, 1});
        }
    // Those without a factor.
    for (Index& place : source_places)
      if (place < 0) place = sources++;
    for (Index& place : product_places)
      if (place < 0) place = products++;
    Vector<Combination> column_sources;
    for (Index i = 0; i < columns_.source_count(); ++i) column_sources.push_back(columns_.source(i));
    combined_x_.emplace(column_sources, source_places, g_.width, images_);
    combined_dy_.emplace(outputs_of(columns_), product_places, g_.out_width, images_);
  }

  /// The most factors with the same tap in some rows.
  Index most_factors(const Stretch& rows) const {
    Index most = 1;
    for (Index tap = 0; tap < rows_.tap_count(); ++tap) {
      Index count = 0;
      for_each_factor(rows, tap, [&](Index, Index) { ++count; });
      most = std::max(most, count);
    }
    return most;
  }
  /// Calls body(combined source, product) for each product of some rows that a combined tap is a factor of.
  template <class Body>
  void for_each_factor(const Stretch& rows, Index tap, Body&& body) const {
    for (Index p = rows.product_begin; p < rows.product_end; ++p)
      for (const auto& factor : rows_.factors(p))
        if (factor.tap == tap) body(factor.source, p);
  }

  /// Adds what a block contributes to the gradients of the combined taps, for one tap of the rows after the
  /// other.
  void add_block(const Worker& worker, Index block, bool accumulate, Place next) const {
    const Index first = block / row_blocks_ * images_, images = std::min(images_, g_.n - first);
    const Stretch& rows = row_stretches_[static_cast<std::size_t>(block % row_blocks_)];
    const Pixels<T> x{.data = x_ + first * g_.height * g_.width * g_.in + worker.first,
                      .height = g_.height,
                      .width = g_.width,
                      .stride = g_.in,
                      .channels = worker.channels,
                      .images = images};
    const Pixels<T> dy{.data = dy_ + first * g_.out_height * g_.out_width * g_.out,
                       .height = g_.out_height,
                       .width = g_.out_width,
                       .stride = g_.out,
                       .channels = g_.out,
                       .images = images};
    std::fill_n(worker.rows, most_rows_, -1);
    ProductLookahead<T> next_x, next_dy;
    const Index from = next.block / row_blocks_ * images_;
    if (from < g_.n && (from != first || next.channel != worker.first)) {
      const Index count = std::min(images_, g_.n - from), channels = std::min(chunk_, g_.in - next.channel);
      const Index x_pixels = g_.height * g_.width, dy_size = g_.out_height * g_.out_width * g_.out;
      next_x = {x_ + from * x_pixels * g_.in + next.channel, count * x_pixels, channels, g_.in};
      if (from != first) next_dy = {dy_ + from * dy_size, count, dy_size, dy_size};
    }
    const Index row_tiles = divide_up(g_.out, kernels_.columns);
    const Index tiles = taps_ * divide_up(worker.channels, kernels_.rows) * row_tiles;
    const Index steps = images * most_rows_ * columns_.factor_count() / tap_columns_;
    next_x.plan(next_dy.plan(tiles, steps), steps);
    ProductTile<T> tile{};
    tile.a_step = worker.channels;
    tile.b = worker.dy;
    tile.b_step = tile.b_unit = g_.out;
    tile.b_next = kernels_.columns;
    tile.columns = g_.out;
    tile.c_row_step = g_.out;
    tile.runs = worker.runs;
    tile.accumulate = accumulate;
    for (Index row_tap = 0; row_tap < rows_.tap_count(); ++row_tap) {
      Index count = 0;
      for_each_factor(rows, row_tap, [&](Index source, Index product) {
        combined_x_->combine(x, rows_.source(source), worker.staging,
                             worker.sources + count * columns_.source_count() * images * worker.channels);
        if (std::exchange(worker.rows[count], product) != product)
          combined_dy_->combine(dy, row_outputs_[static_cast<std::size_t>(product)], worker.staging,
                                worker.dy + count * columns_.product_count() * images * g_.out);
        ++count;
      });
      for (Index column_tap = 0; column_tap < tap_columns_; ++column_tap) {
        tile.run_count = list_runs(worker, count, column_tap, images);
        T* const sums = worker.sums + (row_tap * tap_columns_ + column_tap) * worker.channels * g_.out;
        for (Index i = 0; i < worker.channels; i += tile.rows) {
          tile.rows = tile_height(kernels_, kernels_.rows, worker.channels - i);
          tile.a = worker.sources + i;
          tile.c = sums + i * g_.out;
          tile.ahead_rows = 0;
          next_x.share(tile, row_tiles);
          next_dy.share(tile, row_tiles);
          kernels_.tile(tile);
        }
      }
    }
  }

  /// The runs of a tap of the columns in so many combined rows.
  Index list_runs(const Worker& worker, Index rows, Index tap, Index images) const {
    Index count = 0;
    for (Index row = 0; row < rows; ++row)
      for (const ColumnRun& run : column_runs_)
        if (run.tap == tap)
          worker.runs[count++] = {(row * columns_.source_count() + run.source) * images * worker.channels,
                                  (row * columns_.product_count() + run.product) * images,
                                  run.count * images};
    return count;
  }

  /// The gradients of taps from those of combined taps, for the worker's input channels.
  void separate_taps(const Worker& worker, T* dw) const {
    const Index size = worker.channels * g_.out;
    for (Index a = 0; a < g_.kernel_height; ++a)
      for (Index b = 0; b < g_.kernel_width; ++b) {
        LinearCombination<T> sum{.columns = size,
                                 .to = dw + ((a * g_.kernel_width + b) * g_.in + worker.first) * g_.out};
        add_terms(sum, row_taps_[static_cast<std::size_t>(a)], column_taps_[static_cast<std::size_t>(b)],
                  [&](Index y, Index x) { return worker.sums + (y * tap_columns_ + x) * size; });
        kernels_.combine(sum);
      }
  }

  ConvolutionGeometry g_;
  const ProductKernels<T>& kernels_;
  ConvolutionAxis rows_, columns_;
  Index tap_columns_, taps_;
  Vector<ColumnRun> column_runs_;
  Vector<Combination> row_outputs_;             // of its products
  Vector<Combination> row_taps_, column_taps_;  // the combined taps that each is in
  std::optional<CombinedRows<T>> combined_x_, combined_dy_;
  Index images_ = 1;      // of a block
  Index row_blocks_ = 1;  // blocks with the same images
  Index blocks_ = 1, parts_ = 1;
  Index chunk_ = 1;  // input channels of a task
  Vector<Stretch> row_stretches_;
  Index most_rows_ = 0;
  const T *x_ = nullptr, *dy_ = nullptr;
};

}  // namespace eigengrad::kernels::detail
