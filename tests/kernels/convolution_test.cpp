#include "eigengrad/kernels/convolution.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <cstring>
#include <limits>
#include <random>
#include <vector>

#include "kernels/kernel_test.hpp"

using namespace eigengrad;
using namespace kernel_test;

namespace {

/// Calls body(i of x, i of w, i of y) for every product of the convolution, by plain loops.
template <class Body>
void for_each_product(const Shape& x, const Shape& w, const Shape& y, Conv2dOptions options, Body body) {
  for (Index n = 0; n < x[0]; ++n)
    for (Index p = 0; p < y[1]; ++p)
      for (Index q = 0; q < y[2]; ++q)
        for (Index a = 0; a < w[0]; ++a)
          for (Index b = 0; b < w[1]; ++b) {
            const Index h = p * options.stride + a - options.padding,
                        v = q * options.stride + b - options.padding;
            if (h < 0 || h >= x[1] || v < 0 || v >= x[2]) continue;
            for (Index c = 0; c < x[3]; ++c)
              for (Index o = 0; o < w[3]; ++o)
                body(((n * x[1] + h) * x[2] + v) * x[3] + c, ((a * w[1] + b) * w[2] + c) * w[3] + o,
                     ((n * y[1] + p) * y[2] + q) * y[3] + o);
          }
}

/// Number of elements further from the sums than rounding explains. `magnitude` is the sum of absolute terms.
template <class T>
Index wrong_elements(const BasicTensor<T>& result, const BasicTensor<double>& sums,
                     const BasicTensor<double>& magnitudes, Index terms) {
  if (result.shape() != sums.shape()) return -1;
  const double bound = std::numeric_limits<T>::epsilon() * (4 + std::sqrt(static_cast<double>(terms)));
  Index wrong = 0;
  for (Index i = 0; i < result.size(); ++i) {
    const double error = std::abs(static_cast<double>(result.data()[i]) - sums.data()[i]);
    if (!(error <= bound * magnitudes.data()[i])) ++wrong;
  }
  return wrong;
}

struct Sums {
  BasicTensor<double> value, magnitude;
  explicit Sums(const Shape& shape)
      : value(BasicTensor<double>::zeros(shape)), magnitude(BasicTensor<double>::zeros(shape)) {}
  void add(Index i, double term) { add(i, term, std::abs(term)); }
  void add(Index i, double term, double size) {
    value.mutable_data()[i] += term;
    magnitude.mutable_data()[i] += size;
  }
  template <class T>
  void add_bias(const BasicTensor<T>& bias) {
    for (Index i = 0; i < value.size(); ++i) add(i, static_cast<double>(bias.data()[i % bias.size()]));
  }
};

/// All three kernels, with and without bias, against plain loops.
template <class T>
void check_convolution(const Shape& x_shape, const Shape& w_shape, Conv2dOptions options,
                       std::mt19937& generator) {
  CAPTURE(to_string(x_shape));
  CAPTURE(to_string(w_shape));
  CAPTURE(options.stride);
  CAPTURE(options.padding);
  const BasicTensor<T> x = random<T>(generator, x_shape), w = random<T>(generator, w_shape);
  const BasicTensor<T> y = kernels::conv2d(x, w, options);
  const BasicTensor<T> dy = random<T>(generator, y.shape());
  const BasicTensor<T> dx = kernels::conv2d_input_gradient(dy, w, x_shape, options);
  const BasicTensor<T> dw = kernels::conv2d_weight_gradient(x, dy, w_shape, options);
  Sums y_sums(y.shape()), dx_sums(x_shape), dw_sums(w_shape);
  for_each_product(x_shape, w_shape, y.shape(), options, [&](Index i, Index j, Index k) {
    const double xi = x.data()[i], wj = w.data()[j], dyk = dy.data()[k];
    y_sums.add(k, xi * wj);
    dx_sums.add(i, dyk * wj);
    dw_sums.add(j, xi * dyk);
  });
  const Index taps = w_shape[0] * w_shape[1];
  REQUIRE(wrong_elements(y, y_sums.value, y_sums.magnitude, taps * w_shape[2]) == 0);
  REQUIRE(wrong_elements(dx, dx_sums.value, dx_sums.magnitude, taps * w_shape[3]) == 0);
  REQUIRE(wrong_elements(dw, dw_sums.value, dw_sums.magnitude, dy.rows()) == 0);

  const BasicTensor<T> out_bias = random<T>(generator, {w_shape[3]});
  y_sums.add_bias(out_bias);
  REQUIRE(wrong_elements(kernels::conv2d(x, w, options, &out_bias), y_sums.value, y_sums.magnitude,
                         taps * w_shape[2]) == 0);
  const BasicTensor<T> in_bias = random<T>(generator, {w_shape[2]});
  dx_sums.add_bias(in_bias);
  REQUIRE(wrong_elements(kernels::conv2d_input_gradient(dy, w, x_shape, options, &in_bias), dx_sums.value,
                         dx_sums.magnitude, taps * w_shape[3]) == 0);
}

/// The three kernels where outputs share products, whether that pays or not, against plain loops. What
/// cancels in a sum of shared products need not be in the output's own terms: each of those may contribute
/// the rounding of the largest product.
template <class T>
void check_pairs(const Shape& x_shape, const Shape& w_shape, Conv2dOptions options, std::mt19937& generator) {
  CAPTURE(to_string(x_shape));
  CAPTURE(to_string(w_shape));
  CAPTURE(options.stride);
  CAPTURE(options.padding);
  using namespace kernels::detail;
  const ConvolutionGeometry g("conv2d", "x", x_shape, w_shape, options);
  const BasicTensor<T> x = random<T>(generator, x_shape), w = random<T>(generator, w_shape);
  const BasicTensor<T> dy = random<T>(generator, g.output_shape());
  const BasicTensor<T> out_bias = random<T>(generator, {g.out}), in_bias = random<T>(generator, {g.in});
  BasicTensor<T> y = BasicTensor<T>::uninitialized(g.output_shape());
  BasicTensor<T> dx = BasicTensor<T>::uninitialized(x_shape), dw = BasicTensor<T>::uninitialized(w_shape);
  Gather<T>(g, false, true).run(x.data(), w.data(), out_bias.data(), T(1), y);
  Gather<T>(g, true, true).run(dy.data(), w.data(), in_bias.data(), T(1), dx);
  PairedWeightGradient<T>(g).run(x.data(), dy.data(), dw.mutable_data());

  const auto largest = [](const BasicTensor<T>& t) {
    T most = 0;
    for (Index i = 0; i < t.size(); ++i) most = std::max(most, std::abs(t.data()[i]));
    return static_cast<double>(most);
  };
  const double x_most = largest(x), w_most = largest(w), dy_most = largest(dy);
  Sums y_sums(y.shape()), dx_sums(x_shape), dw_sums(w_shape);
  for_each_product(x_shape, w_shape, y.shape(), options, [&](Index i, Index j, Index k) {
    const double xi = x.data()[i], wj = w.data()[j], dyk = dy.data()[k];
    y_sums.add(k, xi * wj, x_most * w_most);
    dx_sums.add(i, dyk * wj, dy_most * w_most);
    dw_sums.add(j, xi * dyk, x_most * dy_most);
  });
  y_sums.add_bias(out_bias);
  dx_sums.add_bias(in_bias);
  const Index taps = w_shape[0] * w_shape[1];
  REQUIRE(wrong_elements(y, y_sums.value, y_sums.magnitude, taps * g.in) == 0);
  REQUIRE(wrong_elements(dx, dx_sums.value, dx_sums.magnitude, taps * g.out) == 0);
  REQUIRE(wrong_elements(dw, dw_sums.value, dw_sums.magnitude, dy.rows()) == 0);
}

}  // namespace

