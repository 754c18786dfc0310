/// Images whose pixels are combined.
#pragma once

#include "eigengrad/kernels/combination.hpp"
#include "eigengrad/kernels/product_operand.hpp"

namespace eigengrad::kernels::detail {

/// Some channels of images [image][row][column][channel] with `stride` values from column to column.
template <class T>
struct Pixels {
  const T* data;
  Index height, width, stride, channels, images;

  Index row_step() const { return width * stride; }
  Index image_step() const { return height * row_step(); }
  /// Values of a combination of pixels.
  Index combined_size() const { return images * channels; }
  /// Makes [image][channel] of a combination of rows and columns, images `to_step` apart.
  void combine(const Combination& rows, const Combination& columns, T* to, Index to_step) const {
    LinearCombination<T> sum{
        .rows = images, .columns = channels, .from_step = image_step(), .to = to, .to_step = to_step};
    add_terms(sum, rows, columns, [&](Index y, Index x) { return data + y * row_step() + x * stride; });
    product_kernels<T>().combine(sum);
  }
};

/// All channels of images that lie side by side.
template <class T>
Pixels<T> pixels(const T* data, Index height, Index width, Index channels, Index images) {
  return {.data = data,
          .height = height,
          .width = width,
          .stride = channels,
          .channels = channels,
          .images = images};
}

}  // namespace eigengrad::kernels::detail
