/// Extents of a 2-d convolution, checked, and which pixels meet which taps.
#pragma once

#include <algorithm>
#include <span>
#include <vector>

#include "eigengrad/core/tensor.hpp"

namespace eigengrad {

/// Stride and zero padding of a convolution, the same on both axes.
struct Conv2dOptions {
  Index stride = 1;
  Index padding = 0;
};

namespace kernels::detail {

/// Images [n, height, width, in], kernel [kernel_height, kernel_width, in, out], results [n, out_height,
/// out_width, out].
struct ConvolutionGeometry {
  Index n, height, width, in, out, kernel_height, kernel_width, out_height, out_width, stride, padding;

  /// `image_name` is what messages call the images.
  ConvolutionGeometry(const char* name, const char* image_name, const Shape& x, const Shape& w,
                      Conv2dOptions options)
      : stride(options.stride), padding(options.padding) {
    check(x.rank() == 4 && w.rank() == 4, name, ": ", image_name, " is ", x, ", w is ", w,
          "; they must be [N, H, W, Cin] and [Kh, Kw, Cin, Cout]");
    check(x[3] == w[2], name, ": ", image_name, " is ", x, ", w is ", w, "; channels of ", image_name, " (",
          x[3], ") must equal Cin of w (", w[2], ")");
    check(stride >= 1 && padding >= 0 && padding < (Index{1} << 31), name, ": stride is ", stride,
          ", padding is ", padding, "; stride must be at least 1 and padding not negative");
    n = x[0], height = x[1], width = x[2], in = x[3];
    kernel_height = w[0], kernel_width = w[1], out = w[3];
    check(kernel_height >= 1 && kernel_width >= 1 && kernel_height <= height + 2 * padding &&
              kernel_width <= width + 2 * padding,
          name, ": ", image_name, " is ", x, ", w is ", w, ", padding is ", padding,
          "; the kernel must not be empty nor larger than the padded image");
    out_height = (height + 2 * padding - kernel_height) / stride + 1;
    out_width = (width + 2 * padding - kernel_width) / stride + 1;
  }

  /// Every pixel by itself: the convolution is a product of [pixels, Cin] and [Cin, Cout].
  bool is_product() const { return kernel_height == 1 && kernel_width == 1 && stride == 1 && padding == 0; }

  Shape output_shape() const { return {n, out_height, out_width, out}; }

  void check_output(const char* name, const Shape& dy) const {
    check(dy == output_shape(), name, ": dy is ", dy, "; images [", n, ", ", height, ", ", width, ", ", in,
          "], kernel [", kernel_height, ", ", kernel_width, ", ", in, ", ", out, "], stride ", stride,
          " and padding ", padding, " make it ", output_shape());
  }
};

/// Output coordinate meets `source` at kernel coordinate `kernel`.
struct Tap {
  Index source, kernel;
};

/// For each output coordinate of one image axis the taps it sums over, with rising source coordinates.
///
/// A convolution has source = output stride + kernel - padding. Its input gradient has output = source stride
/// + kernel - padding; there the kernel is numbered backwards, so that neighbours are neighbours in both.
class AxisTaps {
 public:
  /// Sources outside of [0, sources) are left out if `clip`.
  AxisTaps(Index outputs, Index sources, Index kernel, Index stride, Index padding, bool gradient,
           bool clip) {
    begins_.reserve(static_cast<std::size_t>(outputs + 1));
    for (Index output = 0; output < outputs; ++output) {
      begins_.push_back(static_cast<Index>(taps_.size()));
      for (Index k = 0; k < kernel; ++k) {
        const Index position = output + padding - (kernel - 1 - k);
        if (gradient && position % stride != 0) continue;
        const Index source = gradient ? position / stride : output * stride + k - padding;
        if (!clip || (source >= 0 && source < sources)) taps_.push_back({source, k});
      }
    }
    begins_.push_back(static_cast<Index>(taps_.size()));
  }

  std::span<const Tap> operator[](Index output) const {
    const auto i = static_cast<std::size_t>(output);
    return {taps_.data() + begins_[i], taps_.data() + begins_[i + 1]};
  }

  /// The most source coordinates, gaps included, that one output coordinate spans; at least 1.
  Index longest_span() const {
    Index longest = 1;
    for (Index i = 0; i + 1 < static_cast<Index>(begins_.size()); ++i)
      if (const auto taps = (*this)[i]; !taps.empty())
        longest = std::max(longest, taps.back().source - taps.front().source + 1);
    return longest;
  }

 private:
  std::vector<Tap, PoolAllocator<Tap>> taps_;
  std::vector<Index, PoolAllocator<Index>> begins_;
};

}  // namespace kernels::detail
}  // namespace eigengrad
