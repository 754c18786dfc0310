/// The bound L_I on a channel of correlated Gaussians, whose mutual information is known.
#pragma once

#include <cmath>
#include <numbers>
#include <optional>
#include <vector>

#include "common/figures.hpp"
#include "eigengrad/eigengrad.hpp"

namespace bound {

using namespace eigengrad;

/// c ~ N(0, 1) in d dimensions, x = rho c + sqrt(1 - rho^2) e with e ~ N(0, 1): every pair (c_j, x_j) has
/// correlation rho. All figures in nats.
struct GaussianChannel {
  double rho = 0.5;
  Index dimensions = 20;

  struct Sample {
    Tensor c, x;  // [n, d]
  };
  Sample sample(Index n, Rng& rng) const {
    const Tensor c = rng.normal<float>({n, dimensions}), e = rng.normal<float>({n, dimensions});
    const auto a = static_cast<float>(rho), b = static_cast<float>(std::sqrt(1 - rho * rho));
    return {c, Tensor((a * c.matrix() + b * e.matrix()).eval())};
  }

  /// I(c; x) = -(d / 2) ln(1 - rho^2)
  double information() const { return -d() / 2 * std::log(1 - rho * rho); }
  /// H(c) = (d / 2) ln(2 pi e)
  double entropy() const { return d() / 2 * (std::log(2 * std::numbers::pi) + 1); }
  /// p(c|x) = N(rho x, 1 - rho^2)
  Normal posterior(Var x) const {
    return Normal(rho * x, x.tape().constant(Tensor::scalar(static_cast<float>(std::log1p(-rho * rho) / 2))));
  }

 private:
  double d() const { return static_cast<double>(dimensions); }
};

/// What q(c|x) = N(mu(x), sigma^2) may be.
enum class Family {
  exact,      ///< mu linear in x, sigma free for each dimension: contains the posterior
  wide,       ///< mu linear in x, sigma = 1, as public ports have it
  half,       ///< mu linear in the first half of x, sigma free
  untrained,  ///< as `exact`, but never trained
};
inline const char* name(Family family) {
  constexpr const char* names[] = {"exact", "sigma = 1", "half of x", "untrained"};
  return names[static_cast<int>(family)];
}

/// q(c|x) of a family.
class GaussianPosterior {
 public:
  GaussianPosterior(const GaussianChannel& channel, Family family, Rng& rng)
      : family_(family),
        seen_(family == Family::half ? channel.dimensions / 2 : channel.dimensions),
        mean_(seen_, channel.dimensions, rng),
        log_std_(Tensor::zeros({channel.dimensions})) {}

  Normal operator()(Var x) const {
    const Var mean = mean_(slice(x, -1, 0, seen_));
    if (family_ == Family::wide) return Normal(mean, x.tape().constant(Tensor::scalar(0)));
    return Normal(mean, x.tape().parameter(log_std_));
  }

  /// Maximises E[log q(c|x)] over samples of the channel, new ones at every step.
  void train(const GaussianChannel& channel, Rng& rng) {
    if (family_ == Family::untrained) return;
    constexpr Index steps = 3000, batch = 512;
    constexpr double rate = 1e-2;
    Adam adam(parameters(*this), {.learning_rate = rate});
    Tape tape;
    for (Index step = 0; step < steps; ++step) {
      tape.clear();
      const auto [c, x] = channel.sample(batch, rng);
      const Var loss = -mean(sum((*this)(tape.constant(x)).log_prob(c), -1));
      adam.set_learning_rate(cosine_decay(rate, step, steps));
      adam.step(tape.gradient(loss, adam.parameters()));
    }
  }

  void visit(auto&& visitor) {
    visitor("mean", mean_);
    if (family_ != Family::wide) visitor("log_std", log_std_);
  }

 private:
  Family family_;
  Index seen_;
  nn::Linear mean_;
  Parameter log_std_;
};

/// What is measured on n fresh samples; every pair is a mean and its standard error.
struct BoundFigures {
  examples::MeanFigure bound;       ///< L_I = E[log q(c|x)] + H(c)
  examples::MeanFigure divergence;  ///< E_x[KL(p(c|x) || q(c|x))], in closed form for each x
  examples::MeanFigure entropy;     ///< H(c|x) = -E[log p(c|x)]
};

inline BoundFigures measure(const GaussianChannel& channel, const GaussianPosterior& q, Index n, Rng& rng) {
  constexpr Index batch = 10'000;
  examples::RunningMean bound, divergence, entropy;
  Tape tape;
  const auto evaluating = tape.pause_recording();
  const auto append = [](examples::RunningMean& mean, const Var& each, double sign, double constant) {
    for (Index i = 0; i < each.size(); ++i) mean.add(sign * each.value().data()[i] + constant);
  };
  for (Index done = 0; done < n; done += batch) {
    tape.clear();
    const auto [c, x_values] = channel.sample(std::min(batch, n - done), rng);
    const Var x = tape.constant(x_values);
    const Normal p = channel.posterior(x), approximation = q(x);
    append(bound, sum(approximation.log_prob(c), -1), 1, channel.entropy());
    append(divergence, sum(kl(p, approximation), -1), 1, 0);
    append(entropy, sum(p.log_prob(c), -1), -1, 0);
  }
  return {bound.figure(), divergence.figure(), entropy.figure()};
}

}  // namespace bound
