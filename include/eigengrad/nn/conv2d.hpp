/// nn::Conv2d: a convolutional layer.
#pragma once

#include <optional>

#include "eigengrad/nn/init.hpp"
#include "eigengrad/nn/module.hpp"
#include "eigengrad/ops/conv2d.hpp"

namespace eigengrad::nn {

/// Settings of nn::Conv2d.
struct Conv2dOptions {
  Index stride = 1;
  Index padding = 0;
  bool bias = true;
  double slope = 1;  ///< of a leaky ReLU that follows, in the same pass over memory: 0 is ReLU, 1 is none
};

/// y = conv2d(x, weight) + bias: x is [N, H, W, in], y [N, P, Q, out], with a square kernel; where the
/// options say so, a leaky ReLU of it.
///
/// Weight and bias start uniform in [-1, 1) / sqrt(kernel^2 in), as in PyTorch.
template <class T>
struct BasicConv2d {
  using Scalar = T;

  BasicParameter<T> weight;               ///< [kernel, kernel, in, out]
  std::optional<BasicParameter<T>> bias;  ///< [out]
  eigengrad::Conv2dOptions options;
  double slope;

  BasicConv2d(Index in, Index out, Index kernel, Rng& rng, Conv2dOptions layer = {})
      : options{.stride = layer.stride, .padding = layer.padding}, slope(layer.slope) {
    check(in >= 1 && out >= 1 && kernel >= 1, "nn::Conv2d: in is ", in, ", out is ", out, ", kernel is ",
          kernel, "; all must be at least 1");
    check(layer.stride >= 1 && layer.padding >= 0, "nn::Conv2d: stride is ", layer.stride, ", padding is ",
          layer.padding, "; stride must be at least 1 and padding not negative");
    check(std::isfinite(slope) && slope >= 0, "nn::Conv2d: slope is ", slope,
          "; it must be finite and not negative");
    const Shape shape{kernel, kernel, in, out};
    weight = BasicParameter<T>(default_uniform<T>(shape, fan_of(shape), rng));
    if (layer.bias) bias.emplace(default_uniform<T>({out}, fan_of(shape), rng));
  }

  BasicVar<T> operator()(BasicVar<T> x) const {
    BasicTape<T>& tape = x.tape();
    const BasicVar<T> w = tape.parameter(weight);
    return bias ? conv2d(x, w, tape.parameter(*bias), options, slope) : conv2d(x, w, options, slope);
  }

  template <class Visitor>
  void visit(Visitor&& visitor) {
    visitor("weight", weight);
    if (bias) visitor("bias", *bias);
  }
};

using Conv2d = BasicConv2d<float>;

}  // namespace eigengrad::nn
