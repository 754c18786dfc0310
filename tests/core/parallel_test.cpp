#include "eigengrad/core/parallel.hpp"

#include <doctest/doctest.h>

#include <atomic>
#include <chrono>
#include <limits>
#include <thread>
#include <vector>

using namespace eigengrad;

namespace {
const double much = 1e9;  // work enough for all threads

struct Threads {
  int before = thread_count();
  explicit Threads(int count) { set_thread_count(count); }
  ~Threads() { set_thread_count(before); }
};
}  // namespace

TEST_CASE("parallel_for calls every task once, whatever the number of threads") {
  for (int threads : {1, 2, 3, 7})
    for (Index count : {0, 1, 2, 5, 1000}) {
      const Threads guard(threads);
      std::vector<std::atomic<int>> calls(static_cast<std::size_t>(count));
      std::atomic<int> wrong_thread = 0;
      parallel_for(count, much, [&](Index task, int thread) {
        ++calls[static_cast<std::size_t>(task)];
        if (thread < 0 || thread >= threads_for(count, much) * threads) ++wrong_thread;
        if (thread >= threads) ++wrong_thread;
      });
      for (const auto& n : calls) CHECK(n == 1);
      CHECK(wrong_thread == 0);
    }
}

TEST_CASE("an idle thread takes over tasks of a busy one") {
#ifdef _OPENMP
  const Threads guard(2);
  std::atomic<bool> done = false, helped = false;
  std::vector<std::atomic<int>> calls(16);
  parallel_for(16, much, [&](Index task) {
    ++calls[static_cast<std::size_t>(task)];
    if (task == 7) done = true;  // the last one dealt to the thread that is held up in its first
    const auto begin = std::chrono::steady_clock::now();
    while (task == 0 && !done && std::chrono::steady_clock::now() - begin < std::chrono::seconds(20))
      std::this_thread::yield();
    if (task == 0) helped = done.load();
  });
  CHECK(helped);
  for (const auto& n : calls) CHECK(n == 1);
#endif
}

TEST_CASE("parallel_blocks covers the range in fixed blocks") {
  for (int threads : {1, 3}) {
    const Threads guard(threads);
    std::vector<std::atomic<int>> covered(103);
    std::atomic<int> uneven = 0;
    parallel_blocks(103, 10, much, [&](Index begin, Index end) {
      if (begin % 10 != 0 || end - begin != (begin == 100 ? 3 : 10)) ++uneven;
      for (Index i = begin; i < end; ++i) ++covered[static_cast<std::size_t>(i)];
    });
    CHECK(uneven == 0);
    for (const auto& n : covered) CHECK(n == 1);
  }
}

TEST_CASE("little work stays on the calling thread, and nested loops do too") {
  const Threads guard(3);
  CHECK(threads_for(100, 10) == 1);
  CHECK(threads_for(1, much) == 1);
  parallel_for(100, 10, [](Index, int thread) { CHECK(thread == 0); });
  std::atomic<int> nested = 0;
  parallel_for(3, much, [&](Index) { nested += threads_for(100, much) > 1 && thread_count() > 1 ? 0 : 1; });
#ifdef _OPENMP
  CHECK(nested == 3);
#endif
  CHECK_THROWS_WITH_AS(set_thread_count(0), "set_thread_count: threads is 0; at least 1 is needed", Error);
}

TEST_CASE("denormals are zero inside of loops only") {
#if defined(__x86_64__)
  volatile float tiny = std::numeric_limits<float>::min();
  CHECK(tiny * 0.5f > 0);
  std::atomic<int> kept = 0;
  for (int threads : {1, 2}) {
    const Threads guard(threads);
    parallel_for(10, much, [&](Index) { kept += tiny * 0.5f > 0 ? 1 : 0; });
  }
  CHECK(kept == 0);
  CHECK(tiny * 0.5f > 0);
#endif
}
