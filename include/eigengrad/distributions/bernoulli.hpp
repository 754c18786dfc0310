/// The Bernoulli distribution, by its logits.
#pragma once

#include "eigengrad/core/random.hpp"
#include "eigengrad/ops/activation.hpp"

namespace eigengrad {

/// p(y = 1) = sigmoid(logits), independently for every element.
template <class T>
class BasicBernoulli {
 public:
  explicit BasicBernoulli(BasicVar<T> logits) : logits_(logits) {}

  BasicVar<T> logits() const { return logits_; }
  BasicVar<T> mean() const { return sigmoid(logits_); }

  /// x ln sigmoid(l) + (1 - x) ln sigmoid(-l), element by element, for x in [0, 1] (a cross-entropy for x
  /// between). Each term keeps its digits for any l.   dl = dy (x - sigmoid(l)).
  BasicVar<T> log_prob(BasicVar<T> x) const {
    return x * log_sigmoid(logits_) + (1 - x) * log_sigmoid(-logits_);
  }
  BasicVar<T> log_prob(const BasicTensor<T>& x) const { return log_prob(logits_.tape().constant(x)); }

  /// Zeros and ones.
  BasicTensor<T> sample(Rng& rng) const {
    const BasicTensor<T> p = kernels::unary(kernels::op::Sigmoid{}, logits_.value());
    return kernels::binary("Bernoulli", kernels::op::Greater{}, p, rng.uniform<T>(logits_.shape(), 0, 1));
  }

  /// -p ln p - (1 - p) ln(1 - p) = softplus(l) - l p, from terms that vanish together.
  BasicVar<T> entropy() const { return cross_entropy(*this, *this); }

  /// -E_p[ln q]
  friend BasicVar<T> cross_entropy(const BasicBernoulli& p, const BasicBernoulli& q) {
    return -1.0 * q.log_prob(p.mean());
  }
  /// KL(p to q) = E_p[ln p - ln q].
  friend BasicVar<T> kl(const BasicBernoulli& p, const BasicBernoulli& q) {
    return cross_entropy(p, q) - p.entropy();
  }

 private:
  BasicVar<T> logits_;
};

using Bernoulli = BasicBernoulli<float>;

}  // namespace eigengrad
