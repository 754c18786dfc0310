#include "eigengrad/core/shape.hpp"

#include <doctest/doctest.h>

using namespace eigengrad;

TEST_CASE("a shape knows its extents, its size and its matrix view") {
  const Shape shape{2, 3, 4};
  CHECK(shape.rank() == 3);
  CHECK(shape.size() == 24);
  CHECK(shape.rows() == 6);
  CHECK(shape.features() == 4);
  CHECK(shape[0] == 2);
  CHECK(shape[-1] == 4);
  CHECK(shape.normalize_axis(-3) == 0);
  CHECK(to_string(shape) == "[2, 3, 4]");
  CHECK(Shape{}.size() == 1);
  CHECK(Shape{}.rows() == 1);
  CHECK(Shape{}.features() == 1);
  CHECK(to_string(Shape{}) == "[]");
  CHECK(Shape{5, 0, 2}.size() == 0);
  CHECK(Shape{5}.rows() == 1);
}

TEST_CASE("shapes are equal when all extents are") {
  CHECK(Shape{2, 3} == Shape{2, 3});
  CHECK(Shape{2, 3} != Shape{3, 2});
  CHECK(Shape{2} != Shape{2, 1});
  CHECK(Shape{} == Shape{});
}

TEST_CASE("shapes that cannot be are refused") {
  CHECK_THROWS_WITH_AS((Shape{2, -1}), "Shape: extent is -1; extents must not be negative", Error);
  CHECK_THROWS_WITH_AS((Shape{1, 1, 1, 1, 1, 1, 1, 1, 1}), "Shape: rank is 9; at most 8 axes are supported",
                       Error);
  const Index huge = Index{1} << 40;
  CHECK_THROWS_WITH_AS((Shape{huge, huge}),
                       "Shape: the number of elements overflows at extent 1099511627776", Error);
  CHECK_THROWS_AS((Shape{huge, 1 << 19}), Error);
  const Shape shape{2, 3};
  CHECK_THROWS_WITH_AS(shape[2], "axis 2 is out of range for a tensor of rank 2", Error);
  CHECK_THROWS_WITH_AS(shape[-3], "axis -3 is out of range for a tensor of rank 2", Error);
  CHECK_THROWS_AS(Shape{}[0], Error);
}

TEST_CASE("broadcasting aligns at the last axis") {
  CHECK(broadcast_shape("f", {2, 3}, {3}) == Shape{2, 3});
  CHECK(broadcast_shape("f", {4, 1, 3}, {2, 1}) == Shape{4, 2, 3});
  CHECK(broadcast_shape("f", {}, {2, 2}) == Shape{2, 2});
  CHECK(broadcast_shape("f", {1}, {0}) == Shape{0});
  CHECK(broadcasts_to({3}, {2, 3}));
  CHECK(broadcasts_to({2, 1}, {2, 3}));
  CHECK(broadcasts_to({}, {}));
  CHECK_FALSE(broadcasts_to({2, 3}, {3}));
  CHECK_FALSE(broadcasts_to({2}, {2, 3}));
  CHECK_THROWS_WITH_AS(broadcast_shape("f", {2, 3}, {2}),
                       "f: a is [2, 3], b is [2]; extents must be equal or 1, aligned at the last axis", Error);
}
