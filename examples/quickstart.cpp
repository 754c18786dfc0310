// Two interleaved spirals, told apart by a small network: everything a training program needs, in 40 lines.
#include <cmath>
#include <cstdio>
#include <eigengrad/eigengrad.hpp>

using namespace eigengrad;

struct Network {  // a module is a plain struct that names its parts
  nn::Linear hidden1, hidden2, output;
  explicit Network(Rng& rng) : hidden1(2, 32, rng), hidden2(32, 32, rng), output(32, 2, rng) {}
  Var operator()(Var x) const { return output(tanh(hidden2(tanh(hidden1(x))))); }
  void visit(auto&& visitor) {
    visitor("hidden1", hidden1), visitor("hidden2", hidden2), visitor("output", output);
  }
};

int main() {
  Rng rng(42);
  const Index n = 400;
  Tensor points = rng.normal<float>({n, 2}, 0, 0.02);
  std::vector<Index> labels(n);
  for (Index i = 0; i < n; ++i) {
    const double radius = static_cast<double>(i) / n, angle = 9 * radius + (labels[i] = i % 2) * 3.14159;
    points.mutable_at(i, 0) += static_cast<float>(radius * std::cos(angle));
    points.mutable_at(i, 1) += static_cast<float>(radius * std::sin(angle));
  }
  Network network(rng);
  Adam adam(parameters(network), {.learning_rate = 1e-2});
  Tape tape;
  float value = 0;
  for (int step = 0; step < 400; ++step) {
    tape.clear();  // keeps its memory: from the second step on, nothing is allocated
    const Var logits = network(tape.constant(points));
    const Var loss = -mean(Categorical(logits).log_prob(labels));
    adam.step(tape.gradient(loss, adam.parameters()));
    value = loss.item();
    if (step % 100 == 99) std::printf("step %d: loss %.4f\n", step + 1, value);
  }
  return value < 0.05F ? 0 : 1;
}
