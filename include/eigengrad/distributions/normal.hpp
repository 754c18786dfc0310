/// Normal distribution with given mean and logarithm of the standard deviation.
#pragma once

#include "eigengrad/core/random.hpp"
#include "eigengrad/ops/math.hpp"

namespace eigengrad {

/// N(mean, e^(2 log_std)), element by element; mean and log_std broadcast. No step below loses digits that
/// the arguments have, so everything is put together from elementary operations.
template <class T>
class BasicNormal {
 public:
  /// Throws unless the shapes broadcast.
  BasicNormal(BasicVar<T> mean, BasicVar<T> log_std)
      : mean_(mean), log_std_(log_std), shape_(broadcast_shape("Normal", mean.shape(), log_std.shape())) {}
  /// N(0, 1) as a scalar on `tape`: the prior in kl(q, Normal::standard(tape)).
  static BasicNormal standard(BasicTape<T>& tape) {
    const BasicVar<T> zero = tape.constant(BasicTensor<T>::scalar(0));
    return {zero, zero};
  }

  BasicVar<T> mean() const { return mean_; }
  BasicVar<T> log_std() const { return log_std_; }

  /// -z^2 / 2 - log_std - ln(2 pi) / 2 with z = (x - mean) / std. No reduction; x broadcasts.
  ///
  ///     dx = -dy z / std,   dmean = dy z / std,   dlog_std = dy (z^2 - 1)
  BasicVar<T> log_prob(BasicVar<T> x) const {
    const BasicVar<T> z = (x - mean_) * exp(-log_std_);
    return -0.5 * square(z) - log_std_ - half_log_2pi;
  }
  BasicVar<T> log_prob(const BasicTensor<T>& x) const { return log_prob(mean_.tape().constant(x)); }

  /// mean + std e with standard normal noise e: the gradient flows into mean and log_std.
  /// Source: Kingma and Welling, "Auto-encoding variational Bayes", arXiv 1312.6114, section 2.4.
  BasicVar<T> sample(Rng& rng) const {
    return mean_ + exp(log_std_) * mean_.tape().constant(rng.normal<T>(shape_));
  }

  /// H = log_std + (1 + ln(2 pi)) / 2, in nats.
  BasicVar<T> entropy() const { return broadcast_to(log_std_ + (0.5 + half_log_2pi), shape_); }

 private:
  static constexpr double half_log_2pi = 0.91893853320467274178;

  BasicVar<T> mean_, log_std_;
  Shape shape_;
};

/// KL(p || q) = ln(std_q / std_p) + (std_p^2 + (mean_p - mean_q)^2) / (2 std_q^2) - 1/2, in nats, element by
/// element.
template <class T>
BasicVar<T> kl(const BasicNormal<T>& p, const BasicNormal<T>& q) {
  const BasicVar<T> log_ratio = p.log_std() - q.log_std();
  const BasicVar<T> z = (p.mean() - q.mean()) * exp(-q.log_std());
  return 0.5 * (exp(2.0 * log_ratio) + square(z)) - log_ratio - 0.5;
}

using Normal = BasicNormal<float>;

}  // namespace eigengrad
