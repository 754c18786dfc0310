#include <doctest/doctest.h>

#include "eigengrad/nn/linear.hpp"
#include "eigengrad/ops/arithmetic.hpp"
#include "eigengrad/optim/adam.hpp"
#include "eigengrad/optim/clip.hpp"
#include "eigengrad/optim/schedules.hpp"
#include "eigengrad/optim/sgd.hpp"
#include "ops/op_test.hpp"

using namespace op_test;

TEST_CASE("Adam follows its formulas over several steps") {
  Rng rng(51);
  for (double decay : {0.0, 0.1}) {
    CAPTURE(decay);
    Parameter64 a(random(rng, {3, 5})), b(random(rng, {101}));
    const AdamOptions o{
        .learning_rate = 0.01, .beta1 = 0.5, .beta2 = 0.99, .epsilon = 1e-6, .weight_decay = decay};
    BasicAdam<double> adam({&a, &b}, o);
    std::vector<Tensor64> p{a.value().clone(), b.value().clone()},
        m{Tensor64::zeros({3, 5}), Tensor64::zeros({101})},
        v = {Tensor64::zeros({3, 5}), Tensor64::zeros({101})};
    for (int t = 1; t <= 5; ++t) {
      const BasicTensorList<double> g{random(rng, {3, 5}), random(rng, {101})};
      adam.step(g);
      for (std::size_t i = 0; i < 2; ++i) {
        m[i].mutable_array() = o.beta1 * m[i].array() + (1 - o.beta1) * g[i].array();
        v[i].mutable_array() = o.beta2 * v[i].array() + (1 - o.beta2) * g[i].array().square();
        p[i].mutable_array() = (1 - o.learning_rate * decay) * p[i].array() -
                               o.learning_rate * (m[i].array() / (1 - std::pow(o.beta1, t))) /
                                   ((v[i].array() / (1 - std::pow(o.beta2, t))).sqrt() + o.epsilon);
        CHECK(largest_difference(adam.parameters()[i]->value(), p[i]) < 1e-14);
      }
    }
    CHECK(adam.step_count() == 5);
    CHECK(largest_difference(a.value(), p[0]) < 1e-14);
  }
}

TEST_CASE("Sgd follows its formulas over several steps") {
  Rng rng(52);
  for (int setting = 0; setting < 6; ++setting) {
    const double momentum = setting % 2 * 0.9, decay = setting / 2 * 0.2;
    const bool nesterov = setting == 5;
    CAPTURE(nesterov);
    CAPTURE(momentum);
    CAPTURE(decay);
    Parameter64 a(random(rng, {67}));
    BasicSgd<double> sgd(
        {&a}, {.learning_rate = 0.1, .momentum = momentum, .weight_decay = decay, .nesterov = nesterov});
    Tensor64 p = a.value().clone(), velocity = Tensor64::zeros({67});
    for (int t = 0; t < 4; ++t) {
      const BasicTensorList<double> g{random(rng, {67})};
      sgd.step(g);
      const Tensor64 d(g[0].array() + decay * p.array());
      velocity.mutable_array() = momentum * velocity.array() + d.array();
      if (nesterov)
        p.mutable_array() -= 0.1 * (d.array() + momentum * velocity.array());
      else
        p.mutable_array() -= 0.1 * velocity.array();
      CHECK(largest_difference(a.value(), p) < 1e-15);
    }
  }
}

TEST_CASE("optimisers converge on a quadratic") {
  const auto minimize = [](auto make) {
    Parameter64 x(Tensor64({2}, {3, -2}));
    auto optimizer = make(x);
    BasicTape<double> tape;
    for (int i = 0; i < 500; ++i) {
      tape.clear();
      const auto d = tape.parameter(x) - tape.constant(Tensor64({2}, {1, 4}));
      optimizer.step(tape.gradient(sum_to(d * d, {}), optimizer.parameters()));
    }
    return largest_difference(x.value(), Tensor64({2}, {1, 4}));
  };
  CHECK(minimize([](Parameter64& x) { return BasicAdam<double>({&x}, {.learning_rate = 0.1}); }) < 1e-3);
  CHECK(minimize([](Parameter64& x) { return BasicSgd<double>({&x}, {.learning_rate = 0.1}); }) < 1e-10);
  CHECK(minimize([](Parameter64& x) {
          return BasicSgd<double>({&x}, {.learning_rate = 0.01, .momentum = 0.9});
        }) < 1e-9);
}

