/// Elementary functions, element by element.
#pragma once

#include <limits>

#include "eigengrad/ops/arithmetic.hpp"

namespace eigengrad {

/// y = e^x.   dx = dy y.
template <class T>
BasicVar<T> exp(BasicVar<T> x) {
  return record("exp", kernels::unary(kernels::op::Exp{}, x.value()),
                pullback(x, [](BasicVar<T> dy, BasicVar<T> y) { return dy * y; }));
}

/// y = ln x: -inf at 0, NaN below.   dx = dy / x.
template <class T>
BasicVar<T> log(BasicVar<T> x) {
  return record("log", kernels::unary(kernels::op::Log{}, x.value()),
                pullback(x, [x](BasicVar<T> dy) { return dy / x; }));
}

/// y = sqrt(x): NaN below 0.   dx = dy / (2 y), infinite at 0.
template <class T>
BasicVar<T> sqrt(BasicVar<T> x) {
  return record("sqrt", kernels::unary(kernels::op::Sqrt{}, x.value()),
                pullback(x, [](BasicVar<T> dy, BasicVar<T> y) { return 0.5 * (dy / y); }));
}

/// y = x^2.   dx = 2 dy x.
template <class T>
BasicVar<T> square(BasicVar<T> x) {
  return record("square", kernels::unary(kernels::op::Square{}, x.value()),
                pullback(x, [x](BasicVar<T> dy) { return 2.0 * (dy * x); }));
}

/// y = x^exponent as std::pow gives it, 1 for exponent 0.   dx = dy exponent x^(exponent - 1), 0 for exponent
/// 0.
template <class T>
BasicVar<T> pow(BasicVar<T> x, double exponent) {
  return record("pow", kernels::unary(kernels::op::Pow{exponent}, x.value()),
                pullback(x, [x, exponent](BasicVar<T> dy) {
                  if (exponent == 0) return 0.0 * dy;  // x^-1 would make it NaN at 0
                  return exponent * (dy * pow(x, exponent - 1));
                }));
}

/// dx = dy sign(x): what abs hands back.   d(dy) = g sign(x).
template <class T>
BasicVar<T> abs_gradient(BasicVar<T> dy, BasicVar<T> x) {
  return record("abs_gradient",
                kernels::binary("abs_gradient", kernels::op::AbsGradient{}, dy.value(), x.value()),
                pullback(dy, [x](BasicVar<T> g) { return abs_gradient(g, x); }));
}

/// y = |x|.   dx = dy sign(x), 0 at 0.
template <class T>
BasicVar<T> abs(BasicVar<T> x) {
  return record("abs", kernels::unary(kernels::op::Abs{}, x.value()),
                pullback(x, [x](BasicVar<T> dy) { return abs_gradient(dy, x); }));
}

namespace detail {
/// 1 where a > b, 1/2 where a = b, 0 elsewhere, as a constant: the share of dy that goes to the larger one.
template <class T>
BasicVar<T> share_of_larger(BasicVar<T> a, BasicVar<T> b) {
  const auto greater = kernels::binary("share_of_larger", kernels::op::Greater{}, a.value(), b.value());
  const auto equal = kernels::binary("share_of_larger", kernels::op::Equal{}, a.value(), b.value());
  return a.tape().constant(kernels::add(greater, kernels::unary(kernels::op::Scale{0.5, 0}, equal)));
}
}  // namespace detail

/// y = max(a, b), NaN where one is NaN.   da = dy where a > b, half of it where a = b; db likewise.
template <class T>
BasicVar<T> maximum(BasicVar<T> a, BasicVar<T> b) {
  return record("maximum", kernels::binary("maximum", kernels::op::Maximum{}, a.value(), b.value()),
                pullback(a, [a, b](BasicVar<T> dy) { return dy * detail::share_of_larger(a, b); }),
                pullback(b, [a, b](BasicVar<T> dy) { return dy * detail::share_of_larger(b, a); }));
}

/// y = min(a, b), NaN where one is NaN.   da = dy where a < b, half of it where a = b; db likewise.
template <class T>
BasicVar<T> minimum(BasicVar<T> a, BasicVar<T> b) {
  return record("minimum", kernels::binary("minimum", kernels::op::Minimum{}, a.value(), b.value()),
                pullback(a, [a, b](BasicVar<T> dy) { return dy * detail::share_of_larger(b, a); }),
                pullback(b, [a, b](BasicVar<T> dy) { return dy * detail::share_of_larger(a, b); }));
}

/// dx = dy where low <= x <= high, else 0: what clamp hands back.   d(dy) = g where low <= x <= high.
template <class T>
BasicVar<T> clamp_gradient(BasicVar<T> dy, BasicVar<T> x, double low, double high) {
  return record(
      "clamp_gradient",
      kernels::binary("clamp_gradient", kernels::op::ClampGradient{low, high}, dy.value(), x.value()),
      pullback(dy, [x, low, high](BasicVar<T> g) { return clamp_gradient(g, x, low, high); }));
}

/// y = min(max(x, low), high).   dx = dy where low <= x <= high, else 0. Throws unless low <= high.
template <class T>
BasicVar<T> clamp(BasicVar<T> x, double low, double high) {
  check(low <= high, "clamp: low is ", low, ", high is ", high, "; low must not be above high");
  return record("clamp", kernels::unary(kernels::op::Clamp{low, high}, x.value()),
                pullback(x, [x, low, high](BasicVar<T> dy) { return clamp_gradient(dy, x, low, high); }));
}

/// y = max(x, c).   dx = dy where x >= c.
template <class T>
BasicVar<T> maximum(BasicVar<T> x, double c) {
  return clamp(x, c, std::numeric_limits<double>::infinity());
}

/// y = min(x, c).   dx = dy where x <= c.
template <class T>
BasicVar<T> minimum(BasicVar<T> x, double c) {
  return clamp(x, -std::numeric_limits<double>::infinity(), c);
}

}  // namespace eigengrad
