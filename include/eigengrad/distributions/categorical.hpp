/// Categorical distribution with given logits.
#pragma once

#include <span>
#include <vector>

#include "eigengrad/core/random.hpp"
#include "eigengrad/ops/index.hpp"
#include "eigengrad/ops/softmax.hpp"

namespace eigengrad {

/// P(k) = softmax(logits)_k over the last axis of logits [..., K]. Finite and right for any finite logits.
template <class T>
class BasicCategorical {
 public:
  /// Throws unless logits has a last axis with at least one class.
  explicit BasicCategorical(BasicVar<T> logits) : logits_(logits) {
    check(logits.shape().rank() >= 1 && logits.shape().features() >= 1, "Categorical: logits is ",
          logits.shape(), "; it must be [..., K] with K >= 1");
  }

  BasicVar<T> logits() const { return logits_; }
  BasicVar<T> probabilities() const { return softmax(logits_); }
  Index classes() const { return logits_.shape().features(); }

  /// ln P(label) of every row: [..., K] and one label a row give [...].
  ///
  ///     d logits = dy (one_hot(label) - softmax(logits))
  ///
  /// Throws unless there is one label for each row, inside [0, K).
  BasicVar<T> log_prob(std::span<const Index> labels) const {
    const Shape& shape = logits_.shape();
    check(static_cast<Index>(labels.size()) == shape.rows(), "Categorical::log_prob: logits is ", shape,
          ", there are ", labels.size(), " labels; one is needed for each of the ", shape.rows(), " rows");
    for (std::size_t row = 0; row < labels.size(); ++row)
      check(labels[row] >= 0 && labels[row] < classes(), "Categorical::log_prob: label ", labels[row],
            " in row ", row, " is not one of the ", classes(), " classes; logits is ", shape);
    return gather_last(log_softmax(logits_), labels);
  }

  /// A class for every row, by inverting the distribution function at one uniform number each.
  std::vector<Index, PoolAllocator<Index>> sample(Rng& rng) const {
    const BasicTensor<T> p = kernels::softmax(logits_.value());
    const BasicTensor<double> u = rng.uniform<double>({p.rows()}, 0, 1);
    std::vector<Index, PoolAllocator<Index>> labels(static_cast<std::size_t>(p.rows()));
    for (Index row = 0; row < p.rows(); ++row)
      labels[static_cast<std::size_t>(row)] =
          pick(p.data() + row * p.features(), p.features(), u.data()[row]);
    return labels;
  }

  /// H = -sum_k P(k) ln P(k) of every row, in nats: [...].
  BasicVar<T> entropy() const {
    const BasicVar<T> log_p = log_softmax(logits_);
    return -sum(exp(log_p) * log_p, -1);
  }

 private:
  /// The first class whose cumulative probability exceeds u; never one of probability 0.
  static Index pick(const T* p, Index classes, double u) {
    double total = 0;
    for (Index k = 0; k < classes; ++k) total += static_cast<double>(p[k]);
    double cumulative = 0;
    Index last = 0;
    for (Index k = 0; k < classes; ++k) {
      if (!(p[k] > 0)) continue;
      cumulative += static_cast<double>(p[k]);
      last = k;
      if (u * total < cumulative) break;
    }
    return last;
  }

  BasicVar<T> logits_;
};

/// -E_p[ln q] of every row, in nats: [...].
template <class T>
BasicVar<T> cross_entropy(const BasicCategorical<T>& p, const BasicCategorical<T>& q) {
  check(p.classes() == q.classes(), "cross_entropy: p has ", p.classes(), " classes, q has ", q.classes(),
        "; they must be equal");
  return -sum(p.probabilities() * log_softmax(q.logits()), -1);
}

/// KL(p || q) = sum_k P_p(k) (ln P_p(k) - ln P_q(k)) of every row, in nats: [...]. Logits broadcast.
template <class T>
BasicVar<T> kl(const BasicCategorical<T>& p, const BasicCategorical<T>& q) {
  check(p.classes() == q.classes(), "kl: p has ", p.classes(), " classes, q has ", q.classes(),
        "; they must be equal");
  const BasicVar<T> log_p = log_softmax(p.logits());
  return sum(exp(log_p) * (log_p - log_softmax(q.logits())), -1);
}

using Categorical = BasicCategorical<float>;

}  // namespace eigengrad