namespace {

/// What some steps leave of a network's parameters: layers of more than a tile, and a product whose left
/// factor is a parameter, too, that the step changes first.
template <class Make>
std::vector<Tensor> trained(bool lazy, Make make) {
  Rng rng(57);
  const Tensor x = rng.normal<float>({64, 40}, 0, 1);
  nn::Linear first(40, 200, rng), second(200, 33, rng);
  Parameter rows(rng.normal<float>({64, 50}, 0, 1)), weight(rng.normal<float>({50, 33}, 0, 1));
  ParameterList list = parameters(first, second);
  list.push_back(&rows);
  list.push_back(&weight);
  auto optimizer = make(list);
  Tape tape;
  for (int step = 0; step < 3; ++step) {
    tape.clear();
    const Var hidden = first(tape.constant(x));
    const Var y = second(hidden * hidden) + linear(tape.parameter(rows), tape.parameter(weight));
    const Var loss = sum_to(y * y, {}) * 1e-3;
    if (lazy)
      optimizer.step(tape.lazy_gradient(loss, optimizer.parameters()));
    else
      optimizer.step(tape.gradient(loss, optimizer.parameters()));
  }
  std::vector<Tensor> values;
  for (const Parameter* parameter : list) values.push_back(parameter->value());
  return values;
}

}  // namespace

TEST_CASE("lazy gradients train to the same bits") {
  const auto check_same = [](auto make) {
    const std::vector<Tensor> eager = trained(false, make), lazy = trained(true, make);
    for (std::size_t i = 0; i < eager.size(); ++i) {
      CAPTURE(i);
      CHECK(same_bits(lazy[i], eager[i]));
    }
  };
  check_same(
      [](const ParameterList& list) { return Adam(list, {.learning_rate = 0.01, .weight_decay = 0.1}); });
  check_same([](const ParameterList& list) { return Sgd(list, {.learning_rate = 1e-3, .momentum = 0.9}); });
}

TEST_CASE("optimisers: errors name the parameter and the shapes, and change nothing") {
  Parameter a(Tensor::ones({2, 3})), b(Tensor::ones({4}));
  Adam adam({&a, &b});
  CHECK_THROWS_WITH_AS(adam.step(TensorList{Tensor::ones({2, 3})}), "Adam: 1 gradients for 2 parameters",
                       Error);
  CHECK_THROWS_WITH_AS(adam.step(TensorList{Tensor::ones({2, 3}), Tensor::ones({3})}),
                       "Adam: gradient 1 is [3], parameter 1 is [4]", Error);
  const Gradient product(Tensor::ones({5, 3}), Tensor::ones({5, 2}));
  CHECK_THROWS_WITH_AS(adam.step(GradientList{product, Tensor::ones({4})}),
                       "Adam: gradient 0 is [3, 2], parameter 0 is [2, 3]", Error);
  CHECK(adam.step_count() == 0);
  CHECK(a.value()(0, 0) == 1);
  CHECK_THROWS_WITH_AS(Adam({&a, &b, &a}), "Adam: parameter 2 of shape [2, 3] is in the list twice", Error);
  CHECK_THROWS_WITH_AS(Adam({&a}, {.learning_rate = -1}),
                       "Adam: learning_rate is -1; it must be finite and not negative", Error);
  CHECK_THROWS_WITH_AS(adam.set_learning_rate(std::nan("")),
                       "Adam: learning_rate is nan; it must be finite and not negative", Error);
  CHECK_THROWS_WITH_AS(Adam({&a}, {.beta1 = 1}), "Adam: beta1 is 1, beta2 is 0.999; both must lie in [0, 1)",
                       Error);
  CHECK_THROWS_WITH_AS(Adam({&a}, {.epsilon = -1}),
                       "Adam: epsilon is -1, weight_decay is 0; both must be finite and not negative", Error);
  Sgd sgd({&a});
  CHECK_THROWS_WITH_AS(sgd.step(TensorList{Tensor::ones({6})}),
                       "Sgd: gradient 0 is [6], parameter 0 is [2, 3]", Error);
  CHECK_THROWS_WITH_AS(
      Sgd({&a}, {.momentum = 1}),
      "Sgd: momentum is 1, weight_decay is 0; momentum must lie in [0, 1), weight_decay must be "
      "finite and not negative",
      Error);
}

TEST_CASE("optimisers do not hide values that are not finite") {
  Parameter a(Tensor::ones({3}));
  Adam adam({&a});
  adam.step(TensorList{Tensor({3}, {1, std::nanf(""), 1})});
  CHECK(std::isnan(a.value()(1)));
  CHECK_FALSE(std::isnan(a.value()(0)));
}

TEST_CASE("optimisers follow their parameters when the module moves, and write in place") {
  Rng rng(53);
  nn::Linear layer(2, 1, rng);
  Adam adam(parameters(layer), {.learning_rate = 0.1});
  const nn::Linear moved = std::move(layer);
  const float* const buffer = moved.weight.value().data();
  const float before = moved.weight.value()(0, 0);
  Tape tape;
  for (int i = 0; i < 2; ++i) {
    tape.clear();
    const Var y = moved(tape.constant(Tensor({1, 2}, {3, 4})));
    adam.step(tape.gradient(y, adam.parameters()));
  }
  CHECK(moved.weight.value()(0, 0) == doctest::Approx(before - 0.2f));
  CHECK(moved.weight.value().data() == buffer);
}

