/// The three alternating problems of the note, section 1.4, and the loss of equation (3), each as it stands
/// there with the slips mended (docs/note.md lists them). D enters as its logit: log D = log Bernoulli(1),
/// log(1 - D) = log Bernoulli(0). Expectations are means over the batch.
#pragma once

#include "infogan/codes.hpp"

namespace infogan {

/// log D(x), from the logit.
template <class T>
BasicVar<T> log_d(BasicVar<T> logit) {
  return log_sigmoid(logit);
}
/// log(1 - D(x)), from the logit.
template <class T>
BasicVar<T> log_one_minus_d(BasicVar<T> logit) {
  return log_sigmoid(-logit);
}

/// First problem, min over D:   E_x[-log D(x)] + E_{c,z}[-log(1 - D(G(c, z)))].   At D = 1/2: 2 ln 2
/// = 1.3863.
template <class T>
BasicVar<T> discriminator_objective(BasicVar<T> real_logit, BasicVar<T> fake_logit) {
  return -mean(log_d(real_logit)) - mean(log_one_minus_d(fake_logit));
}

/// sum_l lambda_l E_{c,z}[log q(c_l|G(c, z))]: what the second and third problem share; q is factored over
/// the codes.
template <class T>
BasicVar<T> lambda_log_q(const Codes& codes, const LogPosterior<T>& log_q) {
  BasicVar<T> total;
  const auto add_code = [&](std::size_t code, BasicVar<T> log_prob) {
    const BasicVar<T> term = codes.lambda(code) * mean(log_prob);
    total = code == 0 ? term : total + term;
  };
  for (std::size_t code = 0; code < codes.categorical_count(); ++code)
    add_code(code, log_q.categorical[code]);
  for (Index j = 0; j < codes.continuous_count(); ++j)
    add_code(codes.categorical_count() + static_cast<std::size_t>(j), slice(log_q.continuous, -1, j, j + 1));
  return total;
}

/// Second problem, min over G:   E_{c,z}[log(1 - D(G(c, z))) - lambda log q(c|G(c, z))]   (saturating, as the
/// note writes it), or with -log D(G(c, z)) in place of the first term (non-saturating; Goodfellow et al.
/// 2014, section 3). At D = 1/2 the first term is ln(1/2) = -0.6931 or ln 2.
template <class T>
BasicVar<T> generator_objective(bool saturating, BasicVar<T> fake_logit, BasicVar<T> lambda_log_q) {
  return (saturating ? mean(log_one_minus_d(fake_logit)) : -mean(log_d(fake_logit))) - lambda_log_q;
}

/// Third problem, min over Q:   lambda E_{c,z}[-log q(c|G(c, z))].
template <class T>
BasicVar<T> code_objective(BasicVar<T> lambda_log_q) {
  return -lambda_log_q;
}

}  // namespace infogan
