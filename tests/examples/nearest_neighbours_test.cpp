// Nearest neighbours of images against the definition.
#include <algorithm>
#include <numeric>
#include <set>

#include <doctest/doctest.h>

#include "common/nearest_neighbours.hpp"
#include "common/synthetic_digits.hpp"

using namespace eigengrad;

TEST_CASE("nearest neighbours: of drawn digits, mostly the same digit, never itself, none twice") {
  const examples::SyntheticDigits digits = examples::synthetic_digits(1200, 3);
  constexpr Index k = 5;
  const auto neighbours = examples::nearest_neighbours(digits.images, k);
  REQUIRE(neighbours.size() == 1200 * k);
  Index same = 0;
  for (Index i = 0; i < 1200; ++i) {
    std::set<std::int32_t> different;
    for (Index j = 0; j < k; ++j) {
      const std::int32_t neighbour = neighbours[static_cast<std::size_t>(i * k + j)];
      different.insert(neighbour);
      same +=
          digits.labels[static_cast<std::size_t>(neighbour)] == digits.labels[static_cast<std::size_t>(i)];
    }
    CHECK(different.size() == k);
    CHECK(!different.contains(static_cast<std::int32_t>(i)));
  }
  CHECK(static_cast<double>(same) / (1200 * k) > 0.9);
}

TEST_CASE("nearest neighbours: a shifted and slanted copy is the nearest") {
  // Four bars; image 4 is bar 0 three pixels to the right, image 5 is bar 1 under a shear.
  std::vector<std::uint8_t> bytes(6 * 28 * 28, 0);
  const auto set = [&](Index image, Index y, Index x) {
    bytes[static_cast<std::size_t>((image * 28 + y) * 28 + x)] = 255;
  };
  for (Index t = 6; t < 22; ++t)
    for (Index w = 0; w < 3; ++w) {
      set(0, t, 10 + w), set(4, t, 13 + w);                                           // upright
      set(1, t, 8 + w), set(1, 20, t), set(5, t, 13 + w - t / 4), set(5, 20, t - 1);  // an L
      set(2, 10 + w, t);                                                              // level
      set(3, 10 + w, t), set(3, 16 + w, t);                                           // two levels
    }
  const auto neighbours = examples::nearest_neighbours(ByteImages({6, 28, 28, 1}, bytes), 1);
  CHECK(neighbours[0] == 4);
  CHECK(neighbours[4] == 0);
  CHECK(neighbours[1] == 5);
  CHECK(neighbours[5] == 1);
}

TEST_CASE("nearest neighbours: gradients are distributed over place and orientation as drawn") {
  // Image 0 is bright from its middle to the right, image 1 the same half as bright, image 2 from its middle
  // down; image 3 is blank.
  std::vector<std::uint8_t> bytes(4 * 28 * 28, 0);
  for (Index y = 0; y < 28; ++y)
    for (Index x = 0; x < 28; ++x) {
      const auto pixel = static_cast<std::size_t>(y * 28 + x);
      if (x >= 14) bytes[pixel] = 200, bytes[784 + pixel] = 100;
      if (y >= 14) bytes[2 * 784 + pixel] = 200;
    }
  const ByteImages images({4, 28, 28, 1}, bytes);
  const Tensor points = examples::detail::gradient_distributions(images);
  REQUIRE(points.shape() == Shape{4, 7 * 7 * 12});
  for (Index i = 0; i < 3; ++i) CHECK(points.matrix().row(i).squaredNorm() == doctest::Approx(1));
  CHECK(points.matrix().row(3).squaredNorm() == 0);
  CHECK((points.matrix().row(0) - points.matrix().row(1)).norm() < 1e-4);
  const auto share = [&](Index i, Index orientation) {
    double sum = 0;
    for (Index place = 0; place < 49; ++place) sum += std::pow(points(i, place * 12 + orientation), 2);
    return sum;
  };
  // Straightening moves the bright half to the middle: it begins and ends. Orientations run from -x round to
  // -x: along x is number 6 of 12, against it 0, along y a quarter turn on.
  CHECK(share(0, 6) == doctest::Approx(0.5));
  CHECK(share(0, 0) == doctest::Approx(0.5));
  CHECK(share(2, 9) == doctest::Approx(0.5));
  CHECK(share(2, 3) == doctest::Approx(0.5));
}

