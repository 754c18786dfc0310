/// One axis of a convolution as a bilinear algorithm: which products of sources and taps make up its outputs.
#pragma once

#include <algorithm>
#include <array>
#include <initializer_list>
#include <span>
#include <utility>
#include <vector>

#include "eigengrad/core/tensor.hpp"
#include "eigengrad/kernels/combination.hpp"
#include "eigengrad/kernels/convolution_taps.hpp"

namespace eigengrad::kernels::detail {

/// Sources, kernel coordinates and outputs of one axis of a convolution, or of its input gradient, where the
/// kernel is numbered backwards, so that neighbours are neighbours in both.
///
/// Output i of a convolution is the sum over taps k of x[i stride + k - padding] w[k]. Unless outputs share
/// products that is what is computed: one product for each output, of each of its taps. Where they do, two
/// outputs
///
///     y0 = x0 w0 + x1 w1,   y1 = x1 w0 + x2 w1
///
/// take three multiplications instead of four, y0 = (x0 - x1) w0 + x1 (w0 + w1), y1 = x1 (w0 + w1) +
/// (x2 - x1) w1; and three outputs of two taps, or two outputs of three taps, four instead of six:
///
///     a = (x0 - x2) w0,  b = (x1 + x2) (w0 + w1 + w2) / 2,  d = (x2 - x1) (w0 - w1 + w2) / 2,
///     c = (x3 - x1) times the last tap,
///     y0 = a + b + d,  y1 = b - d (+ c if it is the last),  y2 = b + d + c
///
/// Longer kernels are sums of such parts: a, b, c and d of all parts are added up before they make up
/// outputs. Three outputs are taken together where all parts have two taps. In two outputs that are taken
/// together no source is but those that they depend on; of three, x2 cancels in the first, and x1 in the
/// last. Source: S. Winograd, "Arithmetic Complexity of Computations", SIAM 1980; A. Lavin and S. Gray, "Fast
/// Algorithms for Convolutional Neural Networks", arXiv 1509.09308.
class ConvolutionAxis {
 public:
  template <class V>
  using Vector = ConvolutionTaps::Vector<V>;
  /// One term of a product, by the numbers of a combined source and a combined tap. Of a pair of outputs, the
  /// tap of the first one; the second meets the source `pair_shift` taps earlier.
  struct Factors {
    Index source, tap;
    TileHalf half = TileHalf::both;  // of a pair, the outputs that have it
  };
  static constexpr Index most_outputs = ConvolutionTaps::most_outputs;
  /// A sum of products of factors; each output of its unit contains it so many times.
  struct Product {
    Index begin = 0, end = 0;
    std::array<double, most_outputs> times{};
  };
  /// One output, or more that share products.
  struct Unit {
    Index begin = 0, end = 0;
    std::array<Index, most_outputs> outputs{};
    Index count = 0;
  };

  struct Options {
    bool gradient = false;     // outputs and sources are those of the input gradient
    bool clip = true;          // sources outside of [0, sources) are left out
    bool share = false;        // neighbouring outputs share products, if they have a tap in common
    bool pair = false;         // or two of them are one product, each half of a tile
    bool pairs_first = false;  // rather two pairs than three outputs and one left over of more than one part
  };

  ConvolutionAxis(const ConvolutionExtents& extents, const Options& options)
      : axis_(extents, options.gradient),
        e_(axis_.extents()),
        clip_(options.clip),
        shares_(options.share && extents.kernel > extents.stride),
        pair_shift_(options.pair ? axis_.source_step() : 0) {
    if (options.pair) {
      for (Index output = 0; output < e_.outputs; output += 2)
        add_single(output, std::min<Index>(2, e_.outputs - output));
      return;
    }
    const Index step = std::min(axis_.output_step(), std::max<Index>(1, e_.outputs));
    Vector<Index> next(at(step));
    for (Index first = 0; first < step; ++first) next[at(first)] = first;
    for (Index left = e_.outputs; left > 0;)
      for (Index first = 0; first < step; ++first) {
        Index& output = next[at(first)];
        if (output >= e_.outputs) continue;
        const Index alike = (e_.outputs - 1 - output) / step + 1;  // that meet the same taps
        const Index count =
            shares_ ? axis_.next_together(output, alike, output == first, options.pairs_first) : 1;
        if (count > 1)
          add_unit(output, step, count);
        else
          add_single(output);
        output += count * step;
        left -= count;
      }
  }

