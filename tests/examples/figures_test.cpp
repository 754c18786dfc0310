// Means, medians and slopes.
#include <cmath>

#include <doctest/doctest.h>

#include "common/figures.hpp"
#include "common/log_mean.hpp"

namespace examples {

TEST_CASE("figures: a mean and its standard error") {
  const MeanFigure figure = mean_figure({1, 2, 3, 6});
  CHECK(figure.mean == doctest::Approx(3));
  CHECK(figure.standard_error == doctest::Approx(std::sqrt(14.0 / 3 / 4)));
  CHECK(mean_figure({5}).standard_error == 0);
}

TEST_CASE("figures: the median") {
  CHECK(median({3, 1, 2}) == 2);
  CHECK(median({4, 1, 2, 3}) == 2.5);
  CHECK_THROWS_WITH_AS(median({}), "a median needs at least one value", eigengrad::Error);
}

TEST_CASE("figures: the slope of a power law") {
  CHECK(log_log_slope({1, 10, 1000}, {3, 0.3, 0.003}) == doctest::Approx(-1));
  CHECK_THROWS_WITH_AS(log_log_slope({5, 5}, {1, 2}), "a slope needs two different sizes", eigengrad::Error);
}

TEST_CASE("figures: a mean of logarithms and the logarithm of a mean, of weights that no double could hold") {
  LogMean mean;
  for (const double value : {-1000.0, -1001.0, -999.0}) mean.add(value);
  CHECK(mean.mean_of_logs() == doctest::Approx(-1000));
  CHECK(mean.log_of_mean() == doctest::Approx(-1000 + std::log((1 + std::exp(1) + std::exp(-1)) / 3)));
}

}  // namespace examples
