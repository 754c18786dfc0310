#include "eigengrad/kernels/layout.hpp"

#include <numeric>

#include "kernels/kernel_test.hpp"

using namespace eigengrad;
using namespace kernel_test;

namespace {

using Indices = std::vector<Index>;

/// y of `shape`, every element from the place in x that `source` maps its indices to.
template <class T, class Source>
BasicTensor<T> naive_layout(const BasicTensor<T>& x, const Shape& shape, Source source) {
  BasicTensor<T> y = BasicTensor<T>::uninitialized(shape);
  for (Index i = 0; i < y.size(); ++i) {
    const auto at = source(indices_at(shape, i));
    Index offset = 0;
    for (int axis = 0; axis < x.rank(); ++axis)
      offset = offset * x.shape()[axis] + at[static_cast<std::size_t>(axis)];
    y.mutable_data()[i] = x.data()[offset];
  }
  return y;
}

template <class T>
BasicTensor<T> naive_transpose(const BasicTensor<T>& x, const std::vector<int>& permutation) {
  Shape shape;
  for (int axis : permutation) shape.push_back(x.shape()[axis]);
  return naive_layout(x, shape, [&](auto at) {
    auto from = at;
    for (std::size_t k = 0; k < permutation.size(); ++k)
      from[static_cast<std::size_t>(x.shape().normalize_axis(permutation[k]))] = at[k];
    return from;
  });
}

Shape with(const Shape& shape, int axis, Index extent) {
  Shape result;
  for (int i = 0; i < shape.rank(); ++i) result.push_back(i == axis ? extent : shape[i]);
  return result;
}

template <class T>
BasicTensor<T> naive_gather(const BasicTensor<T>& x, const Indices& indices, int axis) {
  const auto k = static_cast<std::size_t>(axis);
  return naive_layout(x, with(x.shape(), axis, static_cast<Index>(indices.size())), [&](auto at) {
    at[k] = indices[static_cast<std::size_t>(at[k])];
    return at;
  });
}

Indices range(Index begin, Index end) {
  Indices indices(static_cast<std::size_t>(end - begin));
  std::iota(indices.begin(), indices.end(), begin);
  return indices;
}

Indices random_indices(std::mt19937& generator, Index count, Index extent) {
  Indices indices(static_cast<std::size_t>(count));
  for (Index& index : indices) index = random_index(generator, 0, extent - 1);
  return indices;
}

}  // namespace

TEST_CASE_TEMPLATE("transpose: every order of axes", T, float, double) {
  const Poison poison;
  std::mt19937 generator(1);
  for (int trial = 0; trial < 200; ++trial) {
    const BasicTensor<T> x =
        random<T>(generator, random_shape(generator, 0, trial % 10 == 0 ? 8 : 5, trial % 10 == 0 ? 3 : 7));
    std::vector<int> permutation(static_cast<std::size_t>(x.rank()));
    std::iota(permutation.begin(), permutation.end(), 0);
    std::shuffle(permutation.begin(), permutation.end(), generator);
    const BasicTensor<T> y = naive_transpose(x, permutation);
    CAPTURE(to_string(x.shape()));
    CHECK(same_bits(kernels::transpose(x, permutation), y));
    for (int& axis : permutation) axis -= x.rank();
    CHECK(same_bits(kernels::transpose(x, permutation), y));
  }
}

TEST_CASE_TEMPLATE("transpose: matrices, images between channels last and first", T, float, double) {
  const Poison poison;
  std::mt19937 generator(2);
  const auto check_order = [&](const Shape& shape, const std::vector<int>& permutation) {
    CAPTURE(to_string(shape));
    const BasicTensor<T> x = random<T>(generator, shape);
    CHECK(same_bits(kernels::transpose(x, permutation), naive_transpose(x, permutation)));
    CHECK(independent_of_threads([&] { return kernels::transpose(x, permutation); }));
  };
  for (Index rows : {1, 31, 32, 33, 65, 300})
    for (Index columns : {1, 2, 31, 32, 33, 301}) check_order({rows, columns}, {1, 0});
  check_order({70, 1100}, {1, 0});
  check_order({1100, 70}, {1, 0});
  check_order({2100, 3}, {1, 0});
  check_order({3, 2100}, {1, 0});
  check_order({7, 9, 11, 5}, {0, 3, 1, 2});
  check_order({7, 5, 9, 11}, {0, 2, 3, 1});
  check_order({6, 40, 35}, {0, 2, 1});
  check_order({20, 30, 150}, {1, 0, 2});
  check_order({20, 30, 70}, {2, 1, 0});
  check_order({0, 3}, {1, 0});
}

