/// The gradient estimator of the note, section 1.3, against the gradient by enumeration.
#pragma once

#include <cmath>
#include <vector>

#include "eigengrad/eigengrad.hpp"

namespace bound {

using namespace eigengrad;

/// A generator of discrete code and noise, x = G(c, z), c uniform on 6 classes, z on 4, and q(c|x): small
/// networks, so that L_I and its gradient are sums over the 24 pairs.
class DiscreteInfoGan {
 public:
  using Scalar = double;
  static constexpr Index classes = 6, noises = 4, pairs = classes * noises;

  explicit DiscreteInfoGan(Rng& rng)
      : g1_(classes + noises, 12, rng), g2_(12, 3, rng), q1_(3, 12, rng), q2_(12, classes, rng) {}

  /// log q(c|G(c, z)) of each pair, numbered c * noises + z: [N].
  BasicVar<double> log_q(BasicTape<double>& tape, std::span<const Index> chosen) const {
    auto latent = BasicTensor<double>::zeros({static_cast<Index>(chosen.size()), classes + noises});
    std::vector<Index> codes;
    for (std::size_t i = 0; i < chosen.size(); ++i) {
      codes.push_back(chosen[i] / noises);
      latent.mutable_at(static_cast<Index>(i), codes.back()) = 1;
      latent.mutable_at(static_cast<Index>(i), classes + chosen[i] % noises) = 1;
    }
    const auto x = tanh(g2_(tanh(g1_(tape.constant(latent)))));
    return BasicCategorical<double>(q2_(tanh(q1_(x)))).log_prob(codes);
  }

  void visit(auto&& visitor) {
    visitor("g1", g1_), visitor("g2", g2_), visitor("q1", q1_), visitor("q2", q2_);
  }

 private:
  nn::BasicLinear<double> g1_, g2_, q1_, q2_;
};

/// All gradients of a list as one vector.
inline std::vector<double> flat(std::span<const BasicTensor<double>> gradients) {
  std::vector<double> result;
  for (const auto& gradient : gradients)
    result.insert(result.end(), gradient.data(), gradient.data() + gradient.size());
  return result;
}

/// The exact gradient of L_I over all parameters of G and Q, and means of the estimator
///
///     (1/N) sum_i grad log q(c_i|G(c_i, z_i)),   c_i ~ p(c), z_i ~ p(z),
///
/// over more and more repetitions.
class EstimatorExperiment {
 public:
  static constexpr Index samples = 8;  // N

  explicit EstimatorExperiment(std::uint64_t seed) : rng_(seed), model_(rng_), targets_(parameters(model_)) {
    std::vector<Index> all;
    for (Index pair = 0; pair < DiscreteInfoGan::pairs; ++pair) all.push_back(pair);
    exact_ = gradient(all);
    mean_.assign(exact_.size(), 0);
    square_.assign(exact_.size(), 0);
  }

  /// Draws until there are `repetitions` of them.
  void run_to(Index repetitions) {
    for (; repetitions_ < repetitions; ++repetitions_) {
      const auto drawn = rng_.categorical(samples, DiscreteInfoGan::pairs);
      const std::vector<double> estimate = gradient(drawn);
      for (std::size_t i = 0; i < estimate.size(); ++i) {
        const double delta = estimate[i] - mean_[i];
        mean_[i] += delta / static_cast<double>(repetitions_ + 1);
        square_[i] += delta * (estimate[i] - mean_[i]);
      }
    }
  }

  std::size_t parameter_count() const { return exact_.size(); }
  /// |mean of the estimates - exact| / |exact|
  double relative_error() const {
    double error = 0, norm = 0;
    for (std::size_t i = 0; i < exact_.size(); ++i)
      error += std::pow(mean_[i] - exact_[i], 2), norm += exact_[i] * exact_[i];
    return std::sqrt(error / norm);
  }
  /// What that is for an unbiased estimator: the root of its summed variances over |exact|.
  double expected_error() const {
    const auto n = static_cast<double>(repetitions_);
    double variance = 0, norm = 0;
    for (std::size_t i = 0; i < exact_.size(); ++i)
      variance += square_[i] / (n - 1) / n, norm += exact_[i] * exact_[i];
    return std::sqrt(variance / norm);
  }
  /// Largest distance of a component from the exact one, in its standard errors.
  double largest_deviation() const {
    const auto n = static_cast<double>(repetitions_);
    double largest = 0;
    for (std::size_t i = 0; i < exact_.size(); ++i)
      largest = std::max(largest, std::abs(mean_[i] - exact_[i]) / std::sqrt(square_[i] / (n - 1) / n));
    return largest;
  }
  /// The length of the mean along the exact gradient, in its length: 1 where nothing is missing, N for the
  /// note's sum without 1/N.
  double scale() const {
    double product = 0, norm = 0;
    for (std::size_t i = 0; i < exact_.size(); ++i)
      product += mean_[i] * exact_[i], norm += exact_[i] * exact_[i];
    return product / norm;
  }

 private:
  std::vector<double> gradient(std::span<const Index> chosen) {
    tape_.clear();
    return flat(tape_.gradient(mean(model_.log_q(tape_, chosen)), targets_));
  }

  Rng rng_;
  DiscreteInfoGan model_;
  BasicParameterList<double> targets_;
  BasicTape<double> tape_;
  std::vector<double> exact_, mean_, square_;
  Index repetitions_ = 0;
};

}  // namespace bound
