// Panels of packed operands: what is in them, and that nothing else is written.
#include <doctest/doctest.h>

#include <algorithm>
#include <vector>

#include "eigengrad/core/random.hpp"
#include "eigengrad/kernels/product_operand.hpp"

using namespace eigengrad;

TEST_CASE_TEMPLATE("packing writes nothing outside of its panels", T, float, double) {
  const kernels::ProductKernels<T>& k = kernels::detail::product_kernels<T>();
  const BasicTensor<T> from = Rng(5).uniform<T>({64, 70}, -1, 1);
  const T guard = -7;
  for (Index width = k.row_step; width <= k.columns; width += k.row_step)
    for (Index trial = 0; trial < 22; ++trial) {
      constexpr Index counts[] = {0, 1, 2, 5, 7, 15, 16, 17, 31, 64, 70};
      const Index count = counts[trial / 2], used = width - trial % 2;  // the last one may be missing
      CAPTURE(width);
      CAPTURE(count);
      CAPTURE(used);
      std::vector<T> panel(static_cast<std::size_t>(width * count) + 128, guard);
      const T* rows[64] = {};
      for (Index i = 0; i < used; ++i) rows[i] = from.data() + 70 * i;
      k.pack_rows(rows, width, count, panel.data() + 64);
      Index wrong = 0;
      for (Index i = 0; i < static_cast<Index>(panel.size()); ++i) {
        const Index at = i - 64, row = at % width, step = at / width;
        const bool inside = at >= 0 && at < width * count;
        wrong += panel[static_cast<std::size_t>(i)] != (!inside      ? guard
                                                        : row < used ? from(row, step)
                                                                     : T(0));
      }
      CHECK(wrong == 0);
    }
  for (Index columns = 1; columns <= 70; ++columns)
    for (Index count : {0, 1, 3, 64}) {
      CAPTURE(columns);
      CAPTURE(count);
      const Index padded = kernels::detail::round_up(columns, k.row_step);
      std::vector<T> panels(static_cast<std::size_t>(padded * count) + 128, guard);
      k.pack_columns({from.data() + 70 - columns, 70}, columns, k.rows, k.row_step, count,
                     panels.data() + 64);
      Index wrong = 0;
      for (Index i = 0; i < 64; ++i) wrong += panels[static_cast<std::size_t>(i)] != guard;
      for (Index i = 0; i < 64; ++i)
        wrong += panels[panels.size() - 1 - static_cast<std::size_t>(i)] != guard;
      for (Index j = 0; j < padded; ++j)
        for (Index p = 0; p < count; ++p) {
          const Index first = j / k.rows * k.rows, panel_width = std::min(k.rows, padded - first);
          const T value = panels[static_cast<std::size_t>(64 + first * count + p * panel_width + j - first)];
          wrong += value != (j < columns ? from(p, 70 - columns + j) : T(0));
        }
      CHECK(wrong == 0);
    }
}
