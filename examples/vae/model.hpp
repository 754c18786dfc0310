/// The variational auto-encoder: encoder q(z|x), decoder p(x|z), and the bound that trains both.
#pragma once

#include <array>

#include "common/layers.hpp"
#include "eigengrad/eigengrad.hpp"

namespace vae {

using namespace eigengrad;

/// Sizes of the networks. Images are square, a multiple of 4 pixels wide.
struct Architecture {
  Index side = 28;
  std::array<Index, 2> channels = {16, 32};
  Index hidden = 256;
  Index latent = 50;

  Index quarter() const { return side / 4; }
  Index flat_size() const { return quarter() * quarter() * channels[1]; }
};

using examples::doubling;
using examples::halving;
using examples::leak;

/// x [N, side^2] -> q(z|x) = N(mu(x), sigma^2(x)), z [N, latent].
template <class T>
struct Encoder {
  using Scalar = T;

  nn::BasicConv2d<T> conv1, conv2;
  nn::BasicLinear<T> hidden, mean, log_std;

  Encoder(const Architecture& a, Rng& rng)
      : conv1(1, a.channels[0], 4, rng, halving(true, leak)),
        conv2(a.channels[0], a.channels[1], 4, rng, halving(true, leak)),
        hidden(a.flat_size(), a.hidden, rng),
        mean(a.hidden, a.latent, rng),
        log_std(a.hidden, a.latent, rng),
        side_(a.side) {}

  BasicNormal<T> operator()(BasicVar<T> x) const {
    const BasicVar<T> features = conv2(conv1(reshape(x, {-1, side_, side_, 1})));
    const BasicVar<T> h = leaky_relu(hidden(flatten(features)), leak);
    return {mean(h), log_std(h)};
  }

  template <class Visitor>
  void visit(Visitor&& visitor) {
    visitor("conv1", conv1);
    visitor("conv2", conv2);
    visitor("hidden", hidden);
    visitor("mean", mean);
    visitor("log_std", log_std);
  }

 private:
  Index side_;
};

/// z [N, latent] -> p(x|z), a Bernoulli for every pixel, [N, side^2].
template <class T>
struct Decoder {
  using Scalar = T;

  nn::BasicLinear<T> hidden1, hidden2;
  nn::BasicConvTranspose2d<T> upconv1, upconv2;

  Decoder(const Architecture& a, Rng& rng)
      : hidden1(a.latent, a.hidden, rng),
        hidden2(a.hidden, a.flat_size(), rng),
        upconv1(a.channels[1], a.channels[0], 4, rng, doubling(true)),
        upconv2(a.channels[0], 1, 4, rng, doubling(true)),
        quarter_(a.quarter()) {}

  BasicBernoulli<T> operator()(BasicVar<T> z) const {
    const BasicVar<T> h = leaky_relu(hidden2(leaky_relu(hidden1(z), leak)), leak);
    const BasicVar<T> features =
        leaky_relu(upconv1(reshape(h, {z.shape()[0], quarter_, quarter_, -1})), leak);
    return BasicBernoulli<T>(flatten(upconv2(features)));
  }

  template <class Visitor>
  void visit(Visitor&& visitor) {
    visitor("hidden1", hidden1);
    visitor("hidden2", hidden2);
    visitor("upconv1", upconv1);
    visitor("upconv2", upconv2);
  }

 private:
  Index quarter_;
};

template <class T>
struct Vae {
  using Scalar = T;

  Encoder<T> encoder;
  Decoder<T> decoder;

  Vae(const Architecture& a, Rng& rng) : encoder(a, rng), decoder(a, rng) {}

  template <class Visitor>
  void visit(Visitor&& visitor) {
    visitor("encoder", encoder);
    visitor("decoder", decoder);
  }
};

/// The evidence lower bound of each x [N, side^2], in nats, as [N]:
///
///     ln p(x) >= E_q[ln p(x|z)] - KL(q(z|x) || N(0, 1)),
///
/// the expectation by one sample z = mu + sigma e, e ~ N(0, 1), the KL term in closed form.
/// Source: Kingma and Welling, arXiv 1312.6114, equation 10.
template <class T>
BasicVar<T> evidence_lower_bound(const Vae<T>& model, BasicVar<T> x, Rng& rng) {
  const BasicNormal<T> q = model.encoder(x);
  const BasicVar<T> reconstruction = sum(model.decoder(q.sample(rng)).log_prob(x), -1);
  return reconstruction - sum(kl(q, BasicNormal<T>::standard(x.tape())), -1);
}

/// ln w = ln p(x|z) + ln p(z) - ln q(z|x) for `samples` z of each x [N, side^2], as [N, samples]: the mean of
/// w is p(x), that of ln w the bound above. Source: Burda et al., arXiv 1509.00519, section 3.
template <class T>
BasicVar<T> log_weights(const Vae<T>& model, BasicVar<T> x, Index samples, Rng& rng) {
  const Index n = x.shape()[0];
  const BasicNormal<T> posterior = model.encoder(x);
  const Index latent = posterior.mean().shape()[1];
  const auto each = [n](BasicVar<T> of_image) { return reshape(of_image, {n, 1, -1}); };
  const BasicNormal<T> q(each(posterior.mean()), each(posterior.log_std()));
  const BasicVar<T> noise = x.tape().constant(rng.normal<T>({n, samples, latent}));
  const BasicVar<T> z = q.mean() + exp(q.log_std()) * noise;
  const BasicVar<T> log_ratio = BasicNormal<T>::standard(x.tape()).log_prob(z) - q.log_prob(z);
  const BasicVar<T> logits = model.decoder(reshape(z, {n * samples, latent})).logits();
  const BasicBernoulli<T> p(reshape(logits, {n, samples, -1}));
  return sum(p.log_prob(each(x)), -1) + sum(log_ratio, -1);
}

}  // namespace vae
