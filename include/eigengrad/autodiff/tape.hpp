/// Tape: records operations in execution order and differentiates backwards through them.
#pragma once

#include <memory>
#include <new>
#include <span>
#include <utility>
#include <vector>

#include "eigengrad/autodiff/arena.hpp"
#include "eigengrad/autodiff/gradient.hpp"
#include "eigengrad/autodiff/parameter.hpp"
#include "eigengrad/autodiff/pullback.hpp"
#include "eigengrad/autodiff/var.hpp"

namespace eigengrad {

/// Something to differentiate with respect to: a parameter, or a Var.
template <class T>
class BasicTarget {
 public:
  BasicTarget(BasicVar<T> var) : var_(var) {}
  BasicTarget(const BasicParameter<T>& parameter) : cell_(parameter.cell().get()) {}
  BasicTarget(const BasicParameter<T>* parameter) : BasicTarget(*parameter) {}

  bool is_parameter() const { return cell_ != nullptr; }
  const detail::ParameterCell<T>* cell() const { return cell_; }
  BasicVar<T> var() const { return var_; }

 private:
  BasicVar<T> var_;
  const detail::ParameterCell<T>* cell_ = nullptr;
};

namespace detail {
template <class T>
class ReversePass;
}

/// The record of one computation, confined to one thread. Nodes are appended as operations run, never move,
/// and keep their values until clear(), which keeps the memory: repeating a step with the same shapes
/// allocates nothing.
template <class T>
class BasicTape {
 public:
  using Var = BasicVar<T>;

  BasicTape() = default;
  BasicTape(const BasicTape&) = delete;
  BasicTape& operator=(const BasicTape&) = delete;
  ~BasicTape() { clear(); }

  /// A value that is not differentiated: data, masks, targets.
  Var constant(BasicTensor<T> value) { return push("constant", std::move(value)); }
  /// A value that gradients may be taken with respect to.
  Var variable(BasicTensor<T> value) {
    const Var var = push("variable", std::move(value));
    node(var.index_).differentiable = true;
    return var;
  }
  /// The present value of a parameter. Its buffer is not shared: an optimiser may write it in place, after
  /// which reading this Var throws.
  Var parameter(const BasicParameter<T>& parameter) {
    const Var var = push("parameter", {});
    Node& leaf = node(var.index_);
    leaf.parameter = parameter.cell();
    leaf.version = leaf.parameter->version;
    leaf.differentiable = true;
    leaves_.push_back(var.index_);
    return var;
  }

  /// Appends the result of an operation with the pullbacks of its inputs; see eigengrad::record.
  template <class... Specifications>
  Var record(const char* name, BasicTensor<T>&& value, const Specifications&... pullbacks) {
    const Var y = push(name, std::move(value));
    (attach(y, pullbacks), ...);
    return y;
  }
  /// Adds a pullback to a node just recorded: for operations with any number of inputs.
  template <std::size_t N, class Function>
  void attach(Var y, const PullbackSpecification<T, N, Function>& specification);

  /// Copies values (labels, indices) into memory that lives until clear(), so that a pullback can capture the
  /// span.
  template <class V>
  std::span<const V> keep(std::span<const V> values) {
    static_assert(std::is_trivially_copyable_v<V>);
    V* copy = static_cast<V*>(arena_.allocate(values.size_bytes()));
    std::uninitialized_copy(values.begin(), values.end(), copy);
    return {copy, values.size()};
  }

  /// d loss / d target for every target, with `loss` of size 1; a target that the loss does not depend on
  /// gets zeros. Only nodes on a path from a target to the loss are visited; nothing is recorded and scratch
  /// values are freed.
  template <class Targets>
  BasicTensorList<T> gradient(Var loss, const Targets& targets);
  BasicTensorList<T> gradient(Var loss, std::initializer_list<BasicTarget<T>> targets) {
    return gradient(loss, std::span(targets.begin(), targets.size()));
  }
  /// The vector-Jacobian product: gradients of sum(dy * y), for y and dy of one shape.
  template <class Targets>
  BasicTensorList<T> gradient(Var y, const Targets& targets, const BasicTensor<T>& dy);
  BasicTensorList<T> gradient(Var y, std::initializer_list<BasicTarget<T>> targets,
                              const BasicTensor<T>& dy) {
    return gradient(y, std::span(targets.begin(), targets.size()), dy);
  }

