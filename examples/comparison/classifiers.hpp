/// Two classifiers of (u, y): a network, and logistic regression on u and u^2.
#pragma once

#include <algorithm>
#include <cmath>
#include <vector>

#include <Eigen/Cholesky>

#include "common/adversarial.hpp"
#include "comparison/densities.hpp"

namespace comparison {

/// Points of both classes, [n, d] each.
struct Sample {
  Tensor one, zero;
  Sample(const Pair& pair, Index n, Rng& rng)
      : one(pair.one.sample(n, rng)), zero(pair.zero.sample(n, rng)) {}
};

/// [..., d] -> logit [..., 1] by two hidden layers of 64 softplus units.
struct Network {
  nn::Linear hidden1, hidden2, output;
  Network(Index d, Rng& rng) : hidden1(d, 64, rng), hidden2(64, 64, rng), output(64, 1, rng) {}
  Var operator()(Var u) const { return output(softplus(hidden2(softplus(hidden1(u))))); }
  void visit(auto&& visitor) {
    visitor("hidden1", hidden1), visitor("hidden2", hidden2), visitor("output", output);
  }
};

/// Maximises the log-likelihood of the labels (equation (2)) of four fifths of the sample, and keeps the
/// network that does best on the last fifth.
class NetworkClassifier {
 public:
  NetworkClassifier(const Sample& sample, Rng& rng) : network_(sample.one.shape()[1], rng) {
    const Index n = sample.one.shape()[0], held_out = n / 5, trained = n - held_out;
    const Index batch = std::min(trained, largest_batch);
    const Index steps = std::clamp(passes * trained / batch, least_steps, most_steps);
    Adam adam(parameters(network_), {.learning_rate = rate});
    const Tensor last_one = kernels::slice(sample.one, 0, trained, n),
                 last_zero = kernels::slice(sample.zero, 0, trained, n);
    std::vector<Tensor> best;
    double least = 1e300;
    Index begin = 0;
    for (Index step = 1; step <= steps; ++step, begin += batch) {
      if (begin + batch > trained) begin = 0;
      tape_.clear();
      adam.set_learning_rate(cosine_decay(rate, step, steps));
      const Var loss = objective(kernels::slice(sample.one, 0, begin, begin + batch),
                                 kernels::slice(sample.zero, 0, begin, begin + batch));
      adam.step(tape_.gradient(loss, adam.parameters()));
      if (step % (steps / 40) != 0) continue;
      tape_.clear();
      const auto evaluating = tape_.pause_recording();
      const double value = objective(last_one, last_zero).item();
      if (value >= least) continue;
      least = value;
      best.clear();
      for (const auto* parameter : adam.parameters()) best.push_back(parameter->value());
    }
    for (std::size_t i = 0; i < best.size(); ++i) adam.parameters()[i]->assign(best[i]);
  }

  std::vector<double> logits(const Tensor& points) {
    tape_.clear();
    const auto evaluating = tape_.pause_recording();
    const Tensor values = network_(tape_.constant(points)).value();
    return {values.data(), values.data() + values.size()};
  }

 private:
  static constexpr Index largest_batch = 256, passes = 60, least_steps = 4000, most_steps = 20'000;
  static constexpr double rate = 5e-3;

  Var objective(const Tensor& one, const Tensor& zero) {
    return examples::discriminator_objective(network_(tape_.constant(one)), network_(tape_.constant(zero)));
  }

  Network network_;
  Tape tape_;
};

/// Logistic regression on the features g(u) = (1, u_1 .. u_d, u_1^2 .. u_d^2): the maximum of (2) by Newton's
/// method. Where the log ratio is quadratic, only the scatter of the sample is left between it and the logit.
class QuadraticClassifier {
 public:
  using Features = Eigen::MatrixXd;
  static constexpr int most_newton_steps = 100;

  explicit QuadraticClassifier(const Sample& sample) {
    const Features one = features(sample.one), zero = features(sample.zero);
    Features all(one.rows() + zero.rows(), one.cols());
    all << one, -zero;
    BasicTape<double> tape;
    const BasicTensor<double> signed_features(all);
    BasicTensor<double> weights = BasicTensor<double>::zeros({all.cols(), 1});
    double last_step = 1, fit = 0;
    for (int step = 0; last_step > 1e-8 && step < most_newton_steps; ++step) {
      tape.clear();
      const auto w = tape.variable(weights);
      const auto likelihood = mean(examples::log_d(matmul(tape.constant(signed_features), w)));
      fit = likelihood.item();
      const Eigen::VectorXd gradient = tape.gradient(likelihood, {w})[0].matrix();
      const Eigen::VectorXd change = information(all, weights.matrix().col(0)).ldlt().solve(gradient);
      last_step = change.cwiseAbs().maxCoeff();
      weights.mutable_matrix().col(0) += change;
    }
    check(last_step <= 1e-8 && fit < -1e-9, "the two samples of ", one.rows(),
          " points can be told apart without error: there is no maximum; more points are needed");
    weights_ = weights.matrix().col(0);
  }

  std::vector<double> logits(const Tensor& points) const {
    const Eigen::VectorXd values = features(points) * weights_;
    return {values.data(), values.data() + values.size()};
  }

  /// What E_u[(logit - log ratio)^2] becomes as the n points of either class grow, times n, u from either
  /// class alike: half the trace of I^-1 E[g g^T] less 2, I = E[h (1 - h) g g^T]. The 2 is there since as
  /// many points are drawn from either class, not a random number: that takes 1/n + 1/n off the variance of
  /// the constant.
  static double scaled_sampling_error(const Pair& pair, const Tensor& points) {
    const Features g = features(points);
    const auto ratios = pair.log_ratio(points);
    Features weighted = g;
    for (Index i = 0; i < g.rows(); ++i) {
      const double h = 1 / (1 + std::exp(-ratios[static_cast<std::size_t>(i)]));
      weighted.row(i) *= h * (1 - h);
    }
    const Features moment = g.transpose() * g, fisher = weighted.transpose() * g;
    return fisher.ldlt().solve(moment).trace() / 2 - 2;
  }

 private:
  static Features features(const Tensor& points) {
    const Index d = points.shape()[1];
    Features g(points.shape()[0], 1 + 2 * d);
    g.col(0).setOnes();
    g.middleCols(1, d) = points.matrix().cast<double>();
    g.rightCols(d) = points.matrix().cast<double>().array().square();
    return g;
  }
  /// E[h (1 - h) g g^T]
  static Features information(const Features& g, const Eigen::VectorXd& weights) {
    const Eigen::ArrayXd h = 1 / (1 + (-(g * weights)).array().exp());
    const Eigen::VectorXd curvature = h * (1 - h);
    return g.transpose() * curvature.asDiagonal() * g / static_cast<double>(g.rows());
  }

  Eigen::VectorXd weights_;
};

}  // namespace comparison
