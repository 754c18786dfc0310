/// nce: two experiments that show what noise-contrastive estimation's theory predicts.
#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>

#include "common/figures.hpp"
#include "common/options.hpp"
#include "common/svg_file.hpp"
#include "nce/gaussian.hpp"
#include "nce/ica.hpp"

namespace {

using namespace nce;
using examples::verdict;

struct Options {
  std::string output = "runs/nce";
  std::uint64_t seed = 0;
  Index repetitions = 0;
  Index points = 2000;
  std::vector<Index> ratios{1, 2, 5, 10, 100};
  std::vector<Index> sizes{500, 1000, 2000, 4000, 8000, 16000};
  Index ica_ratio = 10;
};

/// One line for a figure and where it should lie; returns whether it does.
bool report(const char* name, Index nu, const ScaledVariance& variance) {
  const bool reached = std::abs(variance.deviation()) <= 3;
  std::printf("%-24s nu %3lld  %.4f +- %.4f  theory %.4f  %+.1f standard errors  %s\n", name,
              static_cast<long long>(nu), variance.value, variance.standard_error, variance.theory,
              variance.deviation(), verdict(reached));
  std::fflush(stdout);
  return reached;
}

/// What one sample takes must fit into memory.
void check_size(Index points, Index nu) {
  constexpr Index most = Index{1} << 26;
  check(points * (1 + nu) <= most, points, " data points and ", nu, " times as many of noise are too many; ",
        most, " in all is the most");
}

int gaussian(const Options& options) {
  for (const Index nu : options.ratios) check_size(options.points, nu);
  constexpr Index values_at_once = 1 << 20;  // of data and noise: what the caches hold
  std::printf("%lld repetitions of %lld data points\n", static_cast<long long>(options.repetitions),
              static_cast<long long>(options.points));
  examples::Series measured[2] = {{"lambda, measured", {}, {}}, {"c, measured", {}, {}}};
  examples::Series theory[2] = {{"2 (1 + 1/nu)", {}, {}}, {"0.5 (1 + 1/nu)", {}, {}}};
  bool all_reached = true;
  Tape tape;
  for (const Index nu : options.ratios) {
    Rng rng(options.seed, static_cast<std::uint64_t>(nu));
    GaussianEstimates estimates;
    const Index at_once = std::max<Index>(1, values_at_once / (options.points * (1 + nu)));
    for (Index done = 0; done < options.repetitions; done += at_once)
      estimate({options.points, nu}, std::min(at_once, options.repetitions - done), rng, tape, estimates);
    const double factor = 1 + 1 / static_cast<double>(nu);
    const ScaledVariance variances[] = {scaled_variance(estimates.lambda, options.points, 2 * factor),
                                        scaled_variance(estimates.c, options.points, 0.5 * factor)};
    all_reached &= report("T_d Var(lambda)", nu, variances[0]);
    all_reached &= report("T_d Var(c)", nu, variances[1]);
    for (int i = 0; i < 2; ++i) {
      for (examples::Series* series : {&measured[i], &theory[i]})
        series->x.push_back(1 / static_cast<double>(nu));
      measured[i].y.push_back(variances[i].value);
      theory[i].y.push_back(variances[i].theory);
    }
  }
  const std::string path = options.output + "/gaussian.svg";
  examples::write_svg(path, examples::line_chart("Scatter of the estimates", "1 / nu", "T_d times variance",
                                                 {measured[0], theory[0], measured[1], theory[1]}));
  std::printf("plot: %s\n", path.c_str());
  return all_reached ? 0 : 1;
}

int ica(const Options& options) {
  for (const Index size : options.sizes) check_size(size, options.ica_ratio);
  std::printf("%lld repetitions, nu %lld\n%8s  %-14s %-14s\n", static_cast<long long>(options.repetitions),
              static_cast<long long>(options.ica_ratio), "T_d", "error^2 of B", "error^2 of c");
  std::vector<double> sizes, log_sizes, b_errors, c_errors;
  examples::Series b_series{"B", {}, {}}, c_series{"c", {}, {}};
  for (const Index size : options.sizes) {
    std::vector<double> b, c;  // medians: a few repetitions end in another maximum
    for (Index repetition = 0; repetition < options.repetitions; ++repetition) {
      Rng rng(options.seed, static_cast<std::uint64_t>(size) << 32 | static_cast<std::uint64_t>(repetition));
      const IcaData data(size, rng);
      const IcaEstimate estimate = IcaEstimator(data, options.ica_ratio, rng).run(rng);
      b.push_back(squared_error(estimate.b, data.b) / data.b.squaredNorm());
      c.push_back(std::pow(estimate.c - data.log_normaliser(), 2));
    }
    sizes.push_back(static_cast<double>(size));
    b_errors.push_back(examples::median(b));
    c_errors.push_back(examples::median(c));
    std::printf("%8lld  %-14.3e %-14.3e\n", static_cast<long long>(size), b_errors.back(), c_errors.back());
    std::fflush(stdout);
    for (auto* series : {&b_series, &c_series}) series->x.push_back(std::log10(sizes.back()));
    b_series.y.push_back(std::log10(b_errors.back()));
    c_series.y.push_back(std::log10(c_errors.back()));
  }
  bool all_reached = true;
  for (const auto& [name, errors] : {std::pair("B", &b_errors), std::pair("c", &c_errors)}) {
    const double slope = examples::log_log_slope(sizes, *errors);
    const bool reached = std::abs(slope + 1) <= 0.1;
    all_reached &= reached;
    std::printf("slope of %s: %.3f, theory -1  %s\n", name, slope, verdict(reached));
  }
  const std::string path = options.output + "/ica.svg";
  examples::write_svg(path, examples::line_chart("Squared error of the estimates", "log10 T_d",
                                                 "log10, median over repetitions", {b_series, c_series}));
  std::printf("plot: %s\n", path.c_str());
  return all_reached ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app(
      "Noise-contrastive estimation: the figures that its theory predicts (exit status 0 if all are "
      "reached)");
  app.require_subcommand(1);
  Options options;
  const auto add = [&](const char* name, const char* description, Index repetitions) {
    CLI::App* const command = app.add_subcommand(name, description);
    examples::add_seed(*command, options.seed, "seed of the data");
    command->add_option("--output", options.output, "folder of the plot")->capture_default_str();
    command->add_option("--repetitions", options.repetitions, "samples to estimate from")
        ->default_str(std::to_string(repetitions))
        ->check(CLI::Range(Index{10}, Index{10'000'000}));
    command->preparse_callback([&options, repetitions](std::size_t) { options.repetitions = repetitions; });
    return command;
  };
  CLI::App* const gaussian_command =
      add("gaussian", "scatter of an unnormalised Gaussian's parameters", 20'000);
  gaussian_command->add_option("--points", options.points, "data points of a sample (T_d)")
      ->capture_default_str()
      ->check(CLI::Range(Index{10}, Index{10'000'000}));
  gaussian_command->add_option("--nu", options.ratios, "noise points for each data point")
      ->delimiter(',')
      ->capture_default_str()
      ->check(CLI::Range(Index{1}, Index{1000}));
  CLI::App* const ica_command = add("ica", "error of a mixing matrix and a normaliser as data grow", 200);
  ica_command->add_option("--points", options.sizes, "data points of a sample (T_d), at least two sizes")
      ->delimiter(',')
      ->capture_default_str()
      ->expected(2, 100)
      ->check(CLI::Range(Index{100}, Index{10'000'000}));
  ica_command->add_option("--nu", options.ica_ratio, "noise points for each data point")
      ->capture_default_str()
      ->check(CLI::Range(Index{1}, Index{1000}));
  return examples::run_program(app, argc, argv, "nce", [&] {
    std::filesystem::create_directories(options.output);
    return *gaussian_command ? gaussian(options) : ica(options);
  });
}
