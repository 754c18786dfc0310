/// What the optimisers share: which parameters they train, and the check of what they are given.
#pragma once

#include <cmath>
#include <span>
#include <vector>

#include "eigengrad/autodiff/gradient.hpp"
#include "eigengrad/autodiff/parameter.hpp"

namespace eigengrad::detail {

/// The parameters of an optimiser. It names their cells, so the modules that own them may be moved
/// afterwards; a copied optimiser would train the same cells, so it can only be moved.
template <class T>
class TrainedParameters {
 public:
  TrainedParameters(const char* optimizer, const BasicParameterList<T>& parameters) : optimizer_(optimizer) {
    shared_.reserve(parameters.size());
    for (const BasicParameter<T>* parameter : parameters) {
      for (const BasicParameter<T>& earlier : shared_)
        check(earlier.cell() != parameter->cell(), optimizer_, ": parameter ", shared_.size(), " of shape ",
              parameter->shape(), " is in the list twice");
      shared_.push_back(parameter->share());
    }
    for (BasicParameter<T>& parameter : shared_) list_.push_back(&parameter);
  }
  TrainedParameters(TrainedParameters&&) noexcept = default;
  TrainedParameters& operator=(TrainedParameters&&) noexcept = default;

  const BasicParameterList<T>& list() const { return list_; }
  std::size_t size() const { return list_.size(); }
  BasicParameter<T>& operator[](std::size_t i) { return shared_[i]; }

  /// Throws, before anything is changed, unless there is a gradient of the right shape for every parameter.
  template <class Gradient>
  void check_gradients(std::span<const Gradient> gradients) const {
    check(gradients.size() == list_.size(), optimizer_, ": ", gradients.size(), " gradients for ",
          list_.size(), " parameters");
    for (std::size_t i = 0; i < list_.size(); ++i)
      check(gradients[i].shape() == list_[i]->shape(), optimizer_, ": gradient ", i, " is ",
            gradients[i].shape(), ", parameter ", i, " is ", list_[i]->shape());
  }

  std::vector<BasicTensor<T>> zeros() const {
    std::vector<BasicTensor<T>> tensors;
    for (const BasicParameter<T>* parameter : list_)
      tensors.push_back(BasicTensor<T>::zeros(parameter->shape()));
    return tensors;
  }

  void check_rate(double learning_rate) const {
    check(std::isfinite(learning_rate) && learning_rate >= 0, optimizer_, ": learning_rate is ",
          learning_rate, "; it must be finite and not negative");
  }

 private:
  const char* optimizer_;
  std::vector<BasicParameter<T>> shared_;
  BasicParameterList<T> list_;
};

}  // namespace eigengrad::detail