TEST_CASE_TEMPLATE("transpose reads nothing outside of its operand", T, float, double) {
  std::mt19937 generator(5);
  for (Index rows : {1, 3, 15, 16, 17, 65})
    for (Index columns : {1, 2, 15, 16, 33, 1030}) {
      const BasicTensor<T> x = random<T>(generator, {rows, columns});
      const GuardedCopy<T> guarded(x);
      BasicTensor<T> y = BasicTensor<T>::uninitialized({columns, rows});
      kernels::dispatch([&](auto isa) {
        transpose_matrix(isa, guarded.data(), columns, columns, rows, y.mutable_data(), rows);
      });
      CHECK(same_bits(y, naive_transpose(x, {1, 0})));
    }
}

TEST_CASE("transpose shares storage where nothing moves") {
  const Tensor x = Tensor::ones({2, 1, 3});
  CHECK(kernels::transpose(x, std::vector<int>{1, 0, 2}).data() == x.data());
  CHECK(kernels::transpose(x, std::vector<int>{0, 1, 2}).data() == x.data());
}

TEST_CASE_TEMPLATE("concatenate and slice undo each other on every axis", T, float, double) {
  const Poison poison;
  std::mt19937 generator(3);
  for (int trial = 0; trial < 200; ++trial) {
    const Shape shape = random_shape(generator, 1, 5, 6);
    const int axis = static_cast<int>(random_index(generator, 0, shape.rank() - 1));
    const int given_axis = trial % 2 == 0 ? axis : axis - shape.rank();
    CAPTURE(to_string(shape));
    CAPTURE(axis);
    std::vector<BasicTensor<T>> parts;
    Index total = 0;
    for (Index count = random_index(generator, 1, 4); count > 0; --count) {
      parts.push_back(random<T>(generator, with(shape, axis, random_index(generator, 0, 5))));
      total += parts.back().shape()[axis];
    }
    const BasicTensor<T> y = kernels::concatenate(std::span<const BasicTensor<T>>(parts), given_axis);
    REQUIRE(y.shape() == with(shape, axis, total));
    Index begin = 0;
    for (const BasicTensor<T>& part : parts) {
      const Index end = begin + part.shape()[axis];
      CHECK(same_bits(kernels::slice(y, given_axis, begin, end), part));
      CHECK(same_bits(naive_gather(y, range(begin, end), axis), part));
      begin = end;
    }
  }
}

TEST_CASE_TEMPLATE("slice_gradient is the adjoint of slice: zeros around dy", T, float, double) {
  const Poison poison;
  std::mt19937 generator(4);
  for (int trial = 0; trial < 200; ++trial) {
    const BasicTensor<T> x = random<T>(generator, random_shape(generator, 1, 5, 6));
    const int axis = static_cast<int>(random_index(generator, -x.rank(), x.rank() - 1));
    const Index extent = x.shape()[axis], begin = random_index(generator, 0, extent),
                end = random_index(generator, begin, extent);
    const BasicTensor<T> dy = random<T>(generator, kernels::slice(x, axis, begin, end).shape());
    const BasicTensor<T> dx = kernels::slice_gradient(dy, axis, begin, extent);
    REQUIRE(dx.shape() == x.shape());
    CHECK(same_bits(kernels::slice(dx, axis, begin, end), dy));
    CHECK(dot(dx, x) == doctest::Approx(dot(dy, kernels::slice(x, axis, begin, end))).epsilon(1e-12));
    if (begin > 0) CHECK(dot(kernels::slice(dx, axis, 0, begin), kernels::slice(x, axis, 0, begin)) == 0);
  }
}

