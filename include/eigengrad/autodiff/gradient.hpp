/// Gradient: what the reverse pass leaves to an optimiser, a tensor or a product that is not computed yet.
#pragma once

#include <utility>
#include <vector>

#include "eigengrad/core/tensor.hpp"
#include "eigengrad/kernels/products.hpp"

namespace eigengrad {

/// The gradient of a target: a tensor, or the product left^T right of two matrices, left [K, M] and right
/// [K, N], that is computed by whoever uses it. Adam takes a product into its step tile by tile, so that the
/// [M, N] gradient is neither written nor read.
template <class T>
class BasicGradient {
 public:
  BasicGradient() = default;
  BasicGradient(BasicTensor<T> value) : left_(std::move(value)), shape_(left_.shape()) {}
  BasicGradient(BasicTensor<T> left, BasicTensor<T> right)
      : left_(std::move(left)),
        right_(std::move(right)),
        shape_({left_.features(), right_.features()}),
        is_product_(true) {}

  const Shape& shape() const { return shape_; }
  bool is_product() const { return is_product_; }
  /// The factors of a product.
  const BasicTensor<T>& left() const { return left_; }
  const BasicTensor<T>& right() const { return right_; }

  /// The gradient as a tensor; a product is computed anew in each call.
  BasicTensor<T> value() const { return is_product_ ? kernels::matmul(left_, right_, true, false) : left_; }

 private:
  BasicTensor<T> left_, right_;
  Shape shape_;
  bool is_product_ = false;
};

using Gradient = BasicGradient<float>;

/// Gradients in the order of the targets, in a vector whose storage comes from the tensor pool.
template <class T>
using BasicGradientList = std::vector<BasicGradient<T>, PoolAllocator<BasicGradient<T>>>;
using GradientList = BasicGradientList<float>;

}  // namespace eigengrad
