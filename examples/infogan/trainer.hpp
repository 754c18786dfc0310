/// Training: the alternating steps of InfoGAN over a data set, with a state that can be saved and continued
/// exactly.
#pragma once

#include <algorithm>
#include <string>
#include <vector>

#include "common/moved_images.hpp"
#include "infogan/attributes.hpp"
#include "infogan/codes.hpp"
#include "infogan/model.hpp"
#include "infogan/objectives.hpp"
#include "infogan/settings.hpp"

namespace infogan {

/// What one step reports.
struct StepFigures {
  double loss_d = 0;       ///< D's objective (first problem)
  double loss_g = 0;       ///< the adversarial term of G's objective (second problem)
  double consistency = 0;  ///< the consistency objective, at least -balance ln K
  double attributes = 0;   ///< the attribute objective, of real and of generated images together
  double clamped = 0;      ///< share of q's log standard deviations held by the clamp, G step
  std::vector<double, PoolAllocator<double>> information;  ///< L_I per code in nats, G step
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

  /// What the first continuous codes are to say of images from now on; nothing unless this is called.
  void set_attributes(Attributes attributes) { attributes_ = std::move(attributes); }

  /// One step on a batch of real images: generate, improve D and Q on real and generated images, improve G
  /// against them, on the same generated batch. With consistency, the class of each real image is to be that
  /// of a moved copy of its partner: of the image itself, or of a neighbour.
  StepFigures step(const BasicTensor<T>& real) { return step(real, real); }
  StepFigures step(const BasicTensor<T>& real, const BasicTensor<T>& partners) {
    tape_.clear();  // where the last step threw
    discriminator_tape_.clear();
    const Latent<T> latent = codes_.sample<T>(real.shape()[0], rng_);
    const Var fake = networks_.generator(tape_.constant(latent.input), nn::BatchNormMode::update);
    StepFigures figures;
    discriminator_step(real, fake, latent, partners, figures);
    generator_step(fake, latent, figures);
    return figures;
  }

  /// Learning rates and weights of the steps from now on, the share `done` of the run being over.
  void schedule(double done) {
    const double factor = settings_.learning_rate_factor(done);
    adam_d_.set_learning_rate(factor * settings_.learning_rate_d);
    adam_q_.set_learning_rate(factor * settings_.learning_rate_q);
    adam_g_.set_learning_rate(factor * settings_.learning_rate_g);
    categorical_factor_ = settings_.categorical_factor(done);
    continuous_factor_ = settings_.continuous_factor(done);
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

  /// Weight of a code's part of L_I beside its lambda, now.
  double schedule_factor(std::size_t code) const {
    return codes_.is_categorical(code) ? categorical_factor_ : continuous_factor_;
  }
  /// Whether q(code|x) is learnt from what is measured of images, not from what G was asked for.
  bool is_measured(std::size_t code) const {
    return !codes_.is_categorical(code) &&
           static_cast<Index>(code - codes_.categorical_count()) < attributes_.count();
  }

  /// First and third problem in one backward pass: D, the trunk and Q's head. Real and generated images, and
  /// where the settings ask for them moved ones, go through the trunk together, each part with batch
  /// statistics of its own.
  void discriminator_step(const BasicTensor<T>& real, Var fake, const Latent<T>& latent,
                          const BasicTensor<T>& partners, StepFigures& figures) {
    const Index n = real.shape()[0];
    const bool consistent = settings_.consistent();
    const auto part = [n](Var all, Index i) { return slice(all, 0, i * n, (i + 1) * n); };
    BasicTape<T>& tape = discriminator_tape_;
    BasicVarList<T> images = {tape.constant(real), tape.constant(fake.value())};
    if (consistent) images.push_back(tape.constant(examples::moved_images(partners, {}, rng_)));
    const Index parts = static_cast<Index>(images.size());
    const Var features = networks_.trunk(concatenate(images, 0), nn::BatchNormMode::update, parts);
    const Var logits = networks_.discriminator(consistent ? slice(features, 0, 0, 2 * n) : features);
    Var objective = discriminator_objective(part(logits, 0), part(logits, 1));
    figures.loss_d = static_cast<double>(objective.item());
    if (codes_.count() > 0) {
      // Q's head sees the real images only where something is asked of them.
      const Index first = consistent || attributes_.count() > 0 ? 0 : 1;
      const Var seen = settings_.trunk_learns_codes() ? features : detach(features);
      const Var q = networks_.q(first == 0 ? seen : part(seen, 1), nn::BatchNormMode::update, parts - first);
      const auto log_q = log_posterior(codes_, first == 0 ? part(q, 1) : q, latent);
      objective += code_objective(lambda_log_q(
          codes_, log_q, [&](std::size_t code) { return is_measured(code) ? 0.0 : schedule_factor(code); }));
      const auto add = [&](double weight, Var term, double& figure) {
        figure = static_cast<double>(term.item());
        objective += weight * term;
      };
      if (consistent) {
        const Var classes = codes_.logits(q, 0);
        add(settings_.consistency,
            consistency_objective(part(classes, 0), part(classes, 2), settings_.balance),
            figures.consistency);
      }
      if (attributes_.count() > 0)
        add(settings_.attributes * continuous_factor_,
            attribute_objective(codes_, part(q, 0), attributes_.of(real), settings_.attribute_noise) +
                attribute_objective(codes_, part(q, 1), attributes_.of(fake.value()),
                                    settings_.attribute_noise),
            figures.attributes);
    }
    const auto gradients = tape.lazy_gradient(objective, d_step_targets_);
    tape.clear();
    const std::span<const BasicGradient<T>> all(gradients);
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
      weighted = lambda_log_q(codes_, log_q, [&](std::size_t code) { return schedule_factor(code); });
      figures.information = information(codes_, log_q);
      figures.clamped = log_q.clamped;
    }
    const Var objective = generator_objective(settings_.saturating(), logits, weighted);
    figures.loss_g = static_cast<double>(objective.item()) + static_cast<double>(weighted.item());
    const auto gradients = tape_.lazy_gradient(objective, adam_g_.parameters());
    tape_.clear();
    adam_g_.step(gradients);
  }

  Settings settings_;
  Codes codes_;
  Rng rng_;
  double categorical_factor_ = 1, continuous_factor_ = 1;
  Attributes attributes_;
  Networks<T> networks_;
  BasicAdam<T> adam_d_, adam_q_, adam_g_;
  BasicParameterList<T> d_step_targets_;
  BasicTape<T> tape_, discriminator_tape_;  // the generated batch outlives the discriminator's step
};

}  // namespace infogan
