/// 2-d convolution and its two gradients, channels last, as matrix products over taps.
///
/// Where that pays, two or three neighbouring outputs share products (ConvolutionAxis). Rounding errors are
/// about as large, but relative to the largest products of the pixels and taps of outputs that are taken
/// together, not to each output's. Values that are not finite spread further: an infinite pixel can make its
/// outputs NaN, and a NaN also those that are taken together with them; an infinite weight also outputs that
/// it is no part of, and a NaN in x or dy also gradients of other taps of its channels; so can one, or an
/// infinity, in dy next to the padding where images have very few channels.
#pragma once

#include <algorithm>

#include "eigengrad/kernels/convolution_by_taps.hpp"
#include "eigengrad/kernels/convolution_few_channels.hpp"
#include "eigengrad/kernels/convolution_gather.hpp"
#include "eigengrad/kernels/convolution_weight_gradient.hpp"
#include "eigengrad/kernels/convolution_weight_gradient_shared.hpp"
#include "eigengrad/kernels/convolution_weight_gradient_unfolded.hpp"
#include "eigengrad/kernels/elementwise.hpp"

namespace eigengrad::kernels {

namespace detail {
/// The pixels that a single tap meets, x[n, p stride, q stride, c], side by side.
template <class T>
BasicTensor<T> met_pixels(const T* x, const ConvolutionGeometry& g) {
  BasicTensor<T> pixels = BasicTensor<T>::uninitialized({g.n, g.out_height, g.out_width, g.in});
  T* const to = pixels.mutable_data();
  parallel_for(g.n * g.out_height, static_cast<double>(pixels.size()), [&](Index row) {
    const T* const from =
        x + (row / g.out_height * g.height + row % g.out_height * g.stride) * g.width * g.in;
    for (Index q = 0; q < g.out_width; ++q)
      copy_run(from + q * g.stride * g.in, to + (row * g.out_width + q) * g.in, g.in);
  });
  return pixels;
}

/// The reverse: images that are those pixels, and elsewhere the bias, or zero. Images past the caches are
/// better written while they are computed.
template <class T>
void spread_pixels(const T* pixels, const ConvolutionGeometry& g, const T* bias, T* x) {
  parallel_for(g.n * g.height, static_cast<double>(g.n * g.height * g.width * g.in), [&](Index row) {
    const Index y = row % g.height / g.stride, met = row % g.height % g.stride == 0 ? g.out_width : 0;
    const T* from = pixels + (row / g.height * g.out_height + y) * g.out_width * g.in;
    T* to = x + row * g.width * g.in;
    for (Index v = 0; v < g.width; ++v, to += g.in)
      if (v % g.stride == 0 && v / g.stride < met)
        copy_run(from + v / g.stride * g.in, to, g.in);
      else if (bias != nullptr)
        copy_run(bias, to, g.in);
      else
        std::fill_n(to, g.in, T{});
  });
}

/// conv2d, or its input gradient, in the way that pays.
template <class T>
void convolve(const ConvolutionGeometry& g, bool gradient, const T* source, const T* weights, const T* bias,
              T slope, BasicTensor<T>& out) {
  if (out.size() == 0) return;
  const bool shares = g.pays_sharing(gradient ? g.height * g.width : g.out_height * g.out_width);
  if (ByTaps<T>::suits(g))
    if (const ByTaps<T> by_taps(g, gradient); by_taps.pays(shares))
      return by_taps.run(source, weights, bias, slope, out.mutable_data());
  Gather<T>(g, gradient, shares).run(source, weights, bias, slope, out);
}
}  // namespace detail

/// y[n, p, q, o] = sum over a, b, c of x[n, p stride + a - padding, q stride + b - padding, c] w[a, b, c, o]
/// (+ bias[o]), x being zero outside; then a leaky ReLU of `slope`, if it is not 1.
///
///     x [N, H, W, Cin],  w [Kh, Kw, Cin, Cout],  bias [Cout],
///     y [N, Ho, Wo, Cout],  Ho = floor((H + 2 padding - Kh) / stride) + 1,  Wo likewise
///
/// Throws for other ranks, channels that differ, stride < 1, padding < 0 and a kernel larger than the padded
/// image.
template <class T>
BasicTensor<T> conv2d(const BasicTensor<T>& x, const BasicTensor<T>& w, Conv2dOptions options = {},
                      const BasicTensor<T>* bias = nullptr, double slope = 1) {
  const detail::ConvolutionGeometry g("conv2d", "x", x.shape(), w.shape(), options);
  detail::check_bias("conv2d", bias, g.out);
  if (g.is_product() || g.pays_copying()) {
    const BasicTensor<T> pixels = g.is_product() ? x : detail::met_pixels(x.data(), g);
    BasicTensor<T> y =
        detail::multiply(pixels.data(), false, w.data(), false, pixels.rows(), g.out, g.in, bias)
            .reshape(g.output_shape());
    return slope == 1 ? y : unary(op::LeakyRelu{slope}, y);
  }
  BasicTensor<T> y = BasicTensor<T>::uninitialized(g.output_shape());
  detail::convolve(g, false, x.data(), w.data(), bias == nullptr ? nullptr : bias->data(),
                   static_cast<T>(slope), y);
  return y;
}

/// The adjoint of conv2d in x, also conv_transpose2d forwards: dx[n, h, v, c] = sum of dy[n, p, q, o] w[a, b,
/// c, o] over all p stride + a - padding = h, q stride + b - padding = v and o (+ bias[c]).
///
///     dy [N, Ho, Wo, Cout],  w [Kh, Kw, Cin, Cout],  bias [Cin],  dx = any shape that conv2d maps to dy's
///
/// Throws where conv2d of `input_shape` and w would, and unless its result has dy's shape.
template <class T>
BasicTensor<T> conv2d_input_gradient(const BasicTensor<T>& dy, const BasicTensor<T>& w,
                                     const Shape& input_shape, Conv2dOptions options = {},
                                     const BasicTensor<T>* bias = nullptr) {
  const char* const name = "conv2d_input_gradient";
  const detail::ConvolutionGeometry g(name, "input_shape", input_shape, w.shape(), options);
  g.check_output(name, dy.shape());
  detail::check_bias(name, bias, g.in);
  if (g.is_product())
    return detail::multiply(dy.data(), false, w.data(), true, dy.rows(), g.in, g.out, bias)
        .reshape(input_shape);
  BasicTensor<T> dx = BasicTensor<T>::uninitialized(input_shape);
  const T* const offset = bias == nullptr ? nullptr : bias->data();
  if (g.pays_copying() && !detail::is_past_caches<T>(dx.size())) {
    const BasicTensor<T> pixels =
        detail::multiply(dy.data(), false, w.data(), true, dy.rows(), g.in, g.out, bias);
    detail::spread_pixels(pixels.data(), g, offset, dx.mutable_data());
  } else if (detail::FewChannels<T>::suits(g)) {
    detail::FewChannels<T>(g).run(dy.data(), w.data(), offset, dx.mutable_data());
  } else {
    detail::convolve(g, true, dy.data(), w.data(), offset, T(1), dx);
  }
  return dx;
}

/// The adjoint of conv2d in w: dw[a, b, c, o] = sum over n, p, q of x[n, p stride + a - padding,
/// q stride + b - padding, c] dy[n, p, q, o].
///
///     x [N, H, W, Cin],  dy [N, Ho, Wo, Cout],  dw = weight_shape = [Kh, Kw, Cin, Cout]
///
/// Throws where conv2d of x and such a w would, and unless its result has dy's shape.
template <class T>
BasicTensor<T> conv2d_weight_gradient(const BasicTensor<T>& x, const BasicTensor<T>& dy,
                                      const Shape& weight_shape, Conv2dOptions options = {}) {
  const char* const name = "conv2d_weight_gradient";
  const detail::ConvolutionGeometry g(name, "x", x.shape(), weight_shape, options);
  g.check_output(name, dy.shape());
  if (g.is_product())
    return detail::multiply<T>(x.data(), true, dy.data(), false, g.in, g.out, x.rows(), nullptr)
        .reshape(weight_shape);
  if (x.size() == 0) return BasicTensor<T>::zeros(weight_shape);
  if (g.pays_copying(256))
    return detail::multiply<T>(detail::met_pixels(x.data(), g).data(), true, dy.data(), false, g.in, g.out,
                               dy.rows(), nullptr)
        .reshape(weight_shape);
  BasicTensor<T> dw = BasicTensor<T>::uninitialized(weight_shape);
  if (dw.size() == 0) return dw;
  if (detail::WeightGradientByTaps<T>::suits(g))
    if (const detail::WeightGradientByTaps<T> by_taps(g); by_taps.pays()) {
      by_taps.run(x.data(), dy.data(), dw.mutable_data());
      return dw;
    }
  if (detail::SharedWeightGradient<T>::pays(g))
    detail::SharedWeightGradient<T>(g).run(x.data(), dy.data(), dw.mutable_data());
  else if (detail::UnfoldedWeightGradient<T>::suits(g))
    detail::UnfoldedWeightGradient<T>(g).run(x.data(), dy.data(), dw.mutable_data());
  else
    detail::WeightGradient<T>(g).run(x.data(), dy.data(), dw.mutable_data());
  return dw;
}

}  // namespace eigengrad::kernels
