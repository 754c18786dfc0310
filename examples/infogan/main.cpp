/// infogan_mnist: trains InfoGAN, judges it, draws from it and reports on it.
#include <algorithm>
#include <string>
#include <vector>

#if defined(__GLIBC__)
#  include <malloc.h>
#endif

#include <CLI/CLI.hpp>

#include "common/options.hpp"
#include "infogan/report.hpp"
#include "infogan/run.hpp"
#include "infogan/study.hpp"
#include "infogan/train.hpp"

namespace {

using namespace infogan;

/// Adds one option for every setting but those `without`, with its default shown.
void add_settings(CLI::App& command, Settings& settings, const std::string& without = "") {
  visit_settings(settings, [&](const char* name, auto& field, const char* description) {
    if (name == without) return;
    CLI::Option* const option = command.add_option("--" + std::string(name), field, description);
    option->capture_default_str();
    if constexpr (std::is_same_v<std::remove_reference_t<decltype(field)>, std::vector<Index>>)
      option->delimiter(',')->allow_extra_args(false);
    else
      option->multi_option_policy(CLI::MultiOptionPolicy::TakeLast);  // scripts may set defaults before
    if constexpr (std::is_same_v<std::remove_reference_t<decltype(field)>, std::uint64_t>)
      option->check(examples::check_seed);
  });
}

/// The settings that the user gave on the command line.
std::vector<std::string> given_settings(const CLI::App& command, Settings& settings) {
  std::vector<std::string> names;
  visit_settings(settings, [&](const char* name, auto&, const char*) {
    const CLI::Option* const option = command.get_option_no_throw("--" + std::string(name));
    if (option != nullptr && option->count() > 0) names.emplace_back(name);
  });
  return names;
}

/// --paper: every setting that was not given becomes the paper's; those that this changes count as given. A
/// number of iterations says how long to train, so then the epochs stay.
void choose_paper(Settings& settings, std::vector<std::string>& given) {
  const auto is_given = [&given](const std::string& name) {
    return std::find(given.begin(), given.end(), name) != given.end();
  };
  const nlohmann::json usual = to_json(Settings{}), papers = to_json(paper_settings());
  nlohmann::json chosen = to_json(settings);
  for (const auto& [name, value] : papers.items()) {
    if (value == usual[name] || is_given(name) || (name == "epochs" && is_given("iterations"))) continue;
    chosen[name] = value;
    given.push_back(name);
  }
  settings = settings_from_json(chosen);
}

}  // namespace

int main(int argc, char** argv) {
#if defined(__GLIBC__)
  // Large buffers have pages of their own and give them back whole: what the starts leave behind would add to
  // what training takes.
  mallopt(M_MMAP_THRESHOLD, 1 << 20);
#endif
  CLI::App app("InfoGAN on MNIST, from the primitives of eigengrad");
  app.require_subcommand(1);

  Settings settings;
  bool resume = false, paper = false;
  CLI::App* const train_command = app.add_subcommand("train", "train, writing checkpoint, metrics and grids");
  add_settings(*train_command, settings);
  train_command->add_flag("--resume", resume, "continue the run in --output where it stopped");

  std::string seeds = "0..9";
  CLI::App* const study_command = app.add_subcommand(
      "study", "train and judge several seeds; mean, spread, worst and best of every figure");
  add_settings(*study_command, settings, "seed");
  study_command->add_option("--seeds", seeds, "seeds such as 0..9 or 1,4; finished ones are not run again")
      ->capture_default_str();
  for (CLI::App* const command : {train_command, study_command})
    command->add_flag("--paper", paper, "the paper's setting, but for what other options say");

  RunOptions run;
  const auto add_run = [&](const char* name, const char* description) {
    CLI::App* const command = app.add_subcommand(name, description);
    command->add_option("--run", run.folder, "folder of the run (train's --output)")->capture_default_str();
    command->add_option("--data-folder", run.data_folder,
                        "where the data lies, if not where it lay in training");
    command->add_option("--threads", run.threads, "threads (0: OpenMP's choice)")->check(CLI::Range(0, 1024));
    return command;
  };
  CLI::App* const evaluate_command =
      add_run("evaluate", "print every figure a run is judged by; writes evaluation.json");
  CLI::App* const sample_command =
      add_run("sample", "write images of each code's effect, and random samples");
  examples::add_seed(*sample_command, run.seed, "seed of noise and codes");
  CLI::App* const report_command = add_run("report", "write report.html: settings, curves, grids, figures");

  return examples::run_program(app, argc, argv, "infogan_mnist", [&] {
    std::erase(settings.categorical, 0);  // 0 stands for no categorical code
    if (*train_command || *study_command) {
      std::vector<std::string> given =
          given_settings(*train_command ? *train_command : *study_command, settings);
      if (paper) choose_paper(settings, given);
      return *train_command ? train(settings, given, resume) : study(settings, given, seeds);
    }
    if (*evaluate_command) return evaluate_run(run);
    if (*sample_command) return sample_run(run);
    if (*report_command) return report_run(run);
    return 0;
  });
}
