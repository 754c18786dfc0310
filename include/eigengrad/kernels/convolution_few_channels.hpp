/// The input gradient of a convolution whose images have few channels: one product, then a sum over taps.
#pragma once

#include <algorithm>

#include "eigengrad/kernels/convolution_axis.hpp"
#include "eigengrad/kernels/convolution_geometry.hpp"
#include "eigengrad/kernels/products.hpp"

namespace eigengrad::kernels::detail {

/// What every pixel of dy sends through every tap, [pixels, taps Cin], is one product; a pixel of dx sums
/// what meets it. Where Kh Kw Cin <= Cout that intermediate result is no larger than dy, and neither dy is
/// packed as often nor a register tile left as empty as where each tap is a product of its own. A single tap
/// leaves nothing to sum, and Gather needs no intermediate result, as long as images and channels fill its
/// tiles.
template <class T>
class FewChannels {
 public:
  explicit FewChannels(const ConvolutionGeometry& g)
      : g_(g), rows_({g.height, g.out_height, g.kernel_height, g.stride, g.padding}, {.gradient = true}) {}

  static bool suits(const ConvolutionGeometry& g) {
    const Index taps = g.kernel_height * g.kernel_width;
    return taps * g.in <= g.out && (taps > 1 || g.in < 16 || g.n < 4);
  }

  void run(const T* dy, const T* weights, const T* bias, T* dx) const {
    const Index taps = g_.kernel_height * g_.kernel_width * g_.in,
                pixels = g_.n * g_.out_height * g_.out_width;
    const BasicTensor<T> sent = multiply<T>(dy, false, weights, true, pixels, taps, g_.out, nullptr);
    const double work = static_cast<double>(g_.n * g_.height * g_.width * taps);
    parallel_for(g_.n * g_.height, work, [&](Index task) {
      add_row(sent.data(), task / g_.height, task % g_.height, bias, dx + task * g_.width * g_.in);
    });
  }

 private:
  /// Products of an axis that shares none are its outputs. A pixel of dy adds the values of a kernel row,
  /// side by side, to a stretch of a row of dx.
  void add_row(const T* sent, Index image, Index row, const T* bias, T* dx) const {
    const Index kernel_row = g_.kernel_width * g_.in, pixel = g_.kernel_height * kernel_row;
    for (Index column = 0; column < g_.width; ++column)
      for (Index c = 0; c < g_.in; ++c) dx[column * g_.in + c] = bias == nullptr ? T(0) : bias[c];
    for (const ConvolutionAxis::Factors& factors : rows_.factors(row)) {
      // The axis numbers the taps of a gradient backwards.
      const T* from = sent + (image * g_.out_height + factors.source) * g_.out_width * pixel +
                      (g_.kernel_height - 1 - factors.tap) * kernel_row;
      Index left = -g_.padding * g_.in;  // where the stretch begins
      for (Index source = 0; source < g_.out_width; ++source, from += pixel, left += g_.stride * g_.in) {
        const Index begin = std::max<Index>(0, -left), end = std::min(kernel_row, g_.width * g_.in - left);
        for (Index i = begin; i < end; ++i) dx[left + i] += from[i];
      }
    }
  }

  const ConvolutionGeometry& g_;
  ConvolutionAxis rows_;
};

}  // namespace eigengrad::kernels::detail
