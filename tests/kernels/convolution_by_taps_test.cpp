#include "eigengrad/kernels/convolution_by_taps.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <random>
#include <utility>
#include <vector>

#include "kernels/convolution_loops.hpp"

using namespace eigengrad;
using namespace kernel_test;
using kernels::detail::ByTaps;
using kernels::detail::ConvolutionGeometry;
using kernels::detail::WeightGradientByTaps;

TEST_CASE_TEMPLATE("deep layers are convolved by taps", T, float, double) {
  const Poison poison;
  std::mt19937 generator(12);
  check_convolution<T>({7, 7, 7, 256}, {3, 3, 256, 512}, {.stride = 1, .padding = 1}, generator);
  check_convolution<T>({9, 6, 5, 96}, {4, 4, 96, 700}, {.stride = 2, .padding = 1}, generator);
  check_convolution<T>({12, 8, 7, 130}, {5, 4, 130, 520}, {.stride = 2, .padding = 2}, generator);
  check_convolution<T>({3, 4, 4, 33}, {4, 4, 33, 8200}, {.stride = 2, .padding = 1}, generator);

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

  // Products of several taps.
  const Conv2dOptions halved{.stride = 2, .padding = 1};
  const BasicTensor<T> u = random<T>(generator, {16, 8, 10, 256}),
                       v4 = random<T>(generator, {4, 4, 256, 512});
  const BasicTensor<T> du = random<T>(generator, {16, 4, 5, 512});
  CHECK(independent_of_threads([&] { return kernels::conv2d(u, v4, halved); }));
  CHECK(independent_of_threads([&] { return kernels::conv2d_input_gradient(du, v4, u.shape(), halved); }));
  CHECK(independent_of_threads([&] { return kernels::conv2d_weight_gradient(u, du, v4.shape(), halved); }));

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
    return ByTaps<float>::suits(g) && ByTaps<float>(g, gradient).pays(shares);
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
  CHECK_FALSE(by_taps({1, 9000, 4, 512}, {3, 3, 512, 512}, same, false));  // memory
  CHECK(by_taps({64, 8, 8, 256}, {4, 4, 256, 512}, halved, false));
  CHECK(by_taps({2, 64, 64, 256}, {4, 4, 256, 512}, halved, false));
  CHECK_FALSE(by_taps({1, 256, 256, 256}, {4, 4, 256, 512}, halved, false));  // taps of a row
  CHECK_FALSE(by_taps({2, 8, 8, 256}, {4, 4, 256, 512}, halved, false));      // pixels
  CHECK(by_taps({16, 8, 8, 256}, {4, 4, 256, 512}, halved, true));
  CHECK_FALSE(by_taps({8, 56, 56, 256}, {3, 3, 256, 256}, same, false));            // taps stay in the caches
  CHECK_FALSE(by_taps({1, 4, 4, 512}, {3, 3, 512, 512}, same, false));              // pixels
  CHECK_FALSE(by_taps({128, 14, 14, 64}, {4, 4, 64, 128}, halved, true));           // channels
  CHECK_FALSE(by_taps({32, 14, 14, 512}, {1, 1, 512, 512}, {.stride = 2}, false));  // nothing to share
  CHECK(gradient_by_taps({32, 7, 7, 512}, {3, 3, 512, 512}, same));
  CHECK(gradient_by_taps({32, 14, 14, 256}, {3, 3, 256, 512}, halved));
  CHECK(gradient_by_taps({16, 8, 8, 256}, {4, 4, 256, 512}, halved));
  CHECK_FALSE(gradient_by_taps({8, 8, 8, 256}, {4, 4, 256, 512}, halved));    // pixels
  CHECK_FALSE(gradient_by_taps({64, 4, 4, 512}, {4, 4, 512, 1024}, halved));  // nothing saved
  CHECK_FALSE(gradient_by_taps({16, 7, 7, 512}, {3, 3, 512, 1024}, halved));  // too little saved
  CHECK_FALSE(gradient_by_taps({16, 14, 14, 256}, {3, 3, 256, 256}, same));
  CHECK_FALSE(gradient_by_taps({16, 14, 14, 4096}, {3, 3, 4096, 32}, same));
  CHECK(gradient_by_taps({1, 14, 14, 512}, {3, 3, 512, 512}, same));
  CHECK_FALSE(gradient_by_taps({4, 14, 14, 256}, {3, 3, 256, 512}, halved));
  CHECK_FALSE(gradient_by_taps({5, 7, 7, 512}, {3, 3, 512, 512}, same));      // pixels
  CHECK_FALSE(gradient_by_taps({9, 8, 8, 2048}, {3, 3, 2048, 2048}, same));   // memory
  CHECK_FALSE(gradient_by_taps({1, 7, 7, 512}, {3, 3, 512, 512}, same));      // pixels
  CHECK_FALSE(gradient_by_taps({512, 28, 28, 512}, {3, 3, 512, 512}, same));  // memory
}

TEST_CASE("few pixels have a product for each tap rather than copies of taps") {
  const auto splits = [](Index images) {
    const ConvolutionGeometry g("conv2d", "x", {images, 14, 14, 256}, {3, 3, 256, 512},
                                {.stride = 2, .padding = 1});
    return ByTaps<float>(g, false).splits();
  };
  CHECK(splits(36));
  CHECK_FALSE(splits(37));
}

