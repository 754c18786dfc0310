/// oneDNN, driven directly. Without it at build time its rows have no opponent.
#pragma once

#include <functional>
#include <optional>

#include "eigengrad/kernels/convolution_geometry.hpp"
#include "opponents/products.hpp"

namespace bench {

enum class Direction { forward, input_gradient, weight_gradient, transposed };

/// Winograd's takes fewer multiplications and is less exact.
enum class Algorithm { direct, winograd };

/// Images, kernel and adjoint as eigengrad has them. For `transposed`, a transposed convolution forwards, dy
/// is its input and x only says the shape of its result.
struct ConvolutionCase {
  Direction direction;
  Tensor x, w, dy;
  eigengrad::Conv2dOptions options;
};

/// A primitive with its operands in the layouts that it asked for.
struct PreparedConvolution {
  std::function<void()> run;
  std::function<Tensor()> result;  ///< brought back to eigengrad's layout
};

#ifdef EIGENGRAD_BENCHMARKS_ONEDNN
std::optional<ProductLibrary> onednn_product();
/// None for Winograd's algorithm where oneDNN would not take it by itself.
std::optional<PreparedConvolution> onednn_convolution(const ConvolutionCase& c, Algorithm wanted);
#else
inline std::optional<ProductLibrary> onednn_product() {
  return std::nullopt;
}
inline std::optional<PreparedConvolution> onednn_convolution(const ConvolutionCase&, Algorithm) {
  return std::nullopt;
}
#endif

}  // namespace bench
