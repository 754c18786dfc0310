#include "eigengrad/nn/batch_norm.hpp"

#include <doctest/doctest.h>

#include <limits>

#include "double.hpp"
#include "eigengrad/core/random.hpp"
#include "eigengrad/ops/activation.hpp"
#include "support.hpp"

using namespace eigengrad;
using namespace support;

namespace {

using nn::BatchNormMode;

/// running = (1 - momentum) running + momentum batch, with the unbiased variance.
void naive_update(const Tensor64& x, double momentum, Tensor64& mean, Tensor64& variance) {
  const Index rows = x.rows(), channels = x.features();
  for (Index c = 0; c < channels; ++c) {
    const auto column = x.matrix().col(c).array();
    const double m = column.mean();
    const double v = (column - m).square().sum() / static_cast<double>(rows - 1);
    mean.mutable_at(c) = (1 - momentum) * mean(c) + momentum * m;
    variance.mutable_at(c) = (1 - momentum) * variance(c) + momentum * v;
  }
}

}  // namespace

TEST_CASE("nn::BatchNorm: only mode update changes the running statistics") {
  Rng rng(61);
  nn::BasicBatchNorm<double> layer(3, {.momentum = 0.2});
  const Tensor64 x = rng.normal<double>({4, 5, 3}, 2, 3);
  Tensor64 mean = Tensor64::zeros({3}), variance = Tensor64::ones({3});
  Tape64 tape;
  const auto input = tape.constant(x);
  const Tensor64 updated = layer(input, BatchNormMode::update).value();
  naive_update(x, 0.2, mean, variance);
  CHECK(largest_difference(layer.running_mean, mean) < 1e-14);
  CHECK(largest_difference(layer.running_variance, variance) < 1e-13);
  const Tensor64 batch = layer(input, BatchNormMode::batch).value();
  CHECK(largest_difference(batch, updated) == 0);
  CHECK(largest_difference(layer.running_mean, mean) < 1e-14);
  const Tensor64 running = layer(input, BatchNormMode::running).value();
  CHECK(largest_difference(layer.running_variance, variance) < 1e-13);
  for (Index i = 0; i < x.size(); ++i)
    CHECK(running.data()[i] ==
          doctest::Approx((x.data()[i] - mean(i % 3)) / std::sqrt(variance(i % 3) + 1e-5)).epsilon(1e-12));
}

TEST_CASE("nn::BatchNorm: groups equal separate passes, in value and in running statistics") {
  Rng rng(62);
  const Tensor64 a = rng.normal<double>({4, 3}, 1, 2), b = rng.normal<double>({4, 3}, -1, 0.5);
  Tensor64 both = Tensor64::uninitialized({8, 3});
  std::copy_n(a.data(), a.size(), both.mutable_data());
  std::copy_n(b.data(), b.size(), both.mutable_data() + a.size());
  nn::BasicBatchNorm<double> together(3), apart(3);
  Tape64 tape;
  const Tensor64 y = together(tape.constant(both), BatchNormMode::update, 2).value();
  const Tensor64 ya = apart(tape.constant(a), BatchNormMode::update).value();
  const Tensor64 yb = apart(tape.constant(b), BatchNormMode::update).value();
  for (Index i = 0; i < a.size(); ++i) {
    CHECK(y.data()[i] == doctest::Approx(ya.data()[i]).epsilon(1e-12));
    CHECK(y.data()[a.size() + i] == doctest::Approx(yb.data()[i]).epsilon(1e-12));
  }
  CHECK(largest_difference(together.running_mean, apart.running_mean) < 1e-15);
  CHECK(largest_difference(together.running_variance, apart.running_variance) < 1e-15);
}

TEST_CASE("nn::BatchNorm: a slope makes a leaky ReLU in every mode") {
  Rng rng(63);
  nn::BasicBatchNorm<double> plain(3), active(3, {.slope = 0.2});
  const Tensor64 x = rng.normal<double>({8, 3}, 1, 2);
  for (const BatchNormMode mode : {BatchNormMode::update, BatchNormMode::batch, BatchNormMode::running}) {
    Tape64 tape;
    const auto expected = leaky_relu(plain(tape.constant(x), mode), 0.2);
    CHECK(largest_difference(active(tape.constant(x), mode).value(), expected.value()) < 1e-15);
  }
}

TEST_CASE("nn::BatchNorm: gradients reach gamma and beta") {
  nn::BasicBatchNorm<double> layer(2);
  Tape64 tape;
  const auto y = layer(tape.constant(Tensor64({2, 2}, {1, 2, 3, 6})), BatchNormMode::batch);
  const auto gradients = tape.gradient(y, {layer.gamma, layer.beta}, Tensor64({2, 2}, {0, 0, 1, 10}));
  CHECK(gradients[0](1) == doctest::Approx(10 * 2 / std::sqrt(4 + 1e-5)));
  CHECK(gradients[1](0) == 1);
  CHECK(gradients[1](1) == 10);
}

TEST_CASE("nn::BatchNorm: errors") {
  CHECK_THROWS_WITH_AS(nn::BatchNorm(0), "nn::BatchNorm: features is 0; it must be at least 1", Error);
  CHECK_THROWS_WITH_AS(nn::BatchNorm(2, {.momentum = 2}),
                       "nn::BatchNorm: momentum is 2, epsilon is 1e-05; momentum must lie in [0, 1], "
                       "epsilon must not be negative",
                       Error);
  CHECK_THROWS_WITH_AS(nn::BatchNorm(2, {.slope = std::numeric_limits<double>::infinity()}),
                       "nn::BatchNorm: slope is inf; it must be finite", Error);
  nn::BatchNorm layer(2);
  Tape tape;
  const Var x = tape.constant(Tensor::ones({2, 2}));
  CHECK_THROWS_WITH_AS(layer(x, BatchNormMode::update, 2),
                       "nn::BatchNorm: a group has 1 rows; the running variance needs at least 2", Error);
  CHECK(layer.running_mean(0) == 0);
  CHECK_NOTHROW(layer(x, BatchNormMode::batch, 2));
}
