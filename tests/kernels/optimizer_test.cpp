#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include "eigengrad/kernels/optimizer.hpp"
#include "kernels/kernel_test.hpp"

using namespace eigengrad;
using namespace kernel_test;

namespace {

constexpr Index sizes[] = {0, 1, 3, 15, 16, 17, 100, 16384, 40003};

template <class T>
struct AdamState {
  BasicTensor<T> p, m, v;
};

/// Runs three steps; the gradients depend on the seed alone.
template <class T>
AdamState<T> adam_steps(Index n, kernels::AdamCoefficients c) {
  std::mt19937 generator(7);
  AdamState<T> s{random<T>(generator, {n}), BasicTensor<T>::zeros({n}), BasicTensor<T>::zeros({n})};
  for (int t = 1; t <= 3; ++t) {
    c.correction1 = 1 - std::pow(c.beta1, t);
    c.correction2 = 1 - std::pow(c.beta2, t);
    kernels::adam_update(s.p, s.m, s.v, random<T>(generator, {n}), c);
  }
  return s;
}

template <class T>
void check_adam(Index n, const kernels::AdamCoefficients& c) {
  CAPTURE(n);
  const AdamState<T> s = adam_steps<T>(n, c);
  std::mt19937 generator(7);
  const BasicTensor<T> start = random<T>(generator, {n});
  std::vector<double> p(start.data(), start.data() + n), m(p.size()), v(p.size());
  double largest = 0;
  for (int t = 1; t <= 3; ++t) {
    const BasicTensor<T> g = random<T>(generator, {n});
    for (std::size_t i = 0; i < p.size(); ++i) {
      const double gi = g.data()[i];
      m[i] = c.beta1 * m[i] + (1 - c.beta1) * gi;
      v[i] = c.beta2 * v[i] + (1 - c.beta2) * gi * gi;
      p[i] -= c.learning_rate * c.weight_decay * p[i];
      p[i] -= c.learning_rate * (m[i] / (1 - std::pow(c.beta1, t))) /
              (std::sqrt(v[i] / (1 - std::pow(c.beta2, t))) + c.epsilon);
    }
  }
  for (Index i = 0; i < n; ++i) {
    const auto k = static_cast<std::size_t>(i);
    for (double difference : {s.p.data()[i] - p[k], s.m.data()[i] - m[k], s.v.data()[i] - v[k]})
      largest = difference == difference ? std::max(largest, std::abs(difference)) : HUGE_VAL;
  }
  CHECK(largest < (sizeof(T) == 4 ? 4e-7 : 1e-15));
}

/// A guard value on either side of n values of a tensor's buffer.
template <class T>
struct Guarded {
  std::vector<T> memory;
  explicit Guarded(const BasicTensor<T>& x) : memory(static_cast<std::size_t>(x.size()) + 2, T(77)) {
    std::copy(x.data(), x.data() + x.size(), data());
  }
  T* data() { return memory.data() + 1; }
  bool intact() const { return memory.front() == T(77) && memory.back() == T(77); }
};

}  // namespace

TEST_CASE_TEMPLATE("adam_update follows its formulas", T, float, double) {
  for (Index n : sizes) {
    check_adam<T>(n, {.learning_rate = 0.01, .beta1 = 0.5, .beta2 = 0.99, .epsilon = 1e-6});
    check_adam<T>(n, {.learning_rate = 0.01, .epsilon = 1e-3, .weight_decay = 0.3});
  }
}

