#include "eigengrad/kernels/convolution_by_taps.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <random>

#include "kernels/convolution_loops.hpp"

using namespace eigengrad;
using namespace kernel_test;
using kernels::detail::ByTaps;
using kernels::detail::ConvolutionGeometry;
using kernels::detail::ConvolutionTerms;
using kernels::detail::WeightGradientByTaps;

TEST_CASE_TEMPLATE("deep layers are convolved by taps", T, float, double) {
  const Poison poison;
  std::mt19937 generator(12);
  check_convolution<T>({7, 7, 7, 256}, {3, 3, 256, 512}, {.stride = 1, .padding = 1}, generator);
  check_convolution<T>({9, 6, 5, 96}, {4, 4, 96, 700}, {.stride = 2, .padding = 1}, generator);

  const Conv2dOptions options{.stride = 1, .padding = 1};
  const BasicTensor<T> x = random<T>(generator, {12, 7, 7, 256}), w = random<T>(generator, {3, 3, 256, 512});
  const ConvolutionGeometry g("conv2d", "x", x.shape(), w.shape(), options);
  BasicTensor<T> y = BasicTensor<T>::uninitialized(g.output_shape()), dx = x.clone(), dw = w.clone();
  ByTaps<T>(g, false).run(x.data(), w.data(), nullptr, T(0.5), y.mutable_data());
  ByTaps<T>(g, true).run(y.data(), w.data(), nullptr, T(1), dx.mutable_data());
  WeightGradientByTaps<T>(g).run(x.data(), y.data(), dw.mutable_data());
  const BasicTensor<T>* const no_bias = nullptr;
  CHECK(same_bits(kernels::conv2d(x, w, options, no_bias, 0.5), y));
  CHECK(same_bits(kernels::unary(kernels::op::LeakyRelu{0.5}, kernels::conv2d(x, w, options)), y));
  CHECK(same_bits(kernels::conv2d_input_gradient(y, w, x.shape(), options), dx));
  CHECK(same_bits(kernels::conv2d_weight_gradient(x, y, w.shape(), options), dw));
  CHECK(independent_of_threads([&] { return kernels::conv2d(x, w, options, no_bias, 0.5); }));
  CHECK(independent_of_threads([&] { return kernels::conv2d_input_gradient(y, w, x.shape(), options); }));
  CHECK(independent_of_threads([&] { return kernels::conv2d_weight_gradient(x, y, w.shape(), options); }));
  // Products of few panels, which more threads would cut otherwise, are added in several chains.
  const BasicTensor<T> v = random<T>(generator, {30, 7, 7, 360}), dz = random<T>(generator, {30, 7, 7, 388});
  CHECK(independent_of_threads([&] {
    return kernels::conv2d_weight_gradient(v, dz, {3, 3, 360, 388}, options);
  }));

  const int threads = thread_count();
  const BasicTensor<T> many = random<T>(generator, {32, 7, 7, 384});
  const BasicTensor<T> gradient = kernels::conv2d_weight_gradient(many, many, {3, 3, 384, 384}, options);
  set_thread_count(8);
  CHECK(same_bits(kernels::conv2d_weight_gradient(many, many, {3, 3, 384, 384}, options), gradient));
  set_thread_count(threads);

  for (const Shape& none : {Shape{1, 0, 1, 256}, Shape{0, 7, 7, 256}, Shape{3, 4, 0, 256}}) {
    const Conv2dOptions wide{.stride = 1, .padding = 2};
    const BasicTensor<T> nothing = kernels::conv2d(BasicTensor<T>::zeros(none), w, wide);
    CHECK(kernels::conv2d_input_gradient(nothing, w, none, wide).size() == 0);
    CHECK(kernels::conv2d_weight_gradient(BasicTensor<T>::zeros(none), nothing, w.shape(), wide).size() ==
          w.size());
  }
}

