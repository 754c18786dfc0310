/// 2-d convolution and its two gradients, channels last, each as one blocked product whose operands are
/// packed straight from the images: no unfolded copy is made and every output is written once.
#pragma once

#include "eigengrad/kernels/products.hpp"

namespace eigengrad {

/// Stride and zero padding of a convolution, the same on both axes.
struct Conv2dOptions {
  Index stride = 1;
  Index padding = 0;
};

namespace kernels {

namespace detail {

/// Extents of a convolution: images [n, height, width, in], kernel [kernel_height, kernel_width, in, out],
/// results [n, out_height, out_width, out].
struct ConvolutionGeometry {
  Index n, height, width, in, out, kernel_height, kernel_width, out_height, out_width, stride, padding;

  ConvolutionGeometry(const char* name, const Shape& x, const Shape& w, Conv2dOptions options)
      : stride(options.stride), padding(options.padding) {
    check(x.rank() == 4 && w.rank() == 4, name, ": x is ", x, ", w is ", w,
          "; they must be [N, H, W, Cin] and [Kh, Kw, Cin, Cout]");
    check(stride >= 1 && padding >= 0, name, ": stride is ", stride, ", padding is ", padding,
          "; they must be at least 1 and 0");
    check(x[3] == w[2], name, ": x is ", x, ", w is ", w, "; channels of x (", x[3],
          ") must equal axis 2 of w (", w[2], ")");
    n = x[0], height = x[1], width = x[2], in = x[3];
    kernel_height = w[0], kernel_width = w[1], out = w[3];
    check(kernel_height >= 1 && kernel_width >= 1 && kernel_height <= height + 2 * padding &&
              kernel_width <= width + 2 * padding,
          name, ": x is ", x, ", w is ", w, ", padding ", padding,
          "; the kernel must fit into the padded image");
    out_height = (height + 2 * padding - kernel_height) / stride + 1;
    out_width = (width + 2 * padding - kernel_width) / stride + 1;
  }

  Shape output_shape() const { return {n, out_height, out_width, out}; }
};

/// Walks over the taps (kernel row, kernel column, first channel, channels) that columns [begin, end) of an
/// unfolded image matrix cover, in order: columns are (kernel row, kernel column, channel).
template <class Body>
void for_each_tap(Index begin, Index end, Index kernel_width, Index channels, Body body) {
  while (begin < end) {
    const Index tap = begin / channels, channel = begin % channels;
    const Index count = std::min(channels - channel, end - begin);
    body(tap / kernel_width, tap % kernel_width, channel, count);
    begin += count;
  }
}

/// Packs rows of the unfolded images: row (image, i, j) of the product reads x at (i step_i + tap row, ...).
/// Positions outside the image are zero.
template <class T>
struct PackPatches {
  const T* x;
  Index n, height, width, channels;  // of the images read
  Index rows_height, rows_width;     // positions per image
  Index step, origin_y, origin_x;    // position -> top left tap
  Index tap_step;                    // distance between taps: +1, or -1 where the kernel runs backwards
  Index kernel_width;

