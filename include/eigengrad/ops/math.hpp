/// Elementwise functions.
#pragma once

#include "eigengrad/ops/arithmetic.hpp"

namespace eigengrad {

/// y = e^x.   dx = dy y.
template <class T>
BasicVar<T> exp(BasicVar<T> x) {
  return record("exp", kernels::unary(kernels::op::Exp{}, x.value()),
                pullback(x, [](BasicVar<T> dy, BasicVar<T> y) { return dy * y; }));
}

/// y = ln x.   dx = dy / x.
template <class T>
BasicVar<T> log(BasicVar<T> x) {
  return record("log", kernels::unary(kernels::op::Log{}, x.value()),
                pullback(x, [x](BasicVar<T> dy) { return dy / x; }));
}

/// y = sqrt(x).   dx = dy / (2 y).
template <class T>
BasicVar<T> sqrt(BasicVar<T> x) {
  return record("sqrt", kernels::unary(kernels::op::Sqrt{}, x.value()),
                pullback(x, [](BasicVar<T> dy, BasicVar<T> y) { return 0.5 * dy / y; }));
}

/// y = x^2.   dx = 2 dy x.
template <class T>
BasicVar<T> square(BasicVar<T> x) {
  return record("square", kernels::unary(kernels::op::Square{}, x.value()),
                pullback(x, [x](BasicVar<T> dy) { return 2.0 * dy * x; }));
}

/// y = x^p with a constant p.   dx = dy p x^(p - 1).
template <class T>
BasicVar<T> pow(BasicVar<T> x, double exponent) {
  return record("pow", kernels::unary(kernels::op::Pow{exponent}, x.value()),
                pullback(x, [=](BasicVar<T> dy) { return exponent * dy * pow(x, exponent - 1); }));
}

/// y = |x|.   dx = dy sign(x), 0 at 0.
template <class T>
BasicVar<T> abs(BasicVar<T> x) {
  return record("abs", kernels::unary(kernels::op::Abs{}, x.value()), pullback(x, [x](BasicVar<T> dy) {
                  return dy * dy.tape().constant(kernels::unary(kernels::op::Sign{}, x.value()));
                }));
}

/// y = min(a, b), broadcasting.   da = dy where a < b, half of it where they are equal; db likewise.
template <class T>
BasicVar<T> minimum(BasicVar<T> a, BasicVar<T> b);

/// y = max(a, b), broadcasting.   da = dy where a > b, half of it where they are equal; db likewise.
template <class T>
BasicVar<T> maximum(BasicVar<T> a, BasicVar<T> b);

namespace detail {
/// 1 where a > b, 1/2 where a = b, else 0: the share of a in max(a, b), a constant.
template <class T>
BasicVar<T> share_of_larger(BasicVar<T> a, BasicVar<T> b) {
  const auto greater = kernels::binary("maximum", kernels::op::Greater{}, a.value(), b.value());
  const auto equal = kernels::binary("maximum", kernels::op::Equal{}, a.value(), b.value());
  return a.tape().constant(kernels::add(greater, kernels::unary(kernels::op::Scale{0.5, 0}, equal)));
}
}  // namespace detail

template <class T>
BasicVar<T> minimum(BasicVar<T> a, BasicVar<T> b) {
  return record("minimum", kernels::binary("minimum", kernels::op::Minimum{}, a.value(), b.value()),
                pullback(a, [=](BasicVar<T> dy) { return dy * detail::share_of_larger(b, a); }),
                pullback(b, [=](BasicVar<T> dy) { return dy * detail::share_of_larger(a, b); }));
}

template <class T>
BasicVar<T> maximum(BasicVar<T> a, BasicVar<T> b) {
  return record("maximum", kernels::binary("maximum", kernels::op::Maximum{}, a.value(), b.value()),
                pullback(a, [=](BasicVar<T> dy) { return dy * detail::share_of_larger(a, b); }),
                pullback(b, [=](BasicVar<T> dy) { return dy * detail::share_of_larger(b, a); }));
}

/// y = x held within [low, high].   dx = dy where low <= x <= high, else 0.
template <class T>
BasicVar<T> clamp(BasicVar<T> x, double low, double high) {
  check(low <= high, "clamp: low is ", low, ", high is ", high, "; low must not be larger");
  return record("clamp", kernels::unary(kernels::op::Clamp{low, high}, x.value()),
                pullback(x, [=](BasicVar<T> dy) {
                  return dy * dy.tape().constant(kernels::unary(kernels::op::InRange{low, high}, x.value()));
                }));
}

}  // namespace eigengrad
