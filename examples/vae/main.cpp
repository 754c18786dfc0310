/// vae: trains a variational auto-encoder on binarised MNIST and judges it.
#include <chrono>
#include <filesystem>
#include <string>

#include <CLI/CLI.hpp>

#include "common/options.hpp"
#include "vae/evaluate.hpp"
#include "vae/train.hpp"

int main(int argc, char** argv) {
  using namespace vae;
  CLI::App app("A variational auto-encoder on binarised MNIST, from the primitives of eigengrad");
  app.require_subcommand(1);
  TrainOptions train_options;
  CLI::App* const train_command =
      app.add_subcommand("train", "train, writing checkpoint, metrics and images");
  examples::add_training_options(*train_command, train_options);
  train_command
      ->add_option("--learning-rate", train_options.learning_rate,
                   "Adam's learning rate at the start; it falls along half a cosine to a hundredth")
      ->capture_default_str()
      ->check(examples::check_fraction);

  EvaluateOptions evaluate_options;
  CLI::App* const evaluate_command = app.add_subcommand(
      "evaluate", "print bound and likelihood of the test images (exit status 0 if reached)");
  examples::add_run_options(*evaluate_command, evaluate_options);
  evaluate_command->add_option("--samples", evaluate_options.samples, "samples z for each image (k)")
      ->capture_default_str()
      ->check(CLI::Range(Index{1}, Index{1'000'000}));
  evaluate_command->add_option("--images", evaluate_options.images, "judge by the first test images only")
      ->capture_default_str()
      ->check(CLI::Range(Index{1}, Index{1'000'000}));
  examples::add_seed(*evaluate_command, evaluate_options.seed, "seed of binarisation and samples");
  return examples::run_program(app, argc, argv, "vae", [&] {
    return *train_command ? train(train_options) : evaluate(evaluate_options);
  });
}
