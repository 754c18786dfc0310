/// The products that outputs of a convolution share, by the combined taps that they meet.
#pragma once

#include <algorithm>
#include <vector>

#include "eigengrad/kernels/convolution_axis.hpp"

namespace eigengrad::kernels::detail {

/// The terms of all products of an axis whose outputs share products, those of one combined tap after those
/// of another; only for axes that it suits.
class ConvolutionTerms {
 public:
  template <class V>
  using Vector = ConvolutionAxis::Vector<V>;

  ConvolutionTerms(const ConvolutionExtents& extents, bool gradient)
      : axis_(extents, {.gradient = gradient, .share = true}), outputs_(at(extents.outputs)) {
    const auto factors = axis_.factors();
    Vector<Index> places(factors.size());
    for (Index tap = 0; tap < axis_.tap_count(); ++tap) {
      begins_.push_back(size());
      for (std::size_t i = 0; i < factors.size(); ++i)
        if (factors[i].tap == tap) {
          places[i] = size();
          sources_.push_back(axis_.source(factors[i].source));
          taps_.push_back(tap);
        }
    }
    begins_.push_back(size());
    for (const ConvolutionAxis::Sum& sum : axis_.sums(axis_.whole()))
      for (std::size_t i = 0; i < at(sum.products.count); ++i) {
        const Index p = sum.products.at[i];
        for (const ConvolutionAxis::Factors& factor : axis_.factors(p))
          outputs_[at(sum.output)].add(places[at(&factor - factors.data())], sum.products.factor[i]);
      }
    receivers_.resize(sources_.size());
    axis_.for_each_product(axis_.whole(), [&](const Combination& outputs, Index p) {
      for (const ConvolutionAxis::Factors& factor : axis_.factors(p))
        receivers_[at(places[at(&factor - factors.data())])] = outputs;
    });
  }

  /// Whether outputs are sums of at most three terms, as many as a Combination holds.
  static bool suits(Index kernel, Index stride, bool gradient) {
    return gradient ? (kernel + stride - 1) / stride <= 3 : kernel <= 3;
  }

  Index size() const { return static_cast<Index>(sources_.size()); }
  Index tap_count() const { return axis_.tap_count(); }
  /// A combined tap, and the combined taps that a tap is in; then its terms.
  Combination tap(Index number) const { return axis_.tap(number); }
  Combination combined_with(Index tap) const { return axis_.combined_with(tap); }
  Index begin(Index tap) const { return begins_[at(tap)]; }
  Index count(Index tap) const { return begins_[at(tap + 1)] - begins_[at(tap)]; }
  /// The combined source of a term, the outputs that it is part of, and its tap.
  const Combination& source(Index term) const { return sources_[at(term)]; }
  const Combination& receivers(Index term) const { return receivers_[at(term)]; }
  Index tap_of(Index term) const { return taps_[at(term)]; }
  /// The terms that make up an output.
  const Combination& output(Index i) const { return outputs_[at(i)]; }

 private:
  static std::size_t at(Index i) { return static_cast<std::size_t>(i); }

  ConvolutionAxis axis_;
  Vector<Combination> sources_, outputs_, receivers_;
  Vector<Index> taps_, begins_;
};

/// Terms of rows times terms of columns, as [tap of rows][tap of columns][term of rows][term of columns], so
/// that those of a tap of both lie side by side.
struct ConvolutionPlaces {
  const ConvolutionTerms &rows, &columns;

  Index size() const { return rows.size() * columns.size(); }
  Index begin(Index y, Index x) const {
    return rows.begin(y) * columns.size() + rows.count(y) * columns.begin(x);
  }
  Index count(Index y, Index x) const { return rows.count(y) * columns.count(x); }
  /// The place of a term of both.
  Index at(Index row, Index column) const {
    const Index y = rows.tap_of(row), x = columns.tap_of(column);
    return begin(y, x) + (row - rows.begin(y)) * columns.count(x) + column - columns.begin(x);
  }
  /// The terms at place i of a tap.
  Index row(Index y, Index x, Index i) const { return rows.begin(y) + i / columns.count(x); }
  Index column(Index x, Index i) const { return columns.begin(x) + i % columns.count(x); }
  /// body(y, x) for all taps that have a place.
  template <class Body>
  void for_each_tap(const Body& body) const {
    for (Index y = 0; y < rows.tap_count(); ++y)
      for (Index x = 0; x < columns.tap_count(); ++x)
        if (count(y, x) > 0) body(y, x);
  }
  /// The most places of a tap.
  Index most() const {
    Index most = 0;
    for_each_tap([&](Index y, Index x) { most = std::max(most, count(y, x)); });
    return most;
  }
};

}  // namespace eigengrad::kernels::detail
