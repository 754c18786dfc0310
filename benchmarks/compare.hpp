/// Both sides of a comparison must compute the same before either is timed.
#pragma once

#include <algorithm>
#include <cmath>
#include <string>

#include "eigengrad/core/check.hpp"
#include "eigengrad/core/tensor.hpp"

namespace bench {

/// Throws unless `theirs` equals `ours` to within `tolerance` of our largest magnitude.
inline void check_same(const std::string& opponent, const eigengrad::Tensor& ours,
                       const eigengrad::Tensor& theirs, double tolerance = 1e-4) {
  eigengrad::check(ours.size() == theirs.size(), opponent, " gives ", theirs.shape(), ", we give ",
                   ours.shape());
  double largest = 0, difference = 0;
  for (eigengrad::Index i = 0; i < ours.size(); ++i) {
    largest = std::max(largest, std::abs(static_cast<double>(ours.data()[i])));
    const double d = std::abs(static_cast<double>(ours.data()[i]) - static_cast<double>(theirs.data()[i]));
    difference = std::isnan(d) ? INFINITY : std::max(difference, d);
  }
  eigengrad::check(difference <= tolerance * largest, opponent, " computes something else: it differs by ",
                   difference, " where our largest value is ", largest);
}

}  // namespace bench
