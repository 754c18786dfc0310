#include "eigengrad/ops/index.hpp"

#include <vector>

#include "eigengrad/ops/arithmetic.hpp"
#include "ops/op_test.hpp"

using namespace op_test;

TEST_CASE("gather and gather_last: gradients of both orders, indices named twice add up") {
  const Poison poison;
  Rng rng(1);
  const Tensor64 x = rng.uniform<double>({4, 3, 2}, -1, 1);
  const std::vector<Index> rows{3, 0, 3, 1}, columns{2, 2, 0}, features{1, 0, 0, 1, 1, 0, 1, 1, 0, 0, 1, 0};
  const auto both = [&](auto f) {
    const auto squared = [f](Var64 v) { return f(v) * f(v); };
    CHECK(gradcheck(squared, x));
    CHECK(gradcheck_second_order(squared, x));
  };
  both([&](Var64 v) { return gather(v, rows); });
  both([&](Var64 v) { return gather(v, columns, 1); });
  both([&](Var64 v) { return gather_last(v, features); });

  Tape64 tape;
  const Var64 v = tape.variable(x);
  const Var64 y = gather(v, rows);
  CHECK(y.value()(2, 1, 1) == x(3, 1, 1));
  CHECK(tape.gradient(y, {v}, Tensor64::ones(y.shape()))[0](3, 0, 0) == 2);
  CHECK(gather_last(v, features).shape() == Shape{4, 3});
}

TEST_CASE("one_hot") {
  const std::vector<Index> labels{2, 0};
  const Tensor y = one_hot(labels, 3);
  CHECK(y.shape() == Shape{2, 3});
  CHECK(y(0, 2) == 1);
  CHECK(y(1, 2) == 0);
  CHECK_THROWS_AS(one_hot(labels, 2), Error);
}

TEST_CASE("the indices may go after the call") {
  Tape64 tape;
  const Var64 x = tape.variable(Tensor64({3}, {1, 2, 3}));
  Var64 y;
  {
    const std::vector<Index> indices{2, 2};
    y = gather(x, indices);
  }
  CHECK(tape.gradient(y, {x}, Tensor64({2}, {1, 10}))[0](2) == 11);
}

TEST_CASE("indices outside: error texts") {
  Tape64 tape;
  const Var64 x = tape.constant(Tensor64::zeros({2, 3}));
  const std::vector<Index> wrong{0, 2}, few{0};
  CHECK_THROWS_AS(gather(x, wrong), Error);
  CHECK_THROWS_AS(gather(x, wrong, 2), Error);
  CHECK_THROWS_AS(gather_last(x, few), Error);
  CHECK_THROWS_AS(gather_last(x, std::vector<Index>{0, 3}), Error);
}
