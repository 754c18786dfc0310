#include "eigengrad/ops/batch_norm.hpp"

#include <doctest/doctest.h>

#include "ops/op_test.hpp"

using namespace op_test;

namespace {

constexpr double epsilon = 1e-5;

struct NaiveBatchNorm {
  Tensor64 value, mean, variance;
};

NaiveBatchNorm naive_batch_norm(const Tensor64& x, const Tensor64& gamma, const Tensor64& beta,
                                Index groups) {
  const Index channels = x.features(), rows = x.rows() / groups;
  NaiveBatchNorm result{Tensor64::zeros(x.shape()), Tensor64::zeros({groups, channels}),
                        Tensor64::zeros({groups, channels})};
  const auto at = [&](Index g, Index r, Index c) { return (g * rows + r) * channels + c; };
  for (Index g = 0; g < groups; ++g)
    for (Index c = 0; c < channels; ++c) {
      double mean = 0, variance = 0;
      for (Index r = 0; r < rows; ++r) mean += x.data()[at(g, r, c)] / static_cast<double>(rows);
      for (Index r = 0; r < rows; ++r)
        variance += std::pow(x.data()[at(g, r, c)] - mean, 2) / static_cast<double>(rows);
      for (Index r = 0; r < rows; ++r)
        result.value.mutable_data()[at(g, r, c)] =
            gamma(c) * (x.data()[at(g, r, c)] - mean) / std::sqrt(variance + epsilon) + beta(c);
      result.mean.mutable_at(g, c) = mean;
      result.variance.mutable_at(g, c) = variance;
    }
  return result;
}

}  // namespace

TEST_CASE("batch_norm: values, statistics and both orders of gradients with one group and several") {
  Rng rng(41);
  for (const auto& [x_shape, group_count] :
       {std::pair<Shape, Index>{{7, 3}, 1}, {{6, 4}, 2}, {{4, 2, 3, 5}, 1}, {{6, 1, 2, 3}, 3}, {{2, 9}, 1}}) {
    const Shape shape = x_shape;  // clang 14 captures no structured bindings
    const Index groups = group_count;
    CAPTURE(to_string(shape));
    CAPTURE(groups);
    const Tensor64 x = random(rng, shape), gamma = random(rng, {shape[-1]}, 0.5, 2),
                   beta = random(rng, {shape[-1]});
    const BatchNormOptions options{.epsilon = epsilon, .groups = groups};
    Tape64 tape;
    const auto result = batch_norm(tape.constant(x), tape.constant(gamma), tape.constant(beta), options);
    const NaiveBatchNorm expected = naive_batch_norm(x, gamma, beta, groups);
    CHECK(largest_difference(result.value.value(), expected.value) < 1e-12);
    CHECK(largest_difference(result.mean, expected.mean) < 1e-14);
    CHECK(largest_difference(result.variance, expected.variance) < 1e-14);
    const auto f = [options](Var64 a, Var64 b, Var64 c) { return batch_norm(a, b, c, options).value; };
    CHECK(gradcheck(f, x, gamma, beta));
    CHECK(gradcheck_second_order(f, x, gamma, beta));
  }
}

TEST_CASE("batch_norm with a slope: a leaky ReLU of it, in value and both orders of gradients") {
  Rng rng(45);
  for (double slope : {0.1, 0.0}) {
    CAPTURE(slope);
    const BatchNormOptions plain{.epsilon = epsilon, .groups = 2}, active{epsilon, 2, slope};
    const Tensor64 gamma = random(rng, {5}, 0.5, 2), beta = random(rng, {5});
    Tensor64 x, y;
    do {  // every value at least 0.01 away from the kink
      x = random(rng, {6, 2, 5});
      Tape64 tape;
      y = batch_norm(tape.constant(x), tape.constant(gamma), tape.constant(beta), plain).value.value();
    } while (y.array().abs().minCoeff() < 0.01);
    const auto f = [active](Var64 a, Var64 b, Var64 c) { return batch_norm(a, b, c, active).value; };
    Tape64 tape;
    const Tensor64 fused = f(tape.constant(x), tape.constant(gamma), tape.constant(beta)).value();
    CHECK(largest_difference(fused, leaky_relu(tape.constant(y), slope).value()) < 1e-15);
    CHECK(gradcheck(f, x, gamma, beta));
    CHECK(gradcheck_second_order(f, x, gamma, beta));
  }
}

