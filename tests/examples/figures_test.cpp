// Means, medians and slopes.
#include <doctest/doctest.h>

#include "common/figures.hpp"

using namespace examples;

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