  template <class Isa>
  void operator()(Isa isa, Index panel, Index k_begin, Index k_count, T* to) const {
    const int mr = tile_rows_of<T>(isa);
    struct Position {
      const T* image;
      Index y, x;
    } positions[16];
    int rows = 0;
    for (; rows < mr; ++rows) {
      const Index row = panel * mr + rows, image = row / (rows_height * rows_width);
      if (image >= n) break;
      const Index i = row / rows_width % rows_height, j = row % rows_width;
      positions[rows] = {x + image * height * width * channels, i * step + origin_y, j * step + origin_x};
    }
    for_each_tap(k_begin, k_begin + k_count, kernel_width, channels,
                 [&](Index a, Index b, Index channel, Index count) {
                   const T* pointers[16] = {};
                   for (int r = 0; r < rows; ++r) {
                     const Index y = positions[r].y + a * tap_step, column = positions[r].x + b * tap_step;
                     if (y >= 0 && y < height && column >= 0 && column < width)
                       pointers[r] = positions[r].image + (y * width + column) * channels + channel;
                   }
                   pack_rows(isa, pointers, Index{1}, count, to);
                   to += count * mr;
                 });
  }
};

}  // namespace detail

/// y[n, i, j, o] = sum over a, b, c of x[n, i stride + a - padding, j stride + b - padding, c] w[a, b, c, o]
/// (+ bias[o]), x zero outside. x is [N, H, W, Cin], w [Kh, Kw, Cin, Cout], y [N, Ho, Wo, Cout] with Ho =
/// floor((H + 2 padding - Kh) / stride) + 1 and Wo likewise.
template <class T>
BasicTensor<T> conv2d(const BasicTensor<T>& x, const BasicTensor<T>& w, Conv2dOptions options = {},
                      const BasicTensor<T>* bias = nullptr) {
  const detail::ConvolutionGeometry g("conv2d", x.shape(), w.shape(), options);
  detail::check_bias("conv2d", bias, g.out);
  BasicTensor<T> y = BasicTensor<T>::uninitialized(g.output_shape());
  T* const to = y.mutable_data();
  const detail::PackPatches<T> patches{x.data(),    g.n,      g.height,   g.width,    g.in, g.out_height,
                                       g.out_width, g.stride, -g.padding, -g.padding, 1,    g.kernel_width};
  detail::blocked_product<T>(
      y.rows(), g.out, g.kernel_height * g.kernel_width * g.in, patches,
      detail::pack_columns_of(w.data(), g.out, 1, g.out), [=, n = g.out](Index row) { return to + row * n; },
      bias == nullptr ? nullptr : bias->data());
  return y;
}

/// The adjoint of conv2d in x, and conv_transpose2d used forwards: dx[n, y, x, c] = sum of dy[n, i, j, o]
/// w[a, b, c, o] over all with i stride + a - padding = y and j stride + b - padding = x (+ bias[c]).
/// `input_shape` is any shape that conv2d maps to dy's.
///
/// Pixels with one remainder of (y + padding, x + padding) modulo stride meet the same taps, so each of the
/// stride^2 phases is a convolution of dy with unit stride.
template <class T>
BasicTensor<T> conv2d_input_gradient(const BasicTensor<T>& dy, const BasicTensor<T>& w,
                                     const Shape& input_shape, Conv2dOptions options = {},
                                     const BasicTensor<T>* bias = nullptr) {
  const char* const name = "conv2d_input_gradient";
  const detail::ConvolutionGeometry g(name, input_shape, w.shape(), options);
  check(dy.shape() == g.output_shape(), name, ": dy is ", dy.shape(), "; for an input of ", input_shape,
        " and w of ", w.shape(), " it must be ", g.output_shape());
  detail::check_bias(name, bias, g.in);
  BasicTensor<T> dx = BasicTensor<T>::uninitialized(input_shape);
  T* const to = dx.mutable_data();
  const Index s = g.stride;
  for (Index phase_y = 0; phase_y < std::min(s, g.height); ++phase_y)
    for (Index phase_x = 0; phase_x < std::min(s, g.width); ++phase_x) {
      // Pixels y = phase_y + s i. Taps a = first_a + s a' meet result row (y + padding - a) / s = i + base_y
      // - a'.
      const Index first_a = (phase_y + g.padding) % s, first_b = (phase_x + g.padding) % s;
      const Index taps_a = g.kernel_height > first_a ? (g.kernel_height - first_a + s - 1) / s : 0;
      const Index taps_b = g.kernel_width > first_b ? (g.kernel_width - first_b + s - 1) / s : 0;
      const Index rows = (g.height - phase_y + s - 1) / s, columns = (g.width - phase_x + s - 1) / s;
      const detail::PackPatches<T> patches{dy.data(),
                                           g.n,
                                           g.out_height,
                                           g.out_width,
                                           g.out,
                                           rows,
                                           columns,
                                           1,
                                           (phase_y + g.padding) / s,
                                           (phase_x + g.padding) / s,
                                           -1,
                                           std::max<Index>(taps_b, 1)};
      const auto pack_taps = [&, taps = std::max<Index>(taps_b, 1)](auto isa, Index panel, Index k_begin,
                                                                    Index k_count, T* packed) {
        const Index nr = tile_columns_of<T>(isa), first = panel * nr, count = std::min(nr, g.in - first);
        detail::for_each_tap(k_begin, k_begin + k_count, taps, g.out,
                             [&](Index a, Index b, Index o, Index length) {
                               const Index tap = (first_a + a * s) * g.kernel_width + first_b + b * s;
                               pack_columns(isa, w.data() + (tap * g.in + first) * g.out + o, Index{1}, g.out,
                                            length, count, packed);
                               packed += length * nr;
                             });
      };
      detail::blocked_product<T>(
          g.n * rows * columns, g.in, taps_a * taps_b * g.out, patches, pack_taps,
          [=](Index row) {
            const Index image = row / (rows * columns), i = row / columns % rows, j = row % columns;
            return to + ((image * g.height + phase_y + s * i) * g.width + phase_x + s * j) * g.in;
          },
          bias == nullptr ? nullptr : bias->data());
    }
  return dx;
}

/// The adjoint of conv2d in w: dw[a, b, c, o] = sum over n, i, j of x[n, i stride + a - padding, j stride + b
/// - padding, c] dy[n, i, j, o].
template <class T>
BasicTensor<T> conv2d_weight_gradient(const BasicTensor<T>& x, const BasicTensor<T>& dy,
                                      const Shape& weight_shape, Conv2dOptions options = {}) {
  const char* const name = "conv2d_weight_gradient";
  const detail::ConvolutionGeometry g(name, x.shape(), weight_shape, options);
  check(dy.shape() == g.output_shape(), name, ": dy is ", dy.shape(), "; for x of ", x.shape(), " and w of ",
        weight_shape, " it must be ", g.output_shape());
  BasicTensor<T> dw = BasicTensor<T>::uninitialized(weight_shape);
  T* const to = dw.mutable_data();
  // A is the unfolded image matrix transposed: row (a, b, c), column (image, i, j).
  const auto pack_channels = [&](auto isa, Index panel, Index k_begin, Index k_count, T* packed) {
    const int mr = tile_rows_of<T>(isa);
    const Index rows = g.kernel_height * g.kernel_width * g.in;
    for (Index r = panel * mr; r < panel * mr + mr;) {
      const Index tap = r / g.in, channel = r % g.in, column = r - panel * mr;
      const Index count = r >= rows ? mr - column : std::min({g.in - channel, mr - column, rows - r});
      const Index a = tap / g.kernel_width, b = tap % g.kernel_width;
      for (Index p = 0; p < k_count; ++p) {
        const Index position = k_begin + p, image = position / (g.out_height * g.out_width);
        const Index y = position / g.out_width % g.out_height * g.stride + a - g.padding;
        const Index column_x = position % g.out_width * g.stride + b - g.padding;
        const bool inside = r < rows && y >= 0 && y < g.height && column_x >= 0 && column_x < g.width;
        const T* const from = x.data() + ((image * g.height + y) * g.width + column_x) * g.in + channel;
        for (Index c = 0; c < count; ++c) packed[p * mr + column + c] = inside ? from[c] : T(0);
      }
      r += count;
    }
  };
  detail::blocked_product<T>(
      g.kernel_height * g.kernel_width * g.in, g.out, dy.rows(), pack_channels,
      detail::pack_columns_of(dy.data(), g.out, 1, g.out), [=](Index row) { return to + row * g.out; },
      nullptr);
  return dw;
}

}  // namespace kernels
}  // namespace eigengrad
