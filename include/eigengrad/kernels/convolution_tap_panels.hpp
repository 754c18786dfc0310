/// The kernel of a convolution, packed for the tiles of Gather.
#pragma once

#include <algorithm>

#include "eigengrad/core/parallel.hpp"
#include "eigengrad/core/tensor.hpp"
#include "eigengrad/kernels/convolution_axis.hpp"
#include "eigengrad/kernels/product_operand.hpp"

namespace eigengrad::kernels::detail {

/// Taps w[a, b, channel, output channel], as the axes combine them, in panels of output channels, each
/// [combined tap][channel][width]. Of a gradient images and results have changed places. Where outputs are
/// taken in pairs, a panel has the taps of both, those of the second `pair_shift` taps later; what one of
/// them lacks is left as it is, and not read.
template <class T>
class TapPanels {
 public:
  /// Channels of the sources and of the outputs.
  struct Channels {
    Index source, output;
  };

  TapPanels(const ProductKernels<T>& kernels, const ConvolutionAxis& rows, const ConvolutionAxis& columns,
            Channels channels, bool gradient, bool lanes_are_columns)
      : kernels_(kernels),
        rows_(rows),
        columns_(columns),
        channels_(channels),
        gradient_(gradient),
        step_(lanes_are_columns ? kernels.row_step : kernels.column_step),
        panel_(lanes_are_columns ? kernels.row_step : kernels.columns),
        panel_outputs_(columns.pair_shift() > 0 ? 2 * channels.output : channels.output) {}

  /// The most output channels of a panel.
  Index columns() const { return panel_; }
  /// Width of the panel that starts at output channel `first`.
  Index width(Index first) const { return std::min(panel_, round_up(panel_outputs_, step_) - first); }
  Index count() const { return rows_.tap_count() * columns_.tap_count(); }
  /// Values of all panels.
  Index size() const { return round_up(panel_outputs_, step_) * count() * channels_.source; }

  void pack(const T* weights, T* packed, double work) const {
    const Index size = channels_.source * channels_.output;
    const bool combines = rows_.shares_products() || columns_.shares_products();
    const int threads = threads_for(count(), work);
    BasicTensor<T> combined = BasicTensor<T>::uninitialized({combines ? threads * size : 0});
    T* const scratch = combined.mutable_data();
    parallel_for(count(), work, [&](Index tap, int thread) {
      const Index y = tap / columns_.tap_count(), x = tap % columns_.tap_count();
      if (columns_.pair_shift() > 0)
        return pack_pair(weights, y, x, packed + tap * channels_.source * panel_);
      LinearCombination<T> sum{.columns = size, .to = scratch + thread * size};
      add_terms(sum, rows_.tap(y), columns_.tap(x), [&](Index i, Index j) { return tap_at(weights, i, j); });
      if (!sum.is_copy()) kernels_.combine(sum);
      pack_tap(sum.is_copy() ? sum.terms[0] : sum.to, tap, packed);
    });
  }

 private:
  const T* tap_at(const T* weights, Index y, Index x) const {
    const Index number = tap_number(rows_.kernel(), columns_.kernel(), y, x, gradient_);
    return weights + number * channels_.source * channels_.output;
  }

  void pack_tap(const T* from, Index tap, T* packed) const {
    const auto [depth, features] = channels_;
    for (Index first = 0; first < features; first += panel_) {
      const Index width = this->width(first), used = std::min(width, features - first);
      T* const to = packed + first * count() * depth + tap * depth * width;
      if (!gradient_) {
        kernels_.pack_columns({from + first, features}, used, width, width, depth, to);
      } else {
        const T* rows[64] = {};
        for (Index j = 0; j < used; ++j) rows[j] = from + (first + j) * depth;
        kernels_.pack_rows(rows, width, depth, to);
      }
    }
  }

  /// What both outputs of a pair have at a tap of the first one.
  void pack_pair(const T* weights, Index y, Index x, T* to) const {
    const auto [depth, features] = channels_;
    for (Index half = 0; half < 2; ++half, x -= columns_.pair_shift(), to += features) {
      if (x < 0 || x >= columns_.kernel()) continue;
      const T* const from = tap_at(weights, y, x);
      const Index channel = gradient_ ? 1 : features, output = gradient_ ? depth : 1;
      for (Index k = 0; k < depth; ++k)
        for (Index j = 0; j < features; ++j) to[k * panel_ + j] = from[k * channel + j * output];
    }
  }

  const ProductKernels<T>& kernels_;
  const ConvolutionAxis &rows_, &columns_;
  Channels channels_;
  bool gradient_;
  Index step_, panel_, panel_outputs_;
};

}  // namespace eigengrad::kernels::detail
