/// The networks of InfoGAN (Chen et al. 2016, appendix C.1): generator G, trunk shared by D and Q, and their
/// heads.
#pragma once

#include <array>

#include "common/layers.hpp"
#include "eigengrad/eigengrad.hpp"

namespace infogan {

using namespace eigengrad;

/// Sizes of the networks; the defaults are the paper's for MNIST. Images are square, a multiple of 4 pixels
/// wide.
struct Architecture {
  Index image_size = 28;
  Index channels = 1;
  std::array<Index, 2> convolution_features = {64, 128};
  Index hidden = 1024;
  Index q_hidden = 128;

  Index quarter() const { return image_size / 4; }
  Index flat_size() const { return quarter() * quarter() * convolution_features[1]; }
};

// Leaky ReLUs, and the generator's ReLUs (slope 0), are part of the layers before them.
using examples::doubling;
using examples::halving;
using examples::leak;

/// Image [N, S, S, C] -> features [N, hidden]. A bias before batch norm would have no effect, so there is
/// none.
template <class T>
struct Trunk {
  using Scalar = T;

  nn::BasicConv2d<T> conv1, conv2;
  nn::BasicBatchNorm<T> norm2;
  nn::BasicLinear<T> fc;
  nn::BasicBatchNorm<T> norm3;

  Trunk(const Architecture& a, Rng& rng)
      : conv1(a.channels, a.convolution_features[0], 4, rng, halving(true, leak)),
        conv2(a.convolution_features[0], a.convolution_features[1], 4, rng, halving(false)),
        norm2(a.convolution_features[1], {.slope = leak}),
        fc(a.flat_size(), a.hidden, rng, {.bias = false}),
        norm3(a.hidden, {.slope = leak}) {}

  /// `groups` consecutive parts of the batch (real, generated) get batch statistics of their own.
  BasicVar<T> operator()(BasicVar<T> x, nn::BatchNormMode mode, Index groups = 1) {
    x = norm2(conv2(conv1(x)), mode, groups);
    return norm3(fc(flatten(x)), mode, groups);
  }

  template <class Visitor>
  void visit(Visitor&& visitor) {
    visitor("conv1", conv1);
    visitor("conv2", conv2);
    visitor("norm2", norm2);
    visitor("fc", fc);
    visitor("norm3", norm3);
  }
};

/// Features [N, hidden] -> parameters of q(c|x) [N, outputs]: logits of the categorical codes, then the means
/// and the log standard deviations of the continuous ones.
template <class T>
struct QHead {
  using Scalar = T;

  nn::BasicLinear<T> fc;
  nn::BasicBatchNorm<T> norm;
  nn::BasicLinear<T> out;

  QHead(const Architecture& a, Index outputs, Rng& rng)
      : fc(a.hidden, a.q_hidden, rng, {.bias = false}),
        norm(a.q_hidden, {.slope = leak}),
        out(a.q_hidden, outputs, rng) {}

  /// `groups` as for the trunk.
  BasicVar<T> operator()(BasicVar<T> features, nn::BatchNormMode mode, Index groups = 1) {
    return out(norm(fc(features), mode, groups));
  }

  template <class Visitor>
  void visit(Visitor&& visitor) {
    visitor("fc", fc);
    visitor("norm", norm);
    visitor("out", out);
  }
};

/// Latent [N, noise + codes] -> image [N, S, S, C] in (0, 1).
template <class T>
struct Generator {
  using Scalar = T;

  nn::BasicLinear<T> fc1;
  nn::BasicBatchNorm<T> norm1;
  nn::BasicLinear<T> fc2;
  nn::BasicBatchNorm<T> norm2;
  nn::BasicConvTranspose2d<T> upconv1;
  nn::BasicBatchNorm<T> norm3;
  nn::BasicConvTranspose2d<T> upconv2;

  Generator(const Architecture& a, Index latent_size, Rng& rng)
      : fc1(latent_size, a.hidden, rng, {.bias = false}),
        norm1(a.hidden, {.slope = 0}),
        fc2(a.hidden, a.flat_size(), rng, {.bias = false}),
        norm2(a.convolution_features[1], {.slope = 0}),
        upconv1(a.convolution_features[1], a.convolution_features[0], 4, rng, doubling(false)),
        norm3(a.convolution_features[0], {.slope = 0}),
        upconv2(a.convolution_features[0], a.channels, 4, rng, doubling(true)),
        image_quarter_(a.quarter()) {}

  BasicVar<T> operator()(BasicVar<T> latent, nn::BatchNormMode mode) {
    BasicVar<T> x = norm1(fc1(latent), mode);
    x = reshape(fc2(x), {-1, image_quarter_, image_quarter_, norm2.gamma.value().size()});
    x = norm2(x, mode);
    x = norm3(upconv1(x), mode);
    return sigmoid(upconv2(x));
  }

  template <class Visitor>
  void visit(Visitor&& visitor) {
    visitor("fc1", fc1);
    visitor("norm1", norm1);
    visitor("fc2", fc2);
    visitor("norm2", norm2);
    visitor("upconv1", upconv1);
    visitor("norm3", norm3);
    visitor("upconv2", upconv2);
  }

 private:
  Index image_quarter_;
};

/// All networks of InfoGAN.
template <class T>
struct Networks {
  using Scalar = T;

  Trunk<T> trunk;
  nn::BasicLinear<T> discriminator;  ///< features -> logit of D(x)
  QHead<T> q;
  Generator<T> generator;

  Networks(const Architecture& a, Index latent_size, Index code_outputs, Rng& rng)
      : trunk(a, rng),
        discriminator(a.hidden, 1, rng),
        q(a, code_outputs, rng),
        generator(a, latent_size, rng) {
    initialize(rng);
  }

  template <class Visitor>
  void visit(Visitor&& visitor) {
    visitor("trunk", trunk);
    visitor("discriminator", discriminator);
    visitor("q", q);
    visitor("generator", generator);
  }

 private:
  /// Weights N(0, 0.02), batch norm's gamma N(1, 0.02), biases and beta 0 (Radford et al. 2016, section 4).
  void initialize(Rng& rng) {
    for (const auto& item : named_parameters(*this)) {
      const bool is_weight = item.name().ends_with("weight"), is_gamma = item.name().ends_with("gamma");
      item.assign(is_weight || is_gamma ? rng.normal<T>(item.shape(), is_gamma ? 1.0 : 0.0, 0.02)
                                        : BasicTensor<T>::zeros(item.shape()));
    }
  }
};

}  // namespace infogan
