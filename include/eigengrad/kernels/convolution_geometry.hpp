/// Extents of a 2-d convolution, checked.
#pragma once

#include <algorithm>

#include "eigengrad/core/tensor.hpp"
#include "eigengrad/kernels/convolution_taps.hpp"

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
      : stride(options.stride), padding(options.padding), stated_stride_(options.stride) {
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
    // A stride beyond the padded image is as good as any other that leads out of it.
    stride = std::min(stride, std::max(height, width) + 2 * padding);
  }

  /// Every pixel by itself: the convolution is a product of [pixels, Cin] and [Cin, Cout].
  bool is_product() const { return is_strided_product() && stride == 1; }
  /// The same, of the pixels that the stride leaves.
  bool is_strided_product() const { return kernel_height == 1 && kernel_width == 1 && padding == 0; }

  /// Of such, with a stride, whether output channels are enough to pay for a copy of those pixels.
  bool pays_copying(Index channels = 128) const {
    return is_strided_product() && stride > 1 && out >= channels;
  }

  /// The part of all multiplications that outputs save by sharing products.
  double saved_by_sharing() const {
    return 1 - ConvolutionTaps::share(kernel_height, stride) * ConvolutionTaps::share(kernel_width, stride);
  }
  /// Whether sharing products pays: where channels are enough for what is added besides, and combined taps
  /// are used often enough; and kernels not so large that parts of them should share combinations, too.
  /// `pixels` of an image are computed.
  bool pays_sharing(Index pixels) const {
    return std::max(kernel_height, kernel_width) <= 8 && std::min(in, out) >= 32 &&
           saved_by_sharing() * static_cast<double>(in * out) >= 1000 && n * pixels >= 512;
  }

  Shape output_shape() const { return {n, out_height, out_width, out}; }

  void check_output(const char* name, const Shape& dy) const {
    check(dy == output_shape(), name, ": dy is ", dy, "; images [", n, ", ", height, ", ", width, ", ", in,
          "], kernel [", kernel_height, ", ", kernel_width, ", ", in, ", ", out, "], stride ", stated_stride_,
          " and padding ", padding, " make it ", output_shape());
  }

 private:
  Index stated_stride_;
};

}  // namespace kernels::detail
}  // namespace eigengrad
