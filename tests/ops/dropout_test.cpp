#include "eigengrad/ops/dropout.hpp"

#include "eigengrad/ops/reduce.hpp"
#include "ops/op_test.hpp"

using namespace op_test;

TEST_CASE("dropout: gradients of both orders, with a copy of the generator for each call") {
  const Rng start(5);
  const Tensor64 x = Rng(1).uniform<double>({6, 7}, -1, 1);
  const auto f = [&](Var64 v) {
    Rng rng = start;
    return square(dropout(v, 0.4, rng));
  };
  CHECK(gradcheck(f, x));
  CHECK(gradcheck_second_order(f, x));
}

TEST_CASE("dropout: kept values are scaled, the rest is zero, the mean stays") {
  Tape64 tape;
  Rng rng(2);
  const Var64 y = dropout(tape.constant(Tensor64::ones({100, 100})), 0.25, rng);
  Index zeros = 0;
  for (double value : y.value().values()) {
    CHECK((value == 0 || value == doctest::Approx(4.0 / 3)));
    zeros += value == 0;
  }
  CHECK(std::abs(static_cast<double>(zeros) - 2500) < 5 * std::sqrt(10'000 * 0.25 * 0.75));
  CHECK(sum(dropout(tape.constant(Tensor64::ones({9})), 0, rng)).item() == 9);
  CHECK_THROWS_WITH_AS(dropout(y, 1, rng), "dropout: probability is 1; it must lie in [0, 1)", Error);
  CHECK_THROWS_AS(dropout(y, -0.1, rng), Error);
}
