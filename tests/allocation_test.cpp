// A training step with shapes seen before makes no heap allocation. This file replaces malloc and its kin in
// the test program (operator new and the OpenMP runtime end there too) to count them.
#include <doctest/doctest.h>

#include <atomic>
#include <cerrno>
#include <cstddef>

#include "eigengrad/distributions/categorical.hpp"
#include "eigengrad/nn/batch_norm.hpp"
#include "eigengrad/nn/conv2d.hpp"
#include "eigengrad/nn/conv_transpose2d.hpp"
#include "eigengrad/nn/linear.hpp"
#include "eigengrad/ops/activation.hpp"
#include "eigengrad/ops/reduce.hpp"
#include "eigengrad/ops/shape.hpp"
#include "eigengrad/optim/adam.hpp"
#include "infogan/trainer.hpp"

#if defined(__GLIBC__) && !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
#  define EIGENGRAD_TEST_COUNTS_ALLOCATIONS 1
#  if defined(__has_feature)
#    if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) || __has_feature(memory_sanitizer)
#      undef EIGENGRAD_TEST_COUNTS_ALLOCATIONS
#    endif
#  endif
#endif

#ifdef EIGENGRAD_TEST_COUNTS_ALLOCATIONS

namespace {
std::atomic<bool> counting = false;
std::atomic<int> allocations = 0;

void count() {
  if (counting.load(std::memory_order_relaxed)) allocations.fetch_add(1, std::memory_order_relaxed);
}
}  // namespace

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

using namespace eigengrad;

namespace {

/// Runs f and returns how many allocations it made, on any thread.
template <class F>
int allocations_of(F&& f) {
  allocations = 0;
  counting = true;
  f();
  counting = false;
  return allocations;
}

struct Network {
  nn::Conv2d conv;
  nn::BatchNorm norm;
  nn::ConvTranspose2d upconv;
  nn::Linear output;

  explicit Network(Rng& rng)
      : conv(2, 8, 4, rng, {.stride = 2, .padding = 1}),
        norm(8),
        upconv(8, 4, 4, rng, {.stride = 2, .padding = 1}),
        output(12 * 12 * 4, 10, rng) {}

  Var operator()(Var x) {
    x = leaky_relu(norm(conv(x), nn::BatchNormMode::update, 2), 0.1);
    return output(flatten(relu(upconv(x))));
  }

  template <class Visitor>
  void visit(Visitor&& visitor) {
    visitor("conv", conv);
    visitor("norm", norm);
    visitor("upconv", upconv);
    visitor("output", output);
  }
};

}  // namespace

TEST_CASE("the counter sees new, malloc and aligned memory") {
  CHECK(allocations_of([] {
          int* volatile number = new int(3);
          delete number;
        }) == 1);
  CHECK(allocations_of([] {
          void* volatile memory = std::malloc(10);
          std::free(memory);
        }) == 1);
  CHECK(allocations_of([] {
          void* volatile memory = std::aligned_alloc(64, 128);
          std::free(memory);
        }) == 1);
}

TEST_CASE("a training step with shapes seen before allocates nothing") {
  for (int threads : {1, 2}) {
    CAPTURE(threads);
    const int before = thread_count();
    set_thread_count(threads);
    Rng rng(1);
    Network network(rng);
    Adam adam(parameters(network));
    const Tensor images = rng.normal({16, 12, 12, 2});
    const auto labels = rng.categorical(16, 10);
    Tape tape;
    const auto step = [&] {
      tape.clear();
      const Var loss = -mean(Categorical(network(tape.constant(images))).log_prob(labels));
      adam.step(tape.gradient(loss, adam.parameters()));
    };
    step();
    step();
    CHECK(allocations_of(step) == 0);
    set_thread_count(before);
  }
}

TEST_CASE("a step of InfoGAN allocates nothing") {
  infogan::Trainer<float> trainer(infogan::Settings{}, {});
  const Tensor images = Rng(1).uniform({8, 28, 28, 1}, 0, 1);
  const auto step = [&] { trainer.step(images); };
  step();
  step();
  CHECK(allocations_of(step) == 0);
}

#endif
