/// Bernoulli distribution with given logits.
#pragma once

#include "eigengrad/core/random.hpp"
#include "eigengrad/ops/activation.hpp"

namespace eigengrad {

namespace detail {

/// x - sigmoid(l), the derivative of the log-density, to full precision.   dl = -dy sigmoid'(l), dx = dy.
template <class T>
BasicVar<T> bernoulli_score(BasicVar<T> l, BasicVar<T> x) {
  return record("Bernoulli::score",
                kernels::binary("Bernoulli::score", kernels::op::BernoulliScore{}, l.value(), x.value()),
                pullback(l, [l](BasicVar<T> dy) { return -sigmoid_gradient(dy, sigmoid(-abs(l))); }),
                pullback(x, [](BasicVar<T> dy) { return dy; }));
}

/// Throws unless all x lie in [0, 1]. NaN passes: a diverged network gives a loss of NaN, not an error.
template <class T>
void check_unit_interval(const char* operation, const BasicTensor<T>& x) {
  const T* const values = x.data();
  for (Index i = 0; i < x.size(); ++i)
    check(!(values[i] < 0 || values[i] > 1), operation, ": element ", i, " of x, of shape ", x.shape(),
          ", is ", values[i], "; it must lie in [0, 1]");
}

}  // namespace detail

/// P(x = 1) = sigmoid(logits), element by element. Finite and right for any finite logit.
template <class T>
class BasicBernoulli {
 public:
  explicit BasicBernoulli(BasicVar<T> logits) : logits_(logits) {}

  BasicVar<T> logits() const { return logits_; }
  /// P(x = 1)
  BasicVar<T> mean() const { return sigmoid(logits_); }

  /// x ln sigmoid(l) + (1 - x) ln sigmoid(-l) for logit l: the log-density where x is 0 or 1, minus the
  /// cross-entropy for x in between. No reduction; x and logits broadcast.
  ///
  ///     dl = dy (x - sigmoid(l)),   dx = dy l
  ///
  /// Throws for x outside [0, 1].
  BasicVar<T> log_prob(BasicVar<T> x) const {
    const BasicVar<T> l = logits_;
    detail::check_unit_interval("Bernoulli::log_prob", x.value());
    return record(
        "Bernoulli::log_prob",
        kernels::binary("Bernoulli::log_prob", kernels::op::BernoulliLogProb{}, l.value(), x.value()),
        pullback(l, [l, x](BasicVar<T> dy) { return dy * detail::bernoulli_score(l, x); }),
        pullback(x, [l](BasicVar<T> dy) { return dy * l; }));
  }
  BasicVar<T> log_prob(const BasicTensor<T>& x) const { return log_prob(logits_.tape().constant(x)); }
  /// The same x for every logit: log_prob(1) = ln sigmoid(logits).
  BasicVar<T> log_prob(double x) const { return log_prob(BasicTensor<T>::scalar(x)); }

  /// Zeros and ones of the shape of the logits.
  BasicTensor<T> sample(Rng& rng) const {
    const BasicTensor<T> p = kernels::unary(kernels::op::Sigmoid{}, logits_.value());
    return kernels::binary("Bernoulli::sample", kernels::op::Greater{}, p, rng.uniform<T>(p.shape(), 0, 1));
  }

  /// H = -p ln p - (1 - p) ln(1 - p) with p = sigmoid(l), in nats.   dl = -dy l sigmoid'(l).
  BasicVar<T> entropy() const {
    const BasicVar<T> l = logits_;
    return record("Bernoulli::entropy", kernels::unary(kernels::op::BernoulliEntropy{}, l.value()),
                  pullback(l, [l](BasicVar<T> dy) { return -sigmoid_gradient(dy * l, sigmoid(-abs(l))); }));
  }

 private:
  BasicVar<T> logits_;
};

/// -E_p[ln q], in nats, element by element.
template <class T>
BasicVar<T> cross_entropy(const BasicBernoulli<T>& p, const BasicBernoulli<T>& q) {
  return -q.log_prob(p.mean());
}

/// KL(p || q) = sigmoid(lp) (ln sigmoid(lp) - ln sigmoid(lq)) + sigmoid(-lp) (ln sigmoid(-lp) - ln
/// sigmoid(-lq)), in nats, element by element.
template <class T>
BasicVar<T> kl(const BasicBernoulli<T>& p, const BasicBernoulli<T>& q) {
  const BasicVar<T> lp = p.logits(), lq = q.logits();
  return sigmoid(lp) * (log_sigmoid(lp) - log_sigmoid(lq)) +
         sigmoid(-lp) * (log_sigmoid(-lp) - log_sigmoid(-lq));
}

using Bernoulli = BasicBernoulli<float>;

}  // namespace eigengrad
