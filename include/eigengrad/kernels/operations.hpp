/// Names of the elementwise operations: tags that simd/elementwise.inl turns into vector code. Parameters are
/// fields.
#pragma once

#include <cmath>
#include <cstdint>

namespace eigengrad::kernels::op {

struct Scale {  ///< factor x + offset
  double factor = 1, offset = 0;
};
struct Exp {};
struct Log {};
struct Sqrt {};
struct Square {};
struct Abs {};
struct Sign {};
struct Reciprocal {};
struct Relu {};
struct LeakyRelu {
  double slope = 0.01;
};
struct Sigmoid {};
struct Tanh {};
struct Softplus {};
struct LogSigmoid {};
struct Pow {
  double exponent = 1;
};
struct Clamp {
  double low, high;
};
struct InRange {  ///< 1 where low <= x <= high, else 0
  double low, high;
};
struct Step {};  ///< 1 where x > 0, else 0

struct First {};  ///< a
struct Add {};
struct Subtract {};
struct Multiply {};
struct Divide {};
struct Minimum {};
struct Maximum {};
struct LargestNumber {};  ///< the larger of a and b, of a number and NaN the number; a is a number
struct Greater {};        ///< 1 where a > b, else 0
struct Equal {};

// Gradients: (dy, y) or (dy, x) -> dx.
struct TanhGradient {};     ///< dy (1 - y^2)
struct SigmoidGradient {};  ///< dy y (1 - y)
struct ReluGradient {};     ///< dy where y > 0
struct LeakyReluGradient {  ///< dy where x > 0, else slope dy
  double slope = 0.01;
};
struct SoftplusGradient {};    ///< dy sigmoid(x)
struct LogSigmoidGradient {};  ///< dy sigmoid(-x)
struct AbsGradient {};         ///< dy sign(x)
struct ClampGradient {         ///< dy where low <= x <= high
  double low, high;
};

// Softmax of one row.
struct DivideBy {
  double divisor;
};
struct SubtractBoth {  ///< (x - first) - second
  double first, second;
};
struct SoftmaxGradient {  ///< (dy, y) -> y (dy - dot)
  double dot;
};
struct LogSoftmaxGradient {  ///< (dy, y) -> dy - exp(y) sum
  double sum;
};

// Bernoulli with logit l.
struct BernoulliLogProb {};  ///< (l, x) -> x log sigmoid(l) + (1 - x) log sigmoid(-l)
struct BernoulliScore {};  ///< (l, x) -> its derivative, x sigmoid(-l) - (1 - x) sigmoid(l) = x - sigmoid(l)
struct BernoulliEntropy {};  ///< l -> log(1 + e^-|l|) + |l| sigmoid(-|l|)

}  // namespace eigengrad::kernels::op

namespace eigengrad::kernels {

/// Coefficients of one step of adam_update; correction1 = 1 - beta1^t and correction2 = 1 - beta2^t at step
/// t.
struct AdamCoefficients {
  double learning_rate = 1e-3;
  double beta1 = 0.9, beta2 = 0.999;
  double epsilon = 1e-8;
  double correction1 = 1, correction2 = 1;
  double weight_decay = 0;
};

/// The same as vectors of T take them.
template <class T>
struct AdamFactors {
  T shrink, rate, scale, beta1, gain1, beta2, gain2, epsilon;

  explicit AdamFactors(const AdamCoefficients& c)
      : shrink(static_cast<T>(1 - c.learning_rate * c.weight_decay)),
        rate(static_cast<T>(c.learning_rate / c.correction1)),
        scale(static_cast<T>(1 / std::sqrt(c.correction2))),
        beta1(static_cast<T>(c.beta1)),
        gain1(static_cast<T>(1 - c.beta1)),
        beta2(static_cast<T>(c.beta2)),
        gain2(static_cast<T>(1 - c.beta2)),
        epsilon(static_cast<T>(c.epsilon)) {}
};

/// Parameters with Adam's moments of their gradients.
template <class T>
struct AdamState {
  T *parameter, *m, *v;
  AdamState operator+(std::int64_t offset) const { return {parameter + offset, m + offset, v + offset}; }
};

/// Coefficients of one step of sgd_update.
struct SgdCoefficients {
  double learning_rate = 1e-2;
  double momentum = 0;
  double weight_decay = 0;
  bool nesterov = false;
};

/// Coefficients of batch_norm for a run of columns: z = (x - mean) scale + shift, then y = z where z is
/// positive, else slope z.
template <class T>
struct BatchNormColumns {
  const T *mean, *scale, *shift;
  T slope;
  BatchNormColumns operator+(std::int64_t columns) const {
    return {mean + columns, scale + columns, shift + columns, slope};
  }
};

}  // namespace eigengrad::kernels
