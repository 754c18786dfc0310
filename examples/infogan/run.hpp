/// The evaluate and sample commands: what is done with a finished or interrupted run.
#pragma once

#include <cstdio>
#include <filesystem>
#include <string>

#include "eigengrad/io/file.hpp"
#include "infogan/checkpoint.hpp"
#include "infogan/evaluation.hpp"
#include "infogan/grids.hpp"

namespace infogan {

/// Options of evaluate, sample and report.
struct RunOptions {
  std::string folder = "runs/infogan";
  std::string data_folder;
  int threads = 0;
  std::uint64_t seed = 0;
};

inline constexpr const char* evaluation_name = "evaluation.json";

/// The networks of a run as its checkpoint holds them.
class LoadedRun {
 public:
  explicit LoadedRun(const RunOptions& options)
      : checkpoint_(options.folder + "/" + checkpoint_name), trainer_(checkpoint_.settings(), {}) {
    checkpoint_.restore(trainer_);
    if (options.threads > 0) set_thread_count(options.threads);
  }

  const Settings& settings() const { return checkpoint_.settings(); }
  Index iteration() const { return checkpoint_.iteration(); }
  Networks<float>& networks() { return trainer_.networks(); }
  const Codes& codes() const { return trainer_.codes(); }

 private:
  Checkpoint checkpoint_;
  Trainer<float> trainer_;
};

inline nlohmann::json to_json(const GeneratedFigures& figures) {
  return {{"information", figures.information},
          {"slant_correlation", figures.slant_correlation},
          {"stroke_correlation", figures.stroke_correlation},
          {"clamped", figures.clamped},
          {"blank_images", figures.blank_images}};
}

inline nlohmann::json to_json(const Evaluation& evaluation, const Codes& codes, Index iteration) {
  nlohmann::json json = {
      {"iteration", iteration},
      {"samples", evaluation_samples},
      {"generated",
       {{"running", to_json(evaluation.generated_running)}, {"batch", to_json(evaluation.generated_batch)}}}};
  for (std::size_t code = 0; code < codes.count(); ++code) json["entropy"].push_back(codes.entropy(code));
  if (evaluation.clustering_running)
    json["clustering"] = {{"running", examples::to_json(*evaluation.clustering_running)},
                          {"batch", examples::to_json(*evaluation.clustering_batch)}};
  if (evaluation.exact)
    json["exact_code_correlation"] = {{"slant", evaluation.exact->slant},
                                      {"stroke", evaluation.exact->stroke}};
  return json;
}

/// Prints the figures of an evaluation as tables.
inline void print(const Evaluation& evaluation, const Codes& codes) {
  std::printf("On %lld fresh samples          running stat.   batch stat.\n",
              static_cast<long long>(evaluation_samples));
  for (std::size_t code = 0; code < codes.count(); ++code)
    std::printf("  L_I(%s), of H = %.4f nats %13.4f %13.4f\n", codes.name(code).c_str(), codes.entropy(code),
                evaluation.generated_running.information[code], evaluation.generated_batch.information[code]);
  for (Index j = 0; j < codes.continuous_count(); ++j) {
    const auto index = static_cast<std::size_t>(j);
    const std::string name = codes.name(codes.categorical_count() + index);
    std::printf("  correlation of %s with slant %12.3f %13.3f\n", name.c_str(),
                evaluation.generated_running.slant_correlation[index],
                evaluation.generated_batch.slant_correlation[index]);
    std::printf("  correlation of %s with width %12.3f %13.3f\n", name.c_str(),
                evaluation.generated_running.stroke_correlation[index],
                evaluation.generated_batch.stroke_correlation[index]);
  }
  if (evaluation.exact)
    std::printf("  of a code that orders each class of test images exactly: slant %.3f, width %.3f\n",
                evaluation.exact->slant, evaluation.exact->stroke);
  std::printf("  log-std held by the clamp %16.4f %13.4f\n", evaluation.generated_running.clamped,
              evaluation.generated_batch.clamped);
  if (!evaluation.clustering_running) return;
  const auto& running = *evaluation.clustering_running;
  const auto& batch = *evaluation.clustering_batch;
  std::printf("Test images clustered by argmax q(c1|x)\n");
  std::printf("  accuracy, best matching (ACC) %12.4f %13.4f\n", running.accuracy, batch.accuracy);
  std::printf("  mutual information (NMI) %17.4f %13.4f\n", running.nmi, batch.nmi);
  std::printf("  adjusted Rand index (ARI) %16.4f %13.4f\n", running.ari, batch.ari);
  std::printf("  purity, many to one %22.4f %13.4f\n", running.purity, batch.purity);
  std::printf("Confusion matrix (rows: clusters in the order of their matched digit, columns: digits)\n%s",
              examples::format_confusion(running).c_str());
}

inline int evaluate_run(const RunOptions& options) {
  LoadedRun run(options);
  const std::string& data_folder =
      options.data_folder.empty() ? run.settings().data_folder : options.data_folder;
  const examples::DataSets data = load_images(run.settings().data, data_folder);
  const Evaluation evaluation = evaluate(run.networks(), run.codes(), data.test, run.settings().seed + 1);
  print(evaluation, run.codes());
  const std::string path = options.folder + "/" + evaluation_name;
  const std::string text = to_json(evaluation, run.codes(), run.iteration()).dump(2) + "\n";
  write_file_atomically(path, std::as_bytes(std::span(text)));
  std::printf("Written to %s\n", path.c_str());
  return 0;
}

inline int sample_run(const RunOptions& options) {
  LoadedRun run(options);
  const std::string folder = options.folder + "/samples";
  std::filesystem::create_directories(folder);
  const std::string name = "seed" + std::to_string(options.seed);
  CodeGrids(run.codes(), run.settings(), options.seed).write(run.networks(), folder, name);
  std::printf("Written to %s/%s_*.png\n", folder.c_str(), name.c_str());
  return 0;
}

}  // namespace infogan
