/// What a trained model is judged by: the bound, and the likelihood by importance sampling.
#pragma once

#include <cmath>
#include <vector>

#include "vae/model.hpp"

namespace vae {

/// The logarithm of the mean of weights of which only logarithms are known, and the mean of the logarithms;
/// numbers are added one by one.
class LogMean {
 public:
  void add(double log_weight) {
    ++count_;
    sum_of_logs_ += log_weight;
    if (log_weight > largest_) {
      sum_ = sum_ * std::exp(largest_ - log_weight) + 1;
      largest_ = log_weight;
    } else {
      sum_ += std::exp(log_weight - largest_);
    }
  }
  double log_of_mean() const { return largest_ + std::log(sum_ / count_); }
  double mean_of_logs() const { return sum_of_logs_ / count_; }

 private:
  double largest_ = -1e300, sum_ = 0, sum_of_logs_ = 0, count_ = 0;
};

struct Likelihood {
  std::vector<double> bound;           ///< the evidence lower bound of each image, nats
  std::vector<double> log_likelihood;  ///< ln (1/k) sum_j w_j of each image, nats
};

/// Both for binary images [N, pixels] from k samples each, a thousand samples at a time.
inline Likelihood likelihood(const Vae<float>& model, const Tensor& images, Index k, Rng& rng) {
  constexpr Index rows = 1000;
  const Index n = images.shape()[0], samples = std::min(k, Index{500}), together = rows / samples;
  Likelihood result;
  Tape tape;
  const auto evaluating = tape.pause_recording();
  for (Index begin = 0; begin < n; begin += together) {
    const Tensor part = kernels::slice(images, 0, begin, std::min(begin + together, n));
    std::vector<LogMean> means(static_cast<std::size_t>(part.shape()[0]));
    for (Index done = 0; done < k; done += samples) {
      tape.clear();
      const Tensor log_w = log_weights(model, tape.constant(part), std::min(samples, k - done), rng).value();
      for (Index i = 0; i < log_w.shape()[0]; ++i)
        for (Index j = 0; j < log_w.shape()[1]; ++j) means[static_cast<std::size_t>(i)].add(log_w(i, j));
    }
    for (const LogMean& mean : means) {
      result.bound.push_back(mean.mean_of_logs());
      result.log_likelihood.push_back(mean.log_of_mean());
    }
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
