/// Dropout.
#pragma once

#include "eigengrad/core/random.hpp"
#include "eigengrad/ops/arithmetic.hpp"

namespace eigengrad {

/// y = x m / (1 - p), with m independent and 0 with probability p, else 1 (inverted dropout: the mean stays).
/// dx = dy m / (1 - p). In evaluation, leave it out. Throws unless 0 <= p < 1.
/// Source: Srivastava et al., "Dropout", JMLR 15, 2014.
template <class T>
BasicVar<T> dropout(BasicVar<T> x, double probability, Rng& rng) {
  check(probability >= 0 && probability < 1, "dropout: probability is ", probability,
        "; it must lie in [0, 1)");
  const BasicTensor<T> kept = rng.bernoulli<T>(x.shape(), 1 - probability);
  return x * x.tape().constant(kernels::unary(kernels::op::Scale{1 / (1 - probability), 0}, kept));
}

}  // namespace eigengrad
