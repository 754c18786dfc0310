/// conv2d and its two gradients with many channels: one product for each list of combined taps.
#pragma once

#include <algorithm>

#include "eigengrad/kernels/convolution_geometry.hpp"
#include "eigengrad/kernels/convolution_pixels.hpp"
#include "eigengrad/kernels/convolution_tap_lists.hpp"
#include "eigengrad/kernels/products.hpp"

namespace eigengrad::kernels::detail {

/// Outputs share products as in Gather, but all pixels of many images that meet the same combined taps are
/// multiplied by them at once. Gather does so for a few rows of a few images at a time, and reads all taps
/// for each, which takes longer where they do not stay in the caches. In turn, combined sources and products
/// take several times the memory of what they are made of, or make up. Products of several factors are sums
/// over the channels of them all, which lie side by side.
template <class T>
class ByTaps {
 public:
  /// `most_kept`: values of products, or of what is multiplied by a list of taps, that are kept, where an
  /// image has no more.
  ByTaps(const ConvolutionGeometry& g, bool gradient,
         Index most_kept = (64 << 20) / static_cast<Index>(sizeof(T)))
      : g_(g),
        gradient_(gradient),
        most_kept_(most_kept),
        source_height_(gradient ? g.out_height : g.height),
        source_width_(gradient ? g.out_width : g.width),
        depth_(gradient ? g.out : g.in),
        height_(gradient ? g.height : g.out_height),
        width_(gradient ? g.width : g.out_width),
        features_(gradient ? g.in : g.out),
        rows_({height_, source_height_, g.kernel_height, g.stride, g.padding}, gradient, splits()),
        columns_({width_, source_width_, g.kernel_width, g.stride, g.padding}, gradient, splits()),
        places_{rows_, columns_} {
    const Index image = std::max(places_.size() * features_, places_.most().factors * depth_);
    const Index most = most_kept / std::max<Index>(1, image);
    const Index groups = divide_up(g.n, std::clamp<Index>(most, 1, std::max<Index>(1, g.n)));
    group_ = g.n == 0 ? 1 : divide_up(g.n, groups);
  }
  ByTaps(const ByTaps&) = delete;
  ByTaps& operator=(const ByTaps&) = delete;

  /// Whether outputs can share products, and channels are so many that it may pay.
  static bool suits(const ConvolutionGeometry& g, Index channels = 1 << 16) {
    return std::min(g.in, g.out) >= 32 && g.in * g.out >= channels && g.saved_by_sharing() > 0 &&
           std::max(g.kernel_height, g.kernel_width) <= 8;
  }
  /// Whether combined taps meet pixels enough to pay for their combination, and products of an image or taps
  /// of a list are not too many to be kept; and, if Gather shares products too, whether the taps that it
  /// reads for a row of pixels are more than what is written and read here.
  bool pays(bool gather_shares) const {
    const Index taps = places_.tap_count(),
                kept = std::max(places_.size(), places_.most().taps * depth_) * features_;
    const Index least = (gradient_ ? 15 : 7 * g_.stride) * taps;  // a gradient's taps are transposed besides
    if (taps == 0 || g_.n * places_.factor_count() < least || kept > most_kept_) return false;
    return !gather_shares || taps * depth_ * features_ >= 128 * width_ * (depth_ + features_);
  }

  /// Images whose products are made together.
  Index group() const { return group_; }
  /// Whether copying taps takes longer than making and adding up more products.
  bool splits() const { return g_.n * height_ * width_ <= 7 * depth_; }

  void run(const T* source, const T* weights, const T* bias, T slope, T* out) const {
    const ConvolutionPlaces::Most most = places_.most();
    BasicTensor<T> products = BasicTensor<T>::uninitialized({places_.size() * group_ * features_});
    BasicTensor<T> combined = BasicTensor<T>::uninitialized({most.factors * group_ * depth_});
    BasicTensor<T> taps = BasicTensor<T>::uninitialized({most.taps * depth_ * features_});
    for (Index image = 0; image < g_.n; image += group_) {
      Pixels<T> sources =
          pixels(source, source_height_, source_width_, depth_, std::min(group_, g_.n - image));
      sources.data += image * sources.image_step();
      places_.for_each_list([&](Index y, Index x) {
        const T* const tap = combine(sources, weights, y, x, combined.mutable_data(), taps.mutable_data());
        const Index rows = places_.count(y, x) * sources.images, k = places_.length(y, x) * depth_;
        const ProductOperand<T> left{combined.data(), k, false, rows, k};
        const ProductOperand<T> right{tap, gradient_ ? k : features_, !gradient_, features_, k};
        // Longer chains of sums over several taps would round worse than plain sums.
        const Index chain = places_.length(y, x) > 1 ? 128 : k;
        BlockedProduct<T>(left, right, k, std::max<Index>(1, chain))
            .run(nullptr, products.mutable_data() + places_.begin(y, x) * sources.images * features_);
      });
      add_up(products.data(), sources.images, bias, slope, out + image * height_ * width_ * features_);
    }
  }

