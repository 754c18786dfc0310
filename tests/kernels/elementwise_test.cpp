#include "eigengrad/kernels/elementwise.hpp"

#include <cstddef>

#if defined(__linux__)
#  include <sys/mman.h>
#  include <unistd.h>
#endif

#include "eigengrad/core/random.hpp"
#include "eigengrad/kernels/layout.hpp"
#include "kernels/kernel_test.hpp"

using namespace eigengrad;
using namespace kernel_test;
namespace op = kernels::op;

namespace {

/// Whether a is b to within `units` of rounding, relative to b or to 1 where b is small.
template <class T>
bool close(T a, double b, double units = 8) {
  const double x = static_cast<double>(a);
  if (std::isnan(b) || std::isinf(b)) return std::isnan(b) ? std::isnan(x) : x == b;
  return std::abs(x - b) <= units * std::numeric_limits<T>::epsilon() * std::max(1.0, std::abs(b));
}

/// y = f(x) for every length about the vectors' width, in place of NaN, and on any number of threads.
template <class T, class Op, class F>
void check_unary(std::mt19937& generator, Op operation, F f, double low = -4, double high = 4) {
  for (Index n : {0, 1, 2, 3, 4, 7, 8, 9, 15, 16, 17, 31, 33, 64, 100, 20000, 40001}) {
    CAPTURE(n);
    const Poison poison;
    const BasicTensor<T> x = random<T>(generator, {n}, low, high);
    const BasicTensor<T> y = kernels::unary(operation, x);
    REQUIRE(y.shape() == x.shape());
    Index wrong = 0;
    for (Index i = 0; i < n; ++i) wrong += close(y.data()[i], f(static_cast<double>(x.data()[i]))) ? 0 : 1;
    CHECK(wrong == 0);
  }
  const BasicTensor<T> x = random<T>(generator, {100'003}, low, high);
  CHECK(independent_of_threads([&] { return kernels::unary(operation, x); }));
}

template <class T, class Op, class F>
void check_binary(std::mt19937& generator, Op operation, F f) {
  for (Index n : {0, 1, 3, 8, 15, 17, 33, 100, 40001}) {
    CAPTURE(n);
    const Poison poison;
    const BasicTensor<T> a = random<T>(generator, {n}, 0.1, 2), b = random<T>(generator, {n}, 0.1, 2);
    const BasicTensor<T> y = kernels::binary("f", operation, a, b);
    Index wrong = 0;
    for (Index i = 0; i < n; ++i)
      wrong +=
          close(y.data()[i], f(static_cast<double>(a.data()[i]), static_cast<double>(b.data()[i]))) ? 0 : 1;
    CHECK(wrong == 0);
  }
}

double sigmoid(double x) {
  return 1 / (1 + std::exp(-x));
}
double softplus(double x) {
  return std::log1p(std::exp(x));
}

template <class T>
void check_operations(std::mt19937& generator) {
  check_unary<T>(generator, op::Scale{1.5, -0.25}, [](double x) { return 1.5 * x - 0.25; });
  check_unary<T>(generator, op::Exp{}, [](double x) { return std::exp(x); });
  check_unary<T>(generator, op::Log{}, [](double x) { return std::log(x); });
  check_unary<T>(generator, op::Sqrt{}, [](double x) { return std::sqrt(x); });
  check_unary<T>(generator, op::Square{}, [](double x) { return x * x; });
  check_unary<T>(generator, op::Abs{}, [](double x) { return std::abs(x); });
  check_unary<T>(generator, op::Sign{}, [](double x) { return x > 0 ? 1.0 : -1.0; });
  check_unary<T>(
      generator, op::Reciprocal{}, [](double x) { return 1 / x; }, 0.2, 3);
  check_unary<T>(generator, op::Relu{}, [](double x) { return std::max(x, 0.0); });
  check_unary<T>(generator, op::LeakyRelu{0.1}, [](double x) { return x > 0 ? x : 0.1 * x; });
  check_unary<T>(generator, op::Sigmoid{}, sigmoid);
  check_unary<T>(generator, op::Tanh{}, [](double x) { return std::tanh(x); });
  check_unary<T>(generator, op::Softplus{}, softplus);
  check_unary<T>(generator, op::LogSigmoid{}, [](double x) { return -softplus(-x); });
  check_unary<T>(
      generator, op::Pow{2.5}, [](double x) { return std::pow(x, 2.5); }, 0.1, 3);
  check_unary<T>(generator, op::Clamp{-1, 2}, [](double x) { return std::clamp(x, -1.0, 2.0); });
  check_unary<T>(generator, op::InRange{-1, 2}, [](double x) { return x >= -1 && x <= 2 ? 1.0 : 0.0; });
  check_unary<T>(generator, op::Step{}, [](double x) { return x > 0 ? 1.0 : 0.0; });
  check_unary<T>(generator, op::BernoulliEntropy{}, [](double l) {
    return -sigmoid(l) * std::log(sigmoid(l)) - sigmoid(-l) * std::log(sigmoid(-l));
  });

  check_binary<T>(generator, op::First{}, [](double a, double) { return a; });
  check_binary<T>(generator, op::Add{}, [](double a, double b) { return a + b; });
  check_binary<T>(generator, op::Subtract{}, [](double a, double b) { return a - b; });
  check_binary<T>(generator, op::Multiply{}, [](double a, double b) { return a * b; });
  check_binary<T>(generator, op::Divide{}, [](double a, double b) { return a / b; });
  check_binary<T>(generator, op::Minimum{}, [](double a, double b) { return std::min(a, b); });
  check_binary<T>(generator, op::Maximum{}, [](double a, double b) { return std::max(a, b); });
  check_binary<T>(generator, op::Greater{}, [](double a, double b) { return a > b ? 1.0 : 0.0; });
  check_binary<T>(generator, op::Equal{}, [](double a, double b) { return a == b ? 1.0 : 0.0; });
  check_binary<T>(generator, op::TanhGradient{}, [](double dy, double y) { return dy * (1 - y * y); });
  check_binary<T>(generator, op::SigmoidGradient{}, [](double dy, double y) { return dy * y * (1 - y); });
  check_binary<T>(generator, op::SoftplusGradient{}, [](double dy, double x) { return dy * sigmoid(x); });
  check_binary<T>(generator, op::LogSigmoidGradient{}, [](double dy, double x) { return dy * sigmoid(-x); });
  check_binary<T>(generator, op::BernoulliLogProb{}, [](double l, double x) {
    return x * std::log(sigmoid(l)) + (1 - x) * std::log(sigmoid(-l));
  });
  check_binary<T>(generator, op::BernoulliScore{}, [](double l, double x) { return x - sigmoid(l); });
}

/// The value that broadcasting puts at `indices` of the result.
template <class T>
T broadcast_value(const BasicTensor<T>& x, const Shape& to,
                  const std::array<Index, Shape::max_rank>& indices) {
  Index offset = 0;
  for (int axis = 0; axis < x.rank(); ++axis) {
    const Index i = indices[static_cast<std::size_t>(to.rank() - x.rank() + axis)];
    offset = offset * x.shape()[axis] + (x.shape()[axis] == 1 ? 0 : i);
  }
  return x.data()[offset];
}

/// `shape` without some leading axes and with some extents 1.
Shape shrunk(std::mt19937& generator, const Shape& shape) {
  Shape result;
  const Index first = random_index(generator, 0, 3) == 0 ? random_index(generator, 0, shape.rank()) : 0;
  for (int axis = static_cast<int>(first); axis < shape.rank(); ++axis)
    result.push_back(random_index(generator, 0, 2) == 0 ? 1 : shape[axis]);
  return result;
}

}  // namespace

TEST_CASE_TEMPLATE("elementwise operations against their formulas", T, float, double) {
  std::mt19937 generator(1);
  check_operations<T>(generator);
}

TEST_CASE_TEMPLATE("binary operations broadcast like plain loops", T, float, double) {
  std::mt19937 generator(2);
  const Poison poison;
  for (int round = 0; round < 300; ++round) {
    const Shape shape = random_shape(generator, 0, 5, round % 10 == 0 ? 40 : 6);
    if (shape.size() > 100'000) continue;
    const BasicTensor<T> a = random<T>(generator, shrunk(generator, shape)),
                         b = random<T>(generator, shrunk(generator, shape));
    CAPTURE(to_string(a.shape()));
    CAPTURE(to_string(b.shape()));
    const BasicTensor<T> y = kernels::binary("subtract", op::Subtract{}, a, b);
    REQUIRE(y.shape() == broadcast_shape("subtract", a.shape(), b.shape()));
    Index wrong = 0;
    for (Index i = 0; i < y.size(); ++i) {
      const auto indices = indices_at(y.shape(), i);
      wrong += y.data()[i] == broadcast_value(a, y.shape(), indices) - broadcast_value(b, y.shape(), indices)
                   ? 0
                   : 1;
    }
    CHECK(wrong == 0);
    CHECK(same_bits(kernels::broadcast_to(a, y.shape()),
                    kernels::binary("f", op::First{}, a, BasicTensor<T>::zeros(y.shape()))));
  }
}

TEST_CASE("broadcast operations give the same bits on any number of threads") {
  std::mt19937 generator(3);
  const auto a = random<float>(generator, {300, 1, 64}), b = random<float>(generator, {11, 64}),
             c = random<float>(generator, {300, 11, 1});
  CHECK(independent_of_threads([&] { return kernels::add(a, b); }));
  CHECK(independent_of_threads([&] { return kernels::binary("multiply", op::Multiply{}, a, c); }));
}

TEST_CASE("NaN passes through, infinities and zeros go where they must") {
  const float nan = std::nanf(""), inf = static_cast<float>(infinity);
  const auto at = [](auto operation, float x) { return kernels::unary(operation, Tensor({1}, {x}))(0); };
  CHECK(std::isnan(at(op::Exp{}, nan)));
  CHECK(std::isnan(at(op::Log{}, nan)));
  CHECK(std::isnan(at(op::Tanh{}, nan)));
  CHECK(std::isnan(at(op::Sigmoid{}, nan)));
  CHECK(std::isnan(at(op::Softplus{}, nan)));
  CHECK(std::isnan(at(op::LogSigmoid{}, nan)));
  CHECK(std::isnan(at(op::Relu{}, nan)));
  CHECK(std::isnan(at(op::LeakyRelu{}, nan)));
  CHECK(std::isnan(at(op::Clamp{-1, 1}, nan)));
  CHECK(std::isnan(at(op::Abs{}, nan)));
  CHECK(std::isnan(at(op::Sign{}, nan)));
  CHECK(at(op::Exp{}, -inf) == 0);
  CHECK(at(op::Exp{}, inf) == inf);
  CHECK(at(op::Log{}, 0) == -inf);
  CHECK(at(op::Log{}, inf) == inf);
  CHECK(std::isnan(at(op::Log{}, -1)));
  CHECK(at(op::Tanh{}, inf) == 1);
  CHECK(at(op::Tanh{}, -inf) == -1);
  CHECK(at(op::Sigmoid{}, inf) == 1);
  CHECK(at(op::Sigmoid{}, -inf) == 0);
  CHECK(at(op::Softplus{}, inf) == inf);
  CHECK(at(op::Softplus{}, -inf) == 0);
  CHECK(at(op::LogSigmoid{}, -inf) == -inf);
  CHECK(at(op::Sign{}, 0) == 0);
  CHECK(std::signbit(at(op::Scale{1, -0.0}, -0.0f)));
  for (auto [a, b] : {std::pair(nan, 1.0f), {1.0f, nan}}) {
    CHECK(std::isnan(kernels::binary("f", op::Minimum{}, Tensor({1}, {a}), Tensor({1}, {b}))(0)));
    CHECK(std::isnan(kernels::binary("f", op::Maximum{}, Tensor({1}, {a}), Tensor({1}, {b}))(0)));
  }
}

TEST_CASE_TEMPLATE("likelihoods of huge logits are finite and exact", T, float, double) {
  for (const double l : {1e4, -1e4, 90.0, -90.0, 0.0})
    for (const double x : {0.0, 1.0}) {
      CAPTURE(l);
      CAPTURE(x);
      const auto logit = BasicTensor<T>::scalar(l), value = BasicTensor<T>::scalar(x);
      const double margin = x == 1 ? l : -l;  // log sigmoid(margin)
      const double expected = std::min(margin, 0.0) - std::log1p(std::exp(-std::abs(margin)));
      CHECK(close(kernels::binary("f", op::BernoulliLogProb{}, logit, value).item(), expected));
      CHECK(close(kernels::binary("f", op::BernoulliScore{}, logit, value).item(), x - sigmoid(l)));
    }
}

TEST_CASE("accumulate adds in place where it may, and into a copy where it must") {
  Tensor total = Tensor::full({3}, 1);
  const float* const place = total.data();
  kernels::accumulate(total, Tensor({3}, {1, 2, 3}));
  CHECK(total.data() == place);
  CHECK(total(2) == 4);
  const Tensor shared = total;
  kernels::accumulate(total, shared);
  CHECK(shared(2) == 4);
  CHECK(total(2) == 8);
  CHECK_THROWS_WITH_AS(kernels::accumulate(total, Tensor::zeros({2})),
                       "accumulate: into is [3], x is [2]; they must be equal", Error);
  CHECK(total.values().size() == 3);  // what could not be added to is kept
  const float before = total(0);
  kernels::accumulate(total, total);
  CHECK(total(0) == 2 * before);
}

TEST_CASE_TEMPLATE("results too large for the caches are those of their parts", T, float, double) {
  const Index part = 10'000, parts = (Index{33} << 20) / (part * static_cast<Index>(sizeof(T))) + 1;
  Rng rng(6);
  const BasicTensor<T> a = rng.uniform<T>({parts * part + 3}, -1, 1),
                       b = rng.uniform<T>({parts * part + 3}, -1, 1);
  const BasicTensor<T> y = kernels::unary(kernels::op::Exp{}, a),
                       z = kernels::binary("f", kernels::op::Multiply{}, a, b);
  Index wrong = 0;
  for (Index begin = 0; begin < a.size(); begin += part) {
    const Index end = std::min(begin + part, a.size());
    const BasicTensor<T> of_a = kernels::slice(a, 0, begin, end), of_b = kernels::slice(b, 0, begin, end);
    const BasicTensor<T> of_y = kernels::unary(kernels::op::Exp{}, of_a);
    const BasicTensor<T> of_z = kernels::binary("f", kernels::op::Multiply{}, of_a, of_b);
    for (Index i = begin; i < end; ++i) wrong += y(i) != of_y(i - begin) || z(i) != of_z(i - begin);
  }
  CHECK(wrong == 0);
}

#if defined(__linux__)
TEST_CASE_TEMPLATE("the end of a run: nothing behind it is read or written", T, float, double) {
  const auto page = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
  // A page for x and one for y, each before one that may not be touched.
  auto* const memory = static_cast<std::byte*>(
      mmap(nullptr, 4 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
  REQUIRE(static_cast<void*>(memory) != MAP_FAILED);
  REQUIRE(mprotect(memory + page, page, PROT_NONE) == 0);
  REQUIRE(mprotect(memory + 3 * page, page, PROT_NONE) == 0);
  for (Index n = 1; n <= 70; ++n) {
    CAPTURE(n);
    T* const x = reinterpret_cast<T*>(memory + page) - n;
    T* const y = reinterpret_cast<T*>(memory + 3 * page) - n;
    for (Index i = 0; i < n; ++i) x[i] = static_cast<T>(i + 1);
    kernels::dispatch([&](auto isa) { unary_block(isa, op::Scale{2, 1}, x, y, n); });
    Index wrong = 0;
    for (Index i = 0; i < n; ++i) wrong += y[i] != static_cast<T>(2 * i + 3);
    // And with memory behind it.
    for (Index i = 0; i < n; ++i) y[i] = -7;
    kernels::dispatch([&](auto isa) { unary_block(isa, op::Scale{2, 1}, x, y, n / 2); });
    for (Index i = 0; i < n; ++i) wrong += y[i] != static_cast<T>(i < n / 2 ? 2 * i + 3 : -7);
    CHECK(wrong == 0);
  }
  munmap(memory, 4 * page);
}
#endif

TEST_CASE("elementwise: error texts") {
  const Tensor x = Tensor::zeros({2, 3});
  CHECK_THROWS_WITH_AS(kernels::add(x, Tensor::zeros({2})),
                       "add: a is [2, 3], b is [2]; extents must be equal or 1, aligned at the last axis",
                       Error);
  CHECK_THROWS_WITH_AS(kernels::broadcast_to(x, {3}),
                       "broadcast_to: x is [2, 3]; it does not broadcast to [3]", Error);
}
