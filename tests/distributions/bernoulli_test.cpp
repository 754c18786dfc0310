#include "eigengrad/distributions/bernoulli.hpp"

#include "ops/op_test.hpp"

using namespace op_test;

TEST_CASE("Bernoulli: both orders of gradients") {
  Rng rng(1);
  for (const auto& pair :
       {std::pair(Shape{3, 4}, Shape{3, 4}), {{3, 4}, {4}}, {{4}, {3, 4}}, {{}, {5}}, {{0}, {0}}}) {
    const Shape &logits = pair.first, &x = pair.second;
    CAPTURE(to_string(logits));
    CAPTURE(to_string(x));
    const Tensor64 l = random_away(rng, logits, -4, 4, {0}), values = rng.uniform<double>(x, 0.1, 0.9);
    const auto log_prob = [](Var64 a, Var64 b) { return BasicBernoulli(a).log_prob(b); };
    CHECK(gradcheck(log_prob, l, values));
    CHECK(gradcheck_second_order(log_prob, l, values));
    const Tensor64 other = random_away(rng, x, -4, 4, {0});
    const auto divergence = [](Var64 a, Var64 b) { return kl(BasicBernoulli(a), BasicBernoulli(b)); };
    CHECK(gradcheck(divergence, l, other));
    CHECK(gradcheck_second_order(divergence, l, other));
    const auto cross = [](Var64 a, Var64 b) { return cross_entropy(BasicBernoulli(a), BasicBernoulli(b)); };
    CHECK(gradcheck(cross, l, other));
    CHECK(gradcheck_second_order(cross, l, other));
    const auto entropy = [](Var64 a) { return BasicBernoulli(a).entropy(); };
    CHECK(gradcheck(entropy, l));
    CHECK(gradcheck_second_order(entropy, l));
  }
}

TEST_CASE_TEMPLATE("Bernoulli: values and slopes for logits up to 1e4", T, float, double) {
  for (const double l : {-1e4, -200.0, -3.0, 0.0, 3.0, 200.0, 1e4})
    for (const double x : {0.0, 0.3, 1.0}) {
      CAPTURE(l);
      CAPTURE(x);
      const double tail = std::log1p(std::exp(-std::abs(l)));
      const double log_p = std::min(l, 0.0) - tail, log_q = std::min(-l, 0.0) - tail;
      const auto [value, slope] = evaluate<T>([x](BasicVar<T> a) { return BasicBernoulli(a).log_prob(x); }, l);
      CHECK(close(value, (x == 0 ? 0 : x * log_p) + (x == 1 ? 0 : (1 - x) * log_q), 8));
      CHECK(std::abs(static_cast<double>(slope) - (x - std::exp(log_p))) <=
            8 * static_cast<double>(std::numeric_limits<T>::epsilon()));
      const double p = std::exp(log_p), q = std::exp(log_q);
      const auto entropy = evaluate<T>([](BasicVar<T> a) { return BasicBernoulli(a).entropy(); }, l);
      CHECK(close(entropy.value, -(p > 0 ? p * log_p : 0) - (q > 0 ? q * log_q : 0), 16));
      CHECK(std::isfinite(entropy.slope));
    }
  BasicTape<T> tape;
  const auto at = [&tape](double l) { return BasicBernoulli(tape.constant(BasicTensor<T>::scalar(l))); };
  CHECK(kl(at(1e4), at(-1e4)).item() == doctest::Approx(1e4));
  CHECK(kl(at(-1e4), at(-1e4)).item() == 0);
  CHECK(kl(at(0.5), at(0.5)).item() == 0);
  CHECK(cross_entropy(at(0.7), at(0.7)).item() == doctest::Approx(at(0.7).entropy().item()).epsilon(1e-6));
}

TEST_CASE("Bernoulli: samples have the right mean") {
  Tape tape;
  Rng rng(2);
  constexpr Index n = 100'000;
  const Tensor logits({3}, {-1, 0, 2});
  const Bernoulli d(broadcast_to(tape.constant(logits), {n, 3}));
  const Tensor x = d.sample(rng);
  CHECK(x.shape() == Shape{n, 3});
  for (Index k = 0; k < 3; ++k) {
    double mean = 0;
    for (Index i = 0; i < n; ++i) {
      const float value = x(i, k);
      if (value != 0 && value != 1) FAIL_CHECK("a sample is neither 0 nor 1");
      mean += value / n;
    }
    const double p = 1 / (1 + std::exp(-static_cast<double>(logits(k))));
    CHECK(std::abs(mean - p) < 5 * std::sqrt(p * (1 - p) / n));
  }
  const Bernoulli sure(tape.constant(Tensor({2}, {1e4f, -1e4f})));
  const Tensor certain = sure.sample(rng);
  CHECK(certain(0) == 1);
  CHECK(certain(1) == 0);
}

TEST_CASE("Bernoulli: error texts") {
  Tape tape;
  const Bernoulli d(tape.constant(Tensor::zeros({2, 3})));
  CHECK_THROWS_WITH_AS(d.log_prob(Tensor::full({2, 3}, 2)),
                       "Bernoulli::log_prob: element 0 of x, of shape [2, 3], is 2; it must lie in [0, 1]",
                       Error);
  CHECK_THROWS_AS(d.log_prob(-0.1), Error);
  CHECK_THROWS_AS(d.log_prob(Tensor::zeros({2})), Error);
}
