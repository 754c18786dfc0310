/// The reverse pass: adjoints from the last node back to the targets, in one loop.
#pragma once

#include <algorithm>
#include <span>
#include <type_traits>

#include "eigengrad/autodiff/broadcast.hpp"
#include "eigengrad/autodiff/tape.hpp"
#include "eigengrad/kernels/elementwise.hpp"
#include "eigengrad/kernels/reduce.hpp"

namespace eigengrad::detail {

/// One run backwards over a tape. Values mode keeps adjoints as tensors and pops each pullback's scratch
/// nodes at once; graph mode keeps them as Vars and everything stays recorded.
template <class T>
class ReversePass {
 public:
  using Var = BasicVar<T>;
  using Tensor = BasicTensor<T>;

  ReversePass(BasicTape<T>& tape, Var y) : tape_(tape), start_(tape.position()), last_(y.index_) {
    tape.node_of(y);
  }
  ~ReversePass() {
    for (Tensor& adjoint : tape_.adjoints_) adjoint.release();
    tape_.products_.clear();
    if (pops_scratch_ && tape_.size_ > start_.size) tape_.pop(start_);  // a pullback threw
  }
  ReversePass(const ReversePass&) = delete;
  ReversePass& operator=(const ReversePass&) = delete;

  template <class Targets>
  BasicTensorList<T> values(const Targets& targets, const Tensor& dy) {
    run(targets, dy);
    return collect<BasicTensorList<T>>(
        targets, [this](std::size_t i) { return tape_.adjoints_[i]; },
        [](const Tensor& a, const Tensor& b) { return kernels::add(a, b); },
        [](const Shape& shape) { return Tensor::zeros(shape); });
  }

  template <class Targets>
  BasicGradientList<T> lazy_values(const Targets& targets, const Tensor& dy) {
    using Gradient = BasicGradient<T>;
    leaves_products_ = true;
    run(targets, dy);
    return collect<BasicGradientList<T>>(
        targets, [this](std::size_t i) { return is_product(i) ? product(i) : Gradient(tape_.adjoints_[i]); },
        [](const Gradient& a, const Gradient& b) { return Gradient(kernels::add(a.value(), b.value())); },
        [](const Shape& shape) { return Gradient(Tensor::zeros(shape)); });
  }

  template <class Targets>
  BasicVarList<T> graph(const Targets& targets, Var dy) {
    mark_paths(targets);
    BasicVarList<T> adjoints(last_ + 1);
    if (on_path(last_)) adjoints[last_] = dy;
    set_adjoint(last_, on_path(last_));
    for (std::size_t i = last_ + 1; i-- > first_;) {
      if (!on_path(i) || !has_adjoint(i)) continue;
      apply_pullbacks(i, adjoints[i], [&](std::size_t input, Var gradient, bool) {
        gradient = sum_to(gradient, shape_of(input));
        adjoints[input] = has_adjoint(input) ? add(adjoints[input], gradient) : gradient;
        set_adjoint(input, true);
      });
    }
    return collect<BasicVarList<T>>(
        targets, [&](std::size_t i) { return adjoints[i]; }, [](Var a, Var b) { return add(a, b); },
        [this](const Shape& shape) { return tape_.constant(Tensor::zeros(shape)); });
  }

 private:
  // Bits of a node's mark.
  static constexpr unsigned char path_bit = 1, target_bit = 2, adjoint_bit = 4, product_bit = 8;

  /// Adjoints as tensors, from the last node back.
  template <class Targets>
  void run(const Targets& targets, const Tensor& dy) {
    mark_paths(targets);
    pops_scratch_ = true;
    const auto guard = tape_.pause_recording();
    const FlushDenormals flush;  // once, not in every kernel
    if (tape_.adjoints_.size() <= last_) tape_.adjoints_.resize(last_ + 1);
    if (on_path(last_)) tape_.adjoints_[last_] = dy;
    set_adjoint(last_, on_path(last_));
    for (std::size_t i = last_ + 1; i-- > first_;) {
      Tensor& adjoint = tape_.adjoints_[i];
      if (!on_path(i) || !has_adjoint(i)) continue;
      const auto scratch = tape_.position();
      if (tape_.node(i).pullbacks != nullptr) {
        const Var dy_var =
            is_target(i) ? tape_.push("adjoint", Tensor(adjoint)) : tape_.push("adjoint", std::move(adjoint));
        set_adjoint(i, is_target(i));
        apply_pullbacks(i, dy_var, [&](std::size_t input, Var gradient, bool last_use) {
          // What the pullback itself has made is gone after it, so it is taken, not shared; a leaf of a
          // parameter holds no value to take.
          auto& made = tape_.node(gradient.index_);
          if (last_use && gradient.index_ > dy_var.index_ && made.parameter == nullptr)
            accumulate(input, std::move(made.value));
          else
            accumulate(input, Tensor(gradient.value()));
        });
        tape_.pop(scratch);
      }
    }
  }

