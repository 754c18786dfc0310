#include "common/progress.hpp"

#include <doctest/doctest.h>

#include <limits>

namespace examples {

TEST_CASE("durations") {
  CHECK(format_duration(0) == "0:00");
  CHECK(format_duration(59.9) == "0:59");
  CHECK(format_duration(754) == "12:34");
  CHECK(format_duration(3600) == "1:00:00");
  CHECK(format_duration(90061) == "25:01:01");
  CHECK(format_duration(1e12) == "?");
  CHECK(format_duration(-1) == "?");
  CHECK(format_duration(std::nan("")) == "?");
}

TEST_CASE("the progress line names position, speed, time left and figures") {
  CHECK(progress_text("iteration", 20, 100, 400.4, 25, {{"D", 1.3863}, {"L_I(c1)", 2.1, 2.3026}}) ==
        "iteration 20/100  400 images/s  0:25 left  D 1.386 L_I(c1) 2.100/2.303");
  CHECK(progress_text("epoch", 0, 1, 0, std::nan(""), {}) == "epoch 0/1  0 images/s  ? left ");
  const double infinite = std::numeric_limits<double>::infinity();
  CHECK(progress_text("step", 1, 2, 1, 1, {{"a", 1e30}, {"b", infinite}, {"c", -0.5}}) ==
        "step 1/2  1 images/s  0:01 left  a 1e+30 b inf c -0.500");
}

}  // namespace examples
