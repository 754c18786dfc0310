/// What tests of all folders share: random tensors, exact and inexact comparison, poisoned buffers.
#pragma once

#include <doctest/doctest.h>

#include <cmath>
#include <cstring>
#include <random>

#include "eigengrad/core/tensor.hpp"

namespace support {

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

/// Fills every new buffer with NaN while it lives.
struct Poison {
  Poison() { eigengrad::detail::BufferPool::instance().set_poison(true); }
  ~Poison() { eigengrad::detail::BufferPool::instance().set_poison(false); }
};

}  // namespace support
