/// Noise-contrastive estimation of an unnormalised Gaussian, many times over, to measure how the estimates
/// scatter.
#pragma once

#include <algorithm>
#include <vector>

#include "nce/objective.hpp"

namespace nce {

/// Data and noise are N(0, 1); the model is ln p_m(u) = -lambda u^2 / 2 + c with c free, so that the truth is
/// lambda = 1, c = -ln(2 pi) / 2.
struct GaussianExperiment {
  Index points = 2000;  // T_d, of the data; there are nu times as many of noise
  Index nu = 1;
};

struct GaussianEstimates {
  std::vector<double> lambda, c;
};

/// The maximum of J for `count` independent samples at once: Newton's method with the expected curvature at
/// the truth, nu / (1 + nu) E[g g^T] for g = (-u^2 / 2, 1), whose inverse is (1 + 1 / nu) (2, 1; 1, 3/2). J
/// is concave, so that nothing depends on where the search begins. Throws if it has not converged in 100
/// steps.
inline void estimate(const GaussianExperiment& experiment, Index count, Rng& rng, Tape& tape,
                     GaussianEstimates& estimates) {
  const double nu = static_cast<double>(experiment.nu), scale = 1 + 1 / nu;
  const Tensor data = rng.normal<float>({count, experiment.points});
  const Tensor noise = rng.normal<float>({count, experiment.points * experiment.nu});
  Tensor lambda = Tensor::ones({count, 1}), c = Tensor::full({count, 1}, -0.91893853320467274);
  float largest = 1;
  for (int step = 0; largest > 1e-5F; ++step) {
    check(step < 100, "no maximum of J is found for ", experiment.points,
          " data points and nu = ", experiment.nu, "; more points are needed");
    tape.clear();
    const Var l = tape.variable(lambda), offset = tape.variable(c);
    const auto log_ratio = [&](const Tensor& points) {
      const Var u = tape.constant(points);
      return offset - 0.5 * l * square(u) - Normal::standard(tape).log_prob(u);
    };
    const Var j = sum(objective(log_ratio(data), log_ratio(noise), nu));
    const auto gradient = tape.gradient(j, {l, offset});
    largest = 0;
    for (Index i = 0; i < count; ++i) {
      const double gl = gradient[0].data()[i], gc = gradient[1].data()[i];
      const auto step_l = static_cast<float>(scale * (2 * gl + gc));
      const auto step_c = static_cast<float>(scale * (gl + 1.5 * gc));
      lambda.mutable_data()[i] += step_l;
      c.mutable_data()[i] += step_c;
      largest = std::max({largest, std::abs(step_l), std::abs(step_c)});
    }
  }
  for (Index i = 0; i < count; ++i) {
    estimates.lambda.push_back(lambda.data()[i]);
    estimates.c.push_back(c.data()[i]);
  }
}

/// A variance times the number of data, beside what theory says it becomes as T_d grows.
struct ScaledVariance {
  double value, standard_error, theory;
  double deviation() const { return (value - theory) / standard_error; }  // in standard errors
};

/// The standard error of the variance of n values with central moments m2 and m4 is sqrt((m4 - m2^2) / n).
inline ScaledVariance scaled_variance(const std::vector<double>& values, Index points, double theory) {
  const auto n = static_cast<double>(values.size());
  double mean = 0, m2 = 0, m4 = 0;
  for (double value : values) mean += value / n;
  for (double value : values) m2 += std::pow(value - mean, 2) / n, m4 += std::pow(value - mean, 4) / n;
  const auto t = static_cast<double>(points);
  return {t * m2 * n / (n - 1), t * std::sqrt((m4 - m2 * m2) / n), theory};
}

}  // namespace nce
