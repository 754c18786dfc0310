/// Layer settings that the networks of several programs share.
#pragma once

#include "eigengrad/nn/conv2d.hpp"
#include "eigengrad/nn/conv_transpose2d.hpp"

namespace examples {

/// Slope of the leaky ReLUs.
inline constexpr double leak = 0.1;

/// 4x4 kernels at stride 2 with padding 1 halve an image; transposed they double it.
inline constexpr eigengrad::nn::Conv2dOptions halving(bool bias, double slope = 1) {
  return {.stride = 2, .padding = 1, .bias = bias, .slope = slope};
}
inline constexpr eigengrad::nn::ConvTranspose2dOptions doubling(bool bias) {
  return {.stride = 2, .padding = 1, .bias = bias};
}

}  // namespace examples
