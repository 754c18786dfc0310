/// Shape: the extents of a tensor, held inline; broadcasting and axis rules.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <span>

#include "eigengrad/core/check.hpp"

namespace eigengrad {

using Index = std::int64_t;

/// Up to eight extents >= 0, row-major (the last axis is contiguous). A rank-0 shape is a scalar with one
/// element.
class Shape {
 public:
  static constexpr int max_rank = 8;

  constexpr Shape() = default;
  Shape(std::initializer_list<Index> extents) : Shape(std::span(extents.begin(), extents.size())) {}
  explicit Shape(std::span<const Index> extents) {
    for (Index extent : extents) push_back(extent);
  }
  /// [0], of tensors that hold nothing. A constant for the compiler: values built from single extents are
  /// slow to copy right afterwards.
  static constexpr Shape nothing() {
    Shape shape;
    shape.size_ = 0;
    shape.rank_ = 1;
    return shape;
  }

  /// The same, copied extent by extent: what has just been put together from single extents cannot be read
  /// in larger pieces before all of it has reached the cache, which takes longer than the rest of making a
  /// small tensor.
  Shape copied_by_extents() const {
    Shape shape;
    for (int axis = 0; axis < max_rank; ++axis) {
      Index extent = extents_[axis];
      asm("" : "+r"(extent));  // keeps compilers from joining them
      shape.extents_[axis] = extent;
    }
    shape.size_ = size_;
    shape.rank_ = rank_;
    return shape;
  }

  int rank() const { return rank_; }
  /// Number of elements: the product of the extents, 1 for a scalar.
  Index size() const { return size_; }

  /// Extent of an axis; negative axes count from the back. Throws for an axis that is not there.
  Index operator[](int axis) const { return extents_[normalize_axis(axis)]; }

  const Index* begin() const { return extents_; }
  const Index* end() const { return extents_ + rank_; }

  /// Product of all extents but the last: the rows of the [rows, features] view.
  Index rows() const {
    Index rows = 1;
    for (int axis = 0; axis + 1 < rank_; ++axis) rows *= extents_[axis];
    return rows;
  }
  /// Extent of the last axis, 1 for a scalar: the features of the [rows, features] view.
  Index features() const { return rank_ == 0 ? 1 : extents_[rank_ - 1]; }

  void push_back(Index extent) {
    check(rank_ < max_rank, "Shape: rank is ", rank_ + 1, "; at most ", max_rank, " axes are supported");
    check(extent >= 0, "Shape: extent is ", extent, "; extents must not be negative");
    check(!__builtin_mul_overflow(size_, extent, &size_) && size_ <= max_size,
          "Shape: the number of elements overflows at extent ", extent);
    extents_[rank_++] = extent;
  }

  /// The axis counted from the front; throws unless -rank <= axis < rank.
  int normalize_axis(int axis) const {
    check(axis >= -rank_ && axis < rank_, "axis ", axis, " is out of range for a tensor of rank ", rank_);
    return axis < 0 ? axis + rank_ : axis;
  }

  friend bool operator==(const Shape& a, const Shape& b) {
    if (a.rank_ != b.rank_) return false;
    for (int axis = 0; axis < a.rank_; ++axis)
      if (a.extents_[axis] != b.extents_[axis]) return false;
    return true;
  }

 private:
  static constexpr Index max_size = Index{1}
                                    << 58;  // 8-byte elements then still fit a signed 64-bit byte count

  Index extents_[max_rank] = {};
  Index size_ = 1;
  int rank_ = 0;
};

/// "[2, 3]": lets a Shape stand among the parts of an error message.
inline void append_text(std::string& text, const Shape& shape) {
  text += '[';
  for (int axis = 0; axis < shape.rank(); ++axis) {
    if (axis > 0) text += ", ";
    text += std::to_string(shape[axis]);
  }
  text += ']';
}

/// "[2, 3]"
inline std::string to_string(const Shape& shape) {
  return detail::concatenate_text(shape);
}

/// Whether `from` can be repeated to `to`: aligned at the last axis, every extent equal or 1.
inline bool broadcasts_to(const Shape& from, const Shape& to) {
  if (from.rank() > to.rank()) return false;
  for (int axis = 1; axis <= from.rank(); ++axis)
    if (from[-axis] != to[-axis] && from[-axis] != 1) return false;
  return true;
}

/// The common shape of `a` and `b` by NumPy's rule; throws, naming `operation`, when there is none.
inline Shape broadcast_shape(const char* operation, const Shape& a, const Shape& b) {
  if (a == b) return a;
  const int rank = a.rank() > b.rank() ? a.rank() : b.rank();
  Shape result;
  for (int axis = 0; axis < rank; ++axis) {
    const int from_back = rank - axis;
    const Index ea = from_back <= a.rank() ? a[-from_back] : 1;
    const Index eb = from_back <= b.rank() ? b[-from_back] : 1;
    check(ea == eb || ea == 1 || eb == 1, operation, ": a is ", a, ", b is ", b,
          "; extents must be equal or 1, aligned at the last axis");
    result.push_back(ea == 1 ? eb : ea);
  }
  return result;
}

}  // namespace eigengrad
