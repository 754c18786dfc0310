/// nn::Linear: a fully connected layer.
#pragma once

#include <optional>

#include "eigengrad/nn/init.hpp"
#include "eigengrad/nn/module.hpp"
#include "eigengrad/ops/matmul.hpp"

namespace eigengrad::nn {

/// Settings of nn::Linear.
struct LinearOptions {
  bool bias = true;
};

/// y = x weight + bias on the last axis: x is [..., in], y [..., out].
///
/// Weight and bias start uniform in [-1, 1) / sqrt(in), as in PyTorch.
template <class T>
struct BasicLinear {
  using Scalar = T;

  BasicParameter<T> weight;               ///< [in, out]
  std::optional<BasicParameter<T>> bias;  ///< [out]

  BasicLinear(Index in, Index out, Rng& rng, LinearOptions options = {}) {
    check(in >= 1 && out >= 1, "nn::Linear: in is ", in, ", out is ", out, "; both must be at least 1");
    const Fan fan = fan_of({in, out});
    weight = BasicParameter<T>(default_uniform<T>({in, out}, fan, rng));
    if (options.bias) bias.emplace(default_uniform<T>({out}, fan, rng));
  }

  BasicVar<T> operator()(BasicVar<T> x) const {
    BasicTape<T>& tape = x.tape();
    const BasicVar<T> w = tape.parameter(weight);
    return bias ? linear(x, w, tape.parameter(*bias)) : linear(x, w);
  }

  template <class Visitor>
  void visit(Visitor&& visitor) {
    visitor("weight", weight);
    if (bias) visitor("bias", *bias);
  }
};

using Linear = BasicLinear<float>;

}  // namespace eigengrad::nn
