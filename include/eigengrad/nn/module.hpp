/// Modules: plain structs of parameters, buffers and other modules that name their members in one function,
///
///     template <class Visitor>
///     void visit(Visitor&& visitor) {
///       visitor("hidden", hidden);
///       visitor("output", output);
///     }
///
/// There is no base class. Everything done to all parameters of a network derives from `visit`: the functions
/// below, hence training, counting, saving and loading. A visitor accepts a BasicParameter, a BasicTensor (a
/// buffer: saved, not trained), a std::int64_t (a counter: saved), another module, and a std::vector of
/// these, whose elements are named by their index.
#pragma once

#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "eigengrad/autodiff/parameter.hpp"

namespace eigengrad {

namespace detail {

template <class Module>
struct ScalarOf {
  using type = float;
};
template <class Module>
requires requires {
  typename Module::Scalar;
}
struct ScalarOf<Module> {
  using type = typename Module::Scalar;
};

template <class>
inline constexpr bool always_false = false;

template <class Item>
inline constexpr bool is_vector = false;
template <class V, class A>
inline constexpr bool is_vector<std::vector<V, A>> = true;

/// The visitor behind the functions below: callback(dotted name, member) for every parameter, buffer and
/// counter, depth first, in the order of visit().
template <class T, class Callback>
class TreeVisitor {
 public:
  TreeVisitor(std::string prefix, Callback& callback) : prefix_(std::move(prefix)), callback_(callback) {}

  template <class Member>
  void operator()(std::string_view name, Member& member) const {
    std::string path = prefix_;
    path += name;
    if constexpr (std::is_same_v<Member, BasicParameter<T>> || std::is_same_v<Member, BasicTensor<T>> ||
                  std::is_same_v<Member, std::int64_t>) {
      callback_(path, member);
    } else if constexpr (is_vector<Member>) {
      const TreeVisitor elements(path + '.', callback_);
      for (std::size_t i = 0; i < member.size(); ++i) elements(std::to_string(i), member[i]);
    } else if constexpr (requires { member.visit(*this); }) {
      member.visit(TreeVisitor(path + '.', callback_));
    } else {
      static_assert(
          always_false<Member>,
          "visit: a member is a BasicParameter<T>, BasicTensor<T>, std::int64_t, module or vector of "
          "these; a module whose scalar is not float declares `using Scalar = ...;`");
    }
  }

 private:
  std::string prefix_;
  Callback& callback_;
};

template <class T, class Module, class Callback>
void visit_members(Module& module, Callback callback) {
  module.visit(TreeVisitor<T, Callback>("", callback));
}

}  // namespace detail

/// The scalar type of a module: its member type Scalar, or float where it has none.
template <class Module>
using ScalarOf = typename detail::ScalarOf<Module>::type;

/// A parameter or buffer of a module under its dotted name, such as "trunk.conv1.weight".
template <class T>
class BasicNamedTensor {
 public:
  BasicNamedTensor(std::string name, BasicParameter<T>& parameter)
      : name_(std::move(name)), parameter_(&parameter) {}
  BasicNamedTensor(std::string name, BasicTensor<T>& buffer) : name_(std::move(name)), buffer_(&buffer) {}

  const std::string& name() const { return name_; }
  const BasicTensor<T>& value() const { return parameter_ != nullptr ? parameter_->value() : *buffer_; }
  const Shape& shape() const { return value().shape(); }
  /// The parameter; null for a buffer.
  BasicParameter<T>* parameter() const { return parameter_; }

  /// Replaces the value; throws, naming the tensor, unless the shape stays.
  void assign(const BasicTensor<T>& value) const {
    check(value.shape() == shape(), name_, ": assigned value is ", value.shape(), ", the module has ",
          shape());
    (parameter_ != nullptr ? parameter_->mutable_value() : *buffer_) = value;
  }

 private:
  std::string name_;
  BasicParameter<T>* parameter_ = nullptr;
  BasicTensor<T>* buffer_ = nullptr;
};
using NamedTensor = BasicNamedTensor<float>;

/// All parameters of the modules in the order of their visit(), for an optimiser. The list points into the
/// modules: it is valid while they live and stay where they are.
template <class Module, class... More>
BasicParameterList<ScalarOf<Module>> parameters(Module& module, More&... more) {
  using T = ScalarOf<Module>;
  BasicParameterList<T> list;
  const auto collect = [&list](const std::string&, auto& member) {
    if constexpr (std::is_same_v<decltype(member), BasicParameter<T>&>) list.push_back(&member);
  };
  detail::visit_members<T>(module, collect);
  (detail::visit_members<T>(more, collect), ...);
  return list;
}

/// Parameters with their dotted names.
template <class Module>
std::vector<BasicNamedTensor<ScalarOf<Module>>> named_parameters(Module& module) {
  using T = ScalarOf<Module>;
  std::vector<BasicNamedTensor<T>> list;
  detail::visit_members<T>(module, [&list](const std::string& name, auto& member) {
    if constexpr (std::is_same_v<decltype(member), BasicParameter<T>&>) list.emplace_back(name, member);
  });
  return list;
}

/// Parameters and buffers (running statistics, an optimiser's moments) with their dotted names: what a saved
/// model holds.
template <class Module>
std::vector<BasicNamedTensor<ScalarOf<Module>>> named_tensors(Module& module) {
  using T = ScalarOf<Module>;
  std::vector<BasicNamedTensor<T>> list;
  detail::visit_members<T>(module, [&list](const std::string& name, auto& member) {
    if constexpr (!std::is_same_v<decltype(member), std::int64_t&>) list.emplace_back(name, member);
  });
  return list;
}

/// A counter under its dotted name, such as the steps an optimiser has made.
struct NamedCounter {
  std::string name;
  std::int64_t* value;
};

/// Counters with their dotted names: what a checkpoint holds beside named_tensors.
template <class Module>
std::vector<NamedCounter> named_counters(Module& module) {
  std::vector<NamedCounter> list;
  detail::visit_members<ScalarOf<Module>>(module, [&list](const std::string& name, auto& member) {
    if constexpr (std::is_same_v<decltype(member), std::int64_t&>) list.push_back({name, &member});
  });
  return list;
}

/// Number of trainable values.
template <class Module>
Index parameter_count(Module& module) {
  Index count = 0;
  for (const auto* parameter : parameters(module)) count += parameter->value().size();
  return count;
}

}  // namespace eigengrad
