/// The bound L_I on the binary symmetric channel, where every expectation is a sum of four terms.
#pragma once

#include <cmath>
#include <numbers>
#include <vector>

#include "common/figures.hpp"
#include "eigengrad/eigengrad.hpp"

namespace bound {

using namespace eigengrad;
using Double = BasicTensor<double>;

/// c ~ Bernoulli(1/2), x = c, flipped with probability `flip`. All figures in nats.
struct BinaryChannel {
  double flip = 0.1;

  /// p(x|c), which is p(c|x) as well: [x, c].
  Double posterior() const { return Double({2, 2}, {1 - flip, flip, flip, 1 - flip}); }
  /// H(c) = ln 2
  static double entropy() { return std::numbers::ln2; }
  /// H(c|x) = -f ln f - (1 - f) ln(1 - f), by the definition -sum p(c, x) ln p(c|x)
  double entropy_given_x() const {
    double sum = 0;
    for (const double p : {1 - flip, flip, flip, 1 - flip})
      if (p > 0) sum -= 0.5 * p * std::log(p);
    return sum;
  }
  /// I(c; x) = sum p(c, x) ln (p(c, x) / (p(c) p(x)))
  double information() const {
    double sum = 0;
    for (const double p : {1 - flip, flip, flip, 1 - flip})
      if (p > 0) sum += 0.5 * p * std::log(0.5 * p / (0.5 * 0.5));
    return sum;
  }
  /// n samples: [c, x] of each.
  struct Sample {
    std::vector<Index> c, x;
  };
  Sample sample(Index n, Rng& rng) const {
    Sample sample;
    for (Index i = 0; i < n; ++i) {
      sample.c.push_back(rng.below(2));
      sample.x.push_back(rng.uniform<double>(0, 1) < flip ? 1 - sample.c.back() : sample.c.back());
    }
    return sample;
  }
};

/// q(c|x) as a table of logits, [x, c].
class TablePosterior {
 public:
  explicit TablePosterior(Double logits) : logits_(std::move(logits)) {}

  /// q(c|x) for each of the given x.
  BasicCategorical<double> operator()(BasicTape<double>& tape, std::span<const Index> x) const {
    Double one_hot = Double::zeros({static_cast<Index>(x.size()), 2});
    for (std::size_t i = 0; i < x.size(); ++i) one_hot.mutable_at(static_cast<Index>(i), x[i]) = 1;
    return BasicCategorical<double>(matmul(tape.constant(one_hot), tape.parameter(logits_)));
  }

  /// Maximises E[log q(c|x)] over samples of the channel.
  void train(const BinaryChannel& channel, Rng& rng) {
    constexpr Index steps = 1000, batch = 4096;
    constexpr double rate = 0.05;
    BasicAdam<double> adam({&logits_}, {.learning_rate = rate});
    BasicTape<double> tape;
    for (Index step = 0; step < steps; ++step) {
      tape.clear();
      const auto [c, x] = channel.sample(batch, rng);
      const auto loss = -mean((*this)(tape, x).log_prob(c));
      adam.set_learning_rate(cosine_decay(rate, step, steps));
      adam.step(tape.gradient(loss, adam.parameters()));
    }
  }

 private:
  BasicParameter<double> logits_;
};

struct ExactBound {
  double bound, divergence;
};

/// L_I = sum p(c, x) log q(c|x) + H(c) and E_x[KL(p(c|x) || q(c|x))], by enumeration.
inline ExactBound enumerate(const BinaryChannel& channel, const TablePosterior& q) {
  BasicTape<double> tape;
  const auto evaluating = tape.pause_recording();
  const Index both[] = {0, 1};
  const auto p = tape.constant(channel.posterior());
  const auto approximation = q(tape, both);
  const double cross = sum(p * log_softmax(approximation.logits())).item() / 2;
  const double divergence = mean(kl(BasicCategorical<double>(log(p)), approximation)).item();
  return {cross + BinaryChannel::entropy(), divergence};
}

/// L_I by n samples, and its standard error.
inline examples::MeanFigure sampled_bound(const BinaryChannel& channel, const TablePosterior& q, Index n,
                                          Rng& rng) {
  BasicTape<double> tape;
  const auto evaluating = tape.pause_recording();
  const auto [c, x] = channel.sample(n, rng);
  const auto log_q = q(tape, x).log_prob(c).value();
  std::vector<double> values(log_q.data(), log_q.data() + log_q.size());
  for (double& value : values) value += BinaryChannel::entropy();
  return examples::mean_figure(values);
}

}  // namespace bound
