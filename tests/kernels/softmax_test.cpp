#include "eigengrad/kernels/softmax.hpp"
#include "eigengrad/core/random.hpp"
#include "eigengrad/kernels/layout.hpp"

#include "kernels/kernel_test.hpp"

using namespace eigengrad;
using namespace kernel_test;

namespace {

template <class T>
constexpr double rounding = std::numeric_limits<T>::epsilon();

long double naive_logsumexp(const double* x, Index n) {
  long double largest = -HUGE_VALL, sum = 0;
  for (Index i = 0; i < n; ++i) largest = std::max<long double>(largest, x[i]);
  for (Index i = 0; i < n; ++i) sum += std::exp(x[i] - largest);
  return largest + std::log(sum);
}

/// Values, and gradients against their formulas, for finite x.
template <class T>
void check_softmax(std::mt19937& generator, const BasicTensor<T>& x) {
  CAPTURE(to_string(x.shape()));
  const Index n = x.features();
  const BasicTensor<T> y = kernels::softmax(x), log_y = kernels::log_softmax(x),
                       total = kernels::logsumexp(x), dy = random<T>(generator, x.shape()),
                       dx = kernels::softmax_gradient(dy, y),
                       log_dx = kernels::log_softmax_gradient(dy, log_y);
  const BasicTensor<double> exact_x = x.template cast<double>(), exact_dy = dy.template cast<double>();
  double worst = 0, worst_log = 0, worst_total = 0, worst_dx = 0;
  for (Index row = 0; row < x.rows(); ++row) {
    const double* values = exact_x.data() + row * n;
    const double* g = exact_dy.data() + row * n;
    const long double expected = naive_logsumexp(values, n);
    const auto far = [](long double got, long double wanted, long double scale) {
      const auto error = static_cast<double>(std::abs(got - wanted) / (scale * rounding<T>));
      return error == error ? error : infinity;
    };
    worst_total = std::max(worst_total, far(total.data()[row], expected, std::max(1.0L, std::abs(expected))));
    long double sum = 0, weighted = 0, magnitude = 0;
    for (Index i = 0; i < n; ++i) {
      const long double p = std::exp(values[i] - expected);
      sum += g[i], weighted += g[i] * p, magnitude += std::abs(g[i]);
    }
    for (Index i = 0; i < n; ++i) {
      const Index at = row * n + i;
      const long double log_p = values[i] - expected, p = std::exp(log_p);
      // exp turns the rounding of x - largest, at most half an ulp of it, into a relative error.
      worst = std::max(worst, far(y.data()[at], p, p * (1 + std::abs(log_p)) + 1e-30L));
      worst_log = std::max(worst_log, far(log_y.data()[at], log_p, std::max(1.0L, std::abs(log_p))));
      worst_dx = std::max(worst_dx,
                          far(dx.data()[at], p * (g[i] - weighted), p * (1 + std::abs(log_p)) * 2 + 1e-30L));
      worst_dx = std::max(worst_dx, far(log_dx.data()[at], g[i] - p * sum,
                                        std::abs(g[i]) + p * (1 + std::abs(log_p)) * magnitude + 1e-30L));
    }
  }
  const double units = 4 + 0.2 * static_cast<double>(n) / 16;  // of rounding: sums have a chain for each lane
  CHECK(worst < units);
  CHECK(worst_log < units);
  CHECK(worst_total < units);
  CHECK(worst_dx < 2 * units);
}

}  // namespace

