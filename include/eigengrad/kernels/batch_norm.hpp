/// Batch normalisation of the last axis, with statistics for each of several groups of rows.
#pragma once

#include <cmath>
#include <vector>

#include "eigengrad/core/parallel.hpp"
#include "eigengrad/core/tensor.hpp"
#include "eigengrad/kernels/simd.hpp"

namespace eigengrad::kernels {

/// Mean and biased variance of each feature over the rows of each group, [groups, C].
template <class T>
struct BatchStatistics {
  BasicTensor<T> mean, variance;
};
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

/// x as `groups` matrices [rows, columns], each cut into blocks of rows and strips of columns of fixed sizes.
/// Few features would leave vectors half empty, so neighbouring rows are joined: columns = fold C, and column
/// j is feature j % C.
struct BatchNormBlocks {
  static constexpr Index block = 256, strip = 128, enough_columns = 16;
  Index groups, features, samples;  // samples: rows of one group before folding
  Index fold = 1, rows, columns, blocks, strips;

  BatchNormBlocks(const char* name, const Shape& x, Index group_count)
      : groups(group_count), features(x.features()) {
    check(x.rank() >= 2 && features > 0, name, ": x is ", x, "; it must be [N, ..., C]");
    check(groups >= 1 && x[0] % groups == 0 && x.rows() > 0, name, ": x is ", x, ", groups is ", groups,
          "; groups must divide the first axis, and each hold at least one row");
    samples = x.rows() / groups;
    while (fold * features < enough_columns && samples % (2 * fold) == 0) fold *= 2;
    rows = samples / fold;
    columns = features * fold;
    blocks = (rows + block - 1) / block;
    strips = std::max<Index>(1, columns / strip);  // the last one takes the rest
  }

  double rows_of(Index b) const { return static_cast<double>(std::min(block, rows - b * block)); }

  /// One block of one strip: `at` is its first element of x, `column` its first of [groups, columns], `part`
  /// its first of [groups, blocks, columns].
  struct Part {
    Index at, rows, columns, column, part;
  };

  /// body(isa, part) for every part, in parallel.
  template <class Body>
  void for_each_part(double work_per_element, Body body) const {
    const Index at_once = std::max<Index>(1, 8192 / (std::min(block, rows) * std::min(strip, columns)));
    const double work = work_per_element * static_cast<double>(groups * rows * columns);
    parallel_blocks(groups * blocks * strips, at_once, work, [&](Index begin, Index end) {
      dispatch([&](auto isa) {
        for (Index task = begin; task < end; ++task) {
          const Index s = task % strips, b = task / strips % blocks, group = task / strips / blocks;
          const Index first = s * strip;
          body(isa, Part{(group * rows + b * block) * columns + first, std::min(block, rows - b * block),
                         s + 1 == strips ? columns - first : strip, group * columns + first,
                         (group * blocks + b) * columns + first});
        }
      });
    });
  }

  /// body(group, feature) for every one, in parallel.
  template <class Body>
  void for_each_feature(Body body) const {
    parallel_blocks(groups * features, 16, 4.0 * static_cast<double>(groups * blocks * columns),
                    [&](Index begin, Index end) {
                      for (Index i = begin; i < end; ++i) body(i / features, i % features);
                    });
  }

  /// body(index in [groups, blocks, columns], block) for every part of the sum of one feature, in order.
  template <class Body>
  void for_each_sum(Index group, Index feature, Body body) const {
    for (Index b = 0; b < blocks; ++b)
      for (Index j = feature; j < columns; j += features) body((group * blocks + b) * columns + j, b);
  }

