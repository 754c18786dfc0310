#include "eigengrad/autodiff/tape.hpp"

#include <doctest/doctest.h>

#include "double.hpp"
#include "eigengrad/autodiff/gradcheck.hpp"
#include "eigengrad/ops/arithmetic.hpp"

using namespace eigengrad;

namespace {

Var64 total(Var64 x) {
  return sum_to(x, {});
}

}  // namespace

TEST_CASE("gradient of a variable that is used twice adds both uses") {
  Tape64 tape;
  const Var64 x = tape.variable(Tensor64({3}, {1, 2, 3}));
  const auto gradients = tape.gradient(total(x * x), {x});
  for (Index i = 0; i < 3; ++i) CHECK(gradients[0](i) == 2 * x.value()(i));
}

TEST_CASE("a diamond sums over its two arms") {
  Tape64 tape;
  const Var64 x = tape.variable(Tensor64::scalar(3));
  const Var64 y = x * 2 + x * x;  // dy/dx = 2 + 2 x
  CHECK(tape.gradient(y * y, {x})[0].item() == doctest::Approx(2 * 15 * 8));
}

TEST_CASE("a pullback may return a parameter, and one result for two inputs") {
  const Parameter64 slope(Tensor64({2}, {3, 5}));
  Tape64 tape;
  const Var64 a = tape.variable(Tensor64({2}, {1, 2})), b = tape.variable(Tensor64({2}, {1, 2}));
  const Var64 y = record("f", Tensor64({2}, {0, 0}), pullback(a, [s = &slope](Var64 dy) {
                           return dy.tape().parameter(*s);  // right for dy = 1
                         }));
  CHECK(tape.gradient(y, {a}, Tensor64::ones({2}))[0](1) == 5);
  const Var64 z = record("g", Tensor64({2}, {0, 0}),
                         joint_pullback(std::array{a, b}, [](Var64 dy, Var64, Needed<2>) {
                           const Var64 twice = dy * 2.0;
                           return std::array{twice, twice};
                         }));
  const auto gradients = tape.gradient(z, {a, b}, Tensor64::ones({2}));
  CHECK(gradients[0](1) == 2);
  CHECK(gradients[1](1) == 2);
}

TEST_CASE("targets: unused ones get zeros, parameters and Vars mix, inner nodes count") {
  Tape64 tape;
  const Parameter64 weight(Tensor64({2}, {5, 7}));
  const Parameter64 unused(Tensor64({2, 2}, {1, 2, 3, 4}));
  const Var64 x = tape.variable(Tensor64({2}, {1, 2}));
  const Var64 unused_var = tape.variable(Tensor64({4}, {1, 2, 3, 4}));
  const Var64 product = x * tape.parameter(weight);
  const auto gradients = tape.gradient(total(product * product), {x, weight, unused, product, unused_var});
  CHECK(gradients[0](1) == 2 * 14 * 7);
  CHECK(gradients[1](1) == 2 * 14 * 2);
  CHECK(gradients[2].shape() == Shape{2, 2});
  CHECK(gradients[2](1, 1) == 0);
  CHECK(gradients[3](1) == 2 * 14);
  CHECK(gradients[4](3) == 0);
}

TEST_CASE("a parameter that is put on the tape twice gets the sum") {
  Tape64 tape;
  const Parameter64 weight(Tensor64::scalar(3));
  const Var64 y = tape.parameter(weight) * tape.parameter(weight);
  CHECK(tape.gradient(y, {weight})[0].item() == 6);
  CHECK(tape.gradient_graph(y, {weight})[0].item() == 6);
}

TEST_CASE("the loss itself may be a target, and a target that comes after the loss gets zero") {
  Tape64 tape;
  const Var64 x = tape.variable(Tensor64::scalar(3));
  const Var64 loss = x * x;
  const Var64 later = loss * x;
  const auto gradients = tape.gradient(loss, {loss, later, x});
  CHECK(gradients[0].item() == 1);
  CHECK(gradients[1].item() == 0);
  CHECK(gradients[2].item() == 6);
}

