#include "eigengrad/kernels/products.hpp"

#include <doctest/doctest.h>

#include <array>
#include <cmath>
#include <cstring>
#include <limits>
#include <random>
#include <utility>
#include <vector>

#include "kernels/kernel_test.hpp"

using namespace eigengrad;
using namespace kernel_test;

namespace {

/// Number of elements of op(a) op(b) + bias that are further from a sum in double than rounding
/// explains: k + 1 roundings relative to the sum of magnitudes.
template <class T>
Index wrong_elements(const BasicTensor<T>& c, const BasicTensor<T>& a, const BasicTensor<T>& b, bool ta,
                     bool tb, const BasicTensor<T>* bias) {
  const Index m = a.shape()[ta], k = a.shape()[!ta], n = b.shape()[!tb];
  if (c.shape() != Shape{m, n}) return -1;
  // Both as doubles, rows of op(b) side by side: sums run along them.
  std::vector<double> left, right;
  for (Index i = 0; i < m; ++i)
    for (Index p = 0; p < k; ++p) left.push_back(static_cast<double>(a.data()[ta ? p * m + i : i * k + p]));
  for (Index p = 0; p < k; ++p)
    for (Index j = 0; j < n; ++j) right.push_back(static_cast<double>(b.data()[tb ? j * k + p : p * n + j]));
  Index wrong = 0;
#ifdef _OPENMP
#  pragma omp parallel for reduction(+ : wrong)
#endif
  for (Index i = 0; i < m; ++i) {
    std::vector<double> sums(static_cast<std::size_t>(n)), magnitudes(sums);
    double *const sum = sums.data(), *const magnitude = magnitudes.data();
    const auto add = [&](Index j, double term) {
      sum[j] += term;
      magnitude[j] += std::abs(term);
    };
    for (Index j = 0; bias != nullptr && j < n; ++j) add(j, static_cast<double>(bias->data()[j]));
    for (Index p = 0; p < k; ++p)
      for (Index j = 0; j < n; ++j) add(j, left.data()[i * k + p] * right.data()[p * n + j]);
    for (Index j = 0; j < n; ++j) {
      const double bound =
          std::numeric_limits<T>::epsilon() * magnitude[j] * (4 + std::sqrt(static_cast<double>(k)));
      if (!(std::abs(static_cast<double>(c.data()[i * n + j]) - sum[j]) <= bound)) ++wrong;
    }
  }
  return wrong;
}

template <class T>
void check_product(Index m, Index n, Index k, bool ta, bool tb, bool with_bias, std::mt19937& generator) {
  CAPTURE(m);
  CAPTURE(n);
  CAPTURE(k);
  CAPTURE(ta);
  CAPTURE(tb);
  const BasicTensor<T> a = random<T>(generator, ta ? Shape{k, m} : Shape{m, k});
  const BasicTensor<T> b = random<T>(generator, tb ? Shape{n, k} : Shape{k, n});
  const BasicTensor<T> bias = random<T>(generator, {n});
  const BasicTensor<T>* added = with_bias ? &bias : nullptr;
  const BasicTensor<T> c = kernels::matmul(a, b, ta, tb, added);
  REQUIRE(wrong_elements(c, a, b, ta, tb, added) == 0);
}

}  // namespace

TEST_CASE_TEMPLATE("matmul agrees with plain loops for every small shape", T, float, double) {
  const Poison poison;
  std::mt19937 generator(1);
  std::uniform_int_distribution<Index> extent(0, 70);
  for (int trial = 0; trial < 600; ++trial)
    check_product<T>(extent(generator), extent(generator), extent(generator), trial & 1, trial & 2, trial & 4,
                     generator);
  for (Index m = 1; m <= 60; ++m)
    for (Index n : {1, 2, 3, 7, 8, 9, 15, 16, 17, 31, 32, 33})
      check_product<T>(m, n, 5, m & 1, n & 2, m & 2, generator);
}

