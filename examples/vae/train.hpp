/// The train command.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <string>
#include <vector>

#include "common/data_set.hpp"
#include "common/training_loop.hpp"
#include "eigengrad/io/image.hpp"
#include "vae/likelihood.hpp"

namespace vae {

struct TrainOptions {
  std::string data = "mnist", data_folder, output = "runs/vae";
  Index epochs = 100, batch = 100;
  double learning_rate = 2e-3;
  std::uint64_t seed = 0;
  bool resume = false;
};

/// Model, optimiser and random state of a run.
class Trainer {
 public:
  using Scalar = float;

  explicit Trainer(const TrainOptions& options)
      : rng_(options.seed),
        model_({}, rng_),
        adam_(parameters(model_), {.learning_rate = options.learning_rate}) {}
  Trainer(const Trainer&) = delete;
  Trainer& operator=(const Trainer&) = delete;

  /// One step on grey images, binarised anew; returns the mean of the bound, nats.
  double step(const Tensor& grey, double learning_rate) {
    tape_.clear();
    const Var bound = mean(evidence_lower_bound(model_, tape_.constant(binarise(grey, rng_)), rng_));
    adam_.set_learning_rate(learning_rate);
    adam_.step(tape_.gradient(-bound, adam_.parameters()));
    const float value = bound.item(), steps = epoch_.data()[1] + 1;
    epoch_ = Tensor({2}, {epoch_.data()[0] + (value - epoch_.data()[0]) / steps, steps});
    return value;
  }

  /// Mean of the bound over the steps of the epoch so far.
  double epoch_bound() const { return epoch_.data()[0]; }
  void start_epoch() { epoch_ = Tensor::zeros({2}); }

  Vae<float>& model() { return model_; }
  Rng& rng() { return rng_; }

  template <class Visitor>
  void visit(Visitor&& visitor) {
    visitor("model", model_);
    visitor("adam", adam_);
    visitor("epoch", epoch_);
  }

 private:
  Rng rng_;
  Vae<float> model_;
  Adam adam_;
  Tensor epoch_ = Tensor::zeros({2});  // mean of the bound, and number of its steps
  Tape tape_;
};

/// Mean of the bound over images with one sample each, nats.
inline double mean_bound(const Vae<float>& model, const Tensor& images, Rng& rng) {
  constexpr Index batch = 500;
  Tape tape;
  const auto evaluating = tape.pause_recording();
  double total = 0;
  for (Index begin = 0; begin < images.shape()[0]; begin += batch) {
    tape.clear();
    const Tensor part = kernels::slice(images, 0, begin, std::min(begin + batch, images.shape()[0]));
    total += evidence_lower_bound(model, tape.constant(part), rng).value().array().cast<double>().sum();
  }
  return total / static_cast<double>(images.shape()[0]);
}

inline constexpr Index shown_images = 50;  ///< of the test images, with their reconstructions

/// Writes FOLDER/samples.png, the means of p(x|z) for z ~ N(0, 1), and FOLDER/reconstructions.png, rows of
/// test images, binarised, each above the mean of p(x|z) for z ~ q(z|x).
inline void write_images(const Vae<float>& model, const Tensor& images, const std::string& folder,
                         std::uint64_t seed) {
  constexpr Index columns = 10, pairs = shown_images / columns, side = Architecture{}.side;
  Rng rng(seed, std::uint64_t{2} << 32);
  Tape tape;
  const auto evaluating = tape.pause_recording();
  const Var z = tape.constant(rng.normal<float>({columns * columns, Architecture{}.latent}));
  const Shape square{columns * columns, side, side, 1};
  write_png(folder + "/samples.png",
            image_grid(model.decoder(z).mean().value().reshape(square), columns, columns));
  const Tensor originals = kernels::slice(images, 0, 0, pairs * columns);
  const Tensor copies = model.decoder(model.encoder(tape.constant(originals)).sample(rng)).mean().value();
  Tensor rows = Tensor::uninitialized(square);
  const Index row = columns * images.shape()[1];
  for (Index i = 0; i < pairs; ++i) {
    std::copy_n(originals.data() + i * row, row, rows.mutable_data() + 2 * i * row);
    std::copy_n(copies.data() + i * row, row, rows.mutable_data() + (2 * i + 1) * row);
  }
  write_png(folder + "/reconstructions.png", image_grid(rows, 2 * pairs, columns));
}

/// Trains to the end or to Ctrl-C; returns the exit status of the program.
inline int train(const TrainOptions& options) {
  const examples::DataSets data = examples::load_data_set(options.data, options.data_folder);
  const ByteImages& images = data.train.images;
  check(images.shape()[1] == 28 && images.shape()[2] == 28, options.data,
        ": the network is for images of 28x28 pixels, these are ", images.shape());
  check(data.test.images.count() >= shown_images && data.test.images.shape()[1] == 28, options.data, ": ",
        shown_images, " test images of 28x28 pixels are needed, these are ", data.test.images.shape());
  Rng test_rng(options.seed, std::uint64_t{1} << 33);
  const Tensor test = binarise(data.test.images.slice(0, data.test.images.count()), test_rng);
  Trainer trainer(options);
  examples::TrainingLoop<Trainer> loop(
      examples::training_plan("vae", options, images.count(), {{"learning-rate", options.learning_rate}}),
      trainer);
  const auto step = [&](std::span<const Index> batch) {
    const double rate =
        cosine_decay(options.learning_rate, loop.iteration(), loop.last(), options.learning_rate / 100);
    const double bound = trainer.step(images.gather(batch), rate);
    check(std::isfinite(bound), "training diverged at iteration ", loop.iteration(),
          "; the last checkpoint is kept, try a smaller learning rate");
    return std::vector<examples::Figure>{{"ELBO", trainer.epoch_bound()}};
  };
  const auto end_epoch = [&](Index epoch) {
    Rng rng(options.seed, (std::uint64_t{3} << 32) + static_cast<std::uint64_t>(epoch));
    const double train_bound = trainer.epoch_bound(), test_bound = mean_bound(trainer.model(), test, rng);
    if (epoch % 10 == 0 || epoch == options.epochs) {
      std::printf("epoch %lld: ELBO train %.2f test %.2f\n", static_cast<long long>(epoch), train_bound,
                  test_bound);
      std::fflush(stdout);
    }
    trainer.start_epoch();
    return nlohmann::json{{"train", train_bound}, {"test", test_bound}};
  };
  if (const int status = loop.run(step, end_epoch); status != 0) return status;
  write_images(trainer.model(), test, options.output, options.seed);
  std::printf("Images: %s/samples.png, %s/reconstructions.png\n", options.output.c_str(),
              options.output.c_str());
  return 0;
}

}  // namespace vae
