#include "eigengrad/ops/shape.hpp"

#include "eigengrad/ops/arithmetic.hpp"
#include "ops/op_test.hpp"

using namespace op_test;

TEST_CASE("reshape, flatten, transpose, slice and concatenate: gradients of both orders") {
  const Poison poison;
  Rng rng(1);
  const Tensor64 x = rng.uniform<double>({2, 3, 4}, -1, 1), other = rng.uniform<double>({2, 5, 4}, -1, 1);
  // Squared, so that second derivatives do not vanish.
  const auto both = [&](auto f) {
    const auto squared = [f](Var64 v) { return f(v) * f(v); };
    CHECK(gradcheck(squared, x));
    CHECK(gradcheck_second_order(squared, x));
  };
  both([](Var64 v) { return reshape(v, {4, -1}); });
  both([](Var64 v) { return reshape(v, Shape{24}); });
  both([](Var64 v) { return flatten(v); });
  both([](Var64 v) { return transpose(v, {2, 0, 1}); });
  both([](Var64 v) { return transpose(v, {-1, 1, 0}); });
  both([](Var64 v) { return transpose(v); });
  both([](Var64 v) { return slice(v, 1, 1, 3); });
  both([](Var64 v) { return slice(v, -1, 0, 2); });
  both([](Var64 v) { return slice(v, 0, 1, 1); });
  both([](Var64 v) { return slice_gradient(v, 1, 2, 7); });
  both([](Var64 v) { return concatenate({v, v * 2.0, v}, 1); });
  const auto join = [](Var64 a, Var64 b) {
    return concatenate({a, b * a.tape().constant(Tensor64::scalar(2)), a}, -2) * 1.5;
  };
  CHECK(gradcheck(join, x, other));
  CHECK(gradcheck_second_order(join, x, other));
}

TEST_CASE("moving values: where they go") {
  Tape64 tape;
  const Var64 x = tape.variable(Tensor64({2, 3}, {1, 2, 3, 4, 5, 6}));
  CHECK(transpose(x).value()(2, 1) == 6);
  CHECK(slice(x, 1, 1, 2).value()(1, 0) == 5);
  CHECK(concatenate({x, x}, 0).value()(3, 2) == 6);
  CHECK(concatenate({x, x}, 1).shape() == Shape{2, 6});
  CHECK(reshape(x, {3, -1}).value()(2, 1) == 6);
  // A part that is a constant takes no gradient, and the others take theirs.
  const Var64 joined = concatenate({x, tape.constant(Tensor64::zeros({1, 3}))}, 0);
  CHECK(tape.gradient(joined, {x}, Tensor64::ones({3, 3}))[0](1, 2) == 1);
}

TEST_CASE("moving values: error texts") {
  Tape64 tape;
  const Var64 x = tape.constant(Tensor64::zeros({2, 3}));
  CHECK_THROWS_WITH_AS(reshape(x, {4, 2}), "reshape: [2, 3] has 6 elements, [4, 2] has 8", Error);
  CHECK_THROWS_WITH_AS(reshape(x, {-1, -1}), "reshape: more than one extent is -1", Error);
  CHECK_THROWS_AS(slice(x, 1, 2, 4), Error);
  CHECK_THROWS_AS(slice(x, 2, 0, 1), Error);
  CHECK_THROWS_AS(transpose(x, {0}), Error);
  CHECK_THROWS_AS(transpose(x, {0, 0}), Error);
  CHECK_THROWS_AS(concatenate({x, tape.constant(Tensor64::zeros({2, 4}))}, 0), Error);
  CHECK_THROWS_AS(concatenate(std::span<const Var64>(), 0), Error);
}