TEST_CASE_TEMPLATE("sgd_update follows its formulas", T, float, double) {
  std::mt19937 generator(8);
  for (Index n : sizes)
    for (int setting = 0; setting < 8; ++setting) {
      const kernels::SgdCoefficients c{.learning_rate = 0.1,
                                       .momentum = setting & 1 ? 0.9 : 0.0,
                                       .weight_decay = setting & 2 ? 0.2 : 0.0,
                                       .nesterov = (setting & 4) != 0};
      if (c.nesterov && c.momentum == 0) continue;
      CAPTURE(n);
      CAPTURE(setting);
      BasicTensor<T> p = random<T>(generator, {n}), b = random<T>(generator, {n});
      const BasicTensor<T> g = random<T>(generator, {n}), p0 = p, b0 = b;
      kernels::sgd_update(p, c.momentum > 0 ? &b : nullptr, g, c);
      double largest = 0;
      for (Index i = 0; i < n; ++i) {
        const double d = g.data()[i] + c.weight_decay * p0.data()[i];
        const double velocity = c.momentum * b0.data()[i] + d;
        const double expected = p0.data()[i] - c.learning_rate * (c.nesterov       ? d + c.momentum * velocity
                                                                  : c.momentum > 0 ? velocity
                                                                                   : d);
        largest = std::max(largest, std::abs(p.data()[i] - expected));
        if (c.momentum > 0) largest = std::max(largest, std::abs(b.data()[i] - velocity));
      }
      CHECK(largest < (sizeof(T) == 4 ? 4e-7 : 1e-15));
      if (c.momentum == 0) CHECK(same_bits(b, b0));
    }
}

TEST_CASE_TEMPLATE("updates give an element the same bits for any place, and stay inside their arrays", T,
                   float, double) {
  std::mt19937 generator(9);
  const Index n = 67;
  const BasicTensor<T> p = random<T>(generator, {n}), m = random<T>(generator, {n}),
                       v = random<T>(generator, {n}, 0, 1), g = random<T>(generator, {n});
  const kernels::AdamCoefficients adam{.correction1 = 0.3, .correction2 = 0.7, .weight_decay = 0.1};
  const kernels::SgdCoefficients sgd{.momentum = 0.9, .weight_decay = 0.1, .nesterov = true};
  Guarded<T> p1(p), m1(m), v1(v), p2(p), b2(m), p3(p);
  kernels::adam_update(p1.data(), m1.data(), v1.data(), g.data(), n, adam);
  kernels::sgd_update(p2.data(), b2.data(), g.data(), n, sgd);
  kernels::sgd_update<T>(p3.data(), nullptr, g.data(), n, {.weight_decay = 0.1});
  for (Index i = 0; i < n; ++i) {
    T a[] = {p.data()[i], m.data()[i], v.data()[i]}, b[] = {a[0], a[1]}, c = a[0];
    kernels::adam_update(a, a + 1, a + 2, g.data() + i, 1, adam);
    kernels::sgd_update(b, b + 1, g.data() + i, 1, sgd);
    kernels::sgd_update<T>(&c, nullptr, g.data() + i, 1, {.weight_decay = 0.1});
    REQUIRE(a[0] == p1.data()[i]);
    REQUIRE(a[1] == m1.data()[i]);
    REQUIRE(a[2] == v1.data()[i]);
    REQUIRE(b[0] == p2.data()[i]);
    REQUIRE(b[1] == b2.data()[i]);
    REQUIRE(c == p3.data()[i]);
  }
  for (const auto& guarded : {p1, m1, v1, p2, b2, p3}) CHECK(guarded.intact());
}

TEST_CASE_TEMPLATE("sum_of_squares is exact to double and independent of threads", T, float, double) {
  std::mt19937 generator(10);
  const int before = thread_count();
  for (Index n : {Index{0}, Index{1}, Index{5}, Index{31}, Index{32}, Index{16384}, Index{200003}}) {
    CAPTURE(n);
    const BasicTensor<T> x = random<T>(generator, {n});
    long double expected = 0;
    for (T value : x.values()) expected += static_cast<long double>(value) * value;
    set_thread_count(1);
    const double sum = kernels::sum_of_squares(x);
    CHECK(std::abs(sum - static_cast<double>(expected)) <= 1e-15 * 50 * sum);
    for (int threads : {2, 3}) {
      set_thread_count(threads);
      CHECK(kernels::sum_of_squares(x) == sum);
    }
  }
  set_thread_count(before);
  CHECK(kernels::sum_of_squares(Tensor({2}, {1e30f, 1e30f})) == doctest::Approx(2e60));
  CHECK(std::isnan(kernels::sum_of_squares(Tensor({2}, {1, std::nanf("")}))));
}

