/// Var: a handle on one value of a tape, with arithmetic.
#pragma once

#include <cstdint>

#include "eigengrad/core/tensor.hpp"

namespace eigengrad {

template <class T>
class BasicTape;
namespace detail {
template <class T>
class ReversePass;
}

/// {tape, index, generation}: trivially copyable, so pullbacks capture it freely. One kept across
/// Tape::clear() is stale, and using it throws. Arithmetic broadcasts by NumPy's rule; numbers may stand for
/// scalars.
template <class T>
class BasicVar {
 public:
  BasicVar() = default;

  /// The value; throws for a stale or empty handle and for a parameter that was changed since.
  const BasicTensor<T>& value() const { return tape().value_of(*this); }
  const Shape& shape() const { return tape().shape_of(*this); }
  Index size() const { return shape().size(); }
  /// The value of a Var of size 1.
  T item() const { return value().item(); }
  /// The tape it lives on; throws for an empty handle.
  BasicTape<T>& tape() const {
    check(tape_ != nullptr, "Var: the handle is empty; it belongs to no tape");
    return *tape_;
  }

  friend BasicVar operator+(BasicVar a, BasicVar b) { return add(a, b); }
  friend BasicVar operator-(BasicVar a, BasicVar b) { return subtract(a, b); }
  friend BasicVar operator*(BasicVar a, BasicVar b) { return multiply(a, b); }
  friend BasicVar operator/(BasicVar a, BasicVar b) { return divide(a, b); }
  friend BasicVar operator-(BasicVar x) { return negate(x); }
  friend BasicVar operator+(BasicVar x, double c) { return affine(x, 1, c); }
  friend BasicVar operator+(double c, BasicVar x) { return affine(x, 1, c); }
  friend BasicVar operator-(BasicVar x, double c) { return affine(x, 1, -c); }
  friend BasicVar operator-(double c, BasicVar x) { return affine(x, -1, c); }
  friend BasicVar operator*(BasicVar x, double c) { return affine(x, c, 0); }
  friend BasicVar operator*(double c, BasicVar x) { return affine(x, c, 0); }
  friend BasicVar operator/(BasicVar x, double c) { return affine(x, 1 / c, 0); }
  friend BasicVar operator/(double c, BasicVar x) { return affine(reciprocal(x), c, 0); }
  BasicVar& operator+=(BasicVar other) { return *this = *this + other; }
  BasicVar& operator-=(BasicVar other) { return *this = *this - other; }

 private:
  friend class BasicTape<T>;
  friend class detail::ReversePass<T>;
  BasicVar(BasicTape<T>* tape, std::uint32_t index, std::uint32_t generation)
      : tape_(tape), index_(index), generation_(generation) {}

  BasicTape<T>* tape_ = nullptr;
  std::uint32_t index_ = 0;
  std::uint32_t generation_ = 0;
};

using Var = BasicVar<float>;

/// Vars in a vector whose storage comes from the tensor pool.
template <class T>
using BasicVarList = std::vector<BasicVar<T>, PoolAllocator<BasicVar<T>>>;
using VarList = BasicVarList<float>;

}  // namespace eigengrad
