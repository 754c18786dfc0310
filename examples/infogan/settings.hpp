/// Every hyperparameter of the InfoGAN program with its default, named once for the command line, the
/// checkpoint and the report.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <string>
#include <vector>

#include "eigengrad/core/check.hpp"
#include "eigengrad/core/shape.hpp"

namespace infogan {

using eigengrad::Index;

/// Defaults: the paper's networks and game (Chen et al. 2016, appendix C.1) with the non-saturating loss and
/// N(0, 1) noise, and beyond the paper what makes the codes reliable. paper_settings() are without the
/// latter.
struct Settings {
  // What is trained on what.
  std::string data = "mnist";
  std::string data_folder;
  std::string output = "runs/infogan";
  // The latent code.
  std::vector<Index> categorical = {10};
  Index continuous = 2;
  Index noise = 62;
  std::string noise_distribution = "normal";
  // The objectives.
  std::string loss = "non-saturating";
  double lambda_categorical = 2;
  double lambda_continuous = 0.5;
  double warm_up = 0.25;
  double continuous_warm_up = 0.5;
  std::string trunk_trained_by = "both";
  double consistency = 3;
  double balance = 3;
  Index neighbours = 5;
  double neighbour_share = 0.5;
  double attributes = 0.2;
  double attribute_noise = 0.2;
  Index starts = 8;
  double start_share = 0.25;
  // Optimisation.
  double learning_rate_d = 2e-4;
  double learning_rate_g = 1e-3;
  double learning_rate_q = 2e-4;
  double learning_rate_start = 5e-4;
  double decay = 0.5;
  double beta1 = 0.5;
  double beta2 = 0.999;
  Index batch = 128;
  Index epochs = 4;
  Index iterations = 0;
  std::uint64_t seed = 0;
  int threads = 0;

  Index latent_size() const {
    Index size = noise + continuous;
    for (Index classes : categorical) size += classes;
    return size;
  }
  bool saturating() const { return loss == "saturating"; }
  bool trunk_learns_codes() const { return trunk_trained_by == "both"; }
  /// Whether moved copies of real images are to have their class: for that there must be one.
  bool consistent() const { return consistency > 0 && !categorical.empty(); }
  /// How many starts of trunk and Q there are to choose from: none where real images say nothing of classes.
  Index start_count() const { return consistent() && trunk_learns_codes() ? starts : 0; }
  /// How long each is, in a run of so many iterations.
  Index start_iterations(Index of_run) const {
    return std::max<Index>(1, std::llround(start_share * static_cast<double>(of_run)));
  }
  /// How many continuous codes say what is measured of images: c2 the slant, c3 the stroke width.
  Index attribute_count() const { return attributes > 0 ? std::min<Index>(continuous, 2) : 0; }

  // Schedules, as functions of the share of the run that is done.
  double learning_rate_factor(double done) const { return decay > 0 ? std::min(1.0, (1 - done) / decay) : 1; }
  double categorical_factor(double done) const { return risen(done, warm_up); }
  double continuous_factor(double done) const { return risen(done, continuous_warm_up); }
  bool uses_neighbours(double done) const { return consistent() && neighbours > 0 && done < neighbour_share; }

