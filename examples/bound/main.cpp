/// bound: the variational bound of mutual information on channels that are known, and its gradient estimator.
#include <cmath>
#include <cstdio>
#include <filesystem>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>

#include "bound/binary_channel.hpp"
#include "bound/estimator.hpp"
#include "bound/gaussian_channel.hpp"
#include "common/options.hpp"
#include "common/svg_file.hpp"

namespace {

using namespace bound;
using examples::verdict;

struct Options {
  std::string output = "runs/bound";
  std::uint64_t seed = 0;
  Index samples = 4'000'000;
  Index repetitions = 100'000;
};

/// Relative to the larger of two numbers; 0 for equal ones.
double difference(double a, double b) {
  return a == b ? 0 : std::abs(a - b) / std::max(std::abs(a), std::abs(b));
}

constexpr double no_gap = 0.01;    // of I: the bound is reached
constexpr double same_gap = 0.02;  // of the KL term
constexpr double standard_errors = 3;

int gaussian(const Options& options) {
  std::printf("20-d correlated Gaussians, %lld samples; nats\n%5s %-10s %8s  %-18s %9s %9s\n",
              static_cast<long long>(options.samples), "rho", "q", "I", "L_I", "I - L_I", "E[KL]");
  bool all_reached = true;
  std::vector<examples::Series> chart{{"I(c; x)", {}, {}}};
  constexpr Family families[] = {Family::exact, Family::wide, Family::half, Family::untrained};
  for (const Family family : families)
    if (family != Family::untrained) chart.push_back({std::string("L_I, ") + name(family), {}, {}});
  for (const double rho : {0.5, 0.7, 0.9, 0.99}) {
    const GaussianChannel channel{rho};
    const double information = channel.information();
    chart[0].x.push_back(rho), chart[0].y.push_back(information);
    for (std::size_t f = 0; f < std::size(families); ++f) {
      Rng rng(options.seed, static_cast<std::uint64_t>(std::lround(1000 * rho)) * 8 + f);
      GaussianPosterior q(channel, families[f], rng);
      q.train(channel, rng);
      const BoundFigures figures = measure(channel, q, options.samples, rng);
      const double gap = information - figures.bound.mean;
      const bool below = figures.bound.mean <= information + standard_errors * figures.bound.standard_error;
      const bool right = families[f] == Family::exact ? gap <= no_gap * information
                                                      : difference(gap, figures.divergence.mean) <= same_gap;
      const double conditional = channel.entropy() - information;
      const bool entropy =
          std::abs(figures.entropy.mean - conditional) <= standard_errors * figures.entropy.standard_error;
      all_reached &= below && right && entropy;
      std::printf("%5.2f %-10s %8.4f  %8.4f +- %.4f %9.4f %9.4f  below I: %s  %s: %s\n", rho,
                  name(families[f]), information, figures.bound.mean, figures.bound.standard_error, gap,
                  figures.divergence.mean, verdict(below),
                  families[f] == Family::exact ? "L_I = I" : "gap = KL", verdict(right));
      if (families[f] == Family::exact)
        std::printf("      H(c|x) %.4f +- %.4f, H(c) - I(c;x) %.4f: %s\n", figures.entropy.mean,
                    figures.entropy.standard_error, conditional, verdict(entropy));
      std::fflush(stdout);
      if (families[f] == Family::untrained) continue;
      chart[f + 1].x.push_back(rho), chart[f + 1].y.push_back(figures.bound.mean);
    }
  }
  const std::string path = options.output + "/gaussian.svg";
  examples::write_svg(
      path, examples::line_chart("Mutual information and its bound, 20-d Gaussians", "rho", "nats", chart));
  std::printf("plot: %s\n", path.c_str());
  return all_reached ? 0 : 1;
}

int binary(const Options& options) {
  std::printf("binary symmetric channel, enumerated; nats\n%5s %-11s %9s %9s %9s %9s  L_I by samples\n",
              "flip", "q", "I", "L_I", "I - L_I", "E[KL]");
  bool all_reached = true;
  std::uint64_t stream = 0;
  for (const double flip : {0.05, 0.1, 0.2, 0.35}) {
    const BinaryChannel channel{flip};
    const double information = channel.information();
    const bool entropy =
        difference(channel.entropy_given_x(), BinaryChannel::entropy() - information) < 1e-12;
    const double too_sure = std::log((1 - flip / 3) / (flip / 3));
    struct Case {
      const char* name;
      Double logits;
      bool trained;
    };
    const Case cases[] = {{"trained", Double::zeros({2, 2}), true},
                          {"too sure", Double({2, 2}, {too_sure, 0, 0, too_sure}), false},
                          {"ignores x", Double::zeros({2, 2}), false}};
    for (const Case& c : cases) {
      Rng rng(options.seed, ++stream);
      TablePosterior q(c.logits);
      if (c.trained) q.train(channel, rng);
      const ExactBound exact = enumerate(channel, q);
      const auto sampled = sampled_bound(channel, q, std::min(options.samples, Index{1'000'000}), rng);
      const double gap = information - exact.bound;
      const bool below = exact.bound <= information * (1 + 1e-12) &&
                         sampled.mean <= information + standard_errors * sampled.standard_error;
      const bool right =
          std::abs(gap - exact.divergence) <= 1e-12 && (!c.trained || gap <= no_gap * information);
      all_reached &= below && right && entropy;
      std::printf("%5.2f %-11s %9.6f %9.6f %9.6f %9.6f  %.4f +- %.4f  below I: %s  %s: %s\n", flip, c.name,
                  information, exact.bound, gap, exact.divergence, sampled.mean, sampled.standard_error,
                  verdict(below), c.trained ? "L_I = I, gap = KL" : "gap = KL", verdict(right));
    }
    std::printf("      H(c|x) %.6f, H(c) - I(c;x) %.6f: %s\n", channel.entropy_given_x(),
                BinaryChannel::entropy() - information, verdict(entropy));
    std::fflush(stdout);
  }
  return all_reached ? 0 : 1;
}

int gradient(const Options& options) {
  EstimatorExperiment experiment(options.seed);
  std::printf("estimator of 1.3, N = %lld samples, %zu parameters of G and Q; exact: enumeration of (c, z)\n",
              static_cast<long long>(EstimatorExperiment::samples), experiment.parameter_count());
  std::printf("%12s  %-15s %-20s %-18s %s\n", "repetitions", "relative error", "expected if unbiased",
              "largest deviation", "length along the exact gradient");
  examples::Series measured{"measured", {}, {}}, expected{"an unbiased estimator's", {}, {}};
  for (Index count = 100; count <= options.repetitions; count *= 10) {
    experiment.run_to(count);
    std::printf("%12lld  %-15.5f %-20.5f %4.2f s.e.          %.4f\n", static_cast<long long>(count),
                experiment.relative_error(), experiment.expected_error(), experiment.largest_deviation(),
                experiment.scale());
    std::fflush(stdout);
    for (auto* series : {&measured, &expected}) series->x.push_back(std::log10(static_cast<double>(count)));
    measured.y.push_back(std::log10(experiment.relative_error()));
    expected.y.push_back(std::log10(experiment.expected_error()));
  }
  // That one of 297 normal numbers lies farther out has a probability of 2e-4.
  const double allowed = 5;
  const bool unbiased = experiment.largest_deviation() < allowed;
  std::printf("every component within %.0f standard errors: %s\n", allowed, verdict(unbiased));
  const std::string path = options.output + "/gradient.svg";
  examples::write_svg(path,
                      examples::line_chart("Error of the mean of gradient estimates", "log10 repetitions",
                                           "log10 relative error", {measured, expected}));
  std::printf("plot: %s\n", path.c_str());
  return unbiased ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app(
      "The variational bound L_I of mutual information where the truth is known (exit status 0 if all "
      "figures are "
      "reached)");
  app.require_subcommand(1);
  Options options;
  const auto add = [&](const char* name, const char* description) {
    CLI::App* const command = app.add_subcommand(name, description);
    examples::add_seed(*command, options.seed, "seed of everything random");
    return command;
  };
  const auto add_output = [&](CLI::App* command) {
    command->add_option("--output", options.output, "folder of the plot")->capture_default_str();
  };
  const auto add_samples = [&](CLI::App* command) {
    command->add_option("--samples", options.samples, "samples for each figure")
        ->capture_default_str()
        ->check(CLI::Range(Index{100}, Index{100'000'000}));
  };
  CLI::App* const gaussian_command = add("gaussian", "20-d correlated Gaussians");
  add_output(gaussian_command);
  add_samples(gaussian_command);
  CLI::App* const binary_command = add("binary", "the binary symmetric channel");
  add_samples(binary_command);
  CLI::App* const gradient_command = add("gradient", "the Monte Carlo estimator of the gradient of L_I");
  add_output(gradient_command);
  gradient_command->add_option("--repetitions", options.repetitions, "estimates to average, in powers of ten")
      ->capture_default_str()
      ->check(CLI::Range(Index{100}, Index{100'000'000}));
  return examples::run_program(app, argc, argv, "bound", [&] {
    if (!*binary_command) std::filesystem::create_directories(options.output);
    return *gaussian_command ? gaussian(options) : *binary_command ? binary(options) : gradient(options);
  });
}
