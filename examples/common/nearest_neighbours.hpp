/// Nearest neighbours among images.
#pragma once

#include <algorithm>
#include <cstdint>
#include <utility>
#include <vector>

#include "common/moved_images.hpp"
#include "common/squared_distances.hpp"
#include "eigengrad/eigengrad.hpp"
#include "eigengrad/io/idx.hpp"

namespace examples {

namespace detail {

/// The map under which the ink's centre of mass is the centre, and its slant, the covariance of x and y over
/// the variance of y, is 0.
inline AffineMap<float> straightening(const float* image, eigengrad::Index height, eigengrad::Index width) {
  double ink = 1e-6, mx = 0, my = 0, xy = 0, yy = 1e-6;
  const auto sum = [&](auto&& term) {
    for (eigengrad::Index y = 0; y < height; ++y)
      for (eigengrad::Index x = 0; x < width; ++x)
        term(static_cast<double>(image[y * width + x]), static_cast<double>(x), static_cast<double>(y));
  };
  sum([&](double v, double x, double y) { ink += v, mx += v * x, my += v * y; });
  mx /= ink, my /= ink;
  sum([&](double v, double x, double y) { xy += v * (y - my) * (x - mx), yy += v * (y - my) * (y - my); });
  return {1, static_cast<float>(xy / yy), static_cast<float>(mx), 0, 1, static_cast<float>(my)};
}

/// Straightened images, 2x2 pixels averaged: [N, H / 2 * W / 2].
inline eigengrad::Tensor straightened(const eigengrad::ByteImages& images) {
  using namespace eigengrad;
  const Index n = images.count(), height = images.shape()[1], width = images.shape()[2];
  const Index w = width / 2, size = height / 2 * w;
  Tensor points = Tensor::zeros({n, size});
  float* const to = points.mutable_data();
  constexpr Index block = 500;
  for (Index begin = 0; begin < n; begin += block) {
    const Tensor part = images.slice(begin, std::min(begin + block, n));
    parallel_for(part.shape()[0], static_cast<double>(part.size()) * 40, [&](Index i) {
      const float* const image = part.data() + i * height * width;
      Tensor upright = Tensor::uninitialized({height, width});
      warp(image, upright.mutable_data(), height, width, straightening(image, height, width));
      for (Index y = 0; y < height / 2 * 2; ++y)
        for (Index x = 0; x < w * 2; ++x) to[(begin + i) * size + y / 2 * w + x / 2] += upright(y, x) / 4;
    });
  }
  return points;
}

}  // namespace detail

/// The `count` nearest others of each image, [N, count], nearest first: by the Euclidean distance of what is
/// left when position and slant are taken off and 2x2 pixels averaged. Throws where there are not so many.
inline std::vector<std::int32_t> nearest_neighbours(const eigengrad::ByteImages& images,
                                                    eigengrad::Index count) {
  using namespace eigengrad;
  const Index n = images.count();
  check(count >= 1 && count < n, "nearest neighbours: ", count, " of ", n, " images are wanted; ", n - 1,
        " is the most");
  const Tensor points = detail::straightened(images);
  std::vector<std::int32_t> result(static_cast<std::size_t>(n * count));
  for_each_squared_distances(points, points, 1, [&](Index i, const float* squares) {
    using Candidate = std::pair<float, std::int32_t>;  // squared distance, image
    std::vector<Candidate> best;                       // a heap, the farthest on top
    for (Index j = 0; j < n; ++j) {
      const Candidate candidate{squares[j], static_cast<std::int32_t>(j)};
      const bool full = static_cast<Index>(best.size()) == count;
      if (j == i || (full && candidate >= best.front())) continue;
      if (full) std::pop_heap(best.begin(), best.end()), best.pop_back();
      best.push_back(candidate);
      std::push_heap(best.begin(), best.end());
    }
    std::sort_heap(best.begin(), best.end());
    for (Index k = 0; k < count; ++k)
      result[static_cast<std::size_t>(i * count + k)] = best[static_cast<std::size_t>(k)].second;
  });
  return result;
}

}  // namespace examples
