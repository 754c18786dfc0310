/// Copies of lines of values with zeros around them.
#pragma once

#include <algorithm>

#include "eigengrad/core/parallel.hpp"
#include "eigengrad/core/tensor.hpp"

namespace eigengrad::kernels::detail {

/// Lines of `length` values, in groups of `lines`: zeros before and behind them make them `step` long, and
/// `margin` lines of zeros stand before and behind those of each group.
struct PaddedLines {
  Index groups, lines, length;
  Index before, step;
  Index margin = 0;

  Index lines_of_group() const { return lines + 2 * margin; }

  /// A copy, with `room` zeros at the end, which tiles and copies of several values read.
  template <class T>
  BasicTensor<T> copy(const T* from, Index room) const {
    const Index all = groups * lines_of_group();
    BasicTensor<T> result = BasicTensor<T>::uninitialized({all * step + room});
    T* const to = result.mutable_data();
    parallel_blocks(all, 64, static_cast<double>(result.size()), [&](Index first, Index last) {
      for (Index each = first; each < last; ++each) {
        T* const values = to + each * step;
        const Index line = each % lines_of_group() - margin;
        if (line < 0 || line >= lines) {
          std::fill_n(values, step, T(0));
          continue;
        }
        std::fill_n(values, before, T(0));
        std::copy_n(from + (each / lines_of_group() * lines + line) * length, length, values + before);
        std::fill_n(values + before + length, step - before - length, T(0));
      }
    });
    std::fill_n(to + all * step, room, T(0));
    return result;
  }
};

}  // namespace eigengrad::kernels::detail