  /// As gradient(loss, targets), for optimisers: where the gradient of a parameter comes from one
  /// product_pullback alone, as those of the weights of linear() do, it stays a product until it is used. The
  /// tape may be cleared meanwhile. To look at gradients, or to clip them, take gradient().
  template <class Targets>
  BasicGradientList<T> lazy_gradient(Var loss, const Targets& targets);
  BasicGradientList<T> lazy_gradient(Var loss, std::initializer_list<BasicTarget<T>> targets) {
    return lazy_gradient(loss, std::span(targets.begin(), targets.size()));
  }

  /// As gradient(), but the gradients are Vars recorded on this tape, to be differentiated again.
  template <class Targets>
  BasicVarList<T> gradient_graph(Var y, const Targets& targets, Var dy);
  BasicVarList<T> gradient_graph(Var y, std::initializer_list<BasicTarget<T>> targets, Var dy) {
    return gradient_graph(y, std::span(targets.begin(), targets.size()), dy);
  }
  template <class Targets>
  BasicVarList<T> gradient_graph(Var loss, const Targets& targets) {
    check_scalar("gradient_graph", loss);
    return gradient_graph(loss, targets, constant(BasicTensor<T>::ones(loss.shape())));
  }
  BasicVarList<T> gradient_graph(Var loss, std::initializer_list<BasicTarget<T>> targets) {
    return gradient_graph(loss, std::span(targets.begin(), targets.size()));
  }

  /// Forgets all nodes and keeps the memory. Every Var of the tape becomes stale.
  void clear() { pop({0, {}}); }
  std::size_t node_count() const { return size_; }

  /// While the returned guard lives, operations compute values only: for evaluation.
  [[nodiscard]] auto pause_recording() { return RecordingGuard(*this); }
  bool is_recording() const { return recording_; }

  /// Whether gradients can flow through this Var: it depends on a parameter or variable through recorded
  /// operations.
  bool is_differentiable(Var x) const { return node_of(x).differentiable; }

  /// Takes the value out of dy, for a pullback that writes its result over it: nobody reads dy any more where
  /// nothing is recorded, the pullback is its node's only one, and it needs dy no longer itself.
  BasicTensor<T> take(Var dy) {
    node_of(dy);
    return std::move(node(dy.index_).value);
  }

  const BasicTensor<T>& value_of(Var x) const {
    const Node& node = node_of(x);
    if (node.parameter == nullptr) return node.value;
    check(node.parameter->version == node.version, "parameter of shape ", node.parameter->value.shape(),
          " was changed after it was put on the tape; its old value is gone");
    return node.parameter->value;
  }
  const Shape& shape_of(Var x) const {
    const Node& node = node_of(x);
    return node.parameter == nullptr ? node.value.shape() : node.parameter->value.shape();
  }
  /// Name of the operation that made x.
  const char* name_of(Var x) const { return node_of(x).name; }

 private:
  friend class detail::ReversePass<T>;

  struct Node {
    BasicTensor<T> value;
    std::shared_ptr<detail::ParameterCell<T>> parameter;  // of a leaf
    std::uint64_t version = 0;
    const char* name = "";
    detail::PullbackRecord<T>* pullbacks = nullptr;
    std::uint32_t generation = 0;
    bool differentiable = false;
  };
  struct Position {
    std::size_t size;
    detail::Arena::Position arena;
  };
  class RecordingGuard {
   public:
    explicit RecordingGuard(BasicTape& tape) : tape_(tape), before_(std::exchange(tape.recording_, false)) {}
    ~RecordingGuard() { tape_.recording_ = before_; }
    RecordingGuard(const RecordingGuard&) = delete;
    RecordingGuard& operator=(const RecordingGuard&) = delete;

   private:
    BasicTape& tape_;
    bool before_;
  };

  Node& node(std::size_t index) { return chunks_[index / chunk_nodes][index % chunk_nodes]; }
  const Node& node(std::size_t index) const { return chunks_[index / chunk_nodes][index % chunk_nodes]; }
  const Node& node_of(Var x) const {
    check(x.tape_ == this, "Var: the handle belongs to another tape");
    check(x.index_ < size_ && node(x.index_).generation == x.generation_,
          "Var: the handle is stale; its tape was cleared after it was made");
    return node(x.index_);
  }

