/// The latent codes c: their prior, what is sampled from it, and the approximate posterior q(c|x) (note,
/// section 1.4).
#pragma once

#include <cmath>
#include <string>
#include <vector>

#include "eigengrad/eigengrad.hpp"
#include "infogan/settings.hpp"

namespace infogan {

using namespace eigengrad;

using Categories = std::vector<Index, PoolAllocator<Index>>;

/// A sample of (c, z): the generator's input, and the codes in it.
template <class T>
struct Latent {
  BasicTensor<T> input;              ///< [N, noise + one-hot categorical codes + continuous codes]
  std::vector<Categories, PoolAllocator<Categories>> category;  ///< per categorical code, the class of each sample
  BasicTensor<T> continuous;         ///< [N, continuous codes] in [-1, 1]
};

/// The layout of codes and noise, the prior p(c) p(z), and the entropies of the codes.
class Codes {
 public:
  /// log standard deviations of q are clamped here: as std -> 0 the continuous part of L_I has no upper
  /// bound.
  static constexpr double lowest_log_std = -4, highest_log_std = 2;

  explicit Codes(const Settings& settings) : s_(settings) {}

  std::size_t categorical_count() const { return s_.categorical.size(); }
  Index continuous_count() const { return s_.continuous; }
  std::size_t count() const { return categorical_count() + static_cast<std::size_t>(s_.continuous); }
  Index classes(std::size_t code) const { return s_.categorical[code]; }
  Index latent_size() const { return s_.latent_size(); }
  /// Outputs of Q: logits of every class, a mean and a log standard deviation for every continuous code.
  Index outputs() const { return latent_size() - s_.noise + s_.continuous; }
  /// "c1", "c2", ...: the categorical codes first.
  std::string name(std::size_t code) const { return "c" + std::to_string(code + 1); }
  bool is_categorical(std::size_t code) const { return code < categorical_count(); }

  /// H(c_l) in nats: ln K, and ln 2 for U(-1, 1).
  double entropy(std::size_t code) const {
    return std::log(is_categorical(code) ? static_cast<double>(classes(code)) : 2.0);
  }
  double lambda(std::size_t code) const {
    return is_categorical(code) ? s_.lambda_categorical : s_.lambda_continuous;
  }

  /// N independent samples of the noise and of every code.
  template <class T>
  Latent<T> sample(Index n, Rng& rng) const {
    const BasicTensor<T> noise = s_.noise_distribution == "normal" ? rng.normal<T>({n, s_.noise}, 0, 1)
                                                                   : rng.uniform<T>({n, s_.noise}, -1, 1);
    Latent<T> latent;
    latent.category.resize(categorical_count());
    for (std::size_t code = 0; code < categorical_count(); ++code)
      latent.category[code] = rng.categorical(n, classes(code));
    latent.continuous = rng.uniform<T>({n, s_.continuous}, -1, 1);
    latent.input = assemble(noise, latent);
    return latent;
  }

  /// The generator's input from its parts: noise, then one-hot classes, then continuous codes.
  template <class T>
  BasicTensor<T> assemble(const BasicTensor<T>& noise, const Latent<T>& latent) const {
    const Index n = noise.shape()[0], width = latent_size();
    BasicTensor<T> input = BasicTensor<T>::zeros({n, width});
    T* row = input.mutable_data();
    for (Index i = 0; i < n; ++i, row += width) {
      std::copy_n(noise.data() + i * s_.noise, s_.noise, row);
      Index offset = s_.noise;
      for (std::size_t code = 0; code < categorical_count(); offset += classes(code++))
        row[offset + latent.category[code][static_cast<std::size_t>(i)]] = 1;
      std::copy_n(latent.continuous.data() + i * s_.continuous, s_.continuous, row + offset);
    }
    return input;
  }

  // The parts of Q's output [N, outputs].
  template <class T>
  BasicVar<T> logits(BasicVar<T> q, std::size_t code) const {
    Index begin = 0;
    for (std::size_t before = 0; before < code; ++before) begin += classes(before);
    return slice(q, -1, begin, begin + classes(code));
  }
  template <class T>
  BasicVar<T> means(BasicVar<T> q) const {
    const Index end = outputs() - s_.continuous;
    return slice(q, -1, end - s_.continuous, end);
  }
  /// Before clamping.
  template <class T>
  BasicVar<T> raw_log_stds(BasicVar<T> q) const {
    return slice(q, -1, outputs() - s_.continuous, outputs());
  }

 private:
  Settings s_;
};

/// log q(c|x) of one batch, per code: q is factored (note, section 1.4).
template <class T>
struct LogPosterior {
  std::vector<BasicVar<T>, PoolAllocator<BasicVar<T>>> categorical;  ///< each [N]
  BasicVar<T> continuous;                                            ///< [N, continuous codes]; empty if none
  double clamped = 0;  ///< share of log standard deviations that the clamp holds
};

/// log q(c_l|x) = log p_k(x) for a class k, log N(c_l; mu(x), sigma^2(x)) for a continuous code.
template <class T>
LogPosterior<T> log_posterior(const Codes& codes, BasicVar<T> q, const Latent<T>& latent) {
  LogPosterior<T> result;
  for (std::size_t code = 0; code < codes.categorical_count(); ++code)
    result.categorical.push_back(BasicCategorical<T>(codes.logits(q, code)).log_prob(latent.category[code]));
  if (codes.continuous_count() == 0) return result;
  const BasicVar<T> raw = codes.raw_log_stds(q);
  const BasicVar<T> log_std = clamp(raw, Codes::lowest_log_std, Codes::highest_log_std);
  result.continuous = BasicNormal<T>(codes.means(q), log_std).log_prob(latent.continuous);
  const auto held = (raw.value().array() != log_std.value().array()).count();
  result.clamped = static_cast<double>(held) / static_cast<double>(raw.size());
  return result;
}

/// L_I per code in nats: the batch mean of log q(c_l|x), plus H(c_l) (note, section 1.2, last line).
template <class T>
std::vector<double, PoolAllocator<double>> information(const Codes& codes, const LogPosterior<T>& log_q) {
  std::vector<double, PoolAllocator<double>> result;
  result.reserve(codes.count());
  for (const BasicVar<T>& log_prob : log_q.categorical)
    result.push_back(log_prob.value().array().template cast<double>().mean());
  for (Index j = 0; j < codes.continuous_count(); ++j)
    result.push_back(log_q.continuous.value().matrix().col(j).template cast<double>().mean());
  for (std::size_t code = 0; code < result.size(); ++code) result[code] += codes.entropy(code);
  return result;
}

}  // namespace infogan
