// Operations and distributions against PyTorch.
#include <string>
#include <vector>

#include "golden/golden.hpp"

using namespace golden;

namespace {

/// Checks the gradients of <dy, y> with respect to `inputs` against d<name>.
void check_gradients(const Golden& golden, Var64 y, const std::vector<std::string>& names,
                     const std::vector<Var64>& inputs) {
  Tape64& tape = y.tape();
  const auto gradients = tape.gradient(sum(y * tape.constant(golden.tensor("dy"))), inputs);
  for (std::size_t i = 0; i < names.size(); ++i) golden.check(gradients[i], "d" + names[i]);
}

std::vector<Var64> variables(Tape64& tape, const Golden& golden, const std::vector<std::string>& names) {
  std::vector<Var64> result;
  for (const std::string& name : names) result.push_back(tape.variable(golden.tensor(name)));
  return result;
}

/// The cases case0, case1, ... of a file: y and its gradients.
template <class F>
void check_convolutions(const std::string& name, F f) {
  const std::vector<std::string> names = {"x", "w", "bias"};
  const Golden file(name);
  int count = 0;
  for (; file.contains("case" + std::to_string(count) + ".x"); ++count) {
    const Golden golden = file.under("case" + std::to_string(count) + ".");
    Tape64 tape;
    const auto inputs = variables(tape, golden, names);
    const Var64 y = f(golden, inputs[0], inputs[1], inputs[2]);
    golden.check(y.value(), "y");
    check_gradients(golden, y, names, inputs);
  }
  CHECK(count >= 8);
}

}  // namespace

TEST_CASE("golden: conv2d") {
  check_convolutions("conv2d", [](const Golden& golden, Var64 x, Var64 w, Var64 bias) {
    return conv2d(x, w, bias, {.stride = golden.integer("stride"), .padding = golden.integer("padding")});
  });
}

TEST_CASE("golden: conv_transpose2d") {
  check_convolutions("conv_transpose2d", [](const Golden& golden, Var64 x, Var64 w, Var64 bias) {
    return conv_transpose2d(x, w, bias,
                            {.stride = golden.integer("stride"),
                             .padding = golden.integer("padding"),
                             .output_padding = golden.integer("output_padding")});
  });
}

TEST_CASE("golden: batch_norm") {
  const std::vector<std::string> names = {"x", "gamma", "beta"};
  const Golden file("batch_norm");
  for (const char* rank : {"rank2", "rank4"}) {
    Tape64 tape;
    for (const char* kind : {"training_", "groups_"}) {
      const Golden golden = file.under(std::string(kind) + rank + ".");
      const auto in = variables(tape, golden, names);
      const Index groups = golden.contains("groups") ? golden.integer("groups") : 1;
      const auto result = batch_norm(in[0], in[1], in[2], {.epsilon = 1e-5, .groups = groups});
      golden.check(result.value.value(), "y");
      const Shape shape = golden.tensor("mean").shape();
      golden.check(result.mean.reshape(shape), "mean");
      golden.check(result.variance.reshape(shape), "variance");
      check_gradients(golden, result.value, names, in);
    }
    const Golden running = file.under(std::string("running_") + rank + ".");
    const auto in = variables(tape, running, names);
    const Var64 y = batch_norm(in[0], in[1], in[2], running.tensor("mean"), running.tensor("variance"), 1e-5);
    running.check(y.value(), "y");
    check_gradients(running, y, names, in);
  }
}

TEST_CASE("golden: nn::BatchNorm updates its running statistics as PyTorch does") {
  const Golden file("batch_norm");
  for (const char* rank : {"rank2", "rank4"}) {
    const Golden golden = file.under(std::string("update_") + rank + ".");
    const Tensor64 x = golden.tensor("x");
    nn::BasicBatchNorm<double> norm(x.shape().features(), {.momentum = golden.number("momentum")});
    norm.running_mean = golden.tensor("running_mean");
    norm.running_variance = golden.tensor("running_variance");
    Tape64 tape;
    norm(tape.constant(x), nn::BatchNormMode::update);
    golden.check(norm.running_mean, "new_running_mean");
    golden.check(norm.running_variance, "new_running_variance");
  }
}

TEST_CASE("golden: Bernoulli") {
  const Golden golden = Golden("distributions").under("bernoulli.");
  Tape64 tape;
  const Var64 logits = tape.variable(golden.tensor("logits"));
  const BasicBernoulli<double> p(logits), q(tape.constant(golden.tensor("other_logits")));
  const Var64 log_prob = p.log_prob(golden.tensor("x"));
  golden.check(log_prob.value(), "log_prob");
  golden.check(tape.gradient(sum(log_prob), {logits})[0], "dlogits");
  golden.check(p.entropy().value(), "entropy");
  golden.check(kl(p, q).value(), "kl");
}

TEST_CASE("golden: Categorical") {
  const Golden golden = Golden("distributions").under("categorical.");
  Tape64 tape;
  const Var64 logits = tape.variable(golden.tensor("logits"));
  const BasicCategorical<double> p(logits), q(tape.constant(golden.tensor("other_logits")));
  const Var64 log_prob = p.log_prob(golden.integers("labels"));
  golden.check(log_prob.value(), "log_prob");
  golden.check(tape.gradient(sum(log_prob), {logits})[0], "dlogits");
  golden.check(p.entropy().value(), "entropy");
  golden.check(kl(p, q).value(), "kl");
}

TEST_CASE("golden: Normal") {
  const std::vector<std::string> names = {"x", "mean", "log_std"};
  const Golden golden = Golden("distributions").under("normal.");
  Tape64 tape;
  const auto in = variables(tape, golden, names);
  const BasicNormal<double> p(in[1], in[2]);
  const BasicNormal<double> q(tape.constant(golden.tensor("other_mean")),
                              tape.constant(golden.tensor("other_log_std")));
  const Var64 log_prob = p.log_prob(in[0]);
  golden.check(log_prob.value(), "log_prob");
  const auto gradients = tape.gradient(sum(log_prob), in);
  for (std::size_t i = 0; i < names.size(); ++i) golden.check(gradients[i], "d" + names[i]);
  golden.check(p.entropy().value(), "entropy");
  golden.check(kl(p, q).value(), "kl");
}

TEST_CASE("golden: Uniform") {
  const Golden golden = Golden("distributions").under("uniform.");
  const BasicUniform<double> p(golden.number("low"), golden.number("high"));
  const BasicUniform<double> q(golden.number("other_low"), golden.number("other_high"));
  golden.check(p.log_prob(golden.tensor("x")), "log_prob");
  golden.check(Tensor64::scalar(p.entropy()), "entropy");
  golden.check(Tensor64::scalar(kl(p, q)), "kl");
}
