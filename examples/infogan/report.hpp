/// The report command: one HTML page with settings, curves, grids, confusion matrix and figures of a run.
#pragma once

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <string>
#include <vector>

#include "common/html_report.hpp"
#include "common/metrics_log.hpp"
#include "eigengrad/io/file.hpp"
#include "infogan/run.hpp"

namespace infogan {

/// The curves of a metrics file: one point for each of at most `points` equal runs of iterations, their mean.
class Curves {
 public:
  explicit Curves(const std::vector<nlohmann::json>& metrics) {
    for (const nlohmann::json& line : metrics) {
      if (line.contains("loss_d")) steps_.push_back(line);
      if (line.contains("epoch_end")) epochs_.push_back(line);
    }
  }

  const std::vector<nlohmann::json>& epochs() const { return epochs_; }

  /// `pick(line)` over the training steps.
  template <class Pick>
  examples::Series over_steps(const std::string& name, Pick pick) const {
    examples::Series series{name, {}, {}};
    const std::size_t run = std::max<std::size_t>(1, steps_.size() / points);
    for (std::size_t begin = 0; begin + run <= steps_.size(); begin += run) {
      double sum = 0;
      for (std::size_t i = begin; i < begin + run; ++i) sum += number(pick(steps_[i]));
      series.x.push_back(number(steps_[begin + run - 1].at("iteration")));
      series.y.push_back(sum / static_cast<double>(run));
    }
    return series;
  }

  /// Whether the steps have this figure.
  bool has(const char* name) const { return !steps_.empty() && steps_.front().contains(name); }

  /// `pick(evaluation)` over the ends of epochs.
  template <class Pick>
  examples::Series over_epochs(const std::string& name, Pick pick) const {
    examples::Series series{name, {}, {}};
    for (const nlohmann::json& line : epochs_) {
      series.x.push_back(number(line.at("epoch_end")));
      series.y.push_back(number(pick(line.at("evaluation"))));
    }
    return series;
  }

 private:
  /// Numbers that were not finite are null in the file.
  static double number(const nlohmann::json& json) {
    return json.is_number() ? json.get<double>() : std::nan("");
  }

