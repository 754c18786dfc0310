/// Transposed convolution: the input gradient of conv2d used forwards, to enlarge images.
#pragma once

#include "eigengrad/ops/conv2d.hpp"

namespace eigengrad {

/// Settings of conv_transpose2d; stride and padding are those of the convolution that it transposes.
struct ConvTranspose2dOptions {
  Index stride = 1;
  Index padding = 0;
  Index output_padding = 0;  ///< rows and columns added at the lower right; less than the stride
};

/// Shape of conv_transpose2d's result; throws where the arguments do not fit.
inline Shape conv_transpose2d_shape(const Shape& x, const Shape& w, const ConvTranspose2dOptions& options) {
  check(x.rank() == 4 && w.rank() == 4 && x[3] == w[3], "conv_transpose2d: x is ", x, ", w is ", w,
        "; x must be [N, H, W, Cin] and w [Kh, Kw, Cout, Cin] with the same Cin");
  const auto [stride, padding, output_padding] = options;
  check(stride >= 1 && padding >= 0 && output_padding >= 0 && output_padding < stride,
        "conv_transpose2d: stride is ", stride, ", padding is ", padding, ", output_padding is ",
        output_padding, "; stride must be at least 1, padding not negative, output_padding in [0, stride)");
  Shape y{x[0]};
  for (int axis : {1, 2}) {
    const Index extent = (x[axis] - 1) * stride - 2 * padding + w[axis - 1] + output_padding;
    check(x[axis] >= 1 && extent >= 1, "conv_transpose2d: x is ", x, ", w is ", w, ", padding is ", padding,
          "; the result would be empty along axis ", axis);
    y.push_back(extent);
  }
  y.push_back(w[2]);
  return y;
}

namespace detail {
/// Records y with the two gradients that conv_transpose2d has with and without a bias.
template <class T, class... More>
BasicVar<T> record_conv_transpose2d(BasicTensor<T> y, BasicVar<T> x, BasicVar<T> w, Conv2dOptions conv,
                                    const More&... more) {
  return record("conv_transpose2d", std::move(y),
                pullback(x, [w, conv](BasicVar<T> dy) { return conv2d(dy, w, conv); }),
                pullback(w, [x, shape = w.shape(),
                             conv](BasicVar<T> dy) { return conv2d_weight_gradient(dy, x, shape, conv); }),
                more...);
}
}  // namespace detail

/// y = the image that conv2d with the same w, stride and padding would hand back for dy = x:
/// y[n, p s + kh - padding, q s + kw - padding, co] += x[n, p, q, ci] w[kh, kw, co, ci].
///
///     x [N, H, W, Cin],  w [Kh, Kw, Cout, Cin],  y [N, P, Q, Cout],
///     P = (H - 1) s - 2 padding + Kh + output_padding
///     dx = conv2d(dy, w),   dw = conv2d_weight_gradient(dy, x)
///
/// The weights are those of the convolution from Cout to Cin channels that it transposes. Throws for other
/// ranks, channels that differ, an empty result and output_padding >= stride. Source: Dumoulin and Visin, "A
/// guide to convolution arithmetic for deep learning", arXiv 1603.07285, chapter 4.
template <class T>
BasicVar<T> conv_transpose2d(BasicVar<T> x, BasicVar<T> w, ConvTranspose2dOptions options = {}) {
  const Conv2dOptions conv{.stride = options.stride, .padding = options.padding};
  return detail::record_conv_transpose2d(
      kernels::conv2d_input_gradient(x.value(), w.value(),
                                     conv_transpose2d_shape(x.shape(), w.shape(), options), conv),
      x, w, conv);
}

/// conv_transpose2d(x, w) + bias, with bias [Cout] added inside the product.   dbias = dy summed to [Cout].
template <class T>
BasicVar<T> conv_transpose2d(BasicVar<T> x, BasicVar<T> w, BasicVar<T> bias,
                             ConvTranspose2dOptions options = {}) {
  const Shape shape = conv_transpose2d_shape(x.shape(), w.shape(), options);
  check(bias.shape() == Shape{shape[3]}, "conv_transpose2d: bias is ", bias.shape(), ", w is ", w.shape(),
        "; bias must be [", shape[3], "]");
  const Conv2dOptions conv{.stride = options.stride, .padding = options.padding};
  return detail::record_conv_transpose2d(
      kernels::conv2d_input_gradient(x.value(), w.value(), shape, conv, &bias.value()), x, w, conv,
      pullback(bias, [](BasicVar<T> dy) { return dy; }));
}

}  // namespace eigengrad
