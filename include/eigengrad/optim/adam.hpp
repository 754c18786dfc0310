/// Adam.
#pragma once

#include "eigengrad/kernels/optimizer.hpp"
#include "eigengrad/optim/optimizer.hpp"

namespace eigengrad {

/// Settings of Adam.
struct AdamOptions {
  double learning_rate = 1e-3;
  double beta1 = 0.9;
  double beta2 = 0.999;
  double epsilon = 1e-8;
  double weight_decay = 0;  ///< decoupled: parameters shrink by learning_rate weight_decay (AdamW)
};

/// Adam: with t the number of this step and g the gradient,
///
///     m = beta1 m + (1 - beta1) g,   v = beta2 v + (1 - beta2) g^2
///     p = (1 - learning_rate weight_decay) p - learning_rate m / (1 - beta1^t) / (sqrt(v / (1 - beta2^t)) +
///     epsilon)
///
/// Values that are not finite pass through into the parameters; nothing is hidden or skipped (clip_by_norm
/// returns a norm that shows them before). Source: Kingma and Ba, "Adam", ICLR 2015, arXiv 1412.6980,
/// algorithm 1; Loshchilov and Hutter, "Decoupled weight decay regularization", ICLR 2019, arXiv 1711.05101,
/// algorithm 2.
template <class T>
class BasicAdam {
 public:
  using Scalar = T;

  BasicAdam(const BasicParameterList<T>& parameters, AdamOptions options = {})
      : parameters_("Adam", parameters), options_(options), m_(parameters_.zeros()), v_(parameters_.zeros()) {
    parameters_.check_rate(options.learning_rate);
    check(options.beta1 >= 0 && options.beta1 < 1 && options.beta2 >= 0 && options.beta2 < 1,
          "Adam: beta1 is ", options.beta1, ", beta2 is ", options.beta2, "; both must lie in [0, 1)");
    check(options.epsilon >= 0 && options.weight_decay >= 0 && std::isfinite(options.epsilon) &&
              std::isfinite(options.weight_decay),
          "Adam: epsilon is ", options.epsilon, ", weight_decay is ", options.weight_decay,
          "; both must be finite and not negative");
  }

  /// One step. `gradients` has one tensor for each of parameters(), in that order; throws, changing nothing,
  /// where number or shapes differ.
  void step(std::span<const BasicTensor<T>> gradients) { step_with(gradients); }
  /// The same for what Tape::lazy_gradient returns: a product goes into the step while it is computed.
  void step(std::span<const BasicGradient<T>> gradients) { step_with(gradients); }

  const BasicParameterList<T>& parameters() const { return parameters_.list(); }
  const AdamOptions& options() const { return options_; }
  double learning_rate() const { return options_.learning_rate; }
  void set_learning_rate(double learning_rate) {
    parameters_.check_rate(learning_rate);
    options_.learning_rate = learning_rate;
  }
  std::int64_t step_count() const { return step_count_; }

  /// The state of training beside the parameters: "m.i" and "v.i" for parameter i, and "step_count".
  template <class Visitor>
  void visit(Visitor&& visitor) {
    visitor("m", m_);
    visitor("v", v_);
    visitor("step_count", step_count_);
  }

 private:
  template <class Gradient>
  void step_with(std::span<const Gradient> gradients) {
    parameters_.check_gradients(gradients);
    ++step_count_;
    const double t = static_cast<double>(step_count_);
    const kernels::AdamCoefficients coefficients{.learning_rate = options_.learning_rate,
                                                 .beta1 = options_.beta1,
                                                 .beta2 = options_.beta2,
                                                 .epsilon = options_.epsilon,
                                                 .correction1 = 1 - std::pow(options_.beta1, t),
                                                 .correction2 = 1 - std::pow(options_.beta2, t),
                                                 .weight_decay = options_.weight_decay};
    for (std::size_t i = 0; i < gradients.size(); ++i)
      update(parameters_[i].mutable_value(), m_[i], v_[i], gradients[i], coefficients);
  }
  static void update(BasicTensor<T>& p, BasicTensor<T>& m, BasicTensor<T>& v, const BasicTensor<T>& gradient,
                     const kernels::AdamCoefficients& coefficients) {
    kernels::adam_update(p, m, v, gradient, coefficients);
  }
  static void update(BasicTensor<T>& p, BasicTensor<T>& m, BasicTensor<T>& v,
                     const BasicGradient<T>& gradient, const kernels::AdamCoefficients& coefficients) {
    if (gradient.is_product())
      kernels::adam_update(p, m, v, gradient.left(), gradient.right(), coefficients);
    else
      kernels::adam_update(p, m, v, gradient.value(), coefficients);
  }

  detail::TrainedParameters<T> parameters_;
  AdamOptions options_;
  std::vector<BasicTensor<T>> m_, v_;
  std::int64_t step_count_ = 0;
};

using Adam = BasicAdam<float>;

}  // namespace eigengrad
