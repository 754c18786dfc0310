/// The alternating problems of the note, section 1.4, each as it stands there with the slips mended
/// (docs/note.md lists them). The first, min over D, is the GAN's:
///
///     E_x[-log D(x)] + E_{c,z}[-log(1 - D(G(c, z)))].
#pragma once

#include "common/adversarial.hpp"
#include "infogan/codes.hpp"

namespace infogan {

using examples::discriminator_objective;

/// sum_l w_l lambda_l E_{c,z}[log q(c_l|G(c, z))]: what the second and third problem share; q is factored
/// over the codes. weight(l) is w_l, 1 in the note.
template <class T, class Weight>
BasicVar<T> lambda_log_q(const Codes& codes, const LogPosterior<T>& log_q, const Weight& weight) {
  BasicVar<T> total;
  const auto add_code = [&](std::size_t code, BasicVar<T> log_prob) {
    const BasicVar<T> term = weight(code) * codes.lambda(code) * mean(log_prob);
    total = code == 0 ? term : total + term;
  };
  for (std::size_t code = 0; code < codes.categorical_count(); ++code)
    add_code(code, log_q.categorical[code]);
  for (Index j = 0; j < codes.continuous_count(); ++j)
    add_code(codes.categorical_count() + static_cast<std::size_t>(j), slice(log_q.continuous, -1, j, j + 1));
  return total;
}
template <class T>
BasicVar<T> lambda_log_q(const Codes& codes, const LogPosterior<T>& log_q) {
  return lambda_log_q(codes, log_q, [](std::size_t) { return 1.0; });
}

/// Second problem, min over G:   E_{c,z}[log(1 - D(G(c, z))) - lambda log q(c|G(c, z))]   (saturating, as the
/// note writes it), or with -log D(G(c, z)) in place of the first term.
template <class T>
BasicVar<T> generator_objective(bool saturating, BasicVar<T> fake_logit, BasicVar<T> lambda_log_q) {
  return examples::generator_objective(saturating, fake_logit) - lambda_log_q;
}

/// Third problem, min over Q:   lambda E_{c,z}[-log q(c|G(c, z))].
template <class T>
BasicVar<T> code_objective(BasicVar<T> lambda_log_q) {
  return -lambda_log_q;
}

/// Not in the note: what keeps q(c_1|x) of a real image x and q(c_1|x') of a moved copy together, makes both
/// certain, and keeps all classes in use,
///
///     E_x[-log sum_k q(k|x) q(k|x')] - balance H(E_x[q(k|x)]).
///
/// At its best, -balance ln K: every q is certain, the copies agree, and the classes are equally frequent.
/// Where q says nothing is a saddle: what images and copies share grows from there. Source: Van Gansbeke et
/// al., "SCAN: learning to classify images without labels", ECCV 2020, eq. 2.
template <class T>
BasicVar<T> consistency_objective(BasicVar<T> logits, BasicVar<T> moved_logits, double balance = 1) {
  const BasicVar<T> q = softmax(logits);
  const BasicVar<T> same_class = sum(q * softmax(moved_logits), -1);
  const BasicVar<T> share = mean(q, 0);
  return balance * sum(share * log(share + 1e-8)) - mean(log(same_class + 1e-8));
}

/// Not in the note: what makes the continuous codes of an image x, real or generated, mean what is measured
/// of it, a_j(x),
///
///     E_x[sum_j -log N(a_j(x); mu_j(x), sigma_j^2(x)) + s^2 / (2 sigma_j^2(x))],
///
/// the expectation of -log N(a_j(x) + e; ...) over noise e ~ N(0, s^2): at its best sigma is at least s, so
/// that what q asks of G stays within its reach. attributes [N, C] for the first C continuous codes; q are
/// the outputs of Q's head; s is `noise`. Source: Spurr et al.,
/// "Guiding InfoGAN with semi-supervision", ECML PKDD 2017 (arXiv 1707.04487); here with measured values in
/// place of labels.
template <class T>
BasicVar<T> attribute_objective(const Codes& codes, BasicVar<T> q, const BasicTensor<T>& attributes,
                                double noise = 0) {
  const auto first = [&](BasicVar<T> all) { return slice(all, -1, 0, attributes.shape()[1]); };
  const BasicVar<T> log_std = clamp(codes.raw_log_stds(q), Codes::lowest_log_std, Codes::highest_log_std);
  const BasicVar<T> exact =
      -mean(sum(BasicNormal<T>(first(codes.means(q)), first(log_std)).log_prob(attributes), -1));
  return noise > 0 ? exact + 0.5 * noise * noise * mean(sum(exp(-2 * first(log_std)), -1)) : exact;
}

}  // namespace infogan
