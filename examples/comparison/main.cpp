/// comparison: classifiers that tell samples of two densities apart know the ratio of the densities.
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>

#include "common/options.hpp"
#include "common/svg_file.hpp"
#include "comparison/experiment.hpp"

namespace {

using namespace comparison;
using examples::verdict;

struct Options {
  std::string output = "runs/comparison";
  std::uint64_t seed = 0;
  Index repetitions = 9;
  std::vector<Index> sizes{500, 2000, 8000, 32'000};
};

/// Of the errors of several repetitions; the standard error is that of the mean square, carried over.
examples::MeanFigure root_mean_square(std::vector<double> errors) {
  for (double& error : errors) error *= error;
  const examples::MeanFigure square = examples::mean_figure(errors);
  const double root = std::sqrt(square.mean);
  return {root, square.standard_error / (2 * root)};
}

constexpr Index judging_points = 10'000;  // of either class

/// The logits of one network beside the exact log ratio along the line.
void draw_logits(const Pair& pair, const Options& options, Rng& rng, const std::string& name) {
  constexpr Index points = 121;
  Tensor line = Tensor::uninitialized({points, 1});
  for (Index i = 0; i < points; ++i) line.mutable_data()[i] = -3 + 6 * static_cast<float>(i) / (points - 1);
  const std::vector<double> x(line.data(), line.data() + points);
  std::vector<examples::Series> series{{"exact log ratio", x, pair.log_ratio(line)}};
  for (const Index size : {options.sizes.front(), options.sizes.back()})
    series.push_back({"network, N = " + std::to_string(size), x,
                      NetworkClassifier(Sample(pair, size, rng), rng).logits(line)});
  const std::string path = options.output + "/" + name;
  examples::write_svg(path,
                      examples::line_chart("Logit of the classifier: " + pair.name, "u", "nats", series));
  std::printf("plot: %s\n", path.c_str());
}

/// One pair over all sizes; returns whether it behaves as theory says.
bool run(const Pair& pair, const Options& options, std::uint64_t stream,
         std::vector<examples::Series>& chart) {
  Rng rng(options.seed, stream);
  const Judges judges(pair, judging_points, rng);
  const bool is_quadratic = pair.name.starts_with("Gaussians");
  const double scaled = QuadraticClassifier::scaled_sampling_error(pair, judges.points);
  std::printf("%s\n%8s  %-25s  %-18s %-9s %s\n", pair.name.c_str(), "N", "RMSE of network (range)",
              "of quadratic logit", "theory", "network decides as the exact ratio");
  examples::Series network{pair.name, {}, {}}, theory{pair.name + ", sampling error", {}, {}};
  std::vector<double> errors;
  Index disagreeing = disagreements(judges.log_ratio);
  bool falls = true, as_predicted = true;
  for (const Index size : options.sizes) {
    const Errors e = measure(pair, judges, size, options.repetitions, 10 * options.repetitions, rng);
    const double of_network = examples::median(e.network);
    const auto of_quadratic = root_mean_square(e.quadratic);
    const double expected = std::sqrt(scaled / static_cast<double>(size));
    std::printf("%8lld  %.4f (%.4f to %.4f)  %.4f +- %.4f   ", static_cast<long long>(size), of_network,
                *std::min_element(e.network.begin(), e.network.end()),
                *std::max_element(e.network.begin(), e.network.end()), of_quadratic.mean,
                of_quadratic.standard_error);
    if (is_quadratic)
      std::printf("%-9.4f", expected);
    else
      std::printf("%-9s", "-");
    std::printf(" %.2f %%\n",
                100 * static_cast<double>(e.right_decisions) / static_cast<double>(e.decisions));
    std::fflush(stdout);
    disagreeing += e.disagreements;
    errors.push_back(of_network);
    if (errors.size() > 1) falls &= errors.back() < errors[errors.size() - 2];
    as_predicted = std::abs(of_quadratic.mean - expected) <= 3 * of_quadratic.standard_error;
    for (examples::Series* s : {&network, &theory}) s->x.push_back(std::log10(static_cast<double>(size)));
    network.y.push_back(std::log10(of_network));
    theory.y.push_back(std::log10(expected));
  }
  std::printf("median RMSE of the network falls at every step: %s\n", verdict(falls));
  if (is_quadratic)
    std::printf("RMSE of the quadratic logit at the largest N is theory's to 3 standard errors: %s\n",
                verdict(as_predicted));
  std::printf("MAP rule and density-ratio rule: %lld different decisions  %s\n",
              static_cast<long long>(disagreeing), verdict(disagreeing == 0));
  chart.push_back(network);
  if (is_quadratic) chart.push_back(theory);
  return falls && (as_predicted || !is_quadratic) && disagreeing == 0;
}

int compare(const Options& options) {
  check(options.sizes.size() > 1, "--points needs at least two sizes");
  check(std::is_sorted(options.sizes.begin(), options.sizes.end(), std::less_equal<>()),
        "--points: the sizes must be rising");
  std::filesystem::create_directories(options.output);
  bool all_reached = true;
  std::vector<examples::Series> chart;
  std::uint64_t stream = 0;
  for (const Pair& pair : pairs()) {
    all_reached &= run(pair, options, stream, chart);
    if (pair.dimensions() == 1) {
      Rng rng(options.seed, stream + (std::uint64_t{1} << 32));
      draw_logits(pair, options, rng, pair.name.starts_with("Gaussians") ? "gaussians.svg" : "mixtures.svg");
    }
    ++stream;
  }
  const std::string path = options.output + "/error.svg";
  examples::write_svg(path, examples::line_chart("Error of the logit", "log10 N", "log10 RMSE", chart));
  std::printf("plot: %s\n", path.c_str());
  return all_reached ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app(
      "Learning by comparison: a classifier's logit beside the exact log density ratio (exit status 0 if all "
      "is "
      "as theory says)");
  Options options;
  examples::add_seed(app, options.seed, "seed of the data");
  app.add_option("--output", options.output, "folder of the plots")->capture_default_str();
  app.add_option("--repetitions", options.repetitions, "samples for each figure")
      ->capture_default_str()
      ->check(CLI::Range(Index{1}, Index{10'000}));
  app.add_option("--points", options.sizes, "points of either class (N), rising")
      ->delimiter(',')
      ->capture_default_str()
      ->check(CLI::Range(Index{50}, Index{10'000'000}));
  return examples::run_program(app, argc, argv, "comparison", [&] { return compare(options); });
}