TEST_CASE("assigning to a module keeps its parameters with the optimiser") {
  Rng rng(54);
  nn::Linear layer(2, 1, rng);
  const nn::Linear other(2, 1, rng);
  Adam adam(parameters(layer), {.learning_rate = 0.1});
  layer = other;
  CHECK(layer.weight.value()(0, 0) == other.weight.value()(0, 0));
  adam.step(TensorList{Tensor::ones({2, 1}), Tensor::ones({1})});
  CHECK(layer.weight.value()(0, 0) == doctest::Approx(other.weight.value()(0, 0) - 0.1f));
}

TEST_CASE("Adam continues bit for bit from its visited state") {
  Rng rng(55);
  Parameter a(rng.normal({17})), b(rng.normal({2, 3}));
  Adam adam({&a, &b}, {.learning_rate = 0.01});
  const auto random_gradients = [](int step) {
    Rng noise(static_cast<std::uint64_t>(step));
    return TensorList{noise.normal({17}), noise.normal({2, 3})};
  };
  for (int i = 0; i < 3; ++i) adam.step(random_gradients(i));

  Parameter a2(a), b2(b);
  Adam restored({&a2, &b2}, {.learning_rate = 0.01});
  const auto saved = named_tensors(adam), target = named_tensors(restored);
  REQUIRE(saved.size() == 4);
  CHECK(saved[0].name() == "m.0");
  CHECK(saved[3].name() == "v.1");
  for (std::size_t i = 0; i < saved.size(); ++i) target[i].assign(saved[i].value());
  *named_counters(restored)[0].value = *named_counters(adam)[0].value;
  CHECK(restored.step_count() == 3);
  for (int i = 3; i < 6; ++i) {
    adam.step(random_gradients(i));
    restored.step(random_gradients(i));
  }
  CHECK(same_bits(a.value(), a2.value()));
  CHECK(same_bits(b.value(), b2.value()));
  CHECK_FALSE(same_bits(saved[0].value(), Tensor::zeros({17})));
}

TEST_CASE("the learning rate may change between steps") {
  Parameter a(Tensor::ones({1}));
  Sgd sgd({&a}, {.learning_rate = 1});
  sgd.set_learning_rate(0.25);
  CHECK(sgd.learning_rate() == 0.25);
  sgd.step(TensorList{Tensor::ones({1})});
  CHECK(a.value()(0) == 0.75f);
}

TEST_CASE("clip_by_norm scales all gradients together and returns the norm before") {
  TensorList gradients{Tensor({2}, {3, 0}), Tensor({1, 1}, {4})};
  const Tensor shared = gradients[0];
  CHECK(clip_by_norm(gradients, 10) == doctest::Approx(5));
  CHECK(gradients[0](0) == 3);
  CHECK(clip_by_norm(gradients, 2.5) == doctest::Approx(5));
  CHECK(gradients[0](0) == doctest::Approx(1.5));
  CHECK(gradients[1](0, 0) == doctest::Approx(2));
  CHECK(shared(0) == 3);
  CHECK_THROWS_WITH_AS(clip_by_norm(gradients, -1), "clip_by_norm: max_norm is -1; it must be positive",
                       Error);
  TensorList broken{Tensor({2}, {std::nanf(""), 1})};
  CHECK(std::isnan(clip_by_norm(broken, 1)));
  CHECK(std::isnan(broken[0](0)));
  TensorList none;
  CHECK(clip_by_norm(none, 1) == 0);
}

TEST_CASE("schedules") {
  CHECK(linear_warmup(2, 0, 4) == 0.5);
  CHECK(linear_warmup(2, 3, 4) == 2);
  CHECK(linear_warmup(2, 100, 4) == 2);
  CHECK(linear_warmup(2, 0, 0) == 2);
  CHECK(cosine_decay(2, 0, 10) == 2);
  CHECK(cosine_decay(2, 5, 10, 1) == doctest::Approx(1.5));
  CHECK(cosine_decay(2, 10, 10, 1) == 1);
  CHECK(cosine_decay(2, 11, 10) == 0);
  CHECK(exponential_decay(2, 3, 0.5) == 0.25);
  CHECK(exponential_decay(2, 3, 0.25, 6) == doctest::Approx(1));
  CHECK_THROWS_WITH_AS(exponential_decay(1, 1, 0.5, 0),
                       "exponential_decay: steps is 0; it must be at least 1", Error);
}
