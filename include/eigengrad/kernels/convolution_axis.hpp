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

namespace eigengrad::kernels::detail {

/// Sources, kernel coordinates and outputs of one axis of a convolution, or of its input gradient, where the
/// kernel is numbered backwards, so that neighbours are neighbours in both.
///
/// Output i of a convolution is the sum over taps k of x[i stride + k - padding] w[k]. Without pairs that is
/// what is computed: one product for each output, of each of its taps. With pairs two outputs
///
///     y0 = x0 w0 + x1 w1,   y1 = x1 w0 + x2 w1
///
/// share a product: y0 = (x0 - x1) w0 + x1 (w0 + w1), y1 = x1 (w0 + w1) + (x2 - x1) w1, three multiplications
/// instead of four; with three taps four instead of six:
///
///     a = (x0 - x2) w0,  b = (x1 + x2) (w0 + w1 + w2) / 2,  d = (x2 - x1) (w0 - w1 + w2) / 2,
///     c = (x3 - x1) w2,  y0 = a + b + d,  y1 = b - d + c
///
/// Longer kernels are sums of such parts: a, b, c and d of all parts are added up before they make up
/// outputs. An output is computed from no source but those that it depends on. Source: S. Winograd,
/// "Arithmetic Complexity of Computations", SIAM 1980; A. Lavin and S. Gray, "Fast Algorithms for
/// Convolutional Neural Networks", arXiv 1509.09308.
class ConvolutionAxis {
 public:
  struct Extents {
    Index outputs, sources, kernel, stride, padding;
  };
  /// One term of a product, by the numbers of a combined source and a combined tap.
  struct Factors {
    Index source, tap;
  };
  /// A sum of products of factors; each output of its unit contains it so many times.
  struct Product {
    Index begin = 0, end = 0;
    std::array<double, 2> times{};
  };
  /// One output, or two that share products.
  struct Unit {
    Index begin = 0, end = 0;
    std::array<Index, 2> outputs{};
    Index count = 0;
  };

  struct Options {
    bool gradient = false;  // outputs and sources are those of the input gradient
    bool clip = true;       // sources outside of [0, sources) are left out
    bool pairs = false;     // pairs of outputs share products, if they have a tap in common
  };

