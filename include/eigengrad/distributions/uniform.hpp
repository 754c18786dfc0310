/// Uniform distribution on an interval.
#pragma once

#include <cmath>
#include <limits>

#include "eigengrad/autodiff/tape.hpp"
#include "eigengrad/core/random.hpp"

namespace eigengrad {

/// Density 1 / (high - low) on [low, high], 0 outside. It has no trainable part, so entropy and kl are
/// numbers.
template <class T>
class BasicUniform {
 public:
  /// Throws unless low < high and both are finite.
  BasicUniform(double low, double high) : low_(low), high_(high) {
    check(low < high && std::isfinite(high - low), "Uniform: low is ", low, ", high is ", high,
          "; low must be below high, and both finite");
  }

  double low() const { return low_; }
  double high() const { return high_; }

  /// -ln(high - low) inside [low, high], -inf outside, element by element. Its gradient is 0.
  BasicTensor<T> log_prob(const BasicTensor<T>& x) const {
    const T low = static_cast<T>(low_), high = static_cast<T>(high_), inside = static_cast<T>(-entropy());
    BasicTensor<T> y = BasicTensor<T>::uninitialized(x.shape());
    T* const to = y.mutable_data();
    for (Index i = 0; i < x.size(); ++i) {
      const T value = x.data()[i];
      const T outside = value == value ? -std::numeric_limits<T>::infinity() : value;  // NaN stays NaN
      to[i] = value >= low && value <= high ? inside : outside;
    }
    return y;
  }
  BasicVar<T> log_prob(BasicVar<T> x) const { return x.tape().constant(log_prob(x.value())); }

  BasicTensor<T> sample(const Shape& shape, Rng& rng) const { return rng.uniform<T>(shape, low_, high_); }

  /// ln(high - low), in nats.
  double entropy() const { return std::log(high_ - low_); }

 private:
  double low_, high_;
};

/// KL(p || q) in nats: ln of the ratio of the widths where q covers p, else infinite.
template <class T>
double kl(const BasicUniform<T>& p, const BasicUniform<T>& q) {
  if (p.low() < q.low() || p.high() > q.high()) return std::numeric_limits<double>::infinity();
  return std::log((q.high() - q.low()) / (p.high() - p.low()));
}

using Uniform = BasicUniform<float>;

}  // namespace eigengrad
