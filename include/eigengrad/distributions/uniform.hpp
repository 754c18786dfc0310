/// The uniform distribution on an interval.
#pragma once

#include <cmath>
#include <limits>

#include "eigengrad/core/random.hpp"
#include "eigengrad/ops/arithmetic.hpp"

namespace eigengrad {

/// U(low, high), independently for every element.
template <class T>
class BasicUniform {
 public:
  BasicUniform(double low, double high) : low_(low), high_(high) {
    check(low < high && std::isfinite(low) && std::isfinite(high), "Uniform: low is ", low, ", high is ",
          high, "; both must be finite, low the smaller");
  }

  double low() const { return low_; }
  double high() const { return high_; }

  /// -ln(high - low) within [low, high], -inf outside, element by element; constant in x.
  BasicTensor<T> log_prob(const BasicTensor<T>& x) const {
    BasicTensor<T> y = BasicTensor<T>::uninitialized(x.shape());
    T* const to = y.mutable_data();
    const T inside = static_cast<T>(-entropy());
    for (Index i = 0; i < x.size(); ++i)
      to[i] = x.data()[i] >= static_cast<T>(low_) && x.data()[i] <= static_cast<T>(high_)
                  ? inside
                  : -std::numeric_limits<T>::infinity();
    return y;
  }
  BasicVar<T> log_prob(BasicVar<T> x) const { return x.tape().constant(log_prob(x.value())); }

  BasicTensor<T> sample(const Shape& shape, Rng& rng) const { return rng.uniform<T>(shape, low_, high_); }

  /// ln(high - low).
  double entropy() const { return std::log(high_ - low_); }

  /// KL(p to q) = ln((high_q - low_q) / (high_p - low_p)), infinite unless q covers p.
  friend double kl(const BasicUniform& p, const BasicUniform& q) {
    if (q.low_ > p.low_ || q.high_ < p.high_) return std::numeric_limits<double>::infinity();
    return q.entropy() - p.entropy();
  }

 private:
  double low_, high_;
};

using Uniform = BasicUniform<float>;

}  // namespace eigengrad
