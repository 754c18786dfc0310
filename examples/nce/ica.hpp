/// Noise-contrastive estimation of independent components: four Laplacian sources, mixed by a matrix.
#pragma once

#include <algorithm>
#include <array>
#include <limits>
#include <numbers>
#include <numeric>
#include <vector>

#include <Eigen/Dense>

#include "nce/objective.hpp"

namespace nce {

inline constexpr Index sources = 4;
using Mixing = Eigen::Matrix<double, sources, sources>;

/// Points x = A s with Laplacian s of variance 1 and B = A^-1. The model is ln p_m(x) = -sqrt(2) sum_i |b_i
/// x| + c, normalised where c = ln |det B| - ln 4; the noise is normal with the mean and the covariance of
/// the data.
struct IcaData {
  Mixing b;
  Eigen::Matrix<double, Eigen::Dynamic, sources> points;

  /// Columns of A are normal vectors, drawn again until its condition number is below 10.
  IcaData(Index count, Rng& rng) : points(count, sources) {
    Mixing a;
    double condition = 0;
    do {
      const auto values = rng.normal<double>({sources, sources});
      a = values.matrix();
      const auto singular = a.jacobiSvd().singularValues();
      condition = singular[0] / singular[sources - 1];
    } while (!(condition < 10));
    b = a.inverse();
    const auto u = rng.uniform<double>({count, sources}, 0, 1),
               sign = rng.bernoulli<double>({count, sources}, 0.5);
    for (Index i = 0; i < count; ++i)
      for (Index k = 0; k < sources; ++k)
        points(i, k) = (2 * sign(i, k) - 1) * -std::log1p(-u(i, k)) / std::sqrt(2.0);
    points = (points * a.transpose()).eval();
  }
  double log_normaliser() const { return std::log(std::abs(b.determinant())) - std::log(4.0); }
};

struct IcaEstimate {
  Mixing b;
  double c = 0;
};

/// Maximises J with Adam. Everything happens in coordinates in which the data have mean 0 and covariance 1
/// and the noise is N(0, 1): x = mean + S y, W = B S, and c grows by ln |det S|. Starts are random rotations;
/// each is first tried on a part of the data, and the one with the largest J goes on with all.
class IcaEstimator {
 public:
  IcaEstimator(const IcaData& data, Index nu, Rng& rng) : nu_(nu) {
    const Index count = data.points.rows();
    const Eigen::RowVector<double, sources> mean = data.points.colwise().mean();
    const auto centred = (data.points.rowwise() - mean).eval();
    const Mixing covariance = centred.transpose() * centred / static_cast<double>(count);
    s_ = covariance.llt().matrixL();
    const Eigen::RowVector<double, sources> shift = mean * s_.inverse().transpose();
    data_ = Points(centred * s_.inverse().transpose(), shift);
    noise_ = Points(rng.normal<double>({count * nu, sources}).matrix(), shift);
  }

  IcaEstimate run(Rng& rng) {
    Fit best;
    for (int start = 0; start < starts; ++start) {
      Fit fit{random_rotation(rng), Tensor::scalar(0), 0};
      maximise(fit, data_.first(trial_points), noise_.first(trial_points * nu_), trial_steps, 0.05);
      if (start == 0 || fit.objective > best.objective) best = fit;
    }
    maximise(best, data_, noise_, final_steps, 0.02);
    const Mixing w = best.w.matrix().cast<double>();
    return {w * s_.inverse(), best.c.item() - std::log(std::abs(s_.determinant()))};
  }

 private:
  static constexpr int starts = 4, trial_steps = 150, final_steps = 150;
  static constexpr Index trial_points = 1000;

  /// S^-1 x of some points as columns [sources, points], and the logarithm of N(0, 1) at y, [points].
  struct Points {
    Tensor values, log_noise;
    Points() = default;
    Points(const Eigen::Matrix<double, Eigen::Dynamic, sources>& y,
           const Eigen::RowVector<double, sources>& shift)
        : values((y.rowwise() + shift).transpose().cast<float>().eval()),
          log_noise((-0.5 * y.rowwise().squaredNorm().array() - 2 * std::log(2 * std::numbers::pi))
                        .cast<float>()
                        .eval()) {}
    Points first(Index count) const {
      if (count >= log_noise.size()) return *this;
      Points part;
      part.values = kernels::slice(values, 1, 0, count);
      part.log_noise = kernels::slice(log_noise, 0, 0, count);
      return part;
    }
  };
  struct Fit {
    Tensor w, c;
    double objective = 0;
  };

  static Tensor random_rotation(Rng& rng) {
    const Mixing values = rng.normal<double>({sources, sources}).matrix();
    const Mixing q = values.householderQr().householderQ();
    return Tensor(q.cast<float>().eval());
  }

  Var log_ratio(const Points& points, Var w, Var c) {
    const Var components = matmul(w, tape_.constant(points.values));
    return c - std::sqrt(2.0) * sum(abs(components), 0) - tape_.constant(points.log_noise);
  }

  void maximise(Fit& fit, const Points& data, const Points& noise, int steps, double rate) {
    Parameter w(fit.w), c(fit.c);
    Adam adam({&w, &c}, {.learning_rate = rate});
    for (int step = 0; step < steps; ++step) {
      tape_.clear();
      adam.set_learning_rate(rate * 0.5 * (1 + std::cos(std::numbers::pi * step / steps)));
      const Var vw = tape_.parameter(w), vc = tape_.parameter(c);
      const Var loss =
          -objective(log_ratio(data, vw, vc), log_ratio(noise, vw, vc), static_cast<double>(nu_));
      adam.step(tape_.gradient(loss, adam.parameters()));
      fit.objective = -loss.item();
    }
    fit.w = w.value();
    fit.c = c.value();
  }

  Index nu_;
  Mixing s_;
  Points data_, noise_;
  Tape tape_;
};

/// Sum of squares of estimate - truth under the best order and signs of the rows of the estimate.
inline double squared_error(const Mixing& estimate, const Mixing& truth) {
  std::array<Index, sources> order;
  std::iota(order.begin(), order.end(), Index{0});
  double least = std::numeric_limits<double>::infinity();
  do {
    double error = 0;
    for (Index i = 0; i < sources; ++i) {
      const auto row = estimate.row(order[static_cast<std::size_t>(i)]);
      error += std::min((row - truth.row(i)).squaredNorm(), (row + truth.row(i)).squaredNorm());
    }
    least = std::min(least, error);
  } while (std::next_permutation(order.begin(), order.end()));
  return least;
}

}  // namespace nce
