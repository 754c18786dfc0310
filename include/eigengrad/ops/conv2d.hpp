/// Two-dimensional convolution, channels last, as one trilinear form <dy, conv2d(x, w)>: the three functions
/// are its derivatives with respect to dy, x and w, so each one's gradients are the other two.
#pragma once

#include "eigengrad/autodiff/tape.hpp"
#include "eigengrad/kernels/convolution.hpp"

namespace eigengrad {

template <class T>
BasicVar<T> conv2d(BasicVar<T> x, BasicVar<T> w, Conv2dOptions options = {});
template <class T>
BasicVar<T> conv2d_weight_gradient(BasicVar<T> x, BasicVar<T> dy, const Shape& weight_shape,
                                   Conv2dOptions options = {});

/// dx[n, h, w, ci] = sum over p, q, kh, kw, co with p s + kh - padding = h, q s + kw - padding = w of
/// dy[n, p, q, co] w[kh, kw, ci, co]: what conv2d hands back to x, an image of shape `input_shape`.
///
///     gradient of dy: conv2d(g, w),   of w: conv2d_weight_gradient(g, dy)
template <class T>
BasicVar<T> conv2d_input_gradient(BasicVar<T> dy, BasicVar<T> w, const Shape& input_shape,
                                  Conv2dOptions options = {}) {
  return record("conv2d_input_gradient",
                kernels::conv2d_input_gradient(dy.value(), w.value(), input_shape, options),
                pullback(dy, [w, options](BasicVar<T> g) { return conv2d(g, w, options); }),
                pullback(w, [dy, shape = w.shape(), options](BasicVar<T> g) {
                  return conv2d_weight_gradient(g, dy, shape, options);
                }));
}

/// dw[kh, kw, ci, co] = sum over n, p, q of x[n, p s + kh - padding, q s + kw - padding, ci] dy[n, p, q, co]:
/// what conv2d hands back to w, of shape `weight_shape`.
///
///     gradient of x: conv2d_input_gradient(dy, g),   of dy: conv2d(x, g)
template <class T>
BasicVar<T> conv2d_weight_gradient(BasicVar<T> x, BasicVar<T> dy, const Shape& weight_shape,
                                   Conv2dOptions options) {
  return record(
      "conv2d_weight_gradient", kernels::conv2d_weight_gradient(x.value(), dy.value(), weight_shape, options),
      pullback(x, [dy, shape = x.shape(),
                   options](BasicVar<T> g) { return conv2d_input_gradient(dy, g, shape, options); }),
      pullback(dy, [x, options](BasicVar<T> g) { return conv2d(x, g, options); }));
}

namespace detail {
/// Records y with the two gradients that conv2d has with and without a bias.
template <class T, class... More>
BasicVar<T> record_conv2d(BasicTensor<T> y, BasicVar<T> x, BasicVar<T> w, Conv2dOptions options,
                          const More&... more) {
  return record("conv2d", std::move(y),
                pullback(x, [w, shape = x.shape(), options](
                                BasicVar<T> dy) { return conv2d_input_gradient(dy, w, shape, options); }),
                pullback(w, [x, shape = w.shape(), options](
                                BasicVar<T> dy) { return conv2d_weight_gradient(x, dy, shape, options); }),
                more...);
}
}  // namespace detail

/// y[n, p, q, co] = sum over kh, kw, ci of x[n, p s + kh - padding, q s + kw - padding, ci] w[kh, kw, ci,
/// co], with stride s and zeros outside of the image (a cross-correlation, as in all deep-learning
/// libraries).
///
///     x [N, H, W, Cin],  w [Kh, Kw, Cin, Cout],  y [N, P, Q, Cout],  P = floor((H + 2 padding - Kh) / s) + 1
///     dx = conv2d_input_gradient(dy, w),   dw = conv2d_weight_gradient(x, dy)
///
/// Throws for other ranks, for channels that differ, and where the kernel is larger than the padded image.
template <class T>
BasicVar<T> conv2d(BasicVar<T> x, BasicVar<T> w, Conv2dOptions options) {
  return detail::record_conv2d(kernels::conv2d(x.value(), w.value(), options), x, w, options);
}

/// conv2d(x, w) + bias, with bias [Cout] added inside the product.   dbias = dy summed to [Cout].
template <class T>
BasicVar<T> conv2d(BasicVar<T> x, BasicVar<T> w, BasicVar<T> bias, Conv2dOptions options = {}) {
  return detail::record_conv2d(kernels::conv2d(x.value(), w.value(), options, &bias.value()), x, w, options,
                               pullback(bias, [](BasicVar<T> dy) { return dy; }));
}

}  // namespace eigengrad
