/// Optimiser updates in place, each in one pass over memory, and the sum of squares for clipping by norm.
#pragma once

#include <vector>

#include "eigengrad/core/parallel.hpp"
#include "eigengrad/core/tensor.hpp"
#include "eigengrad/kernels/products.hpp"
#include "eigengrad/kernels/simd.hpp"

namespace eigengrad::kernels {

namespace detail {
inline constexpr Index optimizer_block = 16 * 1024;

template <class T>
void check_adam(const BasicTensor<T>& parameter, const BasicTensor<T>& m, const BasicTensor<T>& v,
                const Shape& gradient) {
  check(m.shape() == parameter.shape() && v.shape() == parameter.shape() && gradient == parameter.shape(),
        "adam_update: parameter is ", parameter.shape(), ", m is ", m.shape(), ", v is ", v.shape(),
        ", gradient is ", gradient, "; they must be equal");
}
}  // namespace detail

/// One step of Adam with decoupled weight decay on n values: with g the gradient,
///
///     m = beta1 m + (1 - beta1) g,   v = beta2 v + (1 - beta2) g^2
///     p = (1 - learning_rate weight_decay) p - learning_rate (m / correction1) / (sqrt(v / correction2) +
///     epsilon)
///
/// Source: Kingma and Ba, "Adam", ICLR 2015, arXiv 1412.6980, algorithm 1; Loshchilov and Hutter, "Decoupled
/// weight decay regularization", ICLR 2019, arXiv 1711.05101, algorithm 2.
template <class T>
void adam_update(T* parameter, T* m, T* v, const T* gradient, Index n, const AdamCoefficients& coefficients) {
  const AdamFactors<T> factors(coefficients);
  const AdamState<T> state{parameter, m, v};
  parallel_blocks(n, detail::optimizer_block, 8.0 * static_cast<double>(n), [&](Index begin, Index end) {
    dispatch([&](auto isa) { adam_block(isa, factors, state + begin, gradient + begin, end - begin); });
  });
}
template <class T>
void adam_update(BasicTensor<T>& parameter, BasicTensor<T>& m, BasicTensor<T>& v,
                 const BasicTensor<T>& gradient, const AdamCoefficients& coefficients) {
  detail::check_adam(parameter, m, v, gradient.shape());
  adam_update(parameter.mutable_data(), m.mutable_data(), v.mutable_data(), gradient.data(), parameter.size(),
              coefficients);
}

/// The same with the gradient left^T right. Where that is large it is neither written nor read: tiles of the
/// product go into the step as they are computed, and what the step moves through memory hides behind their
/// multiply-adds. The bits are those of matmul and adam_update one after the other.
///
///     left [K, M],  right [K, N],  parameter, m, v [M, N]
template <class T>
void adam_update(BasicTensor<T>& parameter, BasicTensor<T>& m, BasicTensor<T>& v, const BasicTensor<T>& left,
                 const BasicTensor<T>& right, const AdamCoefficients& coefficients) {
  check(left.rank() == 2 && right.rank() == 2 && left.shape()[0] == right.shape()[0],
        "adam_update: the factors of the gradient are ", left.shape(), " and ", right.shape(),
        "; they must be matrices with equally many rows");
  const Index k = left.shape()[0], rows = left.shape()[1], columns = right.shape()[1];
  detail::check_adam(parameter, m, v, {rows, columns});
  if (rows > 1 && columns > 1) {  // others are products with a vector
    detail::BlockedProduct<T> product({left.data(), rows, true, rows, k},
                                      {right.data(), columns, true, columns, k}, k);
    if (product.can_update()) {
      // A factor that is updated itself is shared here, so that mutable_data() leaves what the product reads.
      const BasicTensor<T> kept_left = left, kept_right = right;
      return product.update({parameter.mutable_data(), m.mutable_data(), v.mutable_data()},
                            AdamFactors<T>(coefficients));
    }
  }
  adam_update(parameter, m, v, matmul(left, right, true, false), coefficients);
}

/// One step of gradient descent with momentum on n values, in PyTorch's form: with g the gradient,
///
///     d = g + weight_decay p,   b = momentum b + d,   p = p - learning_rate b
///
/// with learning_rate (d + momentum b) in the last line for Nesterov's form. `velocity` (b) may be null where
/// momentum is 0: then b = d. Source: Sutskever et al., "On the importance of initialization and momentum in
/// deep learning", ICML 2013.
template <class T>
void sgd_update(T* parameter, T* velocity, const T* gradient, Index n, const SgdCoefficients& coefficients) {
  parallel_blocks(n, detail::optimizer_block, 4.0 * static_cast<double>(n), [&](Index begin, Index end) {
    dispatch([&](auto isa) {
      sgd_block(isa, coefficients, parameter + begin, velocity == nullptr ? nullptr : velocity + begin,
                gradient + begin, end - begin);
    });
  });
}
template <class T>
void sgd_update(BasicTensor<T>& parameter, BasicTensor<T>* velocity, const BasicTensor<T>& gradient,
                const SgdCoefficients& coefficients) {
  const Shape& velocity_shape = velocity == nullptr ? parameter.shape() : velocity->shape();
  check(gradient.shape() == parameter.shape() && velocity_shape == parameter.shape(),
        "sgd_update: parameter is ", parameter.shape(), ", gradient is ", gradient.shape(), ", velocity is ",
        velocity_shape, "; they must be equal");
  sgd_update(parameter.mutable_data(), velocity == nullptr ? nullptr : velocity->mutable_data(),
             gradient.data(), parameter.size(), coefficients);
}

/// The sum of x_i^2, in double.
template <class T>
double sum_of_squares(const BasicTensor<T>& x) {
  constexpr Index block = detail::optimizer_block;
  std::vector<double, PoolAllocator<double>> partial(
      static_cast<std::size_t>((x.size() + block - 1) / block));
  parallel_blocks(x.size(), block, static_cast<double>(x.size()), [&](Index begin, Index end) {
    partial[static_cast<std::size_t>(begin / block)] =
        dispatch([&](auto isa) { return sum_of_squares_block(isa, x.data() + begin, end - begin); });
  });
  double sum = 0;
  for (double value : partial) sum += value;
  return sum;
}

}  // namespace eigengrad::kernels
