/// Training: the alternating steps of InfoGAN over a data set, with a state that can be saved and continued
/// exactly.
#pragma once

#include <algorithm>
#include <numeric>
#include <string>
#include <vector>

#include "infogan/codes.hpp"
#include "infogan/model.hpp"
#include "infogan/objectives.hpp"
#include "infogan/settings.hpp"

namespace infogan {

/// What one step reports.
struct StepFigures {
  double loss_d = 0;   ///< D's objective (first problem)
  double loss_g = 0;   ///< the adversarial term of G's objective (second problem)
  double clamped = 0;  ///< share of q's log standard deviations held by the clamp, G step
  std::vector<double, PoolAllocator<double>> information;  ///< L_I per code in nats, G step
};

/// Runs through the training images in a new random order each epoch; the order follows from seed and epoch
/// alone.
class BatchCursor {
 public:
  BatchCursor(Index images, Index batch, std::uint64_t seed) : images_(images), batch_(batch), seed_(seed) {
    check(batch <= images, "the batch of ", batch, " is larger than the data set of ", images, " images");
    shuffle();
  }

  Index batches_per_epoch() const { return images_ / batch_; }
  Index epoch() const { return epoch_; }
  Index position() const { return position_; }
  /// Indices of the next batch; a rest smaller than a batch is left out of its epoch.
  std::span<const Index> next() {
    if (position_ == batches_per_epoch()) {
      ++epoch_;
      position_ = 0;
      shuffle();
    }
    return {order_.data() + position_++ * batch_, static_cast<std::size_t>(batch_)};
  }
  void seek(Index epoch, Index position) {
    check(epoch >= 0 && position >= 0 && position <= batches_per_epoch(), "data cursor: epoch ", epoch,
          ", batch ", position, " is not a place in ", batches_per_epoch(), " batches");
    epoch_ = epoch;
    position_ = position;
    shuffle();
  }

 private:
  void shuffle() {
    const auto order = Rng(seed_, order_stream + static_cast<std::uint64_t>(epoch_)).permutation(images_);
    order_.assign(order.begin(), order.end());
  }

  static constexpr std::uint64_t order_stream = std::uint64_t{1} << 32;
  Index images_, batch_;
  std::uint64_t seed_;
  Index epoch_ = 0, position_ = 0;
  std::vector<Index> order_;
};

/// The networks with their optimisers and random state: what visit() names, with rng(), is all that a later
/// step depends on, so restoring it continues bit for bit.
template <class T>
class Trainer {
 public:
  using Scalar = T;

  Trainer(const Settings& settings, const Architecture& architecture)
      : settings_(settings),
        codes_(settings),
        rng_(settings.seed),
        networks_(architecture, codes_.latent_size(), std::max<Index>(codes_.outputs(), 1), rng_),
        adam_d_(parameters(networks_.trunk, networks_.discriminator), adam_options(settings.learning_rate_d)),
        adam_q_(parameters(networks_.q), adam_options(settings.learning_rate_q)),
        adam_g_(parameters(networks_.generator), adam_options(settings.learning_rate_g)) {
    d_step_targets_ = adam_d_.parameters();
    d_step_targets_.insert(d_step_targets_.end(), adam_q_.parameters().begin(), adam_q_.parameters().end());
  }
  Trainer(const Trainer&) = delete;
  Trainer& operator=(const Trainer&) = delete;

  /// One step on a batch of real images: generate, improve D and Q on real and generated images, improve G
  /// against them, on the same generated batch.
  StepFigures step(const BasicTensor<T>& real) {
    tape_.clear();  // where the last step threw
    discriminator_tape_.clear();
    const Latent<T> latent = codes_.sample<T>(real.shape()[0], rng_);
    const Var fake = networks_.generator(tape_.constant(latent.input), nn::BatchNormMode::update);
    StepFigures figures;
    discriminator_step(real, fake, latent, figures);
    generator_step(fake, latent, figures);
    return figures;
  }

  Networks<T>& networks() { return networks_; }
  const Codes& codes() const { return codes_; }
  Rng& rng() { return rng_; }

  /// All tensors and counters of the state: networks and optimisers.
  template <class Visitor>
  void visit(Visitor&& visitor) {
    visitor("networks", networks_);
    visitor("adam_d", adam_d_);
    visitor("adam_q", adam_q_);
    visitor("adam_g", adam_g_);
  }

 private:
  using Var = BasicVar<T>;

  AdamOptions adam_options(double learning_rate) const {
    return {.learning_rate = learning_rate, .beta1 = settings_.beta1, .beta2 = settings_.beta2};
  }

  /// First and third problem in one backward pass: D, the trunk and Q's head. Real and generated images go
  /// through the trunk together, each half with batch statistics of its own.
  void discriminator_step(const BasicTensor<T>& real, Var fake, const Latent<T>& latent,
                          StepFigures& figures) {
    const Index n = real.shape()[0];
    BasicTape<T>& tape = discriminator_tape_;
    const Var images = concatenate({tape.constant(real), tape.constant(fake.value())}, 0);
    const Var features = networks_.trunk(images, nn::BatchNormMode::update, 2);
    const Var logits = networks_.discriminator(features);
    Var objective = discriminator_objective(slice(logits, 0, 0, n), slice(logits, 0, n, 2 * n));
    figures.loss_d = static_cast<double>(objective.item());
    if (codes_.count() > 0) {
      const Var fake_features = slice(features, 0, n, 2 * n);
      const Var q = networks_.q(settings_.trunk_learns_codes() ? fake_features : detach(fake_features),
                                nn::BatchNormMode::update);
      objective += code_objective(lambda_log_q(codes_, log_posterior(codes_, q, latent)));
    }
    const auto gradients = tape.gradient(objective, d_step_targets_);
    tape.clear();
    const std::span<const BasicTensor<T>> all(gradients);
    adam_d_.step(all.first(adam_d_.parameters().size()));
    adam_q_.step(all.subspan(adam_d_.parameters().size()));
  }

  /// Second problem: G alone; D and Q are not among the targets, so their weight gradients are never
  /// computed.
  void generator_step(Var fake, const Latent<T>& latent, StepFigures& figures) {
    const Var features = networks_.trunk(fake, nn::BatchNormMode::batch);
    const Var logits = networks_.discriminator(features);
    Var weighted = tape_.constant(BasicTensor<T>::scalar(0));
    if (codes_.count() > 0) {
      const auto log_q = log_posterior(codes_, networks_.q(features, nn::BatchNormMode::batch), latent);
      weighted = lambda_log_q(codes_, log_q);
      figures.information = information(codes_, log_q);
      figures.clamped = log_q.clamped;
    }
    const Var objective = generator_objective(settings_.saturating(), logits, weighted);
    figures.loss_g = static_cast<double>(objective.item()) + static_cast<double>(weighted.item());
    const auto gradients = tape_.gradient(objective, adam_g_.parameters());
    tape_.clear();
    adam_g_.step(gradients);
  }

  Settings settings_;
  Codes codes_;
  Rng rng_;
  Networks<T> networks_;
  BasicAdam<T> adam_d_, adam_q_, adam_g_;
  BasicParameterList<T> d_step_targets_;
  BasicTape<T> tape_, discriminator_tape_;  // the generated batch outlives the discriminator's step
};

}  // namespace infogan
