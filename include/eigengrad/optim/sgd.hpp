/// Stochastic gradient descent.
#pragma once

#include "eigengrad/kernels/optimizer.hpp"
#include "eigengrad/optim/optimizer.hpp"

namespace eigengrad {

/// Settings of Sgd.
struct SgdOptions {
  double learning_rate = 1e-2;
  double momentum = 0;
  double weight_decay = 0;  ///< adds weight_decay p to the gradient
  bool nesterov = false;    ///< looks ahead by one step of the momentum
};

/// Stochastic gradient descent with momentum, in PyTorch's form: with g the gradient,
///
///     d = g + weight_decay p,   b = momentum b + d,   p = p - learning_rate b
///
/// and learning_rate (d + momentum b) in the last line for Nesterov's form.
/// Values that are not finite pass through into the parameters; nothing is hidden or skipped.
/// Source: Sutskever et al., "On the importance of initialization and momentum in deep learning", ICML 2013.
template <class T>
class BasicSgd {
 public:
  using Scalar = T;

  BasicSgd(const BasicParameterList<T>& parameters, SgdOptions options = {})
      : parameters_("Sgd", parameters), options_(options) {
    parameters_.check_rate(options.learning_rate);
    check(options.momentum >= 0 && options.momentum < 1 && options.weight_decay >= 0 &&
              std::isfinite(options.weight_decay),
          "Sgd: momentum is ", options.momentum, ", weight_decay is ", options.weight_decay,
          "; momentum must lie in [0, 1), weight_decay must be finite and not negative");
    if (options.momentum > 0) velocity_ = parameters_.zeros();
  }

  /// One step. `gradients` has one tensor for each of parameters(), in that order; throws, changing nothing,
  /// where number or shapes differ.
  void step(std::span<const BasicTensor<T>> gradients) {
    step_with(gradients, [](const BasicTensor<T>& gradient) { return gradient; });
  }
  /// The same for what Tape::lazy_gradient returns: one product exists at a time.
  void step(std::span<const BasicGradient<T>> gradients) {
    step_with(gradients, [](const BasicGradient<T>& gradient) { return gradient.value(); });
  }

  const BasicParameterList<T>& parameters() const { return parameters_.list(); }
  const SgdOptions& options() const { return options_; }
  double learning_rate() const { return options_.learning_rate; }
  void set_learning_rate(double learning_rate) {
    parameters_.check_rate(learning_rate);
    options_.learning_rate = learning_rate;
  }

  /// The state of training beside the parameters: "velocity.i" for parameter i where there is momentum.
  template <class Visitor>
  void visit(Visitor&& visitor) {
    visitor("velocity", velocity_);
  }

 private:
  template <class Gradient, class Value>
  void step_with(std::span<const Gradient> gradients, Value value) {
    parameters_.check_gradients(gradients);
    const kernels::SgdCoefficients coefficients{.learning_rate = options_.learning_rate,
                                                .momentum = options_.momentum,
                                                .weight_decay = options_.weight_decay,
                                                .nesterov = options_.nesterov};
    for (std::size_t i = 0; i < gradients.size(); ++i)
      kernels::sgd_update(parameters_[i].mutable_value(), velocity_.empty() ? nullptr : &velocity_[i],
                          value(gradients[i]), coefficients);
  }

  detail::TrainedParameters<T> parameters_;
  SgdOptions options_;
  std::vector<BasicTensor<T>> velocity_;  // empty without momentum
};

using Sgd = BasicSgd<float>;

}  // namespace eigengrad
