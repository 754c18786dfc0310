/// Two-dimensional convolution, channels last, as one trilinear form <dy, conv2d(x, w)>: the three functions
/// are its derivatives with respect to dy, x and w, so each one's gradients are the other two.
#pragma once

#include <cmath>

#include "eigengrad/autodiff/tape.hpp"
#include "eigengrad/kernels/convolution.hpp"
#include "eigengrad/ops/activation.hpp"

namespace eigengrad {

template <class T>
BasicVar<T> conv2d(BasicVar<T> x, BasicVar<T> w, Conv2dOptions options = {}, double slope = 1);
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
/// leaky_relu(conv2d(x, w) + bias, slope). The gradients of x and w are the same with a bias, whose own comes
/// last.
template <class T, class... OfBias>
BasicVar<T> record_conv2d(BasicVar<T> x, BasicVar<T> w, const BasicTensor<T>* bias, Conv2dOptions options,
                          double slope, const OfBias&... of_bias) {
  check(std::isfinite(slope) && slope >= 0, "conv2d: slope is ", slope,
        "; it must be finite and not negative");
  const BasicVar<T> z =
      record("conv2d", kernels::conv2d(x.value(), w.value(), options, bias, slope),
             pullback(x, [w, shape = x.shape(),
                          options](BasicVar<T> dz) { return conv2d_input_gradient(dz, w, shape, options); }),
             pullback(w, [x, shape = w.shape(),
                          options](BasicVar<T> dz) { return conv2d_weight_gradient(x, dz, shape, options); }),
             of_bias...);
  if (slope == 1) return z;
  // z already holds y, which has the signs of what z stands for: the gradient needs no more.
  return record(
      "leaky_relu", z.value(), pullback(z, [slope](BasicVar<T> dy, BasicVar<T> y) {
        BasicTape<T>& tape = dy.tape();
        if (tape.is_recording()) return leaky_relu_gradient(dy, y, slope);
        return tape.constant(kernels::binary_over(
            "leaky_relu_gradient", kernels::op::LeakyReluGradient{slope}, tape.take(dy), y.value()));
      }));
}
}  // namespace detail

/// y[n, p, q, co] = sum over kh, kw, ci of x[n, p s + kh - padding, q s + kw - padding, ci] w[kh, kw, ci,
/// co], with stride s and zeros outside of the image (a cross-correlation, as in all deep-learning
/// libraries); then a leaky ReLU of `slope` in the same pass over memory, if it is not 1.
///
///     x [N, H, W, Cin],  w [Kh, Kw, Cin, Cout],  y [N, P, Q, Cout],  P = floor((H + 2 padding - Kh) / s) + 1
///     dx = conv2d_input_gradient(dz, w),   dw = conv2d_weight_gradient(x, dz),
///     dz = dy where y > 0, else slope dy
///
/// Throws for other ranks, for channels that differ, where the kernel is larger than the padded image, and
/// unless slope is finite and not negative.
template <class T>
BasicVar<T> conv2d(BasicVar<T> x, BasicVar<T> w, Conv2dOptions options, double slope) {
  return detail::record_conv2d<T>(x, w, nullptr, options, slope);
}

/// The same with bias [Cout] added inside the product, before the leaky ReLU.   dbias = dz summed to [Cout].
template <class T>
BasicVar<T> conv2d(BasicVar<T> x, BasicVar<T> w, BasicVar<T> bias, Conv2dOptions options = {},
                   double slope = 1) {
  return detail::record_conv2d(x, w, &bias.value(), options, slope,
                               pullback(bias, [](BasicVar<T> dz) { return dz; }));
}

}  // namespace eigengrad