  bool on_path(std::size_t i) const { return tape_.marks_[i] & path_bit; }
  bool is_target(std::size_t i) const { return tape_.marks_[i] & target_bit; }
  bool has_adjoint(std::size_t i) const { return tape_.marks_[i] & adjoint_bit; }
  void set_adjoint(std::size_t i, bool present) {
    tape_.marks_[i] =
        static_cast<unsigned char>(present ? tape_.marks_[i] | adjoint_bit : tape_.marks_[i] & ~adjoint_bit);
  }
  const Shape& shape_of(std::size_t i) const {
    const auto& node = tape_.node(i);
    return node.parameter == nullptr ? node.value.shape() : node.parameter->value.shape();
  }

  void mark(std::size_t i) {
    if (i > last_) return;
    tape_.marks_[i] = path_bit | target_bit;
    first_ = std::min(first_, i);
  }

  /// Marks the targets and, forwards, every node that depends on one.
  template <class Targets>
  void mark_paths(const Targets& targets) {
    tape_.marks_.assign(last_ + 1, 0);
    first_ = last_ + 1;
    auto& cells = tape_.wanted_cells_;
    cells.clear();
    for (const auto& item : targets) {
      const BasicTarget<T> target(item);
      if (target.is_parameter()) {
        cells.push_back({target.cell(), cells.size()});
        continue;
      }
      check(tape_.node_of(target.var()).differentiable, "gradient: a target Var (",
            tape_.name_of(target.var()), ") is a constant; make it with Tape::variable");
      mark(target.var().index_);
    }
    std::sort(cells.begin(), cells.end());
    for (std::uint32_t leaf : tape_.leaves_)
      if (is_wanted(tape_.node(leaf).parameter.get())) mark(leaf);
    for (std::size_t i = first_; i <= last_; ++i) {
      bool reached = on_path(i);
      for (const auto* p = tape_.node(i).pullbacks; p != nullptr && !reached; p = p->next)
        reached =
            std::any_of(p->inputs, p->inputs + p->input_count, [this](auto input) { return on_path(input); });
      if (reached) tape_.marks_[i] |= path_bit;
    }
  }

  bool is_wanted(const ParameterCell<T>* cell) const {
    const auto& cells = tape_.wanted_cells_;
    const auto found = std::lower_bound(cells.begin(), cells.end(), std::pair(cell, std::size_t{0}));
    return found != cells.end() && found->first == cell;
  }

  template <class Give>
  void apply_pullbacks(std::size_t i, Var dy, Give give) {
    const Var y(&tape_, static_cast<std::uint32_t>(i), tape_.node(i).generation);
    for (const PullbackRecord<T>* p = tape_.node(i).pullbacks; p != nullptr; p = p->next) {
      bool needed[max_joint_inputs];
      Var gradients[max_joint_inputs];
      bool any = false;
      for (std::uint32_t k = 0; k < p->input_count; ++k) any |= needed[k] = on_path(p->inputs[k]);
      if (!any || (leaves_products_ && leave_product(p, dy))) continue;
      p->apply(p, dy, y, needed, gradients);
      for (std::uint32_t k = 0; k < p->input_count; ++k) {
        if (!needed[k]) continue;
        const Shape& shape = shape_of(p->inputs[k]);
        const Shape& given = gradients[k].shape();
        check(shape == given || broadcasts_to(shape, given), tape_.node(i).name,
              ": the gradient of an input of shape ", shape, " has shape ", given);
        give(p->inputs[k], gradients[k], !used_again(p, k, needed, gradients));
      }
    }
  }

  /// Whether a joint pullback hands the k-th gradient to a later input too.
  static bool used_again(const PullbackRecord<T>* p, std::uint32_t k, const bool* needed,
                         const Var* gradients) {
    for (std::uint32_t later = k + 1; later < p->input_count; ++later)
      if (needed[later] && gradients[later].index_ == gradients[k].index_) return true;
    return false;
  }

