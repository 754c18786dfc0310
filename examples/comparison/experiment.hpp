/// How far logits are from the exact log ratio as the sample grows, and whether decisions agree.
#pragma once

#include <cmath>
#include <span>
#include <vector>

#include "common/figures.hpp"
#include "comparison/classifiers.hpp"

namespace comparison {

/// Root of the mean square difference.
inline double root_mean_square_error(const std::vector<double>& a, const std::vector<double>& b) {
  double square = 0;
  for (std::size_t i = 0; i < a.size(); ++i) square += (a[i] - b[i]) * (a[i] - b[i]);
  return std::sqrt(square / static_cast<double>(a.size()));
}

/// How many points the MAP rule, argmax_y p(y|u), and the density-ratio rule, ln p(u|1) - ln p(u|0) > 0,
/// place in different classes. p(1|u) is Bernoulli(logit)'s mean, p(0|u) that of Bernoulli(-logit).
inline Index disagreements(const std::vector<double>& logits) {
  BasicTape<double> tape;
  const auto evaluating = tape.pause_recording();
  BasicTensor<double> values({static_cast<Index>(logits.size())}, logits);
  const auto one = BasicBernoulli<double>(tape.constant(values)).mean().value();
  const auto zero = BasicBernoulli<double>(-tape.constant(values)).mean().value();
  Index count = 0;
  for (Index i = 0; i < values.size(); ++i) {
    const bool maximum_a_posteriori = one.data()[i] > zero.data()[i], ratio = values.data()[i] > 0;
    count += maximum_a_posteriori != ratio;
  }
  return count;
}

/// Fresh points, as many from either class, and their exact log ratio.
struct Judges {
  Tensor points;
  std::vector<double> log_ratio;
  Judges(const Pair& pair, Index n, Rng& rng) {
    const Sample sample(pair, n, rng);
    const Tensor both[] = {sample.one, sample.zero};
    points = kernels::concatenate(std::span<const Tensor>(both), 0);
    log_ratio = pair.log_ratio(points);
  }
};

/// One pair and one size of the sample, over repetitions.
struct Errors {
  std::vector<double> network, quadratic;  ///< root of the mean square error of each logit
  Index disagreements = 0;                 ///< between the two rules, over all points and classifiers
  Index decisions = 0;                     ///< of the network
  Index right_decisions = 0;               ///< those that the exact log ratio takes, too
};

inline Errors measure(const Pair& pair, const Judges& judges, Index n, Index network_repetitions,
                      Index quadratic_repetitions, Rng& rng) {
  Errors errors;
  for (Index repetition = 0; repetition < network_repetitions; ++repetition) {
    const auto logits = NetworkClassifier(Sample(pair, n, rng), rng).logits(judges.points);
    errors.network.push_back(root_mean_square_error(logits, judges.log_ratio));
    errors.disagreements += disagreements(logits);
    for (std::size_t i = 0; i < logits.size(); ++i)
      errors.right_decisions += (logits[i] > 0) == (judges.log_ratio[i] > 0);
    errors.decisions += static_cast<Index>(logits.size());
  }
  for (Index repetition = 0; repetition < quadratic_repetitions; ++repetition) {
    const auto logits = QuadraticClassifier(Sample(pair, n, rng)).logits(judges.points);
    errors.quadratic.push_back(root_mean_square_error(logits, judges.log_ratio));
    errors.disagreements += disagreements(logits);
  }
  return errors;
}

}  // namespace comparison
