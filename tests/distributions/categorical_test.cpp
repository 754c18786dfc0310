#include "eigengrad/distributions/categorical.hpp"

#include "ops/op_test.hpp"

using namespace op_test;

TEST_CASE("Categorical: both orders of gradients") {
  Rng rng(1);
  for (const Shape& shape : {Shape{4}, {3, 5}, {2, 3, 4}, {3, 1}}) {
    CAPTURE(to_string(shape));
    const Tensor64 l = rng.uniform<double>(shape, -3, 3), other = rng.uniform<double>(shape, -3, 3);
    const auto labels = rng.categorical(shape.rows(), shape.features());
    const auto log_prob = [&labels](Var64 a) { return BasicCategorical(a).log_prob(labels); };
    CHECK(gradcheck(log_prob, l));
    CHECK(gradcheck_second_order(log_prob, l));
    const auto entropy = [](Var64 a) { return BasicCategorical(a).entropy(); };
    CHECK(gradcheck(entropy, l));
    CHECK(gradcheck_second_order(entropy, l));
    const auto divergence = [](Var64 a, Var64 b) { return kl(BasicCategorical(a), BasicCategorical(b)); };
    CHECK(gradcheck(divergence, l, other));
    CHECK(gradcheck_second_order(divergence, l, other));
    const auto cross = [](Var64 a, Var64 b) { return cross_entropy(BasicCategorical(a), BasicCategorical(b)); };
    CHECK(gradcheck(cross, l, other));
    CHECK(gradcheck_second_order(cross, l, other));
  }
}

TEST_CASE_TEMPLATE("Categorical: values for logits up to 1e4", T, float, double) {
  BasicTape<T> tape;
  const BasicCategorical d(tape.variable(BasicTensor<T>({3, 3}, {T(1e4), 0, T(-1e4), 1, 2, 3, 5, 5, 5})));
  const Index labels[] = {2, 1, 0};
  const BasicVar<T> log_p = d.log_prob(labels);
  CHECK(log_p.shape() == Shape{3});
  CHECK(log_p.value()(0) == T(-2e4));
  CHECK(log_p.value()(1) == doctest::Approx(2 - std::log(std::exp(1) + std::exp(2) + std::exp(3))).epsilon(1e-6));
  CHECK(log_p.value()(2) == doctest::Approx(-std::log(3.0)).epsilon(1e-6));
  const BasicTensor<T> slope = tape.gradient(sum(log_p), {d.logits()})[0];
  CHECK(slope(0, 0) == -1);
  CHECK(slope(0, 2) == 1);
  CHECK(slope(2, 0) == doctest::Approx(2.0 / 3).epsilon(1e-6));
  const BasicTensor<T> entropy = d.entropy().value();
  CHECK(entropy(0) == 0);
  CHECK(entropy(2) == doctest::Approx(std::log(3.0)).epsilon(1e-6));
  const BasicTensor<T> none = kl(d, d).value();
  CHECK(none.array().abs().maxCoeff() == 0);
  const BasicCategorical opposite(tape.constant(BasicTensor<T>({3}, {T(-1e4), 0, T(1e4)})));
  CHECK(kl(d, opposite).value()(0) == doctest::Approx(2e4));
}

TEST_CASE("Categorical: samples have the right frequencies") {
  Tape tape;
  Rng rng(3);
  constexpr Index n = 100'000;
  const Tensor logits({4}, {0, 1, -30000, 2});
  const Categorical d(broadcast_to(tape.constant(logits), {n, 4}));
  const auto labels = d.sample(rng);
  REQUIRE(labels.size() == n);
  double frequency[4] = {};
  for (Index label : labels) {
    REQUIRE(label >= 0);
    REQUIRE(label < 4);
    frequency[label] += 1.0 / n;
  }
  const double total = 1 + std::exp(1.0) + std::exp(2.0);
  for (int k : {0, 1, 3}) {
    const double p = std::exp(static_cast<double>(logits(k))) / total;
    CHECK(std::abs(frequency[k] - p) < 5 * std::sqrt(p * (1 - p) / n));
  }
  CHECK(frequency[2] == 0);
}

TEST_CASE("Categorical: error texts") {
  Tape tape;
  const Categorical d(tape.constant(Tensor::zeros({2, 3})));
  const Index few[] = {1}, wrong[] = {1, 3}, negative[] = {-1, 0};
  CHECK_THROWS_WITH_AS(
      d.log_prob(few),
      "Categorical::log_prob: logits is [2, 3], there are 1 labels; one is needed for each of the 2 rows",
      Error);
  CHECK_THROWS_WITH_AS(
      d.log_prob(wrong),
      "Categorical::log_prob: label 3 in row 1 is not one of the 3 classes; logits is [2, 3]", Error);
  CHECK_THROWS_AS(d.log_prob(negative), Error);
  CHECK_THROWS_WITH_AS(Categorical(tape.constant(Tensor::scalar(1))),
                       "Categorical: logits is []; it must be [..., K] with K >= 1", Error);
  CHECK_THROWS_AS(Categorical(tape.constant(Tensor::zeros({3, 0}))), Error);
  CHECK_THROWS_WITH_AS(kl(d, Categorical(tape.constant(Tensor::zeros({2, 4})))),
                       "kl: p has 3 classes, q has 4; they must be equal", Error);
}
