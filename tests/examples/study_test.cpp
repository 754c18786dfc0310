// The study over seeds: which are named, and what is made of their figures.
#include <doctest/doctest.h>

#include "infogan/study.hpp"

namespace infogan {

namespace {

nlohmann::json judged(double accuracy, std::vector<double> slants, std::vector<double> strokes) {
  const nlohmann::json clustering = {
      {"accuracy", accuracy}, {"nmi", 0.9}, {"ari", 0.8}, {"purity", accuracy}};
  return {{"clustering", {{"running", clustering}, {"batch", clustering}}},
          {"generated",
           {{"running",
             {{"information", {2.3, 0.5, 0.6}},
              {"slant_correlation", slants},
              {"stroke_correlation", strokes}}}}}};
}

const StudyFigure& figure(const std::vector<StudyFigure>& figures, const std::string& name) {
  for (const StudyFigure& found : figures)
    if (found.name == name) return found;
  FAIL("no figure " << name);
  return figures[0];
}

}  // namespace

TEST_CASE("study: seeds as ranges and lists") {
  CHECK(parse_seeds("0..3") == std::vector<std::uint64_t>{0, 1, 2, 3});
  CHECK(parse_seeds("7,2..3") == std::vector<std::uint64_t>{7, 2, 3});
  for (const char* rubbish :
       {"", "a", "3..1", "1,", "1..", "..2", "1..2..3", "-1", "1,1", "0..5000", "1 2"}) {
    CAPTURE(rubbish);
    CHECK_THROWS_AS(parse_seeds(rubbish), Error);
  }
}

TEST_CASE("study: slant and stroke width belong to different codes") {
  const auto found = disentanglement(judged(1, {-0.95, 0.2}, {0.97, 0.9}).at("generated").at("running"));
  CHECK(found.slant == 0.95);  // the first code is taken by slant, though it follows the stroke more closely
  CHECK(found.stroke == 0.9);
  auto missing = judged(1, {0.5, 0.4}, {0.1, 0.2}).at("generated").at("running");
  missing["slant_correlation"][0] = nullptr;  // of images that are all alike
  CHECK(disentanglement(missing).slant == 0.4);
}

TEST_CASE("study: mean, spread, worst and best, and what is asked of MNIST alone") {
  Settings settings;
  const std::vector<nlohmann::json> seeds = {judged(0.99, {0.9, 0}, {0, 0.8}),
                                             judged(0.95, {0.7, 0}, {0, 0.6})};
  const auto figures = study_figures(seeds, settings);
  const StudyFigure& accuracy = figure(figures, "accuracy, running");
  CHECK(accuracy.mean() == doctest::Approx(0.97));
  CHECK(accuracy.standard_deviation() == doctest::Approx(0.02 * std::sqrt(2.0)));
  CHECK(accuracy.worst() == 0.95);
  CHECK(accuracy.best() == 0.99);
  CHECK(accuracy.worst_goal == 0.95);
  CHECK(std::isnan(figure(figures, "accuracy, batch").mean_goal));
  CHECK(figure(figures, "L_I(c1), nats").mean_goal == 2.29);
  CHECK(std::isnan(figure(figures, "L_I(c2), nats").mean_goal));
  CHECK(figure(figures, "|correlation| with slant").mean() == doctest::Approx(0.8));
  CHECK(print(figure(figures, "ari, running")));
  CHECK_FALSE(print(figure(figures, "|correlation| with stroke")));
  settings.data = "fashion";
  CHECK(figure(study_figures(seeds, settings), "accuracy, running").mean_goal == 0.7);
  settings.data = "synthetic";
  for (const StudyFigure& found : study_figures(seeds, settings)) CHECK(std::isnan(found.mean_goal));
}

TEST_CASE("settings of another version of the program are refused, by name") {
  const nlohmann::json whole = to_json(Settings{});
  CHECK(to_json(settings_from_json(whole)) == whole);
  auto old = whole;
  old["equivariance"] = 1.0;
  CHECK_THROWS_WITH_AS(settings_from_json(old), doctest::Contains("'equivariance' is unknown"), Error);
  old = whole;
  old.erase("attributes");
  CHECK_THROWS_WITH_AS(settings_from_json(old), doctest::Contains("'attributes' is missing"), Error);
  old["attributes"] = "many";
  CHECK_THROWS_WITH_AS(settings_from_json(old), doctest::Contains("setting 'attributes'"), Error);
}

}  // namespace infogan