  /// Units next to each other: their products, and what they read, as combined sources and as sources.
  struct Stretch {
    Index unit_begin = 0, unit_end = 0, product_begin = 0, product_end = 0, factors = 0;
    Index combined_begin = 0, combined_end = 0, source_begin = 0, source_end = 0;
    Index combined_count() const { return combined_end - combined_begin; }
  };
  Stretch stretch(Index unit_begin, Index unit_end) const {
    Stretch s{.unit_begin = unit_begin,
              .unit_end = unit_end,
              .product_begin = units_[at(unit_begin)].begin,
              .product_end = units_[at(unit_end - 1)].end};
    const auto extend = [](Index& begin, Index& end, Index i, bool is_first) {
      begin = is_first ? i : std::min(begin, i);
      end = is_first ? i + 1 : std::max(end, i + 1);
    };
    for (Index p = s.product_begin; p < s.product_end; ++p)
      for (const Factors& f : factors(p)) {
        const Combination source = this->source(f.source);
        extend(s.combined_begin, s.combined_end, f.source, s.factors == 0);
        for (Index i = 0; i < source.count; ++i)
          extend(s.source_begin, s.source_end, source.at[at(i)], s.factors == 0 && i == 0);
        ++s.factors;
      }
    return s;
  }

  /// The products that make up an output.
  struct Sum {
    Index output;
    Combination products;
  };
  /// Those of the outputs of a stretch.
  Vector<Sum> sums(const Stretch& s) const {
    Vector<Sum> result;
    for (Index u = s.unit_begin; u < s.unit_end; ++u)
      for (Index i = 0; i < units_[at(u)].count; ++i) {
        Sum& sum = result.emplace_back(Sum{units_[at(u)].outputs[at(i)], {}});
        for (Index p = units_[at(u)].begin; p < units_[at(u)].end; ++p)
          if (const double times = products_[at(p)].times[at(i)]; times != 0) sum.products.add(p, times);
      }
    return result;
  }

  /// Calls body(the outputs that a product is part of, the product) for those of a stretch.
  template <class Body>
  void for_each_product(const Stretch& s, Body&& body) const {
    for (Index u = s.unit_begin; u < s.unit_end; ++u)
      for (Index p = units_[at(u)].begin; p < units_[at(u)].end; ++p) {
        Combination outputs;
        for (Index i = 0; i < units_[at(u)].count; ++i)
          if (const double times = products_[at(p)].times[at(i)]; times != 0)
            outputs.add(units_[at(u)].outputs[at(i)], times);
        body(outputs, p);
      }
  }
  Stretch whole() const { return stretch(0, unit_count()); }

  Index unit_count() const { return static_cast<Index>(units_.size()); }
  /// Combined sources and taps, by their numbers; of an axis without shared products these are coordinates.
  Index source_count() const { return shares_ ? static_cast<Index>(sources_.size()) : e_.sources; }
  Combination source(Index number) const { return shares_ ? sources_[at(number)] : single(number); }
  Index tap_count() const { return shares_ ? static_cast<Index>(taps_.size()) : e_.kernel + pair_shift_; }
  Combination tap(Index number) const { return shares_ ? taps_[at(number)] : single(number); }
  Index product_count() const { return static_cast<Index>(products_.size()); }
  Index factor_count() const { return static_cast<Index>(factors_.size()); }
  /// The combined taps that a tap is in; none if no output meets a source at it.
  Combination combined_with(Index tap) const {
    Combination result;
    if (!axis_.is_met(tap)) return result;
    for (Index number = 0; number < tap_count(); ++number) {
      const Combination terms = this->tap(number);
      for (Index i = 0; i < terms.count; ++i)
        if (terms.at[at(i)] == tap) result.add(number, terms.factor[at(i)]);
    }
    return result;
  }
  bool shares_products() const { return shares_; }
  Index kernel() const { return e_.kernel; }
  /// Taps by which the first output of a pair is ahead of the second; 0 without pairs.
  Index pair_shift() const { return pair_shift_; }
  std::span<const Unit> units() const { return units_; }
  std::span<const Factors> factors(Index product) const {
    const Product& p = products_[at(product)];
    return {factors_.data() + p.begin, factors_.data() + p.end};
  }

 private:
  using Part = ConvolutionTaps::Part;

