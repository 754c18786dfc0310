/// What command lines of several programs share.
#pragma once

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <string>

#include <CLI/CLI.hpp>

#include "eigengrad/core/shape.hpp"

namespace examples {

/// For CLI11's check(): a seed is not negative. Read as an unsigned number, -1 would quietly become another
/// seed.
inline std::string check_seed(const std::string& text) {
  return text.starts_with('-') ? "it must not be negative, but is " + text : "";
}

/// For CLI11's check(): a number in [0, 1), such as a learning rate. Its own range check lets NaN pass.
inline std::string check_fraction(const std::string& text) {
  char* end = nullptr;
  const double value = std::strtod(text.c_str(), &end);
  const bool is_number = !text.empty() && *end == '\0';
  return is_number && value >= 0 && value < 1 ? "" : "it must be a number in [0, 1), but is " + text;
}

/// Parses the command line and runs `action`, whose result is the exit status. An error is printed with the
/// program's name and gives status 2, since 1 says that a figure is short.
template <class Action>
int run_program(CLI::App& app, int argc, char** argv, const char* name, const Action& action) {
  try {
    app.parse(argc, argv);
    return action();
  } catch (const CLI::ParseError& error) {
    return app.exit(error);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s: %s\n", name, error.what());
    return 2;
  }
}

inline CLI::Option* add_seed(CLI::App& command, std::uint64_t& seed, const char* description) {
  return command.add_option("--seed", seed, description)->capture_default_str()->check(check_seed);
}

/// The options of every train command: what is trained on, where it goes, and for how long.
template <class Options>
void add_training_options(CLI::App& command, Options& options) {
  using eigengrad::Index;
  command.add_option("--data", options.data, "mnist, fashion, synthetic, or a folder of IDX files")
      ->capture_default_str();
  command.add_option("--data-folder", options.data_folder,
                     "where mnist and fashion lie (default: data/ beside the examples)");
  command.add_option("--output", options.output, "folder for checkpoint, metrics and images")
      ->capture_default_str();
  command.add_option("--epochs", options.epochs, "passes over the training images")
      ->capture_default_str()
      ->check(CLI::Range(Index{1}, Index{1'000'000}));
  command.add_option("--batch", options.batch, "images per batch")
      ->capture_default_str()
      ->check(CLI::Range(Index{1}, Index{60'000}));
  add_seed(command, options.seed, "seed of everything random");
  command.add_flag("--resume", options.resume, "continue the run in --output where it stopped");
}

/// The options of every command that judges a run.
template <class Options>
void add_run_options(CLI::App& command, Options& options) {
  command.add_option("--run", options.run, "folder of the run (train's --output)")->capture_default_str();
  command.add_option("--data-folder", options.data_folder,
                     "where the data lies, if not where it lay in training");
}

}  // namespace examples
