#include <doctest/doctest.h>

#include "double.hpp"
#include "eigengrad/autodiff/tape.hpp"
#include "eigengrad/core/random.hpp"
#include "eigengrad/ops/arithmetic.hpp"
#include "eigengrad/ops/matmul.hpp"
#include "support.hpp"

using namespace eigengrad;
using support::same_bits;

TEST_CASE("lazy_gradient leaves the weight gradients of linear layers as products, and nothing else") {
  Rng rng(4);
  Tape64 tape;
  const Parameter64 w(rng.normal<double>({3, 5}, 0, 1)), bias(rng.normal<double>({5}, 0, 1)),
      twice(rng.normal<double>({5, 5}, 0, 1)), shared(rng.normal<double>({5, 5}, 0, 1)),
      rows(rng.normal<double>({4, 5}, 0, 1)), unused(Tensor64::ones({2}));
  const Var64 input = tape.variable(rng.normal<double>({2, 4, 3}, 0, 1));
  const Var64 leaf = tape.parameter(shared);
  Var64 y = linear(input, tape.parameter(w), tape.parameter(bias));
  y = linear(linear(y, tape.parameter(twice)), tape.parameter(twice));  // two leaves
  y = linear(linear(y, leaf), leaf) + tape.parameter(rows);             // a leaf with two uses
  const Var64 loss = sum_to(y * y * y, {});
  const std::vector<BasicTarget<double>> targets = {w, bias, twice, shared, rows, unused, input};
  const BasicTensorList<double> expected = tape.gradient(loss, targets);
  const std::size_t nodes = tape.node_count();
  const BasicGradientList<double> lazy = tape.lazy_gradient(loss, targets);
  CHECK(tape.node_count() == nodes);
  tape.clear();
  REQUIRE(lazy.size() == expected.size());
  for (std::size_t i = 0; i < lazy.size(); ++i) {
    CAPTURE(i);
    CHECK(lazy[i].is_product() == (i == 0));
    CHECK(lazy[i].shape() == expected[i].shape());
    CHECK(same_bits(lazy[i].value(), expected[i]));
  }
  CHECK(lazy[0].left().shape() == Shape{8, 3});
  CHECK(lazy[0].right().shape() == Shape{8, 5});
}

TEST_CASE("lazy_gradient computes what belongs to no parameter, and checks factors") {
  Rng rng(5);
  Tape64 tape, other;
  const Tensor64 start = rng.normal<double>({3, 2}, 0, 1);
  const Var64 x = tape.constant(rng.normal<double>({4, 3}, 0, 1)), w = tape.variable(start);
  const Parameter64 parameter(start);
  const Var64 computed = w * tape.parameter(parameter);
  const Var64 loss = sum_to(linear(x, w) * linear(x, computed), {});
  const auto expected = tape.gradient(loss, {w, computed, parameter});
  const auto lazy = tape.lazy_gradient(loss, {w, computed, parameter});
  for (std::size_t i = 0; i < lazy.size(); ++i) {
    CHECK_FALSE(lazy[i].is_product());
    CHECK(same_bits(lazy[i].value(), expected[i]));
  }
  CHECK_THROWS_WITH_AS(lazy[0].left(), "Gradient: it is a tensor, not a product, and has no factors", Error);
  CHECK_THROWS_WITH_AS(
      BasicGradient<double>(Tensor64::ones({4, 3}), Tensor64::ones({5, 3})),
      "Gradient: the factors are [4, 3] and [5, 3]; they must be matrices with equally many rows", Error);
  const Var64 foreign = other.constant(Tensor64::ones({4, 3}));
  CHECK_THROWS_WITH_AS(
      record("test", Tensor64::ones({4, 2}), product_pullback(w, foreign, [](Var64 dy) { return dy; })),
      "test: the inputs are on different tapes", Error);
  const Var64 leaf = tape.parameter(parameter), narrow = tape.constant(Tensor64::ones({4, 1}));
  const Var64 wrong =
      record("test", Tensor64::ones({4, 2}), product_pullback(leaf, narrow, [](Var64 dy) { return dy; }));
  CHECK_THROWS_WITH_AS(tape.lazy_gradient(sum_to(wrong, {}), {parameter}),
                       "lazy_gradient: the gradient of a parameter of shape [3, 2] has shape [1, 2]", Error);
}

TEST_CASE("lazy_gradient leaves nothing behind where a pullback throws") {
  Tape64 tape;
  const Parameter64 w(Tensor64::ones({2, 2})), first(Tensor64::ones({3, 2}));
  const Var64 x = tape.parameter(first);
  const Var64 bad =
      record("bad", x.value(), pullback(x, [](Var64 dy) { return linear(dy, dy); }));  // shapes do not fit
  const Var64 good = linear(tape.variable(Tensor64::ones({3, 2})), tape.parameter(w));
  const Var64 loss = sum_to(bad, {}) + sum_to(good, {});
  const std::size_t nodes = tape.node_count();
  CHECK_THROWS_AS(tape.lazy_gradient(loss, {w, first}), Error);
  CHECK(tape.node_count() == nodes);
  CHECK(tape.is_recording());
  const auto gradients = tape.lazy_gradient(loss, {w});
  CHECK(gradients[0].is_product());
  CHECK(same_bits(gradients[0].value(), Tensor64::full({2, 2}, 3)));
  CHECK_THROWS_AS(tape.lazy_gradient(good, {w}), Error);  // not a scalar
}
