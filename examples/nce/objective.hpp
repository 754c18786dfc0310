/// Noise-contrastive estimation (the note, section 2.2): a parametric, unnormalised density is told from a
/// known one.
#pragma once

#include <cmath>

#include "eigengrad/eigengrad.hpp"

namespace nce {

using namespace eigengrad;

/// Equation (2), to be maximised: the classifier's log-likelihood divided by the number of data,
///
///     J = E_data[ln h(u)] + nu E_noise[ln(1 - h(u))],   h = sigmoid(ln p_m - ln p_n - ln nu),
///
/// with nu noise points for every point of the data. `data` and `noise` hold ln p_m(u) - ln p_n(u) as
/// [..., points]; points are averaged over, other axes are problems of their own: J is [...].
/// Source: Gutmann and Hyvarinen, "Noise-contrastive estimation", AISTATS 2010.
inline Var objective(Var data, Var noise, double nu) {
  const double log_nu = std::log(nu);
  return mean(log_sigmoid(data - log_nu), -1) + nu * mean(log_sigmoid(log_nu - noise), -1);
}

}  // namespace nce
