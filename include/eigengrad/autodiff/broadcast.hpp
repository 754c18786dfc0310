/// The three operations that the engine itself needs: adding adjoints and undoing broadcasts.
#pragma once

#include "eigengrad/autodiff/tape.hpp"
#include "eigengrad/kernels/elementwise.hpp"
#include "eigengrad/kernels/reduce.hpp"

namespace eigengrad {

template <class T>
BasicVar<T> broadcast_to(BasicVar<T> x, const Shape& shape);

/// y = x summed over the axes along which broadcasting repeated `shape` to x's shape.   dx = dy broadcast.
template <class T>
BasicVar<T> sum_to(BasicVar<T> x, const Shape& shape) {
  if (x.shape() == shape) return x;
  return record("sum_to", kernels::sum_to(x.value(), shape),
                pullback(x, [from = x.shape()](BasicVar<T> dy) { return broadcast_to(dy, from); }));
}

/// y = x repeated to `shape` by NumPy's rule.   dx = dy summed over the repeated axes.
template <class T>
BasicVar<T> broadcast_to(BasicVar<T> x, const Shape& shape) {
  if (x.shape() == shape) return x;
  return record("broadcast_to", kernels::broadcast_to(x.value(), shape),
                pullback(x, [](BasicVar<T> dy) { return dy; }));
}

/// y = a + b, broadcasting.   da = dy, db = dy.
template <class T>
BasicVar<T> add(BasicVar<T> a, BasicVar<T> b) {
  return record("add", kernels::add(a.value(), b.value()), pullback(a, [](BasicVar<T> dy) { return dy; }),
                pullback(b, [](BasicVar<T> dy) { return dy; }));
}

}  // namespace eigengrad
