// Replaces malloc and its kin: operator new and the OpenMP runtime end there too.
#include "allocations.hpp"

#include <atomic>
#include <cerrno>
#include <cstddef>
#include <cstdlib>

namespace {
std::atomic<bool> counting = false;
std::atomic<int> made = 0;

[[maybe_unused]] void count() {
  if (counting.load(std::memory_order_relaxed)) made.fetch_add(1, std::memory_order_relaxed);
}
}  // namespace

namespace allocations {

void start_counting() {
  made = 0;
  counting = true;
}
int stop_counting() {
  counting = false;
  return made;
}

}  // namespace allocations

#if defined(__has_feature)
#  if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) || __has_feature(memory_sanitizer)
#    define EIGENGRAD_SANITIZED 1
#  endif
#endif

#if defined(__GLIBC__) && !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__) && \
    !defined(EIGENGRAD_SANITIZED)
extern "C" {
void* __libc_malloc(std::size_t);
void* __libc_calloc(std::size_t, std::size_t);
void* __libc_realloc(void*, std::size_t);
void* __libc_memalign(std::size_t, std::size_t);

void* malloc(std::size_t size) {
  count();
  return __libc_malloc(size);
}
void* calloc(std::size_t number, std::size_t size) {
  count();
  return __libc_calloc(number, size);
}
void* realloc(void* memory, std::size_t size) {
  count();
  return __libc_realloc(memory, size);
}
void* memalign(std::size_t alignment, std::size_t size) {
  count();
  return __libc_memalign(alignment, size);
}
void* aligned_alloc(std::size_t alignment, std::size_t size) {
  count();
  return __libc_memalign(alignment, size);
}
int posix_memalign(void** memory, std::size_t alignment, std::size_t size) {
  count();
  *memory = __libc_memalign(alignment, size);
  return *memory == nullptr ? ENOMEM : 0;
}
}

bool allocations::can_count() {
  return true;
}
#else
bool allocations::can_count() {
  return false;
}
#endif
