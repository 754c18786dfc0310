/// Batch normalisation of the last axis, with statistics for each of several groups of rows.
#pragma once

#include <cmath>
#include <vector>

#include "eigengrad/core/parallel.hpp"
#include "eigengrad/core/tensor.hpp"
#include "eigengrad/kernels/simd.hpp"

namespace eigengrad::kernels {

/// Result of batch_norm with its statistics, each [groups, C].
template <class T>
struct BatchNormForward {
  BasicTensor<T> value, mean, variance, inverse_std;
};
/// Result of batch_norm_gradient.
template <class T>
struct BatchNormGradients {
  BasicTensor<T> dx, dgamma, dbeta;
};

namespace detail {

/// Rows of each group in blocks of a fixed size; per block two sums for each column, then combined in order.
struct BatchNormBlocks {
  static constexpr Index block = 256;
  Index groups, rows, columns, blocks;  // rows and blocks of one group

  BatchNormBlocks(const char* name, const Shape& x, Index group_count)
      : groups(group_count), columns(x.features()) {
    check(x.rank() >= 2 && columns > 0, name, ": x is ", x, "; it must be [N, ..., C]");
    check(groups >= 1 && x[0] % groups == 0 && x.rows() > 0, name, ": x is ", x, ", groups is ", groups,
          "; groups must divide the first axis, and each hold at least one row");
    rows = x.rows() / groups;
    blocks = (rows + block - 1) / block;
  }

  double work(double per_element) const { return per_element * static_cast<double>(groups * rows * columns); }

