/// The evaluate command.
#pragma once

#include <cstdio>
#include <string>

#include "gan/scores.hpp"
#include "gan/train.hpp"

namespace gan {

struct EvaluateOptions {
  std::string run = "runs/gan", data_folder, classifier = "runs/digit_classifier.safetensors";
  Index samples = 10'000, classifier_epochs = 10;
  std::uint64_t seed = 1;
};

inline void print(const char* name, const ClassifierFigures& figures, const ClassifierFigures& test) {
  std::printf("%-22s score %.3f  certainty %.4f  Frechet distance to test images %.3f\n", name, figures.score,
              figures.certainty, frechet_distance(figures, test));
}

/// Prints the Parzen window's figure with its warning and the classifier's figures, of generated and of real
/// images; 0 if the classifier is good enough and the Parzen figure that of the paper or more.
inline int evaluate(const EvaluateOptions& options) {
  constexpr double wanted_accuracy = 0.99, paper = 225, paper_error = 2;
  const examples::Checkpoint checkpoint(options.run + "/" + examples::checkpoint_name, "gan");
  const std::string& folder =
      options.data_folder.empty() ? checkpoint.metadata("data-folder") : options.data_folder;
  const examples::DataSets data = examples::load_data_set(checkpoint.metadata("data"), folder);
  const ByteImages& train = data.train.images;
  Rng rng(options.seed);
  Generator generator(rng);
  checkpoint.restore(generator, "generator.");
  const auto flat = [](const Tensor& images) { return images.reshape({images.shape()[0], pixels}); };
  const Tensor samples = generate(generator, options.samples, rng);
  const Tensor test = flat(data.test.images.slice(0, data.test.images.count()));
  const Tensor validation = flat(train.slice(train.count() - validation_images, train.count()));
  const Tensor real = flat(train.slice(0, std::min(options.samples, train.count() - validation_images)));

  examples::DigitClassifier classifier = examples::load_or_train_classifier(
      options.classifier, checkpoint.metadata("data"), data, options.classifier_epochs);
  const double accuracy = examples::accuracy(classifier, data.test);
  std::printf("classifier: %.2f %% of the test images  wanted >= %.0f %%  %s\n", 100 * accuracy,
              100 * wanted_accuracy, examples::verdict(accuracy >= wanted_accuracy));
  const ClassifierFigures of_test = classify(classifier, test), of_samples = classify(classifier, samples);
  print("generated images", of_samples, of_test);
  print("real training images", classify(classifier, real), of_test);
  std::printf("share of the classes 0 to 9, generated, in %%:");
  for (const double share : of_samples.shares) std::printf(" %.1f", 100 * share);
  std::printf("\n");

  const double sigma = best_parzen_width(validation, samples),
               sigma_real = best_parzen_width(validation, real);
  const examples::MeanFigure parzen = examples::mean_figure(parzen_log_likelihood(test, samples, sigma));
  const examples::MeanFigure parzen_real =
      examples::mean_figure(parzen_log_likelihood(test, real, sigma_real));
  const bool reached = parzen.mean >= paper - paper_error;
  std::printf("Parzen window: %.1f +- %.1f nats (sigma %.3f)  paper %.0f +- %.0f  %s\n", parzen.mean,
              parzen.standard_error, sigma, paper, paper_error, examples::verdict(reached));
  std::printf("  %lld real training images instead of generated ones: %.1f +- %.1f (sigma %.3f)\n",
              static_cast<long long>(real.shape()[0]), parzen_real.mean, parzen_real.standard_error,
              sigma_real);
  std::printf(
      "  Warning: this figure misorders models. In 784 dimensions a window around so few points says\n"
      "  little about the density; blurred images near the middle of the data raise it, variety does not.\n");
  return accuracy >= wanted_accuracy && reached ? 0 : 1;
}

}  // namespace gan