TEST_CASE_TEMPLATE("matmul agrees with plain loops over several blocks of every extent", T, float, double) {
  const Poison poison;
  std::mt19937 generator(2);
  const Index shapes[][3] = {{1, 700, 1100},   {700, 1, 1100},  {130, 600, 37},  {600, 130, 1},
                             {129, 127, 1030}, {3, 5, 20'000},  {40, 9, 9000},   {300, 300, 300},
                             {64, 1024, 513},  {1025, 65, 257}, {30, 1024, 600}, {2, 2, 3000},
                             {529, 513, 512},  {200, 520, 1024}};
  int trial = 0;
  for (const auto& [m, n, k] : shapes)
    for (int repeat = 0; repeat < 2; ++repeat, ++trial)
      check_product<T>(m, n, k, trial & 1, (trial >> 1 ^ trial) & 1, trial & 4, generator);
}

TEST_CASE_TEMPLATE("matmul agrees with plain loops where tiles pack what comes next", T, float, double) {
  // Several tasks and blocks of k, rows that are a multiple of 4 KB apart and others, in every form.
  const Poison poison;
  std::mt19937 generator(15);
  for (const auto& [m, n, k] : {std::array<Index, 3>{76, 1024, 1100},
                                {1024, 112, 1100},
                                {100, 1031, 1024},
                                {1000, 70, 530},
                                {128, 1000, 777},
                                {513, 511, 509},
                                {30, 8192, 9},
                                {100, 320, 47},
                                {2000, 15, 1100}})
    for (int form = 0; form < 4; ++form) check_product<T>(m, n, k, form & 1, form & 2, form == 0, generator);
}

TEST_CASE_TEMPLATE("matmul agrees with plain loops where one operand is narrow", T, float, double) {
  // Tiles read the other one, or where k is long both, where they lie.
  const Poison poison;
  std::mt19937 generator(12);
  for (const auto& [wide, k] :
       {std::pair<Index, Index>{997, 40}, {150, 1024}, {1000, 70}, {301, 600}, {30, 2000}})
    for (Index narrow : {2, 7, 16, 33, 64, 129})
      for (int form = 0; form < 4; ++form) {
        check_product<T>(wide, narrow, k, form & 1, form & 2, true, generator);
        check_product<T>(narrow, wide, k, form & 1, form & 2, false, generator);
      }
}

TEST_CASE_TEMPLATE("matmul agrees with plain loops where the transposed result is computed", T, float,
                   double) {
  const Poison poison;
  std::mt19937 generator(17);
  for (const auto& [m, n, k] : {std::array<Index, 3>{90, 40, 2100},
                                {300, 17, 2048},
                                {1000, 2, 3000},
                                {65, 64, 2500},
                                {2, 1, 5000},
                                {1100, 130, 2049}})
    for (const bool with_bias : {false, true}) check_product<T>(m, n, k, true, false, with_bias, generator);
}

TEST_CASE_TEMPLATE("matmul agrees with plain loops where a few rows meet a matrix from memory", T, float,
                   double) {
  const Poison poison;
  std::mt19937 generator(16);
  for (const auto& [m, n, k] :
       {std::array<Index, 3>{5, 4096, 800}, {16, 8192, 400}, {25, 4099, 1030}, {48, 3001, 1100}})
    for (bool transpose_a : {false, true})
      check_product<T>(m, n, k, transpose_a, false, transpose_a, generator);
}

TEST_CASE_TEMPLATE("matmul reads nothing outside of its operands", T, float, double) {
  std::mt19937 generator(13);
  for (const auto& [m, n, k] : {std::array<Index, 3>{16, 16, 16},
                                {17, 19, 5},
                                {5, 40, 33},
                                {64, 64, 64},
                                {1001, 20, 70},
                                {1000, 32, 70},
                                {11, 1001, 70},
                                {12, 1024, 70},
                                {1001, 20, 700},
                                {10, 10, 5000},
                                {33, 7, 1500},
                                {1001, 16, 700},
                                {46, 8, 33},
                                {44, 16, 64},
                                {22, 8, 64},
                                {48, 64, 1030},
                                {130, 300, 70},
                                {127, 1030, 600},
                                {76, 1024, 1100},
                                {1032, 200, 1100},
                                {40, 4099, 800}})
    for (int form = 0; form < 4; ++form) {
      const bool ta = form & 1, tb = form & 2;
      const Index rows = m, columns = n;
      CAPTURE(rows);
      CAPTURE(columns);
      CAPTURE(form);
      const BasicTensor<T> a = random<T>(generator, ta ? Shape{k, m} : Shape{m, k});
      const BasicTensor<T> b = random<T>(generator, tb ? Shape{n, k} : Shape{k, n});
      const GuardedCopy<T> guarded_a(a), guarded_b(b);
      const BasicTensor<T> c =
          kernels::detail::multiply<T>(guarded_a.data(), ta, guarded_b.data(), tb, m, n, k, nullptr);
      CHECK(same_bits(c, kernels::matmul(a, b, ta, tb)));
    }
}

TEST_CASE_TEMPLATE("matmul agrees with plain loops where the result is written past the caches", T, float,
                   double) {
  const Poison poison;
  std::mt19937 generator(14);
  const Index rows = (Index{33} << 20) / static_cast<Index>(4112 * sizeof(T));
  check_product<T>(rows, 4112, 3, false, false, true, generator);
  check_product<T>(rows + 1, 4112, 1, true, true, false, generator);
  check_product<T>(4097, rows + 2, 2, true, false, false, generator);  // rows are not whole lines
}

TEST_CASE_TEMPLATE("matmul: empty extents", T, float, double) {
  const Poison poison;
  const BasicTensor<T> bias({3}, {1, 2, 3});
  const BasicTensor<T> a = BasicTensor<T>::zeros({2, 0}), b = BasicTensor<T>::zeros({0, 3});
  CHECK(same_bits(kernels::matmul(a, b), BasicTensor<T>::zeros({2, 3})));
  CHECK(same_bits(kernels::matmul(a, b, false, false, &bias), BasicTensor<T>({2, 3}, {1, 2, 3, 1, 2, 3})));
  CHECK(same_bits(kernels::matmul(b, a, true, true), BasicTensor<T>::zeros({3, 2})));
  CHECK(kernels::matmul(b, BasicTensor<T>::zeros({3, 4})).shape() == Shape{0, 4});
  const BasicTensor<T> long_a = BasicTensor<T>::zeros({3000, 5}), nothing = BasicTensor<T>::zeros({3000, 0});
  CHECK(kernels::matmul(long_a, nothing, true, false).shape() == Shape{5, 0});
  CHECK(kernels::matmul(nothing, long_a, true, false).shape() == Shape{0, 5});
  CHECK(kernels::matmul(BasicTensor<T>::zeros({4, 2}), a).shape() == Shape{4, 0});
}

TEST_CASE_TEMPLATE("matmul gives the same bits for any number of threads", T, float, double) {
  const Poison poison;
  std::mt19937 generator(3);
  const int threads = thread_count();
  const Index shapes[][3] = {{128, 300, 700}, {1000, 130, 90},   {20, 30, 12'000}, {64, 64, 64},
                             {1, 2000, 300},  {2000, 1, 300},    {13, 1024, 900},  {1, 130, 3000},
                             {130, 1, 3000},  {100, 1024, 1100}, {900, 520, 1024}, {1100, 512, 1024},
                             {20, 4099, 800}, {130, 20, 5000},   {129, 129, 129},  {96, 97, 512}};
  for (const auto& [m, n, k] : shapes) {
    const BasicTensor<T> a = random<T>(generator, {k, m}), b = random<T>(generator, {k, n});
    set_thread_count(1);
    const BasicTensor<T> one = kernels::matmul(a, b, true, false);
    for (int count : {2, 3}) {
      set_thread_count(count);
      CHECK(same_bits(kernels::matmul(a, b, true, false), one));
    }
  }
  set_thread_count(threads);
}

TEST_CASE_TEMPLATE("linear acts on the last axis of any tensor", T, float, double) {
  std::mt19937 generator(4);
  const BasicTensor<T> w = random<T>(generator, {7, 5}), bias = random<T>(generator, {5});
  for (const Shape& shape : {Shape{7}, Shape{3, 7}, Shape{2, 3, 4, 7}, Shape{0, 7}}) {
    const BasicTensor<T> x = random<T>(generator, shape);
    const BasicTensor<T> y = kernels::linear(x, w, &bias), matrix = x.reshape({x.rows(), 7});
    REQUIRE(y.rank() == x.rank());
    CHECK(y.shape()[-1] == 5);
    CHECK(y.rows() == x.rows());
    CHECK(same_bits(y.reshape({x.rows(), 5}), kernels::matmul(matrix, w, false, false, &bias)));
  }
}

TEST_CASE_TEMPLATE("products propagate NaN and infinity of the operands only to where they belong", T, float,
                   double) {
  BasicTensor<T> a = BasicTensor<T>::ones({13, 33}), b = BasicTensor<T>::ones({33, 35});
  a.mutable_at(4, 32) = std::numeric_limits<T>::infinity();
  b.mutable_at(0, 34) = std::numeric_limits<T>::quiet_NaN();
  const BasicTensor<T> c = kernels::matmul(a, b);
  for (Index i = 0; i < 13; ++i)
    for (Index j = 0; j < 35; ++j) {
      if (j == 34)
        CHECK(std::isnan(c(i, j)));
      else
        CHECK(c(i, j) == (i == 4 ? T(infinity) : T(33)));
    }
}

TEST_CASE_TEMPLATE("so do products whose transposed result is computed", T, float, double) {
  BasicTensor<T> a = BasicTensor<T>::ones({2100, 30}), b = BasicTensor<T>::ones({2100, 20});
  a.mutable_at(7, 4) = std::numeric_limits<T>::infinity();
  b.mutable_at(9, 19) = std::numeric_limits<T>::quiet_NaN();
  const BasicTensor<T> c = kernels::matmul(a, b, true, false);
  for (Index i = 0; i < 30; ++i)
    for (Index j = 0; j < 20; ++j) {
      if (j == 19)
        CHECK(std::isnan(c(i, j)));
      else
        CHECK(c(i, j) == (i == 4 ? T(infinity) : T(2100)));
    }
}

TEST_CASE("products: error texts") {
  const Tensor a = Tensor::zeros({32, 64}), b = Tensor::zeros({128, 10}), bias = Tensor::zeros({11});
  CHECK_THROWS_WITH_AS(kernels::matmul(a, b),
                       "matmul: a is [32, 64], b is [128, 10]; columns of a (64) must equal rows of b (128)",
                       Error);
  CHECK_THROWS_WITH_AS(
      kernels::matmul(a, b, true, true),
      "matmul: a is [32, 64] transposed, b is [128, 10] transposed; columns of a (32) must equal "
      "rows of b (10) after transposition",
      Error);
  CHECK_THROWS_WITH_AS(kernels::matmul(a, Tensor::zeros({64})),
                       "matmul: a is [32, 64], b is [64]; both must have rank 2", Error);
  CHECK_THROWS_WITH_AS(kernels::matmul(a, b, false, true), doctest::Contains("rows of b (10)"), Error);
  CHECK_THROWS_WITH_AS(kernels::matmul(b, Tensor::zeros({10, 4}), false, false, &bias),
                       "matmul: bias is [11]; it must be [4]", Error);
  CHECK_THROWS_WITH_AS(
      kernels::linear(a, b),
      "linear: x is [32, 64], w is [128, 10]; the last axis of x (64) must equal rows of w (128)", Error);
  CHECK_THROWS_WITH_AS(kernels::linear(Tensor::scalar(1), b),
                       "linear: x is [], w is [128, 10]; x must have rank >= 1 and w rank 2", Error);
  CHECK_THROWS_WITH_AS(kernels::linear(Tensor::zeros({3, 128}), b, &bias),
                       "linear: bias is [11]; it must be [10]", Error);
}
