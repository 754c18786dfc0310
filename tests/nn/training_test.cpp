#include <doctest/doctest.h>

#include "eigengrad/nn/batch_norm.hpp"
#include "eigengrad/nn/conv2d.hpp"
#include "eigengrad/nn/conv_transpose2d.hpp"
#include "eigengrad/nn/linear.hpp"
#include "eigengrad/ops/arithmetic.hpp"
#include "eigengrad/optim/adam.hpp"

using namespace eigengrad;

namespace {

/// An autoencoder of small images; x^2 stands for the activation.
struct Autoencoder {
  nn::Conv2d conv;
  nn::BatchNorm norm;
  nn::Linear code;
  nn::ConvTranspose2d upconv;

  explicit Autoencoder(Rng& rng)
      : conv(1, 12, 4, rng, {.stride = 2, .padding = 1}),
        norm(12),
        code(12, 12, rng),
        upconv(12, 1, 4, rng, {.stride = 2, .padding = 1}) {}

  Var operator()(Var x, nn::BatchNormMode mode) {
    x = norm(conv(x), mode);
    return upconv(code(x * x));
  }

  template <class Visitor>
  void visit(Visitor&& visitor) {
    visitor("conv", conv);
    visitor("norm", norm);
    visitor("code", code);
    visitor("upconv", upconv);
  }
};

struct Run {
  std::vector<float> losses;
  std::vector<Tensor> tensors;
};

Run train(int threads, int steps) {
  const int before = thread_count();
  set_thread_count(threads);
  Rng rng(71);
  Autoencoder network(rng);
  Adam adam(parameters(network), {.learning_rate = 1e-2});
  const Tensor images = rng.uniform({32, 14, 14, 1}, 0, 1);
  Run run;
  Tape tape;
  for (int i = 0; i < steps; ++i) {
    tape.clear();
    const Var x = tape.constant(images);
    const Var error = network(x, nn::BatchNormMode::update) - x;
    const Var loss = sum_to(error * error, {}) / static_cast<double>(images.size());
    run.losses.push_back(loss.item());
    adam.step(tape.gradient(loss, adam.parameters()));
  }
  for (const NamedTensor& tensor : named_tensors(network)) run.tensors.push_back(tensor.value());
  for (const NamedTensor& tensor : named_tensors(adam)) run.tensors.push_back(tensor.value());
  set_thread_count(before);
  return run;
}

}  // namespace

TEST_CASE("training lowers the loss") {
  const Run run = train(2, 60);
  CHECK(run.losses.back() < 0.25f * run.losses.front());
}

TEST_CASE("training gives the same bits for any number of threads") {
  const Run one = train(1, 3);
  for (int threads : {2, 3}) {
    CAPTURE(threads);
    const Run many = train(threads, 3);
    CHECK(one.losses == many.losses);
    for (std::size_t i = 0; i < one.tensors.size(); ++i) {
      CAPTURE(i);
      CHECK(std::memcmp(one.tensors[i].data(), many.tensors[i].data(),
                        static_cast<std::size_t>(one.tensors[i].size()) * sizeof(float)) == 0);
    }
  }
}
