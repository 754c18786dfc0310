/// Activation functions, element by element. Each hands its gradient back through one fused kernel, wrapped
/// as an operation with gradients of its own.
#pragma once

#include "eigengrad/ops/math.hpp"

namespace eigengrad {

/// dx = dy where y > 0, else 0: what relu hands back.   d(dy) = g where y > 0.
template <class T>
BasicVar<T> relu_gradient(BasicVar<T> dy, BasicVar<T> y) {
  return record("relu_gradient",
                kernels::binary("relu_gradient", kernels::op::ReluGradient{}, dy.value(), y.value()),
                pullback(dy, [y](BasicVar<T> g) { return relu_gradient(g, y); }));
}

/// y = max(x, 0).   dx = dy where x > 0, else 0.
template <class T>
BasicVar<T> relu(BasicVar<T> x) {
  return record("relu", kernels::unary(kernels::op::Relu{}, x.value()),
                pullback(x, [](BasicVar<T> dy, BasicVar<T> y) { return relu_gradient(dy, y); }));
}

/// dx = dy where x > 0, else slope dy: what leaky_relu hands back.   d(dy) = the same of g.
template <class T>
BasicVar<T> leaky_relu_gradient(BasicVar<T> dy, BasicVar<T> x, double slope) {
  return record(
      "leaky_relu_gradient",
      kernels::binary("leaky_relu_gradient", kernels::op::LeakyReluGradient{slope}, dy.value(), x.value()),
      pullback(dy, [x, slope](BasicVar<T> g) { return leaky_relu_gradient(g, x, slope); }));
}

/// y = x where x > 0, else slope x.   dx = dy where x > 0, else slope dy.
template <class T>
BasicVar<T> leaky_relu(BasicVar<T> x, double slope = 0.01) {
  return record("leaky_relu", kernels::unary(kernels::op::LeakyRelu{slope}, x.value()),
                pullback(x, [x, slope](BasicVar<T> dy) { return leaky_relu_gradient(dy, x, slope); }));
}

/// dx = dy y (1 - y): what sigmoid hands back.   d(dy) = g y (1 - y), y's gradient = g dy (1 - 2 y).
template <class T>
BasicVar<T> sigmoid_gradient(BasicVar<T> dy, BasicVar<T> y) {
  return record("sigmoid_gradient",
                kernels::binary("sigmoid_gradient", kernels::op::SigmoidGradient{}, dy.value(), y.value()),
                pullback(dy, [y](BasicVar<T> g) { return sigmoid_gradient(g, y); }),
                pullback(y, [dy, y](BasicVar<T> g) { return g * dy * (1.0 - 2.0 * y); }));
}

/// y = 1 / (1 + e^-x).   dx = dy y (1 - y).
template <class T>
BasicVar<T> sigmoid(BasicVar<T> x) {
  return record("sigmoid", kernels::unary(kernels::op::Sigmoid{}, x.value()),
                pullback(x, [](BasicVar<T> dy, BasicVar<T> y) { return sigmoid_gradient(dy, y); }));
}

/// dx = dy (1 - y^2): what tanh hands back.   d(dy) = g (1 - y^2), y's gradient = -2 g dy y.
template <class T>
BasicVar<T> tanh_gradient(BasicVar<T> dy, BasicVar<T> y) {
  return record("tanh_gradient",
                kernels::binary("tanh_gradient", kernels::op::TanhGradient{}, dy.value(), y.value()),
                pullback(dy, [y](BasicVar<T> g) { return tanh_gradient(g, y); }),
                pullback(y, [dy, y](BasicVar<T> g) { return -2.0 * (g * dy * y); }));
}

/// y = tanh x.   dx = dy (1 - y^2).
template <class T>
BasicVar<T> tanh(BasicVar<T> x) {
  return record("tanh", kernels::unary(kernels::op::Tanh{}, x.value()),
                pullback(x, [](BasicVar<T> dy, BasicVar<T> y) { return tanh_gradient(dy, y); }));
}

/// dx = dy sigmoid(x): what softplus hands back.   d(dy) = g sigmoid(x), x's gradient = g dy sigmoid'(x).
template <class T>
BasicVar<T> softplus_gradient(BasicVar<T> dy, BasicVar<T> x) {
  return record("softplus_gradient",
                kernels::binary("softplus_gradient", kernels::op::SoftplusGradient{}, dy.value(), x.value()),
                pullback(dy, [x](BasicVar<T> g) { return softplus_gradient(g, x); }),
                pullback(x, [dy, x](BasicVar<T> g) { return sigmoid_gradient(g * dy, sigmoid(x)); }));
}

/// y = ln(1 + e^x), without overflow.   dx = dy sigmoid(x).
template <class T>
BasicVar<T> softplus(BasicVar<T> x) {
  return record("softplus", kernels::unary(kernels::op::Softplus{}, x.value()),
                pullback(x, [x](BasicVar<T> dy) { return softplus_gradient(dy, x); }));
}

/// dx = dy sigmoid(-x): what log_sigmoid hands back.   d(dy) = g sigmoid(-x), x's gradient = -g dy
/// sigmoid'(x).
template <class T>
BasicVar<T> log_sigmoid_gradient(BasicVar<T> dy, BasicVar<T> x) {
  return record(
      "log_sigmoid_gradient",
      kernels::binary("log_sigmoid_gradient", kernels::op::LogSigmoidGradient{}, dy.value(), x.value()),
      pullback(dy, [x](BasicVar<T> g) { return log_sigmoid_gradient(g, x); }),
      pullback(x, [dy, x](BasicVar<T> g) { return -sigmoid_gradient(g * dy, sigmoid(x)); }));
}

/// y = ln sigmoid(x) = -softplus(-x), without underflow.   dx = dy sigmoid(-x).
template <class T>
BasicVar<T> log_sigmoid(BasicVar<T> x) {
  return record("log_sigmoid", kernels::unary(kernels::op::LogSigmoid{}, x.value()),
                pullback(x, [x](BasicVar<T> dy) { return log_sigmoid_gradient(dy, x); }));
}

}  // namespace eigengrad