TEST_CASE("softmax: large tensors, written past the caches, are what their rows are alone") {
  // Rows that start on a vector, and rows that do not; the last are longer than what waits in the cache.
  for (const Shape& shape : {Shape{8200, 1024}, Shape{8300, 1023}, Shape{4100, 2064}}) {
    CAPTURE(to_string(shape));
    Rng rng(1);
    const Tensor x = rng.normal<float>(shape), dy = rng.normal<float>(shape);
    const Tensor y = kernels::softmax(x), log_y = kernels::log_softmax(x),
                 dx = kernels::softmax_gradient(dy, y), log_dx = kernels::log_softmax_gradient(dy, log_y);
    Index different = 0;
    for (Index row = 0; row < shape[0]; row += 500) {
      const auto part = [&](const Tensor& all) { return kernels::slice(all, 0, row, row + 1); };
      const auto compare = [&](const Tensor& all, const Tensor& alone) {
        const Tensor there = part(all);
        for (Index i = 0; i < alone.size(); ++i) different += there.data()[i] != alone.data()[i];
      };
      compare(y, kernels::softmax(part(x)));
      compare(log_y, kernels::log_softmax(part(x)));
      compare(dx, kernels::softmax_gradient(part(dy), part(y)));
      compare(log_dx, kernels::log_softmax_gradient(part(dy), part(log_y)));
    }
    CHECK(different == 0);
  }
}

TEST_CASE_TEMPLATE("softmax, log_softmax, logsumexp and gradients against the formulas", T, float, double) {
  const Poison poison;
  std::mt19937 generator(1);
  for (Index n = 1; n < 70; ++n) check_softmax(generator, random<T>(generator, {5, n}, -5, 5));
  check_softmax(generator, random<T>(generator, {2, 3, 4, 10}, -30, 30));
  check_softmax(generator, random<T>(generator, {1, 5000}, -3, 3));
  check_softmax(generator, random<T>(generator, {7}, -3, 3));
  for (double size : {1e3, 1e4}) {
    check_softmax(generator, random<T>(generator, {20, 17}, -size, size));
    check_softmax(generator, random<T>(generator, {20, 17}, size, size + 1));
    check_softmax(generator, random<T>(generator, {20, 17}, -size - 1, -size));
  }
}

TEST_CASE_TEMPLATE("softmax of infinities and NaN", T, float, double) {
  const T inf = std::numeric_limits<T>::infinity(), nan = std::numeric_limits<T>::quiet_NaN();
  for (Index n : {3, 16, 21, 40}) {
    CAPTURE(n);
    BasicTensor<T> x = BasicTensor<T>::full({4, n}, -inf);
    x.mutable_at(0, n - 1) = 5;    // one possible class
    x.mutable_at(2, 0) = inf;      // larger than all
    x.mutable_at(3, n / 2) = nan;  // row 1: no possible class
    const BasicTensor<T> y = kernels::softmax(x), log_y = kernels::log_softmax(x),
                         total = kernels::logsumexp(x);
    CHECK(total(0) == 5);
    CHECK(total(1) == -inf);
    CHECK(total(2) == inf);
    CHECK(std::isnan(total(3)));
    bool as_expected = true;
    for (Index j = 0; j < n; ++j) {
      as_expected = as_expected && y(0, j) == (j == n - 1 ? 1 : 0) && log_y(0, j) == (j == n - 1 ? 0 : -inf);
      for (Index row = 1; row < 4; ++row)
        as_expected = as_expected && std::isnan(y(row, j)) && std::isnan(log_y(row, j));
    }
    CHECK(as_expected);
    // A class of probability 0 gets no gradient from the others, and none of its own: exp(-inf) = 0.
    const BasicTensor<T> dy = BasicTensor<T>::ones({4, n});
    const BasicTensor<T> dx = kernels::softmax_gradient(dy, y),
                         log_dx = kernels::log_softmax_gradient(dy, log_y);
    for (Index j = 0; j + 1 < n; ++j) as_expected = as_expected && dx(0, j) == 0 && log_dx(0, j) == 1;
    CHECK(as_expected);
    CHECK(log_dx(0, n - 1) == 1 - static_cast<T>(n));
  }
}

