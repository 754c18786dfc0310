/// What the tests of operations and distributions share: inputs, comparisons, and values of both types.
#pragma once

#include <doctest/doctest.h>

#include <cmath>
#include <initializer_list>
#include <limits>

#include "double.hpp"
#include "eigengrad/autodiff/gradcheck.hpp"
#include "eigengrad/core/random.hpp"
#include "support.hpp"

namespace op_test {

using namespace eigengrad;
using namespace support;

using Unary = Var64 (*)(Var64);
using Binary = Var64 (*)(Var64, Var64);

/// Uniform in [low, high).
inline Tensor64 random(Rng& rng, const Shape& shape, double low = -1, double high = 1) {
  return rng.uniform<double>(shape, low, high);
}

/// Numbers in [low, high), none nearer than 0.02 to a kink.
inline Tensor64 random_away(Rng& rng, const Shape& shape, double low, double high,
                            std::initializer_list<double> kinks) {
  Tensor64 x = rng.uniform<double>(shape, low, high);
  for (double& value : x.mutable_values())
    for (double kink : kinks)
      if (std::abs(value - kink) < 0.02) value = kink + (value < kink ? -0.02 : 0.02);
  return x;
}

/// Whether a is b to within `ulps` units of T, or both are the same infinity, or NaN.
template <class T>
bool close(T a, double b, double ulps = 4) {
  const double x = static_cast<double>(a);
  if (std::isnan(b) || std::isinf(b)) return std::isnan(b) ? std::isnan(x) : x == b;
  const double unit = static_cast<double>(std::numeric_limits<T>::epsilon());
  return std::abs(x - b) <=
         ulps * unit * std::abs(b) + static_cast<double>(std::numeric_limits<T>::min());  // denormals flush
}

/// f(x) of one number, and its derivative.
template <class T>
struct ValueAndSlope {
  T value, slope;
};
template <class T, class F>
ValueAndSlope<T> evaluate(F f, double x) {
  BasicTape<T> tape;
  const BasicVar<T> input = tape.variable(BasicTensor<T>::scalar(x));
  const BasicVar<T> y = f(input);
  return {y.item(), tape.gradient(y, {input})[0].item()};
}

}  // namespace op_test
