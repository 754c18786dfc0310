#include "eigengrad/kernels/reduce.hpp"

#include "kernels/kernel_test.hpp"

using namespace eigengrad;
using namespace kernel_test;

namespace {

using Axes = std::vector<int>;

/// The axes of a random subset, as front or back numbers, in random order.
Axes random_axes(std::mt19937& generator, int rank) {
  Axes axes;
  for (int axis = 0; axis < rank; ++axis)
    if (generator() % 2 == 0) axes.push_back(generator() % 2 == 0 ? axis : axis - rank);
  std::shuffle(axes.begin(), axes.end(), generator);
  return axes;
}

Shape reduced_shape(const Shape& shape, const Axes& axes, bool keep) {
  Shape result;
  for (int axis = 0; axis < shape.rank(); ++axis) {
    const bool reduced =
        std::any_of(axes.begin(), axes.end(), [&](int a) { return shape.normalize_axis(a) == axis; });
    if (!reduced || keep) result.push_back(reduced ? 1 : shape[axis]);
  }
  return result;
}

/// Every element of x folded into its place of the result, one by one.
template <class T, class Fold>
BasicTensor<double> naive_reduction(const BasicTensor<T>& x, const Axes& axes, long double start, Fold fold) {
  const Shape kept = reduced_shape(x.shape(), axes, true);
  std::vector<long double> sums(static_cast<std::size_t>(kept.size()), start);
  for (Index i = 0; i < x.size(); ++i) {
    const auto at = indices_at(x.shape(), i);
    Index offset = 0;
    for (int axis = 0; axis < kept.rank(); ++axis)
      offset = offset * kept[axis] + (kept[axis] == 1 ? 0 : at[static_cast<std::size_t>(axis)]);
    long double& to = sums[static_cast<std::size_t>(offset)];
    to = fold(to, static_cast<long double>(x.data()[i]));
  }
  BasicTensor<double> y = BasicTensor<double>::uninitialized(reduced_shape(x.shape(), axes, false));
  std::transform(sums.begin(), sums.end(), y.mutable_data(),
                 [](long double value) { return static_cast<double>(value); });
  return y;
}

template <class T>
BasicTensor<double> naive_sum(const BasicTensor<T>& x, const Axes& axes) {
  return naive_reduction(x, axes, 0, [](long double a, long double b) { return a + b; });
}
template <class T>
BasicTensor<double> naive_max(const BasicTensor<T>& x, const Axes& axes) {
  return naive_reduction(x, axes, -infinity, [](long double a, long double b) { return std::max(a, b); });
}

template <class T>
void check_reductions(const BasicTensor<T>& x, const Axes& axes, double tolerance) {
  CAPTURE(to_string(x.shape()));
  CAPTURE(doctest::toString(axes.size()));
  CHECK(largest_difference(kernels::sum(x, axes), naive_sum(x, axes)) <= tolerance);
  CHECK(largest_difference(kernels::max(x, axes), naive_max(x, axes)) == 0);
  const Shape kept = reduced_shape(x.shape(), axes, true);
  CHECK(same_bits(kernels::sum(x, axes, true), kernels::sum(x, axes).reshape(kept)));
  CHECK(same_bits(kernels::max(x, axes, true), kernels::max(x, axes).reshape(kept)));
}

}  // namespace

TEST_CASE_TEMPLATE("sum and max over random axes", T, float, double) {
  const Poison poison;
  std::mt19937 generator(1);
  for (int trial = 0; trial < 150; ++trial) {
    const Shape shape = random_shape(generator, 0, trial % 10 == 0 ? 8 : 5, trial % 10 == 0 ? 3 : 7);
    check_reductions(random<T>(generator, shape), random_axes(generator, shape.rank()),
                     sizeof(T) == 4 ? 1e-4 : 1e-12);
  }
}

TEST_CASE_TEMPLATE("sum and max of rows, columns and middles of every width", T, float, double) {
  const Poison poison;
  std::mt19937 generator(2);
  const double tolerance = sizeof(T) == 4 ? 2e-3 : 1e-11;
  for (Index n : {1, 2, 3, 7, 8, 15, 16, 17, 31, 33, 63, 64, 65, 100, 129, 257})
    for (Index rows : {1, 3, 64, 65, 200}) {
      const BasicTensor<T> x = random<T>(generator, {rows, n});
      check_reductions(x, {0}, tolerance);
      check_reductions(x, {1}, tolerance);
      check_reductions(x, {0, 1}, tolerance);
      check_reductions(x.reshape({rows, n, 1}), {0, 2}, tolerance);
    }
  for (const Shape& shape :
       {Shape{3, 4099, 2}, Shape{2, 300, 37}, Shape{5000, 3, 2}, Shape{4, 3, 4097}, Shape{70, 1, 1027}})
    for (const Axes& axes : {Axes{0}, Axes{1}, Axes{2}, Axes{0, 1}, Axes{1, 2}, Axes{0, 2}, Axes{0, 1, 2}})
      check_reductions(random<T>(generator, shape), axes, tolerance);
}

