/// Initial values of parameters.
#pragma once

#include <cmath>

#include "eigengrad/autodiff/parameter.hpp"
#include "eigengrad/core/random.hpp"

namespace eigengrad::nn {

/// How many values enter an output of a layer, and how many outputs an input value enters.
struct Fan {
  double in = 1;
  double out = 1;
};

/// Fan of a weight whose last two axes are input and output features, as linear [K, N] and conv2d
/// [Kh, Kw, Cin, Cout] have them; the other axes are the receptive field. Throws for rank < 2.
inline Fan fan_of(const Shape& weight) {
  check(weight.rank() >= 2, "fan_of: the weight is ", weight, "; it must have at least rank 2");
  double field = 1;
  for (int axis = 0; axis + 2 < weight.rank(); ++axis) field *= static_cast<double>(weight[axis]);
  return {field * static_cast<double>(weight[-2]), field * static_cast<double>(weight[-1])};
}

/// Fan of conv_transpose2d's weight [Kh, Kw, Cout, Cin] with its stride s. Of the Kh Kw Cin products that a
/// stride of 1 would add up, one output gets 1 in s^2: in = Kh Kw Cin / s^2, out = Kh Kw Cout.
inline Fan fan_of_transpose(const Shape& weight, Index stride = 1) {
  const Fan conv = fan_of(weight);
  return {conv.out / static_cast<double>(stride * stride), conv.in};
}

/// Normal with mean 0 and the given standard deviation.
template <class T>
BasicTensor<T> normal(const Shape& shape, double std, Rng& rng) {
  return rng.normal<T>(shape, 0, std);
}

/// Uniform in [-bound, bound), bound = sqrt(6 / (in + out)): variance 2 / (in + out), which keeps the
/// variance of signals and gradients in linear or tanh networks. Source: Glorot and Bengio, "Understanding
/// the difficulty of training deep feedforward neural networks", AISTATS 2010, equation 16.
template <class T>
BasicTensor<T> xavier_uniform(const Shape& shape, Fan fan, Rng& rng) {
  const double bound = std::sqrt(6 / (fan.in + fan.out));
  return rng.uniform<T>(shape, -bound, bound);
}

/// Normal with variance 2 / (in + out). Source: as xavier_uniform, equation 12.
template <class T>
BasicTensor<T> xavier_normal(const Shape& shape, Fan fan, Rng& rng) {
  return rng.normal<T>(shape, 0, std::sqrt(2 / (fan.in + fan.out)));
}

/// Uniform in [-bound, bound), bound = sqrt(6 / ((1 + slope^2) in)): keeps the variance of signals through
/// leaky ReLUs of the given negative slope (0: ReLU, 1: linear). Source: He et al., "Delving deep into
/// rectifiers", ICCV 2015, arXiv 1502.01852, equation 15.
template <class T>
BasicTensor<T> kaiming_uniform(const Shape& shape, Fan fan, Rng& rng, double slope = 0) {
  const double bound = std::sqrt(6 / ((1 + slope * slope) * fan.in));
  return rng.uniform<T>(shape, -bound, bound);
}

/// Normal with variance 2 / ((1 + slope^2) in). Source: as kaiming_uniform.
template <class T>
BasicTensor<T> kaiming_normal(const Shape& shape, Fan fan, Rng& rng, double slope = 0) {
  return rng.normal<T>(shape, 0, std::sqrt(2 / ((1 + slope * slope) * fan.in)));
}

/// What a layer starts with, as in PyTorch: uniform in [-1, 1) / sqrt(in), for the weight (kaiming_uniform
/// with slope sqrt(5)) and for the bias.
template <class T>
BasicTensor<T> default_uniform(const Shape& shape, Fan fan, Rng& rng) {
  const double bound = 1 / std::sqrt(fan.in);
  return rng.uniform<T>(shape, -bound, bound);
}

}  // namespace eigengrad::nn
