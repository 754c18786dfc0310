/// Sums of a few values, by their coordinates.
#pragma once

#include <array>

#include "eigengrad/kernels/product_tile.hpp"

namespace eigengrad::kernels::detail {

/// A sum of factors times values of some coordinates.
struct Combination {
  static constexpr Index most = 3;
  std::array<Index, most> at{};
  std::array<double, most> factor{};
  Index count = 0;

  void add(Index coordinate, double times) {
    at[static_cast<std::size_t>(count)] = coordinate;
    factor[static_cast<std::size_t>(count++)] = times;
  }
  bool is_copy() const { return count == 1 && factor[0] == 1; }
  bool operator==(const Combination&) const = default;
};

inline Combination single(Index coordinate) {
  Combination result;
  result.add(coordinate, 1);
  return result;
}

/// Adds a combination's terms, of values that are where(coordinate).
template <class T, class Where>
void add_terms(LinearCombination<T>& sum, const Combination& terms, const Where& where) {
  for (std::size_t i = 0; i < static_cast<std::size_t>(terms.count); ++i)
    sum.add(where(terms.at[i]), static_cast<T>(terms.factor[i]));
}

/// Adds the products of two combinations' terms, of values that are where(row, column).
template <class T, class Where>
void add_terms(LinearCombination<T>& sum, const Combination& rows, const Combination& columns,
               const Where& where) {
  for (std::size_t y = 0; y < static_cast<std::size_t>(rows.count); ++y)
    for (std::size_t x = 0; x < static_cast<std::size_t>(columns.count); ++x)
      sum.add(where(rows.at[y], columns.at[x]), static_cast<T>(rows.factor[y] * columns.factor[x]));
}

}  // namespace eigengrad::kernels::detail
