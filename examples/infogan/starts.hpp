/// Where trunk and Q's head begin. Which categories q finds among real images is settled early, and differs
/// from start to start: some join two kinds of images and split a third. So several starts learn from real
/// images alone, and the most consistent one goes on.
#pragma once

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <optional>
#include <span>
#include <vector>

#include "common/batch_cursor.hpp"
#include "common/moved_images.hpp"
#include "common/nearest_neighbours.hpp"
#include "infogan/evaluation.hpp"
#include "infogan/objectives.hpp"
#include "infogan/settings.hpp"

namespace infogan {

/// The consistency objective of all `images` and moved copies of their `partners` at once, by running
/// statistics. `networks` has a trunk and q.
template <class TrunkAndQ>
double consistency_at_once(TrunkAndQ& networks, const Codes& codes, double balance, const ByteImages& all,
                           std::span<const Index> images, std::span<const Index> partners, Rng& rng) {
  const Shape shape{static_cast<Index>(images.size()), codes.classes(0)};
  Tensor c1 = Tensor::uninitialized(shape), c1_moved = Tensor::uninitialized(shape);
  Tape tape;
  const auto evaluating = tape.pause_recording();
  for (std::size_t begin = 0; begin < images.size(); begin += evaluation_batch) {
    tape.clear();
    const auto batch = [&](std::span<const Index> of) {
      return all.gather(of.subspan(begin, std::min<std::size_t>(evaluation_batch, of.size() - begin)));
    };
    const auto put = [&](const Tensor& x, Tensor& into) {
      constexpr nn::BatchNormMode mode = nn::BatchNormMode::running;
      const Var logits = codes.logits(networks.q(networks.trunk(tape.constant(x), mode), mode), 0);
      std::copy_n(logits.value().data(), logits.value().size(),
                  into.mutable_data() + static_cast<Index>(begin) * shape[1]);
    };
    put(batch(images), c1);
    put(examples::moved_images(batch(partners), {}, rng), c1_moved);
  }
  tape.clear();
  return static_cast<double>(
      consistency_objective(tape.constant(c1), tape.constant(c1_moved), balance).item());
}

/// Trains the starts one after the other, each with the consistency objective alone and the run's schedule of
/// the learning rate, and keeps the best: the one with the lowest consistency_at_once of 20,000 images.
/// Nothing here looks at labels.
class Starts {
 public:
  struct Networks {
    Trunk<float> trunk;
    QHead<float> q;
  };

  /// `neighbours` as of examples::nearest_neighbours, or empty; images and neighbours must outlive this.
  Starts(const Settings& settings, const Architecture& architecture, const ByteImages& images,
         std::span<const std::int32_t> neighbours, Index iterations_per_start)
      : settings_(settings),
        architecture_(architecture),
        codes_(settings),
        images_(images),
        neighbours_(neighbours),
        per_start_(iterations_per_start),
        cursor_(images.count(), settings.batch, settings.seed) {}

  Index iteration() const { return iteration_; }
  Index last_iteration() const { return settings_.start_count() * per_start_; }
  /// The objective of every start that is over, infinity where it diverged; the lowest is the best.
  const std::vector<double>& scores() const { return scores_; }
  Index best() const { return std::min_element(scores_.begin(), scores_.end()) - scores_.begin(); }
  /// Its networks; there are some once a start is over.
  const Networks& best_networks() const { return *best_; }

  /// One step of the present start; returns its consistency objective.
  double step() {
    if (!present_) present_.emplace(*this, iteration_ / per_start_);
    const double done = static_cast<double>(iteration_ % per_start_) / static_cast<double>(per_start_);
    const double objective = present_->step(*this, done);
    if (++iteration_ % per_start_ == 0) judge();
    return objective;
  }

 private:
  struct Present {
    Rng rng;
    Networks networks;
    Adam adam;
    Tape tape;

    Present(const Starts& s, Index start)
        : rng(s.settings_.seed, stream + static_cast<std::uint64_t>(start)),
          networks{{s.architecture_, rng}, {s.architecture_, s.codes_.outputs(), rng}},
          adam(parameters(networks.trunk, networks.q),
               {.beta1 = s.settings_.beta1, .beta2 = s.settings_.beta2}) {}

    double step(Starts& s, double done) {
      const Settings& settings = s.settings_;
      const auto batch = s.cursor_.next();
      const Index n = settings.batch;
      const BasicVarList<float> real_and_moved = {
          tape.constant(s.images_.gather(batch)),
          tape.constant(examples::moved_images(
              s.images_.gather(examples::partners(batch, s.neighbours_, settings.neighbours, rng)), {},
              rng))};
      const nn::BatchNormMode mode = nn::BatchNormMode::update;
      const Var features = networks.trunk(concatenate(real_and_moved, 0), mode, 2);
      const Var c1 = s.codes_.logits(networks.q(features, mode, 2), 0);
      const Var objective =
          consistency_objective(slice(c1, 0, 0, n), slice(c1, 0, n, 2 * n), settings.balance);
      const double value = static_cast<double>(objective.item());
      const auto gradients = tape.gradient(objective, adam.parameters());
      tape.clear();
      adam.set_learning_rate(settings.learning_rate_factor(done) * settings.learning_rate_start);
      adam.step(gradients);
      return value;
    }
  };

  void judge() {
    std::vector<Index> images(static_cast<std::size_t>(std::min(images_.count(), Index{20'000})));
    std::iota(images.begin(), images.end(), Index{0});
    const auto partners = examples::partners(images, neighbours_, settings_.neighbours, present_->rng);
    const double score = consistency_at_once(present_->networks, codes_, settings_.balance, images_, images,
                                             partners, present_->rng);
    scores_.push_back(std::isfinite(score) ? score : std::numeric_limits<double>::infinity());
    if (best() + 1 == static_cast<Index>(scores_.size())) best_ = std::move(present_->networks);
    present_.reset();
  }

  static constexpr std::uint64_t stream = std::uint64_t{4} << 32;
  Settings settings_;
  Architecture architecture_;
  Codes codes_;
  const ByteImages& images_;
  std::span<const std::int32_t> neighbours_;
  Index per_start_, iteration_ = 0;
  examples::BatchCursor cursor_;
  std::vector<double> scores_;
  std::optional<Present> present_;
  std::optional<Networks> best_;
};

}  // namespace infogan