  /// Writes a feature's coefficient to all its columns of a [groups, columns] array.
  template <class T>
  void spread(Index group, Index feature, double value, T* to) const {
    for (Index j = feature; j < columns; j += features) to[group * columns + j] = static_cast<T>(value);
  }
};

template <class T>
BatchStatistics<T> batch_statistics(const BatchNormBlocks& b, const BasicTensor<T>& x) {
  const Index sums = b.groups * b.blocks * b.columns;
  std::vector<T, PoolAllocator<T>> scratch(static_cast<std::size_t>(2 * sums + b.groups * b.columns));
  T* const offsets = scratch.data();
  T* const squares = offsets + sums;
  T* const shift = squares + sums;
  for (Index group = 0; group < b.groups; ++group)
    for (Index j = 0; j < b.columns; ++j)
      shift[group * b.columns + j] = x.data()[group * b.samples * b.features + j % b.features];
  b.for_each_part(4, [&](auto isa, const BatchNormBlocks::Part& p) {
    batch_norm_moments(isa, x.data() + p.at, p.rows, b.columns, p.columns, shift + p.column, offsets + p.part,
                       squares + p.part);
  });

  const Shape shape{b.groups, b.features};
  BatchStatistics<T> result{BasicTensor<T>::uninitialized(shape), BasicTensor<T>::uninitialized(shape)};
  T* const mean = result.mean.mutable_data();
  T* const variance = result.variance.mutable_data();
  b.for_each_feature([&](Index group, Index feature) {
    const auto count = static_cast<double>(b.samples);
    double offset = 0, square = 0;
    b.for_each_sum(group, feature, [&](Index at, Index block) {
      offset += static_cast<double>(offsets[at]) * b.rows_of(block);
    });
    offset /= count;
    b.for_each_sum(group, feature, [&](Index at, Index block) {
      const double d = static_cast<double>(offsets[at]) - offset;
      square += static_cast<double>(squares[at]) + d * d * b.rows_of(block);
    });
    const Index i = group * b.features + feature;
    mean[i] = static_cast<T>(static_cast<double>(shift[group * b.columns + feature]) + offset);
    variance[i] = static_cast<T>(square / count);
  });
  return result;
}

/// The coefficients of z = (x - mean) scale + shift, each [groups, columns], in the 3 * groups * columns
/// values at `to`. The same bits in both passes, so that z has the same sign.
template <class T>
BatchNormColumns<T> batch_norm_columns(const BatchNormBlocks& b, const BasicTensor<T>& gamma,
                                       const BasicTensor<T>* beta, const T* mean, const T* inverse_std,
                                       double slope, T* to) {
  const Index n = b.groups * b.columns;
  for (Index group = 0; group < b.groups; ++group)
    for (Index j = 0; j < b.columns; ++j) {
      const Index feature = j % b.features, from = group * b.features + feature, at = group * b.columns + j;
      to[at] = mean[from];
      to[n + at] = inverse_std[from] * gamma.data()[feature];
      to[2 * n + at] = beta == nullptr ? T(0) : beta->data()[feature];
    }
  return {to, to + n, to + 2 * n, static_cast<T>(slope)};
}

}  // namespace detail

/// Mean and biased variance of each feature over the rows of its group; the first axis of x [N, ..., C] is
/// cut into `groups` equal parts. Throws unless groups divides N.
///
/// Values are summed relative to the group's first row, the variance of a block about the block's own mean,
/// and blocks are combined by var = mean over blocks of (var_b + (mean_b - mean)^2): a large mean costs no
/// digits.
template <class T>
BatchStatistics<T> batch_norm_statistics(const BasicTensor<T>& x, Index groups) {
  return detail::batch_statistics(detail::BatchNormBlocks("batch_norm_statistics", x.shape(), groups), x);
}

/// z = gamma (x - mean) / sqrt(variance + epsilon) + beta with the statistics of batch_norm_statistics, then
/// y = z where z is positive, else slope z (leaky ReLU; slope 1: y = z, slope 0: ReLU). x is [N, ..., C],
/// gamma and beta [C]. Throws unless the shapes agree and groups divides N.
template <class T>
BatchNormForward<T> batch_norm(const BasicTensor<T>& x, const BasicTensor<T>& gamma,
                               const BasicTensor<T>& beta, Index groups, double epsilon, double slope = 1) {
  const detail::BatchNormBlocks b("batch_norm", x.shape(), groups);
  const Shape features{b.features};
  check(gamma.shape() == features && beta.shape() == features, "batch_norm: x is ", x.shape(), ", gamma is ",
        gamma.shape(), ", beta is ", beta.shape(), "; gamma and beta must be ", features);
  BatchStatistics<T> statistics = detail::batch_statistics(b, x);
  BatchNormForward<T> result{BasicTensor<T>::uninitialized(x.shape()), std::move(statistics.mean),
                             std::move(statistics.variance),
                             BasicTensor<T>::uninitialized({groups, b.features})};
  T* const inverse_std = result.inverse_std.mutable_data();
  for (Index i = 0; i < result.variance.size(); ++i)
    inverse_std[i] = static_cast<T>(1 / std::sqrt(static_cast<double>(result.variance.data()[i]) + epsilon));
  std::vector<T, PoolAllocator<T>> scratch(static_cast<std::size_t>(3 * groups * b.columns));
  const BatchNormColumns<T> forward =
      detail::batch_norm_columns(b, gamma, &beta, result.mean.data(), inverse_std, slope, scratch.data());
  T* const y = result.value.mutable_data();
  const bool past_caches = detail::is_past_caches<T>(x.size());
  b.for_each_part(1, [&](auto isa, const detail::BatchNormBlocks::Part& p) {
    batch_norm_value(isa, x.data() + p.at, p.rows, b.columns, p.columns, forward + p.column, y + p.at,
                     past_caches);
  });
  return result;
}

