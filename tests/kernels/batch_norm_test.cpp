#include "eigengrad/kernels/batch_norm.hpp"

#include "eigengrad/core/random.hpp"
#include "eigengrad/kernels/layout.hpp"
#include "kernels/kernel_test.hpp"

using namespace eigengrad;
using namespace kernel_test;

namespace {

constexpr double epsilon = 1e-5;

/// The definition, column by column, in long double.
struct Naive {
  BasicTensor<double> value, mean, variance, dx, dgamma, dbeta;

  template <class T>
  Naive(const BasicTensor<T>& x, const BasicTensor<T>& gamma, const BasicTensor<T>& beta,
        const BasicTensor<T>& dy, Index groups, double slope)
      : value(BasicTensor<double>::zeros(x.shape())),
        mean(BasicTensor<double>::zeros({groups, x.features()})),
        variance(mean),
        dx(value),
        dgamma(BasicTensor<double>::zeros({x.features()})),
        dbeta(dgamma) {
    const Index channels = x.features(), rows = x.rows() / groups;
    for (Index g = 0; g < groups; ++g)
      for (Index c = 0; c < channels; ++c) {
        const auto at = [&](Index r) { return (g * rows + r) * channels + c; };
        const auto n = static_cast<long double>(rows);
        long double m = 0, v = 0, dz_sum = 0, dz_xhat_sum = 0;
        for (Index r = 0; r < rows; ++r) m += x.data()[at(r)] / n;
        for (Index r = 0; r < rows; ++r) v += (x.data()[at(r)] - m) * (x.data()[at(r)] - m) / n;
        const long double inverse = 1 / std::sqrt(v + epsilon), scale = gamma(c), shift = beta(c);
        const auto xhat = [&](Index r) { return (x.data()[at(r)] - m) * inverse; };
        const auto factor = [&](Index r) {
          return xhat(r) * scale + shift > 0 ? 1.0L : static_cast<long double>(slope);
        };
        for (Index r = 0; r < rows; ++r) {
          value.mutable_data()[at(r)] = static_cast<double>((xhat(r) * scale + shift) * factor(r));
          dz_sum += dy.data()[at(r)] * factor(r);
          dz_xhat_sum += dy.data()[at(r)] * factor(r) * xhat(r);
        }
        for (Index r = 0; r < rows; ++r)
          dx.mutable_data()[at(r)] = static_cast<double>(
              scale * inverse * (dy.data()[at(r)] * factor(r) - dz_sum / n - xhat(r) * dz_xhat_sum / n));
        mean.mutable_at(g, c) = static_cast<double>(m);
        variance.mutable_at(g, c) = static_cast<double>(v);
        dgamma.mutable_at(c) += static_cast<double>(dz_xhat_sum);
        dbeta.mutable_at(c) += static_cast<double>(dz_sum);
      }
  }
};

template <class T>
void check_batch_norm(std::mt19937& generator, const Shape& shape, Index groups, double slope) {
  CAPTURE(to_string(shape));
  CAPTURE(groups);
  CAPTURE(slope);
  const BasicTensor<T> dy = random<T>(generator, shape), gamma = random<T>(generator, {shape[-1]}, 0.5, 2),
                       beta = random<T>(generator, {shape[-1]});
  BasicTensor<T> x = random<T>(generator, shape, -1, 3);
  // Keep z away from 0, where rounding decides the side of the kink.
  if (slope != 1) {
    const Naive trial(x, gamma, beta, dy, groups, 1);
    for (Index i = 0; i < x.size(); ++i)
      if (std::abs(trial.value.data()[i]) < 1e-4) x.mutable_data()[i] += T(0.01);
  }
  const Naive expected(x, gamma, beta, dy, groups, slope);
  const auto y = kernels::batch_norm(x, gamma, beta, groups, epsilon, slope);
  const auto gradients = kernels::batch_norm_gradient(dy, x, gamma, y.mean, y.inverse_std, &beta, slope);
  const auto over = kernels::batch_norm_gradient(dy.clone(), x, gamma, y.mean, y.inverse_std, &beta, slope);
  CHECK((over.dx.array() == gradients.dx.array()).all());
  // A chain of n sums of values near 1 is off by about sqrt(n) roundings of its size: a mean by sqrt(n)
  // units, a sum of n values of either sign, of size sqrt(n), by n. Chains end after 256 rows.
  const double unit = std::numeric_limits<T>::epsilon(), rows = static_cast<double>(x.rows());
  const double chain = unit * (1 + std::sqrt(std::min(rows / static_cast<double>(groups), 256.0)));
  // A variance of almost 0, as of two rows that are nearly equal, multiplies every rounding by 1 / std.
  double inverse = 1;
  for (double v : expected.variance.values()) inverse = std::max(inverse, 1 / std::sqrt(v + epsilon));
  CHECK(largest_difference(y.mean, expected.mean) < chain);
  CHECK(largest_difference(y.variance, expected.variance) < 2 * chain);
  CHECK(largest_difference(y.value, expected.value) < 4 * chain * inverse);
  CHECK(largest_difference(gradients.dx, expected.dx) < 4 * chain * inverse * inverse);
  CHECK(largest_difference(gradients.dgamma, expected.dgamma) < chain * std::sqrt(rows) * inverse);
  CHECK(largest_difference(gradients.dbeta, expected.dbeta) < chain * std::sqrt(rows));
}

}  // namespace

