#include "eigengrad/ops/conv2d.hpp"

#include <doctest/doctest.h>

#include <random>

#include "ops/op_test.hpp"

using namespace op_test;

namespace {

Tensor64 naive_conv2d(const Tensor64& x, const Tensor64& w, Index stride, Index padding,
                      const Tensor64& bias) {
  const Shape &xs = x.shape(), &ws = w.shape();
  const Index p_size = (xs[1] + 2 * padding - ws[0]) / stride + 1;
  const Index q_size = (xs[2] + 2 * padding - ws[1]) / stride + 1;
  Tensor64 y = Tensor64::zeros({xs[0], p_size, q_size, ws[3]});
  for (Index n = 0; n < xs[0]; ++n)
    for (Index p = 0; p < p_size; ++p)
      for (Index q = 0; q < q_size; ++q)
        for (Index co = 0; co < ws[3]; ++co) {
          double sum = bias(co);
          for (Index kh = 0; kh < ws[0]; ++kh)
            for (Index kw = 0; kw < ws[1]; ++kw) {
              const Index h = p * stride + kh - padding, v = q * stride + kw - padding;
              if (h < 0 || h >= xs[1] || v < 0 || v >= xs[2]) continue;
              for (Index ci = 0; ci < ws[2]; ++ci) sum += x(n, h, v, ci) * w(kh, kw, ci, co);
            }
          y.mutable_at(n, p, q, co) = sum;
        }
  return y;
}

struct ConvolutionCase {
  Shape x, w;
  Conv2dOptions options;
};

/// Random small convolutions whose kernel fits the padded image.
ConvolutionCase random_case(std::mt19937& generator) {
  const auto pick = [&](Index low, Index high) {
    return std::uniform_int_distribution<Index>(low, high)(generator);
  };
  ConvolutionCase c;
  c.options = {.stride = pick(1, 3), .padding = pick(0, 2)};
  const Index kh = pick(1, 4), kw = pick(1, 4), cin = pick(1, 3), cout = pick(1, 4);
  const Index h_least = std::max<Index>(1, kh - 2 * c.options.padding);
  const Index w_least = std::max<Index>(1, kw - 2 * c.options.padding);
  c.x = {pick(1, 3), pick(h_least, h_least + 4), pick(w_least, w_least + 4), cin};
  c.w = {kh, kw, cin, cout};
  return c;
}

/// body(trial, case, x, w, bias) for random cases and values.
template <class Body>
void for_each_case(unsigned seed, int trials, Body body) {
  std::mt19937 generator(seed);
  Rng rng(seed);
  for (int trial = 0; trial < trials; ++trial) {
    const ConvolutionCase c = random_case(generator);
    CAPTURE(to_string(c.x));
    CAPTURE(to_string(c.w));
    CAPTURE(c.options.stride);
    CAPTURE(c.options.padding);
    const Tensor64 x = random(rng, c.x), w = random(rng, c.w), bias = random(rng, {c.w[3]});
    body(trial, c, x, w, bias);
  }
}

}  // namespace

TEST_CASE("conv2d: values and both orders of gradients over random shapes, strides and paddings") {
  for_each_case(
      21, 25,
      [](int trial, const ConvolutionCase& c, const Tensor64& x, const Tensor64& w, const Tensor64& bias) {
        const Conv2dOptions options = c.options;
        const auto plain = [options](Var64 a, Var64 b) { return conv2d(a, b, options); };
        const auto with_bias = [options](Var64 a, Var64 b, Var64 d) { return conv2d(a, b, d, options); };
        Tape64 tape;
        const Var64 xv = tape.constant(x), wv = tape.constant(w);
        CHECK(largest_difference(with_bias(xv, wv, tape.constant(bias)).value(),
                                 naive_conv2d(x, w, options.stride, options.padding, bias)) < 1e-13);
        CHECK(largest_difference(plain(xv, wv).value(), naive_conv2d(x, w, options.stride, options.padding,
                                                                     Tensor64::zeros({c.w[3]}))) < 1e-13);
        CHECK(gradcheck(plain, x, w));
        CHECK(gradcheck(with_bias, x, w, bias));
        CHECK(gradcheck_second_order(plain, x, w));
        if (trial < 5) CHECK(gradcheck_second_order(with_bias, x, w, bias));
      });
}

TEST_CASE("conv2d: a slope is a leaky ReLU of the result") {
  for_each_case(
      24, 12,
      [](int trial, const ConvolutionCase& c, const Tensor64& x, const Tensor64& w, const Tensor64& bias) {
        const Conv2dOptions options = c.options;
        const double slope = trial % 3 == 0 ? 0 : 0.1 * trial;
        Tape64 tape;
        const Var64 xv = tape.variable(x), wv = tape.variable(w), bv = tape.variable(bias);
        const Var64 y = conv2d(xv, wv, bv, options, slope);
        const Var64 apart = leaky_relu(conv2d(xv, wv, bv, options), slope);
        CHECK(largest_difference(y.value(), apart.value()) == 0);
        CHECK(largest_difference(conv2d(xv, wv, options, slope).value(),
                                 leaky_relu(conv2d(xv, wv, options), slope).value()) == 0);
        const Tensor64 dy = Rng(25).uniform<double>(y.shape(), -1, 1);
        const auto of_y = tape.gradient(y, {xv, wv, bv}, dy),
                   of_apart = tape.gradient(apart, {xv, wv, bv}, dy);
        for (std::size_t i = 0; i < of_y.size(); ++i) CHECK(largest_difference(of_y[i], of_apart[i]) == 0);
        const auto f = [=](Var64 a, Var64 b, Var64 d) { return conv2d(a, b, d, options, slope); };
        CHECK(gradcheck(f, x, w, bias));
        if (trial < 4) CHECK(gradcheck_second_order(f, x, w, bias));
      });
}