  Var push(const char* name, BasicTensor<T>&& value);
  Position position() const { return {size_, arena_.position()}; }
  void pop(Position to);
  static void check_scalar(const char* operation, Var loss) {
    check(loss.size() == 1, operation, ": the loss is ", loss.shape(),
          "; it must have one element, or dy be given");
  }

  static constexpr std::size_t chunk_nodes = 1024;
  std::vector<std::unique_ptr<Node[]>> chunks_;
  std::size_t size_ = 0;
  std::uint32_t generation_ = 1;
  bool recording_ = true;
  detail::Arena arena_;
  std::vector<std::uint32_t> leaves_;  // parameter nodes, in order

  // Scratch of the reverse pass, kept for its capacity.
  std::vector<unsigned char> marks_;
  std::vector<BasicTensor<T>> adjoints_;
  std::vector<std::pair<std::size_t, BasicGradient<T>>> products_;
  std::vector<std::pair<const detail::ParameterCell<T>*, std::size_t>> wanted_cells_;
};

using Tape = BasicTape<float>;
using Target = BasicTarget<float>;

/// Records y = operation(inputs) on the tape of the inputs. The pullbacks give one gradient per input; where
/// none of the inputs is differentiable, or recording is paused, only the value is kept.
template <class T, std::size_t N, class Function, class... More>
BasicVar<T> record(const char* name, BasicTensor<T>&& value,
                   const PullbackSpecification<T, N, Function>& first, const More&... more) {
  return first.inputs[0].tape().record(name, std::move(value), first, more...);
}

template <class T, std::size_t N, class Function, class... More>
BasicVar<T> record(const char* name, const BasicTensor<T>& value,
                   const PullbackSpecification<T, N, Function>& first, const More&... more) {
  return record(name, BasicTensor<T>(value), first, more...);
}

template <class T>
BasicVar<T> BasicTape<T>::push(const char* name, BasicTensor<T>&& value) {
  if (size_ == chunks_.size() * chunk_nodes) chunks_.push_back(std::make_unique<Node[]>(chunk_nodes));
  check(size_ < 0xFFFFFFFF, name, ": the tape is full");
  Node& fresh = node(size_);
  fresh.value = std::move(value);
  fresh.name = name;
  fresh.pullbacks = nullptr;
  fresh.differentiable = false;
  fresh.generation = generation_;
  return Var(this, static_cast<std::uint32_t>(size_++), generation_);
}

template <class T>
void BasicTape<T>::pop(Position to) {
  for (; !leaves_.empty() && leaves_.back() >= to.size; leaves_.pop_back())
    node(leaves_.back()).parameter = nullptr;
  while (size_ > to.size) node(--size_).value.release();  // push() writes the rest anew
  arena_.rewind(to.arena);
  ++generation_;
}

template <class T>
template <std::size_t N, class Function>
void BasicTape<T>::attach(Var y, const PullbackSpecification<T, N, Function>& specification) {
  Node& result = node(y.index_);
  bool differentiable = false;
  for (Var input : specification.inputs) {
    check(input.tape_ == this, result.name, ": the inputs are on different tapes");
    differentiable |= node_of(input).differentiable;
  }
  if (specification.left.tape_ != nullptr) {
    check(specification.left.tape_ == this, result.name, ": the inputs are on different tapes");
    node_of(specification.left);
  }
  if (!differentiable || !recording_) return;
  using Record = detail::PullbackRecordOf<T, N, Function>;
  static_assert(alignof(Record) <= alignof(std::max_align_t));
  Record* record = new (arena_.allocate(sizeof(Record))) Record(specification.function);
  record->next = result.pullbacks;
  record->apply = &Record::call;
  record->inputs = record->input_indices;
  record->input_count = N;
  record->left = specification.left.tape_ == nullptr ? detail::no_left : specification.left.index_;
  for (std::size_t i = 0; i < N; ++i) record->input_indices[i] = specification.inputs[i].index_;
  result.pullbacks = record;
  result.differentiable = true;
}

}  // namespace eigengrad

#include "eigengrad/autodiff/reverse_pass.hpp"