TEST_CASE("batch_norm: only the gradients that are asked for, in any combination") {
  Rng rng(42);
  const Tensor64 x = random(rng, {6, 3}), gamma = random(rng, {3}), beta = random(rng, {3}),
                 dy = random(rng, {6, 3});
  Tape64 tape;
  const Var64 xv = tape.variable(x), gv = tape.variable(gamma), bv = tape.variable(beta);
  const Var64 y = batch_norm(xv, gv, bv).value;
  const auto all = tape.gradient(y, {xv, gv, bv}, dy);
  CHECK(largest_difference(tape.gradient(y, {xv}, dy)[0], all[0]) == 0);
  CHECK(largest_difference(tape.gradient(y, {gv}, dy)[0], all[1]) == 0);
  CHECK(largest_difference(tape.gradient(y, {bv}, dy)[0], all[2]) == 0);
  const auto some = tape.gradient(y, {gv, bv}, dy);
  CHECK(largest_difference(some[0], all[1]) == 0);
  CHECK(largest_difference(some[1], all[2]) == 0);
}

TEST_CASE("batch_norm: grouped batches equal separate calls") {
  Rng rng(43);
  const Tensor64 x = random(rng, {8, 2, 3}), gamma = random(rng, {3}), beta = random(rng, {3});
  Tape64 tape;
  const Var64 gv = tape.constant(gamma), bv = tape.constant(beta);
  const auto both = batch_norm(tape.constant(x), gv, bv, {.groups = 2});
  for (Index g = 0; g < 2; ++g) {
    const Tensor64 half({4, 2, 3}, x.values().subspan(static_cast<std::size_t>(g) * 24, 24));
    const auto one = batch_norm(tape.constant(half), gv, bv);
    const Tensor64 part({4, 2, 3}, both.value.value().values().subspan(static_cast<std::size_t>(g) * 24, 24));
    CHECK(largest_difference(part, one.value.value()) < 1e-14);
  }
}

TEST_CASE("batch_norm with given statistics: values and both orders of gradients") {
  Rng rng(44);
  const Tensor64 x = random(rng, {3, 2, 4}), gamma = random(rng, {4}, 0.5, 2), beta = random(rng, {4}),
                 mean = random(rng, {4}), variance = random(rng, {4}, 0.5, 2);
  const auto f = [&](Var64 a, Var64 b, Var64 c) { return batch_norm(a, b, c, mean, variance, epsilon); };
  Tape64 tape;
  const Tensor64 y = f(tape.constant(x), tape.constant(gamma), tape.constant(beta)).value();
  for (Index i = 0; i < x.size(); ++i) {
    const Index c = i % 4;
    CHECK(y.data()[i] ==
          doctest::Approx(gamma(c) * (x.data()[i] - mean(c)) / std::sqrt(variance(c) + epsilon) + beta(c))
              .epsilon(1e-12));
  }
  CHECK(gradcheck(f, x, gamma, beta));
  CHECK(gradcheck_second_order(f, x, gamma, beta));
}

TEST_CASE("batch_norm: an adjoint that is wanted itself is not written over") {
  Rng rng(45);
  Tape64 tape;
  const Tensor64 weights = random(rng, {4, 16});
  const Var64 x = tape.variable(random(rng, {4, 16})), ones = tape.constant(Tensor64::ones({16}));
  const Var64 y = batch_norm(x, ones, ones).value;
  const auto gradients = tape.gradient(sum_to(y * tape.constant(weights), {}), {y, x});
  CHECK((gradients[0].array() == weights.array()).all());
  CHECK(largest_difference(gradients[1], weights) > 0.1);
  const Tensor64 given = weights.clone();
  const auto of_given = tape.gradient(y, {x}, given);
  CHECK((given.array() == weights.array()).all());
  CHECK((of_given[0].array() == gradients[1].array()).all());
}

TEST_CASE("batch_norm: errors name operation, shapes and rule") {
  Tape64 tape;
  const auto zeros = [&](const Shape& shape) { return tape.variable(Tensor64::zeros(shape)); };
  CHECK_THROWS_WITH_AS(batch_norm(zeros({4, 3}), zeros({2}), zeros({3})),
                       doctest::Contains("batch_norm: x is [4, 3], gamma is [2], beta is [3]"), Error);
  CHECK_THROWS_WITH_AS(batch_norm(zeros({4, 3}), zeros({3}), zeros({3}), {.groups = 3}),
                       doctest::Contains("batch_norm: x is [4, 3], groups is 3"), Error);
  CHECK_THROWS_WITH_AS(
      batch_norm(zeros({4, 3}), zeros({3}), zeros({3}), Tensor64::zeros({2}), Tensor64::zeros({3})),
      "batch_norm: x is [4, 3], gamma is [3], beta is [3], mean is [2], variance is [3]; all but x must be "
      "[3]",
      Error);
}
