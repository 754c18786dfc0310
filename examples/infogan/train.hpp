/// The train command.
#pragma once

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "common/metrics_log.hpp"
#include "common/nearest_neighbours.hpp"
#include "common/progress.hpp"
#include "common/stop_on_signal.hpp"
#include "infogan/checkpoint.hpp"
#include "infogan/evaluation.hpp"
#include "infogan/grids.hpp"
#include "infogan/starts.hpp"
#include "infogan/trainer.hpp"

namespace infogan {

/// The settings to train with: those of the command line, or, resuming, the checkpoint's with what may change
/// (length, places, threads) taken from the command line where given. Throws where the two contradict each
/// other.
inline Settings resumed_settings(const Settings& saved, const Settings& command_line,
                                 const std::vector<std::string>& given) {
  Settings result = saved;
  const nlohmann::json wanted = to_json(command_line), stored = to_json(saved);
  nlohmann::json merged = stored;
  for (const std::string& name : given) {
    check(may_change_on_resume(name) || wanted[name] == stored[name], "--", name, " is ", wanted[name].dump(),
          ", but the run was started with ", stored[name].dump(), "; it can not change on --resume");
    merged[name] = wanted[name];
    if (name == "epochs") merged["iterations"] = 0;
  }
  merged["output"] = command_line.output;
  return settings_from_json(merged);
}

/// Seconds-scale judgement at the end of an epoch: L_I on fresh samples, clustering of the test images.
inline nlohmann::json epoch_figures(Networks<float>& networks, const Codes& codes,
                                    const examples::ImageDataSet& test, std::uint64_t seed) {
  nlohmann::json figures;
  figures["information"] = evaluate_generated(networks, codes, nn::BatchNormMode::running, seed).information;
  if (codes.categorical_count() > 0 && !test.labels.empty())
    figures["clustering"] = examples::to_json(examples::score_clustering(
        cluster(networks, codes, test.images, nn::BatchNormMode::running), test.labels));
  return figures;
}

/// One run of the train command from data set to last checkpoint.
class TrainingRun {
 public:
  TrainingRun(const Settings& settings, const Checkpoint* resumed)
      : settings_(settings),
        data_(load_images(settings.data, settings.data_folder)),
        cursor_(data_.train.images.count(), settings.batch, settings.seed),
        iteration_(resumed != nullptr ? resumed->iteration() : 0),
        last_iteration_(settings.iterations > 0 ? settings.iterations
                                                : settings.epochs * cursor_.batches_per_epoch()),
        neighbours_(find_neighbours()),
        metrics_(made_folder(settings.output) + "/metrics.jsonl", iteration_),
        start_(best_start()),
        trainer_(settings, {}),
        grids_(trainer_.codes(), settings, settings.seed),
        progress_("iteration") {
    trainer_.set_attributes({data_.train.images, settings.attribute_count()});
    if (resumed != nullptr) resumed->restore(trainer_, trainer_.rng(), cursor_);
    take_start();
  }

  /// Trains to the end or to Ctrl-C; returns the exit status of the program.
  int run() {
    if (examples::stop_requested && iteration_ == 0) {
      std::printf("Stopped before the first iteration; there is no checkpoint yet.\n");
      return 130;
    }
    progress_.start(iteration_, last_iteration_, settings_.batch);
    while (iteration_ < last_iteration_ && !examples::stop_requested) step();
    progress_.finish();
    if (examples::stop_requested) {
      save();
      std::printf("Stopped at iteration %lld; the checkpoint is in %s. Add --resume to go on.\n",
                  static_cast<long long>(iteration_), settings_.output.c_str());
      return 130;
    }
    if (!saved_) save();
    return 0;
  }

 private:
  /// Made only now that settings and data are known to be good.
  static const std::string& made_folder(const std::string& folder) {
    std::filesystem::create_directories(folder + "/grids");
    return folder;
  }