 private:
  static double risen(double done, double share) { return share > 0 ? std::min(1.0, done / share) : 1; }
};

/// The paper's setting: real images are for D alone, every weight and learning rate is constant.
inline Settings paper_settings() {
  Settings settings;
  settings.lambda_categorical = 1;
  settings.lambda_continuous = 0.1;
  settings.consistency = settings.attributes = 0;
  settings.warm_up = settings.continuous_warm_up = settings.decay = 0;
  settings.neighbours = settings.starts = 0;
  settings.epochs = 5;
  return settings;
}

/// Calls visitor(name, field, description) for every setting, in the order of the help text. `is_training`
/// settings (all but places and threads) decide the result; they are saved with a checkpoint.
template <class SettingsType, class Visitor>
void visit_settings(SettingsType& s, Visitor&& visitor) {
  visitor("data", s.data, "mnist, fashion, synthetic, or a folder of IDX files");
  visitor("data-folder", s.data_folder, "where mnist and fashion lie (default: data/ beside the examples)");
  visitor("output", s.output, "folder for checkpoint, metrics, grids and report");
  visitor("categorical", s.categorical, "classes of each categorical code, for example 10 or 10,3 (0: none)");
  visitor("continuous", s.continuous, "number of continuous codes, each U(-1, 1)");
  visitor("noise", s.noise, "number of noise variables");
  visitor("noise-distribution", s.noise_distribution, "normal N(0, 1) or uniform U(-1, 1)");
  visitor("loss", s.loss, "non-saturating, or saturating as in the note");
  visitor("lambda-categorical", s.lambda_categorical, "weight of the categorical part of L_I");
  visitor("lambda-continuous", s.lambda_continuous, "weight of the continuous part of L_I");
  visitor("warm-up", s.warm_up,
          "share of the run, its start, in which the weight of the categorical part rises from 0");
  visitor("continuous-warm-up", s.continuous_warm_up,
          "the same for the weights of the continuous part and of --attributes");
  visitor("trunk-trained-by", s.trunk_trained_by,
          "both (D's loss and L_I) or discriminator (D's loss alone)");
  visitor("consistency", s.consistency,
          "weight of q(c1|x) being certain and the same for real images and moved copies");
  visitor("balance", s.balance, "weight of the classes being equally frequent, relative to consistency");
  visitor("neighbours", s.neighbours,
          "half of the moved copies are of one of so many nearest neighbours of the image");
  visitor("neighbour-share", s.neighbour_share, "share of the run, its start, with neighbours");
  visitor("attributes", s.attributes,
          "weight of c2 and c3 being read as the slant and the stroke width measured of images");
  visitor("attribute-noise", s.attribute_noise,
          "standard deviation of noise in what is measured: q(c2|x), q(c3|x) learn to be as broad");
  visitor("starts", s.starts,
          "starts of trunk and Q that learn from real images alone; the most consistent one goes on");
  visitor("start-share", s.start_share, "how long each of them is, relative to the run that follows");
  visitor("learning-rate-d", s.learning_rate_d, "Adam's learning rate for trunk and discriminator");
  visitor("learning-rate-g", s.learning_rate_g, "Adam's learning rate for the generator");
  visitor("learning-rate-q", s.learning_rate_q, "Adam's learning rate for Q's head");
  visitor("learning-rate-start", s.learning_rate_start, "Adam's learning rate for --starts");
  visitor("decay", s.decay, "share of the run, its end, in which the learning rates fall linearly to 0");
  visitor("beta1", s.beta1, "Adam's decay of the mean");
  visitor("beta2", s.beta2, "Adam's decay of the mean square");
  visitor("batch", s.batch, "images per batch");
  visitor("epochs", s.epochs, "passes over the training images");
  visitor("iterations", s.iterations, "training steps; overrides epochs when positive");
  visitor("seed", s.seed, "seed of everything random");
  visitor("threads", s.threads, "threads (0: OpenMP's choice); the result does not depend on it");
}

/// Settings that may change when a run is resumed: places, length and threads.
inline bool may_change_on_resume(const std::string& name) {
  return name == "data-folder" || name == "output" || name == "epochs" || name == "iterations" ||
         name == "threads";
}

/// Throws for values that make no sense, naming the option.
inline void validate(const Settings& s) {
  using eigengrad::check;
  const auto one_of = [](const char* name, const std::string& value, const char* a, const char* b) {
    check(value == a || value == b, "--", name, " is '", value, "'; it must be ", a, " or ", b);
  };
  one_of("noise-distribution", s.noise_distribution, "normal", "uniform");
  one_of("loss", s.loss, "non-saturating", "saturating");
  one_of("trunk-trained-by", s.trunk_trained_by, "both", "discriminator");
  for (Index classes : s.categorical)
    check(classes >= 2 && classes <= 1000, "--categorical has a code of ", classes,
          " classes; 2 to 1000 are possible");
  check(s.continuous >= 0 && s.continuous <= 1000, "--continuous is ", s.continuous,
        "; 0 to 1000 are possible");
  check(s.noise >= 0 && s.noise <= 100'000, "--noise is ", s.noise, "; 0 to 100000 are possible");
  check(s.latent_size() > 0, "the generator needs an input: codes and noise are all zero");
  const auto at_least_zero = [](const char* name, double value) {
    check(value >= 0 && value <= 1e6, "--", name, " is ", value, "; it must lie between 0 and 1e6");
  };
  const auto share = [](const char* name, double value) {
    check(value >= 0 && value <= 1, "--", name, " is ", value, "; it must lie in [0, 1]");
  };
  at_least_zero("lambda-categorical", s.lambda_categorical);
  at_least_zero("lambda-continuous", s.lambda_continuous);
  at_least_zero("consistency", s.consistency);
  at_least_zero("balance", s.balance);
  at_least_zero("attributes", s.attributes);
  at_least_zero("attribute-noise", s.attribute_noise);
  check(s.neighbours >= 0 && s.neighbours <= 1000, "--neighbours is ", s.neighbours,
        "; 0 to 1000 are possible");
  check(s.starts >= 0 && s.starts <= 1000, "--starts is ", s.starts, "; 0 to 1000 are possible");
  share("start-share", s.start_share);
  share("warm-up", s.warm_up);
  share("continuous-warm-up", s.continuous_warm_up);
  share("neighbour-share", s.neighbour_share);
  share("decay", s.decay);
  at_least_zero("learning-rate-d", s.learning_rate_d);
  at_least_zero("learning-rate-g", s.learning_rate_g);
  at_least_zero("learning-rate-q", s.learning_rate_q);
  at_least_zero("learning-rate-start", s.learning_rate_start);
  check(s.beta1 >= 0 && s.beta1 < 1, "--beta1 is ", s.beta1, "; it must lie in [0, 1)");
  check(s.beta2 >= 0 && s.beta2 < 1, "--beta2 is ", s.beta2, "; it must lie in [0, 1)");
  check(s.batch >= 2 && s.batch <= 60'000, "--batch is ", s.batch,
        "; 2 to 60000 are possible (batch norm needs 2)");
  check(s.epochs >= 0, "--epochs is ", s.epochs, "; it must not be negative");
  check(s.iterations >= 0, "--iterations is ", s.iterations, "; it must not be negative");
  check(s.threads >= 0 && s.threads <= 1024, "--threads is ", s.threads, "; 0 to 1024 are possible");
}

}  // namespace infogan
