// The variational bound where the mutual information is known, and its gradient estimator.
#include <doctest/doctest.h>

#include "bound/binary_channel.hpp"
#include "bound/estimator.hpp"
#include "bound/gaussian_channel.hpp"

namespace bound {

TEST_CASE("bound: information and entropies of the Gaussian channel agree with its samples") {
  const GaussianChannel channel{0.8, 3};
  CHECK(channel.information() == doctest::Approx(-1.5 * std::log(1 - 0.64)));
  Rng rng(1);
  const auto [c, x] = channel.sample(100'000, rng);
  const double covariance = (c.matrix().cast<double>().array() * x.matrix().cast<double>().array()).mean();
  CHECK(covariance == doctest::Approx(0.8).epsilon(0.02));
  CHECK(x.array().cast<double>().square().mean() == doctest::Approx(1).epsilon(0.02));
}

TEST_CASE("bound: on Gaussians, L_I is below I, reaches it, and misses it by the KL term") {
  const GaussianChannel channel{0.9, 4};
  for (const Family family : {Family::exact, Family::wide, Family::half, Family::untrained}) {
    CAPTURE(name(family));
    Rng rng(2);
    GaussianPosterior q(channel, family, rng);
    q.train(channel, rng);
    const BoundFigures figures = measure(channel, q, 200'000, rng);
    const double error = 4 * figures.bound.standard_error;
    CHECK(figures.bound.mean < channel.information() + error);
    CHECK(std::abs(channel.information() - figures.bound.mean - figures.divergence.mean) < error);
    CHECK(std::abs(figures.entropy.mean - (channel.entropy() - channel.information())) <
          4 * figures.entropy.standard_error);
    if (family == Family::exact)
      CHECK(figures.divergence.mean < 0.01 * channel.information());
    else
      CHECK(figures.divergence.mean > 0.1 * channel.information());
  }
}

TEST_CASE("bound: with sigma fixed at 1 a code in [-1, 1] cannot give more than ln 2 - ln(2 pi) / 2") {
  // Even where the mean is the code itself.
  Tape tape;
  const Var c = tape.constant(Rng(1).uniform<float>({1000}, -1, 1));
  const double bound = mean(Normal(c, tape.constant(Tensor::scalar(0))).log_prob(c)).item() + std::log(2.0);
  CHECK(bound == doctest::Approx(-0.2258).epsilon(1e-3));
}

TEST_CASE("bound: on the binary channel, gap and KL term are one number") {
  const BinaryChannel channel{0.1};
  CHECK(channel.information() == doctest::Approx(std::log(2.0) + 0.1 * std::log(0.1) + 0.9 * std::log(0.9)));
  CHECK(channel.entropy_given_x() ==
        doctest::Approx(BinaryChannel::entropy() - channel.information()).epsilon(1e-12));
  for (const double logit : {0.0, 1.0, std::log(9.0), 5.0}) {
    CAPTURE(logit);
    const TablePosterior q(Double({2, 2}, {logit, 0, 0, logit}));
    const ExactBound exact = enumerate(channel, q);
    CHECK(std::abs(channel.information() - exact.bound - exact.divergence) < 1e-12);
    CHECK(exact.bound <= channel.information() + 1e-12);
    Rng rng(3);
    const auto sampled = sampled_bound(channel, q, 50'000, rng);
    CHECK(std::abs(sampled.mean - exact.bound) <= 4 * sampled.standard_error + 1e-12);
  }
  Rng rng(4);
  TablePosterior q(Double::zeros({2, 2}));
  q.train(channel, rng);
  CHECK(enumerate(channel, q).bound > 0.999 * channel.information());
}

TEST_CASE("bound: the gradient estimator is unbiased, and a missing 1/N would be seen") {
  EstimatorExperiment experiment(1);
  experiment.run_to(4000);
  CHECK(experiment.parameter_count() == 297);
  CHECK(experiment.largest_deviation() < 5);
  CHECK(experiment.relative_error() < 2 * experiment.expected_error());
  CHECK(std::abs(experiment.scale() - 1) < 0.2);
  CHECK(experiment.expected_error() < 0.1);
}

}  // namespace bound
