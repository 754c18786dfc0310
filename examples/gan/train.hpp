/// The train command.
#pragma once

#include <cmath>
#include <cstdio>
#include <string>
#include <vector>

#include "common/adversarial.hpp"
#include "common/data_set.hpp"
#include "common/training_loop.hpp"
#include "eigengrad/io/image.hpp"
#include "gan/model.hpp"

namespace gan {

struct TrainOptions {
  std::string loss = "non-saturating", data = "mnist", data_folder, output = "runs/gan";
  Index epochs = 40, batch = 100;
  double learning_rate_d = 3e-4, learning_rate_g = 3e-4, beta1 = 0.5;
  std::uint64_t seed = 0;
  bool resume = false;
};

/// The last training images are kept apart: they choose the width of the Parzen window.
inline constexpr Index validation_images = 1000;

/// Networks, optimisers and random state of a run.
class Trainer {
 public:
  using Scalar = float;

  struct Figures {
    double loss_d, loss_g;
  };

  explicit Trainer(const TrainOptions& o)
      : saturating_(o.loss == "saturating"),
        rate_d_(o.learning_rate_d),
        rate_g_(o.learning_rate_g),
        rng_(o.seed),
        generator_(rng_),
        discriminator_(rng_),
        adam_g_(parameters(generator_), {.learning_rate = o.learning_rate_g, .beta1 = o.beta1}),
        adam_d_(parameters(discriminator_), {.learning_rate = o.learning_rate_d, .beta1 = o.beta1}) {}
  Trainer(const Trainer&) = delete;
  Trainer& operator=(const Trainer&) = delete;

  /// Equation (3): one step of D on a batch of real images [N, 784] and one of generated ones, one step of G
  /// through D on new noise; the learning rates times `rate_factor`.
  Figures step(const Tensor& real, double rate_factor = 1) {
    const Index n = real.shape()[0];
    Figures figures{};
    tape_.clear();
    const Var fake = detach(generate(n));
    const Var loss_d = examples::discriminator_objective(discriminator_(tape_.constant(real), rng_),
                                                         discriminator_(fake, rng_));
    figures.loss_d = loss_d.item();
    adam_d_.set_learning_rate(rate_d_ * rate_factor);
    adam_d_.step(tape_.gradient(loss_d, adam_d_.parameters()));
    tape_.clear();
    const Var made = generate(n);
    const Var loss_g = examples::generator_objective(saturating_, discriminator_(made, rng_));
    figures.loss_g = loss_g.item();
    adam_g_.set_learning_rate(rate_g_ * rate_factor);
    adam_g_.step(tape_.gradient(loss_g, adam_g_.parameters()));
    return figures;
  }

  Generator& generator() { return generator_; }
  Rng& rng() { return rng_; }

  template <class Visitor>
  void visit(Visitor&& visitor) {
    visitor("generator", generator_);
    visitor("discriminator", discriminator_);
    visitor("adam_g", adam_g_);
    visitor("adam_d", adam_d_);
  }

 private:
  Var generate(Index n) {
    return generator_(tape_.constant(generator_.sample_noise(n, rng_)), nn::BatchNormMode::update);
  }

  bool saturating_;
  double rate_d_, rate_g_;
  Rng rng_;
  Generator generator_;
  Discriminator discriminator_;
  Adam adam_g_, adam_d_;
  Tape tape_;
};

/// n generated images [n, 784], with running statistics.
inline Tensor generate(Generator& generator, Index n, Rng& rng) {
  Tape tape;
  const auto evaluating = tape.pause_recording();
  return generator(tape.constant(generator.sample_noise(n, rng)), nn::BatchNormMode::running).value();
}

/// Trains to the end or to Ctrl-C; returns the exit status of the program.
inline int train(const TrainOptions& options) {
  check(options.loss == "saturating" || options.loss == "non-saturating", "--loss is '", options.loss,
        "'; it must be saturating or non-saturating");
  check(options.batch >= 2, "--batch is ", options.batch, "; batch norm needs at least 2");
  const examples::DataSets data = examples::load_data_set(options.data, options.data_folder);
  const ByteImages& images = data.train.images;
  check(images.shape()[1] == 28 && images.shape()[2] == 28 && images.count() > validation_images,
        options.data, ": more than ", validation_images, " images of 28x28 pixels are needed, these are ",
        images.shape());
  Trainer trainer(options);
  const nlohmann::json chosen = {{"loss", options.loss},
                                 {"learning-rate-d", options.learning_rate_d},
                                 {"learning-rate-g", options.learning_rate_g},
                                 {"beta1", options.beta1}};
  examples::TrainingLoop<Trainer> loop(
      examples::training_plan("gan", options, images.count() - validation_images, chosen), trainer);
  Trainer::Figures figures{};
  const auto step = [&](std::span<const Index> batch) {
    figures = trainer.step(images.gather(batch).reshape({options.batch, pixels}),
                           cosine_decay(1, loop.iteration(), loop.last()));
    check(std::isfinite(figures.loss_d) && std::isfinite(figures.loss_g), "training diverged at iteration ",
          loop.iteration(), "; the last checkpoint is kept, try a smaller learning rate");
    return std::vector<examples::Figure>{{"D", figures.loss_d}, {"G", figures.loss_g}};
  };
  const auto end_epoch = [&](Index) {
    constexpr Index side = 10;
    Rng rng(options.seed, std::uint64_t{2} << 32);
    const Tensor samples = generate(trainer.generator(), side * side, rng);
    write_png(options.output + "/samples.png",
              image_grid(samples.reshape({side * side, 28, 28, 1}), side, side));
    return nlohmann::json{{"loss_d", figures.loss_d}, {"loss_g", figures.loss_g}};
  };
  if (const int status = loop.run(step, end_epoch); status != 0) return status;
  std::printf("Samples: %s/samples.png\n", options.output.c_str());
  return 0;
}

}  // namespace gan