  static std::size_t at(Index i) { return static_cast<std::size_t>(i); }
  void begin_unit(Index output, Index step, Index count) {
    const auto begin = static_cast<Index>(products_.size());
    units_.push_back({.begin = begin, .end = begin, .count = count});
    for (Index i = 0; i < count; ++i) units_.back().outputs[at(i)] = output + i * step;
  }
  void begin_product(std::array<double, most_outputs> times) {
    const auto begin = static_cast<Index>(factors_.size());
    products_.push_back({begin, begin, times});
    ++units_.back().end;
  }
  /// Adds a factor, if anything is left of its sources.
  void add(std::initializer_list<std::pair<Index, double>> sources, const Combination& tap) {
    Combination source;
    for (const auto& [coordinate, times] : sources)
      if (!clip_ || axis_.is_inside(coordinate)) source.add(coordinate, times);
    if (source.count == 0) return;
    factors_.push_back(
        {number_of(source, sources_, 32), number_of(tap, taps_, static_cast<Index>(taps_.size()))});
    ++products_.back().end;
  }
  /// Where a combination is among the last of a list, to which it is added if it is not.
  static Index number_of(const Combination& wanted, Vector<Combination>& list, Index last) {
    const auto size = static_cast<Index>(list.size());
    for (Index i = size - 1; i >= std::max<Index>(0, size - last); --i)
      if (list[at(i)] == wanted) return i;
    list.push_back(wanted);
    return size;
  }

  /// An output by itself, or a pair, whose second output meets the sources of the first `pair_shift` taps
  /// earlier.
  void add_single(Index output, Index count = 1) {
    begin_unit(output, 1, count);
    begin_product({1, count == 2 ? 1. : 0., 0});
    for (Index tap = 0; tap < e_.kernel + pair_shift_; ++tap) {
      const bool first = tap < e_.kernel, second = count == 2 && tap >= pair_shift_;
      const Index source = axis_.source_of(output, tap);
      if (!(first || second) || !axis_.meets(output, tap) || (clip_ && !axis_.is_inside(source))) continue;
      if (shares_) {
        add({{source, 1}}, single(tap));
        continue;
      }
      const bool is_whole = pair_shift_ == 0 || (first && second);
      factors_.push_back({source, tap,
                          is_whole ? TileHalf::both
                          : first  ? TileHalf::first
                                   : TileHalf::second});
      ++products_.back().end;
    }
  }

  /// Neighbouring outputs that share products.
  void add_unit(Index output, Index output_step, Index outputs) {
    const auto parts = axis_.parts_of(output);
    const Index step = axis_.source_step();
    const bool has_third = outputs == 3;
    Index products = 0;
    for (const Part& part : parts) products = std::max(products, part.products(outputs));
    begin_unit(output, output_step, outputs);
    begin_product({1, 0, 0});
    for (const Part& part : parts) {
      const Index x = part.source, last = x + (part.products(outputs) - 2) * step;
      if (last == x)
        add({{x, 1}}, single(part.tap));
      else
        add({{x, 1}, {last, -1}}, single(part.tap));
    }
    // Of three products twice half of the taps' sum, which is among those of four.
    const double times = products == 3 ? 2 : 1;
    if (products >= 3) begin_product({times, times, has_third ? times : 0});
    for (const Part& part : parts) {
      const Index x = part.source + step;
      if (part.products(outputs) == 3) add({{x, 1}}, taps_of(part, 1 / times, 1));
      if (part.products(outputs) == 4) add({{x, 1}, {x + step, 1}}, taps_of(part, .5, 1));
    }
    if (products == 4) begin_product({1, -1, has_third ? 1. : 0.});
    for (const Part& part : parts)
      if (const Index x = part.source + step; part.products(outputs) == 4)
        add({{x + step, 1}, {x, -1}}, taps_of(part, .5, -1));
    begin_product({0, has_third ? 0. : 1., has_third ? 1. : 0.});
    for (const Part& part : parts) {
      const Index x = part.source + step, last = x + (part.products(outputs) - 2) * step;
      const Combination tap = single(part.tap + (part.count - 1) * e_.stride);
      if (last == x)
        add({{x, 1}}, tap);
      else
        add({{last, 1}, {x, -1}}, tap);
    }
  }
  /// factor (w0 + ratio w1 + ratio^2 w2) of a part's taps.
  Combination taps_of(const Part& part, double factor, double ratio) const {
    Combination taps;
    for (Index i = 0; i < part.count; ++i, factor *= ratio) taps.add(part.tap + i * e_.stride, factor);
    return taps;
  }

  ConvolutionTaps axis_;
  ConvolutionExtents e_;
  bool clip_, shares_;
  Index pair_shift_;
  Vector<Combination> sources_, taps_;
  Vector<Factors> factors_;
  Vector<Product> products_;
  Vector<Unit> units_;
};

}  // namespace eigengrad::kernels::detail
