/// The evaluate command.
#pragma once

#include <cstdio>
#include <string>

#include "common/figures.hpp"
#include "vae/train.hpp"

namespace vae {

struct EvaluateOptions {
  std::string run = "runs/vae", data_folder;
  Index samples = 5000, images = 10'000;
  std::uint64_t seed = 1;
};

/// Prints bound and likelihood of the binarised test images beside the figures that they should reach; 0 if
/// they do.
inline int evaluate(const EvaluateOptions& options) {
  constexpr double wanted_bound = -90, wanted_loss = 87.5;
  const examples::Checkpoint checkpoint(options.run + "/" + examples::checkpoint_name, "vae");
  const examples::DataSets data = examples::load_data_set(
      checkpoint.metadata("data"),
      options.data_folder.empty() ? checkpoint.metadata("data-folder") : options.data_folder);
  Rng rng(options.seed);
  Vae<float> model({}, rng);
  checkpoint.restore(model, "model.");
  const Tensor images =
      binarise(data.test.images.slice(0, std::min(options.images, data.test.images.count())), rng);
  examples::ProgressLine progress("image");
  progress.start(0, images.shape()[0], 1);
  const Likelihood result =
      likelihood(model, images, options.samples, rng, [&](Index judged) { progress.update(judged, {}); });
  progress.finish();
  const examples::MeanFigure bound = examples::mean_figure(result.bound),
                             log_likelihood = examples::mean_figure(result.log_likelihood);
  const bool bound_reached = bound.mean >= wanted_bound, loss_reached = -log_likelihood.mean <= wanted_loss;
  std::printf("%lld test images, %lld samples each, nats for an image (+- standard error over images)\n",
              static_cast<long long>(images.shape()[0]), static_cast<long long>(options.samples));
  std::printf("ELBO                               %8.3f +- %.3f  wanted >= %.1f  %s\n", bound.mean,
              bound.standard_error, wanted_bound, examples::verdict(bound_reached));
  std::printf("importance-weighted NLL (k = %5lld) %7.3f +- %.3f  wanted <= %.1f  %s\n",
              static_cast<long long>(options.samples), -log_likelihood.mean, log_likelihood.standard_error,
              wanted_loss, examples::verdict(loss_reached));
  return bound_reached && loss_reached ? 0 : 1;
}

}  // namespace vae