TEST_CASE("nearest neighbours: a gradient is shared by the cells and orientations that it lies between") {
  Tensor image = Tensor::zeros({12, 12});
  const auto pixel = [&](Index y, Index x) -> float& { return image.mutable_data()[y * 12 + x]; };
  // Four gradients, of pixels (5, 4), (3, 4) and, towards the other side, (4, 5), (4, 3).
  pixel(4, 4) = 1;
  std::vector<float> histogram(9 * 12);
  examples::detail::add_gradients(image, histogram.data());
  const auto bin = [&](Index row, Index column, Index orientation) {
    return static_cast<double>(histogram[static_cast<std::size_t>((row * 3 + column) * 12 + orientation)]);
  };
  CHECK(std::accumulate(histogram.begin(), histogram.end(), 0.0) == doctest::Approx(4));
  // Centres of cells lie at 1.5, 5.5, 9.5. (4, 3) has a gradient along x, 5/8 of row 1, 3/8 of column 1.
  CHECK(bin(1, 1, 6) == doctest::Approx(5.0 / 8 * 3 / 8));
  CHECK(bin(1, 0, 6) == doctest::Approx(5.0 / 8 * 5 / 8));
  CHECK(bin(0, 0, 6) == doctest::Approx(3.0 / 8 * 5 / 8));
  // (3, 4): along y, 3/8 of row 1, 5/8 of column 1; (5, 4): against y, 7/8 of row 1.
  CHECK(bin(1, 1, 9) == doctest::Approx(3.0 / 8 * 5 / 8));
  CHECK(bin(1, 1, 3) == doctest::Approx(7.0 / 8 * 5 / 8));
  CHECK(bin(2, 1, 6) == 0);

  // Between two orientations: a gradient of an eighth of a turn, 7.5 of 12.
  image = Tensor::zeros({12, 12});
  for (Index y = 0; y < 12; ++y)
    for (Index x = 0; x < 12; ++x) pixel(y, x) = static_cast<float>(x + y);
  std::fill(histogram.begin(), histogram.end(), 0.0f);
  examples::detail::add_gradients(image, histogram.data());
  CHECK(bin(1, 1, 7) > 0);
  CHECK(bin(1, 1, 8) == doctest::Approx(bin(1, 1, 7)));
  CHECK(bin(1, 1, 6) == 0);
}

TEST_CASE("nearest neighbours: more than there are is an error") {
  const examples::SyntheticDigits digits = examples::synthetic_digits(5, 1);
  CHECK(examples::nearest_neighbours(digits.images, 4).size() == 20);
  CHECK_THROWS_WITH_AS(examples::nearest_neighbours(digits.images, 5),
                       "nearest neighbours: 5 of 5 images are wanted; 4 is the most", Error);
}

TEST_CASE("squared distances are those of the definition, over several blocks") {
  Rng rng(1);
  const Tensor points = rng.normal<float>({230, 3}), centres = rng.normal<float>({41, 3});
  std::vector<int> visits(230, 0);
  double worst = 0;
  examples::for_each_squared_distances(points, centres, 0, [&](Index i, const float* squares) {
    ++visits[static_cast<std::size_t>(i)];  // rows differ, and so little work stays on one thread
    for (Index j = 0; j < 41; ++j) {
      double expected = 0;
      for (Index d = 0; d < 3; ++d) expected += std::pow(points(i, d) - centres(j, d), 2);
      worst = std::max(worst, std::abs(static_cast<double>(squares[j]) - expected));
    }
  });
  CHECK(worst < 1e-5);
  CHECK(std::count(visits.begin(), visits.end(), 1) == 230);
}