TEST_CASE("detached and constant values pass no gradient") {
  Tape64 tape;
  const Var64 x = tape.variable(Tensor64::scalar(3));
  const Var64 y = detach(x * x) * x;
  CHECK(tape.gradient(y, {x})[0].item() == 9);
  CHECK_FALSE(tape.is_differentiable(detach(x)));
  const Var64 c = tape.constant(Tensor64::scalar(2));
  CHECK_FALSE(tape.is_differentiable(c * c));
  CHECK_THROWS_WITH_AS(tape.gradient(c * x, {c}),
                       "gradient: a target Var (constant) is a constant; make it with Tape::variable", Error);
}

TEST_CASE("only nodes between targets and loss are visited") {
  Tape64 tape;
  int frozen_calls = 0;
  int* const counter = &frozen_calls;
  const Parameter64 frozen(Tensor64::scalar(2)), trained(Tensor64::scalar(3));
  const Var64 a = tape.parameter(frozen), b = tape.parameter(trained);
  const Var64 side = record("side", a.value(), pullback(a, [counter](Var64 dy) {
                              ++*counter;
                              return dy;
                            }));
  const Var64 loss = side * b;
  CHECK(tape.gradient(loss, {trained})[0].item() == 2);
  CHECK(frozen_calls == 0);
  CHECK(tape.gradient(loss, {frozen})[0].item() == 3);
  CHECK(frozen_calls == 1);
}

TEST_CASE("the engine sums gradients over broadcast axes") {
  Tape64 tape;
  const Var64 x = tape.variable(Tensor64({2, 3}, {1, 2, 3, 4, 5, 6}));
  const Var64 row = tape.variable(Tensor64({3}, {1, 1, 1}));
  const Var64 column = tape.variable(Tensor64({2, 1}, {1, 2}));
  const Var64 number = tape.variable(Tensor64::scalar(1));
  const auto gradients = tape.gradient(total(x * row * column * number), {row, column, number});
  CHECK(gradients[0].shape() == Shape{3});
  CHECK(gradients[0](2) == 3 + 2 * 6);
  CHECK(gradients[1].shape() == Shape{2, 1});
  CHECK(gradients[1](0, 0) == 6);
  CHECK(gradients[2].shape() == Shape{});
  CHECK(gradients[2].item() == 6 + 2 * 15);
}

