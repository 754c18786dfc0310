// Learning by comparison: exact densities, the objective, logits that become the log ratio, and decisions.
#include <doctest/doctest.h>

#include "comparison/experiment.hpp"

namespace comparison {

TEST_CASE("comparison: densities integrate to one, samples have their moments") {
  for (const Pair& pair : pairs()) {
    CAPTURE(pair.name);
    if (pair.dimensions() > 1) continue;
    for (const Mixture* mixture : {&pair.one, &pair.zero}) {
      double mass = 0, mean = 0, square = 0;
      for (int i = -8000; i <= 8000; ++i) {
        const auto u = static_cast<float>(i) / 800;
        const double p = std::exp(mixture->log_density(&u)) / 800;
        mass += p, mean += p * static_cast<double>(u), square += p * static_cast<double>(u * u);
      }
      CHECK(mass == doctest::Approx(1).epsilon(1e-6));
      Rng rng(1);
      const Tensor sample = mixture->sample(40'000, rng);
      const double sample_mean = sample.array().cast<double>().mean();
      CHECK(std::abs(sample_mean - mean) < 5 * std::sqrt(square / 40'000));
      CHECK(sample.array().cast<double>().square().mean() == doctest::Approx(square).epsilon(0.03));
    }
  }
}

TEST_CASE("comparison: the log ratio of Gaussians is the formula") {
  const Pair pair{"p", Mixture({{{1, 0}, 1.0}}), Mixture({{{-1, 0}, 2.0}})};
  const Tensor u({2, 2}, {0.5F, -1, 3, 2});
  const auto ratio = pair.log_ratio(u);
  for (Index i = 0; i < 2; ++i) {
    const double a = u(i, 0), b = u(i, 1);
    const double expected =
        -((a - 1) * (a - 1) + b * b) / 2 + ((a + 1) * (a + 1) + b * b) / 8 + 2 * std::log(2.0);
    CHECK(ratio[static_cast<std::size_t>(i)] == doctest::Approx(expected));
  }
}

TEST_CASE(
    "comparison: a quadratic logit is as far from a quadratic log ratio as the sample's size predicts") {
  for (const std::size_t which : {std::size_t{0}, std::size_t{1}}) {
    const Pair pair = pairs()[which];
    CAPTURE(pair.name);
    Rng rng(2);
    const Judges judges(pair, 5000, rng);
    constexpr Index n = 4000;
    std::vector<double> squares;
    for (int repetition = 0; repetition < 40; ++repetition) {
      const auto logits = QuadraticClassifier(Sample(pair, n, rng)).logits(judges.points);
      squares.push_back(std::pow(root_mean_square_error(logits, judges.log_ratio), 2));
    }
    const auto figure = examples::mean_figure(squares);
    const double expected = QuadraticClassifier::scaled_sampling_error(pair, judges.points) / n;
    CHECK(std::abs(figure.mean - expected) < 4 * figure.standard_error);
    CHECK(figure.standard_error < 0.3 * expected);
  }
}

TEST_CASE("comparison: a network's logit comes near the log ratio of mixtures") {
  const Pair pair = pairs()[2];
  Rng rng(3);
  const Judges judges(pair, 2000, rng);
  const auto logits = NetworkClassifier(Sample(pair, 4000, rng), rng).logits(judges.points);
  double spread = 0;
  for (const double value : judges.log_ratio) spread += value * value / 4000;
  CHECK(root_mean_square_error(logits, judges.log_ratio) < 0.4 * std::sqrt(spread));
}

TEST_CASE(
    "comparison: the MAP rule and the density-ratio rule decide alike, and a difference would be seen") {
  CHECK(disagreements({-3, -1e-9, 0, 1e-9, 40, -700}) == 0);
  CHECK(disagreements({std::numeric_limits<double>::min()}) == 1);  // too near to 1/2 for sigmoid
}

TEST_CASE("comparison: samples without overlap have no maximum") {
  const Pair far{"far", Mixture({{{50}, 0.1}}), Mixture({{{-50}, 0.1}})};
  Rng rng(1);
  CHECK_THROWS_WITH_AS(QuadraticClassifier(Sample(far, 100, rng)),
                       "the two samples of 100 points can be told apart without error: there is no maximum; "
                       "more points are needed",
                       Error);
}

}  // namespace comparison