  /// body(group, first row of all, rows, block of all) for every block, in parallel.
  template <class Body>
  void for_each(double work, Body body) const {
    const Index at_once = std::max<Index>(1, 8192 / (block * columns));
    parallel_blocks(groups * blocks, at_once, work, [&](Index begin, Index end) {
      for (Index task = begin; task < end; ++task) {
        const Index group = task / blocks, first = task % blocks * block;
        body(group, group * rows + first, std::min(block, rows - first), task);
      }
    });
  }
};

}  // namespace detail

/// y = gamma (x - mean) / sqrt(variance + epsilon) + beta, with mean and biased variance of each feature over
/// the rows of its group; the first axis is cut into `groups` equal parts. x is [N, ..., C], gamma and beta
/// [C].
///
/// The variance of a block is summed about the block's own mean, and blocks are combined by the formula of
/// Chan, Golub and LeVeque (1979), so that a large mean costs no digits.
template <class T>
BatchNormForward<T> batch_norm(const BasicTensor<T>& x, const BasicTensor<T>& gamma,
                               const BasicTensor<T>& beta, Index groups, double epsilon) {
  const detail::BatchNormBlocks b("batch_norm", x.shape(), groups);
  const Index columns = b.columns;
  check(gamma.shape() == Shape{columns} && beta.shape() == Shape{columns}, "batch_norm: x is ", x.shape(),
        ", gamma is ", gamma.shape(), ", beta is ", beta.shape(), "; gamma and beta must be [", columns, "]");
  std::vector<T, PoolAllocator<T>> scratch(static_cast<std::size_t>(2 * groups * b.blocks * columns));
  T* const means = scratch.data();
  T* const squares = means + groups * b.blocks * columns;
  b.for_each(b.work(2), [&](Index, Index first, Index rows, Index block) {
    T* const mean = means + block * columns;
    dispatch([&](auto isa) {
      reduce_columns(isa, op::Add{}, x.data() + first * columns, rows, columns, columns, mean);
      for (Index j = 0; j < columns; ++j) mean[j] /= static_cast<T>(rows);
      squared_deviations(isa, x.data() + first * columns, rows, columns, mean, squares + block * columns);
    });
  });

  const Shape shape{groups, columns};
  const auto fresh = [&] { return BasicTensor<T>::uninitialized(shape); };
  BatchNormForward<T> result{BasicTensor<T>::uninitialized(x.shape()), fresh(), fresh(), fresh()};
  BasicTensor<T> scale = fresh();
  T* const mean = result.mean.mutable_data();
  T* const variance = result.variance.mutable_data();
  T* const inverse_std = result.inverse_std.mutable_data();
  T* const factor = scale.mutable_data();
  for (Index i = 0; i < groups * columns; ++i) {
    const Index group = i / columns, j = i % columns;
    double total_mean = 0, total_squares = 0, count = 0;
    for (Index block = 0; block < b.blocks; ++block) {
      const Index at = (group * b.blocks + block) * columns + j;
      const auto n = static_cast<double>(std::min(b.block, b.rows - block * b.block));
      const double delta = static_cast<double>(means[at]) - total_mean;
      total_mean += delta * n / (count + n);
      total_squares += static_cast<double>(squares[at]) + delta * delta * count * n / (count + n);
      count += n;
    }
    const double inverse = 1 / std::sqrt(total_squares / count + epsilon);
    mean[i] = static_cast<T>(total_mean);
    variance[i] = static_cast<T>(total_squares / count);
    inverse_std[i] = static_cast<T>(inverse);
    factor[i] = static_cast<T>(inverse * static_cast<double>(gamma.data()[j]));
  }

  T* const y = result.value.mutable_data();
  b.for_each(b.work(1), [&](Index group, Index first, Index rows, Index) {
    dispatch([&](auto isa) {
      normalize_rows(isa, x.data() + first * columns, rows, columns, mean + group * columns,
                     factor + group * columns, beta.data(), y + first * columns);
    });
  });
  return result;
}

/// Gradients of batch_norm with batch statistics, in two passes:
/// dx = gamma inverse_std (dy - mean(dy) - xhat mean(dy xhat)), means over the group's rows; dgamma = sum of
/// dy xhat, dbeta = sum of dy over all rows. mean and inverse_std are [groups, C] as batch_norm gave them.
template <class T>
BatchNormGradients<T> batch_norm_gradient(const BasicTensor<T>& dy, const BasicTensor<T>& x,
                                          const BasicTensor<T>& gamma, const BasicTensor<T>& mean,
                                          const BasicTensor<T>& inverse_std) {
  const detail::BatchNormBlocks b("batch_norm_gradient", x.shape(), mean.rank() == 2 ? mean.shape()[0] : 0);
  const Index columns = b.columns, groups = b.groups;
  check(dy.shape() == x.shape() && mean.shape() == Shape{groups, columns} &&
            inverse_std.shape() == mean.shape() && gamma.shape() == Shape{columns},
        "batch_norm_gradient: dy is ", dy.shape(), ", x is ", x.shape(), ", gamma is ", gamma.shape(),
        ", mean is ", mean.shape(), ", inverse_std is ", inverse_std.shape(),
        "; they do not belong together");
  std::vector<T, PoolAllocator<T>> scratch(static_cast<std::size_t>((2 * b.blocks + 3) * groups * columns));
  T* const dy_sums = scratch.data();
  T* const dy_xhat_sums = dy_sums + groups * b.blocks * columns;
  b.for_each(b.work(2), [&](Index group, Index first, Index rows, Index block) {
    dispatch([&](auto isa) {
      batch_norm_sums(isa, dy.data() + first * columns, x.data() + first * columns, rows, columns,
                      mean.data() + group * columns, inverse_std.data() + group * columns,
                      dy_sums + block * columns, dy_xhat_sums + block * columns);
    });
  });

  BatchNormGradients<T> result{BasicTensor<T>::uninitialized(x.shape()), BasicTensor<T>::zeros({columns}),
                               BasicTensor<T>::zeros({columns})};
  T* const dgamma = result.dgamma.mutable_data();
  T* const dbeta = result.dbeta.mutable_data();
  T* const a = dy_xhat_sums + groups * b.blocks * columns;
  T* const slope = a + groups * columns;
  T* const offset = slope + groups * columns;
  for (Index i = 0; i < groups * columns; ++i) {
    const Index group = i / columns, j = i % columns;
    double dy_sum = 0, dy_xhat_sum = 0;
    for (Index block = 0; block < b.blocks; ++block) {
      dy_sum += static_cast<double>(dy_sums[(group * b.blocks + block) * columns + j]);
      dy_xhat_sum += static_cast<double>(dy_xhat_sums[(group * b.blocks + block) * columns + j]);
    }
    const auto inverse = static_cast<double>(inverse_std.data()[i]), n = static_cast<double>(b.rows);
    const double scale = static_cast<double>(gamma.data()[j]) * inverse;
    dgamma[j] += static_cast<T>(dy_xhat_sum);
    dbeta[j] += static_cast<T>(dy_sum);
    a[i] = static_cast<T>(scale);
    slope[i] = static_cast<T>(-scale * inverse * dy_xhat_sum / n);
    offset[i] = static_cast<T>(-scale * dy_sum / n);
  }

  T* const dx = result.dx.mutable_data();
  b.for_each(b.work(2), [&](Index group, Index first, Index rows, Index) {
    const Index at = group * columns;
    dispatch([&](auto isa) {
      batch_norm_dx(isa, dy.data() + first * columns, x.data() + first * columns, rows, columns,
                    mean.data() + at, a + at, slope + at, offset + at, dx + first * columns);
    });
  });
  return result;
}

}  // namespace eigengrad::kernels
