/// nn::ConvTranspose2d: a layer that enlarges images.
#pragma once

#include <optional>

#include "eigengrad/nn/init.hpp"
#include "eigengrad/nn/module.hpp"
#include "eigengrad/ops/conv_transpose2d.hpp"

namespace eigengrad::nn {

/// Settings of nn::ConvTranspose2d.
struct ConvTranspose2dOptions {
  Index stride = 1;
  Index padding = 0;
  Index output_padding = 0;
  bool bias = true;
};

/// y = conv_transpose2d(x, weight) + bias: x is [N, H, W, in], y [N, P, Q, out], with a square kernel,
/// P = (H - 1) stride - 2 padding + kernel + output_padding.
///
/// Weight and bias start uniform in [-1, 1) / sqrt(kernel^2 out), as in PyTorch, which takes the fan of the
/// convolution that is transposed (nn::fan_of_transpose gives the layer's own).
template <class T>
struct BasicConvTranspose2d {
  using Scalar = T;

  BasicParameter<T> weight;               ///< [kernel, kernel, out, in]
  std::optional<BasicParameter<T>> bias;  ///< [out]
  eigengrad::ConvTranspose2dOptions options;

  BasicConvTranspose2d(Index in, Index out, Index kernel, Rng& rng, ConvTranspose2dOptions layer = {})
      : options{layer.stride, layer.padding, layer.output_padding} {
    check(in >= 1 && out >= 1 && kernel >= 1, "nn::ConvTranspose2d: in is ", in, ", out is ", out,
          ", kernel is ", kernel, "; all must be at least 1");
    check(layer.stride >= 1 && layer.padding >= 0 && layer.output_padding >= 0 &&
              layer.output_padding < layer.stride,
          "nn::ConvTranspose2d: stride is ", layer.stride, ", padding is ", layer.padding,
          ", output_padding is ", layer.output_padding,
          "; stride must be at least 1, padding not negative, output_padding in [0, stride)");
    const Shape shape{kernel, kernel, out, in};
    weight = BasicParameter<T>(default_uniform<T>(shape, fan_of(shape), rng));
    if (layer.bias) bias.emplace(default_uniform<T>({out}, fan_of(shape), rng));
  }

  BasicVar<T> operator()(BasicVar<T> x) const {
    BasicTape<T>& tape = x.tape();
    const BasicVar<T> w = tape.parameter(weight);
    return bias ? conv_transpose2d(x, w, tape.parameter(*bias), options) : conv_transpose2d(x, w, options);
  }

  template <class Visitor>
  void visit(Visitor&& visitor) {
    visitor("weight", weight);
    if (bias) visitor("bias", *bias);
  }
};

using ConvTranspose2d = BasicConvTranspose2d<float>;

}  // namespace eigengrad::nn