TEST_CASE_TEMPLATE("batch_norm and its gradients against the definition", T, float, double) {
  const Poison poison;
  std::mt19937 generator(1);
  for (double slope : {1.0, 0.1, 0.0}) {
    for (Index channels : {1, 2, 3, 4, 5, 7, 8, 12, 15, 16, 17, 31, 33, 40, 64, 65, 100, 129})
      for (Index rows : {3, 8, 37}) check_batch_norm<T>(generator, {2 * rows, channels}, 2, slope);
    check_batch_norm<T>(generator, {6, 5, 7, 3}, 3, slope);
    check_batch_norm<T>(generator, {4, 14, 14, 20}, 1, slope);
    check_batch_norm<T>(generator, {1030, 3}, 1, slope);  // 515 rows of six columns
    check_batch_norm<T>(generator, {2048, 1}, 2, slope);
    check_batch_norm<T>(generator, {777, 1}, 1, slope);
    check_batch_norm<T>(generator, {300, 385}, 1, slope);  // blocks of rows, strips of columns
    check_batch_norm<T>(generator, {10, 1000}, 2, slope);
  }
}

TEST_CASE_TEMPLATE("batch_norm: a mean far larger than the deviation costs the variance no digits", T, float,
                   double) {
  std::mt19937 generator(2);
  std::normal_distribution<double> normal;
  for (Index channels : {1, 3, 20})
    for (double far : {1e4, -1e4}) {
      const Index rows = 5000;
      BasicTensor<T> x = BasicTensor<T>::uninitialized({rows, channels});
      for (T& value : x.mutable_values()) value = static_cast<T>(far + normal(generator));
      const BasicTensor<T> ones = BasicTensor<T>::ones({channels}), zeros = BasicTensor<T>::zeros({channels});
      const Naive expected(x, ones, zeros, x, 1, 1);
      const auto statistics = kernels::batch_norm_statistics(x, 1);
      const double unit = std::numeric_limits<T>::epsilon();
      CHECK(largest_difference(statistics.mean, expected.mean) <= unit * 1e4);
      CHECK(largest_difference(statistics.variance, expected.variance) < 20 * unit);
      const auto y = kernels::batch_norm(x, ones, zeros, 1, epsilon);
      CHECK(same_bits(y.mean, statistics.mean));
      CHECK(same_bits(y.variance, statistics.variance));
      CHECK(largest_difference(y.value, expected.value) < unit * 1e4);  // that of the mean as a T
    }
}

TEST_CASE_TEMPLATE("batch_norm: constant columns, one row, infinite values", T, float, double) {
  const Poison poison;
  const BasicTensor<T> gamma = BasicTensor<T>::full({2}, 3), beta({2}, {5, -1});
  for (Index rows : {1, 2, 300}) {
    const BasicTensor<T> x = BasicTensor<T>::full({rows, 2}, 0.3);
    const auto y = kernels::batch_norm(x, gamma, beta, 1, epsilon, 0.5);
    bool equal = true;
    for (Index i = 0; i < rows; ++i) equal = equal && y.value(i, 0) == 5 && y.value(i, 1) == T(-0.5);
    CHECK(equal);
    CHECK(y.variance(0, 0) == 0);
    CHECK(y.mean(0, 1) == T(0.3));
  }
  // Not finite in one column, nothing to the other.
  BasicTensor<T> x = BasicTensor<T>::full({4, 2}, 0.5);
  x.mutable_at(2, 0) = std::numeric_limits<T>::infinity();
  const auto y = kernels::batch_norm(x, gamma, beta, 1, epsilon);
  for (Index i = 0; i < 4; ++i) {
    CHECK(std::isnan(y.value(i, 0)));
    CHECK(y.value(i, 1) == -1);
  }
}