TEST_CASE_TEMPLATE("convolutions whose outputs share products agree with plain loops", T, float, double) {
  const Poison poison;
  std::mt19937 generator(6);
  const auto pick = [&](Index low, Index high) { return random_index(generator, low, high); };
  for (int trial = 0; trial < 300; ++trial) {
    const Index kernel_height = pick(1, 11), kernel_width = pick(1, 11);
    const Conv2dOptions options{.stride = pick(1, 4), .padding = pick(0, 5)};
    const Index height = pick(std::max<Index>(1, kernel_height - 2 * options.padding), 12);
    const Index width = pick(std::max<Index>(1, kernel_width - 2 * options.padding), 12);
    const Index images = trial % 5 == 0 ? pick(1, 40) : pick(1, 4);
    const Index in = pick(1, 40);
    check_pairs<T>({images, height, width, in}, {kernel_height, kernel_width, in, pick(1, 40)}, options,
                   generator);
  }
  // Several strips of columns, blocks of rows, parts, and tasks of channels.
  check_pairs<T>({2, 6, 150, 64}, {3, 3, 64, 33}, {.stride = 1, .padding = 1}, generator);
  check_pairs<T>({1, 80, 40, 40}, {3, 3, 40, 40}, {.stride = 1, .padding = 1}, generator);
  check_pairs<T>({2, 6, 5, 150}, {4, 4, 150, 20}, {.stride = 2, .padding = 1}, generator);
  check_pairs<T>({70, 5, 6, 20}, {4, 4, 20, 40}, {.stride = 2, .padding = 1}, generator);
  // Blocks of 13 images and of 11, which combine more channels at once.
  check_pairs<T>({50, 8, 8, 20}, {4, 4, 20, 96}, {.stride = 1, .padding = 1}, generator);
}

