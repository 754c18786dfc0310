/// What the tests of the kernels share: random shapes, thread counts, places of elements.
#pragma once

#include <sys/mman.h>
#include <unistd.h>

#include "eigengrad/core/parallel.hpp"
#include "support.hpp"

namespace kernel_test {

using namespace support;

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

/// <a, b> in double.
template <class T>
double dot(const BasicTensor<T>& a, const BasicTensor<T>& b) {
  REQUIRE(a.shape() == b.shape());
  double total = 0;
  for (Index i = 0; i < a.size(); ++i)
    total += static_cast<double>(a.data()[i]) * static_cast<double>(b.data()[i]);
  return total;
}

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

/// The values of a tensor at the end of mapped memory: reading behind them ends the program.
template <class T>
class GuardedCopy {
 public:
  explicit GuardedCopy(const BasicTensor<T>& values) {
    const auto page = static_cast<std::size_t>(sysconf(_SC_PAGESIZE)), size = values.values().size_bytes();
    const std::size_t used = (size + page - 1) / page * page;
    bytes_ = used + page;
    memory_ = mmap(nullptr, bytes_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    REQUIRE(memory_ != MAP_FAILED);
    char* const end = static_cast<char*>(memory_) + used;
    REQUIRE(mprotect(end, page, PROT_NONE) == 0);
    data_ = reinterpret_cast<T*>(end - size);
    std::memcpy(data_, values.data(), size);
  }
  ~GuardedCopy() { munmap(memory_, bytes_); }
  GuardedCopy(const GuardedCopy&) = delete;
  GuardedCopy& operator=(const GuardedCopy&) = delete;

  const T* data() const { return data_; }

 private:
  void* memory_ = nullptr;
  std::size_t bytes_ = 0;
  T* data_ = nullptr;
};

}  // namespace kernel_test