TEST_CASE_TEMPLATE("batch_norm: each group is a batch of its own", T, float, double) {
  std::mt19937 generator(3);
  for (Index channels : {3, 32}) {
    const BasicTensor<T> gamma = random<T>(generator, {channels}), beta = random<T>(generator, {channels}),
                         a = random<T>(generator, {40, 3, channels}),
                         b = random<T>(generator, {40, 3, channels}, 2, 5);
    BasicTensor<T> both = BasicTensor<T>::uninitialized({80, 3, channels});
    std::copy(a.data(), a.data() + a.size(), both.mutable_data());
    std::copy(b.data(), b.data() + b.size(), both.mutable_data() + a.size());
    const auto y = kernels::batch_norm(both, gamma, beta, 2, epsilon, 0.2),
               ya = kernels::batch_norm(a, gamma, beta, 1, epsilon, 0.2),
               yb = kernels::batch_norm(b, gamma, beta, 1, epsilon, 0.2);
    const auto half = static_cast<std::size_t>(a.size());
    CHECK(same_bits(BasicTensor<T>(a.shape(), y.value.values().first(half)), ya.value));
    CHECK(same_bits(BasicTensor<T>(a.shape(), y.value.values().last(half)), yb.value));
    const auto dx = kernels::batch_norm_gradient(both, both, gamma, y.mean, y.inverse_std, &beta, 0.2),
               dxb = kernels::batch_norm_gradient(b, b, gamma, yb.mean, yb.inverse_std, &beta, 0.2);
    CHECK(same_bits(BasicTensor<T>(a.shape(), dx.dx.values().last(half)), dxb.dx));
  }
}

TEST_CASE_TEMPLATE("batch_norm: the reverse pass is on the side of the kink that the forward pass was on", T,
                   float, double) {
  // For ReLU and dy = 1, dbeta counts the positive values.
  std::mt19937 generator(4);
  const BasicTensor<T> x = random<T>(generator, {500, 20}), gamma = random<T>(generator, {20}),
                       beta = random<T>(generator, {20}, -0.1, 0.1), dy = BasicTensor<T>::ones({500, 20});
  const auto y = kernels::batch_norm(x, gamma, beta, 1, epsilon, 0);
  const auto gradients = kernels::batch_norm_gradient(dy, x, gamma, y.mean, y.inverse_std, &beta, 0);
  std::vector<Index> positive(20);
  for (Index i = 0; i < y.value.size(); ++i)
    positive[static_cast<std::size_t>(i % 20)] += y.value.data()[i] > 0;
  for (Index c = 0; c < 20; ++c)
    CHECK(gradients.dbeta(c) == static_cast<T>(positive[static_cast<std::size_t>(c)]));
}

