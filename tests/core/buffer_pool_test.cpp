#include "eigengrad/core/buffer_pool.hpp"

#include <doctest/doctest.h>
#include <pthread.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <thread>
#include <vector>

#include "eigengrad/core/tensor.hpp"

using namespace eigengrad;
using detail::BufferPool;

TEST_CASE("size classes: four to each power of two, the smallest that holds the bytes") {
  int largest = 0;
  for (std::size_t bytes = 1; bytes < std::size_t{1} << 20; bytes += 1 + bytes / 7) {
    const int size_class = detail::size_class_of(bytes);
    CAPTURE(bytes);
    CHECK(detail::size_class_bytes(size_class) >= bytes);
    if (size_class > 0) CHECK(detail::size_class_bytes(size_class - 1) < bytes);
    CHECK(size_class >= largest);
    largest = size_class;
  }
  for (int size_class = 0; size_class < 100; ++size_class) {
    const std::size_t bytes = detail::size_class_bytes(size_class);
    CHECK(detail::size_class_of(bytes) == size_class);
    CHECK(detail::size_class_of(bytes + 1) == size_class + 1);
  }
}

TEST_CASE("buffers are aligned for the widest vectors") {
  for (Index size : {1, 3, 17, 1000}) {
    const Tensor x = Tensor::zeros({size});
    CHECK(reinterpret_cast<std::uintptr_t>(x.data()) % 64 == 0);
  }
}

TEST_CASE("large buffers begin at different places of their pages") {
  const Index size = 1 << 20;
  std::vector<Tensor> tensors;
  std::vector<std::uintptr_t> places;
  for (int i = 0; i < 16; ++i) {
    tensors.push_back(Tensor::uninitialized({size}));
    places.push_back(reinterpret_cast<std::uintptr_t>(tensors.back().data()) % 4096);
    CHECK(places.back() % 64 == 0);
    tensors.back().mutable_data()[size - 1] = 1;
  }
  std::sort(places.begin(), places.end());
  CHECK(std::unique(places.begin(), places.end()) - places.begin() >= 8);  // some lay in the pool before
}

TEST_CASE("poisoned buffers hold NaN until they are written") {
  BufferPool::instance().set_poison(true);
  const Tensor x = Tensor::uninitialized({100});
  const BasicTensor<double> y = BasicTensor<double>::uninitialized({100});
  BufferPool::instance().set_poison(false);
  for (float value : x.values()) CHECK(std::isnan(value));
  for (double value : y.values()) CHECK(std::isnan(value));
}

TEST_CASE("a large tensor takes the memory of one up to eight times as large, a small one does not") {
  const auto place_of_next = [](Index size,
                                Index next) {  // whether the next tensor lies where the first one did
    release_unused_memory();
    const float* place = nullptr;
    {
      const Tensor first = Tensor::zeros({size});
      place = first.data();
    }
    const Tensor other = Tensor::zeros({next});
    return other.data() == place;
  };
  if (BufferPool::instance().frees_for_real()) return;
  const Index mega = 1 << 20;
  CHECK(place_of_next(2 * mega, 2 * mega));
  CHECK(place_of_next(2 * mega, mega + mega / 4));
  CHECK(place_of_next(8 * mega, mega + mega / 4));
  CHECK_FALSE(place_of_next(8 * mega, mega - mega / 8));
  CHECK_FALSE(place_of_next(2 * mega, 3 * mega));
  CHECK_FALSE(place_of_next(2000, 1500));
}

TEST_CASE("unused memory can be given back, and the pool goes on") {
  Tensor kept = Tensor::full({1000}, 3);
  { const Tensor dropped = Tensor::zeros({5000}); }
  release_unused_memory();
  CHECK(kept(999) == 3);
  CHECK(Tensor::full({5000}, 2)(4999) == 2);
}

TEST_CASE("tensors may be made, shared and dropped on several threads at once") {
  const Tensor shared = Tensor::full({64}, 5);
  std::vector<std::thread> threads;
  std::vector<int> wrong(4, 0);
  for (std::size_t t = 0; t < wrong.size(); ++t)
    threads.emplace_back([&, t] {
      for (int i = 0; i < 2000; ++i) {
        Tensor copy = shared;
        Tensor own = Tensor::full({1 + i % 50}, static_cast<double>(t));
        own.mutable_at(0) += 1;
        copy.mutable_at(0) = 7;
        if (own(0) != static_cast<float>(t + 1) || copy(0) != 7 || copy(1) != 5) ++wrong[t];
      }
    });
  for (std::thread& thread : threads) thread.join();
  for (int count : wrong) CHECK(count == 0);
  CHECK(shared(0) == 5);
}

TEST_CASE(
    "what a thread keeps of small buffers goes to the others when it ends, and to the system on request") {
  if (BufferPool::instance().frees_for_real()) return;
  release_unused_memory();
  constexpr Index size = 700;
  const float* place = nullptr;
  std::thread([&] {
    const Tensor first = Tensor::zeros({size});
    place = first.data();
  }).join();
  const Tensor other = Tensor::zeros({size});
  CHECK(other.data() == place);
}

TEST_CASE("a buffer may be dropped by another thread than the one that asked for it") {
  for (int round = 0; round < 3; ++round) {
    std::vector<Tensor> tensors;
    for (Index i = 0; i < 3000; ++i)  // more than a thread keeps
      tensors.push_back(Tensor::full({1 + i % 300}, static_cast<double>(i)));
    bool is_right = true;
    std::thread([&] {
      for (Index i = 0; i < 3000; ++i) {
        Tensor& tensor = tensors[static_cast<std::size_t>(i)];
        is_right &= tensor(i % 300) == static_cast<float>(i);
        tensor = Tensor::full({1 + i % 7}, static_cast<double>(i));
      }
      for (Index i = 0; i < 3000; ++i)
        is_right &= tensors[static_cast<std::size_t>(i)](i % 7) == static_cast<float>(i);
    }).join();
    CHECK(is_right);
  }
}

namespace {
/// Drops a tensor after the thread has handed over what it kept.
struct DropsLate {
  Tensor tensor;
  ~DropsLate() { tensor = Tensor(); }
};
}  // namespace

TEST_CASE("a tensor may outlive what its thread keeps, and is not lost") {
  if (BufferPool::instance().frees_for_real()) return;
  release_unused_memory();
  constexpr Index size = 900;
  const float* place = nullptr;
  std::thread([&] {
    thread_local DropsLate late;  // destroyed last, since made first
    late.tensor = Tensor::full({size}, 1);
    place = late.tensor.data();
    { const Tensor opens = Tensor::zeros({10}); }
  }).join();
  const Tensor other = Tensor::full({size}, 2);
  CHECK(other.data() == place);
  CHECK(other(size - 1) == 2);
}

TEST_CASE(
    "a thread that only drops buffers keeps none, not even where nothing would hand them over any more") {
  if (BufferPool::instance().frees_for_real()) return;
  release_unused_memory();
  constexpr Index size = 1100;
  auto* dropped = new Tensor(Tensor::full({size}, 1));
  const float* const place = dropped->data();
  pthread_key_t key;
  REQUIRE(pthread_key_create(&key, [](void* tensor) { delete static_cast<Tensor*>(tensor); }) == 0);
  std::thread([&] { REQUIRE(pthread_setspecific(key, dropped) == 0); }).join();
  pthread_key_delete(key);
  const Tensor other = Tensor::full({size}, 2);
  CHECK(other.data() == place);
}
