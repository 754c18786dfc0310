/// gan: a GAN on MNIST, with the alternating objectives of the note, equation (3).
#include <string>

#include <CLI/CLI.hpp>

#include "common/options.hpp"
#include "gan/evaluate.hpp"

int main(int argc, char** argv) {
  using namespace gan;
  CLI::App app("A GAN on MNIST, from the primitives of eigengrad");
  app.require_subcommand(1);
  TrainOptions train_options;
  CLI::App* const train_command =
      app.add_subcommand("train", "train, writing checkpoint, metrics and samples");
  train_command->add_option("--loss", train_options.loss, "non-saturating, or saturating as in the note")
      ->capture_default_str();
  examples::add_training_options(*train_command, train_options);
  const auto add_fraction = [&](const char* name, double& value, const char* description) {
    train_command->add_option(name, value, description)
        ->capture_default_str()
        ->check(examples::check_fraction);
  };
  add_fraction("--learning-rate-d", train_options.learning_rate_d,
               "Adam's learning rate for D at the start; it falls to 0 along half a cosine");
  add_fraction("--learning-rate-g", train_options.learning_rate_g, "Adam's learning rate for G, likewise");
  add_fraction("--beta1", train_options.beta1, "Adam's decay of the mean");

  EvaluateOptions evaluate_options;
  CLI::App* const evaluate_command = app.add_subcommand(
      "evaluate", "print Parzen figure and classifier's scores (exit status 0 if all are reached)");
  examples::add_run_options(*evaluate_command, evaluate_options);
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
  examples::add_seed(*evaluate_command, evaluate_options.seed, "seed of the samples");
  return examples::run_program(app, argc, argv, "gan", [&] {
    return *train_command ? train(train_options) : evaluate(evaluate_options);
  });
}
