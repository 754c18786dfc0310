/// A training run from first batch to last checkpoint: what programs of one model and one data set share.
#pragma once

#include <cstdio>
#include <filesystem>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include "common/checkpoint.hpp"
#include "common/metrics_log.hpp"
#include "common/progress.hpp"
#include "common/stop_on_signal.hpp"
#include "eigengrad/core/parallel.hpp"

namespace examples {

/// What is to be trained, and where it goes.
struct TrainingPlan {
  std::string program;     ///< named in checkpoints and messages
  std::string output;      ///< folder for checkpoint and metrics
  nlohmann::json options;  ///< all that decides the result; a run is resumed with the same
  std::map<std::string, std::string> metadata;  ///< what else the checkpoint shall hold
  eigengrad::Index images, batch, epochs;
  std::uint64_t seed;
  bool resume;
};

/// The plan that the options of add_training_options() make, with `chosen`, those of the program's own.
template <class Options>
TrainingPlan training_plan(const std::string& program, const Options& options, eigengrad::Index images,
                           nlohmann::json chosen) {
  chosen.update(
      {{"data", options.data}, {"epochs", options.epochs}, {"batch", options.batch}, {"seed", options.seed}});
  return {.program = program,
          .output = options.output,
          .options = std::move(chosen),
          .metadata = {{"data", options.data}, {"data-folder", options.data_folder}},
          .images = images,
          .batch = options.batch,
          .epochs = options.epochs,
          .seed = options.seed,
          .resume = options.resume};
}

/// One run: a module with rng(), its place in the data, checkpoint, metrics and progress line.
template <class Trainer>
class TrainingLoop {
 public:
  using Index = eigengrad::Index;

  /// Restores the trainer where the plan says resume. Throws where there is a run that is not to be resumed,
  /// or none that could be, or one of other options.
  TrainingLoop(const TrainingPlan& plan, Trainer& trainer)
      : plan_(plan), trainer_(trainer), cursor_(plan.images, plan.batch, plan.seed) {
    const std::string path = checkpoint_path(), options = plan.options.dump();
    if (plan.resume) {
      const Checkpoint checkpoint(path, plan.program);
      eigengrad::check(checkpoint.metadata("options") == options, path, ": was trained with ",
                       checkpoint.metadata("options"), "; these options are ", options);
      checkpoint.restore(trainer, trainer.rng(), cursor_);
      iteration_ = checkpoint.iteration();
    } else {
      eigengrad::check(!std::filesystem::exists(path), path,
                       " is already there; add --resume to go on with that run, or name another --output");
    }
    last_ = plan.epochs * cursor_.batches_per_epoch();
  }

  /// Calls step(indices of the batch) -> figures for the progress line, and at the end of an epoch
  /// end_epoch(epochs done) -> JSON for the metrics, to the end or to Ctrl-C. Returns the exit status of the
  /// program: 0, or 130 where it was stopped.
  template <class Step, class EndEpoch>
  int run(const Step& step, const EndEpoch& end_epoch) {
    std::filesystem::create_directories(plan_.output);
    MetricsLog metrics(plan_.output + "/metrics.jsonl", iteration_);
    std::printf("%s: %lld images, %lld epochs of %lld batches, %d threads, output in %s\n",
                plan_.program.c_str(), static_cast<long long>(plan_.images),
                static_cast<long long>(plan_.epochs), static_cast<long long>(cursor_.batches_per_epoch()),
                eigengrad::thread_count(), plan_.output.c_str());
    std::fflush(stdout);
    ProgressLine progress("iteration");
    progress.start(iteration_, last_, plan_.batch);
    const StopOnSignal signals;
    while (iteration_ < last_ && !stop_requested) {
      const std::vector<Figure> figures = step(cursor_.next());
      progress.update(++iteration_, figures);
      if (cursor_.position() < cursor_.batches_per_epoch()) continue;
      progress.pause();
      nlohmann::json line = {{"iteration", iteration_}, {"epoch", cursor_.epoch() + 1}};
      line.update(end_epoch(cursor_.epoch() + 1));
      metrics.write(line);
      save();
      progress.resume();
    }
    progress.finish();
    if (!stop_requested) return 0;
    save();
    std::printf("Stopped at iteration %lld; the checkpoint is in %s. Add --resume to go on.\n",
                static_cast<long long>(iteration_), plan_.output.c_str());
    return 130;
  }

  /// Steps done, and to be done in all.
  Index iteration() const { return iteration_; }
  Index last() const { return last_; }

 private:
  std::string checkpoint_path() const { return plan_.output + "/" + checkpoint_name; }

  void save() {
    auto metadata = plan_.metadata;
    metadata["program"] = plan_.program;
    metadata["options"] = plan_.options.dump();
    save_checkpoint(checkpoint_path(), trainer_, trainer_.rng(), cursor_, iteration_, metadata);
  }

  TrainingPlan plan_;
  Trainer& trainer_;
  BatchCursor cursor_;
  Index iteration_ = 0, last_ = 0;
};

}  // namespace examples
