/// Memory: reference-counted, 64-byte-aligned buffers from a process-wide pool that keeps what is given back.
#pragma once

#include <algorithm>
#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <mutex>
#include <new>
#include <thread>
#include <utility>

#if defined(__linux__)
#  include <sys/mman.h>
#endif
#if defined(__GLIBC__)
#  include <malloc.h>
#endif

#include "eigengrad/core/shape.hpp"

namespace eigengrad {
namespace detail {

inline constexpr std::size_t buffer_alignment = 64;
/// Buffers of this size or more lie on huge pages where the system has them: products that walk through many
/// megabytes otherwise wait for the translation of addresses.
inline constexpr std::size_t huge_page = std::size_t{2} << 20;

/// Bytes of a size class: 64 * 2^(c/4) * (1 + (c%4)/4).
inline std::size_t size_class_bytes(int size_class) {
  return (std::size_t{16} << (size_class / 4)) * (4 + static_cast<std::size_t>(size_class % 4));
}
/// The smallest class that holds `bytes`.
inline int size_class_of(std::size_t bytes) {
  if (bytes <= buffer_alignment) return 0;
  const int shift = static_cast<int>(std::bit_width(bytes - 1)) - 3;  // the top three bits select the class
  return (shift - 4) * 4 + static_cast<int>((bytes - 1) >> shift) - 4 + 1;
}

/// Head of every buffer; the payload follows it at the next 64-byte boundary.
struct alignas(buffer_alignment) BufferHead {
  std::atomic<std::int64_t> references;
  BufferHead* next;  // in the pool's free list
  int size_class;
  void* memory;  // what the system gave, in which the head lies
  void* payload() { return this + 1; }
  std::size_t bytes() const { return size_class_bytes(size_class); }
};

/// A lock that is held for a few instructions only: half as dear as a mutex where nobody contends for it.
class SpinLock {
 public:
  void lock() {
    for (int spins = 0; taken_.exchange(true, std::memory_order_acquire);)
      if (++spins > 100) std::this_thread::yield();
  }
  void unlock() { taken_.store(false, std::memory_order_release); }

 private:
  std::atomic<bool> taken_ = false;
};

/// Small buffers that a thread has given back, for itself and without a lock, which would take longer than all
/// else that a small tensor needs. What it keeps when it ends goes to the pool. A thread that never asks for a
/// small buffer keeps none.
class ThreadBuffers {
 public:
  /// Classes of up to 16 KB; a thread keeps at most 1 MB.
  static constexpr int classes = 33;
  static constexpr std::size_t most_bytes = std::size_t{1} << 20;

  BufferHead* take(int size_class) {
    if (!is_open_) open();
    BufferHead* const head = free_[size_class];
    if (head != nullptr) {
      free_[size_class] = head->next;
      bytes_ -= head->bytes();
    }
    return head;
  }
  /// Whether it is kept: no large one, no more than `most_bytes` in all, and none by a thread that ends.
  bool keep(BufferHead* head) {
    if (!is_open_ || head->size_class >= classes || bytes_ + head->bytes() > most_bytes) return false;
    head->next = std::exchange(free_[head->size_class], head);
    bytes_ += head->bytes();
    return true;
  }
  /// Hands everything to give(head).
  template <class Give>
  void empty(Give&& give) {
    for (int size_class = 0; size_class < classes; ++size_class)
      while (BufferHead* const head = take(size_class)) give(head);
  }

 private:
  /// Before a thread takes its first one: sees to it that they are handed over when it ends.
  void open();

  BufferHead* free_[classes] = {};
  std::size_t bytes_ = 0;
  bool is_open_ = false, has_ended_ = false;
};

/// Free lists of buffers by size class (four classes to each power of two): each thread's of small ones, and
/// those of the process, locked. Never destroyed. Cannot change a result: a buffer's contents are undefined
/// until written.
class BufferPool {
 public:
  static BufferPool& instance() {
    static BufferPool& pool = *new BufferPool;
    return pool;
  }

  BufferHead* acquire(std::size_t bytes) {
    const int size_class = size_class_of(bytes);
    BufferHead* head = size_class < ThreadBuffers::classes ? of_thread_.take(size_class) : nullptr;
    if (head == nullptr) head = take(size_class);
    if (head == nullptr) head = allocate(size_class, bytes);
    head->references.store(1, std::memory_order_relaxed);
    if (poison_.load(std::memory_order_relaxed))
      std::memset(head->payload(), 0xFF, head->bytes());
    return head;
  }

  void give_back(BufferHead* head) {
    if (frees_for_real_) return std::free(head->memory);
    if (!of_thread_.keep(head)) share(head);
  }
  /// Gives it back to all threads.
  void share(BufferHead* head) {
    const std::lock_guard lock(lock_);
    head->next = std::exchange(free_[head->size_class], head);
  }

  /// Returns all unused buffers to the system but the small ones that other threads keep.
  void release_unused() {
    of_thread_.empty([](BufferHead* head) { std::free(head->memory); });
    {
      const std::lock_guard lock(lock_);
      for (BufferHead*& list : free_)
        while (list != nullptr) std::free(std::exchange(list, list->next)->memory);
    }
#if defined(__GLIBC__)
    malloc_trim(0);  // free() keeps what it believes to need again
#endif
  }

  /// Tests: fill every new buffer with NaN bytes, so that an element nobody wrote shows.
  void set_poison(bool on) { poison_.store(on, std::memory_order_relaxed); }

  /// Whether nothing is kept, because a memory checker watches.
  bool frees_for_real() const { return frees_for_real_; }

