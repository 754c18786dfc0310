/// Distances of all points of one set to all of another.
#pragma once

#include <algorithm>
#include <vector>

#include "eigengrad/eigengrad.hpp"

namespace examples {

/// Calls body(i, squares) for each row i of `points` [N, d], squares[j] being |points_i - centres_j|^2 for
/// the rows of `centres` [M, d], in several threads and in blocks of rows, so that N M numbers never stand in
/// memory. `work` is what the body does with one of them, in elementary operations.
template <class Body>
void for_each_squared_distances(const eigengrad::Tensor& points, const eigengrad::Tensor& centres,
                                double work, const Body& body) {
  using namespace eigengrad;
  constexpr Index block = 100;
  const Index n = points.shape()[0], m = centres.shape()[0];
  const Eigen::VectorXf norms = centres.matrix().rowwise().squaredNorm();
  for (Index begin = 0; begin < n; begin += block) {
    const Index rows = std::min(block, n - begin);
    const Tensor part = kernels::slice(points, 0, begin, begin + rows);
    Tensor squares = kernels::matmul(part, centres, false, true);
    float* const products = squares.mutable_data();
    parallel_for(rows, static_cast<double>(rows * m) * (work + 2), [&](Index i) {
      float* const row = products + i * m;
      const float norm = part.matrix().row(i).squaredNorm();
      for (Index j = 0; j < m; ++j) row[j] = norm + norms[j] - 2 * row[j];
      body(begin + i, row);
    });
  }
}

}  // namespace examples
