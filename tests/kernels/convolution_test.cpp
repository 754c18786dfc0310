#include "eigengrad/kernels/convolution.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <limits>
#include <random>
#include <tuple>

#include "kernels/convolution_loops.hpp"

using namespace eigengrad;
using namespace kernel_test;

TEST_CASE_TEMPLATE("conv2d and its gradients agree with plain loops over random shapes", T, float, double) {
  const Poison poison;
  std::mt19937 generator(1);
  const auto pick = [&](Index low, Index high) {
    return std::uniform_int_distribution<Index>(low, high)(generator);
  };
  for (int trial = 0; trial < 300; ++trial) {
    const Index kernel_height = pick(1, 5), kernel_width = pick(1, 5);
    const Conv2dOptions options{.stride = pick(1, 3), .padding = pick(0, 3)};
    const Index height = pick(std::max<Index>(1, kernel_height - 2 * options.padding), 9);
    const Index width = pick(std::max<Index>(1, kernel_width - 2 * options.padding), 9);
    const Index in = trial % 3 == 0 ? pick(1, 4) : pick(1, 40),
                out = trial % 4 == 0 ? pick(1, 4) : pick(1, 40);
    const Index images = trial % 5 == 0 ? pick(1, 40) : pick(1, 4);
    check_convolution<T>({images, height, width, in}, {kernel_height, kernel_width, in, out}, options,
                         generator);
  }
}

TEST_CASE_TEMPLATE("conv2d and its gradients agree with plain loops where work is cut", T, float, double) {
  const Poison poison;
  std::mt19937 generator(2);
  check_convolution<T>({1, 24, 20, 3}, {3, 3, 3, 5}, {.stride = 1, .padding = 1},
                       generator);  // bands of one image
  check_convolution<T>({2, 24, 8, 2}, {5, 4, 2, 33}, {.stride = 2, .padding = 2}, generator);
  check_convolution<T>({33, 6, 6, 1}, {4, 4, 1, 8}, {.stride = 2, .padding = 1}, generator);  // one channel
  check_convolution<T>({40, 4, 4, 24}, {4, 4, 24, 48}, {.stride = 2, .padding = 1},
                       generator);                                       // whole tiles
  check_convolution<T>({8, 3, 3, 210}, {1, 1, 210, 70}, {}, generator);  // several tasks of channels
  check_convolution<T>({9, 8, 8, 1}, {4, 4, 1, 64}, {.stride = 2, .padding = 1}, generator);  // few channels
  check_convolution<T>({5, 7, 6, 2}, {3, 2, 2, 30}, {.stride = 1, .padding = 2}, generator);
  check_convolution<T>({8, 3, 3, 70}, {1, 1, 70, 210}, {}, generator);
  check_convolution<T>({7, 5, 4, 33}, {1, 1, 33, 1}, {}, generator);  // a product with a vector
  check_convolution<T>({3, 2, 2, 5}, {1, 1, 5, 4}, {.stride = 3, .padding = 3},
                       generator);  // pixels without a tap
  check_convolution<T>({13, 9, 8, 20}, {1, 1, 20, 40}, {.stride = 2, .padding = 0}, generator);
  check_convolution<T>({9, 7, 6, 3}, {1, 1, 3, 20}, {.stride = 2, .padding = 0}, generator);
  check_convolution<T>({5, 8, 7, 30}, {1, 1, 30, 260}, {.stride = 3, .padding = 0}, generator);
  check_convolution<T>({5, 8, 9, 30}, {1, 1, 30, 130}, {.stride = 2, .padding = 0}, generator);
  check_convolution<T>({2, 1, 12, 9}, {1, 1, 9, 128}, {.stride = 5, .padding = 0}, generator);
  check_convolution<T>({3, 7, 2, 0}, {1, 1, 0, 128}, {.stride = 2, .padding = 0}, generator);
  check_convolution<T>({0, 7, 2, 4}, {1, 1, 4, 128}, {.stride = 2, .padding = 0}, generator);
  check_convolution<T>({50, 7, 7, 40}, {1, 1, 40, 20}, {}, generator);  // a long sum, transposed
  // Few output channels: groups of 24 lanes, of 16 and of what is left; and few input channels.
  check_convolution<T>({24, 5, 6, 5}, {3, 3, 5, 16}, {.stride = 1, .padding = 1}, generator);
  check_convolution<T>({2, 16, 6, 30}, {3, 3, 30, 15}, {.stride = 1, .padding = 1}, generator);
  check_convolution<T>({37, 5, 4, 8}, {3, 2, 8, 7}, {.stride = 2, .padding = 1}, generator);
  check_convolution<T>({48, 6, 6, 9}, {4, 4, 9, 40}, {.stride = 2, .padding = 1}, generator);
  // Short sums: groups of twelve images where eight would leave none over.
  check_convolution<T>({32, 6, 5, 2}, {3, 3, 2, 40}, {.stride = 1, .padding = 1}, generator);
  // Panels in one row of tiles.
  check_convolution<T>({13, 6, 6, 3}, {3, 3, 3, 64}, {.stride = 1, .padding = 1}, generator);
  // Unfolded images in the weight gradient: several blocks, more than tasks, several tiles, dy padded.
  check_convolution<T>({60, 28, 28, 1}, {4, 4, 1, 64}, {.stride = 2, .padding = 1}, generator);
  check_convolution<T>({7, 50, 61, 3}, {3, 3, 3, 40}, {.stride = 1, .padding = 1}, generator);
  check_convolution<T>({4, 40, 700, 1}, {5, 2, 1, 33}, {.stride = 1, .padding = 0}, generator);
  check_convolution<T>({3, 11, 9, 1}, {7, 3, 1, 70}, {.stride = 3, .padding = 2}, generator);
  check_convolution<T>({1, 3, 4, 1}, {3, 1, 1, 33}, {.stride = 1, .padding = 0}, generator);
  check_convolution<T>({1, 66, 140, 1}, {2, 2, 1, 64}, {.stride = 1, .padding = 0},
                       generator);  // an idle task
  // Several blocks of the weight gradient, of pixels and of lines.
  check_convolution<T>({200, 4, 4, 70}, {2, 2, 70, 70}, {.stride = 1, .padding = 0}, generator);
  check_convolution<T>({6, 24, 24, 40}, {3, 3, 40, 40}, {.stride = 1, .padding = 1}, generator);
}