TEST_CASE("convolutions share products where that pays") {
  const auto pays = [](const Shape& x, const Shape& w, Conv2dOptions options) {
    const kernels::detail::ConvolutionGeometry g("conv2d", "x", x, w, options);
    return g.pays_pairs(g.out_height * g.out_width);
  };
  CHECK(pays({128, 14, 14, 64}, {4, 4, 64, 128}, {.stride = 2, .padding = 1}));
  CHECK(pays({16, 14, 14, 256}, {3, 3, 256, 256}, {.stride = 1, .padding = 1}));
  CHECK_FALSE(pays({128, 28, 28, 1}, {4, 4, 1, 64}, {.stride = 2, .padding = 1}));     // channels
  CHECK_FALSE(pays({128, 14, 14, 64}, {2, 2, 64, 128}, {.stride = 2}));                // nothing to share
  CHECK_FALSE(pays({1, 14, 14, 256}, {3, 3, 256, 256}, {.stride = 1, .padding = 1}));  // pixels
  using kernels::detail::ConvolutionAxis;
  CHECK(ConvolutionAxis::share(4, 2) == doctest::Approx(0.75));
  CHECK(ConvolutionAxis::share(3, 1) == doctest::Approx(4 / 6.0));
  CHECK(ConvolutionAxis::share(3, 2) == doctest::Approx(5 / 6.0));
  CHECK(ConvolutionAxis::share(7, 1) == doctest::Approx(10 / 14.0));
  CHECK(ConvolutionAxis::share(1, 1) == 1);

  // The public functions: pairs have another rounding than plain sums, whatever the values.
  std::mt19937 generator(7);
  const Conv2dOptions options{.stride = 1, .padding = 1};
  const Tensor x = random<float>(generator, {8, 9, 9, 48}), w = random<float>(generator, {3, 3, 48, 48});
  const kernels::detail::ConvolutionGeometry g("conv2d", "x", x.shape(), w.shape(), options);
  Tensor y = Tensor::uninitialized(g.output_shape()), dx = Tensor::uninitialized(x.shape()),
         dw = Tensor::uninitialized(w.shape());
  kernels::detail::Gather<float>(g, false, true).run(x.data(), w.data(), nullptr, 0.5f, y);
  kernels::detail::Gather<float>(g, true, true).run(y.data(), w.data(), nullptr, 1, dx);
  kernels::detail::PairedWeightGradient<float>(g).run(x.data(), y.data(), dw.mutable_data());
  CHECK(same_bits(kernels::conv2d(x, w, options, static_cast<const Tensor*>(nullptr), 0.5), y));
  CHECK(same_bits(kernels::unary(kernels::op::LeakyRelu{0.5}, kernels::conv2d(x, w, options)), y));
  CHECK(same_bits(kernels::conv2d_input_gradient(y, w, x.shape(), options), dx));
  CHECK(same_bits(kernels::conv2d_weight_gradient(x, y, w.shape(), options), dw));
}

TEST_CASE_TEMPLATE("convolutions whose outputs share products depend on nothing but their own pixels", T,
                   float, double) {
  std::mt19937 generator(8);
  for (const Index kernel : {2, 3, 4, 5, 7})
    for (const Index stride : {1, 2}) {
      CAPTURE(kernel);
      CAPTURE(stride);
      const Shape x_shape{1, 9, 10, 3}, w_shape{kernel, kernel, 3, 20};
      const Conv2dOptions options{.stride = stride, .padding = kernel / 2};
      const kernels::detail::ConvolutionGeometry g("conv2d", "x", x_shape, w_shape, options);
      const BasicTensor<T> w = random<T>(generator, w_shape);
      BasicTensor<T> x = random<T>(generator, x_shape);
      BasicTensor<T> before = BasicTensor<T>::uninitialized(g.output_shape()),
                     after = BasicTensor<T>::uninitialized(g.output_shape());
      kernels::detail::Gather<T>(g, false, true).run(x.data(), w.data(), nullptr, T(1), before);
      const Index spoilt = (4 * 10 + 5) * 3;
      x.mutable_data()[spoilt] = std::numeric_limits<T>::quiet_NaN();
      kernels::detail::Gather<T>(g, false, true).run(x.data(), w.data(), nullptr, T(1), after);
      std::vector<bool> depends(static_cast<std::size_t>(after.size()));
      for_each_product(x_shape, w_shape, g.output_shape(), options, [&](Index i, Index, Index k) {
        if (i == spoilt) depends[static_cast<std::size_t>(k)] = true;
      });
      Index wrong = 0;
      for (Index k = 0; k < after.size(); ++k)
        wrong += depends[static_cast<std::size_t>(k)] ? !std::isnan(after.data()[k])
                                                      : after.data()[k] != before.data()[k];
      CHECK(wrong == 0);
    }
}

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
