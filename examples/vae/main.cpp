/// vae: trains a variational auto-encoder on binarised MNIST and judges it.
#include <chrono>
#include <cstdio>
#include <exception>
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
  train_command
      ->add_option("--data", train_options.data, "mnist, fashion, synthetic, or a folder of IDX files")
      ->capture_default_str();
  train_command->add_option("--data-folder", train_options.data_folder,
                            "where mnist and fashion lie (default: data/ beside the examples)");
  train_command->add_option("--output", train_options.output, "folder for checkpoint, metrics and images")
      ->capture_default_str();
  train_command->add_option("--epochs", train_options.epochs, "passes over the training images")
      ->capture_default_str()
      ->check(CLI::Range(Index{1}, Index{1'000'000}));
  train_command->add_option("--batch", train_options.batch, "images per batch")
      ->capture_default_str()
      ->check(CLI::Range(Index{1}, Index{60'000}));
  train_command
      ->add_option("--learning-rate", train_options.learning_rate,
                   "Adam's learning rate at the start; it falls along half a cosine to a hundredth")
      ->capture_default_str()
      ->check(examples::check_fraction);
  train_command->add_option("--seed", train_options.seed, "seed of everything random")
      ->capture_default_str()
      ->check(examples::check_seed);
  train_command->add_flag("--resume", train_options.resume, "continue the run in --output where it stopped");

  EvaluateOptions evaluate_options;
  CLI::App* const evaluate_command = app.add_subcommand(
      "evaluate", "print bound and likelihood of the test images (exit status 0 if reached)");
  evaluate_command->add_option("--run", evaluate_options.run, "folder of the run (train's --output)")
      ->capture_default_str();
  evaluate_command->add_option("--data-folder", evaluate_options.data_folder,
                               "where the data lies, if not where it lay in training");
  evaluate_command->add_option("--samples", evaluate_options.samples, "samples z for each image (k)")
      ->capture_default_str()
      ->check(CLI::Range(Index{1}, Index{1'000'000}));
  evaluate_command->add_option("--images", evaluate_options.images, "judge by the first test images only")
      ->capture_default_str()
      ->check(CLI::Range(Index{1}, Index{1'000'000}));
  evaluate_command->add_option("--seed", evaluate_options.seed, "seed of binarisation and samples")
      ->capture_default_str()
      ->check(examples::check_seed);
  try {
    app.parse(argc, argv);
    return *train_command ? train(train_options) : evaluate(evaluate_options);
  } catch (const CLI::ParseError& error) {
    return app.exit(error);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "vae: %s\n", error.what());
    return 2;
  }
}
