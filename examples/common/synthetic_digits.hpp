/// Digits that the program draws itself: strokes with random slant and width, whose true factors are known.
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <span>
#include <vector>

#include "eigengrad/core/parallel.hpp"
#include "eigengrad/core/random.hpp"
#include "eigengrad/core/tensor.hpp"
#include "eigengrad/io/idx.hpp"

namespace examples {

/// Images [N, 28, 28, 1], bright on dark, with the factors each was drawn from.
struct SyntheticDigits {
  eigengrad::ByteImages images;
  std::vector<eigengrad::Index> labels;
  std::vector<float> slants;  ///< x shift per unit of height, > 0 leans to the right; uniform in [-0.4, 0.5]
  std::vector<float> widths;  ///< of the stroke, in pixels; uniform in [1.5, 4]
};

namespace detail {

struct Point {
  float x, y;
};

/// A smooth curve through its points (Catmull-Rom), or a chain of straight lines.
struct Stroke {
  bool smooth;
  std::span<const Point> points;
};

inline constexpr std::size_t max_points = 16;  // of one digit, over all strokes

/// The strokes of a digit of height 1 around the origin, x to the right, y down.
inline std::span<const Stroke> strokes_of(eigengrad::Index digit) {
  static constexpr Point zero[] = {{0, -.5f},   {-.2f, -.36f}, {-.27f, 0},   {-.2f, .36f}, {0, .5f},
                                   {.2f, .36f}, {.27f, 0},     {.2f, -.36f}, {0, -.5f}};
  static constexpr Point one[] = {{-.13f, -.32f}, {.03f, -.5f}, {.03f, .5f}};
  static constexpr Point two_bow[] = {{-.26f, -.28f}, {-.15f, -.45f}, {.04f, -.5f},
                                      {.24f, -.34f},  {.17f, -.06f},  {-.28f, .48f}};
  static constexpr Point two_foot[] = {{-.28f, .48f}, {.29f, .48f}};
  static constexpr Point three_top[] = {
      {-.25f, -.42f}, {0, -.5f}, {.22f, -.36f}, {.16f, -.12f}, {-.08f, -.04f}};
  static constexpr Point three_foot[] = {
      {-.08f, -.04f}, {.2f, .06f}, {.27f, .27f}, {.06f, .49f}, {-.28f, .38f}};
  static constexpr Point four_bow[] = {{.06f, -.5f}, {-.3f, .14f}, {.31f, .14f}};
  static constexpr Point four_stem[] = {{.13f, -.22f}, {.13f, .5f}};
  static constexpr Point five_top[] = {{.26f, -.48f}, {-.18f, -.48f}, {-.22f, -.06f}};
  static constexpr Point five_bow[] = {{-.22f, -.06f}, {.03f, -.14f}, {.26f, .04f},
                                       {.24f, .31f},   {0, .49f},     {-.27f, .4f}};
  static constexpr Point six[] = {{.17f, -.5f}, {-.1f, -.28f}, {-.25f, .1f}, {-.19f, .4f}, {.02f, .5f},
                                  {.23f, .35f}, {.21f, .11f},  {.02f, .01f}, {-.22f, .18f}};
  static constexpr Point seven[] = {{-.27f, -.46f}, {.27f, -.46f}, {-.06f, .5f}};
  static constexpr Point eight[] = {{.22f, -.34f}, {0, -.5f},     {-.22f, -.32f}, {-.1f, -.09f},
                                    {.15f, .08f},  {.25f, .29f},  {0, .5f},       {-.25f, .29f},
                                    {-.15f, .08f}, {.12f, -.09f}, {.22f, -.34f}};
  static constexpr Point nine[] = {{.22f, -.24f}, {.02f, -.02f}, {-.21f, -.15f}, {-.18f, -.39f},
                                   {.03f, -.5f},  {.22f, -.32f}, {.21f, .05f},   {.08f, .5f}};
  static constexpr Stroke strokes[] = {
      {true, zero},       {false, one},      {true, two_bow},    {false, two_foot}, {true, three_top},
      {true, three_foot}, {false, four_bow}, {false, four_stem}, {false, five_top}, {true, five_bow},
      {true, six},        {false, seven},    {true, eight},      {true, nine}};
  static constexpr std::size_t first[] = {0, 1, 2, 4, 6, 8, 10, 11, 12, 13, 14};
  const auto d = static_cast<std::size_t>(digit);
  return std::span(strokes).subspan(first[d], first[d + 1] - first[d]);
}

/// How one digit is drawn: the random numbers of an image, all uniform in [0, 1) but the jitter, which is
/// normal.
struct Pose {
  float slant, width, scale, shift_x, shift_y;
  std::span<const float> jitter;  // two for each point

  /// The place in the image, in pixels, of point i of the digit.
  Point place(Point point, std::size_t i) const {
    const float height = 19 * scale, x = point.x + 0.02f * jitter[2 * i],
                y = point.y + 0.02f * jitter[2 * i + 1];
    return {13.5f + shift_x + height * (x - slant * y), 13.5f + shift_y + height * y};
  }
};

/// One image as squared distances to the nearest stroke, turned into brightness at the end.
class Canvas {
 public:
  static constexpr int side = 28;

