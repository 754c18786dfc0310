/// The products that outputs of a convolution share, by the combined taps that they meet.
#pragma once

#include <algorithm>
#include <span>
#include <utility>
#include <vector>

#include "eigengrad/kernels/convolution_axis.hpp"

namespace eigengrad::kernels::detail {

/// The products of an axis whose outputs share them, each of combined sources and as many combined taps:
/// those of one list of taps after those of another. What makes up an output by itself is one product where
/// others have the same taps, else one for each tap, if a Combination holds them: taps that are not combined
/// need not be copied. The same of all products where `split` says so: fewer taps are copied then, but
/// outputs are sums of more products.
class TapLists {
 public:
  template <class V>
  using Vector = ConvolutionAxis::Vector<V>;

  TapLists(const ConvolutionExtents& extents, bool gradient, bool split = false)
      : axis_(extents, {.gradient = gradient, .share = true, .pairs_first = true}),
        single_count_(ConvolutionTaps(extents, gradient).factor_count()),
        outputs_(at(extents.outputs)) {
    // Where padding leaves little of a few outputs, sharing can save nothing.
    if (axis_.factor_count() >= single_count_) axis_ = ConvolutionAxis(extents, {.gradient = gradient});
    // Outputs have no more factors in all of their products than a kernel has taps, or three.
    const bool may_split = split && extents.kernel <= Combination::most;
    for (const bool alone : {false, true})
      for (Index u = 0; u < axis_.unit_count(); ++u)
        if ((axis_.units()[at(u)].count == 1) == alone)
          axis_.for_each_product(axis_.stretch(u, u + 1), [&](const Combination& outputs, Index p) {
            Vector<Factors> factors;
            for (const Factors& factor : axis_.factors(p)) factors.push_back(factor);
            std::ranges::sort(factors, {}, &Factors::tap);
            add(factors, outputs, alone || may_split);
          });
    std::ranges::sort(products_, {}, [](const Product& p) { return std::pair(p.list, p.begin); });
    begins_.resize(tap_begins_.size());
    for (Index place = 0; place < size(); ++place) {
      const Product& product = products_[at(place)];
      begins_[at(product.list + 1)] = place + 1;
      for (std::size_t i = 0; i < at(product.outputs.count); ++i)
        outputs_[at(product.outputs.at[i])].add(place, product.outputs.factor[i]);
    }
  }

  /// The products, and their factors; how many those would be if outputs shared none.
  Index size() const { return static_cast<Index>(products_.size()); }
  Index factor_count() const { return static_cast<Index>(factors_.size()); }
  Index single_count() const { return single_count_; }

  /// The lists, their lengths, and the number of the first tap of one among those of all lists, or of all.
  Index list_count() const { return static_cast<Index>(tap_begins_.size()) - 1; }
  Index length(Index list) const { return tap_begins_[at(list + 1)] - tap_begin(list); }
  Index tap_begin(Index list) const { return tap_begins_[at(list)]; }
  Index tap_count() const { return tap_begins_.back(); }
  Combination tap(Index list, Index i) const { return axis_.tap(taps_[at(tap_begin(list) + i)]); }
  /// Where a tap is part of a list.
  struct Member {
    Index list, i;
    double factor;
  };
  /// Of the combined taps that a tap is in; none if no output meets a source at it.
  Vector<Member> members(Index tap) const {
    Vector<Member> result;
    const Combination combined = axis_.combined_with(tap);
    for (Index list = 0; list < list_count(); ++list)
      for (Index i = 0; i < length(list); ++i)
        for (std::size_t j = 0; j < at(combined.count); ++j)
          if (combined.at[j] == taps_[at(tap_begin(list) + i)])
            result.push_back({list, i, combined.factor[j]});
    return result;
  }

  /// The places of the products of a list.
  Index begin(Index list) const { return begins_[at(list)]; }
  Index count(Index list) const { return begins_[at(list + 1)] - begins_[at(list)]; }
  /// Of the product at a place the list, the combined source that meets tap i of it, and the outputs that it
  /// is part of.
  Index list_of(Index place) const { return products_[at(place)].list; }
  Combination source(Index place, Index i) const {
    return axis_.source(factors_[at(products_[at(place)].begin + i)].source);
  }
  const Combination& receivers(Index place) const { return products_[at(place)].outputs; }
  /// The products that make up an output, by their places.
  const Combination& output(Index i) const { return outputs_[at(i)]; }