TEST_CASE_TEMPLATE("softmax of a NaN among numbers is NaN, wherever it stands", T, float, double) {
  const T inf = std::numeric_limits<T>::infinity(), nan = std::numeric_limits<T>::quiet_NaN();
  constexpr Index n = 83;  // some vectors of every instruction set, and a rest
  std::mt19937 generator(1);
  BasicTensor<T> x = random<T>(generator, {n, n}, -5, 5);
  for (Index row = 0; row < n; ++row) x.mutable_at(row, row) = nan;
  const auto all_nan = [](const BasicTensor<T>& values) {
    return std::all_of(values.values().begin(), values.values().end(), [](T v) { return v != v; });
  };
  CHECK(all_nan(kernels::softmax(x)));
  CHECK(all_nan(kernels::log_softmax(x)));
  CHECK(all_nan(kernels::logsumexp(x)));
  // Nor does an inf hide it, before or behind it.
  for (Index row = 0; row < n; ++row) x.mutable_at(row, (row + n / 2) % n) = inf;
  CHECK(all_nan(kernels::softmax(x)));
  CHECK(all_nan(kernels::log_softmax(x)));
  CHECK(all_nan(kernels::logsumexp(x)));
}

TEST_CASE_TEMPLATE("softmax of nothing", T, float, double) {
  const Poison poison;
  CHECK(kernels::softmax(BasicTensor<T>::zeros({0, 4})).shape() == Shape{0, 4});
  CHECK(kernels::log_softmax(BasicTensor<T>::zeros({4, 0})).shape() == Shape{4, 0});
  CHECK(kernels::logsumexp(BasicTensor<T>::zeros({0, 4})).shape() == Shape{0});
  const BasicTensor<T> empty_sum = kernels::logsumexp(BasicTensor<T>::zeros({2, 0}));  // log 0
  REQUIRE(empty_sum.shape() == Shape{2});
  for (T value : empty_sum.values()) CHECK(value == -std::numeric_limits<T>::infinity());
}

TEST_CASE("logsumexp keeps or drops the axis") {
  const Tensor x = Tensor::zeros({2, 3, 4});
  CHECK(kernels::logsumexp(x).shape() == Shape{2, 3});
  CHECK(same_bits(kernels::logsumexp(x, true), kernels::logsumexp(x).reshape({2, 3, 1})));
  CHECK(kernels::logsumexp(Tensor::zeros({4})).shape() == Shape{});
}

TEST_CASE("softmax kernels have the same bits on any number of threads and for a row anywhere") {
  std::mt19937 generator(2);
  const Tensor x = random<float>(generator, {3001, 37}, -4, 4), dy = random<float>(generator, {3001, 37});
  CHECK(independent_of_threads([&] { return kernels::softmax(x); }));
  CHECK(independent_of_threads([&] { return kernels::log_softmax(x); }));
  CHECK(independent_of_threads([&] { return kernels::logsumexp(x); }));
  CHECK(independent_of_threads([&] { return kernels::softmax_gradient(dy, x); }));
  CHECK(independent_of_threads([&] { return kernels::log_softmax_gradient(dy, x); }));
  const Tensor row({1, 37}, x.values().subspan(2999 * 37, 37));
  const Tensor all = kernels::softmax(x);
  CHECK(same_bits(kernels::softmax(row), Tensor({1, 37}, all.values().subspan(2999 * 37, 37))));
}

TEST_CASE("softmax kernels name what does not fit") {
  const Tensor x = Tensor::ones({2, 3});
  CHECK_THROWS_WITH_AS(kernels::softmax(Tensor::scalar(1)), "softmax: x is []; it needs a last axis", Error);
  CHECK_THROWS_WITH_AS(kernels::log_softmax(Tensor::scalar(1)), "log_softmax: x is []; it needs a last axis",
                       Error);
  CHECK_THROWS_WITH_AS(kernels::logsumexp(Tensor::scalar(1)), "logsumexp: x is []; it needs a last axis",
                       Error);
  CHECK_THROWS_WITH_AS(kernels::softmax_gradient(x, Tensor::ones({3})),
                       "softmax_gradient: dy is [2, 3], y is [3]; they must be equal", Error);
  CHECK_THROWS_WITH_AS(kernels::log_softmax_gradient(x, Tensor::ones({3})),
                       "log_softmax_gradient: dy is [2, 3], y is [3]; they must be equal", Error);
}
