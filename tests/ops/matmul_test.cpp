#include "eigengrad/ops/matmul.hpp"

#include <doctest/doctest.h>

#include "ops/op_test.hpp"

using namespace op_test;

namespace {

/// x [rows, K] times w [K, N], plus bias.
Tensor64 naive_linear(const Tensor64& x, const Tensor64& w, const Tensor64* bias = nullptr) {
  const Index rows = x.rows(), k_size = x.features(), n_size = w.shape()[1];
  Tensor64 y = Tensor64::zeros({rows, n_size});
  for (Index i = 0; i < rows; ++i)
    for (Index j = 0; j < n_size; ++j) {
      double sum = bias == nullptr ? 0 : bias->data()[j];
      for (Index k = 0; k < k_size; ++k) sum += x.data()[i * k_size + k] * w(k, j);
      y.mutable_at(i, j) = sum;
    }
  return y;
}

Tensor64 transposed(const Tensor64& a) {
  Tensor64 result = Tensor64::uninitialized({a.shape()[1], a.shape()[0]});
  for (Index i = 0; i < a.shape()[0]; ++i)
    for (Index j = 0; j < a.shape()[1]; ++j) result.mutable_at(j, i) = a(i, j);
  return result;
}

}  // namespace

TEST_CASE("matmul: values and both orders of gradients for every transposition") {
  Rng rng(11);
  for (const Shape& extents : {Shape{3, 4, 5}, {1, 7, 2}, {6, 1, 3}, {2, 9, 17}})
    for (bool ta : {false, true})
      for (bool tb : {false, true}) {
        const Index m = extents[0], k = extents[1], n = extents[2];
        CAPTURE(to_string(extents));
        CAPTURE(ta);
        CAPTURE(tb);
        const Tensor64 a = random(rng, ta ? Shape{k, m} : Shape{m, k});
        const Tensor64 b = random(rng, tb ? Shape{n, k} : Shape{k, n});
        const auto product = [ta, tb](Var64 x, Var64 y) {
          return matmul(x, y, {.transpose_a = ta, .transpose_b = tb});
        };
        Tape64 tape;
        const Var64 y = product(tape.constant(a), tape.constant(b));
        CHECK(largest_difference(y.value(), naive_linear(ta ? transposed(a) : a, tb ? transposed(b) : b)) <
              1e-14);
        CHECK(gradcheck(product, a, b));
        CHECK(gradcheck_second_order(product, a, b));
      }
}

TEST_CASE("linear: values and both orders of gradients for inputs of any rank") {
  Rng rng(12);
  for (const Shape& shape : {Shape{5, 3}, Shape{2, 4, 3}, Shape{3}, Shape{2, 1, 2, 3}}) {
    CAPTURE(to_string(shape));
    const Tensor64 x = random(rng, shape), w = random(rng, {3, 6}), bias = random(rng, {6});
    const auto plain = [](Var64 a, Var64 b) { return linear(a, b); };
    const auto with_bias = [](Var64 a, Var64 b, Var64 c) { return linear(a, b, c); };
    Tape64 tape;
    const Var64 y = with_bias(tape.constant(x), tape.constant(w), tape.constant(bias));
    Shape expected;
    for (int axis = 0; axis + 1 < shape.rank(); ++axis) expected.push_back(shape[axis]);
    expected.push_back(6);
    CHECK(y.shape() == expected);
    CHECK(largest_difference(y.value().reshape({-1, 6}), naive_linear(x, w, &bias)) < 1e-14);
    CHECK(largest_difference(plain(tape.constant(x), tape.constant(w)).value().reshape({-1, 6}),
                             naive_linear(x, w)) < 1e-14);
    CHECK(gradcheck(plain, x, w));
    CHECK(gradcheck(with_bias, x, w, bias));
    CHECK(gradcheck_second_order(plain, x, w));
    CHECK(gradcheck_second_order(with_bias, x, w, bias));
  }
}

TEST_CASE("linear: the two gradient operations are differentiable themselves") {
  Rng rng(13);
  const Tensor64 x = random(rng, {2, 3, 4}), w = random(rng, {4, 5}), dy = random(rng, {2, 3, 5});
  const auto input_gradient = [](Var64 a, Var64 b) { return linear_input_gradient(a, b); };
  const auto weight_gradient = [](Var64 a, Var64 b) { return linear_weight_gradient(a, b); };
  CHECK(gradcheck(input_gradient, dy, w));
  CHECK(gradcheck(weight_gradient, x, dy));
  CHECK(gradcheck_second_order(input_gradient, dy, w));
  CHECK(gradcheck_second_order(weight_gradient, x, dy));
}

TEST_CASE("linear: only the gradients that are asked for are computed") {
  Tape64 tape;
  const Var64 x = tape.constant(Tensor64({1, 2}, {1, 2}));
  const BasicParameter<double> weight(Tensor64({2, 1}, {3, 4}));
  const auto gradients = tape.gradient(linear(x, tape.parameter(weight)), {weight});
  CHECK(gradients[0](0, 0) == 1);
  CHECK(gradients[0](1, 0) == 2);
}

TEST_CASE("products of tensors without elements") {
  Tape64 tape;
  const auto zeros = [&](const Shape& shape) { return tape.variable(Tensor64::zeros(shape)); };
  CHECK(matmul(zeros({0, 3}), zeros({3, 2})).shape() == Shape{0, 2});
  const Var64 x = zeros({2, 0}), w = zeros({0, 3});
  const Var64 y = matmul(x, w);  // an empty sum
  REQUIRE(y.shape() == Shape{2, 3});
  for (double value : y.value().values()) CHECK(value == 0);
  const auto gradients = tape.gradient(y, {x, w}, Tensor64::ones({2, 3}));
  CHECK(gradients[0].shape() == Shape{2, 0});
  CHECK(gradients[1].shape() == Shape{0, 3});
  const Var64 no_rows = zeros({0, 3}), v = zeros({3, 2}), bias = zeros({2});
  const auto none = tape.gradient(linear(no_rows, v, bias), {v, bias}, Tensor64::zeros({0, 2}));
  for (double value : none[0].values()) CHECK(value == 0);
  for (double value : none[1].values()) CHECK(value == 0);
}

TEST_CASE("matmul and linear: errors name operation, shapes and rule") {
  Tape64 tape;
  const auto zeros = [&](const Shape& shape) { return tape.variable(Tensor64::zeros(shape)); };
  CHECK_THROWS_WITH_AS(matmul(zeros({32, 64}), zeros({128, 10})),
                       "matmul: a is [32, 64], b is [128, 10]; columns of a (64) must equal rows of b (128)",
                       Error);
  CHECK_THROWS_WITH_AS(matmul(zeros({2, 3, 4}), zeros({4, 5})),
                       "matmul: a is [2, 3, 4], b is [4, 5]; both must have rank 2", Error);
  CHECK_THROWS_WITH_AS(linear(zeros({2, 3}), zeros({4, 5})),
                       doctest::Contains("linear: x is [2, 3], w is [4, 5]"), Error);
  CHECK_THROWS_WITH_AS(linear(zeros({2, 3}), zeros({3, 5}), zeros({4})),
                       "linear: bias is [4], w is [3, 5]; bias must be [5]", Error);
}
