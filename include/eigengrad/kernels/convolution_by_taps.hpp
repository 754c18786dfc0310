/// conv2d and its two gradients with many channels: one product for each combined tap.
#pragma once

#include <algorithm>

#include "eigengrad/kernels/convolution_geometry.hpp"
#include "eigengrad/kernels/convolution_pixels.hpp"
#include "eigengrad/kernels/convolution_terms.hpp"
#include "eigengrad/kernels/products.hpp"

namespace eigengrad::kernels::detail {

/// Outputs share products as in Gather, but all pixels of many images that meet a combined tap are multiplied
/// by it at once. Gather does so for a few rows of a few images at a time, and reads all taps for each, which
/// takes longer where they do not stay in the caches. In turn, combined sources and products take several
/// times the memory of what they are made of, or make up.
template <class T>
class ByTaps {
 public:
  /// `most_products`: values of the products that are made before they are added up, where an image has no
  /// more.
  ByTaps(const ConvolutionGeometry& g, bool gradient,
         Index most_products = (64 << 20) / static_cast<Index>(sizeof(T)))
      : g_(g),
        gradient_(gradient),
        most_products_(most_products),
        source_height_(gradient ? g.out_height : g.height),
        source_width_(gradient ? g.out_width : g.width),
        depth_(gradient ? g.out : g.in),
        height_(gradient ? g.height : g.out_height),
        width_(gradient ? g.width : g.out_width),
        features_(gradient ? g.in : g.out),
        rows_({height_, source_height_, g.kernel_height, g.stride, g.padding}, gradient),
        columns_({width_, source_width_, g.kernel_width, g.stride, g.padding}, gradient),
        places_{rows_, columns_} {
    const Index most = most_products / std::max<Index>(1, places_.size() * features_);
    const Index groups = divide_up(g.n, std::clamp<Index>(most, 1, std::max<Index>(1, g.n)));
    group_ = g.n == 0 ? 1 : divide_up(g.n, groups);
  }
  ByTaps(const ByTaps&) = delete;
  ByTaps& operator=(const ByTaps&) = delete;

  /// Whether it can do it, and channels are so many that it may pay.
  static bool suits(const ConvolutionGeometry& g, bool gradient, Index channels = 1 << 16) {
    return std::min(g.in, g.out) >= 32 && g.in * g.out >= channels && g.saved_by_sharing() > 0 &&
           std::max(g.kernel_height, g.kernel_width) <= 8 &&
           ConvolutionTerms::suits(g.kernel_height, g.stride, gradient) &&
           ConvolutionTerms::suits(g.kernel_width, g.stride, gradient);
  }
  /// Whether combined taps meet pixels enough to pay for their combination, and products of an image are not
  /// too many to be kept; and, if Gather shares products too, whether the taps that it reads for a row of
  /// pixels are more than what is written and read here.
  bool pays(bool gather_shares) const {
    const Index taps = rows_.tap_count() * columns_.tap_count(), products = places_.size() * features_;
    // A gradient's taps are transposed besides.
    const Index least = (gradient_ ? 15 : 7) * g_.stride * taps;
    if (taps == 0 || g_.n * places_.size() < least || products > most_products_) return false;
    return !gather_shares || depth_ * features_ >= 8 * width_ * (depth_ + features_);
  }

  /// Images whose products are made together.
  Index group() const { return group_; }

  void run(const T* source, const T* weights, const T* bias, T slope, T* out) const {
    BasicTensor<T> products = BasicTensor<T>::uninitialized({places_.size() * group_ * features_});
    BasicTensor<T> combined = BasicTensor<T>::uninitialized({places_.most() * group_ * depth_});
    BasicTensor<T> taps = BasicTensor<T>::uninitialized({depth_ * features_});
    for (Index image = 0; image < g_.n; image += group_) {
      Pixels<T> sources =
          pixels(source, source_height_, source_width_, depth_, std::min(group_, g_.n - image));
      sources.data += image * sources.image_step();
      places_.for_each_tap([&](Index y, Index x) {
        const T* const tap = combine(sources, weights, y, x, combined.mutable_data(), taps.mutable_data());
        const Index rows = places_.count(y, x) * sources.images;
        const ProductOperand<T> left{combined.data(), depth_, false, rows, depth_};
        const ProductOperand<T> right{tap, gradient_ ? depth_ : features_, !gradient_, features_, depth_};
        BlockedProduct<T>(left, right, depth_)
            .run(nullptr, products.mutable_data() + places_.begin(y, x) * sources.images * features_);
      });
      add_up(products.data(), sources.images, bias, slope, out + image * height_ * width_ * features_);
    }
  }