TEST_CASE("conv2d: the two gradient operations are differentiable themselves") {
  std::mt19937 generator(22);
  Rng rng(22);
  for (int trial = 0; trial < 8; ++trial) {
    const ConvolutionCase c = random_case(generator);
    const Conv2dOptions options = c.options;
    const Tensor64 x = random(rng, c.x), w = random(rng, c.w);
    const Shape y_shape =
        naive_conv2d(x, w, options.stride, options.padding, Tensor64::zeros({c.w[3]})).shape();
    const Tensor64 dy = random(rng, y_shape);
    const auto input_gradient = [&c](Var64 a, Var64 b) {
      return conv2d_input_gradient(a, b, c.x, c.options);
    };
    const auto weight_gradient = [&c](Var64 a, Var64 b) {
      return conv2d_weight_gradient(a, b, c.w, c.options);
    };
    CHECK(gradcheck(input_gradient, dy, w));
    CHECK(gradcheck(weight_gradient, x, dy));
    CHECK(gradcheck_second_order(input_gradient, dy, w));
    CHECK(gradcheck_second_order(weight_gradient, x, dy));
  }
}

TEST_CASE("conv2d: the three functions are one trilinear form") {
  std::mt19937 generator(23);
  Rng rng(23);
  for (int trial = 0; trial < 20; ++trial) {
    const ConvolutionCase c = random_case(generator);
    Tape64 tape;
    const Var64 x = tape.constant(random(rng, c.x)), w = tape.constant(random(rng, c.w));
    const Var64 y = conv2d(x, w, c.options), dy = tape.constant(random(rng, y.shape()));
    const auto dot = [](Var64 a, Var64 b) { return sum_to(a * b, {}).item(); };
    const double form = dot(dy, y);
    CHECK(dot(x, conv2d_input_gradient(dy, w, c.x, c.options)) == doctest::Approx(form).epsilon(1e-12));
    CHECK(dot(w, conv2d_weight_gradient(x, dy, c.w, c.options)) == doctest::Approx(form).epsilon(1e-12));
  }
}

TEST_CASE("conv2d with a slope: an adjoint that is wanted itself is not written over") {
  Rng rng(24);
  Tape64 tape;
  const Var64 x = tape.variable(random(rng, {2, 5, 5, 3})), w = tape.variable(random(rng, {3, 3, 3, 4}));
  const Var64 y = conv2d(x, w, {}, 0.1);
  const Tensor64 weights = random(rng, y.shape());
  const auto gradients = tape.gradient(sum_to(y * tape.constant(weights), {}), {y, w});
  CHECK((gradients[0].array() == weights.array()).all());
  const Tensor64 given = weights.clone();
  const auto of_given = tape.gradient(y, {w}, given);
  CHECK((given.array() == weights.array()).all());
  CHECK((of_given[0].array() == gradients[1].array()).all());
}

TEST_CASE("conv2d: errors name operation, shapes and rule") {
  Tape64 tape;
  const auto zeros = [&](const Shape& shape) { return tape.variable(Tensor64::zeros(shape)); };
  CHECK_THROWS_WITH_AS(conv2d(zeros({1, 5, 5, 3}), zeros({3, 3, 3, 2}), {}, -0.1),
                       "conv2d: slope is -0.1; it must be finite and not negative", Error);
  CHECK_THROWS_AS(conv2d(zeros({1, 5, 5, 3}), zeros({3, 3, 3, 2}), {}, std::nan("")), Error);
  CHECK_THROWS_WITH_AS(conv2d(zeros({1, 5, 5, 3}), zeros({3, 3, 4, 2})),
                       doctest::Contains("conv2d: x is [1, 5, 5, 3], w is [3, 3, 4, 2]"), Error);
  CHECK_THROWS_WITH_AS(conv2d(zeros({1, 5, 5, 3}), zeros({3, 3, 3, 2}), zeros({3})),
                       doctest::Contains("conv2d: bias is [3]"), Error);
  CHECK_THROWS_WITH_AS(conv2d(zeros({1, 5, 5, 3}), zeros({3, 3, 3, 2}), {.stride = 0}),
                       doctest::Contains("conv2d: stride is 0, padding is 0"), Error);
  CHECK_THROWS_WITH_AS(conv2d(zeros({1, 2, 2, 3}), zeros({3, 3, 3, 2})),
                       doctest::Contains("the kernel must not be empty nor larger than the padded image"),
                       Error);
}