 private:
  /// Tap i of a list.
  LinearCombination<T> tap(const T* weights, Index y, Index x, Index i) const {
    LinearCombination<T> sum{.rows = g_.in, .columns = g_.out, .from_step = g_.out};
    const Index width = columns_.length(x);
    add_terms(sum, rows_.tap(y, i / width), columns_.tap(x, i % width), [&](Index a, Index b) {
      return weights + tap_number(g_.kernel_height, g_.kernel_width, a, b, gradient_) * g_.in * g_.out;
    });
    return sum;
  }
  /// Makes the sources of a list, [place][image][tap][channel], and its taps, [tap][channel][feature] or for
  /// a gradient [feature][tap][channel]. Returns where the taps are.
  const T* combine(const Pixels<T>& sources, const T* weights, Index y, Index x, T* combined, T* taps) const {
    const Index places = places_.count(y, x), length = places_.length(y, x), width = columns_.length(x),
                k = length * depth_;
    const LinearCombination<T> first = tap(weights, y, x, 0);
    const bool is_copy = length == 1 && first.is_copy();
    const Index chunk = std::max<Index>(1, 8192 / g_.out), chunks = is_copy ? 0 : divide_up(g_.in, chunk);
    const double work =
        static_cast<double>(length * (places * sources.combined_size() + chunks * chunk * g_.out));
    parallel_for(length * (places + chunks), work, [&](Index task) {
      if (task < length * places) {
        const Index place = task / length, i = task % length;
        return sources.combine(rows_.source(places_.row(y, x, place), i / width),
                               columns_.source(places_.column(x, place), i % width),
                               combined + place * sources.images * k + i * depth_, k);
      }
      const Index i = (task - length * places) / chunks, begin = (task - length * places) % chunks * chunk;
      LinearCombination<T> part = tap(weights, y, x, i);
      for (Index t = 0; t < part.count; ++t) part.terms[t] += begin * g_.out;
      part.rows = std::min(chunk, g_.in - begin);
      part.to = taps + (gradient_ ? begin * k + i * depth_ : (i * depth_ + begin) * features_);
      part.to_step = gradient_ ? k : features_;
      product_kernels<T>().combine(part);
    });
    return is_copy ? first.terms[0] : taps;
  }

  void add_up(const T* products, Index images, const T* bias, T slope, T* out) const {
    const Index product = images * features_, pixels = height_ * width_;
    parallel_for(pixels, static_cast<double>(pixels * product * 4), [&](Index pixel) {
      LinearCombination<T> sum{.rows = images,
                               .columns = features_,
                               .from_step = features_,
                               .to = out + pixel * features_,
                               .to_step = pixels * features_,
                               .bias = bias,
                               .slope = slope};
      add_terms(sum, rows_.output(pixel / width_), columns_.output(pixel % width_),
                [&](Index i, Index j) { return products + places_.at(i, j) * product; });
      product_kernels<T>().combine(sum);
    });
  }

  ConvolutionGeometry g_;
  bool gradient_;
  Index most_kept_, source_height_, source_width_, depth_, height_, width_, features_;
  TapLists rows_, columns_;
  ConvolutionPlaces places_;
  Index group_;
};

/// The weight gradient in the same way: the gradients of a list of combined taps are one product, of all
/// combined sources that meet them and of what the outputs send to them. Those of taps are sums of them.
template <class T>
class WeightGradientByTaps {
 public:
  explicit WeightGradientByTaps(const ConvolutionGeometry& g)
      : g_(g),
        rows_({g.out_height, g.height, g.kernel_height, g.stride, g.padding}, false),
        columns_({g.out_width, g.width, g.kernel_width, g.stride, g.padding}, false),
        places_{rows_, columns_} {}
  WeightGradientByTaps(const WeightGradientByTaps&) = delete;
  WeightGradientByTaps& operator=(const WeightGradientByTaps&) = delete;

