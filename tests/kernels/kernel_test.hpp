/// What the tests of the kernels share: random tensors, exact comparison, poisoned buffers, thread counts.
#pragma once

#include <doctest/doctest.h>

#include <cmath>
#include <cstring>
#include <random>

#include "eigengrad/core/parallel.hpp"
#include "eigengrad/core/tensor.hpp"

namespace kernel_test {

using eigengrad::BasicTensor;
using eigengrad::Index;
using eigengrad::Shape;

inline constexpr double infinity = HUGE_VAL;

/// Uniform in [low, high).
template <class T>
BasicTensor<T> random(std::mt19937& generator, const Shape& shape, double low = -1, double high = 1) {
  std::uniform_real_distribution<double> uniform(low, high);
  BasicTensor<T> x = BasicTensor<T>::uninitialized(shape);
  for (T& value : x.mutable_values()) value = static_cast<T>(uniform(generator));
  return x;
}

inline Index random_index(std::mt19937& generator, Index low, Index high) {
  return std::uniform_int_distribution<Index>(low, high)(generator);
}

/// A shape of random rank with small extents.
inline Shape random_shape(std::mt19937& generator, int min_rank, int max_rank, Index max_extent) {
  Shape shape;
  const Index rank = random_index(generator, min_rank, max_rank);
  for (Index axis = 0; axis < rank; ++axis) shape.push_back(random_index(generator, 1, max_extent));
  return shape;
}

template <class T>
bool same_bits(const BasicTensor<T>& a, const BasicTensor<T>& b) {
  return a.shape() == b.shape() &&
         (a.size() == 0 ||
          std::memcmp(a.data(), b.data(), static_cast<std::size_t>(a.size()) * sizeof(T)) == 0);
}

/// Largest |a - b|; infinite where one is NaN or the shapes differ.
template <class A, class B>
double largest_difference(const BasicTensor<A>& a, const BasicTensor<B>& b) {
  if (!(a.shape() == b.shape())) return infinity;
  double largest = 0;
  for (Index i = 0; i < a.size(); ++i) {
    const double difference = std::abs(static_cast<double>(a.data()[i]) - static_cast<double>(b.data()[i]));
    largest = difference == difference ? std::max(largest, difference) : infinity;
  }
  return largest;
}

/// <a, b> in double.
template <class T>
double dot(const BasicTensor<T>& a, const BasicTensor<T>& b) {
  REQUIRE(a.shape() == b.shape());
  double total = 0;
  for (Index i = 0; i < a.size(); ++i)
    total += static_cast<double>(a.data()[i]) * static_cast<double>(b.data()[i]);
  return total;
}

/// Fills every new buffer with NaN while it lives.
struct Poison {
  Poison() { eigengrad::detail::BufferPool::instance().set_poison(true); }
  ~Poison() { eigengrad::detail::BufferPool::instance().set_poison(false); }
};

/// Whether f() gives a tensor of the same bits on 1, 2 and 3 threads.
template <class F>
bool independent_of_threads(F f) {
  const int before = eigengrad::thread_count();
  eigengrad::set_thread_count(1);
  const auto one = f();
  bool same = true;
  for (int threads : {2, 3}) {
    eigengrad::set_thread_count(threads);
    same = same && same_bits(f(), one);
  }
  eigengrad::set_thread_count(before);
  return same;
}

/// The indices of the element at `offset` of a tensor of this shape.
inline std::array<Index, Shape::max_rank> indices_at(const Shape& shape, Index offset) {
  std::array<Index, Shape::max_rank> indices = {};
  for (int axis = shape.rank() - 1; axis >= 0; --axis) {
    indices[static_cast<std::size_t>(axis)] = offset % shape[axis];
    offset /= shape[axis];
  }
  return indices;
}

}  // namespace kernel_test
