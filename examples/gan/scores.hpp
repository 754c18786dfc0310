/// What generated images are judged by: a Parzen window's log-likelihood, and what a classifier sees in them.
#pragma once

#include <cmath>
#include <numbers>
#include <vector>

#include <Eigen/Eigenvalues>

#include "common/digit_classifier.hpp"
#include "common/figures.hpp"
#include "common/log_mean.hpp"
#include "common/squared_distances.hpp"

namespace gan {

using namespace eigengrad;

/// ln p(x) of each row of `points` [N, d] under a Gaussian of width sigma around each row of `centres` [M,
/// d]:
///
///     p(x) = (1/M) sum_j N(x; c_j, sigma^2 1).
///
/// Source: Breuleux et al. 2011, as used by Goodfellow et al. 2014. It is known to misorder models: see Theis
/// et al., "A note on the evaluation of generative models", arXiv 1511.01844.
inline std::vector<double> parzen_log_likelihood(const Tensor& points, const Tensor& centres, double sigma) {
  const auto d = static_cast<double>(points.shape()[1]);
  const double constant = -d * std::log(sigma * std::sqrt(2 * std::numbers::pi));
  std::vector<double> result(static_cast<std::size_t>(points.shape()[0]));
  examples::for_each_squared_distances(points, centres, 20, [&](Index i, const float* squares) {
    examples::LogMean mean;
    for (Index j = 0; j < centres.shape()[0]; ++j)
      mean.add(-static_cast<double>(squares[j]) / (2 * sigma * sigma));
    result[static_cast<std::size_t>(i)] = mean.log_of_mean() + constant;
  });
  return result;
}

/// The sigma of ten from 0.1 to 1, in equal ratios, under which `validation` is likeliest.
inline double best_parzen_width(const Tensor& validation, const Tensor& centres) {
  double best = 0, best_mean = -1e300;
  for (int i = 0; i < 10; ++i) {
    const double sigma = std::pow(10.0, -1 + i / 9.0);
    const double mean = examples::mean_figure(parzen_log_likelihood(validation, centres, sigma)).mean;
    if (mean > best_mean) best_mean = mean, best = sigma;
  }
  return best;
}

/// What the classifier sees in images.
struct ClassifierFigures {
  double score = 0;            ///< exp(E_x[KL(p(y|x) || p(y))]), 1 to 10: sure of each, all classes in use
  double certainty = 0;        ///< E_x[max_y p(y|x)]
  std::vector<double> shares;  ///< of the classes, by the largest p(y|x)
  Eigen::VectorXd mean;        ///< of the features
  Eigen::MatrixXd covariance;  ///< of the features
};

/// Source of the score: Salimans et al., "Improved techniques for training GANs", arXiv 1606.03498, section
/// 4, there with another classifier.
inline ClassifierFigures classify(examples::DigitClassifier& classifier, const Tensor& images) {
  constexpr Index batch = 500, classes = examples::DigitClassifier::classes;
  const Index n = images.shape()[0];
  ClassifierFigures figures;
  figures.shares.assign(classes, 0);
  Eigen::MatrixXd features(n, examples::DigitClassifier::features_count), p(n, classes);
  Tape tape;
  const auto evaluating = tape.pause_recording();
  for (Index begin = 0; begin < n; begin += batch) {
    tape.clear();
    const Index end = std::min(begin + batch, n);
    const Tensor part = kernels::slice(images, 0, begin, end).reshape({end - begin, 28, 28, 1});
    const Var f = classifier.features(tape.constant(part), nn::BatchNormMode::running);
    features.middleRows(begin, end - begin) = f.value().matrix().cast<double>();
    p.middleRows(begin, end - begin) = softmax(classifier.logits(f)).value().matrix().cast<double>();
  }
  const Eigen::RowVectorXd marginal = p.colwise().mean();
  double divergence = 0;
  for (Index i = 0; i < n; ++i) {
    Index largest = 0;
    figures.certainty += p.row(i).maxCoeff(&largest) / static_cast<double>(n);
    figures.shares[static_cast<std::size_t>(largest)] += 1 / static_cast<double>(n);
    for (Index k = 0; k < classes; ++k)
      if (p(i, k) > 0) divergence += p(i, k) * std::log(p(i, k) / marginal[k]) / static_cast<double>(n);
  }
  figures.score = std::exp(divergence);
  figures.mean = features.colwise().mean();
  const Eigen::MatrixXd centred = features.rowwise() - figures.mean.transpose();
  figures.covariance = centred.transpose() * centred / static_cast<double>(n - 1);
  return figures;
}

/// |m_a - m_b|^2 + tr(C_a + C_b - 2 (C_a C_b)^(1/2)), the squared Fréchet distance of the two Gaussians with
/// the features' means and covariances. Source: Heusel et al., arXiv 1706.08500, there with other features.
inline double frechet_distance(const ClassifierFigures& a, const ClassifierFigures& b) {
  const Eigen::SelfAdjointEigenSolver<Eigen::MatrixXd> root(a.covariance);
  const Eigen::MatrixXd half = root.eigenvectors() * root.eigenvalues().cwiseMax(0).cwiseSqrt().asDiagonal() *
                               root.eigenvectors().transpose();
  const Eigen::SelfAdjointEigenSolver<Eigen::MatrixXd> product(half * b.covariance * half,
                                                               Eigen::EigenvaluesOnly);
  return (a.mean - b.mean).squaredNorm() + a.covariance.trace() + b.covariance.trace() -
         2 * product.eigenvalues().cwiseMax(0).cwiseSqrt().sum();
}

}  // namespace gan
