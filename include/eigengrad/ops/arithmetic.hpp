/// Elementwise arithmetic with NumPy broadcasting. Operators +, -, *, / on Vars and numbers call these
/// functions. The engine sums every gradient over the axes along which its input was broadcast.
#pragma once

#include "eigengrad/autodiff/broadcast.hpp"
#include "eigengrad/kernels/elementwise.hpp"

namespace eigengrad {

/// y = factor x + offset, with constants.   dx = factor dy.
template <class T>
BasicVar<T> affine(BasicVar<T> x, double factor, double offset) {
  return record("affine", kernels::unary(kernels::op::Scale{factor, offset}, x.value()),
                pullback(x, [factor](BasicVar<T> dy) { return affine(dy, factor, 0); }));
}

/// y = -x.   dx = -dy.
template <class T>
BasicVar<T> negate(BasicVar<T> x) {
  return affine(x, -1, 0);
}

/// y = a - b.   da = dy, db = -dy.
template <class T>
BasicVar<T> subtract(BasicVar<T> a, BasicVar<T> b) {
  return record("subtract", kernels::binary("subtract", kernels::op::Subtract{}, a.value(), b.value()),
                pullback(a, [](BasicVar<T> dy) { return dy; }),
                pullback(b, [](BasicVar<T> dy) { return negate(dy); }));
}

/// y = a b, element by element.   da = dy b, db = dy a.
template <class T>
BasicVar<T> multiply(BasicVar<T> a, BasicVar<T> b) {
  return record("multiply", kernels::binary("multiply", kernels::op::Multiply{}, a.value(), b.value()),
                pullback(a, [b](BasicVar<T> dy) { return multiply(dy, b); }),
                pullback(b, [a](BasicVar<T> dy) { return multiply(dy, a); }));
}

/// y = a / b.   da = dy / b, db = -dy y / b.
template <class T>
BasicVar<T> divide(BasicVar<T> a, BasicVar<T> b) {
  return record(
      "divide", kernels::binary("divide", kernels::op::Divide{}, a.value(), b.value()),
      pullback(a, [b](BasicVar<T> dy) { return divide(dy, b); }),
      pullback(b, [b](BasicVar<T> dy, BasicVar<T> y) { return negate(divide(multiply(dy, y), b)); }));
}

/// y = 1 / x.   dx = -dy y^2.
template <class T>
BasicVar<T> reciprocal(BasicVar<T> x) {
  return record(
      "reciprocal", kernels::unary(kernels::op::Reciprocal{}, x.value()),
      pullback(x, [](BasicVar<T> dy, BasicVar<T> y) { return negate(multiply(dy, multiply(y, y))); }));
}

/// The value of x as a constant: no gradient flows back.
template <class T>
BasicVar<T> detach(BasicVar<T> x) {
  return x.tape().constant(x.value());
}

}  // namespace eigengrad