  ConvolutionAxis(const Extents& extents, const Options& options)
      : e_(extents),
        gradient_(options.gradient),
        clip_(options.clip),
        pairs_(options.pairs && extents.kernel > extents.stride) {
    const Index step = std::min(output_step(), std::max<Index>(1, e_.outputs));
    Vector<Index> next(at(step));
    for (Index first = 0; first < step; ++first) next[at(first)] = first;
    for (Index left = e_.outputs; left > 0;)
      for (Index first = 0; first < step; ++first) {
        Index& output = next[at(first)];
        if (output >= e_.outputs) continue;
        const bool is_odd = (e_.outputs - 1 - first) / step % 2 == 0;
        // An output left over is best one that meets padding.
        const bool is_pair =
            pairs_ && output + step < e_.outputs && !(output == first && is_odd && meets_padding(output));
        if (is_pair)
          add_pair(output, output + step);
        else
          add_single(output);
        output += is_pair ? 2 * step : step;
        left -= is_pair ? 2 : 1;
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

  /// Calls body(the products that make up an output, the output) for those of a stretch.
  template <class Body>
  void for_each_output(const Stretch& s, Body&& body) const {
    for (Index u = s.unit_begin; u < s.unit_end; ++u)
      for (Index i = 0; i < units_[at(u)].count; ++i) {
        Combination terms;
        for (Index p = units_[at(u)].begin; p < units_[at(u)].end; ++p)
          if (const double times = products_[at(p)].times[at(i)]; times != 0) terms.add(p, times);
        body(terms, units_[at(u)].outputs[at(i)]);
      }
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
  /// Combined sources and taps, by their numbers; of an axis without pairs these are coordinates.
  Index source_count() const { return pairs_ ? static_cast<Index>(sources_.size()) : e_.sources; }
  Combination source(Index number) const { return pairs_ ? sources_[at(number)] : single(number); }
  Index tap_count() const { return pairs_ ? static_cast<Index>(taps_.size()) : e_.kernel; }
  Combination tap(Index number) const { return pairs_ ? taps_[at(number)] : single(number); }
  Index product_count() const { return static_cast<Index>(products_.size()); }
  Index factor_count() const { return static_cast<Index>(factors_.size()); }
  /// The combined taps that a tap is in; none if no output meets a source at it.
  Combination combined_with(Index tap) const {
    bool is_met = false;
    for (Index output = 0; output < e_.outputs && !is_met; ++output)
      is_met = meets(output, tap) && is_inside(source_of(output, tap));
    Combination result;
    for (Index number = 0; number < tap_count() && is_met; ++number) {
      const Combination terms = this->tap(number);
      for (Index i = 0; i < terms.count; ++i)
        if (terms.at[at(i)] == tap) result.add(number, terms.factor[at(i)]);
    }
    return result;
  }
  /// Multiplications of a pair of outputs, over those without pairs.
  static double share(Index kernel, Index stride) {
    Index products = 0;
    for (Index first = 0; first < std::min(stride, kernel); ++first)
      for (Index left = (kernel - 1 - first) / stride + 1; left > 0; left -= part_length(left))
        products += part_length(left) + 1;
    return static_cast<double>(products) / static_cast<double>(2 * kernel);
  }
  bool has_pairs() const { return pairs_; }
  std::span<const Unit> units() const { return units_; }
  std::span<const Factors> factors(Index product) const {
    const Product& p = products_[at(product)];
    return {factors_.data() + p.begin, factors_.data() + p.end};
  }

 private:
  template <class V>
  using Vector = std::vector<V, PoolAllocator<V>>;
  /// Taps `stride` apart, which meet sources next to each other, or as far from each other as outputs' are.
  struct Part {
    Index source, tap, count;
  };

  static std::size_t at(Index i) { return static_cast<std::size_t>(i); }
  /// How far sources and outputs move where the other does by one; outputs that far apart meet the same taps.
  Index source_step() const { return gradient_ ? 1 : e_.stride; }
  Index output_step() const { return gradient_ ? e_.stride : 1; }

  /// The source that an output meets at a tap, if it meets any.
  bool meets(Index output, Index tap) const {
    return !gradient_ || (output + e_.padding - (e_.kernel - 1 - tap)) % e_.stride == 0;
  }
  Index source_of(Index output, Index tap) const {
    return gradient_ ? (output + e_.padding - (e_.kernel - 1 - tap)) / e_.stride
                     : output * e_.stride + tap - e_.padding;
  }
  bool is_inside(Index source) const { return source >= 0 && source < e_.sources; }
  bool meets_padding(Index output) const {
    for (Index tap = 0; tap < e_.kernel; ++tap)
      if (meets(output, tap) && source_of(output, tap) < 0) return true;
    return false;
  }

  void begin_unit(std::array<Index, 2> outputs, Index count) {
    const auto begin = static_cast<Index>(products_.size());
    units_.push_back({begin, begin, outputs, count});
  }
  void begin_product(std::array<double, 2> times) {
    const auto begin = static_cast<Index>(factors_.size());
    products_.push_back({begin, begin, times});
    ++units_.back().end;
  }
  /// Adds a factor, if anything is left of its sources.
  void add(std::initializer_list<std::pair<Index, double>> sources,
           std::initializer_list<std::pair<Index, double>> taps) {
    Combination source, tap;
    for (const auto& [coordinate, times] : sources)
      if (!clip_ || is_inside(coordinate)) source.add(coordinate, times);
    for (const auto& [coordinate, times] : taps) tap.add(coordinate, times);
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

  void add_single(Index output) {
    begin_unit({output, output}, 1);
    begin_product({1, 0});
    for (Index tap = 0; tap < e_.kernel; ++tap)
      if (const Index source = source_of(output, tap); meets(output, tap) && (!clip_ || is_inside(source))) {
        if (pairs_) {
          add({{source, 1}}, {{tap, 1}});
        } else {
          factors_.push_back({source, tap});
          ++products_.back().end;
        }
      }
  }

  void add_pair(Index first, Index second) {
    const Vector<Part> parts = parts_of(first);
    Index longest = 0;
    for (const Part& part : parts) longest = std::max(longest, part.count);
    const Index step = source_step(), stride = e_.stride;
    begin_unit({first, second}, 2);
    begin_product({1, 0});
    for (const auto& [x, w, count] : parts)
      if (count == 1)
        add({{x, 1}}, {{w, 1}});
      else
        add({{x, 1}, {x + (count - 1) * step, -1}}, {{w, 1}});
    if (longest > 1) begin_product({1, 1});
    for (const auto& [x, w, count] : parts)
      if (count == 2)
        add({{x + step, 1}}, {{w, 1}, {w + stride, 1}});
      else if (count == 3)
        add({{x + step, 1}, {x + 2 * step, 1}}, {{w, .5}, {w + stride, .5}, {w + 2 * stride, .5}});
    if (longest > 2) begin_product({1, -1});
    for (const auto& [x, w, count] : parts)
      if (count == 3)
        add({{x + 2 * step, 1}, {x + step, -1}}, {{w, .5}, {w + stride, -.5}, {w + 2 * stride, .5}});
    begin_product({0, 1});
    for (const auto& [x, w, count] : parts)
      if (count == 1)
        add({{x + step, 1}}, {{w, 1}});
      else
        add({{x + count * step, 1}, {x + step, -1}}, {{w + (count - 1) * stride, 1}});
  }

  /// Taps of the next part where so many are left.
  static Index part_length(Index left) { return left == 4 ? 2 : std::min<Index>(left, 3); }
  /// The taps that an output meets, as parts of three, two or one.
  Vector<Part> parts_of(Index output) const {
    Vector<Part> parts;
    for (Index first = 0; first < std::min(e_.stride, e_.kernel); ++first) {
      if (!meets(output, first)) continue;
      for (Index tap = first, count; tap < e_.kernel; tap += count * e_.stride) {
        count = part_length((e_.kernel - 1 - tap) / e_.stride + 1);
        parts.push_back({source_of(output, tap), tap, count});
      }
    }
    return parts;
  }

  Extents e_;
  bool gradient_, clip_, pairs_;
  Vector<Combination> sources_, taps_;
  Vector<Factors> factors_;
  Vector<Product> products_;
  Vector<Unit> units_;
};

}  // namespace eigengrad::kernels::detail