  /// Says what is to be trained; where the rest of the run needs neighbours, finds them (before there are
  /// networks: both want memory).
  std::vector<std::int32_t> find_neighbours() const {
    describe();
    if (iteration_ >= last_iteration_ || !settings_.uses_neighbours(done())) return {};
    std::printf("Looking for %lld nearest neighbours of each image\n",
                static_cast<long long>(settings_.neighbours));
    std::fflush(stdout);
    auto found = examples::nearest_neighbours(data_.train.images, settings_.neighbours);
    release_unused_memory();
    return found;
  }

  /// Tries the starts of a run that begins (before there are other networks: both want memory). Returns what
  /// the best has learnt; nothing where there are none to try, or where that was stopped.
  std::optional<Starts::Networks> best_start() {
    if (settings_.start_count() == 0 || iteration_ > 0 || last_iteration_ == 0) return {};
    Starts starts(settings_, {}, data_.train.images, neighbours_,
                  settings_.start_iterations(last_iteration_));
    examples::ProgressLine progress("start");
    progress.start(0, starts.last_iteration(), settings_.batch);
    while (starts.iteration() < starts.last_iteration()) {
      if (examples::stop_requested) return {};
      const std::size_t over = starts.scores().size();
      const double consistency = starts.step();
      progress.update(starts.iteration(), {{"consistency", consistency}});
      if (starts.scores().size() == over) continue;
      progress.pause();
      release_unused_memory();
      const double score = starts.scores().back();
      std::printf("start %zu of %lld: consistency %.4f\n", over + 1,
                  static_cast<long long>(settings_.start_count()), score);
      std::fflush(stdout);
      metrics_.write({{"iteration", 0}, {"start", over + 1}, {"consistency", score}});
      progress.resume();
    }
    check(std::isfinite(starts.scores()[static_cast<std::size_t>(starts.best())]),
          "every start diverged; try a smaller --learning-rate-start");
    std::printf("Going on from start %lld\n", static_cast<long long>(starts.best() + 1));
    return starts.best_networks();
  }
  /// Lets trunk and Q begin as the best start ended.
  void take_start() {
    if (start_) {
      trainer_.networks().trunk = start_->trunk;
      trainer_.networks().q = start_->q;
      start_.reset();
    }
    release_unused_memory();
  }

  void describe() const {
    std::printf("InfoGAN on %s: %lld images, %lld iterations of %lld, %d threads, %s kernels, output in %s\n",
                settings_.data.c_str(), static_cast<long long>(data_.train.images.count()),
                static_cast<long long>(last_iteration_), static_cast<long long>(settings_.batch),
                thread_count(), to_string(instruction_set()), settings_.output.c_str());
    std::fflush(stdout);
  }

  void step() {
    const auto batch = cursor_.next();
    trainer_.schedule(done());
    const StepFigures figures = train_on(batch);
    ++iteration_;
    saved_ = false;
    record(figures);
    if (iteration_ == 100 || iteration_ == 200 || iteration_ == 400) write_grids();
    if (cursor_.position() == cursor_.batches_per_epoch()) end_epoch();
  }

  /// The share of the run that is over.
  double done() const { return static_cast<double>(iteration_) / static_cast<double>(last_iteration_); }

  /// The step on a batch and the images whose moved copies are to have the same classes: of the first half
  /// themselves, of the others one of their neighbours at random.
  StepFigures train_on(std::span<const Index> batch) {
    const Tensor real = data_.train.images.gather(batch);
    if (!settings_.uses_neighbours(done())) return trainer_.step(real);
    return trainer_.step(real, data_.train.images.gather(examples::partners(
                                   batch, neighbours_, settings_.neighbours, trainer_.rng())));
  }

