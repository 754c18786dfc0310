#include "eigengrad/ops/conv_transpose2d.hpp"

#include <doctest/doctest.h>

#include <random>

#include "ops/op_test.hpp"

using namespace op_test;

namespace {

Tensor64 naive_conv_transpose2d(const Tensor64& x, const Tensor64& w, const ConvTranspose2dOptions& options,
                                const Tensor64& bias) {
  const Shape &xs = x.shape(), &ws = w.shape();
  const auto [stride, padding, output_padding] = options;
  const Index height = (xs[1] - 1) * stride - 2 * padding + ws[0] + output_padding;
  const Index width = (xs[2] - 1) * stride - 2 * padding + ws[1] + output_padding;
  Tensor64 y = Tensor64::zeros({xs[0], height, width, ws[2]});
  y.mutable_matrix().rowwise() += bias.matrix().row(0);
  for (Index n = 0; n < xs[0]; ++n)
    for (Index p = 0; p < xs[1]; ++p)
      for (Index q = 0; q < xs[2]; ++q)
        for (Index kh = 0; kh < ws[0]; ++kh)
          for (Index kw = 0; kw < ws[1]; ++kw) {
            const Index h = p * stride + kh - padding, v = q * stride + kw - padding;
            if (h < 0 || h >= height || v < 0 || v >= width) continue;
            for (Index co = 0; co < ws[2]; ++co)
              for (Index ci = 0; ci < ws[3]; ++ci)
                y.mutable_at(n, h, v, co) += x(n, p, q, ci) * w(kh, kw, co, ci);
          }
  return y;
}

}  // namespace

TEST_CASE("conv_transpose2d: values and both orders of gradients over random shapes and options") {
  std::mt19937 generator(31);
  Rng rng(31);
  const auto pick = [&](Index low, Index high) {
    return std::uniform_int_distribution<Index>(low, high)(generator);
  };
  for (int trial = 0; trial < 25; ++trial) {
    const Index stride = pick(1, 3), kh = pick(2, 4), kw = pick(2, 4);
    const ConvTranspose2dOptions options{stride, pick(0, std::min(kh, kw) / 2), pick(0, stride - 1)};
    const Shape x_shape{pick(1, 2), pick(2, 4), pick(2, 4), pick(1, 3)};
    const Shape w_shape{kh, kw, pick(1, 4), x_shape[3]};
    if ((x_shape[1] - 1) * stride + kh - 2 * options.padding < 1) continue;
    if ((x_shape[2] - 1) * stride + kw - 2 * options.padding < 1) continue;
    CAPTURE(to_string(x_shape));
    CAPTURE(to_string(w_shape));
    CAPTURE(stride);
    CAPTURE(options.padding);
    CAPTURE(options.output_padding);
    const Tensor64 x = random(rng, x_shape), w = random(rng, w_shape), bias = random(rng, {w_shape[2]});
    const auto plain = [options](Var64 a, Var64 b) { return conv_transpose2d(a, b, options); };
    const auto with_bias = [options](Var64 a, Var64 b, Var64 c) {
      return conv_transpose2d(a, b, c, options);
    };
    Tape64 tape;
    const Var64 xv = tape.constant(x), wv = tape.constant(w);
    CHECK(largest_difference(with_bias(xv, wv, tape.constant(bias)).value(),
                             naive_conv_transpose2d(x, w, options, bias)) < 1e-13);
    CHECK(largest_difference(plain(xv, wv).value(),
                             naive_conv_transpose2d(x, w, options, Tensor64::zeros({w_shape[2]}))) < 1e-13);
    CHECK(gradcheck(plain, x, w));
    CHECK(gradcheck(with_bias, x, w, bias));
    CHECK(gradcheck_second_order(plain, x, w));
    if (trial < 5) CHECK(gradcheck_second_order(with_bias, x, w, bias));
  }
}

TEST_CASE("conv_transpose2d: errors name shapes, options and rule") {
  Tape64 tape;
  const auto zeros = [&](const Shape& shape) { return tape.constant(Tensor64::zeros(shape)); };
  CHECK_THROWS_WITH_AS(
      conv_transpose2d(zeros({1, 2, 2, 3}), zeros({4, 4, 3, 5})),
      "conv_transpose2d: x is [1, 2, 2, 3], w is [4, 4, 3, 5]; x must be [N, H, W, Cin] and w "
      "[Kh, Kw, Cout, Cin] with the same Cin",
      Error);
  CHECK_THROWS_WITH_AS(
      conv_transpose2d(zeros({1, 2, 2, 3}), zeros({4, 4, 5, 3}), {.stride = 2, .output_padding = 2}),
      "conv_transpose2d: stride is 2, padding is 0, output_padding is 2; stride must be at least 1, padding "
      "not "
      "negative, output_padding in [0, stride)",
      Error);
  CHECK_THROWS_WITH_AS(conv_transpose2d(zeros({1, 1, 1, 3}), zeros({2, 2, 5, 3}), {.padding = 1}),
                       "conv_transpose2d: x is [1, 1, 1, 3], w is [2, 2, 5, 3], padding is 1; the result "
                       "would be empty along axis 1",
                       Error);
  CHECK_THROWS_WITH_AS(conv_transpose2d(zeros({1, 2, 2, 3}), zeros({4, 4, 5, 3}), zeros({3})),
                       "conv_transpose2d: bias is [3], w is [4, 4, 5, 3]; bias must be [5]", Error);
}
