/// Nearest neighbours among images.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <numbers>
#include <numeric>
#include <span>
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

inline constexpr eigengrad::Index cell = 4;           // pixels along each side
inline constexpr eigengrad::Index orientations = 12;  // of a whole turn

/// The two bins that a value between bin centres 0, 1, 2, ... is shared by, and the share of the second.
struct Share {
  explicit Share(float place)
      : first(static_cast<eigengrad::Index>(std::floor(place))), of_second(place - std::floor(place)) {}
  eigengrad::Index first;
  float of_second;
};

/// Adds the gradients of an image to histogram[H / cell][W / cell][orientations], by their lengths: each is
/// shared by the two orientations and the up to four cells that it lies between.
inline void add_gradients(const eigengrad::Tensor& image, float* histogram) {
  using eigengrad::Index;
  const Index height = image.shape()[0], width = image.shape()[1], rows = height / cell,
              columns = width / cell;
  const auto place_in_cells = [](Index pixel) { return (static_cast<float>(pixel) + 0.5f) / cell - 0.5f; };
  for (Index y = 1; y < height - 1; ++y)
    for (Index x = 1; x < width - 1; ++x) {
      const float dx = image(y, x + 1) - image(y, x - 1), dy = image(y + 1, x) - image(y - 1, x);
      const float length = std::hypot(dx, dy);
      if (length == 0) continue;
      const Share row(place_in_cells(y)), column(place_in_cells(x));
      const Share turn((std::atan2(dy, dx) / (2 * std::numbers::pi_v<float>)+0.5f) * orientations);
      for (int i = 0; i < 4; ++i) {
        const Index r = row.first + i / 2, c = column.first + i % 2;
        if (r < 0 || r >= rows || c < 0 || c >= columns) continue;
        const float part = length * (i / 2 == 1 ? row.of_second : 1 - row.of_second) *
                           (i % 2 == 1 ? column.of_second : 1 - column.of_second);
        float* const bins = histogram + (r * columns + c) * orientations;
        bins[turn.first % orientations] += part * (1 - turn.of_second);
        bins[(turn.first + 1) % orientations] += part * turn.of_second;
      }
    }
}

/// Points [N, H / cell W / cell orientations] whose Euclidean distances are, up to a factor, the Hellinger
/// distances of the images' distributions of gradient over place and orientation, after straightening.
inline eigengrad::Tensor gradient_distributions(const eigengrad::ByteImages& images) {
  using namespace eigengrad;
  const Index n = images.count(), height = images.shape()[1], width = images.shape()[2];
  const Index size = height / cell * (width / cell) * orientations;
  Tensor points = Tensor::zeros({n, size});
  float* const to = points.mutable_data();
  constexpr Index block = 500;
  for (Index begin = 0; begin < n; begin += block) {
    const Tensor part = images.slice(begin, std::min(begin + block, n));
    parallel_for(part.shape()[0], static_cast<double>(part.size()) * 60, [&](Index i) {
      const float* const image = part.data() + i * height * width;
      Tensor upright = Tensor::uninitialized({height, width});
      warp(image, upright.mutable_data(), height, width, straightening(image, height, width));
      float* const histogram = to + (begin + i) * size;
      add_gradients(upright, histogram);
      const float total = std::accumulate(histogram, histogram + size, 1e-12f);
      std::transform(histogram, histogram + size, histogram, [&](float v) { return std::sqrt(v / total); });
    });
  }
  return points;
}

}  // namespace detail

/// The `count` nearest others of each image, [N, count], nearest first: by the Hellinger distance of how the
/// gradient is distributed over place and orientation once position and slant are taken off. Throws where
/// there are not so many. Sources: Dalal, Triggs, "Histograms of oriented gradients for human detection",
/// CVPR 2005; Arandjelovic, Zisserman, "Three things everyone should know to improve object retrieval", CVPR
/// 2012 (the square root).
inline std::vector<std::int32_t> nearest_neighbours(const eigengrad::ByteImages& images,
                                                    eigengrad::Index count) {
  using namespace eigengrad;
  const Index n = images.count();
  check(count >= 1 && count < n, "nearest neighbours: ", count, " of ", n, " images are wanted; ", n - 1,
        " is the most");
  const Tensor points = detail::gradient_distributions(images);
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

/// The images whose moved copies are to have the classes of a batch: of its first half themselves, of the
/// others one of their neighbours, as nearest_neighbours(images, count) gave them, at random. Without
/// neighbours, the batch itself.
inline std::vector<eigengrad::Index, eigengrad::PoolAllocator<eigengrad::Index>> partners(
    std::span<const eigengrad::Index> batch, std::span<const std::int32_t> neighbours, eigengrad::Index count,
    eigengrad::Rng& rng) {
  std::vector<eigengrad::Index, eigengrad::PoolAllocator<eigengrad::Index>> result(batch.begin(),
                                                                                   batch.end());
  if (neighbours.empty()) return result;
  for (std::size_t i = (batch.size() + 1) / 2; i < result.size(); ++i)
    result[i] = neighbours[static_cast<std::size_t>(result[i] * count + rng.below(count))];
  return result;
}

}  // namespace examples
