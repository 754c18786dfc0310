/// The categorical distribution, by its logits.
#pragma once

#include <span>
#include <vector>

#include "eigengrad/core/random.hpp"
#include "eigengrad/ops/index.hpp"
#include "eigengrad/ops/softmax.hpp"

namespace eigengrad {

/// p(k) = softmax(logits)_k over the last axis, independently for every row.
template <class T>
class BasicCategorical {
 public:
  explicit BasicCategorical(BasicVar<T> logits) : logits_(logits) {
    check(logits.shape().rank() >= 1 && logits.shape().features() > 0, "Categorical: logits are ",
          logits.shape(), "; they need a last axis of classes");
  }

  BasicVar<T> logits() const { return logits_; }
  BasicVar<T> probabilities() const { return softmax(logits_); }

  /// ln p(label) of every row: l_label - ln sum_k exp(l_k).   dl = dy (one_hot(label) - softmax(l)).
  BasicVar<T> log_prob(std::span<const Index> labels) const {
    const Shape& shape = logits_.shape();
    check(static_cast<Index>(labels.size()) == shape.rows(), "Categorical: there are ", labels.size(),
          " labels for logits of ", shape, "; one is needed for each of the ", shape.rows(), " rows");
    for (std::size_t row = 0; row < labels.size(); ++row)
      check(labels[row] >= 0 && labels[row] < shape.features(), "Categorical: label ", labels[row],
            " of row ", row, " is not one of the ", shape.features(), " classes");
    return gather_last(log_softmax(logits_), labels);
  }

  /// One class for each row, by inverting the cumulative distribution at one uniform number.
  std::vector<Index, PoolAllocator<Index>> sample(Rng& rng) const {
    const BasicTensor<T> p = kernels::softmax(logits_.value());
    const BasicTensor<double> u = rng.uniform<double>({p.rows()}, 0, 1);
    std::vector<Index, PoolAllocator<Index>> labels(static_cast<std::size_t>(p.rows()));
    for (Index row = 0; row < p.rows(); ++row) {
      const T* const weights = p.data() + row * p.features();
      double cumulative = 0;
      Index last_possible = 0, label = -1;
      for (Index k = 0; k < p.features() && label < 0; ++k) {
        cumulative += static_cast<double>(weights[k]);
        if (weights[k] > 0) last_possible = k;
        if (u.data()[row] < cumulative) label = k;
      }
      labels[static_cast<std::size_t>(row)] =
          label >= 0 ? label : last_possible;  // rounding left the sum below 1
    }
    return labels;
  }

  /// -sum_k p_k ln p_k of every row.
  BasicVar<T> entropy() const { return cross_entropy(*this, *this); }

  /// -E_p[ln q]
  friend BasicVar<T> cross_entropy(const BasicCategorical& p, const BasicCategorical& q) {
    return -1.0 * sum(p.probabilities() * log_softmax(q.logits_), {-1});
  }
  /// KL(p to q) = sum_k p_k (ln p_k - ln q_k) of every row.
  friend BasicVar<T> kl(const BasicCategorical& p, const BasicCategorical& q) {
    return sum(p.probabilities() * (log_softmax(p.logits_) - log_softmax(q.logits_)), {-1});
  }

 private:
  BasicVar<T> logits_;
};

using Categorical = BasicCategorical<float>;

}  // namespace eigengrad
