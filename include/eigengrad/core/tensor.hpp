/// BasicTensor: dense, row-major, contiguous values with shared storage that behaves as if copied.
#pragma once

#include <algorithm>
#include <concepts>
#include <cstring>
#include <initializer_list>
#include <span>
#include <vector>

#include <Eigen/Core>

#include "eigengrad/core/buffer_pool.hpp"
#include "eigengrad/core/check.hpp"
#include "eigengrad/core/shape.hpp"

namespace eigengrad {

/// n-dimensional array of float or double. Copying shares the buffer; whoever writes gets a buffer of its own
/// first, so a tensor saved for later is never changed behind its back.
template <std::floating_point T>
class BasicTensor {
 public:
  using Scalar = T;
  using Matrix = Eigen::Matrix<T, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
  using ConstMatrixMap = Eigen::Map<const Matrix>;
  using MatrixMap = Eigen::Map<Matrix>;
  using ConstArrayMap = Eigen::Map<const Eigen::Array<T, Eigen::Dynamic, 1>>;
  using ArrayMap = Eigen::Map<Eigen::Array<T, Eigen::Dynamic, 1>>;

  /// An empty tensor of shape [0].
  BasicTensor() : shape_(Shape::nothing()) {}

  /// The values in row-major order; throws unless there is one for each element.
  BasicTensor(const Shape& shape, std::span<const T> values) : BasicTensor(uninitialized(shape)) {
    check(static_cast<Index>(values.size()) == shape.size(), "Tensor: shape ", shape, " has ", shape.size(),
          " elements, but ", values.size(), " values are given");
    std::copy(values.begin(), values.end(), mutable_data());
  }
  BasicTensor(const Shape& shape, std::initializer_list<T> values)
      : BasicTensor(shape, std::span<const T>(values.begin(), values.size())) {}

  /// Copies any Eigen expression: a vector becomes [n], everything else [rows, columns].
  template <class Derived>
  explicit BasicTensor(const Eigen::DenseBase<Derived>& expression)
      : BasicTensor(uninitialized(Derived::IsVectorAtCompileTime
                                      ? Shape{expression.size()}
                                      : Shape{expression.rows(), expression.cols()})) {
    if constexpr (Derived::IsVectorAtCompileTime && Derived::ColsAtCompileTime == 1)
      MatrixMap(mutable_data(), expression.rows(), 1) = expression.template cast<T>();
    else
      MatrixMap(mutable_data(), expression.rows(), expression.cols()) = expression.template cast<T>();
  }

  /// Undefined values: for code that writes every element next.
  static BasicTensor uninitialized(const Shape& shape) {
    return BasicTensor(shape, shape.size() > 0
                                  ? detail::Buffer(static_cast<std::size_t>(shape.size()) * sizeof(T))
                                  : detail::Buffer());
  }
  static BasicTensor full(const Shape& shape, double value) {
    BasicTensor tensor = uninitialized(shape);
    std::fill_n(tensor.mutable_data(), shape.size(), static_cast<T>(value));
    return tensor;
  }
  static BasicTensor zeros(const Shape& shape) { return full(shape, 0); }
  static BasicTensor ones(const Shape& shape) { return full(shape, 1); }
  /// A rank-0 tensor of one value.
  static BasicTensor scalar(double value) { return full({}, value); }
  /// [0, 1, ..., count - 1]
  static BasicTensor arange(Index count) {
    BasicTensor tensor = uninitialized({count});
    for (Index i = 0; i < count; ++i) tensor.mutable_data()[i] = static_cast<T>(i);
    return tensor;
  }

  const Shape& shape() const { return shape_; }
  int rank() const { return shape_.rank(); }
  Index size() const { return shape_.size(); }
  Index rows() const { return shape_.rows(); }
  Index features() const { return shape_.features(); }

  const T* data() const { return static_cast<const T*>(buffer_.data()); }
  /// Write access: takes ownership of the storage first, copying it where it is shared.
  T* mutable_data() {
    if (!owns_buffer()) *this = clone();
    return static_cast<T*>(buffer_.data());
  }
  /// Gives its share of the storage up. Like one that was moved from, the tensor can then only be assigned
  /// to.
  void release() { buffer_ = detail::Buffer(); }
  /// Whether no other tensor shares the storage, so that writing copies nothing.
  bool owns_buffer() const { return size() == 0 || buffer_.unique(); }
  BasicTensor clone() const {
    BasicTensor copy = uninitialized(shape_);
    if (size() > 0) std::memcpy(copy.buffer_.data(), data(), static_cast<std::size_t>(size()) * sizeof(T));
    return copy;
  }

