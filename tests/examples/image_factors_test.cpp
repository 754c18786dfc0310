#include "common/image_factors.hpp"

#include <doctest/doctest.h>

#include <algorithm>

namespace examples {

namespace {

constexpr Index size = 28;

struct Image {
  std::vector<float> pixels = std::vector<float>(size * size, 0);

  float& at(Index y, Index x) { return pixels[static_cast<std::size_t>(y * size + x)]; }
  std::optional<ImageFactors> factors() const { return measure_factors(pixels.data(), size, size); }
};

/// A stroke `width` pixels wide from row 4 to row 23, its left edge at 13 + slant (row - 14), grey at its
/// edges where that lies between pixels.
Image stroke(double slant, double width, float ink = 1) {
  Image image;
  for (Index y = 4; y < 24; ++y) {
    const double left = 13 + slant * static_cast<double>(y - 14), right = left + width;
    for (Index x = 0; x < size; ++x) {
      const auto begin = static_cast<double>(x);
      image.at(y, x) =
          ink * static_cast<float>(std::clamp(std::min(right, begin + 1) - std::max(left, begin), 0.0, 1.0));
    }
  }
  return image;
}

std::size_t count(const std::vector<unsigned char>& image) {
  return static_cast<std::size_t>(std::count(image.begin(), image.end(), 1));
}

}  // namespace

TEST_CASE("slant is pixels to the right for each pixel down") {
  for (double slant : {-1.0, 0.0, 1.0})  // whole pixels: exact
    CHECK(stroke(slant, 3).factors()->slant == doctest::Approx(slant).epsilon(1e-6));
  for (double slant : {-0.6, -0.25, 0.1, 0.5})
    CHECK(stroke(slant, 3).factors()->slant == doctest::Approx(slant).epsilon(0.01));
}

TEST_CASE("slant depends neither on place nor on brightness") {
  const double slant = stroke(0.3, 2).factors()->slant;
  CHECK(stroke(0.3, 2, 0.7F).factors()->slant == doctest::Approx(slant).epsilon(1e-5));
  const Image image = stroke(0.3, 2);
  Image moved;
  for (Index y = 2; y < size; ++y)
    for (Index x = 0; x + 3 < size; ++x)
      moved.at(y - 2, x + 3) = image.pixels[static_cast<std::size_t>(y * size + x)];
  CHECK(moved.factors()->slant == doctest::Approx(slant).epsilon(1e-5));
}

TEST_CASE("stroke width is ink divided by skeleton pixels") {
  CHECK(stroke(0, 1).factors()->stroke_width == 1);
  CHECK(stroke(1, 1).factors()->stroke_width == 1);
  CHECK(stroke(0, 1, 0.75F).factors()->stroke_width == 0.75);
  double previous = 1;
  for (double width : {2.0, 3.0, 4.0, 5.0}) {  // thinning shortens a stroke's ends by up to half its width
    const double measured = stroke(0, width).factors()->stroke_width;
    CHECK(measured >= width);
    CHECK(measured <= width * 20 / (20 - width));
    CHECK(measured > previous);
    previous = measured;
  }
}

TEST_CASE("thinning leaves one row of a bar, keeps a ring closed, and leaves thin lines alone") {
  std::vector<unsigned char> bar(9 * 20, 0);
  for (std::size_t y = 3; y < 6; ++y)
    for (std::size_t x = 2; x < 18; ++x) bar[y * 20 + x] = 1;
  thin(bar, 9, 20);
  for (std::size_t i = 0; i < bar.size(); ++i) CHECK((bar[i] == 0 || i / 20 == 4));
  CHECK(count(bar) >= 13);

  std::vector<unsigned char> ring(size * size, 0);
  for (Index y = 0; y < size; ++y)
    for (Index x = 0; x < size; ++x) {
      const double radius = std::hypot(static_cast<double>(y) - 13.5, static_cast<double>(x) - 13.5);
      ring[static_cast<std::size_t>(y * size + x)] = radius > 6 && radius < 10;
    }
  const std::size_t thick = count(ring);
  thin(ring, size, size);
  CHECK(count(ring) < thick / 3);
  for (Index y = 1; y + 1 < size; ++y)  // no end anywhere: every pixel has a neighbour on either side
    for (Index x = 1; x + 1 < size; ++x) {
      if (!ring[static_cast<std::size_t>(y * size + x)]) continue;
      int neighbours = -1;
      for (Index dy : {-1, 0, 1})
        for (Index dx : {-1, 0, 1}) neighbours += ring[static_cast<std::size_t>((y + dy) * size + x + dx)];
      CHECK(neighbours >= 2);
    }
  const auto before = ring;
  thin(ring, size, size);
  CHECK(ring == before);
}

TEST_CASE("ink that touches the border is measured too") {
  Image image;
  for (Index y = 0; y < size; ++y) image.at(y, 0) = 1;
  CHECK(image.factors()->slant == 0);
  CHECK(image.factors()->stroke_width == 1);
}

TEST_CASE("an image without ink, too faint, of one row, or not finite has no factors") {
  CHECK_FALSE(Image().factors());
  CHECK_FALSE(stroke(0, 3, 0.4F).factors());
  Image row;
  for (Index x = 3; x < 20; ++x) row.at(5, x) = 1;
  CHECK_FALSE(row.factors());
  Image broken = stroke(0, 3);
  broken.at(9, 9) = std::numeric_limits<float>::quiet_NaN();
  CHECK_FALSE(broken.factors());
  CHECK_FALSE(measure_factors<float>(nullptr, 0, 0));
}

TEST_CASE("correlation") {
  const std::vector<double> x = {1, 2, 3, 4}, up = {3, 5, 7, 9}, down = {1, 0, -1, -2}, flat(4, 2.0);
  CHECK(correlation(x, up) == doctest::Approx(1));
  CHECK(correlation(x, down) == doctest::Approx(-1));
  CHECK(correlation(x, std::vector<double>{1, -1, -1, 1}) == doctest::Approx(0));
  CHECK(correlation(x, std::vector<double>{1, 3, 2, 4}) == doctest::Approx(0.8));
  CHECK(std::isnan(correlation(x, flat)));
  CHECK(std::isnan(correlation({}, {})));
  CHECK_THROWS_WITH_AS(correlation(x, {}), "correlation: 4 and 0 values; they must be pairs",
                       eigengrad::Error);
}

TEST_CASE(
    "a code that orders each class exactly correlates by 1 only where classes are alike and values even") {
  std::vector<double> even, shifted, skewed;
  std::vector<Index> classes;
  for (int i = 0; i < 200; ++i) {
    const Index digit = i % 2;
    classes.push_back(digit);
    even.push_back(i / 2);
    shifted.push_back(i / 2 + 100 * static_cast<double>(digit));
    skewed.push_back(std::exp(i / 20));
  }
  CHECK(examples::exact_code_correlation(even, classes) == doctest::Approx(1));
  // Half of the variance of a shift by the whole range lies between the classes: 1 / sqrt(1 + 3).
  CHECK(examples::exact_code_correlation(shifted, classes) == doctest::Approx(0.5).epsilon(1e-3));
  CHECK(examples::exact_code_correlation(skewed, classes) < 0.8);
  CHECK_THROWS_AS(examples::exact_code_correlation(even, {}), eigengrad::Error);
}

}  // namespace examples