TEST_CASE("a chain of 100,000 nodes is differentiated without recursion") {
  Tape64 tape;
  const Var64 x = tape.variable(Tensor64::scalar(1));
  Var64 y = x;
  for (int i = 0; i < 100'000; ++i) y = y + x;
  CHECK(y.item() == 100'001);
  CHECK(tape.gradient(y, {x})[0].item() == 100'001);
  CHECK(tape.gradient_graph(y, {x})[0].item() == 100'001);
}

TEST_CASE("gradient leaves no nodes behind; gradient_graph records them") {
  Tape64 tape;
  const Var64 x = tape.variable(Tensor64::scalar(2));
  const Var64 y = x * x * x;
  const std::size_t before = tape.node_count();
  tape.gradient(y, {x});
  CHECK(tape.node_count() == before);
  const Var64 dx = tape.gradient_graph(y, {x})[0];
  CHECK(dx.item() == 12);
  CHECK(tape.node_count() > before);
  const Var64 ddx = tape.gradient_graph(dx, {x})[0];
  CHECK(ddx.item() == 12);
  CHECK(tape.gradient(ddx, {x})[0].item() == 6);  // third derivative of x^3
}

TEST_CASE("first and second order agree with finite differences") {
  Rng rng(3);
  const Tensor64 a = rng.uniform<double>({3, 4}, 0.5, 2), b = rng.uniform<double>({4}, 0.5, 2);
  const auto f = [](Var64 x, Var64 y) { return x * y / (x + y * 2.0) - 1.0 / x; };
  CHECK(gradcheck(f, a, b));
  CHECK(gradcheck_second_order(f, a, b));
}

TEST_CASE("a vector-Jacobian product takes dy") {
  Tape64 tape;
  const Var64 x = tape.variable(Tensor64({2}, {2, 3}));
  CHECK(tape.gradient(x * x, {x}, Tensor64({2}, {10, 100}))[0](1) == 600);
  CHECK_THROWS_WITH_AS(tape.gradient(x * x, {x}, Tensor64::scalar(1)),
                       "gradient: y is [2], dy is []; they must be equal", Error);
  CHECK_THROWS_WITH_AS(tape.gradient(x * x, {x}),
                       "gradient: the loss is [2]; it must have one element, or dy be given", Error);
}

TEST_CASE("stale, empty and foreign handles throw") {
  Tape64 tape, other;
  const Var64 x = tape.variable(Tensor64::scalar(1));
  const Var64 foreign = other.variable(Tensor64::scalar(1));
  CHECK_THROWS_WITH_AS(x + foreign, "add: the inputs are on different tapes", Error);
  CHECK_THROWS_WITH_AS(tape.gradient(foreign, {foreign}), "Var: the handle belongs to another tape", Error);
  CHECK_THROWS_WITH_AS(Var64().value(), "Var: the handle is empty; it belongs to no tape", Error);
  tape.clear();
  const char* stale = "Var: the handle is stale; its tape was cleared after it was made";
  CHECK_THROWS_WITH_AS(x.value(), stale, Error);
  const Var64 fresh = tape.variable(Tensor64::scalar(2));
  CHECK_THROWS_WITH_AS(x.value(), stale, Error);  // the same place on the tape, another generation
  CHECK(fresh.item() == 2);
}

TEST_CASE("a handle made inside a pullback is stale afterwards") {
  Tape64 tape;
  static Var64 leaked;
  const Var64 x = tape.variable(Tensor64::scalar(1));
  const Var64 y = record("leaky", x.value(), pullback(x, [](Var64 dy) { return leaked = dy * 2; }));
  tape.gradient(y, {x});
  tape.constant(Tensor64::scalar(0));
  tape.constant(Tensor64::scalar(0));
  CHECK_THROWS_AS(leaked.value(), Error);
}

TEST_CASE("a gradient of the wrong shape names the operation") {
  Tape64 tape;
  const Var64 x = tape.variable(Tensor64({2}, {1, 2}));
  const Var64 y = record("broken", Tensor64::scalar(0), pullback(x, [](Var64 dy) { return dy; }));
  CHECK_THROWS_WITH_AS(tape.gradient(y, {x}), "broken: the gradient of an input of shape [2] has shape []",
                       Error);
}

TEST_CASE("gradients do not alias saved values") {
  Tape64 tape;
  const Var64 x = tape.variable(Tensor64({2}, {1, 2}));
  const Var64 y = x + x;
  const Tensor64 dy({2}, {1, 10});
  auto gradients = tape.gradient(y, {x, y}, dy);
  gradients[1].mutable_data()[0] = 99;
  CHECK(dy(0) == 1);
  CHECK(gradients[0](0) == 2);
  CHECK(x.value()(0) == 1);
}

TEST_CASE("paused recording computes values only") {
  Tape64 tape;
  const Var64 x = tape.variable(Tensor64::scalar(3));
  Var64 y;
  {
    const auto pause = tape.pause_recording();
    y = x * x;
  }
  CHECK(y.item() == 9);
  CHECK_FALSE(tape.is_differentiable(y));
  CHECK(tape.is_differentiable(x * x));
}

TEST_CASE("a joint pullback is told which gradients are needed") {
  Tape64 tape;
  const Var64 a = tape.variable(Tensor64::scalar(2)), b = tape.variable(Tensor64::scalar(5));
  const auto product = [](Var64 p, Var64 q) {
    return record("joint", kernels::binary("joint", kernels::op::Multiply{}, p.value(), q.value()),
                  joint_pullback(std::array{p, q}, [p, q](Var64 dy, Var64, Needed<2> needed) {
                    return std::array{needed[0] ? dy * q : Var64(), needed[1] ? dy * p : Var64()};
                  }));
  };
  const Var64 y = product(a, b);
  CHECK(tape.gradient(y, {a})[0].item() == 5);
  CHECK(tape.gradient(y, {b})[0].item() == 2);
  CHECK(tape.gradient(y, {a, b})[1].item() == 2);
}

TEST_CASE("kept spans live until the tape is cleared") {
  Tape64 tape;
  std::vector<Index> labels{3, 1, 2};
  const std::span<const Index> kept = tape.keep(std::span<const Index>(labels));
  labels.assign({0, 0, 0});
  CHECK(kept[0] == 3);
  CHECK(kept.size() == 3);
}