 private:
  using Factors = ConvolutionAxis::Factors;
  struct Product {
    Index list, begin;  // of its factors
    Combination outputs;
  };

  static std::size_t at(Index i) { return static_cast<std::size_t>(i); }

  void add(std::span<const Factors> factors, const Combination& outputs, bool may_split) {
    if (factors.empty()) return;
    Index list = 0;
    while (list < list_count() && !has_taps(list, factors)) ++list;
    if (list == list_count()) {
      if (may_split && factors.size() > 1 && factors.size() <= Combination::most) {
        for (std::size_t i = 0; i < factors.size(); ++i) add(factors.subspan(i, 1), outputs, may_split);
        return;
      }
      for (const Factors& factor : factors) taps_.push_back(factor.tap);
      tap_begins_.push_back(static_cast<Index>(taps_.size()));
    }
    products_.push_back({list, factor_count(), outputs});
    for (const Factors& factor : factors) factors_.push_back(factor);
  }
  bool has_taps(Index list, std::span<const Factors> factors) const {
    return std::ranges::equal(std::span(taps_).subspan(at(tap_begin(list)), at(length(list))), factors, {},
                              {}, &Factors::tap);
  }

  ConvolutionAxis axis_;
  Index single_count_;
  Vector<Factors> factors_;
  Vector<Product> products_;               // by their places
  Vector<Index> taps_, tap_begins_ = {0};  // of the lists, one after the other
  Vector<Index> begins_;                   // of each list, the places
  Vector<Combination> outputs_;
};

/// Products of rows times products of columns: the places, as [list of rows][list of columns][place of
/// rows][place of columns], so that those of a list of both lie side by side; and, in the same order, the
/// taps.
struct ConvolutionPlaces {
  const TapLists &rows, &columns;

  Index size() const { return rows.size() * columns.size(); }
  Index factor_count() const { return rows.factor_count() * columns.factor_count(); }
  /// The factors that sharing saves.
  Index saved_count() const { return rows.single_count() * columns.single_count() - factor_count(); }
  Index begin(Index y, Index x) const {
    return rows.begin(y) * columns.size() + rows.count(y) * columns.begin(x);
  }
  Index count(Index y, Index x) const { return rows.count(y) * columns.count(x); }
  /// The place of a product of both.
  Index at(Index row, Index column) const {
    const Index y = rows.list_of(row), x = columns.list_of(column);
    return begin(y, x) + (row - rows.begin(y)) * columns.count(x) + column - columns.begin(x);
  }
  /// The products at place i of a list.
  Index row(Index y, Index x, Index i) const { return rows.begin(y) + i / columns.count(x); }
  Index column(Index x, Index i) const { return columns.begin(x) + i % columns.count(x); }

  Index tap_count() const { return rows.tap_count() * columns.tap_count(); }
  Index tap_begin(Index y, Index x) const {
    return rows.tap_begin(y) * columns.tap_count() + rows.length(y) * columns.tap_begin(x);
  }
  Index length(Index y, Index x) const { return rows.length(y) * columns.length(x); }

  /// body(y, x) for all lists of both.
  template <class Body>
  void for_each_list(const Body& body) const {
    for (Index y = 0; y < rows.list_count(); ++y)
      for (Index x = 0; x < columns.list_count(); ++x) body(y, x);
  }
  /// The most products of a list, their factors, and the taps of the longest.
  struct Most {
    Index products = 0, factors = 0, taps = 0;
  };
  Most most() const {
    Most most;
    for_each_list([&](Index y, Index x) {
      most.products = std::max(most.products, count(y, x));
      most.factors = std::max(most.factors, count(y, x) * length(y, x));
      most.taps = std::max(most.taps, length(y, x));
    });
    return most;
  }
};

}  // namespace eigengrad::kernels::detail
