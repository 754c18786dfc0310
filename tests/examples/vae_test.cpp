// The VAE: its bound, importance weights, and likelihood where they are known.
#include <doctest/doctest.h>

#include "eigengrad/autodiff/gradcheck.hpp"
#include "vae/likelihood.hpp"

namespace vae {

namespace {

constexpr Architecture small{4, {2, 3}, 5, 3};
constexpr Index pixels = small.side * small.side;

template <class T>
BasicTensor<T> binary(Index n) {
  return Rng(9).bernoulli<T>({n, pixels}, 0.4);
}

}  // namespace

TEST_CASE("vae: where z says nothing and q is the prior, the bound is the likelihood") {
  Rng rng(1);
  Vae<double> model(small, rng);
  for (const auto& item : named_parameters(model)) item.assign(BasicTensor<double>::zeros(item.shape()));
  model.decoder.upconv2.bias->assign(BasicTensor<double>({1}, {0.7}));
  BasicTape<double> tape;
  const auto x = tape.constant(binary<double>(4));
  const auto exact =
      sum(BasicBernoulli<double>(tape.constant(BasicTensor<double>::scalar(0.7))).log_prob(x), -1).value();
  const auto bound = evidence_lower_bound(model, x, rng).value();
  const auto weights = log_weights(model, x, 7, rng).value();
  REQUIRE(bound.shape() == Shape{4});
  REQUIRE(weights.shape() == Shape{4, 7});
  for (Index i = 0; i < 4; ++i) {
    CHECK(bound.data()[i] == doctest::Approx(exact.data()[i]));
    for (Index j = 0; j < 7; ++j) CHECK(weights(i, j) == doctest::Approx(exact.data()[i]));
  }
}

TEST_CASE("vae: the mean of ln w is the bound with the KL term in closed form, that of w lies above") {
  Rng rng(2);
  Vae<float> model(small, rng);
  const Tensor images = binary<float>(3);
  const Likelihood result = likelihood(model, images, 20'000, rng, [](Index) {});
  Tape tape;
  const auto evaluating = tape.pause_recording();
  const Tensor repeated =
      kernels::broadcast_to(images.reshape({1, 3, pixels}), {4000, 3, pixels}).reshape({12'000, pixels});
  const Tensor bound = evidence_lower_bound(model, tape.constant(repeated), rng).value().reshape({4000, 3});
  REQUIRE(result.bound.size() == 3);
  for (Index i = 0; i < 3; ++i) {
    const double mean = bound.matrix().col(i).cast<double>().mean();
    CHECK(result.bound[static_cast<std::size_t>(i)] == doctest::Approx(mean).epsilon(0.01));
    CHECK(result.log_likelihood[static_cast<std::size_t>(i)] > result.bound[static_cast<std::size_t>(i)]);
  }
}

TEST_CASE("vae: importance weights give the likelihood of all images together") {
  // The sum of p(x) over all 2^16 images is one, and the estimate of p(x) is unbiased for any number of
  // samples.
  Rng rng(3);
  Vae<float> model(small, rng);
  Tensor all = Tensor::uninitialized({Index{1} << pixels, pixels});
  for (Index i = 0; i < all.shape()[0]; ++i)
    for (Index j = 0; j < pixels; ++j) all.mutable_at(i, j) = static_cast<float>(i >> j & 1);
  double total = 0;
  for (const double value : likelihood(model, all, 5, rng, [](Index) {}).log_likelihood)
    total += std::exp(value);
  CHECK(total == doctest::Approx(1).epsilon(0.01));
}

TEST_CASE("vae: gradients of the bound") {
  Rng rng(4);
  Vae<double> model(small, rng);
  BasicTape<double> tape;
  const auto images = binary<double>(2);
  const auto loss = [&] {
    Rng noise(5);
    return mean(evidence_lower_bound(model, tape.constant(images), noise));
  };
  const auto targets = parameters(model);
  const auto gradients = tape.gradient(loss(), targets);
  for (std::size_t p = 0; p < targets.size(); ++p) {
    const auto value = targets[p]->value();
    constexpr double step = 1e-5;
    for (Index i = 0; i < value.size(); i += 7) {
      const auto at = [&](double by) {
        auto moved = value;
        moved.mutable_data()[i] += by;
        targets[p]->assign(moved);
        tape.clear();
        return loss().item();
      };
      const double difference = (at(step) - at(-step)) / (2 * step);
      targets[p]->assign(value);
      CHECK(gradients[p].data()[i] == doctest::Approx(difference).epsilon(1e-6));
    }
  }
}

TEST_CASE("vae: binarised images are zeros and ones with the grey values as probabilities") {
  Rng rng(6);
  const Tensor grey = Tensor::full({5000, 1, 2, 1}, 0.3F);
  const Tensor x = binarise(grey, rng);
  CHECK(x.shape() == Shape{5000, 2});
  CHECK(((x.array() == 0) || (x.array() == 1)).all());
  CHECK(x.array().mean() == doctest::Approx(0.3).epsilon(0.05));
  CHECK((binarise(Tensor::ones({3, 1, 1, 1}), rng).array() == 1).all());
  CHECK((binarise(Tensor::zeros({3, 1, 1, 1}), rng).array() == 0).all());
}

}  // namespace vae