TEST_CASE_TEMPLATE("conv2d with a slope is conv2d and a leaky ReLU", T, float, double) {
  std::mt19937 generator(5);
  const Conv2dOptions options{.stride = 2, .padding = 1};
  for (const Index images : {2, 3, 24})
    for (const Index out : {1, 3, 17, 64})
      for (const Index in : {1, 30}) {
        const BasicTensor<T> x = random<T>(generator, {images, 8, 8, in});
        const BasicTensor<T> w = random<T>(generator, {4, 4, in, out});
        const BasicTensor<T> bias = random<T>(generator, {out});
        const BasicTensor<T> z = kernels::conv2d(x, w, options, &bias);
        CHECK(same_bits(kernels::conv2d(x, w, options, &bias, 0.25),
                        kernels::unary(kernels::op::LeakyRelu{0.25}, z)));
      }
  const BasicTensor<T> x = random<T>(generator, {3, 5, 5, 9}), w = random<T>(generator, {1, 1, 9, 7});
  const BasicTensor<T>* const no_bias = nullptr;
  const BasicTensor<T> wide = random<T>(generator, {1, 1, 9, 130}), dy = random<T>(generator, {3, 3, 3, 130});
  CHECK(independent_of_threads([&] { return kernels::conv2d(x, wide, {.stride = 2}); }));
  CHECK(independent_of_threads(
      [&] { return kernels::conv2d_input_gradient(dy, wide, x.shape(), {.stride = 2}); }));
  CHECK(same_bits(kernels::conv2d(x, wide, {.stride = 2}, no_bias, 0.25),
                  kernels::unary(kernels::op::LeakyRelu{0.25}, kernels::conv2d(x, wide, {.stride = 2}))));
  const T nan = std::numeric_limits<T>::quiet_NaN();
  const BasicTensor<T> y = kernels::conv2d(BasicTensor<T>::full({1, 4, 4, 1}, nan),
                                           BasicTensor<T>::ones({2, 2, 1, 40}), options, no_bias, 0.25);
  CHECK(std::isnan(y(0, 1, 1, 0)));
  CHECK(std::isnan(y(0, 1, 1, 39)));
  CHECK(same_bits(kernels::conv2d(x, w, {}, no_bias, 0.0),
                  kernels::unary(kernels::op::LeakyRelu{0}, kernels::conv2d(x, w))));
}