  /// Whether outputs can share products, and channels of both are so many that it may pay.
  static bool suits(const ConvolutionGeometry& g) {
    return ByTaps<T>::suits(g, 1 << 17) && g.in * g.out >= 96 * (g.in + g.out);
  }
  /// Whether combined taps meet pixels enough to pay for what is added besides, and what is kept takes no
  /// more than 256 MB.
  bool pays() const {
    const Index taps = places_.tap_count(), size = (256 << 20) / static_cast<Index>(sizeof(T));
    const ConvolutionPlaces::Most most = places_.most();
    return taps > 0 && g_.n * places_.factor_count() >= 48 * taps &&
           g_.n * places_.saved_count() >= 16 * taps &&
           g_.n * (most.factors * g_.in + most.products * g_.out) + taps * g_.in * g_.out <= size;
  }

  void run(const T* x, const T* dy, T* dw) const {
    const Pixels<T> sources = pixels(x, g_.height, g_.width, g_.in, g_.n);
    const Pixels<T> outputs = pixels(dy, g_.out_height, g_.out_width, g_.out, g_.n);
    const ConvolutionPlaces::Most most = places_.most();
    BasicTensor<T> combined = BasicTensor<T>::uninitialized({most.factors * sources.combined_size()});
    BasicTensor<T> received = BasicTensor<T>::uninitialized({most.products * outputs.combined_size()});
    BasicTensor<T> taps = BasicTensor<T>::uninitialized({places_.tap_count() * g_.in * g_.out});
    places_.for_each_list([&](Index a, Index b) {
      const Index places = places_.count(a, b), length = places_.length(a, b), width = columns_.length(b),
                  k = places * g_.n, rows = length * g_.in;
      T *const to = combined.mutable_data(), *const received_to = received.mutable_data();
      const double work =
          static_cast<double>(places * (length * sources.combined_size() + outputs.combined_size()));
      parallel_for(places * (length + 1), work, [&](Index task) {
        const Index place = task / (length + 1), i = task % (length + 1), row = places_.row(a, b, place),
                    column = places_.column(b, place);
        if (i < length)
          sources.combine(rows_.source(row, i / width), columns_.source(column, i % width),
                          to + place * length * sources.combined_size() + i * g_.in, rows);
        else
          outputs.combine(rows_.receivers(row), columns_.receivers(column),
                          received_to + place * outputs.combined_size(), g_.out);
      });
      const ProductOperand<T> left{to, rows, true, rows, k}, right{received_to, g_.out, true, g_.out, k};
      BlockedProduct<T>(left, right, k, length > 1 ? longest_chain / 2 : longest_chain)
          .run(nullptr, taps.mutable_data() + places_.tap_begin(a, b) * g_.in * g_.out);
    });
    add_up(taps.data(), dw);
  }

 private:
  template <class V>
  using Vector = TapLists::Vector<V>;

  /// Steps of k that are added one to another, half as many for lists of several taps: with more, errors are
  /// larger than those of plain sums, which are made of parts.
  static constexpr Index longest_chain = 128;

  void add_up(const T* taps, T* dw) const {
    const Index size = g_.in * g_.out, chunk = 8192, chunks = divide_up(size, chunk),
                count = g_.kernel_height * g_.kernel_width;
    Vector<Vector<TapLists::Member>> rows, columns;  // of each tap
    for (Index a = 0; a < g_.kernel_height; ++a) rows.push_back(rows_.members(a));
    for (Index b = 0; b < g_.kernel_width; ++b) columns.push_back(columns_.members(b));
    parallel_for(count * chunks, static_cast<double>(count * size * 4), [&](Index task) {
      const Index tap = task / chunks, begin = task % chunks * chunk;
      LinearCombination<T> sum{.columns = std::min(chunk, size - begin), .to = dw + tap * size + begin};
      for (const TapLists::Member& row : rows[static_cast<std::size_t>(tap / g_.kernel_width)])
        for (const TapLists::Member& column : columns[static_cast<std::size_t>(tap % g_.kernel_width)]) {
          if (sum.is_full()) {
            product_kernels<T>().combine(sum);
            sum.count = 0;
            sum.add(sum.to, 1);
          }
          const Index number =
              places_.tap_begin(row.list, column.list) + row.i * columns_.length(column.list) + column.i;
          sum.add(taps + number * size + begin, static_cast<T>(row.factor * column.factor));
        }
      product_kernels<T>().combine(sum);
    });
  }

  ConvolutionGeometry g_;
  TapLists rows_, columns_;
  ConvolutionPlaces places_;
};

}  // namespace eigengrad::kernels::detail
