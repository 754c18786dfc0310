/// Sums that were computed in parts.
#pragma once

#include "eigengrad/core/parallel.hpp"
#include "eigengrad/kernels/product_operand.hpp"

namespace eigengrad::kernels::detail {

/// C = bias on every row, if there is one, + the sum of `parts` contiguous matrices [rows, columns], added
/// one after the other.
template <class T>
void add_parts(const T* sums, Index parts, Index rows, Index columns, const T* bias, T* c) {
  const Index size = rows * columns, unit = bias == nullptr ? 1 : columns;
  const ProductKernels<T>& kernels = product_kernels<T>();
  parallel_blocks(size / unit, divide_up(4096, unit), static_cast<double>(size * parts),
                  [&](Index first, Index last) {
                    const Index begin = first * unit;
                    LinearCombination<T> sum{.columns = (last - first) * unit, .to = c + begin};
                    Index part = 0;
                    if (bias != nullptr) {
                      LinearCombination<T> row{.rows = last - first,
                                               .columns = columns,
                                               .from_step = columns,
                                               .to = c + begin,
                                               .to_step = columns,
                                               .bias = bias};
                      row.add(sums + begin, 1);
                      kernels.combine(row);
                      sum.add(c + begin, 1);
                      part = 1;
                    }
                    for (; part < parts; ++part) {
                      sum.add(sums + part * size + begin, 1);
                      if (sum.count < 9 && part + 1 < parts) continue;
                      kernels.combine(sum);
                      sum.count = 0;
                      sum.add(c + begin, 1);
                    }
                  });
}

}  // namespace eigengrad::kernels::detail
