/// Measurable factors of a stroke image: slant and stroke width; and correlation.
#pragma once

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "eigengrad/core/check.hpp"
#include "eigengrad/core/shape.hpp"

namespace examples {

using eigengrad::Index;

/// Thins a binary image to lines one pixel wide, in place (nonzero: ink).
/// Source: Zhang and Suen, "A fast parallel algorithm for thinning digital patterns", CACM 27, 1984.
inline void thin(std::vector<unsigned char>& image, Index height, Index width) {
  const auto at = [&](Index y, Index x) -> int {
    return y >= 0 && y < height && x >= 0 && x < width && image[static_cast<std::size_t>(y * width + x)] != 0;
  };
  std::vector<std::size_t> removed;
  for (bool changed = true; changed;) {
    changed = false;
    for (int pass = 0; pass < 2; ++pass) {
      removed.clear();
      for (Index y = 0; y < height; ++y)
        for (Index x = 0; x < width; ++x) {
          if (!at(y, x)) continue;
          // Neighbours clockwise from the one above.
          const int p[8] = {at(y - 1, x), at(y - 1, x + 1), at(y, x + 1), at(y + 1, x + 1),
                            at(y + 1, x), at(y + 1, x - 1), at(y, x - 1), at(y - 1, x - 1)};
          int neighbours = 0, rises = 0;
          for (int k = 0; k < 8; ++k) neighbours += p[k], rises += p[k] == 0 && p[(k + 1) % 8] == 1;
          const bool open = pass == 0 ? p[0] * p[2] * p[4] == 0 && p[2] * p[4] * p[6] == 0
                                      : p[0] * p[2] * p[6] == 0 && p[0] * p[4] * p[6] == 0;
          if (neighbours >= 2 && neighbours <= 6 && rises == 1 && open)
            removed.push_back(static_cast<std::size_t>(y * width + x));
        }
      for (std::size_t i : removed) image[i] = 0;
      changed |= !removed.empty();
    }
  }
}

/// What is measured of an image.
struct ImageFactors {
  double slant;         ///< mu11 / mu02 of the grey values: pixels to the right for each pixel down
  double stroke_width;  ///< sum of the grey values divided by the pixels of the skeleton at threshold 1/2
};

/// Slant and stroke width of a grey image [height, width] in [0, 1]; nothing for one without ink or of a
/// single row.
template <class T>
std::optional<ImageFactors> measure_factors(const T* pixels, Index height, Index width) {
  double ink = 0, sum_x = 0, sum_y = 0;
  for (Index y = 0; y < height; ++y)
    for (Index x = 0; x < width; ++x) {
      const auto value = static_cast<double>(pixels[y * width + x]);
      ink += value;
      sum_x += value * static_cast<double>(x);
      sum_y += value * static_cast<double>(y);
    }
  if (!(ink > 0)) return std::nullopt;
  double mu11 = 0, mu02 = 0;
  std::vector<unsigned char> binary(static_cast<std::size_t>(height * width));
  for (Index y = 0; y < height; ++y)
    for (Index x = 0; x < width; ++x) {
      const double dy = static_cast<double>(y) - sum_y / ink, dx = static_cast<double>(x) - sum_x / ink;
      const auto value = static_cast<double>(pixels[y * width + x]);
      mu11 += value * dx * dy;
      mu02 += value * dy * dy;
      binary[static_cast<std::size_t>(y * width + x)] = value > 0.5;
    }
  thin(binary, height, width);
  Index skeleton = 0;
  for (unsigned char pixel : binary) skeleton += pixel;
  if (skeleton == 0 || !(mu02 > 0)) return std::nullopt;
  return ImageFactors{mu11 / mu02, ink / static_cast<double>(skeleton)};
}

/// Pearson's correlation; NaN where one side is constant or there are fewer than two pairs.
inline double correlation(std::span<const double> a, std::span<const double> b) {
  eigengrad::check(a.size() == b.size(), "correlation: ", a.size(), " and ", b.size(),
                   " values; they must be pairs");
  const auto n = static_cast<double>(a.size());
  double mean_a = 0, mean_b = 0;
  for (std::size_t i = 0; i < a.size(); ++i) mean_a += a[i] / n, mean_b += b[i] / n;
  double aa = 0, bb = 0, ab = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    aa += (a[i] - mean_a) * (a[i] - mean_a);
    bb += (b[i] - mean_b) * (b[i] - mean_b);
    ab += (a[i] - mean_a) * (b[i] - mean_b);
  }
  return aa > 0 && bb > 0 ? ab / std::sqrt(aa * bb) : std::numeric_limits<double>::quiet_NaN();
}

/// What a code correlates with a factor that orders the images of each class by it exactly, but knows nothing
/// of the class and is uniform: the code of an image is the rank of its value in its class. Throws unless
/// each value has a class.
inline double exact_code_correlation(std::span<const double> values, std::span<const Index> classes) {
  eigengrad::check(values.size() == classes.size(), "exact_code_correlation: ", values.size(), " values of ",
                   classes.size(), " classes; they must be pairs");
  std::vector<std::size_t> order(values.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
    return std::pair(classes[a], values[a]) < std::pair(classes[b], values[b]);
  });
  std::vector<double> codes(values.size());
  for (std::size_t begin = 0, end = 0; begin < order.size(); begin = end) {
    while (end < order.size() && classes[order[end]] == classes[order[begin]]) ++end;
    for (std::size_t i = begin; i < end; ++i)
      codes[order[i]] = (static_cast<double>(i - begin) + 0.5) / static_cast<double>(end - begin);
  }
  return correlation(codes, values);
}

}  // namespace examples
