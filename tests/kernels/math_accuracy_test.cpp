// How far the vectorised elementary functions are from the true values, in units in the last place (ulp).
// `eigengrad_tests --no-skip --test-case="every float*"` tries all 2^32 floats (minutes).
#include <algorithm>
#include <bit>
#include <cstdint>
#include <cstdio>
#include <string>
#include <vector>

#include "eigengrad/kernels/elementwise.hpp"
#include "kernels/kernel_test.hpp"

using namespace eigengrad;
using namespace kernel_test;
namespace op = kernels::op;

namespace {

/// Distance of `got` from `exact` in units of the spacing of T at `exact`. Denormals count as zero, in as well
/// as out: a result below the smallest normal number may be anything from 0 to that number.
template <class T, class Exact>
double error_in_ulp(T got, Exact exact) {
  using Limits = std::numeric_limits<T>;
  if (std::isnan(exact)) return std::isnan(got) ? 0 : infinity;
  if (std::isnan(got)) return infinity;
  if (std::abs(exact) < static_cast<Exact>(Limits::min())) exact = std::copysign(Exact(0), exact);
  if (std::abs(exact) > static_cast<Exact>(Limits::max())) {
    // Beyond the largest number, the nearest value may be that number or infinity.
    return std::abs(got) >= Limits::max() * (1 - 4 * Limits::epsilon()) && std::signbit(got) == std::signbit(exact)
               ? 0
               : infinity;
  }
  if (std::isinf(got))
    return std::abs(exact) > static_cast<Exact>(Limits::max()) * (1 - 4 * static_cast<Exact>(Limits::epsilon()))
               ? 1
               : infinity;
  int exponent = 0;
  std::frexp(std::max(std::abs(exact), static_cast<Exact>(Limits::min())), &exponent);
  const Exact unit = std::ldexp(Exact(1), exponent - Limits::digits);
  if (exact == 0 && std::abs(got) <= Limits::min()) return 0;
  return static_cast<double>(std::abs(static_cast<Exact>(got) - exact) / unit);
}

template <class Exact>
Exact exact_sigmoid(Exact x) {
  return 1 / (1 + std::exp(-x));
}
template <class Exact>
Exact exact_softplus(Exact x) {
  return std::max(x, Exact(0)) + std::log1p(std::exp(-std::abs(x)));
}

/// Largest errors so far, one for each function.
struct Worst {
  double exp = 0, log = 0, sqrt = 0, tanh = 0, sigmoid = 0, softplus = 0;

  template <class T, class Exact>
  void update(const BasicTensor<T>& x) {
    const auto measure = [&x](auto operation, auto exact, double& worst) {
      const BasicTensor<T> y = kernels::unary(operation, x);
      constexpr Index block = 4096;
      std::vector<double> errors(static_cast<std::size_t>(x.size() / block + 1));
      parallel_blocks(x.size(), block, 100.0 * static_cast<double>(x.size()), [&](Index begin, Index end) {
        double& largest = errors[static_cast<std::size_t>(begin / block)];
        for (Index i = begin; i < end; ++i) {
          T value = x.data()[i];
          if (std::abs(value) < std::numeric_limits<T>::min()) value = std::copysign(T(0), value);
          const double error = error_in_ulp(y.data()[i], exact(static_cast<Exact>(value)));
          if (error > largest) largest = error;
        }
      });
      worst = std::max(worst, *std::max_element(errors.begin(), errors.end()));
    };
    measure(op::Exp{}, [](Exact v) { return std::exp(v); }, exp);
    measure(op::Log{}, [](Exact v) { return std::log(v); }, log);
    measure(op::Sqrt{}, [](Exact v) { return std::sqrt(v); }, sqrt);
    measure(op::Tanh{}, [](Exact v) { return std::tanh(v); }, tanh);
    measure(op::Sigmoid{}, exact_sigmoid<Exact>, sigmoid);
    measure(op::Softplus{}, exact_softplus<Exact>, softplus);
  }

  void check() const {
    MESSAGE("largest errors in ulp: exp " << exp << ", log " << log << ", sqrt " << sqrt << ", tanh " << tanh
                                          << ", sigmoid " << sigmoid << ", softplus " << softplus);
    CHECK(sqrt <= 0.501);
    for (double error : {exp, log, tanh, sigmoid, softplus}) CHECK(error <= 4);
  }
};

/// The floats whose bit patterns are begin, begin + step, ...
Tensor floats_from(std::uint64_t begin, std::uint64_t step, Index count) {
  Tensor x = Tensor::uninitialized({count});
  for (Index i = 0; i < count; ++i)
    x.mutable_data()[i] =
        std::bit_cast<float>(static_cast<std::uint32_t>(begin + static_cast<std::uint64_t>(i) * step));
  return x;
}

}  // namespace

TEST_CASE("elementary functions of floats sampled evenly over all bit patterns") {
  Worst worst;
  worst.update<float, double>(floats_from(0, 8209, (std::uint64_t{1} << 32) / 8209));
  worst.check();
}

TEST_CASE("elementary functions of doubles") {
  Worst worst;
  std::mt19937 generator(1);
  for (const double range : {1e-3, 1.0, 30.0, 800.0, 1e6})
    worst.update<double, long double>(random<double>(generator, {20'000}, -range, range));
  std::mt19937_64 bits(2);
  BasicTensor<double> x = BasicTensor<double>::uninitialized({50'000});
  for (double& value : x.mutable_values()) value = std::bit_cast<double>(bits());
  worst.update<double, long double>(x);
  worst.check();
}

TEST_CASE("every float: elementary functions" * doctest::skip()) {
  Worst worst;
  constexpr Index block = 1 << 22;
  for (std::uint64_t begin = 0; begin < std::uint64_t{1} << 32; begin += block)
    worst.update<float, double>(floats_from(begin, 1, block));
  worst.check();
}
