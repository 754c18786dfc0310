/// One axis of a convolution: which source an output meets at which tap.
#pragma once

#include <algorithm>
#include <vector>

#include "eigengrad/core/tensor.hpp"

namespace eigengrad::kernels::detail {

/// Number of a tap by its coordinates, of which those of a gradient count backwards.
inline Index tap_number(Index kernel_height, Index kernel_width, Index y, Index x, bool gradient) {
  const Index number = y * kernel_width + x;
  return gradient ? kernel_height * kernel_width - 1 - number : number;
}

/// Extents of one axis.
struct ConvolutionExtents {
  Index outputs, sources, kernel, stride, padding;
};

/// Outputs, sources and taps of one axis of a convolution, or of its input gradient, where the kernel is
/// numbered backwards, so that neighbours are neighbours in both; and its taps as parts, for which a few
/// outputs can share products.
class ConvolutionTaps {
 public:
  /// Taps `stride` apart, which meet sources next to each other, or as far from each other as outputs' are.
  struct Part {
    Index source, tap, count;
    /// Products of that many outputs that share them.
    Index products(Index outputs) const { return outputs + count - 1; }
  };
  template <class V>
  using Vector = std::vector<V, PoolAllocator<V>>;

  static constexpr Index most_outputs = 3;  // that share products

  ConvolutionTaps(const ConvolutionExtents& extents, bool gradient) : e_(extents), gradient_(gradient) {}

  const ConvolutionExtents& extents() const { return e_; }
  /// How far sources and outputs move where the other does by one; outputs that far apart meet the same taps.
  Index source_step() const { return gradient_ ? 1 : e_.stride; }
  Index output_step() const { return gradient_ ? e_.stride : 1; }

  /// The source that an output meets at a tap, if it meets any.
  bool meets(Index output, Index tap) const {
    return !gradient_ || (output + e_.padding - (e_.kernel - 1 - tap)) % e_.stride == 0;
  }
  Index source_of(Index output, Index tap) const {
    return gradient_ ? (output + e_.padding - (e_.kernel - 1 - tap)) / e_.stride
                     : output * e_.stride + tap - e_.padding;
  }
  bool is_inside(Index source) const { return source >= 0 && source < e_.sources; }
  /// How many sources an output meets, or all do.
  Index sources_of(Index output) const {
    Index count = 0;
    for (Index tap = 0; tap < e_.kernel; ++tap)
      count += meets(output, tap) && is_inside(source_of(output, tap));
    return count;
  }
  Index factor_count() const {
    Index count = 0;
    for (Index output = 0; output < e_.outputs; ++output) count += sources_of(output);
    return count;
  }
  /// Whether any output meets a source at the tap.
  bool is_met(Index tap) const {
    for (Index output = 0; output < e_.outputs; ++output)
      if (meets(output, tap) && is_inside(source_of(output, tap))) return true;
    return false;
  }

  /// The taps that an output meets, as parts of three, two or one.
  Vector<Part> parts_of(Index output) const {
    Vector<Part> parts;
    for (Index first = 0; first < std::min(e_.stride, e_.kernel); ++first) {
      if (!meets(output, first)) continue;
      for (Index tap = first, count; tap < e_.kernel; tap += count * e_.stride) {
        count = part_length((e_.kernel - 1 - tap) / e_.stride + 1);
        parts.push_back({source_of(output, tap), tap, count});
      }
    }
    return parts;
  }
  /// How many outputs share products: three if all of their parts have two taps.
  static Index together(const Vector<Part>& parts) {
    for (const Part& part : parts)
      if (part.count != 2) return 2;
    return most_outputs;
  }

  /// How many outputs to take together next where so many from `output` on, the first of them or not, meet
  /// the same taps. An output left over is best the first one if it meets padding. `pairs_first`: rather two
  /// pairs than three outputs and one left over that meets more sources than there are parts.
  Index next_together(Index output, Index alike, bool is_first, bool pairs_first) const {
    const Vector<Part> parts = parts_of(output);
    const Index most = together(parts);
    if (alike % most != 1) return std::min(most, alike);
    const bool is_left_over = is_first && meets_padding_before(output);
    if (pairs_first && most == 3 && alike > 1 &&
        sources_of(is_left_over ? output : output + (alike - 1) * output_step()) > std::ssize(parts))
      return 2;
    return is_left_over ? 1 : std::min(most, alike);
  }

  /// Multiplications of outputs that share products, over those of outputs that do not.
  static double share(Index kernel, Index stride) {
    const Vector<Part> parts = ConvolutionTaps({1, kernel, kernel, stride, 0}, false).parts_of(0);
    Index products = 0;
    for (const Part& part : parts) products += part.products(together(parts));
    return static_cast<double>(products) / static_cast<double>(together(parts) * kernel);
  }

 private:
  /// Taps of the next part where so many are left.
  static Index part_length(Index left) { return left == 4 ? 2 : std::min<Index>(left, 3); }

  bool meets_padding_before(Index output) const {
    for (Index tap = 0; tap < e_.kernel; ++tap)
      if (meets(output, tap) && source_of(output, tap) < 0) return true;
    return false;
  }

  ConvolutionExtents e_;
  bool gradient_;
};

}  // namespace eigengrad::kernels::detail
