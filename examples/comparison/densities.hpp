/// Known densities to be told apart: mixtures of Gaussians in any number of dimensions.
#pragma once

#include <cmath>
#include <numbers>
#include <string>
#include <utility>
#include <vector>

#include "common/log_mean.hpp"
#include "eigengrad/eigengrad.hpp"

namespace comparison {

using namespace eigengrad;

/// p(u) = (1/K) sum_k N(u; m_k, s_k^2 1), u in R^d.
class Mixture {
 public:
  struct Component {
    std::vector<double> mean;
    double std;
  };

  explicit Mixture(std::vector<Component> components) : components_(std::move(components)) {}

  Index dimensions() const { return static_cast<Index>(components_[0].mean.size()); }

  /// n independent points, [n, d].
  Tensor sample(Index n, Rng& rng) const {
    const Index d = dimensions();
    Tensor points = rng.normal<float>({n, d});
    const auto chosen = rng.categorical(n, static_cast<Index>(components_.size()));
    for (Index i = 0; i < n; ++i) {
      const Component& c = components_[static_cast<std::size_t>(chosen[static_cast<std::size_t>(i)])];
      float* const u = points.mutable_data() + i * d;
      for (Index j = 0; j < d; ++j)
        u[j] = static_cast<float>(c.mean[static_cast<std::size_t>(j)] + c.std * static_cast<double>(u[j]));
    }
    return points;
  }

  /// ln p of the d numbers at u.
  double log_density(const float* u) const {
    examples::LogMean mean;
    for (const Component& c : components_) {
      double value = -std::log(c.std * std::sqrt(2 * std::numbers::pi)) * static_cast<double>(dimensions());
      for (std::size_t j = 0; j < c.mean.size(); ++j)
        value -= std::pow((static_cast<double>(u[j]) - c.mean[j]) / c.std, 2) / 2;
      mean.add(value);
    }
    return mean.log_of_mean();
  }

 private:
  std::vector<Component> components_;
};

/// Two densities: p(u|1) and p(u|0).
struct Pair {
  std::string name;
  Mixture one, zero;

  Index dimensions() const { return one.dimensions(); }
  /// ln p(u|1) - ln p(u|0) of each point [n, d].
  std::vector<double> log_ratio(const Tensor& points) const {
    std::vector<double> result;
    for (Index i = 0; i < points.shape()[0]; ++i) {
      const float* const u = points.data() + i * dimensions();
      result.push_back(one.log_density(u) - zero.log_density(u));
    }
    return result;
  }
};

/// Gaussians of different mean and width, whose log ratio is quadratic in u, and mixtures of two Gaussians,
/// whose log ratio is not; in 1 and in 10 dimensions.
inline std::vector<Pair> pairs() {
  const auto gaussians = [](std::size_t d) {
    const double shift = 0.5 / std::sqrt(static_cast<double>(d));
    return Pair{"Gaussians, " + std::to_string(d) + "-d", Mixture({{std::vector<double>(d, shift), 1.0}}),
                Mixture({{std::vector<double>(d, -shift), d == 1 ? 1.5 : 1.2}})};
  };
  const double a = 2 / std::sqrt(10.0);
  std::vector<double> along(10, a), across(10, a), against(10, -a), back(10, -a);
  for (std::size_t j = 1; j < 10; j += 2) across[j] = -a, back[j] = a;
  return {
      gaussians(1), gaussians(10),
      Pair{"mixtures, 1-d", Mixture({{{-1.5}, 0.7}, {{1.5}, 0.7}}), Mixture({{{0.0}, 1.5}})},
      Pair{"mixtures, 10-d", Mixture({{along, 1.0}, {against, 1.0}}), Mixture({{across, 1.0}, {back, 1.0}})}};
}

}  // namespace comparison