/// Gradients of batch_norm with batch statistics, in two passes:
/// dx = gamma inverse_std (dz - mean(dz) - xhat mean(dz xhat)), means over the group's rows; dgamma = sum of
/// dz xhat, dbeta = sum of dz over all rows, dz = dy where z is positive, else slope dy. mean and inverse_std
/// are [groups, C] as batch_norm gave them; a slope other than 1 needs beta, to find the sign of z again. dx
/// may be written over dy, where dy owns its buffer.
template <class T>
BatchNormGradients<T> batch_norm_gradient(BasicTensor<T> dy, const BasicTensor<T>& x,
                                          const BasicTensor<T>& gamma, const BasicTensor<T>& mean,
                                          const BasicTensor<T>& inverse_std,
                                          const BasicTensor<T>* beta = nullptr, double slope = 1) {
  const detail::BatchNormBlocks b("batch_norm_gradient", x.shape(), mean.rank() == 2 ? mean.shape()[0] : 0);
  const Shape features{b.features}, statistics{b.groups, b.features};
  check(dy.shape() == x.shape() && mean.shape() == statistics && inverse_std.shape() == statistics &&
            gamma.shape() == features && (beta == nullptr || beta->shape() == features),
        "batch_norm_gradient: dy is ", dy.shape(), ", x is ", x.shape(), ", gamma is ", gamma.shape(),
        ", mean is ", mean.shape(), ", inverse_std is ", inverse_std.shape(),
        "; they do not belong together");
  check(slope == 1 || beta != nullptr, "batch_norm_gradient: slope is ", slope, "; this needs beta");
  const Index n = b.groups * b.columns, sums = n * b.blocks;
  std::vector<T, PoolAllocator<T>> scratch(static_cast<std::size_t>(2 * sums + 5 * n + 2 * mean.size()));
  T* const dz_sums = scratch.data();
  T* const dz_x_sums = dz_sums + sums;
  T* const product = dz_x_sums + sums;  // dx = scale dz + product (x - mean) + offset
  T* const offset = product + n;
  T* const dgammas = offset + n;  // [groups, C], like dbetas
  T* const dbetas = dgammas + mean.size();
  const BatchNormColumns<T> forward = detail::batch_norm_columns(
      b, gamma, beta, mean.data(), inverse_std.data(), slope, dbetas + mean.size());
  b.for_each_part(2, [&](auto isa, const detail::BatchNormBlocks::Part& p) {
    batch_norm_sums(isa, dy.data() + p.at, x.data() + p.at, p.rows, b.columns, p.columns, forward + p.column,
                    dz_sums + p.part, dz_x_sums + p.part);
  });
  b.for_each_feature([&](Index group, Index feature) {
    double dz_sum = 0, dz_x_sum = 0;
    b.for_each_sum(group, feature, [&](Index at, Index) {
      dz_sum += static_cast<double>(dz_sums[at]);
      dz_x_sum += static_cast<double>(dz_x_sums[at]);
    });
    const Index i = group * b.features + feature;
    const auto inverse = static_cast<double>(inverse_std.data()[i]);
    const double scale =
        static_cast<double>(gamma.data()[feature]) * inverse / static_cast<double>(b.samples);
    dgammas[i] = static_cast<T>(inverse * dz_x_sum);
    dbetas[i] = static_cast<T>(dz_sum);
    b.spread(group, feature, -scale * inverse * inverse * dz_x_sum, product);
    b.spread(group, feature, -scale * dz_sum, offset);
  });

  // Over dy where each element is written once: the last vector of a row may overlap the one before it.
  const T* const given = dy.data();
  const bool in_place = dy.owns_buffer() && b.columns % (64 / static_cast<Index>(sizeof(T))) == 0;
  BasicTensor<T> over = in_place ? std::move(dy) : BasicTensor<T>::uninitialized(x.shape());
  BatchNormGradients<T> result{std::move(over), BasicTensor<T>::zeros(features),
                               BasicTensor<T>::zeros(features)};
  T* const dgamma = result.dgamma.mutable_data();
  T* const dbeta = result.dbeta.mutable_data();
  for (Index i = 0; i < mean.size(); ++i) {
    dgamma[i % b.features] += dgammas[i];
    dbeta[i % b.features] += dbetas[i];
  }
  T* const dx = result.dx.mutable_data();
  const bool past_caches = detail::is_past_caches<T>(x.size());
  b.for_each_part(2, [&](auto isa, const detail::BatchNormBlocks::Part& p) {
    batch_norm_dx(isa, given + p.at, x.data() + p.at, p.rows, b.columns, p.columns, forward + p.column,
                  product + p.column, offset + p.column, dx + p.at, past_caches);
  });
  return result;
}

}  // namespace eigengrad::kernels
