/// Gradient clipping by the global norm.
#pragma once

#include <cmath>
#include <span>

#include "eigengrad/core/tensor.hpp"
#include "eigengrad/kernels/elementwise.hpp"
#include "eigengrad/kernels/optimizer.hpp"

namespace eigengrad {

/// Scales all gradients by max_norm / norm where the norm of all of them together, sqrt(sum of squares), is
/// above max_norm, and returns the norm from before. A norm that is not finite is returned as it is and
/// nothing is scaled, so the caller can see it and skip the step. Throws unless max_norm > 0. Source: Pascanu
/// et al., "On the difficulty of training recurrent neural networks", ICML 2013, algorithm 1.
template <class T>
double clip_by_norm(std::span<BasicTensor<T>> gradients, double max_norm) {
  check(max_norm > 0, "clip_by_norm: max_norm is ", max_norm, "; it must be positive");
  double squares = 0;
  for (const BasicTensor<T>& gradient : gradients) squares += kernels::sum_of_squares(gradient);
  const double norm = std::sqrt(squares);
  if (!(norm > max_norm) || !std::isfinite(norm)) return norm;
  for (BasicTensor<T>& gradient : gradients)
    gradient = kernels::unary(kernels::op::Scale{max_norm / norm, 0}, gradient);
  return norm;
}
template <class T>
double clip_by_norm(BasicTensorList<T>& gradients, double max_norm) {
  return clip_by_norm(std::span<BasicTensor<T>>(gradients), max_norm);
}

}  // namespace eigengrad