TEST_CASE_TEMPLATE("convolution: the three kernels are adjoint", T, float, double) {
  std::mt19937 generator(3);
  const Conv2dOptions options{.stride = 2, .padding = 1};
  for (const Index extent : {13, 14}) {  // the last row and column of 14 meet no tap of one kernel row less
    const BasicTensor<T> x = random<T>(generator, {16, extent, extent, 8});
    const BasicTensor<T> w = random<T>(generator, {3, 3, 8, 16});
    const BasicTensor<T> y = kernels::conv2d(x, w, options), dy = random<T>(generator, y.shape());
    const double form = dot(y, dy);
    const double scale = std::sqrt(dot(y, y) * dot(dy, dy));
    const double bound = 10 * std::numeric_limits<T>::epsilon() * scale;
    CHECK(std::abs(dot(x, kernels::conv2d_input_gradient(dy, w, x.shape(), options)) - form) < bound);
    CHECK(std::abs(dot(w, kernels::conv2d_weight_gradient(x, dy, w.shape(), options)) - form) < bound);
  }
}

TEST_CASE_TEMPLATE("convolution: empty extents", T, float, double) {
  const Poison poison;
  const auto zeros = [](const Shape& shape) { return BasicTensor<T>::zeros(shape); };
  const BasicTensor<T> bias({2}, {3, 4});
  CHECK(same_bits(kernels::conv2d(zeros({2, 3, 3, 0}), zeros({2, 2, 0, 4})), zeros({2, 2, 2, 4})));
  CHECK(same_bits(kernels::conv2d(zeros({1, 2, 1, 0}), zeros({1, 1, 0, 2}), {}, &bias),
                  BasicTensor<T>({1, 2, 1, 2}, {3, 4, 3, 4})));
  CHECK(kernels::conv2d(zeros({0, 3, 3, 2}), zeros({2, 2, 2, 4})).shape() == Shape{0, 2, 2, 4});
  CHECK(kernels::conv2d(zeros({2, 3, 3, 2}), zeros({2, 2, 2, 0})).shape() == Shape{2, 2, 2, 0});
  CHECK(same_bits(kernels::conv2d_input_gradient(zeros({2, 2, 2, 0}), zeros({2, 2, 3, 0}), {2, 3, 3, 3}),
                  zeros({2, 3, 3, 3})));
  CHECK(same_bits(kernels::conv2d_weight_gradient(zeros({0, 3, 3, 2}), zeros({0, 2, 2, 4}), {2, 2, 2, 4}),
                  zeros({2, 2, 2, 4})));
  CHECK(same_bits(kernels::conv2d_weight_gradient(zeros({0, 4, 4, 2}), zeros({0, 2, 2, 260}), {1, 1, 2, 260},
                                                  {.stride = 2, .padding = 0}),
                  zeros({1, 1, 2, 260})));
  CHECK(same_bits(kernels::conv2d_weight_gradient(zeros({0, 4, 4, 1}), zeros({0, 3, 3, 64}), {2, 2, 1, 64}),
                  zeros({2, 2, 1, 64})));
  CHECK(kernels::conv2d_weight_gradient(zeros({1, 3, 3, 0}), zeros({1, 2, 2, 4}), {2, 2, 0, 4}).size() == 0);
  // Images of nothing, but padding; enough of them that outputs share products.
  const Conv2dOptions padded{.stride = 1, .padding = 2};
  for (const Shape& x : {Shape{64, 8, 0, 48}, Shape{64, 0, 8, 48}, Shape{64, 0, 0, 48}}) {
    const BasicTensor<T> w = BasicTensor<T>::ones({3, 3, 48, 48}), y = kernels::conv2d(zeros(x), w, padded);
    CHECK(same_bits(y, zeros({64, x[1] + 2, x[2] + 2, 48})));
    CHECK(kernels::conv2d_input_gradient(y, w, x, padded).shape() == x);
    CHECK(same_bits(kernels::conv2d_weight_gradient(zeros(x), y, w.shape(), padded), zeros(w.shape())));
  }
}