TEST_CASE_TEMPLATE("gather picks slices, scatter_add is its adjoint", T, float, double) {
  const Poison poison;
  std::mt19937 generator(5);
  for (int trial = 0; trial < 200; ++trial) {
    const BasicTensor<T> x = random<T>(generator, random_shape(generator, 1, 5, 6));
    const int axis = static_cast<int>(random_index(generator, 0, x.rank() - 1));
    const Index extent = x.shape()[axis];
    const Indices indices = random_indices(generator, random_index(generator, 0, 9), extent);
    CAPTURE(to_string(x.shape()));
    const BasicTensor<T> y = kernels::gather(x, indices, axis - (trial % 2) * x.rank());
    CHECK(same_bits(y, naive_gather(x, indices, axis)));
    const BasicTensor<T> dy = random<T>(generator, y.shape());
    const BasicTensor<T> dx = kernels::scatter_add(dy, indices, axis, extent);
    REQUIRE(dx.shape() == x.shape());
    CHECK(std::abs(dot(dx, x) - dot(dy, y)) <= (sizeof(T) == 4 ? 1e-4 : 1e-12));
  }
  CHECK(same_bits(kernels::scatter_add(Tensor({3, 2}, {1, 2, 3, 4, 5, 6}), Indices{2, 0, 2}, 0, 4),
                  Tensor({4, 2}, {3, 4, 0, 0, 6, 8, 0, 0})));
}

TEST_CASE_TEMPLATE("gather_last picks one feature of every row, scatter_last is its adjoint", T, float,
                   double) {
  const Poison poison;
  std::mt19937 generator(6);
  for (int trial = 0; trial < 100; ++trial) {
    const BasicTensor<T> x = random<T>(generator, random_shape(generator, 1, 4, 6));
    const Indices indices = random_indices(generator, x.rows(), x.features());
    const BasicTensor<T> y = kernels::gather_last(x, indices);
    REQUIRE(y.rank() == x.rank() - 1);
    REQUIRE(y.size() == x.rows());
    bool equal = true;
    for (Index row = 0; row < x.rows(); ++row)
      equal = equal && y.data()[row] == x.data()[row * x.features() + indices[static_cast<std::size_t>(row)]];
    CHECK(equal);
    const BasicTensor<T> dy = random<T>(generator, y.shape());
    const BasicTensor<T> dx = kernels::scatter_last(dy, indices, x.features());
    REQUIRE(dx.shape() == x.shape());
    CHECK(dot(dx, x) == doctest::Approx(dot(dy, y)).epsilon(1e-12));
    CHECK(same_bits(kernels::gather_last(dx, indices), dy));
  }
}

TEST_CASE("one_hot") {
  CHECK(same_bits(kernels::one_hot(Indices{2, 0}, 3), Tensor({2, 3}, {0, 0, 1, 1, 0, 0})));
  CHECK(same_bits(kernels::one_hot<double>(Indices{}, 3), BasicTensor<double>::zeros({0, 3})));
}

