#include <doctest/doctest.h>

#include <random>

#include "eigengrad/kernels/layout.hpp"
#include "kernels/convolution_loops.hpp"

using namespace eigengrad;
using namespace kernel_test;

namespace {

/// Channels that fill half of a tile, with some instruction set: pixels are taken in pairs.
constexpr Index half_tiles[] = {4, 6, 8, 12, 16};

struct PairCase {
  Index images, height, width, channels, kernel_height, kernel_width;
  Conv2dOptions options;
};
/// Pairs with and without a last pixel, taps on the padding, strides, bands of one image, several groups of
/// images, and images of one pixel.
const PairCase pair_cases[] = {
    {1, 24, 20, 16, 3, 3, {.stride = 1, .padding = 1}},  {3, 8, 7, 9, 3, 3, {.stride = 1, .padding = 0}},
    {24, 5, 6, 12, 3, 5, {.stride = 1, .padding = 2}},   {7, 9, 11, 20, 4, 4, {.stride = 2, .padding = 1}},
    {2, 6, 9, 15, 2, 2, {.stride = 1, .padding = 1}},    {5, 7, 8, 6, 5, 5, {.stride = 2, .padding = 4}},
    {13, 12, 13, 18, 1, 7, {.stride = 3, .padding = 3}}, {4, 3, 1, 17, 3, 3, {.stride = 1, .padding = 1}},
    {9, 4, 2, 25, 3, 3, {.stride = 1, .padding = 1}},    {37, 4, 5, 16, 3, 3, {.stride = 2, .padding = 1}},
};

}  // namespace

TEST_CASE("pixels are taken in pairs where that pays") {
  const Index half = kernels::detail::product_kernels<float>().column_step;
  const auto takes_pairs = [](const Shape& x, const Shape& w, Conv2dOptions options, bool gradient) {
    const kernels::detail::ConvolutionGeometry g("conv2d", "x", x, w, options);
    return kernels::detail::Gather<float>(g, gradient, false).takes_pairs();
  };
  const Conv2dOptions same{.stride = 1, .padding = 1}, halved{.stride = 2, .padding = 1};
  CHECK(takes_pairs({4, 9, 9, 16}, {3, 3, 16, half}, same, false));
  CHECK(takes_pairs({4, 9, 9, half}, {3, 3, half, 40}, halved, true));
  CHECK_FALSE(takes_pairs({4, 9, 9, 40}, {3, 3, 40, half}, halved, false));  // one tap of three
  CHECK_FALSE(takes_pairs({4, 9, 9, 3}, {3, 3, 3, half}, same, false));      // short sums
  CHECK_FALSE(takes_pairs({4, 9, 9, 16}, {3, 3, 16, half + 1}, same, false));
}

TEST_CASE_TEMPLATE("convolutions of pixels in pairs agree with plain loops", T, float, double) {
  const Poison poison;
  std::mt19937 generator(8);
  for (const PairCase& c : pair_cases)
    for (const Index half : half_tiles) {
      const Shape x{c.images, c.height, c.width, c.channels}, y{c.images, c.height, c.width, half};
      check_convolution<T>(x, {c.kernel_height, c.kernel_width, c.channels, half}, c.options, generator);
      check_convolution<T>(y, {c.kernel_height, c.kernel_width, half, c.channels}, c.options, generator);
    }
}

TEST_CASE_TEMPLATE("pixels in pairs have the bits that each has by itself", T, float, double) {
  const Poison poison;
  std::mt19937 generator(9);
  for (const PairCase& c : pair_cases)
    for (const Index half : half_tiles) {
      CAPTURE(half);
      CAPTURE(c.width);
      CAPTURE(c.options.stride);
      // Of three times as many channels none fills half of a tile.
      const Index wide = 3 * half, kernel[] = {c.kernel_height, c.kernel_width};
      const BasicTensor<T> x = random<T>(generator, {c.images, c.height, c.width, c.channels});
      const BasicTensor<T> w = random<T>(generator, {kernel[0], kernel[1], c.channels, wide});
      const BasicTensor<T> bias = random<T>(generator, {wide}), first = kernels::slice(bias, 0, 0, half);
      const BasicTensor<T> y = kernels::conv2d(x, w, c.options, &bias, 0.25);
      CHECK(same_bits(kernels::conv2d(x, kernels::slice(w, 3, 0, half), c.options, &first, 0.25),
                      kernels::slice(y, 3, 0, half)));

      const Shape images{c.images, c.height, c.width, wide}, narrow{c.images, c.height, c.width, half};
      const BasicTensor<T> v = random<T>(generator, {kernel[0], kernel[1], wide, c.channels});
      const BasicTensor<T> dy = random<T>(generator, {c.images, y.shape()[1], y.shape()[2], c.channels});
      const BasicTensor<T> dx = kernels::conv2d_input_gradient(dy, v, images, c.options, &bias);
      CHECK(same_bits(
          kernels::conv2d_input_gradient(dy, kernels::slice(v, 2, 0, half), narrow, c.options, &first),
          kernels::slice(dx, 3, 0, half)));
    }
}
