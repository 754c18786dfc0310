/// Parameter: a trainable tensor in an address-stable cell that knows when it was last changed.
#pragma once

#include <memory>
#include <utility>
#include <vector>

#include "eigengrad/core/tensor.hpp"

namespace eigengrad {

namespace detail {
template <class T>
struct ParameterCell {
  BasicTensor<T> value;
  std::uint64_t version = 0;
};
}  // namespace detail

/// A tensor that training changes. Moving a parameter keeps its cell, so optimisers and tapes still know it;
/// copying makes an independent parameter of the same value. A leaf on a tape names {cell, version} and holds
/// no share of the values: writing in place costs no copy, and reading the old leaf afterwards is an error.
template <class T>
class BasicParameter {
 public:
  BasicParameter() : BasicParameter(BasicTensor<T>()) {}
  explicit BasicParameter(BasicTensor<T> value) : cell_(std::make_shared<detail::ParameterCell<T>>()) {
    cell_->value = std::move(value);
  }
  BasicParameter(const BasicParameter& other) : BasicParameter(other.value()) {}
  BasicParameter(BasicParameter&&) noexcept = default;
  /// Copies the value into this parameter's own cell: whoever trains it goes on doing so.
  BasicParameter& operator=(const BasicParameter& other) {
    if (cell_ == nullptr) return *this = BasicParameter(other);  // it was moved away
    if (this != &other) mutable_value() = other.value();
    return *this;
  }
  BasicParameter& operator=(BasicParameter&&) noexcept = default;

  const BasicTensor<T>& value() const { return cell_->value; }
  const Shape& shape() const { return value().shape(); }

  /// The value for writing; counts as a change, whether or not anything is written.
  BasicTensor<T>& mutable_value() {
    ++cell_->version;
    return cell_->value;
  }
  /// Replaces the value; throws unless the shape stays.
  void assign(const BasicTensor<T>& value) {
    check(value.shape() == shape(), "Parameter: assigned value is ", value.shape(), ", the parameter is ",
          shape());
    mutable_value() = value;
  }

  const std::shared_ptr<detail::ParameterCell<T>>& cell() const { return cell_; }
  /// Another object for the same parameter, for those who keep it (optimisers): valid wherever the first one
  /// moves.
  BasicParameter share() const { return BasicParameter(cell_); }

 private:
  explicit BasicParameter(std::shared_ptr<detail::ParameterCell<T>> cell) : cell_(std::move(cell)) {}

  std::shared_ptr<detail::ParameterCell<T>> cell_;
};

using Parameter = BasicParameter<float>;

/// Parameters in a fixed order, as optimisers take them and `visit` yields them; the modules keep owning
/// them.
template <class T>
using BasicParameterList = std::vector<BasicParameter<T>*>;
using ParameterList = BasicParameterList<float>;

}  // namespace eigengrad
