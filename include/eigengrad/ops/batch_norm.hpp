/// Batch normalisation over all axes but the last.
#pragma once

#include "eigengrad/autodiff/tape.hpp"
#include "eigengrad/kernels/batch_norm.hpp"
#include "eigengrad/ops/activation.hpp"
#include "eigengrad/ops/arithmetic.hpp"
#include "eigengrad/ops/math.hpp"
#include "eigengrad/ops/shape.hpp"

namespace eigengrad {

/// Settings of batch_norm.
struct BatchNormOptions {
  double epsilon = 1e-5;
  Index groups = 1;  ///< equal parts of the first axis with statistics of their own
  double slope = 1;  ///< of a leaky ReLU in the same passes over memory: 0 is ReLU, 1 is none
};

/// What batch_norm gives: the normalised values and, as plain tensors [groups, C], the statistics of the
/// batch.
template <class T>
struct BasicBatchNormResult {
  BasicVar<T> value;
  BasicTensor<T> mean;
  BasicTensor<T> variance;  ///< biased: divided by the number of rows
};
using BatchNormResult = BasicBatchNormResult<float>;

namespace detail {

/// The gradients of batch_norm by the formulas in its documentation, from ops on x: these can be
/// differentiated again, through the statistics too.
template <class T>
std::array<BasicVar<T>, 3> batch_norm_gradient_graph(BasicVar<T> dy, BasicVar<T> x, BasicVar<T> gamma,
                                                     BasicVar<T> beta, BatchNormOptions options) {
  const Index groups = options.groups, channels = x.shape().features(), rows = x.shape().rows() / groups;
  const auto mean_over_rows = [&](BasicVar<T> v) {
    return sum_to(v, {groups, 1, channels}) / static_cast<double>(rows);
  };
  const BasicVar<T> grouped = reshape(x, {groups, rows, channels});
  const BasicVar<T> centered = grouped - mean_over_rows(grouped);
  const BasicVar<T> inverse_std = 1.0 / sqrt(mean_over_rows(centered * centered) + options.epsilon);
  const BasicVar<T> normalized = centered * inverse_std;
  BasicVar<T> g = reshape(dy, {groups, rows, channels});
  if (options.slope != 1) g = leaky_relu_gradient(g, gamma * normalized + beta, options.slope);
  const BasicVar<T> dx =
      gamma * inverse_std * (g - mean_over_rows(g) - normalized * mean_over_rows(g * normalized));
  return {reshape(dx, x.shape()), g * normalized, g};
}

}  // namespace detail

/// y = gamma xhat + beta, xhat = (x - mean) / sqrt(variance + epsilon), with mean and biased variance of each
/// feature over the rows of its group; then a leaky ReLU of the slope in the options, if it is not 1.
///
///     dx = gamma / sqrt(variance + epsilon) (dz - mean(dz) - xhat mean(dz xhat))
///     dgamma = sum of dz xhat,   dbeta = sum of dz
///     dz = dy where gamma xhat + beta > 0, else slope dy
///
/// with means over the rows of the group and sums over all rows.
///
/// x is [N, ..., C], gamma and beta [C]. Throws unless the shapes agree and groups divides N.
/// Source: Ioffe and Szegedy, "Batch normalization", ICML 2015, arXiv 1502.03167, algorithm 1 and section 3.
template <class T>
BasicBatchNormResult<T> batch_norm(BasicVar<T> x, BasicVar<T> gamma, BasicVar<T> beta,
                                   BatchNormOptions options = {}) {
  auto forward = kernels::batch_norm(x.value(), gamma.value(), beta.value(), options.groups, options.epsilon,
                                     options.slope);
  BasicTape<T>& tape = x.tape();
  const BasicVar<T> mean = tape.constant(forward.mean), inverse_std = tape.constant(forward.inverse_std);
  const BasicVar<T> y = record(
      "batch_norm", std::move(forward.value),
      joint_pullback(std::array{x, gamma, beta}, [=](BasicVar<T> dy, BasicVar<T>, Needed<3>) {
        BasicTape<T>& t = dy.tape();
        if (t.is_recording()) return detail::batch_norm_gradient_graph(dy, x, gamma, beta, options);
        auto gradients = kernels::batch_norm_gradient(t.take(dy), x.value(), gamma.value(), mean.value(),
                                                      inverse_std.value(), &beta.value(), options.slope);
        return std::array{t.constant(std::move(gradients.dx)), t.constant(std::move(gradients.dgamma)),
                          t.constant(std::move(gradients.dbeta))};
      }));
  return {y, std::move(forward.mean), std::move(forward.variance)};
}

/// y = gamma (x - mean) / sqrt(variance + epsilon) + beta with given statistics [C] (running ones): an affine
/// map of every feature.
template <class T>
BasicVar<T> batch_norm(BasicVar<T> x, BasicVar<T> gamma, BasicVar<T> beta, const BasicTensor<T>& mean,
                       const BasicTensor<T>& variance, double epsilon = 1e-5) {
  const Shape features{x.shape().features()};
  check(gamma.shape() == features && beta.shape() == features && mean.shape() == features &&
            variance.shape() == features,
        "batch_norm: x is ", x.shape(), ", gamma is ", gamma.shape(), ", beta is ", beta.shape(),
        ", mean is ", mean.shape(), ", variance is ", variance.shape(), "; all but x must be ", features);
  BasicTensor<T> inverse_std = BasicTensor<T>::uninitialized(features);
  inverse_std.mutable_array() = (variance.array() + static_cast<T>(epsilon)).rsqrt();
  BasicTape<T>& tape = x.tape();
  const BasicVar<T> scale = gamma * tape.constant(std::move(inverse_std));
  return x * scale + (beta - tape.constant(mean) * scale);
}

}  // namespace eigengrad
