/// nn::BatchNorm: normalisation over the batch with running statistics for evaluation.
#pragma once

#include <cmath>

#include "eigengrad/nn/module.hpp"
#include "eigengrad/ops/batch_norm.hpp"

namespace eigengrad::nn {

/// Settings of nn::BatchNorm.
struct BatchNormOptions {
  double momentum = 0.1;  ///< weight of the newest batch in the running statistics, as in PyTorch
  double epsilon = 1e-5;
  double slope = 1;  ///< of a leaky ReLU that follows, in the same passes over memory: 0 is ReLU, 1 is none
};

/// Which statistics nn::BatchNorm uses.
enum class BatchNormMode {
  update,  ///< those of the batch, and they update the running ones: training
  batch,   ///< those of the batch; the running ones stay: a network that is only passed through
  running  ///< the running ones: evaluation
};

/// y = gamma (x - mean) / sqrt(variance + epsilon) + beta on the last axis, x being [..., features], and,
/// where the options say so, a leaky ReLU of it.
///
/// In mode `update`, with the mean and unbiased variance of each group of the batch in turn, as separate
/// passes would: running = (1 - momentum) running + momentum batch. gamma and the running variance start at
/// 1, beta and the running mean at 0. Mode `update` throws unless every group has at least two rows. Source:
/// Ioffe and Szegedy, "Batch normalization", ICML 2015, arXiv 1502.03167.
template <class T>
struct BasicBatchNorm {
  using Scalar = T;

  BasicParameter<T> gamma, beta;                  ///< [features]
  BasicTensor<T> running_mean, running_variance;  ///< [features]
  double momentum, epsilon, slope;

  explicit BasicBatchNorm(Index features, BatchNormOptions options = {})
      : gamma(BasicTensor<T>::ones({features})),
        beta(BasicTensor<T>::zeros({features})),
        running_mean(BasicTensor<T>::zeros({features})),
        running_variance(BasicTensor<T>::ones({features})),
        momentum(options.momentum),
        epsilon(options.epsilon),
        slope(options.slope) {
    check(features >= 1, "nn::BatchNorm: features is ", features, "; it must be at least 1");
    check(momentum >= 0 && momentum <= 1 && epsilon >= 0 && std::isfinite(epsilon),
          "nn::BatchNorm: momentum is ", momentum, ", epsilon is ", epsilon,
          "; momentum must lie in [0, 1], epsilon must not be negative");
    check(std::isfinite(slope), "nn::BatchNorm: slope is ", slope, "; it must be finite");
  }

  /// Groups are equal shares of the first axis, each normalised by its own statistics (in mode `running` they
  /// are all the same).
  BasicVar<T> operator()(BasicVar<T> x, BatchNormMode mode, Index groups = 1) {
    BasicTape<T>& tape = x.tape();
    const BasicVar<T> scale = tape.parameter(gamma), shift = tape.parameter(beta);
    if (mode == BatchNormMode::running) {
      const BasicVar<T> z = batch_norm(x, scale, shift, running_mean, running_variance, epsilon);
      return slope == 1 ? z : leaky_relu(z, slope);
    }
    const BasicBatchNormResult<T> result =
        batch_norm(x, scale, shift, {.epsilon = epsilon, .groups = groups, .slope = slope});
    if (mode == BatchNormMode::update) update_running(result, x.shape().rows() / groups);
    return result.value;
  }

  template <class Visitor>
  void visit(Visitor&& visitor) {
    visitor("gamma", gamma);
    visitor("beta", beta);
    visitor("running_mean", running_mean);
    visitor("running_variance", running_variance);
  }

 private:
  void update_running(const BasicBatchNormResult<T>& result, Index rows) {
    check(rows >= 2, "nn::BatchNorm: a group has ", rows, " rows; the running variance needs at least 2");
    const T fresh = static_cast<T>(momentum), kept = static_cast<T>(1 - momentum);
    const T unbiased = fresh * static_cast<T>(static_cast<double>(rows) / static_cast<double>(rows - 1));
    const auto mean = result.mean.matrix(), variance = result.variance.matrix();
    for (Index group = 0; group < mean.rows(); ++group) {
      running_mean.mutable_array() =
          kept * running_mean.array() + fresh * mean.row(group).transpose().array();
      running_variance.mutable_array() =
          kept * running_variance.array() + unbiased * variance.row(group).transpose().array();
    }
  }
};

using BatchNorm = BasicBatchNorm<float>;

}  // namespace eigengrad::nn