  /// Leaves the gradient of a parameter as a product, if it is one and the first.
  bool leave_product(const PullbackRecord<T>* p, Var dy) {
    const std::size_t input = p->inputs[0];
    if (p->left == no_left || tape_.node(input).parameter == nullptr || has_adjoint(input)) return false;
    const auto as_matrix = [](const Tensor& x) { return x.reshape({x.rows(), x.features()}); };
    const Var left(&tape_, p->left, tape_.node(p->left).generation);
    tape_.products_.emplace_back(input, BasicGradient<T>(as_matrix(left.value()), as_matrix(dy.value())));
    check(tape_.products_.back().second.shape() == shape_of(input),
          "lazy_gradient: the gradient of a parameter of shape ", shape_of(input), " has shape ",
          tape_.products_.back().second.shape());
    tape_.marks_[input] |= adjoint_bit | product_bit;
    return true;
  }
  bool is_product(std::size_t i) const { return tape_.marks_[i] & product_bit; }
  const BasicGradient<T>& product(std::size_t i) const {
    return std::find_if(tape_.products_.begin(), tape_.products_.end(),
                        [i](const auto& left) { return left.first == i; })
        ->second;
  }

  void accumulate(std::size_t input, Tensor&& gradient) {
    const Shape& shape = shape_of(input);
    if (gradient.shape() != shape) gradient = kernels::sum_to(gradient, shape);
    Tensor& adjoint = tape_.adjoints_[input];
    if (is_product(input)) {
      adjoint = product(input).value();
      tape_.marks_[input] &= static_cast<unsigned char>(~product_bit);
    }
    if (has_adjoint(input))
      kernels::accumulate(adjoint, gradient);
    else
      adjoint = std::move(gradient);
    set_adjoint(input, true);
  }

  /// The adjoint of each target; a parameter's is the sum over its leaves.
  template <class Result, class Targets, class Get, class Add, class Zeros>
  Result collect(const Targets& targets, Get get, Add add_two, Zeros zeros) {
    Result results;
    results.reserve(static_cast<std::size_t>(std::distance(std::begin(targets), std::end(targets))));
    for (const auto& item : targets) {
      const BasicTarget<T> target(item);
      bool found = false;
      std::remove_cvref_t<decltype(get(0))> sum;
      const auto take = [&](std::size_t i) {
        if (i > last_ || !has_adjoint(i)) return;
        sum = found ? add_two(sum, get(i)) : get(i);
        found = true;
      };
      if (target.is_parameter()) {
        for (std::uint32_t leaf : tape_.leaves_)
          if (tape_.node(leaf).parameter.get() == target.cell()) take(leaf);
        if (!found) sum = zeros(target.cell()->value.shape());
      } else {
        take(target.var().index_);
        if (!found) sum = zeros(target.var().shape());
      }
      results.push_back(std::move(sum));
    }
    return results;
  }

  BasicTape<T>& tape_;
  typename BasicTape<T>::Position start_;
  std::size_t last_;
  std::size_t first_ = 0;
  bool pops_scratch_ = false;
  bool leaves_products_ = false;
};

}  // namespace eigengrad::detail

namespace eigengrad {

template <class T>
template <class Targets>
BasicTensorList<T> BasicTape<T>::gradient(Var loss, const Targets& targets) {
  check_scalar("gradient", loss);
  return gradient(loss, targets, BasicTensor<T>::ones(loss.shape()));
}

template <class T>
template <class Targets>
BasicTensorList<T> BasicTape<T>::gradient(Var y, const Targets& targets, const BasicTensor<T>& dy) {
  check(dy.shape() == y.shape(), "gradient: y is ", y.shape(), ", dy is ", dy.shape(),
        "; they must be equal");
  return detail::ReversePass<T>(*this, y).values(targets, dy);
}

template <class T>
template <class Targets>
BasicGradientList<T> BasicTape<T>::lazy_gradient(Var loss, const Targets& targets) {
  check_scalar("lazy_gradient", loss);
  return detail::ReversePass<T>(*this, loss).lazy_values(targets, BasicTensor<T>::ones(loss.shape()));
}

template <class T>
template <class Targets>
BasicVarList<T> BasicTape<T>::gradient_graph(Var y, const Targets& targets, Var dy) {
  check(dy.shape() == y.shape(), "gradient_graph: y is ", y.shape(), ", dy is ", dy.shape(),
        "; they must be equal");
  return detail::ReversePass<T>(*this, y).graph(targets, dy);
}

}  // namespace eigengrad
