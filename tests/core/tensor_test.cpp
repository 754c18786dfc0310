#include "eigengrad/core/tensor.hpp"

#include <doctest/doctest.h>

#include <utility>

using namespace eigengrad;

template <class X>
concept has_values = requires(X x) { std::forward<X>(x).values(); };

TEST_CASE("tensors are made from values, constants and Eigen expressions") {
  const Tensor x({2, 3}, {1, 2, 3, 4, 5, 6});
  CHECK(x(0, 2) == 3);
  CHECK(x(1, 0) == 4);
  CHECK(x.matrix()(1, 2) == 6);
  CHECK(x.array().sum() == 21);
  CHECK(Tensor::zeros({2}).array().abs().sum() == 0);
  CHECK(Tensor::full({2}, 2.5)(1) == 2.5f);
  CHECK(Tensor::scalar(3).item() == 3);
  CHECK(Tensor::arange(4)(3) == 3);
  CHECK(Tensor().shape() == Shape{0});

  const Tensor column(Eigen::VectorXd::LinSpaced(3, 0, 1));
  CHECK(column.shape() == Shape{3});
  CHECK(column(1) == 0.5f);
  const Eigen::Matrix2d m = (Eigen::Matrix2d() << 1, 2, 3, 4).finished();
  const Tensor matrix(m.transpose() * 2);
  CHECK(matrix.shape() == Shape{2, 2});
  CHECK(matrix(0, 1) == 6);
  CHECK(x.cast<double>()(1, 1) == 5.0);
  CHECK_THROWS_WITH_AS(Tensor({2, 2}, {1, 2, 3}),
                       "Tensor: shape [2, 2] has 4 elements, but 3 values are given", Error);
}

TEST_CASE("a copy is never changed behind its back") {
  Tensor x({3}, {1, 2, 3});
  Tensor y = x;
  CHECK(y.data() == x.data());
  CHECK_FALSE(x.owns_buffer());
  y.mutable_at(0) = 9;
  CHECK(x(0) == 1);
  CHECK(y(0) == 9);
  CHECK(x.owns_buffer());
  const float* const before = x.data();
  x.mutable_array() += 1;  // owned: written in place
  CHECK(x.data() == before);
  CHECK(x(2) == 4);
  Tensor row = x.reshape({1, 3});
  row.mutable_matrix()(0, 0) = 7;
  CHECK(x(0) == 2);
  Tensor z = x.clone();
  CHECK(z.data() != x.data());
}

TEST_CASE("values of a tensor that dies at the end of the line cannot be kept") {
  CHECK_FALSE(has_values<Tensor>);
  CHECK(has_values<Tensor&>);
  CHECK(has_values<const Tensor&>);
}

TEST_CASE("reshape keeps the values and infers one extent") {
  const Tensor x = Tensor::arange(12);
  CHECK(x.reshape({3, 4})(2, 1) == 9);
  CHECK(x.reshape({2, -1, 2}).shape() == Shape{2, 3, 2});
  CHECK(x.reshape({3, 4}).data() == x.data());
  CHECK(Tensor::zeros({0, 3}).reshape({3, -1}).shape() == Shape{3, 0});
  CHECK(Tensor::scalar(1).reshape({1, 1}).shape() == Shape{1, 1});
  CHECK_THROWS_WITH_AS(x.reshape({5, -1}), "reshape: [12] has 12 elements, [5, 2] has 10", Error);
  CHECK_THROWS_WITH_AS(x.reshape({-1, -1}), "reshape: more than one extent is -1", Error);
  CHECK_THROWS_AS(x.reshape({-2, -6}), Error);
  const Index huge = Index{1} << 40;
  CHECK_THROWS_WITH_AS(x.reshape({huge, huge, -1}), "reshape: the number of elements overflows", Error);
}

TEST_CASE("elements are reached by as many indices as axes, inside the shape") {
  const Tensor x = Tensor::zeros({2, 3});
  CHECK_THROWS_WITH_AS(x(1), "Tensor: 1 indices for shape [2, 3]", Error);
  CHECK_THROWS_WITH_AS(x(1, 3), "Tensor: index 3 is out of range on axis 1 of shape [2, 3]", Error);
  CHECK_THROWS_WITH_AS(x(-1, 0), "Tensor: index -1 is out of range on axis 0 of shape [2, 3]", Error);
  CHECK_THROWS_WITH_AS(x.item(), "item: the tensor is [2, 3]; it must have exactly one element", Error);
  CHECK_THROWS_AS(Tensor().item(), Error);
}
