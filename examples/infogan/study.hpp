/// The study command: one setting over many seeds.
#pragma once

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <filesystem>
#include <string>
#include <vector>

#include "common/figures.hpp"
#include "infogan/run.hpp"
#include "infogan/train.hpp"

namespace infogan {

/// "0..9", "3", "0,2,5..7" -> the seeds named. Throws for anything else.
inline std::vector<std::uint64_t> parse_seeds(const std::string& text) {
  std::vector<std::uint64_t> seeds;
  constexpr std::uint64_t most = 1000;
  const auto number = [&](const std::string& part) {
    check(!part.empty() && part.size() <= 18 && part.find_first_not_of("0123456789") == std::string::npos,
          "--seeds is '", text, "'; it must be like 0..9 or 1,4,7");
    return static_cast<std::uint64_t>(std::stoull(part));
  };
  for (std::size_t begin = 0; begin <= text.size();) {
    const std::size_t end = std::min(text.find(',', begin), text.size());
    const std::string part = text.substr(begin, end - begin);
    const std::size_t dots = part.find("..");
    const std::uint64_t first = number(part.substr(0, dots));
    const std::uint64_t last = dots == std::string::npos ? first : number(part.substr(dots + 2));
    check(first <= last && last - first < most, "--seeds is '", text, "'; a range rises and has at most ",
          most, " seeds");
    for (std::uint64_t seed = first; seed <= last; ++seed) {
      check(std::find(seeds.begin(), seeds.end(), seed) == seeds.end(), "--seeds is '", text, "'; ", seed,
            " occurs twice");
      seeds.push_back(seed);
    }
    begin = end + 1;
  }
  return seeds;
}

/// A figure over the seeds, and which way is up.
struct StudyFigure {
  std::string name;
  double goal;  ///< NaN: none
  std::vector<double> values;

