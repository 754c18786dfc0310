/// Threads: the only place with OpenMP. Work is split by its size alone and every task is independent of who
/// runs it, so results do not depend on the number of threads. Without OpenMP everything runs on the calling
/// thread.
#pragma once

#include <algorithm>
#include <atomic>
#include <memory>
#include <type_traits>
#include <vector>

#ifdef _OPENMP
#  include <omp.h>
#endif
#if defined(__x86_64__)
#  include <xmmintrin.h>
#endif

#include "eigengrad/core/buffer_pool.hpp"
#include "eigengrad/core/shape.hpp"

namespace eigengrad {

/// Threads a parallel loop may use (OpenMP's setting; OMP_NUM_THREADS sets it from outside).
inline int thread_count() {
#ifdef _OPENMP
  return omp_get_max_threads();
#else
  return 1;
#endif
}

/// Sets the number of threads of later parallel loops, for the calling thread; ignored without OpenMP.
inline void set_thread_count([[maybe_unused]] int threads) {
  check(threads >= 1, "set_thread_count: threads is ", threads, "; at least 1 is needed");
#ifdef _OPENMP
  omp_set_num_threads(threads);
#endif
}

/// Treats denormal floats as zero while it lives (they cost 100 cycles each) and restores the caller's mode.
class FlushDenormals {
 public:
  FlushDenormals() {
#if defined(__x86_64__)
    saved_ = _mm_getcsr();
    if ((saved_ & flush_bits) != flush_bits) _mm_setcsr(saved_ | flush_bits);
#endif
  }
  ~FlushDenormals() {
#if defined(__x86_64__)
    if ((saved_ & flush_bits) != flush_bits) _mm_setcsr(saved_);
#endif
  }
  FlushDenormals(const FlushDenormals&) = delete;
  FlushDenormals& operator=(const FlushDenormals&) = delete;

 private:
#if defined(__x86_64__)
  static constexpr unsigned flush_bits = 0x8040;  // FTZ and DAZ of MXCSR
  unsigned saved_;
#endif
};

namespace detail {
/// Below this many elementary operations a loop stays on one thread: waking another costs some microseconds.
inline constexpr double parallel_threshold = 60'000;

/// Where the share of `thread` begins when `count` tasks are dealt out in runs as equal as possible.
inline Index share_begin(Index count, Index thread, Index threads) {
  return count / threads * thread + std::min(thread, count % threads);
}

/// The tasks of one thread that nobody has begun. Their owner takes them one by one from the front; a thread
/// that has none left takes over the second half, so that a slow core holds nobody up.
class alignas(64) TaskQueue {
 public:
  void assign(Index begin, Index end) { range_.store(pack(begin, end), std::memory_order_relaxed); }

  bool take(Index& task) {
    std::uint64_t range = range_.load(std::memory_order_relaxed);
    while (begin_of(range) < end_of(range))
      if (range_.compare_exchange_weak(range, range + 1, std::memory_order_relaxed)) {
        task = begin_of(range);
        return true;
      }
    return false;
  }

  bool take_half_of(TaskQueue& other) {
    std::uint64_t range = other.range_.load(std::memory_order_relaxed);
    while (begin_of(range) < end_of(range)) {
      const Index begin = begin_of(range), middle = begin + (end_of(range) - begin) / 2;
      if (other.range_.compare_exchange_weak(range, pack(begin, middle), std::memory_order_relaxed)) {
        assign(middle, end_of(range));
        return true;
      }
    }
    return false;
  }

 private:
  static std::uint64_t pack(Index begin, Index end) {
    return static_cast<std::uint64_t>(end) << 32 | static_cast<std::uint64_t>(begin);
  }
  static Index begin_of(std::uint64_t range) { return static_cast<Index>(range & 0xFFFFFFFF); }
  static Index end_of(std::uint64_t range) { return static_cast<Index>(range >> 32); }

  std::atomic<std::uint64_t> range_;
};

/// Calls the body behind `body` for the tasks [begin, end).
using RunTasks = void (*)(const void* body, Index begin, Index end, int thread);

template <class Body>
void run_tasks(const void* body, Index begin, Index end, [[maybe_unused]] int thread) {
  Body& call = *static_cast<Body*>(const_cast<void*>(body));
  for (Index task = begin; task < end; ++task)
    if constexpr (std::is_invocable_v<Body&, Index, int>)
      call(task, thread);
    else
      call(task);
}

/// run(body, ...) for every task in [0, count), on `threads` threads. Not a template: compilers take long
/// over each parallel region, and so there is one.
inline void run_on_threads(Index count, [[maybe_unused]] int threads, RunTasks run, const void* body) {
#ifdef _OPENMP
  if (threads > 1) {
    const Index chunk = count / (64 * threads) + 1, chunks = (count + chunk - 1) / chunk;
    std::vector<TaskQueue, PoolAllocator<TaskQueue>> queues(static_cast<std::size_t>(threads));
    for (Index thread = 0; thread < threads; ++thread)
      queues[static_cast<std::size_t>(thread)].assign(share_begin(chunks, thread, threads),
                                                      share_begin(chunks, thread + 1, threads));
#  pragma omp parallel num_threads(threads)
    {
      const FlushDenormals flush;
      const int thread = omp_get_thread_num();
      TaskQueue& own = queues[static_cast<std::size_t>(thread)];
      for (int victim = thread, tried = 0; tried < threads;) {
        for (Index c = 0; own.take(c); tried = 0)
          run(body, c * chunk, std::min((c + 1) * chunk, count), thread);
        victim = (victim + 1) % threads;
        if (!own.take_half_of(queues[static_cast<std::size_t>(victim)])) ++tried;
      }
    }
    return;
  }
#endif
  const FlushDenormals flush;
  run(body, 0, count, 0);
}
}  // namespace detail

/// Threads that parallel_for(count, work, ...) would use: size per-thread scratch memory by it.
inline int threads_for([[maybe_unused]] Index count, [[maybe_unused]] double work) {
#ifdef _OPENMP
  if (work < detail::parallel_threshold || count < 2 || omp_in_parallel()) return 1;
  return static_cast<int>(std::min<Index>(count, omp_get_max_threads()));
#else
  return 1;
#endif
}

/// Calls body(task) or body(task, thread) once for every task in [0, count), each thread rising runs of
/// tasks, `thread` being less than threads_for(count, work). `work` is the total in elementary operations;
/// small work stays on the calling thread. The body must not throw, and no task may depend on another.
template <class Body>
void parallel_for(Index count, double work, Body&& body) {
  if (count <= 0) return;
  detail::run_on_threads(count, threads_for(count, work), detail::run_tasks<std::remove_reference_t<Body>>,
                         std::addressof(body));
}

/// parallel_for over [0, size) cut into fixed blocks: body(begin, end).
template <class Body>
void parallel_blocks(Index size, Index block, double work, Body&& body) {
  // Small tensors are frequent, and much of what they cost is what stands around their loop.
  if (size <= block) {
    const FlushDenormals flush;
    if (size > 0) body(Index{0}, size);
    return;
  }
  parallel_for((size + block - 1) / block, work, [&](Index task) {
    const Index begin = task * block;
    body(begin, std::min(begin + block, size));
  });
}

}  // namespace eigengrad
