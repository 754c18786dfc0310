/// The networks of a GAN (Goodfellow et al. 2014, arXiv 1406.2661): fully connected, G with batch norm.
#pragma once

#include "eigengrad/eigengrad.hpp"

namespace gan {

using namespace eigengrad;

inline constexpr Index pixels = 784;
inline constexpr double leak = 0.2;  ///< slope of the leaky ReLUs

/// x [N, in] -> leaky ReLU of batch norm of x W, [N, out].
struct NormalisedLayer {
  nn::Linear linear;
  nn::BatchNorm norm;

  NormalisedLayer(Index in, Index out, Rng& rng)
      : linear(in, out, rng, {.bias = false}), norm(out, {.slope = leak}) {}
  Var operator()(Var x, nn::BatchNormMode mode) { return norm(linear(x), mode); }
  void visit(auto&& visitor) { visitor("linear", linear), visitor("norm", norm); }
};

/// z [N, 100], N(0, 1) -> image [N, 784] in (0, 1).
struct Generator {
  static constexpr Index noise = 100;

  NormalisedLayer hidden1, hidden2, hidden3;
  nn::Linear output;

  explicit Generator(Rng& rng)
      : hidden1(noise, 256, rng),
        hidden2(256, 512, rng),
        hidden3(512, 1024, rng),
        output(1024, pixels, rng) {}

  Var operator()(Var z, nn::BatchNormMode mode) {
    return sigmoid(output(hidden3(hidden2(hidden1(z, mode), mode), mode)));
  }
  Tensor sample_noise(Index n, Rng& rng) const { return rng.normal<float>({n, noise}); }

  void visit(auto&& visitor) {
    visitor("hidden1", hidden1), visitor("hidden2", hidden2), visitor("hidden3", hidden3),
        visitor("output", output);
  }
};

/// Image [N, 784] -> logit of D(x) [N, 1].
struct Discriminator {
  nn::Linear hidden1, hidden2, output;

  explicit Discriminator(Rng& rng) : hidden1(pixels, 512, rng), hidden2(512, 256, rng), output(256, 1, rng) {}

  /// With dropout of the hidden units.
  Var operator()(Var x, Rng& rng) const {
    const Var h = dropout(leaky_relu(hidden1(x), leak), 0.3, rng);
    return output(dropout(leaky_relu(hidden2(h), leak), 0.3, rng));
  }

  void visit(auto&& visitor) {
    visitor("hidden1", hidden1), visitor("hidden2", hidden2), visitor("output", output);
  }
};

}  // namespace gan
