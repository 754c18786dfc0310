#include "eigengrad/distributions/uniform.hpp"

#include "ops/op_test.hpp"

using namespace op_test;

TEST_CASE("Uniform: log-density, entropy and KL by their formulas") {
  const Uniform d(-2, 2);
  const Tensor log_p = d.log_prob(Tensor({6}, {-2, 0, 2, -2.5f, 3, std::nanf("")}));
  for (Index i : {0, 1, 2}) CHECK(log_p(i) == doctest::Approx(-std::log(4.0)).epsilon(1e-7));
  CHECK(log_p(3) == -std::numeric_limits<float>::infinity());
  CHECK(log_p(4) == -std::numeric_limits<float>::infinity());
  CHECK(std::isnan(log_p(5)));
  CHECK(d.entropy() == std::log(4.0));
  CHECK(kl(d, d) == 0);
  CHECK(kl(Uniform(-1, 1), d) == std::log(2.0));
  CHECK(kl(d, Uniform(-1, 1)) == std::numeric_limits<double>::infinity());
}

TEST_CASE("Uniform: the log-density has no gradient") {
  Tape tape;
  const Var x = tape.variable(Tensor({2}, {0.5f, 0.7f}));
  const Var y = Uniform(0, 2).log_prob(x) + 2.0 * x;
  const Tensor slope = tape.gradient(y, {x}, Tensor::ones({2}))[0];
  CHECK(slope(0) == 2);
}

TEST_CASE("Uniform: samples have the right moments and stay inside") {
  Rng rng(5);
  constexpr Index n = 200'000;
  const Tensor x = Uniform(-2, 4).sample({n}, rng);
  double mean = 0, variance = 0;
  for (float value : x.values()) {
    if (!(value >= -2 && value < 4)) FAIL_CHECK("a sample lies outside");
    mean += value / static_cast<double>(n);
  }
  for (float value : x.values()) variance += (value - mean) * (value - mean) / static_cast<double>(n);
  CHECK(std::abs(mean - 1) < 5 * std::sqrt(3.0 / n));
  CHECK(variance == doctest::Approx(3).epsilon(0.02));
}

TEST_CASE("Uniform: error texts") {
  CHECK_THROWS_WITH_AS(Uniform(1, 1), "Uniform: low is 1, high is 1; low must be below high, and both finite",
                       Error);
  CHECK_THROWS_AS(Uniform(2, 1), Error);
  CHECK_THROWS_AS(Uniform(0, std::numeric_limits<double>::infinity()), Error);
  CHECK_THROWS_AS(Uniform(std::nan(""), 1), Error);
}
