/// Products that outputs of a convolution share, and the outputs that they make up.
#pragma once

#include <span>

#include "eigengrad/kernels/convolution_strip.hpp"
#include "eigengrad/kernels/product_operand.hpp"

namespace eigengrad::kernels::detail {

/// The products of some rows, from `first_row` on, and of a strip of columns, each of `lanes` rows by `width`
/// channels.
template <class T>
struct SharedProducts {
  T* data;
  Index lanes, width, first_row;
  const ColumnStrip& strip;

  T* at(Index p, Index q) const {
    const ConvolutionAxis::Stretch& columns = strip.stretch();
    const Index row = (p - first_row) * (columns.product_end - columns.product_begin);
    return data + (row + q - columns.product_begin) * lanes * width;
  }
  /// Adds up the outputs of these rows and the strip, with bias and activation: `output` says where the one
  /// at row and column 0 goes; rows and columns of outputs lie so far apart.
  void add_up(std::span<const ConvolutionAxis::Sum> rows, LinearCombination<T> output, Index row_step,
              Index column_step) const {
    T* const first = output.to;
    output.rows = lanes;
    output.from_step = width;
    for (const auto& row : rows)
      for (const auto& column : strip.sums()) {
        output.count = 0;
        output.to = first + row.output * row_step + column.output * column_step;
        add_terms(output, row.products, column.products, [&](Index p, Index q) { return at(p, q); });
        product_kernels<T>().combine(output);
      }
  }
};

}  // namespace eigengrad::kernels::detail