 private:
  /// The sources of a tap, [place][image][channel], and the tap, which it returns.
  const T* combine(const Pixels<T>& sources, const T* weights, Index y, Index x, T* combined, T* taps) const {
    const Index size = depth_ * features_, places = places_.count(y, x);
    LinearCombination<T> tap;
    add_terms(tap, rows_.tap(y), columns_.tap(x), [&](Index i, Index j) {
      return weights + tap_number(g_.kernel_height, g_.kernel_width, i, j, gradient_) * size;
    });
    const Index chunk = 8192, chunks = tap.is_copy() ? 0 : divide_up(size, chunk);
    const double work = static_cast<double>(places * sources.combined_size() + chunks * chunk);
    parallel_for(places + chunks, work, [&](Index task) {
      if (task < places)
        return sources.combine(rows_.source(places_.row(y, x, task)),
                               columns_.source(places_.column(x, task)),
                               combined + task * sources.combined_size());
      const Index begin = (task - places) * chunk;
      LinearCombination<T> part = tap;
      for (Index i = 0; i < part.count; ++i) part.terms[i] += begin;
      part.columns = std::min(chunk, size - begin);
      part.to = taps + begin;
      product_kernels<T>().combine(part);
    });
    return tap.is_copy() ? tap.terms[0] : taps;
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
  Index most_products_, source_height_, source_width_, depth_, height_, width_, features_;
  ConvolutionTerms rows_, columns_;
  ConvolutionPlaces places_;
  Index group_;
};

/// The weight gradient in the same way: the gradients of combined taps are one product each, of all combined
/// sources that meet it and of what the outputs send to them. Those of taps are sums of them.
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

  /// Whether it can do it, and channels of both are so many that it may pay.
  static bool suits(const ConvolutionGeometry& g) {
    return ByTaps<T>::suits(g, false, 1 << 17) && g.in * g.out >= 96 * (g.in + g.out);
  }
  /// Whether combined taps meet pixels enough to pay for what is added besides, and what is kept takes no
  /// more than 256 MB.
  bool pays() const {
    const Index taps = rows_.tap_count() * columns_.tap_count(),
                most = (256 << 20) / static_cast<Index>(sizeof(T));
    return taps > 0 && g_.n * places_.size() >= 48 * g_.stride * g_.stride * taps &&
           places_.most() * g_.n * (g_.in + g_.out) + taps * g_.in * g_.out <= most;
  }

  void run(const T* x, const T* dy, T* dw) const {
    const Pixels<T> sources = pixels(x, g_.height, g_.width, g_.in, g_.n);
    const Pixels<T> outputs = pixels(dy, g_.out_height, g_.out_width, g_.out, g_.n);
    const Index tap = g_.in * g_.out;
    BasicTensor<T> combined = BasicTensor<T>::uninitialized({places_.most() * sources.combined_size()});
    BasicTensor<T> received = BasicTensor<T>::uninitialized({places_.most() * outputs.combined_size()});
    BasicTensor<T> taps = BasicTensor<T>::uninitialized({rows_.tap_count() * columns_.tap_count() * tap});
    places_.for_each_tap([&](Index i, Index j) {
      const Index places = places_.count(i, j), k = places * g_.n;
      T *const to = combined.mutable_data(), *const received_to = received.mutable_data();
      parallel_for(
          2 * places, static_cast<double>(places * (sources.combined_size() + outputs.combined_size())),
          [&](Index task) {
            const Index place = task / 2, row = places_.row(i, j, place), column = places_.column(j, place);
            if (task % 2 == 0)
              sources.combine(rows_.source(row), columns_.source(column),
                              to + place * sources.combined_size());
            else
              outputs.combine(rows_.receivers(row), columns_.receivers(column),
                              received_to + place * outputs.combined_size());
          });
      const ProductOperand<T> left{to, g_.in, true, g_.in, k}, right{received_to, g_.out, true, g_.out, k};
      BlockedProduct<T>(left, right, k, longest_chain)
          .run(nullptr, taps.mutable_data() + (i * columns_.tap_count() + j) * tap);
    });
    add_up(taps.data(), dw);
  }

 private:
  template <class V>
  using Vector = ConvolutionTerms::Vector<V>;

  /// Steps of k that are added one to another: with more, errors are larger than those of plain sums, which
  /// are made of parts.
  static constexpr Index longest_chain = 128;

  void add_up(const T* taps, T* dw) const {
    const Index size = g_.in * g_.out, chunk = 8192, chunks = divide_up(size, chunk),
                count = g_.kernel_height * g_.kernel_width;
    Vector<Combination> rows, columns;  // of combined taps that make up a tap
    for (Index a = 0; a < g_.kernel_height; ++a) rows.push_back(rows_.combined_with(a));
    for (Index b = 0; b < g_.kernel_width; ++b) columns.push_back(columns_.combined_with(b));
    parallel_for(count * chunks, static_cast<double>(count * size * 4), [&](Index task) {
      const Index tap = task / chunks, begin = task % chunks * chunk;
      LinearCombination<T> sum{.columns = std::min(chunk, size - begin), .to = dw + tap * size + begin};
      add_terms(sum, rows[static_cast<std::size_t>(tap / g_.kernel_width)],
                columns[static_cast<std::size_t>(tap % g_.kernel_width)],
                [&](Index i, Index j) { return taps + (i * columns_.tap_count() + j) * size + begin; });
      product_kernels<T>().combine(sum);
    });
  }

  ConvolutionGeometry g_;
  ConvolutionTerms rows_, columns_;
  ConvolutionPlaces places_;
};

}  // namespace eigengrad::kernels::detail
