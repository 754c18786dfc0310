#include "eigengrad/nn/init.hpp"

#include <doctest/doctest.h>

using namespace eigengrad;

namespace {

struct WeightMoments {
  double mean, variance, largest;
};

WeightMoments weight_moments(const Tensor& x) {
  double sum = 0, squares = 0, largest = 0;
  for (float value : x.values()) {
    sum += value;
    squares += static_cast<double>(value) * value;
    largest = std::max(largest, std::abs(static_cast<double>(value)));
  }
  const double n = static_cast<double>(x.size()), mean = sum / n;
  return {mean, squares / n - mean * mean, largest};
}

/// Mean and variance within about five standard errors of 40,000 numbers.
void check_moments(const Tensor& x, double variance) {
  const WeightMoments m = weight_moments(x);
  CHECK(std::abs(m.mean) < 5 * std::sqrt(variance / static_cast<double>(x.size())));
  CHECK(m.variance == doctest::Approx(variance).epsilon(0.04));
}

}  // namespace

TEST_CASE("fan: linear, convolution and transposed convolution") {
  const nn::Fan linear = nn::fan_of({30, 20});
  CHECK(linear.in == 30);
  CHECK(linear.out == 20);
  const nn::Fan conv = nn::fan_of({3, 5, 4, 7});
  CHECK(conv.in == 60);
  CHECK(conv.out == 105);
  const nn::Fan transpose = nn::fan_of_transpose({4, 4, 64, 128}, 2);
  CHECK(transpose.in == 4 * 128);
  CHECK(transpose.out == 16 * 64);
  CHECK_THROWS_WITH_AS(nn::fan_of({3}), "fan_of: the weight is [3]; it must have at least rank 2", Error);
}

TEST_CASE("initial values have the variance of their formula") {
  Rng rng(7);
  const Shape shape{200, 200};
  const nn::Fan fan{.in = 50, .out = 150};
  check_moments(nn::normal<float>(shape, 0.02, rng), 0.0004);
  check_moments(nn::xavier_uniform<float>(shape, fan, rng), 2.0 / 200);
  check_moments(nn::xavier_normal<float>(shape, fan, rng), 2.0 / 200);
  check_moments(nn::kaiming_uniform<float>(shape, fan, rng), 2.0 / 50);
  check_moments(nn::kaiming_normal<float>(shape, fan, rng), 2.0 / 50);
  check_moments(nn::kaiming_normal<float>(shape, fan, rng, 0.5), 2.0 / 50 / 1.25);
  check_moments(nn::default_uniform<float>(shape, fan, rng), 1.0 / 150);
  CHECK(weight_moments(nn::xavier_uniform<float>(shape, fan, rng)).largest <= std::sqrt(6.0 / 200));
  CHECK(weight_moments(nn::kaiming_uniform<float>(shape, fan, rng)).largest <= std::sqrt(6.0 / 50));
}
