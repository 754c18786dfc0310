// A training step with shapes seen before makes no heap allocation.
#include <doctest/doctest.h>

#include <cstdlib>

#include "allocations.hpp"
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

using namespace eigengrad;

namespace {

/// Runs f and returns how many allocations it made, on any thread.
template <class F>
int allocations_of(F&& f) {
  allocations::start_counting();
  f();
  return allocations::stop_counting();
}

/// Calls f more than once: what asks for memory on several threads finds enough in the pool at times.
template <class F>
auto ten_times(F f) {
  return [f] {
    for (int i = 0; i < 10; ++i) f();
  };
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

TEST_CASE("the counter sees new, malloc and aligned memory" * doctest::skip(!allocations::can_count())) {
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

TEST_CASE("a training step with shapes seen before allocates nothing" *
          doctest::skip(!allocations::can_count())) {
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
    CHECK(allocations_of(ten_times(step)) == 0);
    set_thread_count(before);
  }
}

TEST_CASE("a step of InfoGAN allocates nothing" * doctest::skip(!allocations::can_count())) {
  for (const infogan::Settings& settings : {infogan::Settings{}, infogan::paper_settings()}) {
    CAPTURE(settings.consistency);
    infogan::Trainer<float> trainer(settings, {});
    const Tensor images = Rng(1).uniform({8, 28, 28, 1}, 0, 1);
    const auto step = [&] { trainer.step(images); };
    step();
    step();
    CHECK(allocations_of(ten_times(step)) == 0);
  }
}
