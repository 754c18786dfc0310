// Noise-contrastive estimation: its objective, and estimates that are as far from the truth as theory says.
#include <cmath>
#include <fstream>
#include <iterator>
#include <string>

#include <doctest/doctest.h>

#include "common/svg_file.hpp"
#include "nce/gaussian.hpp"
#include "nce/ica.hpp"

namespace nce {

TEST_CASE("nce: the objective is the classifier's log-likelihood for each datum") {
  Tape tape;
  const Tensor data({2, 3}, {0.5F, -1, 2, 0, 1, -3}),
      noise({2, 6}, {1, -1, 0, 2, -2, 0.5F, 3, 1, 0, -1, 4, -4});
  const double nu = 2;
  const Var j = objective(tape.constant(data), tape.constant(noise), nu);
  REQUIRE(j.shape() == Shape{2});
  for (Index row = 0; row < 2; ++row) {
    double expected = 0;
    const auto h = [&](double log_ratio) { return 1 / (1 + nu * std::exp(-log_ratio)); };
    for (Index i = 0; i < 3; ++i) expected += std::log(h(data(row, i))) / 3;
    for (Index i = 0; i < 6; ++i) expected += std::log(1 - h(noise(row, i))) / 3;  // nu times the mean of 6
    CHECK(j.value().data()[row] == doctest::Approx(expected).epsilon(1e-6));
  }
}

TEST_CASE("nce: estimates of a Gaussian scatter as much as theory says") {
  Tape tape;
  Rng rng(1);
  for (const Index nu : {1, 5}) {
    CAPTURE(nu);
    GaussianEstimates estimates;
    for (int chunk = 0; chunk < 20; ++chunk) estimate({1000, nu}, 50, rng, tape, estimates);
    REQUIRE(estimates.lambda.size() == 1000);
    double lambda = 0, c = 0;
    for (std::size_t i = 0; i < 1000; ++i) lambda += estimates.lambda[i] / 1000, c += estimates.c[i] / 1000;
    CHECK(lambda == doctest::Approx(1).epsilon(0.01));
    CHECK(c == doctest::Approx(-0.5 * std::log(2 * 3.14159265358979)).epsilon(0.01));
    const double factor = 1 + 1 / static_cast<double>(nu);
    CHECK(std::abs(scaled_variance(estimates.lambda, 1000, 2 * factor).deviation()) < 4);
    CHECK(std::abs(scaled_variance(estimates.c, 1000, 0.5 * factor).deviation()) < 4);
  }
}

TEST_CASE("nce: where too few points have no maximum, the search says so") {
  Tape tape;
  Rng rng(1);
  GaussianEstimates estimates;
  CHECK_THROWS_WITH_AS(estimate({2, 1}, 200, rng, tape, estimates),
                       "no maximum of J is found for 2 data points and nu = 1; more points are needed",
                       Error);
  CHECK(estimates.lambda.empty());
}

TEST_CASE("nce: the standard error of a variance") {
  const ScaledVariance v = scaled_variance({-1, 1, -1, 1}, 10, 3);
  CHECK(v.value == doctest::Approx(10 * 4.0 / 3));
  CHECK(scaled_variance({-2, 0, 0, 2}, 3, 0).standard_error == doctest::Approx(3));  // m2 = 2, m4 = 8
}

TEST_CASE("nce: independent components are found, with their normaliser") {
  Rng rng(3);
  const IcaData data(4000, rng);
  const IcaEstimate estimate = IcaEstimator(data, 5, rng).run(rng);
  CHECK(squared_error(estimate.b, data.b) / data.b.squaredNorm() < 0.01);
  CHECK(std::abs(estimate.c - data.log_normaliser()) < 0.15);
}

TEST_CASE("nce: the error of a matrix heeds neither order nor signs of its rows") {
  Mixing truth, other;
  truth << 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 17;
  other << -9, -10, -11, -12, 1, 2, 3, 4, 13, 14, 15, 17, -5, -6, -7, -8;
  CHECK(squared_error(other, truth) == 0);
  other(0, 0) += 0.5;
  CHECK(squared_error(other, truth) == doctest::Approx(0.25));
}

TEST_CASE("a chart becomes an SVG file of its own") {
  const std::string path = "nce_test.svg",
                    chart = examples::line_chart("t", "x", "y", {{"a", {0, 1}, {1, 2}}});
  examples::write_svg(path, chart);
  std::ifstream file(path);
  const std::string text(std::istreambuf_iterator<char>(file), {});
  CHECK(text.starts_with("<svg xmlns=\"http://www.w3.org/2000/svg\""));
  CHECK(text.find("<style>") != std::string::npos);
  CHECK(text.ends_with("</svg>\n"));
  CHECK_THROWS_AS(examples::write_svg(path, "no chart"), Error);
  CHECK_THROWS_AS(examples::write_svg("no such folder/a.svg", chart), Error);
  std::remove(path.c_str());
}

}  // namespace nce