  static constexpr std::size_t points = 400;
  std::vector<nlohmann::json> steps_, epochs_;
};

namespace detail {

inline void add_settings(examples::HtmlReport& page, const Settings& settings) {
  page.heading("Settings");
  std::vector<std::vector<std::string>> rows;
  const nlohmann::json values = to_json(settings);
  visit_settings(settings, [&](const char* name, const auto&, const char* description) {
    const nlohmann::json& value = values[name];
    rows.push_back({name, value.is_string() ? value.get<std::string>() : value.dump(), description});
  });
  page.table({"option", "value", "meaning"}, rows);
}

inline void add_curves(examples::HtmlReport& page, const Curves& curves, const Codes& codes) {
  page.heading("Training");
  page.chart("Losses", "iteration", "nats",
             {curves.over_steps("D", [](const auto& line) { return line.at("loss_d"); }),
              curves.over_steps("G", [](const auto& line) { return line.at("loss_g"); })});
  std::vector<examples::Series> of_images;
  for (const char* name : {"consistency", "attributes"})
    if (curves.has(name))
      of_images.push_back(curves.over_steps(name, [name](const auto& line) { return line.at(name); }));
  if (!of_images.empty()) page.chart("What images say of codes", "iteration", "objective", of_images);
  std::vector<examples::Series> information;
  for (std::size_t code = 0; code < codes.count(); ++code)
    information.push_back(curves.over_steps(
        "L_I(" + codes.name(code) + "), H = " + examples::format_number(codes.entropy(code)),
        [code](const auto& line) { return line.at("information").at(code); }));
  if (!information.empty())
    page.chart("Lower bound of the mutual information", "iteration", "nats", information);
  if (curves.epochs().empty() || !curves.epochs().front().at("evaluation").contains("clustering")) return;
  std::vector<examples::Series> scores;
  for (const char* name : {"accuracy", "nmi", "purity"})
    scores.push_back(curves.over_epochs(name, [name](const auto& e) { return e.at("clustering").at(name); }));
  page.chart("Clustering of the test images", "epoch", "share", scores);
}

inline void add_figures(examples::HtmlReport& page, const nlohmann::json& evaluation, const Codes& codes) {
  page.heading("Figures");
  page.paragraph("On " + evaluation.at("samples").dump() +
                 " fresh samples and the test images, after iteration " + evaluation.at("iteration").dump() +
                 ", with running and with batch statistics of batch norm.");
  std::vector<std::vector<std::string>> rows;
  const auto add = [&](const std::string& name, const char* part, auto pick) {
    const auto value = [&](const char* mode) {
      const nlohmann::json& json = pick(evaluation.at(part).at(mode));
      return examples::format_number(json.is_number() ? json.get<double>() : std::nan(""), 4);
    };
    rows.push_back({name, value("running"), value("batch")});
  };
  for (std::size_t code = 0; code < codes.count(); ++code)
    add("L_I(" + codes.name(code) + ") of H = " + examples::format_number(codes.entropy(code)) + " nats",
        "generated", [code](const auto& json) { return json.at("information").at(code); });
  for (std::size_t j = 0; j < static_cast<std::size_t>(codes.continuous_count()); ++j)
    for (const char* factor : {"slant", "stroke"})
      add("correlation of " + codes.name(codes.categorical_count() + j) + " with " + factor, "generated",
          [&, j](const auto& json) { return json.at(std::string(factor) + "_correlation").at(j); });
  add("log-std held by the clamp", "generated", [](const auto& json) { return json.at("clamped"); });
  if (evaluation.contains("clustering"))
    for (const char* name : {"accuracy", "nmi", "ari", "purity"})
      add(name, "clustering", [name](const auto& json) { return json.at(name); });
  page.table({"figure", "running", "batch"}, rows);
  if (!evaluation.contains("clustering")) return;

  page.heading("Confusion matrix");
  page.paragraph(
      "Rows: clusters argmax q(c1|x), in the order of the digit each is matched to; columns: true classes.");
  const nlohmann::json& running = evaluation.at("clustering").at("running");
  examples::ClusteringScores scores;
  running.at("confusion").get_to(scores.confusion);
  running.at("matched").get_to(scores.matched);
  std::vector<std::string> row_names, column_names;
  std::vector<std::vector<double>> counts;
  for (std::size_t i : examples::matched_order(scores)) {
    row_names.push_back("cluster " + std::to_string(i));
    counts.emplace_back(scores.confusion[i].begin(), scores.confusion[i].end());
  }
  for (std::size_t j = 0; j < scores.confusion.at(0).size(); ++j) column_names.push_back(std::to_string(j));
  page.matrix(row_names, column_names, counts);
}

/// "iteration 2340, code c1" for 002340_c1.png.
inline std::string grid_caption(const std::string& name) {
  const std::string stem = name.substr(0, name.rfind('.'));
  const std::size_t digits = std::min(stem.find_first_not_of('0'), stem.size() - 1), bar = stem.find('_');
  const std::string iteration =
      "iteration " + stem.substr(digits, bar == std::string::npos ? bar : bar - digits);
  return bar == std::string::npos ? iteration : iteration + ", code " + stem.substr(bar + 1);
}

/// The newest grid of each code, then the older ones of the first code.
inline void add_grids(examples::HtmlReport& page, const std::string& folder) {
  std::vector<std::string> names;
  if (std::filesystem::is_directory(folder))
    for (const auto& entry : std::filesystem::directory_iterator(folder))
      if (entry.path().extension() == ".png") names.push_back(entry.path().filename().string());
  if (names.empty()) return;
  std::sort(names.rbegin(), names.rend());
  const std::string newest = names.front().substr(0, names.front().find_first_of("_."));
  page.heading("Generated images");
  page.paragraph(
      "Every row has its own noise; the columns run through the values of one code: the classes of a "
      "categorical code, -2 to 2 for a continuous one (trained on -1 to 1).");
  page.begin_gallery();
  std::sort(names.begin(), names.end(), [&](const std::string& a, const std::string& b) {
    const bool new_a = a.starts_with(newest), new_b = b.starts_with(newest);
    return new_a != new_b ? new_a : a < b;
  });
  for (const std::string& name : names) {
    const bool first_code = name.find("_c1.") != std::string::npos || name.find('_') == std::string::npos;
    if (!name.starts_with(newest) && !first_code) continue;
    page.image(read_file(folder + "/" + name), grid_caption(name));
  }
  page.end_gallery();
}

}  // namespace detail

inline int report_run(const RunOptions& options) {
  const Checkpoint checkpoint(options.folder + "/" + checkpoint_name);
  const Codes codes(checkpoint.settings());
  examples::HtmlReport page("InfoGAN on " + checkpoint.settings().data);
  page.paragraph("Iteration " + std::to_string(checkpoint.iteration()) + ", seed " +
                 std::to_string(checkpoint.settings().seed) + ".");
  detail::add_grids(page, options.folder + "/grids");
  const std::string evaluation = options.folder + "/" + evaluation_name;
  if (std::filesystem::exists(evaluation)) {
    const auto bytes = read_file(evaluation);
    const auto* const text = reinterpret_cast<const char*>(bytes.data());
    const auto json = nlohmann::json::parse(text, text + bytes.size(), nullptr, false);
    check(json.is_object(), evaluation, ": this is no JSON object; run evaluate again");
    detail::add_figures(page, json, codes);
  } else {
    page.paragraph("No figures yet: run the evaluate command first.");
  }
  detail::add_curves(page, Curves(examples::read_metrics(options.folder + "/metrics.jsonl")), codes);
  detail::add_settings(page, checkpoint.settings());
  const std::string path = options.folder + "/report.html", html = page.html();
  write_file_atomically(path, std::as_bytes(std::span(html)));
  std::printf("Written to %s\n", path.c_str());
  return 0;
}

}  // namespace infogan