  double worst() const { return *std::min_element(values.begin(), values.end()); }
  double best() const { return *std::max_element(values.begin(), values.end()); }
  double mean() const { return examples::mean_figure(values).mean; }
  /// Of the seeds, not of their mean.
  double standard_deviation() const {
    return examples::mean_figure(values).standard_error * std::sqrt(static_cast<double>(values.size()));
  }
};

/// The best of two continuous codes for each image factor, so that they are different codes.
struct Disentanglement {
  double slant = 0, stroke = 0;
};
inline Disentanglement disentanglement(const nlohmann::json& generated) {
  const auto slants = generated.at("slant_correlation"), strokes = generated.at("stroke_correlation");
  const auto value = [](const nlohmann::json& json) {
    return json.is_number() ? std::abs(json.get<double>()) : 0.0;
  };
  Disentanglement best;
  for (std::size_t i = 0; i < slants.size(); ++i)
    for (std::size_t j = 0; j < strokes.size(); ++j) {
      if (i == j && slants.size() > 1) continue;
      const Disentanglement found{value(slants[i]), value(strokes[j])};
      if (std::min(found.slant, found.stroke) > std::min(best.slant, best.stroke)) best = found;
    }
  return best;
}

/// Trains (or resumes) and judges one seed in FOLDER/seedN; what is finished is read.
inline nlohmann::json study_seed(Settings settings, std::vector<std::string> given, std::uint64_t seed) {
  settings.seed = seed;
  given.emplace_back("seed");
  settings.output += "/seed" + std::to_string(seed);
  std::filesystem::create_directories(settings.output);
  const std::string result = settings.output + "/study.json";
  if (std::filesystem::exists(result)) {
    const auto bytes = read_file(result);
    const auto json = nlohmann::json::parse(bytes.begin(), bytes.end(), nullptr, false);
    check(json.is_object(), result, ": this is no JSON object; remove it to judge the seed again");
    nlohmann::json wanted = to_json(settings), found = json.value("settings", nlohmann::json::object());
    for (const char* place : {"output", "data-folder", "threads"}) wanted.erase(place), found.erase(place);
    check(found == wanted, result, ": was trained with other settings; name another --output");
    return json;
  }
  const bool resume = std::filesystem::exists(settings.output + "/" + checkpoint_name);
  const auto start = std::chrono::steady_clock::now();
  const int status = train(settings, given, resume);
  if (status != 0) return {{"stopped", status}};
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  RunOptions options;
  options.folder = settings.output;
  evaluate_run(options);
  const auto bytes = read_file(settings.output + "/" + evaluation_name);
  nlohmann::json json = nlohmann::json::parse(bytes.begin(), bytes.end());
  json["settings"] = to_json(settings);
  if (!resume) json["seconds"] = seconds;
  const std::string text = json.dump(2) + "\n";
  write_file_atomically(result, std::as_bytes(std::span(text)));
  return json;
}

/// Every figure over the seeds that have been judged.
inline std::vector<StudyFigure> study_figures(const std::vector<nlohmann::json>& seeds, const Codes& codes) {
  std::vector<StudyFigure> figures;
  const double none = std::nan("");
  const auto add = [&](const std::string& name, double goal, auto&& value) {
    StudyFigure figure{name, goal, {}};
    for (const nlohmann::json& seed : seeds) figure.values.push_back(value(seed));
    figures.push_back(std::move(figure));
  };
  if (!seeds.empty() && seeds[0].contains("clustering"))
    for (const char* mode : {"running", "batch"})
      for (const char* key : {"accuracy", "nmi", "ari", "purity"}) {
        const std::string name = key;
        const bool is_running = std::string(mode) == "running";
        const double goal = name == "accuracy" ? 0.97 : name == "nmi" ? 0.94 : none;
        add(name + ", " + mode, is_running ? goal : none,
            [&](const nlohmann::json& seed) { return seed.at("clustering").at(mode).at(key).get<double>(); });
      }
  for (std::size_t code = 0; code < codes.count(); ++code)
    add("L_I(" + codes.name(code) + "), nats",
        codes.is_categorical(code) && codes.classes(code) == 10 ? 2.29 : none,
        [&](const nlohmann::json& seed) {
          return seed.at("generated").at("running").at("information").at(code).get<double>();
        });
  if (codes.continuous_count() > 0) {
    add("|correlation| with slant", 0.9,
        [](const nlohmann::json& seed) { return disentanglement(seed.at("generated").at("running")).slant; });
    add("|correlation| with stroke", 0.9, [](const nlohmann::json& seed) {
      return disentanglement(seed.at("generated").at("running")).stroke;
    });
  }
  return figures;
}

/// Trains and judges `settings` with every seed, then prints mean, standard deviation, worst and best of each
/// figure; the folder of a seed is resumed, or read where it is finished.
inline int study(const Settings& settings, const std::vector<std::string>& given,
                 const std::string& seeds_text) {
  validate(settings);
  std::vector<nlohmann::json> results;
  std::vector<double> seconds;
  for (const std::uint64_t seed : parse_seeds(seeds_text)) {
    std::printf("seed %llu\n", static_cast<unsigned long long>(seed));
    results.push_back(study_seed(settings, given, seed));
    if (results.back().contains("stopped")) return results.back().at("stopped");
    if (results.back().contains("seconds")) seconds.push_back(results.back().at("seconds"));
  }
  std::printf("\n%zu seeds of %s\n%-28s %9s %9s %9s %9s   goal for the mean\n", results.size(),
              settings.data.c_str(), "figure", "mean", "std", "worst", "best");
  bool all_reached = true;
  for (const StudyFigure& figure : study_figures(results, Codes(settings))) {
    std::printf("%-28s %9.4f %9.4f %9.4f %9.4f", figure.name.c_str(), figure.mean(),
                figure.standard_deviation(), figure.worst(), figure.best());
    if (!std::isnan(figure.goal)) {
      const bool reached = figure.mean() >= figure.goal;
      all_reached &= reached;
      std::printf("   >= %.2f  %s", figure.goal, examples::verdict(reached));
    }
    std::printf("\n");
  }
  if (!seconds.empty())
    std::printf("training took %.0f to %.0f s for a seed\n",
                *std::min_element(seconds.begin(), seconds.end()),
                *std::max_element(seconds.begin(), seconds.end()));
  return all_reached ? 0 : 1;
}

}  // namespace infogan
