/// The variational auto-encoder: encoder q(z|x), decoder p(x|z), and the bound that trains both.
#pragma once

#include "eigengrad/eigengrad.hpp"

namespace vae {

using namespace eigengrad;

/// Sizes of the networks; the defaults are those of Burda et al. (arXiv 1509.00519, one stochastic layer).
struct Architecture {
  Index pixels = 784;
  Index hidden = 200;
  Index latent = 50;
};

/// x [..., pixels] -> q(z|x) = N(mu(x), sigma^2(x)), z [..., latent].
template <class T>
struct Encoder {
  using Scalar = T;

  nn::BasicLinear<T> hidden1, hidden2, mean, log_std;

  Encoder(const Architecture& a, Rng& rng)
      : hidden1(a.pixels, a.hidden, rng),
        hidden2(a.hidden, a.hidden, rng),
        mean(a.hidden, a.latent, rng),
        log_std(a.hidden, a.latent, rng) {}

  BasicNormal<T> operator()(BasicVar<T> x) const {
    const BasicVar<T> h = tanh(hidden2(tanh(hidden1(x))));
    return {mean(h), log_std(h)};
  }

  template <class Visitor>
  void visit(Visitor&& visitor) {
    visitor("hidden1", hidden1);
    visitor("hidden2", hidden2);
    visitor("mean", mean);
    visitor("log_std", log_std);
  }
};

/// z [..., latent] -> p(x|z), a Bernoulli for every pixel.
template <class T>
struct Decoder {
  using Scalar = T;

  nn::BasicLinear<T> hidden1, hidden2, logits;

  Decoder(const Architecture& a, Rng& rng)
      : hidden1(a.latent, a.hidden, rng), hidden2(a.hidden, a.hidden, rng), logits(a.hidden, a.pixels, rng) {}

  BasicBernoulli<T> operator()(BasicVar<T> z) const {
    return BasicBernoulli<T>(logits(tanh(hidden2(tanh(hidden1(z))))));
  }

  template <class Visitor>
  void visit(Visitor&& visitor) {
    visitor("hidden1", hidden1);
    visitor("hidden2", hidden2);
    visitor("logits", logits);
  }
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

/// The evidence lower bound of each x [N, pixels], in nats, as [N]:
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

/// ln w = ln p(x|z) + ln p(z) - ln q(z|x) for `samples` z of each x [N, pixels], as [N, samples]: the mean of
/// w is p(x), that of ln w the bound above. Source: Burda et al., arXiv 1509.00519, section 3.
template <class T>
BasicVar<T> log_weights(const Vae<T>& model, BasicVar<T> x, Index samples, Rng& rng) {
  BasicTape<T>& tape = x.tape();
  const Index n = x.shape()[0];
  const BasicVar<T> each = reshape(x, {n, 1, -1});
  const BasicNormal<T> q = model.encoder(each);
  const BasicVar<T> noise = tape.constant(rng.normal<T>({n, samples, q.mean().shape()[2]}));
  const BasicVar<T> z = q.mean() + exp(q.log_std()) * noise;
  const BasicVar<T> log_ratio = BasicNormal<T>::standard(tape).log_prob(z) - q.log_prob(z);
  return sum(model.decoder(z).log_prob(each), -1) + sum(log_ratio, -1);
}

}  // namespace vae
