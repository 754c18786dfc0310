// The GAN: objectives, networks, and the scores of images.
#include <doctest/doctest.h>

#include "common/adversarial.hpp"
#include "gan/scores.hpp"
#include "gan/train.hpp"

namespace gan {

TEST_CASE("gan: a Parzen window is the mean of Gaussians") {
  Rng rng(1);
  const Tensor points = rng.normal<float>({7, 3}), centres = rng.normal<float>({5, 3});
  const double sigma = 0.7;
  const auto values = parzen_log_likelihood(points, centres, sigma);
  for (Index i = 0; i < 7; ++i) {
    double density = 0;
    for (Index j = 0; j < 5; ++j) {
      double square = 0;
      for (Index d = 0; d < 3; ++d) square += std::pow(points(i, d) - centres(j, d), 2);
      density +=
          std::exp(-square / (2 * sigma * sigma)) / std::pow(sigma * std::sqrt(2 * std::numbers::pi), 3) / 5;
    }
    CHECK(values[static_cast<std::size_t>(i)] == doctest::Approx(std::log(density)).epsilon(1e-5));
  }
}

TEST_CASE("gan: of the widths of a Parzen window the likeliest is taken") {
  Rng rng(2);
  const Tensor centres = rng.normal<float>({400, 2}, 0, 0.4), points = rng.normal<float>({200, 2}, 0, 0.4);
  const double best = best_parzen_width(points, centres);
  const auto mean = [&](double sigma) {
    return examples::mean_figure(parzen_log_likelihood(points, centres, sigma)).mean;
  };
  CHECK(mean(best) >= mean(best * std::pow(10, 1 / 9.0)));
  CHECK(mean(best) >= mean(best / std::pow(10, 1 / 9.0)));
}

TEST_CASE("gan: the Frechet distance of Gaussians") {
  ClassifierFigures a, b;
  a.mean = Eigen::Vector2d(0, 0), b.mean = Eigen::Vector2d(3, 4);
  a.covariance = Eigen::Vector2d(4, 1).asDiagonal(), b.covariance = Eigen::Vector2d(1, 9).asDiagonal();
  CHECK(frechet_distance(a, b) == doctest::Approx(25 + (2 - 1) * (2 - 1) + (1 - 3) * (1 - 3)));
  CHECK(std::abs(frechet_distance(a, a)) < 1e-9);
  Eigen::Matrix2d turn;
  turn << 0.6, -0.8, 0.8, 0.6;
  ClassifierFigures c = a;
  c.covariance = turn * a.covariance * turn.transpose();
  // tr(A + C - 2 (A C)^(1/2)) for 2x2: tr (A C)^(1/2) = sqrt(tr(A C) + 2 sqrt(det(A C)))
  const double root = std::sqrt((a.covariance * c.covariance).trace() +
                                2 * std::sqrt((a.covariance * c.covariance).determinant()));
  CHECK(frechet_distance(a, c) == doctest::Approx(10 - 2 * root));
}

TEST_CASE("gan: generated images are images, and judged alone they stay the same") {
  Rng rng(3);
  Generator generator(rng);
  Rng a(5), b(5);
  const Tensor together = generate(generator, 8, a), first = generate(generator, 2, b);
  REQUIRE(together.shape() == Shape{8, pixels});
  CHECK((together.array() > 0).all());
  CHECK((together.array() < 1).all());
  // With running statistics an image does not depend on the others of its batch.
  CHECK((kernels::slice(together, 0, 0, 2).array() - first.array()).abs().maxCoeff() < 1e-5F);
}

TEST_CASE("gan: a step of D improves D alone, one of G improves G alone, with either loss") {
  for (const char* loss : {"saturating", "non-saturating"}) {
    CAPTURE(loss);
    TrainOptions options;
    options.loss = loss;
    Trainer trainer(options);
    const Tensor before = trainer.generator().output.weight.value();
    const Tensor real = Rng(4).uniform<float>({10, pixels}, 0, 1);
    const Trainer::Figures figures = trainer.step(real);
    CHECK(figures.loss_d == doctest::Approx(2 * std::log(2.0)).epsilon(0.2));
    CHECK(std::abs(figures.loss_g) == doctest::Approx(std::log(2.0)).epsilon(0.2));
    CHECK((figures.loss_g < 0) == (options.loss == "saturating"));
    CHECK((trainer.generator().output.weight.value().array() != before.array()).any());
    double loss_d = figures.loss_d;
    for (int i = 0; i < 30; ++i) loss_d = trainer.step(real).loss_d;
    CHECK(loss_d < figures.loss_d);
  }
}

TEST_CASE("gan: a classifier learns to name drawn digits, and is sure of them") {
  const examples::SyntheticDigits digits = examples::synthetic_digits(3000, 1);
  const examples::ImageDataSet data{digits.images, digits.labels, {}, {}};
  Rng rng(1);
  examples::DigitClassifier classifier(rng);
  CHECK(examples::accuracy(classifier, data) < 0.5);
  examples::train(classifier, data, 3, 0);
  CHECK(examples::accuracy(classifier, data) > 0.9);
  const ClassifierFigures figures = classify(classifier, data.images.slice(0, 1000));
  CHECK(figures.score > 7);
  CHECK(figures.score <= 10);
  CHECK(figures.certainty > 0.8);
  double total = 0;
  for (const double share : figures.shares) total += share;
  CHECK(total == doctest::Approx(1));
  const ClassifierFigures one =
      classify(classifier, kernels::broadcast_to(data.images.slice(0, 1), {500, 28, 28, 1}));
  CHECK(one.score == doctest::Approx(1));  // always the same image: one class
}

}  // namespace gan
