// The whole InfoGAN training step of examples/infogan on 128 images, against PyTorch at its best and as
// installed.
#include <cmath>
#include <filesystem>
#include <memory>

#include "allocations.hpp"
#include "child.hpp"
#include "eigengrad/io/safetensors.hpp"
#include "infogan/trainer.hpp"
#include "machine.hpp"
#include "serve.hpp"
#include "suite.hpp"

namespace bench {
namespace {

using infogan::Trainer;

constexpr Index batch = 128;
/// The fewest that the step takes: multiplications and additions, taps on the padding counted.
constexpr double nominal_operations = 36.9e9;
constexpr int checked_steps = 3;

Tensor real_images() {
  return eigengrad::Rng(1).uniform<float>({batch, 28, 28, 1}, 0, 1);
}

/// D's loss, G's loss and the information in the codes.
std::vector<double> figures_of(const infogan::StepFigures& step) {
  double information = 0;
  for (double code : step.information) information += code;
  return {step.loss_d, step.loss_g, information};
}

/// Writes parameters, images and latent variables of the first steps; returns what our steps report.
std::vector<std::vector<double>> make_check(const std::string& path) {
  Trainer<float> trainer(infogan::paper_settings(), {});
  std::vector<eigengrad::SafetensorsEntry> entries{{"real", real_images()}};
  for (const auto& item : eigengrad::named_parameters(trainer.networks()))
    entries.emplace_back("parameter." + item.name(), item.value().clone());
  eigengrad::Rng rng = trainer.rng();  // the trainer draws the same
  std::vector<std::vector<double>> figures;
  for (int step = 0; step < checked_steps; ++step) {
    const auto latent = trainer.codes().sample<float>(batch, rng);
    const std::string name = "step" + std::to_string(step) + ".";
    entries.emplace_back(name + "latent", latent.input);
    entries.emplace_back(name + "category", latent.category.front());
    entries.emplace_back(name + "continuous", latent.continuous);
    figures.push_back(figures_of(trainer.step(real_images())));
  }
  eigengrad::save_safetensors(path, entries);
  return figures;
}

/// Throws unless PyTorch's steps report what ours do. Adam's first steps have the size of the learning rate
/// however small a gradient is, so they enlarge rounding: PyTorch's own memory formats differ by 2e-3 in the
/// third step.
void check_figures(const std::string& name, const std::vector<std::vector<double>>& ours,
                   const nlohmann::json& theirs) {
  for (std::size_t step = 0; step < ours.size(); ++step)
    for (std::size_t i = 0; i < ours[step].size(); ++i) {
      const double expected = ours[step][i], got = theirs.at(step).at(i).get<double>();
      const double tolerance = step > 0 ? 1e-2 : i > 0 ? 1e-3 : 1e-4;
      eigengrad::check(std::abs(got - expected) <= tolerance, name, " trains differently: in step ", step + 1,
                       " it reports ", got, ", we report ", expected);
    }
}

/// A process of PyTorch with what it says about itself.
struct PyTorch {
  std::shared_ptr<Child> child;
  std::string about;
  double seconds;  ///< of one step
};

PyTorch start(const std::string& name, const std::string& check_file,
              const std::vector<std::vector<double>>& figures, const std::vector<std::string>& environment) {
  PyTorch started;
  started.child = std::make_shared<Child>(
      name,
      std::vector<std::string>{EIGENGRAD_BENCHMARKS_PYTHON, EIGENGRAD_BENCHMARKS_PYTORCH_STEP, check_file},
      environment);
  const auto introduction = nlohmann::json::parse(started.child->introduction());
  check_figures(name, figures, introduction.at("figures"));
  started.about = introduction.at("about").get<std::string>();
  started.seconds = started.child->seconds_of(2) / 2;
  return started;
}

/// The same program in the same setting is a fifth slower in one process than in another, for as long as the
/// process lives: the fastest of `processes` takes part.
Contender pytorch(const std::string& name, const std::string& check_file,
                  const std::vector<std::vector<double>>& figures, std::vector<std::string> environment,
                  int processes) {
  // PyTorch does not count the processors of every virtual machine right.
  environment.push_back("OMP_NUM_THREADS=" + std::to_string(eigengrad::thread_count()));
  PyTorch best = start(name, check_file, figures, environment);
  for (int i = 1; i < processes; ++i) {
    PyTorch other = start(name, check_file, figures, environment);
    if (other.seconds < best.seconds) best = std::move(other);
  }
  std::string settings;
  for (const std::string& setting : environment) settings += " " + setting;
  note(name + ": " + best.about + "," + settings);
  return {name, {}, [child = best.child](std::int64_t count) { return child->seconds_of(count); }};
}

/// The settings that made PyTorch fastest, beside those that its own script chooses: wide vectors, threads
/// that do not sleep, memory that is kept for reuse, OpenBLAS on the threads that PyTorch has.
std::vector<std::string> best_environment() {
  std::vector<std::string> settings{"ATEN_CPU_CAPABILITY=avx512", "OMP_WAIT_POLICY=active",
                                    "MALLOC_MMAP_THRESHOLD_=4294967296", "MALLOC_TRIM_THRESHOLD_=8589934592",
                                    "MALLOC_TOP_PAD_=268435456"};
  const std::string openblas =
      std::string("/usr/lib/") + EIGENGRAD_BENCHMARKS_ARCHITECTURE + "/openblas-openmp/libopenblas.so.0";
  if (std::filesystem::exists(openblas)) settings.push_back("LD_PRELOAD=" + openblas);
  return settings;
}

std::vector<Contender> prepare(const Options& options) {
  const auto trainer = std::make_shared<Trainer<float>>(infogan::paper_settings(), infogan::Architecture{});
  std::vector<Contender> contenders{{"ours", [trainer, images = real_images()] { trainer->step(images); }}};
  if (options.ours) return contenders;
  const std::string check_file = options.programs + "/infogan_step_check.safetensors";
  const auto figures = make_check(check_file);
  const int processes = options.quick ? 1 : 3;
  for (const auto& [name, environment] : {std::pair("pytorch best", best_environment()),
                                          std::pair("pytorch default", std::vector<std::string>{})}) {
    try {
      contenders.push_back(pytorch(name, check_file, figures, environment, processes));
    } catch (const ChildEnded& error) {
      note(std::string(error.what()) + ", left out; is PyTorch installed for " EIGENGRAD_BENCHMARKS_PYTHON
                                       "?");
    }
  }
  return contenders;
}

}  // namespace

int step_heap_allocations() {
  Trainer<float> trainer(infogan::paper_settings(), {});
  const Tensor images = real_images();
  for (int i = 0; i < 2; ++i) trainer.step(images);
  allocations::start_counting();
  trainer.step(images);
  return allocations::stop_counting();
}

void add_limits(Suite& suite) {
  suite.push_back({"limits/multiply-adds", Limit::multiply_adds, MultiplyAdds::operations(), true,
                   [] { return std::vector<Contender>(); }});
  suite.push_back(
      {"limits/bandwidth", Limit::bandwidth, Triad::bytes(), true, [] { return std::vector<Contender>(); }});
}

void add_step(Suite& suite, const Options& options) {
  Row row{"step/InfoGAN, 128 images", Limit::multiply_adds, nominal_operations, true,
          [options] { return prepare(options); }};
  row.seconds_per_repetition =
      options.quick ? 0.25 : 0.5;  // several steps: after another side's turn the caches are cold
  suite.push_back(std::move(row));
}

}  // namespace bench