  explicit Canvas(float width) : radius_(width / 2) { squared_.fill(1e6f); }

  void line(Point a, Point b) {
    const float reach = radius_ + 1;
    const int left = first_pixel(std::min(a.x, b.x) - reach), right = last_pixel(std::max(a.x, b.x) + reach);
    const int top = first_pixel(std::min(a.y, b.y) - reach), bottom = last_pixel(std::max(a.y, b.y) + reach);
    const float dx = b.x - a.x, dy = b.y - a.y, inverse = 1 / std::max(dx * dx + dy * dy, 1e-12f);
    for (int y = top; y <= bottom; ++y) {
      for (int x = left; x <= right; ++x) {
        const float px = static_cast<float>(x) - a.x, py = static_cast<float>(y) - a.y;
        const float along = std::clamp((px * dx + py * dy) * inverse, 0.0f, 1.0f);
        const float ex = px - along * dx, ey = py - along * dy;
        float& squared = squared_[static_cast<std::size_t>(y * side + x)];
        squared = std::min(squared, ex * ex + ey * ey);
      }
    }
  }

  /// The Catmull-Rom curve from b to c between the neighbours a and d, as five lines.
  void curve(Point a, Point b, Point c, Point d) {
    const auto at = [](float p, float q, float r, float s, float t) {
      return q + t / 2 * (r - p + t * (2 * p - 5 * q + 4 * r - s + t * (3 * (q - r) + s - p)));
    };
    Point from = b;
    for (int step = 1; step <= 5; ++step) {
      const float t = static_cast<float>(step) / 5;
      const Point to{at(a.x, b.x, c.x, d.x, t), at(a.y, b.y, c.y, d.y, t)};
      line(from, to);
      from = to;
    }
  }

  /// Full inside the stroke, none outside, linear over the one pixel in which the edge lies.
  void write(std::uint8_t* values) const {
    for (std::size_t i = 0; i < squared_.size(); ++i)
      values[i] = static_cast<std::uint8_t>(
          std::lround(255 * std::clamp(radius_ + 0.5f - std::sqrt(squared_[i]), 0.0f, 1.0f)));
  }

 private:
  static int first_pixel(float x) { return std::clamp(static_cast<int>(std::ceil(x)), 0, side); }
  static int last_pixel(float x) { return std::clamp(static_cast<int>(std::floor(x)), -1, side - 1); }

  float radius_;
  std::array<float, side * side> squared_;
};

inline void draw_digit(eigengrad::Index digit, const Pose& pose, std::uint8_t* values) {
  Canvas canvas(pose.width);
  std::size_t first = 0;  // of the stroke's points among those of the digit
  for (const Stroke& stroke : strokes_of(digit)) {
    const std::size_t last = stroke.points.size() - 1;
    const bool closed =
        stroke.points[0].x == stroke.points[last].x && stroke.points[0].y == stroke.points[last].y;
    const auto point = [&](std::size_t i) {
      return pose.place(stroke.points[i], first + (closed && i == last ? 0 : i));
    };
    for (std::size_t i = 0; i < last; ++i) {
      const Point before = i > 0 ? point(i - 1) : closed ? point(last - 1) : point(0);
      const Point after = i + 2 <= last ? point(i + 2) : closed ? point(1) : point(last);
      if (stroke.smooth)
        canvas.curve(before, point(i), point(i + 1), after);
      else
        canvas.line(point(i), point(i + 1));
    }
    first += stroke.points.size();
  }
  canvas.write(values);
}

}  // namespace detail

/// Draws `count` digits; the same numbers for the same seed. Classes, slant and stroke width are independent
/// of each other and of the small shift, scale and unsteadiness of the hand that are not told. Throws for
/// count < 0.
inline SyntheticDigits synthetic_digits(eigengrad::Index count, std::uint64_t seed) {
  using eigengrad::Index;
  eigengrad::Rng rng(seed);
  const auto labels = rng.categorical(count, 10);
  const eigengrad::Tensor pose = rng.uniform({count, 5}, 0, 1);
  const eigengrad::Tensor jitter = rng.normal({count, 2 * Index{detail::max_points}});
  SyntheticDigits digits{{}, {labels.begin(), labels.end()}, {}, {}};
  for (Index n = 0; n < count; ++n) {
    digits.slants.push_back(-0.4f + 0.9f * pose.data()[5 * n]);
    digits.widths.push_back(1.5f + 2.5f * pose.data()[5 * n + 1]);
  }
  std::vector<std::uint8_t> images(static_cast<std::size_t>(count * 28 * 28));
  eigengrad::parallel_for(count, static_cast<double>(count) * 1e4, [&](Index n) {
    const float* u = pose.data() + 5 * n;
    const auto i = static_cast<std::size_t>(n);
    detail::draw_digit(
        labels[i],
        {digits.slants[i], digits.widths[i], 0.85f + 0.25f * u[2], 3 * u[3] - 1.5f, 3 * u[4] - 1.5f,
         jitter.values().subspan(i * 2 * detail::max_points, 2 * detail::max_points)},
        images.data() + n * 28 * 28);
  });
  digits.images = {{count, 28, 28, 1}, std::move(images)};
  return digits;
}

}  // namespace examples