TEST_CASE("batch_norm has the same bits on any number of threads") {
  std::mt19937 generator(5);
  for (const auto& shape : {Shape{600, 7, 64}, Shape{20'000, 3}, Shape{128, 1500}, Shape{4001, 9}}) {
    CAPTURE(to_string(shape));
    const Tensor x = random<float>(generator, shape), dy = random<float>(generator, shape),
                 gamma = random<float>(generator, {shape[-1]}), beta = random<float>(generator, {shape[-1]});
    const auto y = kernels::batch_norm(x, gamma, beta, 1, epsilon);
    const auto gradient = [&] {
      return kernels::batch_norm_gradient(dy, x, gamma, y.mean, y.inverse_std, &beta, 0.1);
    };
    CHECK(independent_of_threads([&] { return kernels::batch_norm(x, gamma, beta, 1, epsilon, 0.1).value; }));
    CHECK(independent_of_threads(
        [&] { return kernels::batch_norm(x, gamma, beta, 1, epsilon, 0.1).variance; }));
    CHECK(independent_of_threads([&] { return gradient().dx; }));
    CHECK(independent_of_threads([&] { return gradient().dgamma; }));
    CHECK(independent_of_threads([&] { return gradient().dbeta; }));
  }
}

TEST_CASE_TEMPLATE("batch norm kernels write their columns and nothing else", T, float, double) {
  std::mt19937 generator(6);
  for (Index columns = 1; columns < 140; columns += columns < 40 ? 1 : 7) {
    const Index rows = 3, stride = columns + 2;
    const BasicTensor<T> x = random<T>(generator, {rows, stride}), dy = random<T>(generator, {rows, stride}),
                         c = random<T>(generator, {columns});
    std::vector<T> y(static_cast<std::size_t>(rows * stride) + 1, T(77)),
        a(static_cast<std::size_t>(columns) + 2, T(77)), b = a, dx = y;
    kernels::dispatch([&](auto isa) {
      const kernels::BatchNormColumns<T> forward{c.data(), c.data(), c.data(), T(0.5)};
      batch_norm_value(isa, x.data(), rows, stride, columns, forward, y.data() + 1);
      batch_norm_dx(isa, dy.data(), x.data(), rows, stride, columns, forward, c.data(), c.data(),
                    dx.data() + 1);
      batch_norm_moments(isa, x.data(), rows, stride, columns, c.data(), a.data() + 1, b.data() + 1);
    });
    CAPTURE(columns);
    bool intact = a.front() == T(77) && a.back() == T(77) && b.front() == T(77) && b.back() == T(77);
    for (std::size_t i = 0; i < y.size(); ++i) {
      const Index at = static_cast<Index>(i) - 1;
      const bool outside = at < 0 || at % stride >= columns;
      intact = intact && (y[i] == T(77)) == outside && (dx[i] == T(77)) == outside;
    }
    CHECK(intact);
  }
}

TEST_CASE_TEMPLATE("batch norm of groups too large for the caches is that of each group", T, float, double) {
  Rng rng(8);
  const Index rows = (Index{33} << 20) / (64 * static_cast<Index>(sizeof(T))) / 2 + 5;
  const BasicTensor<T> x = rng.normal<T>({2 * rows, 64}), dy = rng.normal<T>({2 * rows, 64});
  const BasicTensor<T> gamma = rng.uniform<T>({64}, 0.5, 2), beta = rng.uniform<T>({64}, -1, 1);
  const auto run = [&](const BasicTensor<T>& values, const BasicTensor<T>& adjoint, Index groups) {
    const auto forward = kernels::batch_norm(values, gamma, beta, groups, 1e-5, 0.1);
    return std::pair(forward.value, kernels::batch_norm_gradient(adjoint, values, gamma, forward.mean,
                                                                 forward.inverse_std, &beta, 0.1)
                                        .dx);
  };
  const auto [y, dx] = run(x, dy, 2);
  for (const Index begin : {Index{0}, rows}) {
    const auto [of_y, of_dx] =
        run(kernels::slice(x, 0, begin, begin + rows), kernels::slice(dy, 0, begin, begin + rows), 1);
    Index wrong = 0;
    for (Index i = 0; i < of_y.size(); ++i)
      wrong += y.data()[begin * 64 + i] != of_y.data()[i] || dx.data()[begin * 64 + i] != of_dx.data()[i];
    CHECK(wrong == 0);
  }
}

TEST_CASE("batch norm kernels name what does not fit") {
  const Tensor x = Tensor::ones({4, 3}), c = Tensor::ones({3}), s = Tensor::ones({1, 3});
  CHECK_THROWS_WITH_AS(kernels::batch_norm(x, Tensor::ones({2}), c, 1, epsilon),
                       "batch_norm: x is [4, 3], gamma is [2], beta is [3]; gamma and beta must be [3]",
                       Error);
  CHECK_THROWS_WITH_AS(kernels::batch_norm(x, c, c, 3, epsilon),
                       "batch_norm: x is [4, 3], groups is 3; groups must divide the first axis, and each "
                       "hold at least one row",
                       Error);
  CHECK_THROWS_WITH_AS(kernels::batch_norm(x, c, c, 0, epsilon),
                       doctest::Contains("batch_norm: x is [4, 3], groups is 0"), Error);
  CHECK_THROWS_WITH_AS(kernels::batch_norm(Tensor::zeros({0, 3}), c, c, 1, epsilon),
                       doctest::Contains("batch_norm: x is [0, 3], groups is 1"), Error);
  CHECK_THROWS_WITH_AS(kernels::batch_norm_statistics(c, 1),
                       "batch_norm_statistics: x is [3]; it must be [N, ..., C]", Error);
  CHECK_THROWS_WITH_AS(
      kernels::batch_norm_gradient(Tensor::ones({4, 2}), x, c, s, s),
      "batch_norm_gradient: dy is [4, 2], x is [4, 3], gamma is [3], mean is [1, 3], inverse_std is "
      "[1, 3]; they do not belong together",
      Error);
  CHECK_THROWS_WITH_AS(kernels::batch_norm_gradient<float>(x, x, c, s, s, nullptr, 0.1),
                       "batch_norm_gradient: slope is 0.1; this needs beta", Error);
}
