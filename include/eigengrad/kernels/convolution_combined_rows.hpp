/// Rows of images and their columns, combined.
#pragma once

#include <algorithm>
#include <span>
#include <vector>

#include "eigengrad/core/buffer_pool.hpp"
#include "eigengrad/kernels/convolution_pixels.hpp"

namespace eigengrad::kernels::detail {

/// Makes [place][image][channel] of a combination of rows, one place for each of some combinations of
/// columns.
template <class T>
class CombinedRows {
 public:
  /// `places` are where the combinations go, each its own; rows are as wide, and images at most as many, as
  /// given.
  CombinedRows(std::span<const Combination> columns, std::span<const Index> places, Index width, Index images)
      : staged_channels_(choose_channels(width, images)), staging_size_(width * images * staged_channels_) {
    Vector<const Combination*> at_place(columns.size());
    for (std::size_t i = 0; i < columns.size(); ++i)
      at_place[static_cast<std::size_t>(places[i])] = &columns[i];
    for (const Combination* terms : at_place)
      if (groups_.empty() || !groups_.back().add(*terms)) groups_.push_back({*terms, 1, 0});
  }

  /// Rows first, for some channels that stay in the first-level cache, then columns. `staging` has
  /// staging_size values.
  void combine(const Pixels<T>& from, const Combination& row, T* staging, T* to) const {
    for (Index c = 0; c < from.channels; c += staged_channels_) {
      const Index count = std::min(staged_channels_, from.channels - c);
      View<const T> source{from.data + c, from.image_step(), from.stride};
      if (row.is_copy()) {
        source.data += row.at[0] * from.row_step();
      } else {
        combine({row, from.width, 1}, source, from.row_step(), {staging, count, from.images * count},
                from.images, count);
        source = {staging, count, from.images * count};
      }
      View<T> target{to + c, from.channels, from.images * from.channels};
      for (const Group& group : groups_) {
        combine(group, source, source.column, target, from.images, count);
        target.data += group.count * target.column;
      }
    }
  }
  Index staging_size() const { return staging_size_; }

 private:
  template <class V>
  using Vector = std::vector<V, PoolAllocator<V>>;

  /// Values of images and columns, so far from each other.
  template <class Value>
  struct View {
    Value* data;
    Index image, column;
  };
  /// Combinations at places next to each other, whose terms are `step` columns further from one to the next.
  struct Group {
    Combination terms;
    Index count, step;

    bool add(const Combination& next) {
      const Index distance = next.at[0] - terms.at[0];
      if (next.count != terms.count || next.factor != terms.factor || (count > 1 && distance != count * step))
        return false;
      for (std::size_t i = 0; i < static_cast<std::size_t>(terms.count); ++i)
        if (next.at[i] - terms.at[i] != distance) return false;
      step = distance / count;
      ++count;
      return true;
    }
  };

  static Index choose_channels(Index width, Index images) {
    constexpr Index line = 64 / static_cast<Index>(sizeof(T)),
                    most = (32 << 10) / static_cast<Index>(sizeof(T));
    return std::max<Index>(1, most / (width * images * line)) * line;
  }

  /// Terms lie `distance` apart. The rows of a linear combination are the images, or if there are more of
  /// them, the columns.
  static void combine(const Group& group, const View<const T>& from, Index distance, const View<T>& to,
                      Index images, Index channels) {
    const bool by_image = images >= group.count;
    const Index from_column = group.step * from.column;
    LinearCombination<T> sum{.rows = by_image ? images : group.count,
                             .columns = channels,
                             .from_step = by_image ? from.image : from_column,
                             .to_step = by_image ? to.image : to.column};
    for (Index i = 0; i < (by_image ? group.count : images); ++i) {
      sum.count = 0;
      const T* const first = from.data + i * (by_image ? from_column : from.image);
      add_terms(sum, group.terms, [&](Index coordinate) { return first + coordinate * distance; });
      sum.to = to.data + i * (by_image ? to.column : to.image);
      product_kernels<T>().combine(sum);
    }
  }

  Index staged_channels_, staging_size_;
  Vector<Group> groups_;
};

}  // namespace eigengrad::kernels::detail
