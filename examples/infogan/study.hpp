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

/// A figure over the seeds; what it should reach is NaN where nothing is asked.
struct StudyFigure {
  std::string name;
  std::vector<double> values;
  double mean_goal = std::nan(""), worst_goal = std::nan(""), best_goal = std::nan("");

  double worst() const { return *std::min_element(values.begin(), values.end()); }
  double best() const { return *std::max_element(values.begin(), values.end()); }
  double mean() const { return examples::mean_figure(values).mean; }
  /// Of the seeds, not of their mean.
  double standard_deviation() const {
    return examples::mean_figure(values).standard_error * std::sqrt(static_cast<double>(values.size()));
  }
};

/// |Correlations| of one continuous code with slant and of another with stroke width: the two codes whose
/// lesser one is largest.
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

inline nlohmann::json read_json(const std::string& path) {
  const auto bytes = read_file(path);
  const char* const text = reinterpret_cast<const char*>(bytes.data());
  auto json = nlohmann::json::parse(text, text + bytes.size(), nullptr, false);
  check(json.is_object(), path, ": this is no JSON object; remove it to judge the seed again");
  return json;
}

/// Trains (or resumes) and judges one seed in FOLDER/seedN; what is finished is read. Returns the exit status
/// of the training: 130 where it was stopped, and `result` holds nothing.
inline int study_seed(Settings settings, std::vector<std::string> given, std::uint64_t seed,
                      nlohmann::json& result) {
  settings.seed = seed;
  given.emplace_back("seed");
  settings.output += "/seed" + std::to_string(seed);
  const std::string path = settings.output + "/study.json";
  if (std::filesystem::exists(path)) {
    result = read_json(path);
    nlohmann::json wanted = to_json(settings), found = result.value("settings", nlohmann::json::object());
    for (const char* place : {"output", "data-folder", "threads"}) wanted.erase(place), found.erase(place);
    check(found == wanted, path, ": was trained with other settings; name another --output");
    return 0;
  }
  const bool resume = std::filesystem::exists(settings.output + "/" + checkpoint_name);
  const auto start = std::chrono::steady_clock::now();
  if (const int status = train(settings, given, resume); status != 0) return status;
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  RunOptions options;
  options.folder = settings.output;
  evaluate_run(options);
  result = read_json(settings.output + "/" + evaluation_name);
  result["settings"] = to_json(settings);
  if (!resume) result["seconds"] = seconds;
  const std::string text = result.dump(2) + "\n";
  write_file_atomically(path, std::as_bytes(std::span(text)));
  return 0;
}

/// Every figure over the seeds that have been judged, with what is asked of the data set: of MNIST what the
/// best of this family of models have reached, of Fashion-MNIST more than InfoGAN's published 0.61.
inline std::vector<StudyFigure> study_figures(const std::vector<nlohmann::json>& seeds,
                                              const Settings& settings) {
  std::vector<StudyFigure> figures;
  const Codes codes(settings);
  const bool mnist = settings.data == "mnist", fashion = settings.data == "fashion";
  const auto add = [&](const std::string& name, auto&& value) -> StudyFigure& {
    StudyFigure& figure = figures.emplace_back();
    figure.name = name;
    for (const nlohmann::json& seed : seeds) figure.values.push_back(value(seed));
    return figure;
  };
  const auto generated = [](const nlohmann::json& seed) { return seed.at("generated").at("running"); };
  if (!seeds.empty() && seeds[0].contains("clustering"))
    for (const char* mode : {"running", "batch"})
      for (const char* key : {"accuracy", "nmi", "ari", "purity"}) {
        StudyFigure& figure = add(std::string(key) + ", " + mode, [&](const nlohmann::json& seed) {
          return seed.at("clustering").at(mode).at(key).get<double>();
        });
        if (figure.name == "accuracy, running" && fashion) figure.mean_goal = 0.7;
        if (figure.name == "accuracy, running" && mnist)
          figure.mean_goal = 0.97, figure.worst_goal = 0.95, figure.best_goal = 0.985;
        if (figure.name == "nmi, running" && mnist) figure.mean_goal = 0.94;
      }
  for (std::size_t code = 0; code < codes.count(); ++code) {
    StudyFigure& figure = add("L_I(" + codes.name(code) + "), nats", [&](const nlohmann::json& seed) {
      return generated(seed).at("information").at(code).get<double>();
    });
    if (mnist && codes.is_categorical(code) && codes.classes(code) == 10) figure.mean_goal = 2.29;
  }
  if (codes.continuous_count() == 0) return figures;
  for (const bool slant : {true, false}) {
    StudyFigure& figure = add(slant ? "|correlation| with slant" : "|correlation| with stroke",
                              [&](const nlohmann::json& seed) {
                                const Disentanglement found = disentanglement(generated(seed));
                                return slant ? found.slant : found.stroke;
                              });
    if (mnist) figure.mean_goal = 0.9;
  }
  return figures;
}

/// One line of the table; returns whether all that is asked is reached.
inline bool print(const StudyFigure& figure) {
  std::printf("%-28s %9.4f %9.4f %9.4f %9.4f", figure.name.c_str(), figure.mean(),
              figure.standard_deviation(), figure.worst(), figure.best());
  bool all_reached = true;
  const auto judge = [&](const char* what, double value, double goal) {
    if (std::isnan(goal)) return;
    all_reached &= value >= goal;
    std::printf("  %s >= %g %s", what, goal, examples::verdict(value >= goal));
  };
  judge("mean", figure.mean(), figure.mean_goal);
  judge("worst", figure.worst(), figure.worst_goal);
  judge("best", figure.best(), figure.best_goal);
  std::printf("\n");
  return all_reached;
}

/// Trains and judges `settings` with every seed, then prints mean, standard deviation, worst and best of each
/// figure; the folder of a seed is resumed, or read where it is finished. Returns 0 where all that is asked
/// is reached, else 1; 130 where it was stopped.
inline int study(const Settings& settings, const std::vector<std::string>& given,
                 const std::string& seeds_text) {
  validate(settings);
  std::vector<nlohmann::json> results;
  std::vector<double> seconds;
  for (const std::uint64_t seed : parse_seeds(seeds_text)) {
    std::printf("seed %llu\n", static_cast<unsigned long long>(seed));
    results.emplace_back();
    if (const int status = study_seed(settings, given, seed, results.back()); status != 0) return status;
    if (results.back().contains("seconds")) seconds.push_back(results.back().at("seconds"));
  }
  std::printf("\n%zu seeds of %s\n%-28s %9s %9s %9s %9s\n", results.size(), settings.data.c_str(), "figure",
              "mean", "std", "worst", "best");
  bool all_reached = true;
  for (const StudyFigure& figure : study_figures(results, settings)) all_reached &= print(figure);
  if (!seconds.empty())
    std::printf("training took %.0f to %.0f s for a seed\n",
                *std::min_element(seconds.begin(), seconds.end()),
                *std::max_element(seconds.begin(), seconds.end()));
  return all_reached ? 0 : 1;
}

}  // namespace infogan
