/// gradcheck: compares gradients from the tape with finite differences, in double, free of any test
/// framework.
#pragma once

#include <array>
#include <cmath>
#include <string>
#include <utility>

#include "eigengrad/autodiff/tape.hpp"
#include "eigengrad/core/random.hpp"
#include "eigengrad/ops/arithmetic.hpp"

namespace eigengrad {

/// Settings of gradcheck.
struct GradcheckOptions {
  double tolerance = 1e-6;  ///< largest accepted error relative to the sum of the magnitudes of the terms
  double step = 2e-4;       ///< finite-difference step; inputs must stay two steps away from kinks
  int directions = 4;       ///< random directions tried for each input
  std::uint64_t seed = 1;
};

/// Whether all gradients agree; if not, `message` names operation, input, element, expected and got.
struct GradcheckResult {
  bool passed = true;
  double largest_error = 0;  ///< relative error, over all directions tried
  std::string message = "all gradients agree";

  explicit operator bool() const { return passed; }
  template <class Stream>
  friend auto operator<<(Stream& stream, const GradcheckResult& result)
      -> decltype(stream << std::string()) {
    return stream << result.message << " (largest relative error " << result.largest_error << ")";
  }
};

namespace detail {

template <std::size_t N>
using CheckInputs = std::array<BasicTensor<double>, N>;

inline double dot(const BasicTensor<double>& a, const BasicTensor<double>& b) {
  double sum = 0;
  for (Index i = 0; i < a.size(); ++i) sum += a.data()[i] * b.data()[i];
  return sum;
}

inline double dot_of_magnitudes(const BasicTensor<double>& a, const BasicTensor<double>& b) {
  double sum = 0;
  for (Index i = 0; i < a.size(); ++i) sum += std::abs(a.data()[i] * b.data()[i]);
  return sum;
}

/// Calls f with one Var per input on `tape`.
template <class F, std::size_t N>
BasicVar<double> call_with_variables(F& f, const std::array<BasicVar<double>, N>& vars) {
  return std::apply([&](auto... var) { return f(var...); }, vars);
}

template <std::size_t N>
std::array<BasicVar<double>, N> make_variables(BasicTape<double>& tape, const CheckInputs<N>& inputs) {
  std::array<BasicVar<double>, N> vars;
  for (std::size_t i = 0; i < N; ++i) vars[i] = tape.variable(inputs[i]);
  return vars;
}

/// <u, f(inputs with inputs[which] + t v)>
template <class F, std::size_t N>
double projected_value(F& f, CheckInputs<N> inputs, std::size_t which, const BasicTensor<double>& v, double t,
                       const BasicTensor<double>& u) {
  inputs[which].mutable_array() += t * v.array();
  BasicTape<double> tape;
  return dot(u, call_with_variables(f, make_variables(tape, inputs)).value());
}

/// d/dt of projected_value at 0 by the five-point rule, error O(step^4).
template <class F, std::size_t N>
double directional_difference(F& f, const CheckInputs<N>& inputs, std::size_t which,
                              const BasicTensor<double>& v, const BasicTensor<double>& u, double h) {
  const auto at = [&](double t) { return projected_value(f, inputs, which, v, t, u); };
  return (8 * (at(h) - at(-h)) - (at(2 * h) - at(-2 * h))) / (12 * h);
}

/// Names the element of one input's gradient that is furthest off.
template <class F, std::size_t N>
std::string worst_element(F& f, const CheckInputs<N>& inputs, std::size_t which,
                          const BasicTensor<double>& gradient, const BasicTensor<double>& u, double h,
                          const char* operation) {
  double worst = -1, expected = 0;
  Index element = 0;
  for (Index i = 0; i < inputs[which].size(); ++i) {
    BasicTensor<double> unit = BasicTensor<double>::zeros(inputs[which].shape());
    unit.mutable_data()[i] = 1;
    const double difference = directional_difference(f, inputs, which, unit, u, h);
    const double error = std::abs(difference - gradient.data()[i]);
    if (error > worst || std::isnan(error)) worst = error, expected = difference, element = i;
    if (std::isnan(error)) break;
  }
  return concatenate_text("gradient of ", operation, ", input ", which, " of shape ", inputs[which].shape(),
                          ", element ", element, ": expected ", expected, ", got ", gradient.data()[element]);
}

template <class F, std::size_t N>
GradcheckResult gradcheck_inputs(F& f, const CheckInputs<N>& inputs, const GradcheckOptions& options) {
  Rng rng(options.seed);
  GradcheckResult result;
  for (int direction = 0; direction < options.directions && result.passed; ++direction) {
    BasicTape<double> tape;
    const auto vars = make_variables(tape, inputs);
    const BasicVar<double> y = call_with_variables(f, vars);
    const BasicTensor<double> u = rng.uniform<double>(y.shape(), -1, 1);
    const auto gradients = tape.gradient(y, vars, u);
    const double noise =
        1e-15 / options.step * (1 + dot_of_magnitudes(u, y.value()));  // rounding of the differences
    for (std::size_t i = 0; i < N && result.passed; ++i) {
      const BasicTensor<double> v = rng.uniform<double>(inputs[i].shape(), -1, 1);
      const double expected = directional_difference(f, inputs, i, v, u, options.step);
      const double scale = std::max(dot_of_magnitudes(gradients[i], v), std::abs(expected));
      const double error = std::abs(dot(gradients[i], v) - expected);
      if (error > noise) result.largest_error = std::max(result.largest_error, error / scale);
      if (error <= options.tolerance * scale + noise) continue;
      result.passed = false;
      result.message = worst_element(f, inputs, i, gradients[i], u, options.step, tape.name_of(y));
    }
  }
  return result;
}

}  // namespace detail

/// Checks the gradients of f with respect to every input: <v, vjp(u)> against the central difference of
/// <u, f(x + t v)> in random directions u, v; on failure differences of every element name the worst one.
/// `f` takes one Var per tensor, returns a Var and must give the same result at every call (a random
/// operation uses a copy of its Rng).
template <class F, class... Tensors>
GradcheckResult gradcheck_with(const GradcheckOptions& options, F f, const Tensors&... inputs) {
  return detail::gradcheck_inputs(f, detail::CheckInputs<sizeof...(inputs)>{inputs...}, options);
}
template <class F, class... Tensors>
GradcheckResult gradcheck(F f, const Tensors&... inputs) {
  return gradcheck_with({}, f, inputs...);
}

/// Checks second derivatives: the function (x..., dy) -> sum_i <w_i, gradient_graph_i>, with random w, is put
/// through gradcheck, and gradient_graph must agree with gradient.
template <class F, class... Tensors>
GradcheckResult gradcheck_second_order_with(const GradcheckOptions& options, F f, const Tensors&... inputs) {
  constexpr std::size_t n = sizeof...(inputs);
  const detail::CheckInputs<n> tensors{inputs...};
  Rng rng(options.seed + 1);
  std::array<BasicTensor<double>, n> weights;
  for (std::size_t i = 0; i < n; ++i) weights[i] = rng.uniform<double>(tensors[i].shape(), -1, 1);

  BasicTape<double> tape;
  const auto vars = detail::make_variables(tape, tensors);
  const BasicVar<double> y = detail::call_with_variables(f, vars);
  const BasicTensor<double> u = rng.uniform<double>(y.shape(), -1, 1);
  const auto values = tape.gradient(y, vars, u);
  const auto graph = tape.gradient_graph(y, vars, tape.constant(u));
  for (std::size_t i = 0; i < n; ++i)
    for (Index k = 0; k < values[i].size(); ++k) {
      const double a = values[i].data()[k], b = graph[i].value().data()[k];
      if (!(std::abs(a - b) <= 1e-10 * (1 + std::abs(a))))
        return {false, std::abs(a - b),
                detail::concatenate_text("gradient and gradient_graph of ", tape.name_of(y),
                                         " disagree for input ", i, ", element ", k, ": ", a, " and ", b)};
    }

  const auto projected_gradient = [&](auto... vars_and_dy) {
    const std::array<BasicVar<double>, n + 1> all{vars_and_dy...};
    std::array<BasicVar<double>, n> xs;
    std::copy_n(all.begin(), n, xs.begin());
    BasicTape<double>& inner = all[0].tape();
    const auto gradients = inner.gradient_graph(detail::call_with_variables(f, xs), xs, all[n]);
    BasicVar<double> total = sum_to(gradients[0] * inner.constant(weights[0]), {});
    for (std::size_t i = 1; i < n; ++i) total = total + sum_to(gradients[i] * inner.constant(weights[i]), {});
    return total;
  };
  GradcheckResult result = gradcheck_with(options, projected_gradient, inputs..., u);
  if (!result)
    result.message = detail::concatenate_text("second order of ", tape.name_of(y), ": ", result.message);
  return result;
}
template <class F, class... Tensors>
GradcheckResult gradcheck_second_order(F f, const Tensors&... inputs) {
  return gradcheck_second_order_with({}, f, inputs...);
}

}  // namespace eigengrad
