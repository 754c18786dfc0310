/// The normal distribution, by mean and log standard deviation.
#pragma once

#include <cmath>
#include <numbers>

#include "eigengrad/core/random.hpp"
#include "eigengrad/ops/math.hpp"

namespace eigengrad {

/// N(mean, exp(log_std)^2), independently for every element; mean and log_std broadcast against each other.
template <class T>
class BasicNormal {
 public:
  BasicNormal(BasicVar<T> mean, BasicVar<T> log_std) : mean_(mean), log_std_(log_std) {
    broadcast_shape("Normal", mean.shape(), log_std.shape());
  }

  BasicVar<T> mean() const { return mean_; }
  BasicVar<T> log_std() const { return log_std_; }

  /// -(x - mean)^2 / (2 std^2) - ln std - ln(2 pi) / 2, element by element.
  BasicVar<T> log_prob(BasicVar<T> x) const {
    const BasicVar<T> z = (x - mean_) * exp(-log_std_);
    return -0.5 * square(z) - log_std_ - 0.5 * std::log(2 * std::numbers::pi);
  }
  BasicVar<T> log_prob(const BasicTensor<T>& x) const { return log_prob(mean_.tape().constant(x)); }

  /// mean + std e with e ~ N(0, 1): differentiable in mean and log_std.
  BasicVar<T> sample(Rng& rng) const {
    const Shape shape = broadcast_shape("Normal", mean_.shape(), log_std_.shape());
    return mean_ + exp(log_std_) * mean_.tape().constant(rng.normal<T>(shape, 0, 1));
  }

  /// ln std + (1 + ln(2 pi)) / 2.
  BasicVar<T> entropy() const { return log_std_ + 0.5 * (1 + std::log(2 * std::numbers::pi)); }

  /// KL(p to q) = ln(std_q / std_p) + (std_p^2 + (mean_p - mean_q)^2) / (2 std_q^2) - 1/2.
  friend BasicVar<T> kl(const BasicNormal& p, const BasicNormal& q) {
    const BasicVar<T> ratio = p.log_std_ - q.log_std_;
    const BasicVar<T> z = (p.mean_ - q.mean_) * exp(-q.log_std_);
    return 0.5 * (exp(2.0 * ratio) - 1 + square(z)) - ratio;
  }

 private:
  BasicVar<T> mean_, log_std_;
};

using Normal = BasicNormal<float>;

}  // namespace eigengrad
