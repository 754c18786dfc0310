// Moved copies of images: what each move does, and that the seed decides.
#include <doctest/doctest.h>

#include "common/moved_images.hpp"

using namespace eigengrad;
using examples::moved_images;
using examples::Moves;

namespace {

Tensor blob() {  // one image of 9x9 with one bright pixel right of the centre
  Tensor image = Tensor::zeros({1, 9, 9, 1});
  image.mutable_at(0, 4, 6, 0) = 1;
  return image;
}

/// Centre of mass relative to the centre of the image, {x, y}.
std::pair<double, double> centre(const Tensor& image, Index i) {
  double mass = 0, mx = 0, my = 0;
  for (Index y = 0; y < 9; ++y)
    for (Index x = 0; x < 9; ++x) {
      const double v = image(i, y, x, 0);
      mass += v, mx += v * static_cast<double>(x - 4), my += v * static_cast<double>(y - 4);
    }
  return {mx / mass, my / mass};
}

}  // namespace

TEST_CASE("moved images: without moves they stay as they are") {
  Rng rng(1);
  const Tensor images = Rng(2).uniform<float>({3, 9, 7, 1}, 0, 1);
  const Tensor copy = moved_images(images, {0, 0, 0, 0}, rng);
  CHECK((copy.array() == images.array()).all());
}

TEST_CASE("moved images: a shift moves the centre of mass within its limit, and all of the mass stays") {
  Tensor images = Tensor::zeros({200, 9, 9, 1});
  for (Index i = 0; i < 200; ++i) images.mutable_at(i, 4, 4, 0) = 1;
  Rng rng(1);
  const Tensor moved = moved_images(images, {0, 0, 0, 2}, rng);
  double widest = 0, sum = 0;
  for (Index i = 0; i < 200; ++i) {
    const auto [x, y] = centre(moved, i);
    CHECK(std::max(std::abs(x), std::abs(y)) <= 2.0001);
    widest = std::max(widest, std::abs(x));
    sum += x;
  }
  CHECK(widest > 1.8);
  CHECK(std::abs(sum / 200) < 4 * 2 / std::sqrt(3.0 * 200));
  CHECK(moved.array().sum() == doctest::Approx(200));
}

TEST_CASE("moved images: a rotation keeps the distance from the centre, a scale changes it") {
  Rng rng(3);
  bool turned = false, scaled = false;
  for (int i = 0; i < 50; ++i) {
    const auto [x, y] = centre(moved_images(blob(), {0.5, 0, 0, 0}, rng), 0);
    CHECK(std::hypot(x, y) == doctest::Approx(2).epsilon(0.15));
    turned |= std::abs(y) > 0.5;
    const auto [sx, sy] = centre(moved_images(blob(), {0, 0.3, 0, 0}, rng), 0);
    CHECK(std::abs(sy) < 1e-5);
    CHECK(sx >= 2 / 1.3 - 0.1);
    CHECK(sx <= 2 / 0.7 + 0.1);
    scaled |= std::abs(sx - 2) > 0.3;
  }
  CHECK(turned);
  CHECK(scaled);
}

TEST_CASE("moved images: a shear moves rows against each other") {
  Tensor image = Tensor::zeros({1, 9, 9, 1});
  image.mutable_at(0, 1, 4, 0) = image.mutable_at(0, 7, 4, 0) = 1;
  Rng rng(5);
  double farthest = 0;
  for (int i = 0; i < 50; ++i) {
    const Tensor moved = moved_images(image, {0, 0, 0.5, 0}, rng);
    double top = 0, bottom = 0;
    for (Index x = 0; x < 9; ++x)
      top += moved(0, 1, x, 0) * static_cast<float>(x - 4),
          bottom += moved(0, 7, x, 0) * static_cast<float>(x - 4);
    CHECK(top == doctest::Approx(-bottom).epsilon(1e-4));
    farthest = std::max(farthest, std::abs(top));
  }
  CHECK(farthest > 1);
}

TEST_CASE("moved images: the seed decides, the number of threads does not; float and double agree") {
  const Tensor images = Rng(2).uniform<float>({40, 28, 28, 1}, 0, 1);
  const BasicTensor<double> wide(images.shape(),
                                 std::vector<double>(images.data(), images.data() + images.size()));
  Rng a(7), b(7), c(8), d(7);
  const Tensor first = moved_images(images, {}, a), other = moved_images(images, {}, c);
  const int threads = thread_count();
  set_thread_count(1);
  const Tensor second = moved_images(images, {}, b);
  set_thread_count(threads);
  CHECK((first.array() == second.array()).all());
  CHECK((first.array() != other.array()).any());
  const auto exact = moved_images(wide, {}, d);
  CHECK((first.array().cast<double>() - exact.array()).abs().maxCoeff() < 1e-4);
}
