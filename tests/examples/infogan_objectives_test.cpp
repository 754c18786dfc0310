// What is added to the paper's InfoGAN: objectives on what images say of codes, and schedules.
#include "infogan/objectives.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "eigengrad/autodiff/gradcheck.hpp"
#include "infogan/attributes.hpp"
#include "infogan/settings.hpp"

namespace infogan {

TEST_CASE("consistency: -ln K where every q is certain, copies agree and classes are equally frequent") {
  BasicTape<double> tape;
  const double sure = 50;
  auto certain = BasicTensor<double>::zeros({6, 3});
  for (Index i = 0; i < 6; ++i) certain.mutable_at(i, i % 3) = sure;
  const auto logits = tape.constant(certain), nothing = tape.constant(BasicTensor<double>::zeros({6, 3}));
  CHECK(consistency_objective(logits, logits).item() == doctest::Approx(-std::log(3.0)).epsilon(1e-6));
  CHECK(consistency_objective(nothing, nothing).item() == doctest::Approx(0).epsilon(1e-6));  // ln K - ln K
  auto one = BasicTensor<double>::zeros({6, 3});
  for (Index i = 0; i < 6; ++i) one.mutable_at(i, 0) = sure;
  CHECK(std::abs(consistency_objective(tape.constant(one), tape.constant(one)).item()) <
        1e-6);  // one class only
  auto other = BasicTensor<double>::zeros({6, 3});
  for (Index i = 0; i < 6; ++i) other.mutable_at(i, (i + 1) % 3) = 4;
  CHECK(consistency_objective(logits, tape.constant(other)).item() > 2);  // copies of another class
}

TEST_CASE("consistency: as a loop over images and classes says, and with its gradients") {
  const auto a = Rng(1).normal<double>({5, 3}), b = Rng(2).normal<double>({5, 3});
  Eigen::ArrayXXd q(5, 3), moved(5, 3);
  double expected = 0;
  for (Index i = 0; i < 5; ++i) {
    q.row(i) = a.matrix().row(i).array().exp();
    q.row(i) /= q.row(i).sum();
    moved.row(i) = b.matrix().row(i).array().exp();
    moved.row(i) /= moved.row(i).sum();
    expected -= std::log((q.row(i) * moved.row(i)).sum()) / 5;
  }
  constexpr double balance = 3;
  for (Index k = 0; k < 3; ++k) expected += balance * q.col(k).mean() * std::log(q.col(k).mean());
  const auto objective = [](BasicVar<double> x, BasicVar<double> y) {
    return consistency_objective(x, y, balance);
  };
  BasicTape<double> tape;
  CHECK(objective(tape.constant(a), tape.constant(b)).item() == doctest::Approx(expected).epsilon(1e-6));
  CHECK(gradcheck(objective, a, b));
}

TEST_CASE("attributes: minus the Gaussian log-likelihood of what is measured, of the codes that have one") {
  Settings settings;
  settings.categorical = {3};
  settings.continuous = 3;
  const Codes codes(settings);
  auto q = Rng(1).normal<double>({4, codes.outputs()});
  q.mutable_at(1, codes.outputs() - 3) = -7;  // the clamp holds it at -4
  for (Index count = 1; count <= 2; ++count) {
    const auto attributes = Rng(3).uniform<double>({4, count}, -1, 1);
    double expected = 0;
    for (Index i = 0; i < 4; ++i)
      for (Index j = 0; j < count; ++j) {
        const double mean = q(i, 3 + j), log_std = std::clamp(q(i, 6 + j), -4.0, 2.0);
        const double z = (attributes(i, j) - mean) / std::exp(log_std);
        expected += (z * z / 2 + log_std + std::log(2 * 3.14159265358979323846) / 2) / 4;
      }
    BasicTape<double> tape;
    CHECK(attribute_objective(codes, tape.constant(q), attributes).item() == doctest::Approx(expected));
    CHECK(gradcheck([&](BasicVar<double> x) { return attribute_objective(codes, x, attributes); }, q));
    // A quadratic's expectation over any noise of mean 0 and deviation s; here +s and -s alike.
    const double s = 0.3;
    auto above = attributes, below = attributes;
    above.mutable_array() += s, below.mutable_array() -= s;
    CHECK(attribute_objective(codes, tape.constant(q), attributes, s).item() ==
          doctest::Approx((attribute_objective(codes, tape.constant(q), above).item() +
                           attribute_objective(codes, tape.constant(q), below).item()) /
                          2));
    CHECK(gradcheck([&](BasicVar<double> x) { return attribute_objective(codes, x, attributes, s); }, q));
  }
}

TEST_CASE(
    "attributes: measured, relative to the data set's mean and standard deviation, and held at limits") {
  // Upright bars of width 1 to 21, and an image without ink.
  constexpr Index n = 22, size = 28;
  std::vector<std::uint8_t> bytes(n * size * size);
  for (Index i = 0; i < n - 1; ++i)
    for (Index y = 4; y < 24; ++y)
      for (Index x = 3; x <= 3 + i; ++x) bytes[static_cast<std::size_t>((i * size + y) * size + x)] = 255;
  const eigengrad::ByteImages images({n, size, size, 1}, bytes);
  const auto factors = measure_factors(images);
  REQUIRE(factors.size() == n);
  CHECK_FALSE(factors[n - 1].has_value());
  Eigen::ArrayXd widths(n - 1);
  for (Index i = 0; i < n - 1; ++i) widths[i] = factors[static_cast<std::size_t>(i)]->stroke_width;
  const double deviation = std::sqrt((widths - widths.mean()).square().mean());

  const Attributes attributes(images, 2);
  CHECK(attributes.count() == 2);
  const Tensor values = attributes.of(images.slice(0, n));
  REQUIRE(values.shape() == eigengrad::Shape{n, 2});
  for (Index i = 0; i < n - 1; ++i) {
    CHECK(values(i, 0) == 0);  // upright all of them
    CHECK(values(i, 1) == doctest::Approx((widths[i] - widths.mean()) / (std::sqrt(3.0) * deviation)));
  }
  CHECK(values(n - 1, 1) == 0);
  const Attributes of_narrow({{6, size, size, 1}, {bytes.begin(), bytes.begin() + 6 * size * size}}, 2);
  CHECK(of_narrow.of(images.slice(17, 18))(0, 1) == 2);
  CHECK(Attributes(images, 1).of(images.slice(3, 5)).shape() == eigengrad::Shape{2, 1});
  CHECK(Attributes(images, 0).count() == 0);
}

TEST_CASE("schedules: what rises at the start of a run, what falls at its end") {
  Settings settings;
  settings.warm_up = 0.25;
  settings.decay = 0.5;
  settings.neighbour_share = 0.5;
  CHECK(settings.categorical_factor(0) == 0);
  CHECK(settings.categorical_factor(0.125) == 0.5);
  CHECK(settings.categorical_factor(0.25) == 1);
  CHECK(settings.categorical_factor(1) == 1);
  settings.continuous_warm_up = 0.5;
  CHECK(settings.continuous_factor(0) == 0);
  CHECK(settings.continuous_factor(0.125) == 0.25);
  CHECK(settings.continuous_factor(0.75) == 1);
  CHECK(settings.learning_rate_factor(0) == 1);
  CHECK(settings.learning_rate_factor(0.5) == 1);
  CHECK(settings.learning_rate_factor(0.75) == 0.5);
  CHECK(settings.learning_rate_factor(1) == 0);
  CHECK(settings.uses_neighbours(0.49));
  CHECK_FALSE(settings.uses_neighbours(0.5));
  const Settings paper = paper_settings();
  for (const double done : {0.0, 0.3, 1.0}) {
    CHECK(paper.categorical_factor(done) == 1);
    CHECK(paper.continuous_factor(done) == 1);
    CHECK(paper.learning_rate_factor(done) == 1);
    CHECK_FALSE(paper.uses_neighbours(done));
  }
}

TEST_CASE("settings: starts, only where real images train trunk and Q") {
  Settings settings;
  settings.starts = 3;
  settings.start_share = 0.25;
  CHECK(settings.start_count() == 3);
  CHECK(settings.start_iterations(100) == 25);
  CHECK(settings.start_iterations(1) == 1);
  settings.trunk_trained_by = "discriminator";
  CHECK(settings.start_count() == 0);
  settings.trunk_trained_by = "both";
  settings.consistency = 0;
  CHECK(settings.start_count() == 0);
  settings.consistency = 1;
  settings.categorical.clear();
  CHECK(settings.start_count() == 0);
  CHECK(paper_settings().start_count() == 0);
}

}  // namespace infogan
