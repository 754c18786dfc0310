#include "eigengrad/ops/reduce.hpp"

#include "ops/op_test.hpp"

using namespace op_test;

TEST_CASE("sum, mean and variance over any axes: gradients of both orders") {
  const Poison poison;
  Rng rng(1);
  const Shape shapes[] = {{5}, {3, 4}, {2, 3, 4}, {2, 1, 3, 2}};
  for (const Shape& shape : shapes)
    for (int first = 0; first < shape.rank(); ++first)
      for (int last = first; last < shape.rank(); ++last)
        for (bool keep : {false, true}) {
          CAPTURE(to_string(shape));
          CAPTURE(first);
          CAPTURE(last);
          const std::vector<int> axes =
              first == last ? std::vector<int>{first} : std::vector<int>{last - shape.rank(), first};
          const std::span<const int> span(axes);
          const Tensor64 x = rng.uniform<double>(shape, -2, 2);
          const auto total = [&](auto v) { return sum(v, span, {keep}); };
          const auto average = [&](auto v) { return square(mean(v, span, {keep})); };
          const auto spread = [&](auto v) { return variance(v, span, {.keep_axes = keep}); };
          CHECK(gradcheck(total, x));
          CHECK(gradcheck_second_order(total, x));
          CHECK(gradcheck(average, x));
          CHECK(gradcheck_second_order(average, x));
          CHECK(gradcheck(spread, x));
          CHECK(gradcheck_second_order(spread, x));
        }
  const Tensor64 x = rng.uniform<double>({3, 4}, -2, 2);
  CHECK(gradcheck([](auto v) { return sum(v); }, x));
  CHECK(gradcheck_second_order([](auto v) { return square(mean(v)); }, x));
}

TEST_CASE("sum, mean, variance: values") {
  Tape64 tape;
  const Var64 x = tape.constant(Tensor64({2, 3}, {1, 2, 3, 4, 6, 8}));
  CHECK(sum(x).item() == 24);
  CHECK(sum(x, {0}).value()(2) == 11);
  CHECK(sum(x, {-1}, {.keep_axes = true}).shape() == Shape{2, 1});
  CHECK(sum(x, {0, 1}).shape() == Shape{});
  CHECK(mean(x, {1}).value()(1) == 6);
  CHECK(variance(x, {1}).value()(1) == doctest::Approx(8.0 / 3));
  CHECK(variance(x, {1}, {.unbiased = true}).value()(1) == doctest::Approx(4));
}

TEST_CASE("max: values, gradients, ties shared evenly") {
  Rng rng(2);
  Tensor64 x = rng.uniform<double>({3, 4, 2}, 0, 0.001);
  for (Index i = 0; i < x.size(); ++i)
    x.mutable_data()[i] += 0.1 * static_cast<double>((i * 7) % 24);  // far apart
  for (int axis : {0, 1, 2}) {
    CHECK(gradcheck([axis](auto v) { return max(v, {axis}); }, x));
    CHECK(gradcheck_second_order([axis](auto v) { return square(max(v, {axis}, {.keep_axes = true})); }, x));
  }
  Tape64 tape;
  const Var64 tied = tape.variable(Tensor64({2, 3}, {1, 5, 5, 2, 0, 1}));
  const Var64 y = max(tied, {1});
  CHECK(y.value()(0) == 5);
  const Tensor64 dx = tape.gradient(y, {tied}, Tensor64({2}, {1, 10}))[0];
  CHECK(dx(0, 0) == 0);
  CHECK(dx(0, 1) == 0.5);
  CHECK(dx(0, 2) == 0.5);
  CHECK(dx(1, 0) == 10);
}

TEST_CASE("reductions: error texts") {
  Tape64 tape;
  const Var64 x = tape.constant(Tensor64::zeros({2, 3})), empty = tape.constant(Tensor64::zeros({0, 3}));
  CHECK_THROWS_WITH_AS(sum(x, {2}), "sum: axis 2 is out of range for x of shape [2, 3]", Error);
  CHECK_THROWS_AS(sum(x, {0, -2}), Error);
  CHECK_THROWS_WITH_AS(mean(empty), "mean: x is [0, 3]; there is no mean of no elements", Error);
  CHECK_THROWS_AS(variance(x, {}, {.unbiased = true}), Error);
  CHECK_THROWS_AS(max(empty, {0}), Error);
}
