#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <random>
#include <vector>

#include "kernels/convolution_loops.hpp"

using namespace eigengrad;
using namespace kernel_test;

namespace {

/// The most outputs, or of the input gradient pixels, that are taken together where products are shared.
Index together(Index kernel, Index stride, bool gradient) {
  const kernels::detail::ConvolutionTaps taps({stride, kernel, kernel, stride, 0}, gradient);
  Index most = 1;
  for (Index output = 0; output < (gradient ? stride : 1); ++output)
    most = std::max(most, taps.together(taps.parts_of(output)));
  return most;
}

/// The three kernels where outputs share products, whether that pays or not, and the same by taps where those
/// suit, of a few images at a time if `most_products` is small, against plain loops. What
/// cancels in a sum of shared products need not be in the output's own terms: each of those may contribute
/// the rounding of the largest product; of three outputs together, those of its neighbours may, too, of which
/// there are more where its own are on padding.
template <class T>
void check_sharing(const Shape& x_shape, const Shape& w_shape, Conv2dOptions options, std::mt19937& generator,
                   Index most_products = 1 << 24) {
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
  SharedWeightGradient<T>(g).run(x.data(), dy.data(), dw.mutable_data());

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
  for (Sums* sums : {&y_sums, &dx_sums, &dw_sums}) {
    double* const size = sums->magnitude.mutable_data();
    const Index count = sums->value.size();
    if (std::max(together(g.kernel_height, g.stride, sums == &dx_sums),
                 together(g.kernel_width, g.stride, sums == &dx_sums)) == 3 &&
        count > 0)
      std::fill_n(size, count, *std::max_element(size, size + count));
  }
  y_sums.add_bias(out_bias);
  dx_sums.add_bias(in_bias);
  const Index taps = w_shape[0] * w_shape[1];
  REQUIRE(wrong_sums(y, y_sums.value, y_sums.magnitude, taps * g.in) == 0);
  REQUIRE(wrong_sums(dx, dx_sums.value, dx_sums.magnitude, taps * g.out) == 0);
  REQUIRE(wrong_sums(dw, dw_sums.value, dw_sums.magnitude, dy.rows()) == 0);

  dx = BasicTensor<T>::uninitialized(x_shape);
  ByTaps<T>(g, true, most_products).run(dy.data(), w.data(), in_bias.data(), T(1), dx.mutable_data());
  REQUIRE(wrong_sums(dx, dx_sums.value, dx_sums.magnitude, taps * g.out) == 0);
  y = BasicTensor<T>::uninitialized(y.shape()), dw = BasicTensor<T>::uninitialized(w_shape);
  ByTaps<T>(g, false, most_products).run(x.data(), w.data(), out_bias.data(), T(1), y.mutable_data());
  WeightGradientByTaps<T>(g).run(x.data(), dy.data(), dw.mutable_data());
  REQUIRE(wrong_sums(y, y_sums.value, y_sums.magnitude, taps * g.in) == 0);
  REQUIRE(wrong_sums(dw, dw_sums.value, dw_sums.magnitude, dy.rows()) == 0);
}

}  // namespace

TEST_CASE_TEMPLATE("convolutions whose outputs share products agree with plain loops", T, float, double) {
  const Poison poison;
  std::mt19937 generator(6);
  const auto pick = [&](Index low, Index high) { return random_index(generator, low, high); };
  for (int trial = 0; trial < 400; ++trial) {
    const Index longest = trial < 300 ? 11 : 3;  // by taps
    const Index kernel_height = pick(1, longest), kernel_width = pick(1, longest);
    const Conv2dOptions options{.stride = pick(1, 4), .padding = pick(0, 5)};
    const Index height = pick(std::max<Index>(1, kernel_height - 2 * options.padding), 12);
    const Index width = pick(std::max<Index>(1, kernel_width - 2 * options.padding), 12);
    const Index images = trial % 5 == 0 ? pick(1, 40) : pick(1, 4);
    const Index in = pick(1, 40);
    check_sharing<T>({images, height, width, in}, {kernel_height, kernel_width, in, pick(1, 40)}, options,
                     generator, trial % 2 == 0 ? 2000 : 1 << 24);
  }
  // Several strips of columns, blocks of rows, parts, and tasks of channels.
  check_sharing<T>({2, 6, 150, 64}, {3, 3, 64, 33}, {.stride = 1, .padding = 1}, generator);
  check_sharing<T>({1, 80, 40, 40}, {3, 3, 40, 40}, {.stride = 1, .padding = 1}, generator);
  check_sharing<T>({2, 6, 5, 150}, {4, 4, 150, 20}, {.stride = 2, .padding = 1}, generator);
  check_sharing<T>({70, 5, 6, 20}, {4, 4, 20, 40}, {.stride = 2, .padding = 1}, generator);
  // Blocks of 13 images and of 11, which combine more channels at once.
  check_sharing<T>({50, 8, 8, 20}, {4, 4, 20, 96}, {.stride = 1, .padding = 1}, generator);
}