TEST_CASE("products by taps are made of as many images as memory allows") {
  const ConvolutionGeometry g("conv2d", "x", {400, 7, 7, 512}, {3, 3, 512, 512}, {.stride = 1, .padding = 1});
  const Index image = 14 * 14 * 512;
  CHECK(ByTaps<float>(g, false).group() == 134);  // three groups
  CHECK(ByTaps<float>(g, false, 10 * image).group() == 10);
  CHECK(ByTaps<float>(g, true, image - 1).group() == 1);
  const ConvolutionGeometry many("conv2d", "x", {99, 8, 8, 4096}, {4, 4, 4096, 32},
                                 {.stride = 2, .padding = 1});
  CHECK(ByTaps<float>(many, false, 16 * 4096 * 33).group() == 33);  // four places of four taps
}

TEST_CASE("products of an axis by lists of taps are the convolution") {
  using kernels::detail::Combination;
  const auto each = [](const Combination& terms, auto&& body) {
    for (std::size_t i = 0; i < static_cast<std::size_t>(terms.count); ++i)
      body(terms.at[i], terms.factor[i]);
  };
  for (const auto& [gradient, split] : {std::pair(false, false), {false, true}, {true, false}, {true, true}})
    for (Index kernel = 1; kernel <= 9; ++kernel)
      for (Index stride = 1; stride <= 4; ++stride)
        for (Index padding = 0; padding <= 3; ++padding)
          for (Index extent = std::max<Index>(1, kernel - 2 * padding); extent < 16; ++extent) {
            const Index small = (extent + 2 * padding - kernel) / stride + 1;
            const Index sources = gradient ? small : extent, outputs = gradient ? extent : small;
            const kernels::detail::TapLists lists({outputs, sources, kernel, stride, padding}, gradient,
                                                  split);
            // How often source s times tap k is in output i: s first.
            const auto number = [&](Index i, Index s, Index k) {
              return static_cast<std::size_t>((i * sources + s) * kernel + k);
            };
            std::vector<double> wanted(number(outputs, 0, 0)), sums(wanted), sent(wanted), weights(wanted);
            for (Index i = 0; i < small; ++i)
              for (Index k = 0; k < kernel; ++k)
                if (const Index at = i * stride + k - padding; at >= 0 && at < extent)
                  wanted[gradient ? number(at, i, kernel - 1 - k) : number(i, at, k)] = 1;
            const auto add = [&](std::vector<double>& to, Index place, const Combination& outputs_of) {
              for (Index i = 0; i < lists.length(lists.list_of(place)); ++i)
                each(outputs_of, [&](Index output, double times) {
                  each(lists.source(place, i), [&](Index s, double source) {
                    each(lists.tap(lists.list_of(place), i),
                         [&](Index k, double tap) { to[number(output, s, k)] += times * source * tap; });
                  });
                });
            };
            Index places = 0, factors = 0, taps = 0;
            for (Index list = 0; list < lists.list_count(); ++list) {
              REQUIRE(lists.begin(list) == places);
              REQUIRE(lists.tap_begin(list) == taps);
              places += lists.count(list), taps += lists.length(list);
              factors += lists.count(list) * lists.length(list);
            }
            REQUIRE(places == lists.size());
            REQUIRE(factors == lists.factor_count());
            REQUIRE(taps == lists.tap_count());
            REQUIRE(lists.single_count() == std::count(wanted.begin(), wanted.end(), 1));
            for (Index place = 0; place < lists.size(); ++place) add(sent, place, lists.receivers(place));
            for (Index output = 0; output < outputs; ++output)
              each(lists.output(output), [&](Index place, double times) {
                Combination one;
                one.add(output, times);
                add(sums, place, one);
              });
            for (Index k = 0; k < kernel; ++k)
              for (const auto& member : lists.members(k))
                for (Index place = lists.begin(member.list);
                     place < lists.begin(member.list) + lists.count(member.list); ++place)
                  each(lists.receivers(place), [&](Index output, double times) {
                    each(lists.source(place, member.i), [&](Index s, double source) {
                      weights[number(output, s, k)] += times * source * member.factor;
                    });
                  });
            REQUIRE(sums == wanted);
            REQUIRE(sent == wanted);
            REQUIRE(weights == wanted);
          }
}

TEST_CASE("outputs left over cost few factors and few taps") {
  const auto check = [](const kernels::detail::ConvolutionExtents& extents, bool gradient, bool split,
                        Index factors, Index taps) {
    const kernels::detail::TapLists lists(extents, gradient, split);
    CHECK(lists.factor_count() == factors);
    CHECK(lists.tap_count() == taps);
  };
  check({4, 8, 4, 2, 1}, false, false, 12, 6);  // two pairs, not one and three
  check({7, 14, 4, 2, 1}, false, false, 20, 8);
  check({8, 4, 4, 2, 1}, true, false, 10, 8);  // of each parity three, and one that meets one source
  check({7, 7, 3, 1, 1}, false, false, 14, 5);
  check({7, 14, 3, 2, 1}, false, false, 17, 5);
  check({7, 14, 3, 2, 1}, false, true, 17, 4);
  check({7, 22, 5, 3, 1}, false, false, 28, 12);  // the first, which meets padding, by itself
  check({2, 3, 3, 2, 1}, false, false, 4, 3);     // nothing to save
  check({4, 1, 4, 1, 0}, true, false, 4, 4);
}