  /// All values; of a named tensor only, as in `for (x : rng.normal(s).values())` they would be gone.
  std::span<const T> values() const& { return {data(), static_cast<std::size_t>(size())}; }
  std::span<T> mutable_values() & { return {mutable_data(), static_cast<std::size_t>(size())}; }
  void values() && = delete;

  /// The only element of a tensor of size 1.
  T item() const {
    check(size() == 1, "item: the tensor is ", shape_, "; it must have exactly one element");
    return data()[0];
  }
  /// One element: tensor(i, j, ...), with as many indices as axes.
  template <std::integral... Indices>
  T operator()(Indices... indices) const {
    return data()[offset({static_cast<Index>(indices)...})];
  }
  template <std::integral... Indices>
  T& mutable_at(Indices... indices) {
    return mutable_data()[offset({static_cast<Index>(indices)...})];
  }

  /// The same values under another shape of the same size; one extent may be -1 and is then inferred. Shares
  /// storage.
  BasicTensor reshape(std::initializer_list<Index> extents) const {
    return reshape(std::span<const Index>(extents.begin(), extents.size()));
  }
  BasicTensor reshape(const Shape& shape) const { return reshape(std::span(shape.begin(), shape.end())); }
  BasicTensor reshape(std::span<const Index> extents) const {
    BasicTensor result = *this;
    result.shape_ = infer_shape(extents);
    return result;
  }

  /// View without copying as the [rows, features] matrix (all axes but the last, the last).
  ConstMatrixMap matrix() const { return {data(), rows(), features()}; }
  ConstArrayMap array() const { return {data(), size()}; }
  /// Mutable views: they take ownership first, like mutable_data().
  MatrixMap mutable_matrix() {
    T* values = mutable_data();
    return {values, rows(), features()};
  }
  ArrayMap mutable_array() {
    T* values = mutable_data();
    return {values, size()};
  }

  /// The same values in another scalar type.
  template <std::floating_point U>
  BasicTensor<U> cast() const {
    BasicTensor<U> result = BasicTensor<U>::uninitialized(shape_);
    std::transform(data(), data() + size(), result.mutable_data(),
                   [](T value) { return static_cast<U>(value); });
    return result;
  }

 private:
  BasicTensor(const Shape& shape, detail::Buffer buffer)
      : shape_(shape.copied_by_extents()), buffer_(std::move(buffer)) {}

  Index offset(std::initializer_list<Index> indices) const {
    check(static_cast<int>(indices.size()) == rank(), "Tensor: ", indices.size(), " indices for shape ",
          shape_);
    Index offset = 0;
    int axis = 0;
    for (Index index : indices) {
      check(index >= 0 && index < shape_[axis], "Tensor: index ", index, " is out of range on axis ", axis,
            " of shape ", shape_);
      offset = offset * shape_[axis++] + index;
    }
    return offset;
  }

  Shape infer_shape(std::span<const Index> extents) const {
    Index known = 1;
    int inferred = -1;
    for (int axis = 0; axis < static_cast<int>(extents.size()); ++axis) {
      if (extents[axis] != -1)
        check(!__builtin_mul_overflow(known, extents[axis], &known),
              "reshape: the number of elements overflows");
      else if (inferred < 0)
        inferred = axis;
      else
        fail("reshape: more than one extent is -1");
    }
    Shape shape;
    for (int axis = 0; axis < static_cast<int>(extents.size()); ++axis)
      shape.push_back(axis == inferred ? (known > 0 ? size() / known : 0) : extents[axis]);
    check(shape.size() == size(), "reshape: ", shape_, " has ", size(), " elements, ", shape, " has ",
          shape.size());
    return shape;
  }

  Shape shape_;
  detail::Buffer buffer_;
};

using Tensor = BasicTensor<float>;

/// Tensors in a vector whose storage comes from the tensor pool.
template <class T>
using BasicTensorList = std::vector<BasicTensor<T>, PoolAllocator<BasicTensor<T>>>;
using TensorList = BasicTensorList<float>;

}  // namespace eigengrad