TEST_CASE("convolutions are made by taps where that pays") {
  const auto by_taps = [](const Shape& x, const Shape& w, Conv2dOptions options, bool gradient) {
    const ConvolutionGeometry g("conv2d", "x", x, w, options);
    const bool shares = g.pays_sharing(gradient ? g.height * g.width : g.out_height * g.out_width);
    return ByTaps<float>::suits(g, gradient) && ByTaps<float>(g, gradient).pays(shares);
  };
  const Conv2dOptions same{.stride = 1, .padding = 1}, halved{.stride = 2, .padding = 1};
  const auto gradient_by_taps = [](const Shape& x, const Shape& w, Conv2dOptions options) {
    const ConvolutionGeometry g("conv2d", "x", x, w, options);
    return WeightGradientByTaps<float>::suits(g) && WeightGradientByTaps<float>(g).pays();
  };
  CHECK(by_taps({32, 7, 7, 512}, {3, 3, 512, 512}, same, false));
  CHECK(by_taps({1, 14, 14, 512}, {3, 3, 512, 512}, same, true));
  CHECK(by_taps({64, 8, 8, 256}, {4, 4, 256, 512}, halved, true));
  CHECK(by_taps({1, 7, 7, 512}, {3, 3, 512, 512}, same, false));
  CHECK_FALSE(by_taps({1, 7, 7, 512}, {3, 3, 512, 512}, same, true));
  CHECK(by_taps({1, 80, 16, 256}, {3, 3, 256, 256}, same, false));
  CHECK_FALSE(by_taps({1, 16, 80, 256}, {3, 3, 256, 256}, same, false));   // taps of a row
  CHECK_FALSE(by_taps({1, 16, 16, 256}, {3, 3, 256, 256}, halved, true));  // pixels
  CHECK_FALSE(by_taps({64, 7, 7, 31}, {3, 3, 31, 4096}, same, false));     // channels of one side
  CHECK_FALSE(by_taps({64, 7, 7, 255}, {3, 3, 255, 256}, same, false));
  CHECK_FALSE(by_taps({1, 9000, 4, 512}, {3, 3, 512, 512}, same, false));           // memory
  CHECK_FALSE(by_taps({64, 8, 8, 256}, {4, 4, 256, 512}, halved, false));           // six terms of an axis
  CHECK_FALSE(by_taps({8, 56, 56, 256}, {3, 3, 256, 256}, same, false));            // taps stay in the caches
  CHECK_FALSE(by_taps({1, 4, 4, 512}, {3, 3, 512, 512}, same, false));              // pixels
  CHECK_FALSE(by_taps({128, 14, 14, 64}, {4, 4, 64, 128}, halved, true));           // channels
  CHECK_FALSE(by_taps({32, 14, 14, 512}, {1, 1, 512, 512}, {.stride = 2}, false));  // nothing to share
  CHECK(gradient_by_taps({32, 7, 7, 512}, {3, 3, 512, 512}, same));
  CHECK(gradient_by_taps({32, 14, 14, 256}, {3, 3, 256, 512}, halved));
  CHECK_FALSE(gradient_by_taps({64, 8, 8, 256}, {4, 4, 256, 512}, halved));
  CHECK_FALSE(gradient_by_taps({16, 14, 14, 256}, {3, 3, 256, 256}, same));
  CHECK_FALSE(gradient_by_taps({16, 14, 14, 4096}, {3, 3, 4096, 32}, same));
  CHECK(gradient_by_taps({1, 14, 14, 512}, {3, 3, 512, 512}, same));
  CHECK_FALSE(gradient_by_taps({4, 14, 14, 256}, {3, 3, 256, 512}, halved));
  CHECK_FALSE(gradient_by_taps({5, 7, 7, 512}, {3, 3, 512, 512}, same));      // pixels
  CHECK_FALSE(gradient_by_taps({9, 8, 8, 2048}, {3, 3, 2048, 2048}, same));   // memory
  CHECK_FALSE(gradient_by_taps({1, 7, 7, 512}, {3, 3, 512, 512}, same));      // pixels
  CHECK_FALSE(gradient_by_taps({512, 28, 28, 512}, {3, 3, 512, 512}, same));  // memory
}

TEST_CASE("products by taps are made of as many images as memory allows") {
  const ConvolutionGeometry g("conv2d", "x", {400, 7, 7, 512}, {3, 3, 512, 512}, {.stride = 1, .padding = 1});
  const Index image = 14 * 14 * 512;
  CHECK(ByTaps<float>(g, false).group() == 134);  // three groups
  CHECK(ByTaps<float>(g, false, 10 * image).group() == 10);
  CHECK(ByTaps<float>(g, true, image - 1).group() == 1);
}

TEST_CASE("terms of a convolution's axis are no more than a combination holds") {
  for (const bool gradient : {false, true})
    for (Index kernel = 1; kernel <= 9; ++kernel)
      for (Index stride = 1; stride <= 4; ++stride)
        for (Index padding = 0; padding <= 3; ++padding)
          for (Index extent = std::max<Index>(1, kernel - 2 * padding); extent < 16; ++extent) {
            const Index out = (extent + 2 * padding - kernel) / stride + 1;
            const kernels::detail::ConvolutionAxis axis(
                {gradient ? extent : out, gradient ? out : extent, kernel, stride, padding},
                {.gradient = gradient, .share = true});
            Index most = 0;
            for (const auto& sum : axis.sums(axis.whole())) {
              Index terms = 0;
              for (std::size_t i = 0; i < static_cast<std::size_t>(sum.products.count); ++i)
                terms += static_cast<Index>(axis.factors(sum.products.at[i]).size());
              most = std::max(most, terms);
            }
            if (ConvolutionTerms::suits(kernel, stride, gradient))
              REQUIRE(most <= kernels::detail::Combination::most);
          }
}
