/// Telling data from what a model makes, and deceiving who tells them apart: equations (2) and (3) of the
/// note and the objectives of its GAN. D enters as its logit l: log D = log sigmoid(l), log(1 - D) = log
/// sigmoid(-l), exact for any l. Expectations are means over the batch.
#pragma once

#include "eigengrad/eigengrad.hpp"

namespace examples {

/// log D(x), from the logit.
template <class T>
eigengrad::BasicVar<T> log_d(eigengrad::BasicVar<T> logit) {
  return log_sigmoid(logit);
}
/// log(1 - D(x)), from the logit.
template <class T>
eigengrad::BasicVar<T> log_one_minus_d(eigengrad::BasicVar<T> logit) {
  return log_sigmoid(-logit);
}

/// To be minimised over D:   E_x[-log D(x)] + E_{x'}[-log(1 - D(x'))], x of the data, x' of the model; twice
/// the negative log-likelihood (2) of the labels. At D = 1/2: 2 ln 2 = 1.3863.
template <class T>
eigengrad::BasicVar<T> discriminator_objective(eigengrad::BasicVar<T> real_logit,
                                               eigengrad::BasicVar<T> fake_logit) {
  return -mean(log_d(real_logit)) - mean(log_one_minus_d(fake_logit));
}

/// To be minimised over G:   E[log(1 - D(G(z)))]   (saturating, as the note writes it), or   E[-log D(G(z))]
/// (non-saturating; Goodfellow et al. 2014, section 3). At D = 1/2: ln(1/2) = -0.6931, or ln 2.
template <class T>
eigengrad::BasicVar<T> generator_objective(bool saturating, eigengrad::BasicVar<T> fake_logit) {
  return saturating ? mean(log_one_minus_d(fake_logit)) : -mean(log_d(fake_logit));
}

}  // namespace examples