TEST_CASE("adam_update is independent of threads") {
  const int before = thread_count();
  set_thread_count(1);
  const auto one = adam_steps<float>(100'001, {.weight_decay = 0.01});
  for (int threads : {2, 3}) {
    set_thread_count(threads);
    const auto many = adam_steps<float>(100'001, {.weight_decay = 0.01});
    CHECK(same_bits(many.p, one.p));
    CHECK(same_bits(many.m, one.m));
    CHECK(same_bits(many.v, one.v));
  }
  set_thread_count(before);
}

// Whole tiles, low and narrow ones at every edge, few steps of k and as many as a block may have, both
// operands cut, rows a multiple of 4 KB apart, and what is too small, too deep or too thin to be one product
// and step.
TEST_CASE_TEMPLATE("adam_update with a product for a gradient gives the bits of one after the other", T,
                   float, double) {
  const Poison poison;
  std::mt19937 generator(11);
  const int before = thread_count();
  const kernels::AdamCoefficients c{
      .learning_rate = 0.1, .correction1 = 0.3, .correction2 = 0.7, .weight_decay = 0.1};
  std::vector<std::array<Index, 3>> shapes = {
      {96, 256, 128}, {97, 261, 100}, {1024, 96, 256}, {24, 1024, 512}, {13, 40, 256},
      {300, 8, 200},  {300, 16, 64},  {16, 300, 64},   {47, 4099, 1},   {60, 100, 2},
      {60, 100, 3},   {60, 100, 0},   {30, 30, 30},    {70, 90, 1100},  {200, 1, 300},
      {1, 200, 300},  {0, 5, 3},      {40, 8192, 500}, {40, 32768, 100}};
  for (int i = 0; i < 40; ++i)
    shapes.push_back({random_index(generator, 1, 150), random_index(generator, 1, 300),
                      random_index(generator, 1, i % 4 == 0 ? 600 : 90)});
  int updated = 0;
  for (const auto& shape : shapes) {
    const Index rows = shape[0], columns = shape[1], k = shape[2];
    CAPTURE(rows);
    CAPTURE(columns);
    CAPTURE(k);
    const BasicTensor<T> left = random<T>(generator, {k, rows}), right = random<T>(generator, {k, columns}),
                         p = random<T>(generator, {rows, columns}), m = random<T>(generator, p.shape()),
                         v = random<T>(generator, p.shape(), 0, 1);
    BasicTensor<T> p1 = p, m1 = m, v1 = v;
    kernels::adam_update(p1, m1, v1, kernels::matmul(left, right, true, false), c);
    for (int threads : {1, 2, 3}) {
      set_thread_count(threads);
      BasicTensor<T> p2 = p, m2 = m, v2 = v;
      kernels::adam_update(p2, m2, v2, left, right, c);
      CHECK(same_bits(p2, p1));
      CHECK(same_bits(m2, m1));
      CHECK(same_bits(v2, v1));
    }
    if (rows == 0 || k == 0) continue;
    const GuardedCopy<T> guarded_left(left), guarded_right(right);
    kernels::detail::BlockedProduct<T> product({guarded_left.data(), rows, true, rows, k},
                                               {guarded_right.data(), columns, true, columns, k}, k);
    if (!product.can_update()) continue;
    ++updated;
    Guarded<T> p3(p), m3(m), v3(v);
    product.update({p3.data(), m3.data(), v3.data()}, kernels::AdamFactors<T>(c));
    CHECK(std::equal(p1.data(), p1.data() + p1.size(), p3.data()));
    for (const auto& guarded : {p3, m3, v3}) CHECK(guarded.intact());
  }
  set_thread_count(before);
  if (kernels::detail::product_update<T>() != nullptr)
    CHECK(updated >= 20);
  else
    CHECK(updated == 0);
}

TEST_CASE("adam_update with a product for a gradient: zeros keep their sign") {
  // The first moment becomes a little less than nothing, then -0; then gradients underflow from below.
  const Index rows = 96, columns = 128;
  std::vector<Tensor> sets[2];
  for (auto& set : sets) set.assign(3, Tensor::zeros({rows, columns}));
  for (const auto& [a, b] :
       {std::pair(1e-20f, -1.25e-17f), std::pair(0.0f, 0.0f), std::pair(1e-30f, -1e-30f)}) {
    Tensor left = Tensor::zeros({40, rows});
    const Tensor right = Tensor::full({40, columns}, b);
    std::fill_n(left.mutable_data(), rows, a);
    kernels::adam_update(sets[0][0], sets[0][1], sets[0][2], kernels::matmul(left, right, true, false), {});
    kernels::adam_update(sets[1][0], sets[1][1], sets[1][2], left, right, {});
    for (std::size_t i = 0; i < 3; ++i) CHECK(same_bits(sets[1][i], sets[0][i]));
  }
}

TEST_CASE(
    "adam_update with a product for a gradient spoils what NaN and infinity belong to, and nothing else") {
  std::mt19937 generator(13);
  const Index rows = 100, columns = 200, k = 60;
  Tensor left = random<float>(generator, {k, rows}), right = random<float>(generator, {k, columns});
  left.mutable_at(7, 30) = std::nanf("");
  right.mutable_at(9, 150) = std::numeric_limits<float>::infinity();
  Tensor p = random<float>(generator, {rows, columns}), m = Tensor::zeros(p.shape()), v = m;
  kernels::adam_update(p, m, v, left, right, {});
  for (Index i = 0; i < rows; ++i)
    for (Index j = 0; j < columns; ++j) CHECK(std::isfinite(p(i, j)) == (i != 30 && j != 150));
}

TEST_CASE("adam_update: what is updated may be a factor of its gradient") {
  std::mt19937 generator(12);
  const Tensor start = random<float>(generator, {300, 300}), right = random<float>(generator, {300, 300});
  Tensor p = start.clone(), m = Tensor::zeros(p.shape()), v = m.clone(), q = start.clone(), mq = m.clone(),
         vq = m.clone();
  kernels::adam_update(q, mq, vq, kernels::matmul(start, right, true, false), {});
  kernels::adam_update(p, m, v, p, right, {});
  CHECK(same_bits(p, q));
  CHECK(same_bits(v, vq));
}

TEST_CASE("optimiser kernels name the shapes that do not fit") {
  Tensor p = Tensor::ones({2}), q = Tensor::ones({3});
  CHECK_THROWS_WITH_AS(
      kernels::adam_update(p, p, p, q, {}),
      "adam_update: parameter is [2], m is [2], v is [2], gradient is [3]; they must be equal", Error);
  CHECK_THROWS_WITH_AS(kernels::adam_update(p, p, p, q, q, {}),
                       "adam_update: the factors of the gradient are [3] and [3]; they must be matrices with "
                       "equally many rows",
                       Error);
  CHECK_THROWS_WITH_AS(
      kernels::adam_update(p, p, p, Tensor::ones({4, 2}), Tensor::ones({4, 3}), {}),
      "adam_update: parameter is [2], m is [2], v is [2], gradient is [2, 3]; they must be equal", Error);
  CHECK_THROWS_WITH_AS(kernels::sgd_update(p, &q, p, {}),
                       "sgd_update: parameter is [2], gradient is [2], velocity is [3]; they must be equal",
                       Error);
}
