#include "eigengrad/core/random.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <cstring>
#include <set>

#include "support.hpp"

using namespace eigengrad;
using support::same_bits;

namespace {

struct Moments {
  double mean = 0, variance = 0, skewness = 0, kurtosis = 0, lag_one = 0;
};

template <class T>
Moments moments(const BasicTensor<T>& x) {
  Moments m;
  const double n = static_cast<double>(x.size());
  for (T value : x.values()) m.mean += value / n;
  double previous = 0;
  for (T value : x.values()) {
    const double d = value - m.mean;
    m.variance += d * d / n;
    m.skewness += d * d * d / n;
    m.kurtosis += d * d * d * d / n;
    m.lag_one += d * previous / n;
    previous = d;
  }
  m.lag_one /= m.variance;
  m.skewness /= std::pow(m.variance, 1.5);
  m.kurtosis /= m.variance * m.variance;
  return m;
}

}  // namespace

TEST_CASE("philox4x32 gives the known answers of Random123 1.14") {
  using Words = std::array<std::uint32_t, 4>;
  CHECK(philox4x32({0, 0, 0, 0}, {0, 0}) == Words{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8});
  const std::uint32_t ones = 0xffffffff;
  CHECK(philox4x32({ones, ones, ones, ones}, {ones, ones}) ==
        Words{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd});
  CHECK(philox4x32({0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, {0xa4093822, 0x299f31d0}) ==
        Words{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1});
}

TEST_CASE("Rng: seed, stream and block enter key and counter as documented") {
  Rng rng(Rng::State{0x299f31d0a4093822, 0x0370734413198a2e, 0x85a308d3243f6a88});
  CHECK(rng.next_uint32() == 0xd16cfe09);
  CHECK(rng.state().block == 0x85a308d3243f6a89);
  rng.set_state({0, 0, 0});
  CHECK(rng.next_uint64() == 0xe169c58d6627e8d5);
  Rng other(0);
  CHECK(other.uniform<float>(0, 1) == static_cast<float>(0x6627e8) * 0x1p-24f);
  other.set_state({0, 0, 0});
  const BasicTensor<double> pair = other.uniform<double>({2}, 0, 1);
  CHECK(pair(0) == static_cast<double>(0xe169c58d6627e8d5 >> 11) * 0x1p-53);
  CHECK(pair(1) == static_cast<double>(0x9b00dbd8bc57ac4c >> 11) * 0x1p-53);
  CHECK(Rng(1, 2).next_uint64() != Rng(1, 3).next_uint64());
  CHECK(Rng(1, 2).next_uint64() != Rng(2, 2).next_uint64());
}

TEST_CASE_TEMPLATE("Rng::uniform has the moments of the uniform distribution and stays in [low, high)", T,
                   float, double) {
  Rng rng(1);
  const BasicTensor<T> x = rng.uniform<T>({200'000}, -1, 3);
  const Moments m = moments(x);
  CHECK(std::abs(m.mean - 1) < 0.013);  // five standard errors: 5 * 4 / sqrt(12 * 200000)
  CHECK(std::abs(m.variance - 16.0 / 12) < 0.014);
  CHECK(std::abs(m.kurtosis - 1.8) < 0.02);
  CHECK(std::abs(m.lag_one) < 0.0115);
  CHECK(*std::min_element(x.data(), x.data() + x.size()) >= -1);
  CHECK(*std::max_element(x.data(), x.data() + x.size()) < 3);

  const T low = 1, high = std::nextafter(low, T{2});  // the sum rounds up to high for half of the words
  for (const BasicTensor<T> drawn = rng.uniform<T>({1000}, low, high); T value : drawn.values())
    CHECK(value == low);
  for (const BasicTensor<T> drawn = rng.uniform<T>({5}, 0.5, 0.5); T value : drawn.values())
    CHECK(value == T(0.5));
  for (int i = 0; i < 100; ++i) {
    const T value = rng.uniform<T>(2, 5);
    CHECK((value >= 2 && value < 5));
  }
}

TEST_CASE_TEMPLATE("Rng::normal has the moments and tails of the normal distribution", T, float, double) {
  Rng rng(2);
  const BasicTensor<T> x = rng.normal<T>({400'000}, 2, 3);
  const Moments m = moments(x);
  CHECK(std::abs(m.mean - 2) < 0.024);  // five standard errors
  CHECK(std::abs(m.variance - 9) < 0.1);
  CHECK(std::abs(m.skewness) < 0.0195);
  CHECK(std::abs(m.kurtosis - 3) < 0.039);
  CHECK(std::abs(m.lag_one) < 0.008);
  const auto beyond = [&](double limit) {
    return static_cast<double>(std::count_if(x.data(), x.data() + x.size(),
                                             [&](T value) { return std::abs((value - 2) / 3) > limit; })) /
           400'000;
  };
  CHECK(std::abs(beyond(1) - 0.317311) < 0.0037);
  CHECK(std::abs(beyond(2) - 0.0455) < 0.0017);
  CHECK(std::abs(beyond(3) - 0.0027) < 0.00042);
  for (const BasicTensor<T> drawn = rng.normal<T>({3}, 7, 0); T value : drawn.values()) CHECK(value == 7);
}

TEST_CASE("Rng::normal takes its pairs as documented") {
  const BasicTensor<double> x = Rng(0).normal<double>({2});
  const double v = (static_cast<double>(0xe169c58d6627e8d5 >> 11) + 0.5) * 0x1p-53;
  const double u = static_cast<double>(0x9b00dbd8bc57ac4c >> 11) * 0x1p-53;
  CHECK(x(0) == doctest::Approx(std::sqrt(-2 * std::log(v)) * std::cos(2 * M_PI * u)).epsilon(1e-14));
  CHECK(x(1) == doctest::Approx(std::sqrt(-2 * std::log(v)) * std::sin(2 * M_PI * u)).epsilon(1e-14));
}

TEST_CASE_TEMPLATE("Rng::bernoulli gives ones with probability p", T, float, double) {
  Rng rng(3);
  const BasicTensor<T> x = rng.bernoulli<T>({100, 1000}, 0.3);
  CHECK(std::abs(moments(x).mean - 0.3) < 0.0073);
  for (T value : x.values()) CHECK((value == 0 || value == 1));
  for (const BasicTensor<T> drawn = rng.bernoulli<T>({4096}, 0); T value : drawn.values()) CHECK(value == 0);
  for (const BasicTensor<T> drawn = rng.bernoulli<T>({4096}, 1); T value : drawn.values()) CHECK(value == 1);
}

TEST_CASE("Rng::below stays below n and has no bias") {
  Rng rng(4);
  for (int i = 0; i < 10; ++i) CHECK(rng.below(1) == 0);
  std::array<int, 7> counts{};
  for (int i = 0; i < 70'000; ++i) {
    const Index value = rng.below(7);
    REQUIRE((value >= 0 && value < 7));
    ++counts[static_cast<std::size_t>(value)];
  }
  for (int count : counts) CHECK(std::abs(count - 10'000) < 465);

  // Without rejection the residues mod 3 would come 3:3:2 times for this n.
  const Index n = Index{3} << 61;
  std::array<int, 3> residues{};
  for (int i = 0; i < 30'000; ++i) {
    const Index value = rng.below(n);
    REQUIRE((value >= 0 && value < n));
    ++residues[static_cast<std::size_t>(value % 3)];
  }
  for (int count : residues) CHECK(std::abs(count - 10'000) < 410);
  CHECK(rng.below(std::numeric_limits<Index>::max()) >= 0);
}

TEST_CASE("Rng::categorical and permutation") {
  Rng rng(5);
  const auto labels = rng.categorical(10'000, 10);
  std::array<int, 10> counts{};
  for (Index label : labels) ++counts.at(static_cast<std::size_t>(label));
  for (int count : counts) CHECK(std::abs(count - 1000) < 150);
  CHECK(rng.categorical(0, 3).empty());

  const auto order = rng.permutation(1001);
  CHECK(std::set<Index>(order.begin(), order.end()).size() == 1001);
  CHECK(*std::max_element(order.begin(), order.end()) == 1000);
  CHECK(rng.permutation(1001) != order);
  CHECK(rng.permutation(0).empty());
  CHECK(rng.permutation(1).at(0) == 0);
  std::array<int, 6> orders{};  // each of the six orders of three
  for (int i = 0; i < 6000; ++i) {
    const auto p = rng.permutation(3);
    ++orders[static_cast<std::size_t>(2 * p[0] + (p[1] > p[2]))];
  }
  for (int count : orders) CHECK(std::abs(count - 1000) < 145);
}

TEST_CASE("Rng: a saved state continues bit for bit, and copies are independent") {
  Rng rng(6, 7);
  rng.normal({3});
  rng.next_uint32();
  const Rng::State saved = rng.state();
  Rng copy = rng;
  CHECK(copy == rng);
  const Tensor x = rng.normal({7});
  const Tensor y = rng.uniform({5}, 0, 1);
  const auto order = rng.permutation(9);
  CHECK(copy.state() == saved);
  CHECK_FALSE(copy == rng);
  Rng restored;
  restored.set_state(saved);
  for (Rng* other : {&copy, &restored}) {
    CHECK(same_bits(other->normal({7}), x));
    CHECK(same_bits(other->uniform({5}, 0, 1), y));
    CHECK(other->permutation(9) == order);
    CHECK(*other == rng);
  }
}

TEST_CASE_TEMPLATE("Rng: same bits for any number of threads, every element written", T, float, double) {
  detail::BufferPool::instance().set_poison(true);
  const int threads_before = thread_count();
  for (const Shape& shape : {Shape{}, Shape{0}, Shape{1}, Shape{3}, Shape{127, 1031}}) {
    BasicTensor<T> first[3];
    for (int threads : {1, 2, 3}) {
      set_thread_count(threads);
      Rng rng(8);
      const BasicTensor<T> drawn[3] = {rng.uniform<T>(shape, -1, 1), rng.normal<T>(shape),
                                       rng.bernoulli<T>(shape, 0.5)};
      for (int i = 0; i < 3; ++i) {
        CHECK(drawn[i].shape() == shape);
        for (T value : drawn[i].values()) REQUIRE(std::isfinite(value));
        if (threads == 1) first[i] = drawn[i];
        CHECK(same_bits(first[i], drawn[i]));
      }
    }
  }
  set_thread_count(threads_before);
  detail::BufferPool::instance().set_poison(false);
}

TEST_CASE("Rng: errors name the function, its arguments and the rule") {
  Rng rng;
  CHECK_THROWS_WITH_AS(
      rng.uniform({2}, 1, 0),
      "Rng::uniform: low is 1, high is 0; low must not be above high, and their difference must be "
      "finite",
      Error);
  CHECK_THROWS_AS(rng.uniform<float>(2, 1), Error);
  CHECK_THROWS_AS(rng.uniform<float>(-3e38, 3e38), Error);
  CHECK_THROWS_AS(rng.uniform<float>(0, std::nan("")), Error);
  CHECK_THROWS_WITH_AS(rng.normal({2}, 0, -1),
                       "Rng::normal: mean is 0, std is -1; both must be finite and std not negative", Error);
  CHECK_THROWS_WITH_AS(rng.bernoulli({2}, 1.5), "Rng::bernoulli: p is 1.5; it must lie in [0, 1]", Error);
  CHECK_THROWS_AS(rng.bernoulli({2}, std::nan("")), Error);
  CHECK_THROWS_WITH_AS(rng.below(0), "Rng::below: n is 0; it must be at least 1", Error);
  CHECK_THROWS_AS(rng.below(-5), Error);
  CHECK_THROWS_WITH_AS(
      rng.categorical(-1, 0),
      "Rng::categorical: count is -1, classes is 0; count must not be negative and classes at least 1",
      Error);
  CHECK_THROWS_WITH_AS(rng.permutation(-1), "Rng::permutation: n is -1; it must not be negative", Error);
  CHECK(rng == Rng());  // a failed call draws nothing
}