TEST_CASE("shared products round like plain sums") {
  // Root mean square errors of the three kernels against doubles, with shared products and without: no
  // larger, but for gradients of weights of three and five taps, by less than a quarter.
  std::mt19937 generator(9);
  std::normal_distribution<float> normal;
  const auto values = [&](const Shape& shape) {
    Tensor t = Tensor::uninitialized(shape);
    for (Index i = 0; i < t.size(); ++i) t.mutable_data()[i] = normal(generator);
    return t;
  };
  const auto as_double = [](const Tensor& t) {
    BasicTensor<double> result = BasicTensor<double>::uninitialized(t.shape());
    std::copy_n(t.data(), t.size(), result.mutable_data());
    return result;
  };
  const auto error = [](const Tensor& t, const BasicTensor<double>& exact) {
    double errors = 0, squares = 0;
    for (Index i = 0; i < t.size(); ++i) {
      errors += std::pow(static_cast<double>(t.data()[i]) - exact.data()[i], 2);
      squares += std::pow(exact.data()[i], 2);
    }
    return std::sqrt(errors / squares);
  };
  for (const auto& layer :
       {std::array<Index, 4>{4, 2, 64, 128}, {3, 1, 128, 128}, {5, 1, 64, 64}, {2, 1, 64, 64}}) {
    const Index kernel = layer[0], stride = layer[1], in = layer[2], out = layer[3];
    CAPTURE(kernel);
    const Shape x_shape{16, 14, 14, in}, w_shape{kernel, kernel, in, out};
    const kernels::detail::ConvolutionGeometry g("conv2d", "x", x_shape, w_shape,
                                                 {.stride = stride, .padding = (kernel - 1) / 2});
    const Tensor x = values(x_shape), w = values(w_shape), dy = values(g.output_shape());
    const auto run = [&]<class T>(const BasicTensor<T>& xs, const BasicTensor<T>& ws,
                                  const BasicTensor<T>& dys, bool share) {
      std::array<BasicTensor<T>, 3> results{BasicTensor<T>::uninitialized(g.output_shape()),
                                            BasicTensor<T>::uninitialized(x_shape),
                                            BasicTensor<T>::uninitialized(w_shape)};
      using namespace kernels::detail;
      Gather<T>(g, false, share).run(xs.data(), ws.data(), nullptr, T(1), results[0]);
      Gather<T>(g, true, share).run(dys.data(), ws.data(), nullptr, T(1), results[1]);
      if (share)
        SharedWeightGradient<T>(g).run(xs.data(), dys.data(), results[2].mutable_data());
      else
        WeightGradient<T>(g).run(xs.data(), dys.data(), results[2].mutable_data());
      return results;
    };
    const auto exact = run(as_double(x), as_double(w), as_double(dy), false);
    const auto plain = run(x, w, dy, false), shared = run(x, w, dy, true);
    Tensor y = plain[0].clone(), dw = plain[2].clone();
    kernels::detail::ByTaps<float>(g, false).run(x.data(), w.data(), nullptr, 1, y.mutable_data());
    kernels::detail::WeightGradientByTaps<float>(g).run(x.data(), dy.data(), dw.mutable_data());
    CHECK(error(y, exact[0]) < 1.02 * error(plain[0], exact[0]));
    CHECK(error(dw, exact[2]) < 1.25 * error(plain[2], exact[2]));
    for (std::size_t i = 0; i < 3; ++i) {
      const double plain_error = error(plain[i], exact[i]);
      CHECK(error(shared[i], exact[i]) < (i < 2 ? 1.02 : 1.25) * plain_error);
      CHECK(plain_error < 1e-6);
    }
  }
}

