#include <doctest/doctest.h>

#include "eigengrad/nn/conv2d.hpp"
#include "eigengrad/nn/conv_transpose2d.hpp"
#include "eigengrad/nn/linear.hpp"

using namespace eigengrad;

namespace {

double largest(const Tensor& x) {
  double value = 0;
  for (float element : x.values()) value = std::max(value, std::abs(static_cast<double>(element)));
  return value;
}

bool equal(const Tensor& a, const Tensor& b) {
  return a.shape() == b.shape() && std::equal(a.data(), a.data() + a.size(), b.data());
}

}  // namespace

TEST_CASE("nn::Linear: shapes, default initialisation and the value of the operation") {
  Rng rng(1);
  const nn::Linear layer(100, 50, rng);
  CHECK(layer.weight.shape() == Shape{100, 50});
  CHECK(layer.bias->shape() == Shape{50});
  CHECK(largest(layer.weight.value()) <= 0.1);
  CHECK(largest(layer.weight.value()) > 0.099);
  CHECK(largest(layer.bias->value()) <= 0.1);
  CHECK(largest(layer.bias->value()) > 0.08);
  Tape tape;
  const Var x = tape.constant(rng.normal({2, 3, 100}));
  CHECK(layer(x).shape() == Shape{2, 3, 50});
  CHECK(equal(layer(x).value(),
              linear(x, tape.constant(layer.weight.value()), tape.constant(layer.bias->value())).value()));
  const nn::Linear plain(100, 50, rng, {.bias = false});
  CHECK_FALSE(plain.bias.has_value());
  CHECK(equal(plain(x).value(), linear(x, tape.constant(plain.weight.value())).value()));
  CHECK_THROWS_WITH_AS(nn::Linear(0, 3, rng), "nn::Linear: in is 0, out is 3; both must be at least 1",
                       Error);
}

TEST_CASE("nn::Linear: gradients reach the parameters") {
  Rng rng(2);
  const nn::Linear layer(2, 1, rng);
  Tape tape;
  const Var y = layer(tape.constant(Tensor({1, 2}, {3, 4})));
  const auto gradients = tape.gradient(y, {layer.weight, *layer.bias});
  CHECK(gradients[0](0, 0) == 3);
  CHECK(gradients[0](1, 0) == 4);
  CHECK(gradients[1](0) == 1);
}

TEST_CASE("nn::Conv2d: shapes, default initialisation, options and errors") {
  Rng rng(3);
  const nn::Conv2d layer(16, 32, 5, rng, {.stride = 2, .padding = 2});
  CHECK(layer.weight.shape() == Shape{5, 5, 16, 32});
  CHECK(layer.bias->shape() == Shape{32});
  CHECK(largest(layer.weight.value()) <= 0.05);  // 1 / sqrt(5 * 5 * 16)
  CHECK(largest(layer.weight.value()) > 0.0499);
  Tape tape;
  const Var x = tape.constant(rng.normal({2, 7, 9, 16}));
  CHECK(layer(x).shape() == Shape{2, 4, 5, 32});
  CHECK(equal(layer(x).value(), conv2d(x, tape.constant(layer.weight.value()),
                                       tape.constant(layer.bias->value()), {.stride = 2, .padding = 2})
                                    .value()));
  const nn::Conv2d plain(16, 32, 3, rng, {.bias = false});
  CHECK_FALSE(plain.bias.has_value());
  CHECK(plain(x).shape() == Shape{2, 5, 7, 32});
  nn::Conv2d rectified(16, 32, 3, rng, {.slope = 0.2});
  CHECK(equal(rectified(x).value(), leaky_relu(conv2d(x, tape.constant(rectified.weight.value()),
                                                      tape.constant(rectified.bias->value())),
                                               0.2)
                                        .value()));
  CHECK_THROWS_WITH_AS(nn::Conv2d(1, 1, 3, rng, {.slope = -1}),
                       "nn::Conv2d: slope is -1; it must be finite and not negative", Error);
  CHECK_THROWS_WITH_AS(
      nn::Conv2d(1, 1, 3, rng, {.stride = 0}),
      "nn::Conv2d: stride is 0, padding is 0; stride must be at least 1 and padding not negative", Error);
}

TEST_CASE("nn::ConvTranspose2d: shapes, default initialisation, options and errors") {
  Rng rng(4);
  const nn::ConvTranspose2d layer(32, 16, 5, rng, {.stride = 2, .padding = 2, .output_padding = 1});
  CHECK(layer.weight.shape() == Shape{5, 5, 16, 32});
  CHECK(layer.bias->shape() == Shape{16});
  CHECK(largest(layer.weight.value()) <= 0.05);
  CHECK(largest(layer.weight.value()) > 0.0499);
  Tape tape;
  const Var x = tape.constant(rng.normal({2, 7, 9, 32}));
  CHECK(layer(x).shape() == Shape{2, 14, 18, 16});
  const nn::ConvTranspose2d plain(32, 16, 4, rng, {.stride = 2, .padding = 1, .bias = false});
  CHECK_FALSE(plain.bias.has_value());
  CHECK(plain(x).shape() == Shape{2, 14, 18, 16});
  CHECK_THROWS_WITH_AS(
      nn::ConvTranspose2d(1, 1, 3, rng, {.output_padding = 1}),
      "nn::ConvTranspose2d: stride is 1, padding is 0, output_padding is 1; stride must be at "
      "least 1, padding not negative, output_padding in [0, stride)",
      Error);
}