  void record(const StepFigures& figures) {
    const Codes& codes = trainer_.codes();
    std::vector<examples::Figure> line = {{"D", figures.loss_d}, {"G", figures.loss_g}};
    nlohmann::json json = {{"iteration", iteration_},
                           {"epoch", cursor_.epoch()},
                           {"images_per_second", progress_.items_per_second()},
                           {"loss_d", figures.loss_d},
                           {"loss_g", figures.loss_g},
                           {"clamped", figures.clamped}};
    if (settings_.consistent()) {
      json["consistency"] = figures.consistency;
      line.push_back({"consistency", figures.consistency});
    }
    if (settings_.attribute_count() > 0) {
      json["attributes"] = figures.attributes;
      line.push_back({"attributes", figures.attributes});
    }
    json["information"] = nlohmann::json::array();
    for (std::size_t code = 0; code < figures.information.size(); ++code) {
      json["information"].push_back(figures.information[code]);
      line.push_back({"L_I(" + codes.name(code) + ")", figures.information[code], codes.entropy(code)});
    }
    if (figures.clamped > 0) line.push_back({"clamped", figures.clamped});
    metrics_.write(json);
    progress_.update(iteration_, line);
    check(std::isfinite(figures.loss_d) && std::isfinite(figures.loss_g), "training diverged at iteration ",
          iteration_, ": D's loss is ", figures.loss_d, ", G's is ", figures.loss_g,
          "; the last checkpoint is kept, try smaller learning rates");
  }

  void end_epoch() {
    const Index epoch = cursor_.epoch() + 1;
    progress_.pause();
    // What training has at hand and what judging needs are of different sizes.
    release_unused_memory();
    write_grids();
    nlohmann::json figures = epoch_figures(trainer_.networks(), trainer_.codes(), data_.test, settings_.seed);
    release_unused_memory();
    std::string line = "epoch " + std::to_string(epoch) + ":";
    const auto add = [&line](const std::string& name, double value) {
      char text[64];
      std::snprintf(text, sizeof text, " %s %.4f", name.c_str(), value);
      line += text;
    };
    for (std::size_t code = 0; code < trainer_.codes().count(); ++code)
      add("L_I(" + trainer_.codes().name(code) + ")", figures["information"][code]);
    if (figures.contains("clustering"))
      for (const char* name : {"accuracy", "nmi", "purity"}) add(name, figures["clustering"][name]);
    std::printf("%s\n", line.c_str());
    std::fflush(stdout);
    metrics_.write({{"iteration", iteration_}, {"epoch_end", epoch}, {"evaluation", figures}});
    save();
    progress_.resume();
  }

  void write_grids() {
    char name[32];
    std::snprintf(name, sizeof name, "%06lld", static_cast<long long>(iteration_));
    grids_.write(trainer_.networks(), settings_.output + "/grids", name);
  }

  void save() {
    save_checkpoint(settings_.output + "/" + checkpoint_name, settings_, trainer_, cursor_, iteration_);
    saved_ = true;
  }

  Settings settings_;
  examples::DataSets data_;
  examples::BatchCursor cursor_;
  Index iteration_, last_iteration_;
  std::vector<std::int32_t> neighbours_;
  examples::MetricsLog metrics_;
  examples::StopOnSignal signals_;
  std::optional<Starts::Networks> start_;
  Trainer<float> trainer_;
  CodeGrids grids_;
  examples::ProgressLine progress_;
  bool saved_ = true;
};

/// `given` names the settings on the command line.
inline int train(const Settings& command_line, const std::vector<std::string>& given, bool resume) {
  validate(command_line);
  const std::string path = command_line.output + "/" + checkpoint_name;
  if (!resume) {
    check(!std::filesystem::exists(path), path,
          " is already there; add --resume to go on with that run, or name another --output");
    if (command_line.threads > 0) set_thread_count(command_line.threads);
    return TrainingRun(command_line, nullptr).run();
  }
  const Checkpoint checkpoint(path);
  const Settings settings = resumed_settings(checkpoint.settings(), command_line, given);
  if (settings.threads > 0) set_thread_count(settings.threads);
  return TrainingRun(settings, &checkpoint).run();
}

}  // namespace infogan
