/// Elementwise operations on tensors, with NumPy broadcasting.
#pragma once

#include "eigengrad/core/parallel.hpp"
#include "eigengrad/core/tensor.hpp"
#include "eigengrad/kernels/simd.hpp"

namespace eigengrad::kernels {

namespace detail {

inline constexpr Index elementwise_block = 16 * 1024;

/// Two operands broadcast to one shape, as few axes as their strides allow; axes of extent 1 are gone,
/// neighbouring axes that both operands run through (or repeat) evenly are one. Innermost axis last, its
/// strides 0 or 1.
struct BroadcastPlan {
  int rank = 0;
  Index extent[Shape::max_rank + 1];
  Index stride_a[Shape::max_rank + 1];
  Index stride_b[Shape::max_rank + 1];

  BroadcastPlan(const Shape& a, const Shape& b, const Shape& to) {
    Index step_a = 1, step_b = 1;
    int count = 0;  // axes, innermost first
    for (int back = 1; back <= to.rank(); ++back) {
      const Index n = to[-back];
      const Index extent_a = back <= a.rank() ? a[-back] : 1, extent_b = back <= b.rank() ? b[-back] : 1;
      if (n == 1) continue;
      const Index sa = extent_a == 1 ? 0 : step_a, sb = extent_b == 1 ? 0 : step_b;
      step_a *= extent_a;
      step_b *= extent_b;
      if (count > 0 && sa == stride_a[count - 1] * extent[count - 1] &&
          sb == stride_b[count - 1] * extent[count - 1]) {
        extent[count - 1] *= n;
      } else {
        extent[count] = n;
        stride_a[count] = sa;
        stride_b[count++] = sb;
      }
    }
    if (count == 0) extent[0] = to.size(), stride_a[0] = stride_b[0] = 0, count = 1;
    rank = count;
    std::reverse(extent, extent + count);
    std::reverse(stride_a, stride_a + count);
    std::reverse(stride_b, stride_b + count);
  }

  Index inner() const { return extent[rank - 1]; }
  /// Offsets of the operands at the start of inner run `run`.
  void offsets(Index run, Index& a, Index& b) const {
    a = b = 0;
    for (int axis = rank - 2; axis >= 0; --axis) {
      const Index i = run % extent[axis];
      run /= extent[axis];
      a += i * stride_a[axis];
      b += i * stride_b[axis];
    }
  }
};

/// y = op(a, b) for `size` values of each, one after the other.
template <class Op, class T>
void contiguous_binary(Op operation, const T* a, const T* b, T* y, Index size) {
  const bool past_caches = y != a && y != b && is_past_caches<T>(size);
  parallel_blocks(size, elementwise_block, static_cast<double>(size), [=](Index begin, Index end) {
    dispatch([&](auto isa) {
      binary_block(isa, operation, a + begin, 1, b + begin, 1, y + begin, end - begin, past_caches);
    });
  });
}

/// y = op(a, b) over the runs of a plan, `a` and `b` broadcast to y's shape.
template <class Op, class T>
void broadcast_binary(Op operation, const BasicTensor<T>& a, const BasicTensor<T>& b, BasicTensor<T>& y) {
  if (a.shape() == y.shape() && b.shape() == y.shape())
    return contiguous_binary(operation, a.data(), b.data(), y.mutable_data(), y.size());
  const BroadcastPlan plan(a.shape(), b.shape(), y.shape());
  const T* const pa = a.data();
  const T* const pb = b.data();
  T* const py = y.mutable_data();
  const Index inner = plan.inner(), runs = y.size() / inner;
  const Index sa = plan.stride_a[plan.rank - 1], sb = plan.stride_b[plan.rank - 1];
  if (runs == 1) {
    parallel_blocks(inner, elementwise_block, static_cast<double>(inner), [&](Index begin, Index end) {
      dispatch([&](auto isa) {
        binary_block(isa, operation, pa + begin * sa, sa, pb + begin * sb, sb, py + begin, end - begin);
      });
    });
    return;
  }
  const Index runs_per_block = std::max<Index>(1, elementwise_block / inner);
  parallel_blocks(runs, runs_per_block, static_cast<double>(y.size()), [&](Index begin, Index end) {
    dispatch([&](auto isa) {
      for (Index run = begin; run < end; ++run) {
        Index oa, ob;
        plan.offsets(run, oa, ob);
        binary_block(isa, operation, pa + oa, sa, pb + ob, sb, py + run * inner, inner);
      }
    });
  });
}

}  // namespace detail

/// y = op(x), element by element.
template <class Op, class T>
BasicTensor<T> unary(Op operation, const BasicTensor<T>& x) {
  BasicTensor<T> y = BasicTensor<T>::uninitialized(x.shape());
  T* const to = y.mutable_data();
  const T* const from = x.data();
  const bool past_caches = detail::is_past_caches<T>(x.size());
  parallel_blocks(x.size(), detail::elementwise_block, 4.0 * static_cast<double>(x.size()),
                  [&](Index begin, Index end) {
                    dispatch([&](auto isa) {
                      unary_block(isa, operation, from + begin, to + begin, end - begin, past_caches);
                    });
                  });
  return y;
}

/// y = op(a, b), broadcasting; `name` names the operation in the error for shapes that do not fit.
template <class Op, class T>
BasicTensor<T> binary(const char* name, Op operation, const BasicTensor<T>& a, const BasicTensor<T>& b) {
  BasicTensor<T> y = BasicTensor<T>::uninitialized(
      a.shape() == b.shape() ? a.shape() : broadcast_shape(name, a.shape(), b.shape()));
  if (y.size() > 0) detail::broadcast_binary(operation, a, b, y);
  return y;
}

/// a + b, broadcasting.
template <class T>
BasicTensor<T> add(const BasicTensor<T>& a, const BasicTensor<T>& b) {
  return binary("add", op::Add{}, a, b);
}

/// op(a, b) for equal shapes: over a, where it owns its buffer.
template <class Op, class T>
BasicTensor<T> binary_over(const char* name, Op operation, BasicTensor<T> a, const BasicTensor<T>& b) {
  check(a.shape() == b.shape(), name, ": the shapes are ", a.shape(), " and ", b.shape(),
        "; they must be equal");
  if (!a.owns_buffer()) return binary(name, operation, a, b);
  if (a.size() > 0) detail::broadcast_binary(operation, a, b, a);
  return a;
}

/// into += x for equal shapes: in place where `into` owns its buffer.
template <class T>
void accumulate(BasicTensor<T>& into, const BasicTensor<T>& x) {
  check(into.shape() == x.shape(), "accumulate: into is ", into.shape(), ", x is ", x.shape(),
        "; they must be equal");
  if (!into.owns_buffer()) {
    into = add(into, x);
    return;
  }
  if (into.size() > 0) detail::broadcast_binary(op::Add{}, into, x, into);
}

/// x repeated to `shape` by NumPy's rule.
template <class T>
BasicTensor<T> broadcast_to(const BasicTensor<T>& x, const Shape& shape) {
  check(broadcasts_to(x.shape(), shape), "broadcast_to: x is ", x.shape(), "; it does not broadcast to ",
        shape);
  BasicTensor<T> y = BasicTensor<T>::uninitialized(shape);
  if (y.size() > 0) detail::broadcast_binary(op::First{}, x, x, y);
  return y;
}

}  // namespace eigengrad::kernels
