/// Products of a matrix and a vector: the matrix is read once, where it is, and nothing is packed.
#pragma once

#include <algorithm>

#include "eigengrad/core/parallel.hpp"
#include "eigengrad/kernels/product_operand.hpp"

namespace eigengrad::kernels::detail {

/// y = W^T v + bias with element (k, i) of W as in ProductOperand and contiguous v and y. Rows of W are read
/// where they are, each once: blocks of y for one task each.
template <class T>
void multiply_vector(const ProductOperand<T>& w, const T* v, Index k, const T* bias, Index bias_step, T* y) {
  const double work = static_cast<double>(w.extent) * static_cast<double>(k) / 4;
  // Long stretches of rows for each thread: memory is read in the order in which it lies.
  const Index stretch = std::clamp<Index>(round_up(divide_up(w.extent, thread_count()), 64), 64, 2048);
  parallel_blocks(w.extent, w.k_major ? stretch : 64, work, [=](Index begin, Index end) {
    dispatch([&](auto isa) {
      if (w.k_major)
        matrix_vector_columns(isa, w.data + begin, w.stride, end - begin, v, k, y + begin);
      else
        matrix_vector_rows(isa, w.data + begin * w.stride, w.stride, end - begin, v, k, y + begin);
    });
    if (bias != nullptr)
      for (Index i = begin; i < end; ++i) y[i] += bias[i * bias_step];
  });
}

}  // namespace eigengrad::kernels::detail
