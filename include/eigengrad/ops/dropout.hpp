/// Dropout.
#pragma once

#include "eigengrad/core/random.hpp"
#include "eigengrad/ops/arithmetic.hpp"

namespace eigengrad {

/// y = x m / (1 - probability) with a random mask m of zeros (with that probability) and ones, so that the
/// expectation stays x. For training; evaluation leaves it out.
///
///     dx = dy m / (1 - probability)
///
/// Throws unless 0 <= probability < 1. Source: Srivastava et al., "Dropout", JMLR 2014, section 10
/// ("inverted").
template <class T>
BasicVar<T> dropout(BasicVar<T> x, double probability, Rng& rng) {
  check(probability >= 0 && probability < 1, "dropout: probability is ", probability,
        "; it must lie in [0, 1)");
  const double keep = 1 - probability;
  const BasicTensor<T> mask = rng.bernoulli<T>(x.shape(), keep);
  return x * x.tape().constant(kernels::unary(kernels::op::Scale{1 / keep, 0}, mask));
}

}  // namespace eigengrad
