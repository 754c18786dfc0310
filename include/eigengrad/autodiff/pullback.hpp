/// Pullbacks: how an operation hands the adjoint of its result on to its inputs.
#pragma once

#include <array>
#include <cstdint>
#include <type_traits>

#include "eigengrad/autodiff/var.hpp"

namespace eigengrad {

/// Which inputs of a joint pullback need their gradient.
template <std::size_t N>
using Needed = std::array<bool, N>;

/// Inputs of an operation with the function that gives their gradients; made by pullback() and
/// joint_pullback().
template <class T, std::size_t N, class Function>
struct PullbackSpecification {
  std::array<BasicVar<T>, N> inputs;
  Function function;
  BasicVar<T> left = {};  ///< of a product_pullback
};

/// The gradient of one input: function(dy) or function(dy, y) returns dx as a Var, written with ops on Vars.
/// It may have the shape of the result where x was broadcast; the engine sums it to x's shape. The function
/// captures only trivially copyable things (Vars, shapes, options): the tape's memory needs no destructors.
template <class T, class Function>
auto pullback(BasicVar<T> x, Function function) {
  return PullbackSpecification<T, 1, Function>{{x}, function, {}};
}

/// As pullback, of a matrix w whose gradient is left^T dy, both seen as [rows, features]: Tape::lazy_gradient
/// leaves that product to whoever uses it.
template <class T, class Function>
auto product_pullback(BasicVar<T> w, BasicVar<T> left, Function function) {
  return PullbackSpecification<T, 1, Function>{{w}, function, left};
}

/// The gradients of several inputs that share work: function(dy, y, needed) returns std::array<Var, N>, where
/// entries that are not needed may be empty Vars.
template <class T, std::size_t N, class Function>
auto joint_pullback(const std::array<BasicVar<T>, N>& inputs, Function function) {
  return PullbackSpecification<T, N, Function>{inputs, function, {}};
}

namespace detail {

inline constexpr std::size_t max_joint_inputs = 4;
inline constexpr std::uint32_t no_left = 0xFFFFFFFF;

/// A pullback on the tape: type-erased, in the arena, one link of its node's list.
template <class T>
struct PullbackRecord {
  using Apply = void (*)(const PullbackRecord*, BasicVar<T> dy, BasicVar<T> y, const bool* needed,
                         BasicVar<T>* gradients);
  PullbackRecord* next;
  Apply apply;
  const std::uint32_t* inputs;
  std::uint32_t input_count;
  std::uint32_t left;  // of a product_pullback, or no_left
};

template <class T, std::size_t N, class Function>
struct PullbackRecordOf : PullbackRecord<T> {
  static_assert(
      std::is_trivially_copyable_v<Function> && std::is_trivially_destructible_v<Function>,
      "a pullback captures only trivially copyable things: Var, Shape, options, spans kept by the tape");
  static_assert(N <= max_joint_inputs);
  Function function;
  std::uint32_t input_indices[N];

  explicit PullbackRecordOf(const Function& f) : function(f) {}

  static void call(const PullbackRecord<T>* record, BasicVar<T> dy, BasicVar<T> y,
                   [[maybe_unused]] const bool* needed, BasicVar<T>* gradients) {
    const Function& f = static_cast<const PullbackRecordOf*>(record)->function;
    if constexpr (std::is_invocable_v<const Function&, BasicVar<T>, BasicVar<T>, Needed<N>>) {
      Needed<N> flags;
      for (std::size_t i = 0; i < N; ++i) flags[i] = needed[i];
      const std::array<BasicVar<T>, N> results = f(dy, y, flags);
      for (std::size_t i = 0; i < N; ++i) gradients[i] = results[i];
    } else if constexpr (std::is_invocable_v<const Function&, BasicVar<T>, BasicVar<T>>) {
      gradients[0] = f(dy, y);
    } else {
      gradients[0] = f(dy);
    }
  }
};

}  // namespace detail
}  // namespace eigengrad
