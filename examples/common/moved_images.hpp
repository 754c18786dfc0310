/// Images under affine maps: slightly moved copies, at random.
#pragma once

#include <cmath>
#include <vector>

#include "eigengrad/core/buffer_pool.hpp"
#include "eigengrad/core/parallel.hpp"
#include "eigengrad/core/random.hpp"

namespace examples {

/// Where a pixel of the copy lies in the image: (x, y) = (xx dx + xy dy + x0, yx dx + yy dy + y0), (dx, dy)
/// being its distance from the centre of the copy.
template <class T>
struct AffineMap {
  T xx, xy, x0, yx, yy, y0;
};

/// Fills `to` with the image under the map, both [height, width]; between pixels bilinear, 0 outside.
template <class T>
void warp(const T* from, T* to, eigengrad::Index height, eigengrad::Index width, const AffineMap<T>& map) {
  using eigengrad::Index;
  const auto pixel = [&](Index y, Index x) {
    return x >= 0 && x < width && y >= 0 && y < height ? from[y * width + x] : T{0};
  };
  const T centre_x = static_cast<T>(width - 1) / 2, centre_y = static_cast<T>(height - 1) / 2;
  for (Index y = 0; y < height; ++y)
    for (Index x = 0; x < width; ++x) {
      const T dx = static_cast<T>(x) - centre_x, dy = static_cast<T>(y) - centre_y;
      const T u = map.xx * dx + map.xy * dy + map.x0, v = map.yx * dx + map.yy * dy + map.y0;
      const T floor_u = std::floor(u), floor_v = std::floor(v), wu = u - floor_u, wv = v - floor_v;
      const auto left = static_cast<Index>(floor_u), top = static_cast<Index>(floor_v);
      *to++ = (1 - wv) * ((1 - wu) * pixel(top, left) + wu * pixel(top, left + 1)) +
              wv * ((1 - wu) * pixel(top + 1, left) + wu * pixel(top + 1, left + 1));
    }
}

/// Largest moves; each is uniform between its negative and itself.
struct Moves {
  double rotation = 0.18;  ///< radian
  double scale = 0.1;      ///< of each axis, relative
  double shear = 0.2;
  double shift = 1.7;  ///< pixels, of each axis
};

template <class T>
using AffineMaps = std::vector<AffineMap<T>, eigengrad::PoolAllocator<AffineMap<T>>>;

/// `count` random maps about the centre of images [height, width]: rotation, shear, scales and shift.
template <class T>
AffineMaps<T> random_maps(eigengrad::Index count, eigengrad::Index height, eigengrad::Index width,
                          const Moves& moves, eigengrad::Rng& rng) {
  using eigengrad::Index;
  const auto random = rng.uniform<double>({count, 6}, -1, 1);
  AffineMaps<T> maps;
  maps.reserve(static_cast<std::size_t>(count));
  for (const double* r = random.data(); r != random.data() + random.size(); r += 6) {
    const double c = std::cos(moves.rotation * r[0]), s = std::sin(moves.rotation * r[0]);
    const double shear = moves.shear * r[1], sx = 1 + moves.scale * r[2], sy = 1 + moves.scale * r[3];
    const double x0 = static_cast<double>(width - 1) / 2 + moves.shift * r[4];
    const double y0 = static_cast<double>(height - 1) / 2 + moves.shift * r[5];
    maps.push_back({static_cast<T>(c * sx), static_cast<T>((c * shear - s) * sy), static_cast<T>(x0),
                    static_cast<T>(s * sx), static_cast<T>((s * shear + c) * sy), static_cast<T>(y0)});
  }
  return maps;
}

/// A copy of images [N, H, W, 1], each under a random map.
template <class T>
eigengrad::BasicTensor<T> moved_images(const eigengrad::BasicTensor<T>& images, const Moves& moves,
                                       eigengrad::Rng& rng) {
  using eigengrad::Index;
  const Index n = images.shape()[0], height = images.shape()[1], width = images.shape()[2];
  const AffineMaps<T> maps = random_maps<T>(n, height, width, moves, rng);
  auto moved = eigengrad::BasicTensor<T>::uninitialized(images.shape());
  T* const to = moved.mutable_data();
  eigengrad::parallel_for(n, static_cast<double>(images.size()) * 20, [&](Index i) {
    const Index begin = i * height * width;
    warp(images.data() + begin, to + begin, height, width, maps[static_cast<std::size_t>(i)]);
  });
  return moved;
}

}  // namespace examples