TEST_CASE_TEMPLATE("convolution: strides and padding far beyond the image", T, float, double) {
  std::mt19937 generator(9);
  constexpr Index far = 1'000'000'000;
  check_convolution<T>({1, 4, 4, 2}, {3, 3, 2, 3}, {.stride = far, .padding = far}, generator);
  check_convolution<T>({1, 4, 4, 2}, {2, 2, 2, 40}, {.stride = far * far, .padding = 0}, generator);
  check_convolution<T>({1, 4, 4, 40}, {2, 2, 40, 3}, {.stride = far, .padding = 0}, generator);
  check_convolution<T>({600, 4, 4, 48}, {3, 3, 48, 48}, {.stride = far, .padding = 1}, generator);
  const Index most = (Index{1} << 31) - 1;
  check_convolution<T>({4, 2, 2, 16}, {1, 1, 16, 16}, {.stride = 2 * most + 2, .padding = most}, generator);
}

TEST_CASE_TEMPLATE("the weight gradient by unfolding reads nothing outside of its operands", T, float,
                   double) {
  std::mt19937 generator(6);
  for (const auto& [x_shape, w_shape, options] :
       {std::tuple<Shape, Shape, Conv2dOptions>{{3, 9, 8, 1}, {4, 4, 1, 64}, {.stride = 2, .padding = 1}},
        {{2, 7, 9, 3}, {3, 3, 3, 33}, {.stride = 1, .padding = 0}},
        {{1, 5, 5, 1}, {3, 1, 1, 40}, {.stride = 1, .padding = 0}}}) {
    const BasicTensor<T> x = random<T>(generator, x_shape), w = random<T>(generator, w_shape);
    const BasicTensor<T> dy = random<T>(generator, kernels::conv2d(x, w, options).shape());
    const kernels::detail::ConvolutionGeometry g("conv2d", "x", x_shape, w_shape, options);
    const GuardedCopy<T> guarded_x(x), guarded_dy(dy);
    BasicTensor<T> dw = BasicTensor<T>::uninitialized(w_shape);
    kernels::detail::UnfoldedWeightGradient<T>(g).run(guarded_x.data(), guarded_dy.data(), dw.mutable_data());
    Sums sums(w_shape);
    for_each_product(x_shape, w_shape, dy.shape(), options, [&](Index i, Index j, Index k) {
      sums.add(j, static_cast<double>(x.data()[i]) * static_cast<double>(dy.data()[k]));
    });
    CHECK(wrong_sums(dw, sums.value, sums.magnitude, dy.rows()) == 0);
  }
}

TEST_CASE_TEMPLATE("the weight gradient by unfolding has the bits of the one by kernel rows", T, float,
                   double) {
  std::mt19937 generator(7);
  for (const auto& [x_shape, w_shape, options] :
       {std::tuple<Shape, Shape, Conv2dOptions>{{40, 28, 28, 1}, {4, 4, 1, 64}, {.stride = 2, .padding = 1}},
        {{400, 28, 28, 1}, {4, 4, 1, 64}, {.stride = 2, .padding = 1}},
        {{30, 40, 40, 3}, {3, 3, 3, 48}, {.stride = 1, .padding = 1}}}) {
    const BasicTensor<T> x = random<T>(generator, x_shape), w = random<T>(generator, w_shape);
    const BasicTensor<T> dy = random<T>(generator, kernels::conv2d(x, w, options).shape());
    const kernels::detail::ConvolutionGeometry g("conv2d", "x", x_shape, w_shape, options);
    BasicTensor<T> unfolded = BasicTensor<T>::uninitialized(w_shape), by_row = unfolded.clone();
    kernels::detail::UnfoldedWeightGradient<T>(g).run(x.data(), dy.data(), unfolded.mutable_data());
    kernels::detail::WeightGradient<T>(g).run(x.data(), dy.data(), by_row.mutable_data());
    CHECK(same_bits(unfolded, by_row));
  }
}

