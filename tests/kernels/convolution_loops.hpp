/// Convolutions by plain loops, for tests.
#pragma once

#include <cmath>
#include <limits>
#include <random>

#include <doctest/doctest.h>

#include "eigengrad/kernels/convolution.hpp"
#include "kernels/kernel_test.hpp"

namespace kernel_test {

using eigengrad::Conv2dOptions;
namespace kernels = eigengrad::kernels;

/// Calls body(i of x, i of w, i of y) for every product of the convolution, by plain loops.
template <class Body>
void for_each_product(const Shape& x, const Shape& w, const Shape& y, Conv2dOptions options, Body body) {
  for (Index n = 0; n < x[0]; ++n)
    for (Index p = 0; p < y[1]; ++p)
      for (Index q = 0; q < y[2]; ++q)
        for (Index a = 0; a < w[0]; ++a)
          for (Index b = 0; b < w[1]; ++b) {
            const Index h = p * options.stride + a - options.padding,
                        v = q * options.stride + b - options.padding;
            if (h < 0 || h >= x[1] || v < 0 || v >= x[2]) continue;
            for (Index c = 0; c < x[3]; ++c)
              for (Index o = 0; o < w[3]; ++o)
                body(((n * x[1] + h) * x[2] + v) * x[3] + c, ((a * w[1] + b) * w[2] + c) * w[3] + o,
                     ((n * y[1] + p) * y[2] + q) * y[3] + o);
          }
}

/// Number of elements further from the sums than rounding explains. `magnitude` is the sum of absolute terms.
template <class T>
Index wrong_sums(const BasicTensor<T>& result, const BasicTensor<double>& sums,
                 const BasicTensor<double>& magnitudes, Index terms) {
  if (result.shape() != sums.shape()) return -1;
  const double bound = std::numeric_limits<T>::epsilon() * (4 + std::sqrt(static_cast<double>(terms)));
  Index wrong = 0;
  for (Index i = 0; i < result.size(); ++i) {
    const double error = std::abs(static_cast<double>(result.data()[i]) - sums.data()[i]);
    if (!(error <= bound * magnitudes.data()[i])) ++wrong;
  }
  return wrong;
}

class Sums {
 public:
  BasicTensor<double> value, magnitude;
  explicit Sums(const Shape& shape)
      : value(BasicTensor<double>::zeros(shape)),
        magnitude(BasicTensor<double>::zeros(shape)),
        values_(value.mutable_data()),
        magnitudes_(magnitude.mutable_data()) {}
  Sums(const Sums&) = delete;
  Sums& operator=(const Sums&) = delete;

  void add(Index i, double term) { add(i, term, std::abs(term)); }
  void add(Index i, double term, double size) {
    values_[i] += term;
    magnitudes_[i] += size;
  }
  template <class T>
  void add_bias(const BasicTensor<T>& bias) {
    for (Index i = 0; i < value.size(); ++i) add(i, static_cast<double>(bias.data()[i % bias.size()]));
  }

 private:
  double *values_, *magnitudes_;  // asking a tensor for them takes longer than a product
};

/// All three kernels, with and without bias, against plain loops.
template <class T>
void check_convolution(const Shape& x_shape, const Shape& w_shape, Conv2dOptions options,
                       std::mt19937& generator) {
  CAPTURE(to_string(x_shape));
  CAPTURE(to_string(w_shape));
  CAPTURE(options.stride);
  CAPTURE(options.padding);
  const BasicTensor<T> x = random<T>(generator, x_shape), w = random<T>(generator, w_shape);
  const BasicTensor<T> y = kernels::conv2d(x, w, options);
  const BasicTensor<T> dy = random<T>(generator, y.shape());
  const BasicTensor<T> dx = kernels::conv2d_input_gradient(dy, w, x_shape, options);
  const BasicTensor<T> dw = kernels::conv2d_weight_gradient(x, dy, w_shape, options);
  Sums y_sums(y.shape()), dx_sums(x_shape), dw_sums(w_shape);
  for_each_product(x_shape, w_shape, y.shape(), options, [&](Index i, Index j, Index k) {
    const double xi = x.data()[i], wj = w.data()[j], dyk = dy.data()[k];
    y_sums.add(k, xi * wj);
    dx_sums.add(i, dyk * wj);
    dw_sums.add(j, xi * dyk);
  });
  const Index taps = w_shape[0] * w_shape[1];
  REQUIRE(wrong_sums(y, y_sums.value, y_sums.magnitude, taps * w_shape[2]) == 0);
  REQUIRE(wrong_sums(dx, dx_sums.value, dx_sums.magnitude, taps * w_shape[3]) == 0);
  REQUIRE(wrong_sums(dw, dw_sums.value, dw_sums.magnitude, dy.rows()) == 0);

  const BasicTensor<T> out_bias = random<T>(generator, {w_shape[3]});
  y_sums.add_bias(out_bias);
  REQUIRE(wrong_sums(kernels::conv2d(x, w, options, &out_bias), y_sums.value, y_sums.magnitude,
                     taps * w_shape[2]) == 0);
  const BasicTensor<T> in_bias = random<T>(generator, {w_shape[2]});
  dx_sums.add_bias(in_bias);
  REQUIRE(wrong_sums(kernels::conv2d_input_gradient(dy, w, x_shape, options, &in_bias), dx_sums.value,
                     dx_sums.magnitude, taps * w_shape[3]) == 0);
}

}  // namespace kernel_test
