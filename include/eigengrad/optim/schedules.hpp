/// Learning rate schedules: pure functions of the step, for optimiser.set_learning_rate(...).
#pragma once

#include <algorithm>
#include <cmath>
#include <numbers>

#include "eigengrad/core/shape.hpp"

namespace eigengrad {

/// Rises linearly from base / warmup_steps at step 0 to base at step warmup_steps - 1 and stays there.
inline double linear_warmup(double base, Index step, Index warmup_steps) {
  if (warmup_steps <= 0) return base;
  return base * static_cast<double>(std::min(step + 1, warmup_steps)) / static_cast<double>(warmup_steps);
}

/// Falls from base at step 0 to `last` at step `steps` along half a cosine, and stays there:
/// last + (base - last) (1 + cos(pi step / steps)) / 2.
/// Source: Loshchilov and Hutter, "SGDR", ICLR 2017, arXiv 1608.03983, equation 5.
inline double cosine_decay(double base, Index step, Index steps, double last = 0) {
  if (step >= steps) return last;
  const double progress = static_cast<double>(step) / static_cast<double>(steps);
  return last + (base - last) * (1 + std::cos(std::numbers::pi * progress)) / 2;
}

/// base factor^(step / steps): multiplied by `factor` once every `steps` steps, smoothly.
inline double exponential_decay(double base, Index step, double factor, Index steps = 1) {
  check(steps >= 1, "exponential_decay: steps is ", steps, "; it must be at least 1");
  return base * std::pow(factor, static_cast<double>(step) / static_cast<double>(steps));
}

}  // namespace eigengrad