TEST_CASE("large moves: every path in parallel, the same on any number of threads") {
  const Poison poison;
  std::mt19937 generator(7);
  const Tensor x = random<float>(generator, {300, 17, 41}), long_run = random<float>(generator, {3, 100'003});
  const Indices indices = random_indices(generator, 500, 300), middle = random_indices(generator, 30, 17);
  CHECK(same_bits(kernels::gather(x, indices, 0), naive_gather(x, indices, 0)));
  CHECK(same_bits(kernels::gather(x, middle, 1), naive_gather(x, middle, 1)));
  CHECK(same_bits(kernels::slice(x, 2, 3, 40), naive_gather(x, range(3, 40), 2)));
  CHECK(same_bits(kernels::slice(long_run, 1, 1, 99'000), naive_gather(long_run, range(1, 99'000), 1)));
  CHECK(same_bits(kernels::slice(long_run, 0, 1, 3), naive_gather(long_run, range(1, 3), 0)));
  const Tensor parts[] = {x, x};
  CHECK(independent_of_threads([&] { return kernels::concatenate<float>(parts, 2); }));
  CHECK(same_bits(kernels::slice(kernels::concatenate<float>(parts, 2), 2, 41, 82), x));
  CHECK(independent_of_threads(
      [&] { return kernels::scatter_add(kernels::gather(x, indices, 0), indices, 0, 300); }));
  CHECK(independent_of_threads(
      [&] { return kernels::scatter_add(kernels::gather(x, middle, 1), middle, 1, 17); }));
  CHECK(same_bits(kernels::slice(kernels::slice_gradient(x, 1, 2, 30), 1, 2, 19), x));
}

TEST_CASE("layout kernels name what does not fit") {
  const Tensor x = Tensor::ones({2, 3});
  CHECK_THROWS_WITH_AS(kernels::transpose(x, std::vector<int>{0}),
                       "transpose: x is [2, 3], the permutation has 1 entries; one is needed for each axis",
                       Error);
  CHECK_THROWS_WITH_AS(kernels::transpose(x, std::vector<int>{0, 2}),
                       "transpose: axis 2 is out of range for x of shape [2, 3]", Error);
  CHECK_THROWS_WITH_AS(kernels::transpose(x, std::vector<int>{1, -1}),
                       "transpose: axis -1 of x of shape [2, 3] is named twice", Error);
  const Tensor parts[] = {x, Tensor::ones({2, 4})};
  CHECK_THROWS_WITH_AS(
      kernels::concatenate<float>(parts, 0),
      "concatenate: a part is [2, 4], the first is [2, 3]; all extents but that of axis 0 must be equal",
      Error);
  CHECK_THROWS_WITH_AS(kernels::concatenate<float>(parts, 2),
                       "concatenate: axis 2 is out of range for x of shape [2, 3]", Error);
  CHECK_THROWS_WITH_AS(kernels::concatenate<float>({}, 0), "concatenate: there is nothing to concatenate",
                       Error);
  CHECK_THROWS_WITH_AS(kernels::slice(x, 1, 2, 4), "slice: [2, 4) is not within axis 1 of x of shape [2, 3]",
                       Error);
  CHECK_THROWS_WITH_AS(kernels::slice(x, 1, 2, 1), "slice: [2, 1) is not within axis 1 of x of shape [2, 3]",
                       Error);
  CHECK_THROWS_WITH_AS(kernels::slice_gradient(x, 1, 2, 4),
                       "slice_gradient: dy is [2, 3]; it does not fit at 2 of an axis of 4", Error);
  CHECK_THROWS_WITH_AS(kernels::gather(x, Indices{0, 3}, 1),
                       "gather: index 3 at position 1 is outside [0, 3), axis 1 of x of shape [2, 3]", Error);
  CHECK_THROWS_WITH_AS(kernels::gather(x, Indices{-1}),
                       "gather: index -1 at position 0 is outside [0, 2), axis 0 of x of shape [2, 3]",
                       Error);
  CHECK_THROWS_WITH_AS(
      kernels::scatter_add(x, Indices{0, 5}, 0, 5),
      "scatter_add: index 5 at position 1 is outside [0, 5), axis 0 of the result; dy is [2, 3]", Error);
  CHECK_THROWS_WITH_AS(kernels::scatter_add(x, Indices{0}, 0, 5),
                       "scatter_add: dy is [2, 3]; axis 0 must have 1 elements, one for each index", Error);
  CHECK_THROWS_WITH_AS(kernels::gather_last(x, Indices{0}),
                       "gather_last: x is [2, 3], there are 1 indices; one is needed for each of the 2 rows",
                       Error);
  CHECK_THROWS_WITH_AS(
      kernels::gather_last(x, Indices{0, 3}),
      "gather_last: index 3 at position 1 is outside [0, 3), the features of x of shape [2, 3]", Error);
  CHECK_THROWS_WITH_AS(kernels::scatter_last(x, Indices{0, 1}, 2),
                       "scatter_last: dy is [2, 3], there are 2 indices; they must be as many", Error);
  CHECK_THROWS_WITH_AS(kernels::one_hot(Indices{0, 3}, 3),
                       "one_hot: index 3 at position 1 is outside [0, 3), the classes", Error);
}
