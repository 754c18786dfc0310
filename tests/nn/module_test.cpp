#include "eigengrad/nn/module.hpp"

#include <doctest/doctest.h>

#include "eigengrad/nn/batch_norm.hpp"
#include "eigengrad/nn/linear.hpp"

using namespace eigengrad;

namespace {

struct Block {
  nn::Linear linear;
  nn::BatchNorm norm;

  Block(Index in, Index out, Rng& rng) : linear(in, out, rng), norm(out) {}

  Var operator()(Var x, nn::BatchNormMode mode) { return norm(linear(x), mode); }

  template <class Visitor>
  void visit(Visitor&& visitor) {
    visitor("linear", linear);
    visitor("norm", norm);
  }
};

struct Network {
  Block first;
  std::vector<nn::Linear> heads;
  std::int64_t calls = 0;

  explicit Network(Rng& rng) : first(3, 4, rng) {
    heads.emplace_back(4, 1, rng);
    heads.emplace_back(4, 2, rng, nn::LinearOptions{.bias = false});
  }

  template <class Visitor>
  void visit(Visitor&& visitor) {
    visitor("first", first);
    visitor("heads", heads);
    visitor("calls", calls);
  }
};

struct Network64 {
  using Scalar = double;
  nn::BasicLinear<double> layer;

  template <class Visitor>
  void visit(Visitor&& visitor) {
    visitor("layer", layer);
  }
};

template <class List>
std::string names(const List& list) {
  std::string text;
  for (const auto& item : list) text += item.name() + " ";
  return text;
}

}  // namespace

TEST_CASE("modules: parameters, buffers and counters are found through visit, in order, with dotted names") {
  Rng rng(1);
  Network network(rng);
  CHECK(names(named_parameters(network)) ==
        "first.linear.weight first.linear.bias first.norm.gamma first.norm.beta heads.0.weight heads.0.bias "
        "heads.1.weight ");
  CHECK(names(named_tensors(network)) ==
        "first.linear.weight first.linear.bias first.norm.gamma first.norm.beta first.norm.running_mean "
        "first.norm.running_variance heads.0.weight heads.0.bias heads.1.weight ");
  const auto counters = named_counters(network);
  REQUIRE(counters.size() == 1);
  CHECK(counters[0].name == "calls");
  CHECK(counters[0].value == &network.calls);
  CHECK(parameter_count(network) == 3 * 4 + 4 + 4 + 4 + 4 + 1 + 8);
  const ParameterList list = parameters(network);
  REQUIRE(list.size() == 7);
  CHECK(list[0] == &network.first.linear.weight);
  CHECK(list[6] == &network.heads[1].weight);
}

TEST_CASE("modules: the parameters of several modules follow each other") {
  Rng rng(1);
  Network network(rng);
  nn::Linear other(2, 2, rng);
  const ParameterList list = parameters(other, network);
  REQUIRE(list.size() == 9);
  CHECK(list[0] == &other.weight);
  CHECK(list[2] == &network.first.linear.weight);
}

TEST_CASE("modules: a module in double names its scalar") {
  Rng rng(1);
  Network64 network{nn::BasicLinear<double>(2, 3, rng)};
  const BasicParameterList<double> list = parameters(network);
  CHECK(list.size() == 2);
  CHECK(parameter_count(network) == 9);
}

TEST_CASE("named tensors: assigning writes the module, counts as a change and keeps the shape") {
  Rng rng(1);
  Network network(rng);
  Tape tape;
  const Var leaf = tape.parameter(network.first.norm.gamma);
  for (const NamedTensor& tensor : named_tensors(network)) tensor.assign(Tensor::full(tensor.shape(), 7));
  CHECK(network.first.norm.gamma.value()(3) == 7);
  CHECK(network.first.norm.running_variance(0) == 7);
  CHECK_THROWS_AS(leaf.value(), Error);
  CHECK_THROWS_WITH_AS(named_tensors(network)[0].assign(Tensor::zeros({3})),
                       "first.linear.weight: assigned value is [3], the module has [3, 4]", Error);
}

TEST_CASE("modules: a copy has parameters of its own, a moved module keeps them") {
  Rng rng(1);
  Network network(rng);
  Network copy = network;
  copy.first.linear.weight.mutable_value() = Tensor::zeros({3, 4});
  copy.first.norm.running_mean.mutable_data()[0] = 5;
  CHECK(network.first.linear.weight.value()(0, 0) != 0);
  CHECK(network.first.norm.running_mean(0) == 0);

  const auto cell = network.heads[0].weight.cell();
  const Network moved = std::move(network);
  CHECK(moved.heads[0].weight.cell() == cell);
}
