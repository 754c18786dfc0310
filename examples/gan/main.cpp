/// gan: the first GAN on MNIST, with the alternating objectives of the note, equation (3).
#include <cstdio>
#include <exception>
#include <string>

#include <CLI/CLI.hpp>

#include "common/options.hpp"
#include "gan/evaluate.hpp"

int main(int argc, char** argv) {
  using namespace gan;
  CLI::App app("The first GAN on MNIST, from the primitives of eigengrad");
  app.require_subcommand(1);
  TrainOptions train_options;
  CLI::App* const train_command =
      app.add_subcommand("train", "train, writing checkpoint, metrics and samples");
  train_command->add_option("--loss", train_options.loss, "non-saturating, or saturating as in the note")
      ->capture_default_str();
  train_command
      ->add_option("--data", train_options.data, "mnist, fashion, synthetic, or a folder of IDX files")
      ->capture_default_str();
  train_command->add_option("--data-folder", train_options.data_folder,
                            "where mnist and fashion lie (default: data/ beside the examples)");
  train_command->add_option("--output", train_options.output, "folder for checkpoint, metrics and samples")
      ->capture_default_str();
  train_command->add_option("--epochs", train_options.epochs, "passes over the training images")
      ->capture_default_str()
      ->check(CLI::Range(Index{1}, Index{1'000'000}));
  train_command->add_option("--batch", train_options.batch, "images per batch")
      ->capture_default_str()
      ->check(CLI::Range(Index{1}, Index{59'000}));
  train_command->add_option("--learning-rate-d", train_options.learning_rate_d, "Adam's learning rate for D")
      ->capture_default_str()
      ->check(examples::check_fraction);
  train_command->add_option("--learning-rate-g", train_options.learning_rate_g, "Adam's learning rate for G")
      ->capture_default_str()
      ->check(examples::check_fraction);
  train_command->add_option("--beta1", train_options.beta1, "Adam's decay of the mean")
      ->capture_default_str()
      ->check(examples::check_fraction);
  train_command->add_option("--seed", train_options.seed, "seed of everything random")
      ->capture_default_str()
      ->check(examples::check_seed);
  train_command->add_flag("--resume", train_options.resume, "continue the run in --output where it stopped");

  EvaluateOptions evaluate_options;
  CLI::App* const evaluate_command = app.add_subcommand(
      "evaluate", "print Parzen figure and classifier's scores (exit status 0 if all are reached)");
  evaluate_command->add_option("--run", evaluate_options.run, "folder of the run (train's --output)")
      ->capture_default_str();
  evaluate_command->add_option("--data-folder", evaluate_options.data_folder,
                               "where the data lies, if not where it lay in training");
  evaluate_command
      ->add_option("--classifier", evaluate_options.classifier,
                   "file of the classifier; trained and written where it is not there")
      ->capture_default_str();
  evaluate_command
      ->add_option("--classifier-epochs", evaluate_options.classifier_epochs, "passes to train it")
      ->capture_default_str()
      ->check(CLI::Range(Index{1}, Index{1000}));
  evaluate_command->add_option("--samples", evaluate_options.samples, "generated images")
      ->capture_default_str()
      ->check(CLI::Range(Index{300}, Index{50'000}));
  evaluate_command->add_option("--seed", evaluate_options.seed, "seed of the samples")
      ->capture_default_str()
      ->check(examples::check_seed);
  try {
    app.parse(argc, argv);
    return *train_command ? train(train_options) : evaluate(evaluate_options);
  } catch (const CLI::ParseError& error) {
    return app.exit(error);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "gan: %s\n", error.what());
    return 2;
  }
}