 private:
  static constexpr int classes = 4 * 56;

  BufferPool() : frees_for_real_(wants_real_frees()) {}

  /// What all threads share of the class; null if there is none.
  BufferHead* take(int size_class) {
    const std::lock_guard lock(lock_);
    BufferHead*& list = free_list_for(size_class);
    return list == nullptr ? nullptr : std::exchange(list, list->next);
  }

  /// The class's own list; if it is empty and its buffers are large, the smallest of those up to eight times
  /// as large that has any.
  BufferHead*& free_list_for(int size_class) {
    if (free_[size_class] == nullptr && size_class_bytes(size_class) >= huge_page)
      for (int larger = size_class + 1; larger <= std::min(size_class + 12, classes - 1); ++larger)
        if (free_[larger] != nullptr) return free_[larger];
    return free_[size_class];
  }

  /// A buffer of the class, the first `used` bytes of which are wanted now.
  static BufferHead* allocate(int size_class, std::size_t used) {
    const std::size_t bytes = (sizeof(BufferHead) + size_class_bytes(size_class) + buffer_alignment - 1) /
                              buffer_alignment * buffer_alignment;
    const bool huge = bytes >= huge_page;
    const std::size_t alignment = huge ? huge_page : buffer_alignment;
    const std::size_t offset = huge ? next_offset() : 0;
    void* memory = std::aligned_alloc(alignment, (offset + bytes + alignment - 1) / alignment * alignment);
    if (memory == nullptr) throw std::bad_alloc();
#if defined(__linux__)
    if (huge)  // a wish
      madvise(memory, (offset + sizeof(BufferHead) + used) / huge_page * huge_page, MADV_HUGEPAGE);
#endif
    BufferHead* head = new (static_cast<char*>(memory) + offset) BufferHead;
    head->memory = memory;
    head->size_class = size_class;
    return head;
  }

  /// Where the next large buffer begins in its memory: large buffers that are walked through together would
  /// otherwise lie alike in all sets of the caches, and what is read from one would look like what has just
  /// been written to another, as far as processors compare addresses.
  static std::size_t next_offset() {
    static std::atomic<std::size_t> count = 0;
    return count.fetch_add(1, std::memory_order_relaxed) * 5 % 16 * 256;
  }

  /// Under a memory checker a kept buffer would hide a use after free.
  static bool wants_real_frees() {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
    return true;
#elif defined(__has_feature)
#  if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) || __has_feature(memory_sanitizer)
    return true;
#  endif
#endif
    const char* preload = std::getenv("LD_PRELOAD");  // valgrind puts itself there
    return preload != nullptr && std::strstr(preload, "vgpreload") != nullptr;
  }

  static inline constinit thread_local ThreadBuffers of_thread_;

  SpinLock lock_;
  BufferHead* free_[classes] = {};
  std::atomic<bool> poison_ = false;
  bool frees_for_real_;
};

inline void ThreadBuffers::open() {
  struct End {
    ThreadBuffers& buffers;
    ~End() {
      buffers.is_open_ = false;
      buffers.has_ended_ = true;
      buffers.empty([](BufferHead* head) { BufferPool::instance().share(head); });
    }
  };
  if (has_ended_) return;
  thread_local const End end{*this};
  is_open_ = true;
}

/// A counted reference to a pool buffer; may be shared between threads like std::shared_ptr.
class Buffer {
 public:
  Buffer() = default;
  explicit Buffer(std::size_t bytes) : head_(BufferPool::instance().acquire(bytes)) {}
  Buffer(const Buffer& other) : head_(other.head_) {
    if (head_ != nullptr) head_->references.fetch_add(1, std::memory_order_relaxed);
  }
  Buffer(Buffer&& other) noexcept : head_(std::exchange(other.head_, nullptr)) {}
  Buffer& operator=(Buffer other) noexcept {
    std::swap(head_, other.head_);
    return *this;
  }
  ~Buffer() {
    // The only owner need not count down: nobody else can count up.
    if (head_ != nullptr && (unique() || head_->references.fetch_sub(1, std::memory_order_acq_rel) == 1))
      BufferPool::instance().give_back(head_);
  }

  void* data() const { return head_ == nullptr ? nullptr : head_->payload(); }
  bool unique() const { return head_ != nullptr && head_->references.load(std::memory_order_acquire) == 1; }

 private:
  BufferHead* head_ = nullptr;
};

}  // namespace detail

/// Gives the memory that the tensor pool keeps for reuse back to the system, but for small buffers that other
/// threads keep, at most 1 MB each.
inline void release_unused_memory() {
  detail::BufferPool::instance().release_unused();
}

/// Standard allocator over the tensor pool: containers that are made anew in every step cost no heap
/// allocation.
template <class V>
struct PoolAllocator {
  using value_type = V;
  PoolAllocator() = default;
  template <class U>
  PoolAllocator(const PoolAllocator<U>&) {}

  V* allocate(std::size_t count) {
    static_assert(alignof(V) <= detail::buffer_alignment);
    if (count > static_cast<std::size_t>(-1) / 2 / sizeof(V)) throw std::bad_array_new_length();
    return static_cast<V*>(detail::BufferPool::instance().acquire(count * sizeof(V))->payload());
  }
  void deallocate(V* pointer, std::size_t) {
    detail::BufferPool::instance().give_back(reinterpret_cast<detail::BufferHead*>(pointer) - 1);
  }
  friend bool operator==(const PoolAllocator&, const PoolAllocator&) { return true; }
};

}  // namespace eigengrad
