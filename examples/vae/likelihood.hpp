/// What a trained model is judged by: the bound, and the likelihood by importance sampling.
#pragma once

#include <algorithm>
#include <vector>

#include "common/log_mean.hpp"
#include "vae/model.hpp"

namespace vae {

struct Likelihood {
  std::vector<double> bound;           ///< the evidence lower bound of each image, nats
  std::vector<double> log_likelihood;  ///< ln (1/k) sum_j w_j of each image, nats
};

/// Both for binary images [N, pixels] from k samples each, a thousand samples at a time. `done` is called
/// with the number of images judged so far.
template <class Done>
Likelihood likelihood(const Vae<float>& model, const Tensor& images, Index k, Rng& rng, const Done& done) {
  constexpr Index rows = 1000;
  const Index n = images.shape()[0], samples = std::min(k, Index{500}), together = rows / samples;
  Likelihood result;
  Tape tape;
  const auto evaluating = tape.pause_recording();
  for (Index begin = 0; begin < n; begin += together) {
    const Tensor part = kernels::slice(images, 0, begin, std::min(begin + together, n));
    std::vector<examples::LogMean> means(static_cast<std::size_t>(part.shape()[0]));
    for (Index drawn = 0; drawn < k; drawn += samples) {
      tape.clear();
      const Tensor log_w = log_weights(model, tape.constant(part), std::min(samples, k - drawn), rng).value();
      for (Index i = 0; i < log_w.shape()[0]; ++i)
        for (Index j = 0; j < log_w.shape()[1]; ++j) means[static_cast<std::size_t>(i)].add(log_w(i, j));
    }
    for (const examples::LogMean& mean : means) {
      result.bound.push_back(mean.mean_of_logs());
      result.log_likelihood.push_back(mean.log_of_mean());
    }
    done(begin + part.shape()[0]);
  }
  return result;
}

/// Zeros and ones with the grey values [N, ...] as probabilities, [N, pixels].
/// Source: Salakhutdinov and Murray, "On the quantitative analysis of deep belief networks", ICML 2008.
inline Tensor binarise(const Tensor& grey, Rng& rng) {
  const Tensor threshold = rng.uniform<float>(grey.shape(), 0, 1);
  Tensor result = Tensor::uninitialized({grey.shape()[0], grey.size() / grey.shape()[0]});
  for (Index i = 0; i < grey.size(); ++i)
    result.mutable_data()[i] = threshold.data()[i] < grey.data()[i] ? 1.0F : 0.0F;
  return result;
}

}  // namespace vae
