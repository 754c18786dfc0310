// Threads: what two give the large step, and that they cost a small network nothing.
#include <memory>

#include "infogan/trainer.hpp"
#include "suite.hpp"

namespace bench {
namespace {

using namespace eigengrad;

struct SmallNetwork {
  nn::Linear hidden1, hidden2, output;

  explicit SmallNetwork(Rng& rng) : hidden1(60, 60, rng), hidden2(60, 60, rng), output(60, 10, rng) {}
  Var operator()(Var x) const { return output(tanh(hidden2(tanh(hidden1(x))))); }
  template <class Visitor>
  void visit(Visitor&& visitor) {
    visitor("hidden1", hidden1);
    visitor("hidden2", hidden2);
    visitor("output", output);
  }
};

struct SmallTraining {
  Rng rng{1};
  SmallNetwork network{rng};
  Adam adam{parameters(network)};
  Tensor x = rng.normal<float>({60, 60}, 0, 1);
  std::vector<Index, PoolAllocator<Index>> labels = rng.categorical(60, 10);
  Tape tape;

  void step() {
    tape.clear();
    const Var loss = -mean(Categorical(network(tape.constant(x))).log_prob(labels));
    adam.step(tape.gradient(loss, adam.parameters()));
  }
};

struct LargeTraining {
  infogan::Trainer<float> trainer{infogan::paper_settings(), {}};
  Tensor images = Rng(1).uniform<float>({128, 28, 28, 1}, 0, 1);

  void step() { trainer.step(images); }
};

/// The same training with all threads, and with one.
template <class Training>
std::vector<Contender> prepare() {
  const auto training = std::make_shared<Training>();
  training->step();
  return {{"ours", [training] { training->step(); }}, {"one thread", [training] {
                                                         const int threads = thread_count();
                                                         set_thread_count(1);
                                                         training->step();
                                                         set_thread_count(threads);
                                                       }}};
}

}  // namespace

void add_scaling(Suite& suite, const Options& options) {
  Row row{"scaling/InfoGAN step", Limit::multiply_adds, 36.9e9, true, prepare<LargeTraining>};
  row.seconds_per_repetition = options.quick ? 0.25 : 0.5;  // several steps, like the step's own row
  suite.push_back(std::move(row));
  suite.push_back(
      {"scaling/step of a 60-60-60-10 perceptron", Limit::none, 1, false, prepare<SmallTraining>});
}

}  // namespace bench