TEST_CASE_TEMPLATE("long sums stay accurate", T, float, double) {
  // Summed one by one in float, three million values of 0.1 would be off by several percent.
  const Index n = 3'000'001;
  const double exact = static_cast<double>(n) * static_cast<double>(static_cast<T>(0.1));
  const BasicTensor<T> x = BasicTensor<T>::full({n}, 0.1);
  const double tolerance = exact * 1e-5;
  CHECK(std::abs(static_cast<double>(kernels::sum_all(x).item()) - exact) <= tolerance);
  CHECK(std::abs(static_cast<double>(kernels::sum(x.reshape({n, 1}), Axes{0}).item()) - exact) <= tolerance);
  const BasicTensor<T> columns = kernels::sum(BasicTensor<T>::full({300'000, 3}, 0.1), Axes{0});
  for (T value : columns.values()) CHECK(std::abs(static_cast<double>(value) - 30'000) <= 0.3);
}

TEST_CASE_TEMPLATE("sums have the same bits on any number of threads", T, float, double) {
  std::mt19937 generator(3);
  for (const auto& shape : {Shape{400, 333}, Shape{1, 200'003}, Shape{200'003, 1}, Shape{66'667, 3},
                            Shape{70, 4001}, Shape{50'001, 5}}) {
    CAPTURE(to_string(shape));
    const BasicTensor<T> x = random<T>(generator, shape);
    CHECK(independent_of_threads([&] { return kernels::sum(x, Axes{0}); }));
    CHECK(independent_of_threads([&] { return kernels::sum(x, Axes{1}); }));
    CHECK(independent_of_threads([&] { return kernels::sum_all(x); }));
    CHECK(independent_of_threads([&] { return kernels::max(x, Axes{0}); }));
    CHECK(largest_difference(kernels::sum(x, Axes{0}), naive_sum(x, {0})) <= (sizeof(T) == 4 ? 5e-3 : 1e-10));
    CHECK(largest_difference(kernels::sum(x, Axes{1}), naive_sum(x, {1})) <= (sizeof(T) == 4 ? 5e-3 : 1e-10));
  }
}

TEST_CASE_TEMPLATE("column sums write their columns and nothing else", T, float, double) {
  std::mt19937 generator(6);
  for (Index columns = 1; columns < 140; ++columns)
    for (Index stride : {columns, columns + 3}) {
      const Index rows = 37;
      const BasicTensor<T> x = random<T>(generator, {rows, stride});
      std::vector<T> y(static_cast<std::size_t>(columns) + 2, T(77));
      kernels::dispatch([&](auto isa) {
        reduce_columns(isa, kernels::op::Add{}, x.data(), rows, stride, columns, y.data() + 1);
      });
      CAPTURE(columns);
      CHECK(y.front() == T(77));
      CHECK(y.back() == T(77));
      const BasicTensor<double> expected = naive_sum(x, {0});
      double largest = 0;
      for (Index j = 0; j < columns; ++j)
        largest = std::max(largest,
                           std::abs(static_cast<double>(y[static_cast<std::size_t>(j) + 1]) - expected(j)));
      CHECK(largest < (sizeof(T) == 4 ? 1e-5 : 1e-14));
    }
}

TEST_CASE("no axes, no elements, rank 0") {
  const Poison poison;
  const Tensor x({2, 3}, {1, 2, 3, 4, 5, 6});
  CHECK(same_bits(kernels::sum(x, Axes{}), x));
  CHECK(same_bits(kernels::max(x, Axes{}), x));
  CHECK(kernels::sum_all(x).shape() == Shape{});
  CHECK(kernels::sum_all(x).item() == 21);
  CHECK(kernels::sum_all(Tensor::scalar(3)).item() == 3);
  CHECK(kernels::sum(Tensor::scalar(3), Axes{}).item() == 3);
  CHECK(kernels::sum_all(Tensor::zeros({0, 4})).item() == 0);
  CHECK(same_bits(kernels::sum(Tensor::zeros({0, 4}), Axes{0}), Tensor::zeros({4})));
  CHECK(same_bits(kernels::sum(Tensor::zeros({0, 4}), Axes{1}), Tensor::zeros({0})));
  CHECK(same_bits(kernels::sum(Tensor::zeros({3, 0}), Axes{-1}, true), Tensor::zeros({3, 1})));
  CHECK(kernels::max(Tensor::zeros({0, 4}), Axes{1}).shape() == Shape{0});
}

TEST_CASE_TEMPLATE("max: infinities are values, a NaN anywhere is the result", T, float, double) {
  const T inf = std::numeric_limits<T>::infinity();
  CHECK(kernels::max(BasicTensor<T>({3}, {-inf, -inf, -inf}), Axes{0}).item() == -inf);
  CHECK(kernels::max(BasicTensor<T>({3}, {-inf, inf, 1}), Axes{0}).item() == inf);
  for (const Shape& shape :
       {Shape{1, 5}, Shape{1, 131}, Shape{5, 1}, Shape{70, 3}, Shape{9, 67}, Shape{1, 9000}})
    for (int axis : {0, 1})
      for (Index at : {Index{0}, shape.size() / 2, shape.size() - 1}) {
        CAPTURE(to_string(shape));
        BasicTensor<T> x = BasicTensor<T>::ones(shape);
        x.mutable_data()[at] = std::numeric_limits<T>::quiet_NaN();
        const BasicTensor<T> y = kernels::max(x, std::span<const int>(&axis, 1));
        const Index hit = axis == 0 ? at % shape[1] : at / shape[1];
        bool only_there = true;
        for (Index i = 0; i < y.size(); ++i) only_there = only_there && std::isnan(y.data()[i]) == (i == hit);
        CHECK(only_there);
      }
}

TEST_CASE_TEMPLATE("sum_to is the adjoint of broadcasting", T, float, double) {
  const Poison poison;
  std::mt19937 generator(4);
  for (int trial = 0; trial < 200; ++trial) {
    const Shape large = random_shape(generator, 0, 6, 5);
    Shape small;
    const int dropped =
        large.rank() == 0 ? 0 : static_cast<int>(generator() % (static_cast<unsigned>(large.rank()) + 1));
    for (int axis = dropped; axis < large.rank(); ++axis)
      small.push_back(generator() % 2 == 0 ? 1 : large[axis]);
    CAPTURE(to_string(large));
    CAPTURE(to_string(small));
    const BasicTensor<T> dy = random<T>(generator, large), x = random<T>(generator, small);
    const BasicTensor<T> dx = kernels::sum_to(dy, small);
    REQUIRE(dx.shape() == small);
    BasicTensor<T> repeated = BasicTensor<T>::uninitialized(large);
    for (Index i = 0; i < large.size(); ++i) {
      const auto at = indices_at(large, i);
      Index offset = 0;
      for (int axis = 0; axis < small.rank(); ++axis)
        offset = offset * small[axis] + (small[axis] == 1 ? 0 : at[static_cast<std::size_t>(axis + dropped)]);
      repeated.mutable_data()[i] = x.data()[offset];
    }
    CHECK(std::abs(dot(dx, x) - dot(dy, repeated)) <= (sizeof(T) == 4 ? 1e-3 : 1e-11));
  }
  CHECK(same_bits(kernels::sum_to(Tensor::ones({0, 3}), {1, 3}), Tensor::zeros({1, 3})));
  CHECK(same_bits(kernels::sum_to(Tensor::ones({2, 0}), {2, 0}), Tensor::ones({2, 0})));
}

TEST_CASE_TEMPLATE("argmax_last: the first of equal ones; NaN counts as largest", T, float, double) {
  const T inf = std::numeric_limits<T>::infinity(), nan = std::numeric_limits<T>::quiet_NaN();
  const auto indices = kernels::argmax_last(BasicTensor<T>(
      {2, 3, 3}, {1, 3, 3, 2, 2, 2, -inf, -inf, -inf, 0, nan, nan, nan, inf, 0, -1, -inf, inf}));
  const std::vector<Index> expected = {1, 0, 0, 1, 0, 2};
  CHECK(std::equal(indices.begin(), indices.end(), expected.begin(), expected.end()));
  CHECK(kernels::argmax_last(BasicTensor<T>::scalar(4)).size() == 1);
  CHECK(kernels::argmax_last(BasicTensor<T>::zeros({0, 4})).empty());
  std::mt19937 generator(5);
  const BasicTensor<T> x = random<T>(generator, {10'001, 11});
  const auto found = kernels::argmax_last(x);
  bool equal = true;
  for (Index row = 0; row < 10'001; ++row) {
    const T* values = x.data() + row * 11;
    equal = equal && found[static_cast<std::size_t>(row)] == std::max_element(values, values + 11) - values;
  }
  CHECK(equal);
}

TEST_CASE("reductions name what does not fit") {
  const Tensor x = Tensor::ones({2, 3});
  CHECK_THROWS_WITH_AS(kernels::sum(x, Axes{2}), "sum: axis 2 is out of range for x of shape [2, 3]", Error);
  CHECK_THROWS_WITH_AS(kernels::max(x, Axes{-3}), "max: axis -3 is out of range for x of shape [2, 3]",
                       Error);
  CHECK_THROWS_WITH_AS(kernels::sum(x, Axes{1, -1}), "sum: axis -1 of x of shape [2, 3] is named twice",
                       Error);
  CHECK_THROWS_WITH_AS(kernels::sum(Tensor::scalar(1), Axes{0}),
                       "sum: axis 0 is out of range for x of shape []", Error);
  CHECK_THROWS_WITH_AS(kernels::max(Tensor::zeros({0, 4}), Axes{0}),
                       "max: x is [0, 4]; there is no largest of no elements", Error);
  CHECK_THROWS_WITH_AS(kernels::sum_to(x, {2}), "sum_to: x is [2, 3]; [2] does not broadcast to it", Error);
  CHECK_THROWS_WITH_AS(kernels::sum_to(x, {1, 2, 3}),
                       "sum_to: x is [2, 3]; [1, 2, 3] does not broadcast to it", Error);
  CHECK_THROWS_WITH_AS(kernels::argmax_last(Tensor::zeros({2, 0})),
                       "argmax_last: x is [2, 0]; there is no largest of no features", Error);
}
