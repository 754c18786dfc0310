#include "eigengrad/distributions/normal.hpp"

#include "eigengrad/ops/reduce.hpp"
#include "ops/op_test.hpp"

using namespace op_test;

TEST_CASE("Normal: both orders of gradients") {
  Rng rng(1);
  for (const auto& pair : {std::pair(Shape{3, 4}, Shape{3, 4}), {{3, 4}, {4}}, {{4}, {3, 1}}, {{}, {2}}}) {
    const Shape &mean_shape = pair.first, &std_shape = pair.second;
    CAPTURE(to_string(mean_shape));
    CAPTURE(to_string(std_shape));
    const Tensor64 mean = rng.uniform<double>(mean_shape, -2, 2), s = rng.uniform<double>(std_shape, -1, 1);
    const Tensor64 x = rng.uniform<double>(broadcast_shape("x", mean_shape, std_shape), -2, 2);
    const auto log_prob = [](Var64 v, Var64 m, Var64 t) { return BasicNormal(m, t).log_prob(v); };
    CHECK(gradcheck(log_prob, x, mean, s));
    CHECK(gradcheck_second_order(log_prob, x, mean, s));
    const auto divergence = [](Var64 m, Var64 u, Var64 n, Var64 t) {
      return kl(BasicNormal(m, u), BasicNormal(n, t));
    };
    const Tensor64 other_mean = rng.uniform<double>(mean_shape, -2, 2),
                   other_s = rng.uniform<double>(std_shape, -1, 1);
    CHECK(gradcheck(divergence, mean, s, other_mean, other_s));
    CHECK(gradcheck_second_order(divergence, mean, s, other_mean, other_s));
    const auto entropy = [](Var64 m, Var64 t) { return BasicNormal(m, t).entropy(); };
    CHECK(gradcheck(entropy, mean, s));
    CHECK(gradcheck_second_order(entropy, mean, s));
    const auto reparameterised = [](Var64 m, Var64 t) {
      Rng noise(7);  // the same at every call
      return BasicNormal(m, t).sample(noise);
    };
    CHECK(gradcheck(reparameterised, mean, s));
    CHECK(gradcheck_second_order(reparameterised, mean, s));
  }
}

TEST_CASE_TEMPLATE("Normal: log-density, entropy and KL by their formulas", T, float, double) {
  BasicTape<T> tape;
  const auto number = [&tape](double v) { return tape.constant(BasicTensor<T>::scalar(v)); };
  const BasicNormal d(number(1.5), number(0.5));
  const double std = std::exp(0.5), z = (0.2 - 1.5) / std;
  CHECK(d.log_prob(number(0.2)).item() ==
        doctest::Approx(-z * z / 2 - std::log(std * std::sqrt(2 * std::acos(-1.0)))).epsilon(1e-6));
  CHECK(d.entropy().item() ==
        doctest::Approx(0.5 * std::log(2 * std::acos(-1.0) * std::exp(1.0) * std * std)).epsilon(1e-6));
  CHECK(kl(d, BasicNormal<T>::standard(tape)).item() ==
        doctest::Approx((std * std + 1.5 * 1.5 - 1) / 2 - 0.5).epsilon(1e-6));
  CHECK(kl(d, d).item() == 0);
  CHECK(d.log_prob(number(1e4)).item() == doctest::Approx(-0.5 * std::pow((1e4 - 1.5) / std, 2)).epsilon(1e-5));
  CHECK(BasicNormal(number(1e4), number(0)).log_prob(number(-1e4)).item() == doctest::Approx(-2e8));
}

TEST_CASE("Normal: the density integrates to 1") {
  Tape64 tape;
  const Index n = 20'001;
  Tensor64 x = Tensor64::uninitialized({n});
  for (Index i = 0; i < n; ++i) x.mutable_data()[i] = -10 + 20.0 * static_cast<double>(i) / (n - 1);
  const BasicNormal d(tape.constant(Tensor64::scalar(0.3)), tape.constant(Tensor64::scalar(-0.4)));
  CHECK(sum(exp(d.log_prob(x))).item() * 20 / (n - 1) == doctest::Approx(1).epsilon(1e-9));
}

TEST_CASE("Normal: samples have the right moments") {
  Tape tape;
  Rng rng(4);
  constexpr Index n = 200'000;
  const Normal d(tape.constant(Tensor::full({n}, 2)), tape.constant(Tensor::scalar(std::log(3.0))));
  const Var x = d.sample(rng);
  CHECK(mean(x).item() == doctest::Approx(2).epsilon(5 * 3 / std::sqrt(n) / 2));
  CHECK(variance(x).item() == doctest::Approx(9).epsilon(5 * std::sqrt(2.0 / n)));
  const double log_density = mean(d.log_prob(x)).item(), entropy = mean(d.entropy()).item();
  CHECK(std::abs(log_density + entropy) < 5 * std::sqrt(0.5 / n));
}

TEST_CASE("Normal: error texts") {
  Tape tape;
  CHECK_THROWS_WITH_AS(
      Normal(tape.constant(Tensor::zeros({2})), tape.constant(Tensor::zeros({3}))),
      "Normal: a is [2], b is [3]; extents must be equal or 1, aligned at the last axis", Error);
  const Normal d(tape.constant(Tensor::zeros({2})), tape.constant(Tensor::zeros({2})));
  CHECK_THROWS_AS(d.log_prob(Tensor::zeros({3})), Error);
}