TEST_CASE_TEMPLATE("convolutions give the same bits for any number of threads", T, float, double) {
  const Poison poison;
  std::mt19937 generator(4);
  const int threads = thread_count();
  struct Case {
    Shape x, w;
    Conv2dOptions options;
  };
  for (const Case& c : {Case{{29, 10, 10, 16}, {4, 4, 16, 24}, {.stride = 2, .padding = 1}},
                        Case{{40, 12, 12, 1}, {4, 4, 1, 33}, {.stride = 2, .padding = 1}},
                        Case{{1, 32, 32, 8}, {3, 3, 8, 16}, {.stride = 1, .padding = 1}},
                        Case{{20, 14, 14, 64}, {4, 4, 64, 40}, {.stride = 2, .padding = 1}},
                        Case{{3, 14, 80, 48}, {3, 3, 48, 48}, {.stride = 1, .padding = 1}},
                        Case{{100, 8, 8, 32}, {4, 4, 32, 96}, {.stride = 1, .padding = 1}}}) {
    const BasicTensor<T> x = random<T>(generator, c.x), w = random<T>(generator, c.w);
    set_thread_count(1);
    const BasicTensor<T> y = kernels::conv2d(x, w, c.options), dy = random<T>(generator, y.shape());
    const BasicTensor<T> dx = kernels::conv2d_input_gradient(dy, w, c.x, c.options);
    const BasicTensor<T> dw = kernels::conv2d_weight_gradient(x, dy, c.w, c.options);
    for (int count : {2, 3, 8}) {
      set_thread_count(count);
      CHECK(same_bits(kernels::conv2d(x, w, c.options), y));
      CHECK(same_bits(kernels::conv2d_input_gradient(dy, w, c.x, c.options), dx));
      CHECK(same_bits(kernels::conv2d_weight_gradient(x, dy, c.w, c.options), dw));
    }
  }
  set_thread_count(threads);
}

TEST_CASE("convolution: error texts") {
  const Tensor x = Tensor::zeros({2, 5, 5, 3}), w = Tensor::zeros({3, 3, 3, 4}), bias = Tensor::zeros({5});
  CHECK_THROWS_WITH_AS(
      kernels::conv2d(Tensor::zeros({5, 5, 3}), w),
      "conv2d: x is [5, 5, 3], w is [3, 3, 3, 4]; they must be [N, H, W, Cin] and [Kh, Kw, Cin, Cout]",
      Error);
  CHECK_THROWS_WITH_AS(
      kernels::conv2d(x, Tensor::zeros({3, 3, 2, 4})),
      "conv2d: x is [2, 5, 5, 3], w is [3, 3, 2, 4]; channels of x (3) must equal Cin of w (2)", Error);
  CHECK_THROWS_WITH_AS(
      kernels::conv2d(x, w, {.stride = 0}),
      "conv2d: stride is 0, padding is 0; stride must be at least 1 and padding not negative", Error);
  CHECK_THROWS_WITH_AS(
      kernels::conv2d(x, w, {.padding = -1}),
      "conv2d: stride is 1, padding is -1; stride must be at least 1 and padding not negative", Error);
  CHECK_THROWS_WITH_AS(
      kernels::conv2d(x, Tensor::zeros({6, 3, 3, 4})),
      "conv2d: x is [2, 5, 5, 3], w is [6, 3, 3, 4], padding is 0; the kernel must not be empty nor "
      "larger than the padded image",
      Error);
  CHECK_THROWS_WITH_AS(kernels::conv2d(x, w, {}, &bias), "conv2d: bias is [5]; it must be [4]", Error);
  CHECK_THROWS_WITH_AS(
      kernels::conv2d_input_gradient(Tensor::zeros({2, 4, 3, 4}), w, x.shape()),
      "conv2d_input_gradient: dy is [2, 4, 3, 4]; images [2, 5, 5, 3], kernel [3, 3, 3, 4], stride 1 "
      "and padding 0 make it [2, 3, 3, 4]",
      Error);
  CHECK_THROWS_WITH_AS(kernels::conv2d_input_gradient(x, w, {2, 5, 5}),
                       doctest::Contains("input_shape is [2, 5, 5]"), Error);
  CHECK_THROWS_WITH_AS(kernels::conv2d_weight_gradient(x, x, w.shape(), {.padding = 1}),
                       doctest::Contains("conv2d_weight_gradient: dy is [2, 5, 5, 3]; images"), Error);
}
