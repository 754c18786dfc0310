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
  /// A product; throws unless both have rank 2 and equally many rows.
  BasicGradient(BasicTensor<T> left, BasicTensor<T> right)
      : left_(std::move(left)), right_(std::move(right)), is_product_(true) {
    check(left_.rank() == 2 && right_.rank() == 2 && left_.shape()[0] == right_.shape()[0],
          "Gradient: the factors are ", left_.shape(), " and ", right_.shape(),
          "; they must be matrices with equally many rows");
    shape_ = {left_.shape()[1], right_.shape()[1]};
  }

  const Shape& shape() const { return shape_; }
  bool is_product() const { return is_product_; }
  /// The factors; throw unless it is a product.
  const BasicTensor<T>& left() const { return factor(left_); }
  const BasicTensor<T>& right() const { return factor(right_); }

  /// The gradient as a tensor; a product is computed anew in each call.
  BasicTensor<T> value() const { return is_product_ ? kernels::matmul(left_, right_, true, false) : left_; }

 private:
  const BasicTensor<T>& factor(const BasicTensor<T>& tensor) const {
    check(is_product_, "Gradient: it is a tensor, not a product, and has no factors");
    return tensor;
  }

  BasicTensor<T> left_, right_;  // of a tensor the first one is it
  Shape shape_;
  bool is_product_ = false;
};

using Gradient = BasicGradient<float>;

/// Gradients in the order of the targets, in a vector whose storage comes from the tensor pool.
template <class T>
using BasicGradientList = std::vector<BasicGradient<T>, PoolAllocator<BasicGradient<T>>>;
using GradientList = BasicGradientList<float>;

}  // namespace eigengrad
