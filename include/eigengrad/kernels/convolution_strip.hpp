/// A strip of columns of a convolution.
#pragma once

#include <algorithm>
#include <span>
#include <utility>
#include <vector>

#include "eigengrad/kernels/convolution_axis.hpp"
#include "eigengrad/kernels/product_tile.hpp"

namespace eigengrad::kernels::detail {

/// Products of some columns, in the order in which tiles compute them, and their runs.
class ColumnStrip {
 public:
  /// For units [begin, end) of an axis and `depth` channels.
  ColumnStrip(const ConvolutionAxis& axis, Index begin, Index end, Index depth)
      : stretch_(axis.stretch(begin, end)), sums_(axis.sums(stretch_)) {
    const auto first_tap = [&](Index p) { return axis.factors(p).empty() ? 0 : axis.factors(p)[0].tap; };
    // Those with the same taps one after the other: they find them in the cache.
    const Index taps = axis.shares_products() ? std::max<Index>(1, axis.tap_count()) : 1;
    for (Index tap = 0; tap < taps; ++tap)
      for (Index p = stretch_.product_begin; p < stretch_.product_end; ++p)
        if (taps == 1 || first_tap(p) == tap) products_.push_back(p);
    for (const Index p : products_) {
      run_begins_.push_back(static_cast<Index>(runs_.size()));
      for (const auto& factor : axis.factors(p))
        add({(factor.source - stretch_.combined_begin) * depth, factor.tap * depth, depth, factor.half});
    }
    run_begins_.push_back(static_cast<Index>(runs_.size()));
    for (std::size_t i = 1; i < sums_.size(); ++i)  // nearly in order
      for (std::size_t j = i; j > 0 && sums_[j].output < sums_[j - 1].output; --j)
        std::swap(sums_[j], sums_[j - 1]);
  }

  const ConvolutionAxis::Stretch& stretch() const { return stretch_; }
  Index product_count() const { return static_cast<Index>(products_.size()); }
  Index product(Index i) const { return products_[static_cast<std::size_t>(i)]; }
  /// The runs of product(i): offsets in a line, for one lane, and in the taps of one row, for one output.
  std::span<const ProductRun> runs(Index i) const {
    const auto begin = run_begins_.begin() + i;
    return {runs_.data() + begin[0], runs_.data() + begin[1]};
  }
  /// What makes up the strip's outputs, in order of the outputs.
  std::span<const ConvolutionAxis::Sum> sums() const { return sums_; }
  Index run_count() const { return static_cast<Index>(runs_.size()); }

 private:
  template <class V>
  using Vector = ConvolutionAxis::Vector<V>;

  /// Factors that are neighbours in sources and taps make one run.
  void add(const ProductRun& run) {
    if (static_cast<Index>(runs_.size()) > run_begins_.back())
      if (ProductRun& before = runs_.back();
          run.a == before.a + before.count && run.b == before.b + before.count && run.half == before.half) {
        before.count += run.count;
        return;
      }
    runs_.push_back(run);
  }

  ConvolutionAxis::Stretch stretch_;
  Vector<ConvolutionAxis::Sum> sums_;
  Vector<Index> products_;
  Vector<ProductRun> runs_;
  Vector<Index> run_begins_;
};

}  // namespace eigengrad::kernels::detail