TEST_CASE("convolutions share products where that pays") {
  const auto pays = [](const Shape& x, const Shape& w, Conv2dOptions options) {
    const kernels::detail::ConvolutionGeometry g("conv2d", "x", x, w, options);
    return g.pays_sharing(g.out_height * g.out_width);
  };
  CHECK(pays({128, 14, 14, 64}, {4, 4, 64, 128}, {.stride = 2, .padding = 1}));
  CHECK(pays({16, 14, 14, 256}, {3, 3, 256, 256}, {.stride = 1, .padding = 1}));
  CHECK(pays({128, 14, 14, 32}, {4, 4, 32, 64}, {.stride = 2, .padding = 1}));
  CHECK_FALSE(pays({128, 28, 28, 1}, {4, 4, 1, 64}, {.stride = 2, .padding = 1}));     // channels
  CHECK_FALSE(pays({128, 14, 14, 64}, {2, 2, 64, 128}, {.stride = 2}));                // nothing to share
  CHECK_FALSE(pays({1, 14, 14, 256}, {3, 3, 256, 256}, {.stride = 1, .padding = 1}));  // pixels
  using kernels::detail::ConvolutionTaps;
  CHECK(ConvolutionTaps::share(4, 2) == doctest::Approx(4 / 6.0));
  CHECK(ConvolutionTaps::share(2, 1) == doctest::Approx(4 / 6.0));
  CHECK(ConvolutionTaps::share(4, 1) == doctest::Approx(8 / 12.0));
  CHECK(ConvolutionTaps::share(3, 1) == doctest::Approx(4 / 6.0));
  CHECK(ConvolutionTaps::share(3, 2) == doctest::Approx(5 / 6.0));
  CHECK(ConvolutionTaps::share(7, 1) == doctest::Approx(10 / 14.0));
  CHECK(ConvolutionTaps::share(1, 1) == 1);

  // The public functions: shared products have another rounding than plain sums, whatever the values.
  std::mt19937 generator(7);
  const Conv2dOptions options{.stride = 1, .padding = 1};
  const Tensor x = random<float>(generator, {8, 9, 9, 48}), w = random<float>(generator, {3, 3, 48, 48});
  const kernels::detail::ConvolutionGeometry g("conv2d", "x", x.shape(), w.shape(), options);
  Tensor y = Tensor::uninitialized(g.output_shape()), dx = Tensor::uninitialized(x.shape()),
         dw = Tensor::uninitialized(w.shape());
  kernels::detail::Gather<float>(g, false, true).run(x.data(), w.data(), nullptr, 0.5f, y);
  kernels::detail::Gather<float>(g, true, true).run(y.data(), w.data(), nullptr, 1, dx);
  kernels::detail::SharedWeightGradient<float>(g).run(x.data(), y.data(), dw.mutable_data());
  CHECK(same_bits(kernels::conv2d(x, w, options, static_cast<const Tensor*>(nullptr), 0.5), y));
  CHECK(same_bits(kernels::unary(kernels::op::LeakyRelu{0.5}, kernels::conv2d(x, w, options)), y));
  CHECK(same_bits(kernels::conv2d_input_gradient(y, w, x.shape(), options), dx));
  CHECK(same_bits(kernels::conv2d_weight_gradient(x, y, w.shape(), options), dw));
}

TEST_CASE_TEMPLATE("outputs that share products depend on no pixel that is not of one of them", T, float,
                   double) {
  std::mt19937 generator(8);
  for (const Index kernel : {2, 3, 4, 5, 7})
    for (const Index stride : {1, 2}) {
      CAPTURE(kernel);
      CAPTURE(stride);
      const Shape x_shape{1, 9, 10, 3}, w_shape{kernel, kernel, 3, 20};
      const Conv2dOptions options{.stride = stride, .padding = kernel / 2};
      const kernels::detail::ConvolutionGeometry g("conv2d", "x", x_shape, w_shape, options);
      const BasicTensor<T> w = random<T>(generator, w_shape);
      const BasicTensor<T> x = random<T>(generator, x_shape);
      const Index spoilt = (4 * 10 + 5) * 3;
      BasicTensor<T> spoilt_x = x.clone();
      spoilt_x.mutable_data()[spoilt] = std::numeric_limits<T>::quiet_NaN();
      std::vector<bool> depends(static_cast<std::size_t>(g.output_shape().size()));
      for_each_product(x_shape, w_shape, g.output_shape(), options, [&](Index i, Index, Index k) {
        if (i == spoilt) depends[static_cast<std::size_t>(k)] = true;
      });
      // Of three outputs together, others may become NaN, too: rows and columns one further.
      const Index reach = together(kernel, stride, false) - 2;
      const auto may_depend = [&](Index k) {
        const Index width = g.out_width, row = k / 20 / width, column = k / 20 % width;
        for (Index p = std::max<Index>(0, row - reach); p <= std::min(g.out_height - 1, row + reach); ++p)
          for (Index q = std::max<Index>(0, column - reach); q <= std::min(width - 1, column + reach); ++q)
            if (depends[static_cast<std::size_t>((p * width + q) * 20)]) return true;
        return false;
      };
      const auto convolve = [&](const BasicTensor<T>& images, bool by_taps) {
        BasicTensor<T> y = BasicTensor<T>::uninitialized(g.output_shape());
        if (by_taps)
          kernels::detail::ByTaps<T>(g, false).run(images.data(), w.data(), nullptr, T(1), y.mutable_data());
        else
          kernels::detail::Gather<T>(g, false, true).run(images.data(), w.data(), nullptr, T(1), y);
        return y;
      };
      for (const bool by_taps : {false, true}) {
        CAPTURE(by_taps);
        const BasicTensor<T> before = convolve(x, by_taps), after = convolve(spoilt_x, by_taps);
        Index wrong = 0;
        for (Index k = 0; k < after.size(); ++k)
          if (depends[static_cast<std::size_t>(k)])
            wrong += !std::isnan(after.data()[k]);
          else
            wrong += after.data()[k] != before.data()[k] && !(std::isnan(after.data()[k]) && may_depend(k));
        CHECK(wrong == 0);
      }
    }
}
