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
  double loss_d = 0;        ///< D's objective (first problem)
  double loss_g = 0;        ///< the adversarial term of G's objective (second problem)
  double consistency = 0;   ///< the consistency objective, at least -balance ln K
  double equivariance = 0;  ///< the equivariance objective
  double attributes = 0;    ///< the attribute objective, of real and of generated images together
  double clamped = 0;       ///< share of q's log standard deviations held by the clamp, G step
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
  /// of a moved copy of its partner: of the first `themselves` the image itself, of the others a neighbour.
  StepFigures step(const BasicTensor<T>& real) { return step(real, real, real.shape()[0]); }
  StepFigures step(const BasicTensor<T>& real, const BasicTensor<T>& partners, Index themselves) {
    tape_.clear();  // where the last step threw
    discriminator_tape_.clear();
    const Latent<T> latent = codes_.sample<T>(real.shape()[0], rng_);
    const Var fake = networks_.generator(tape_.constant(latent.input), nn::BatchNormMode::update);
    StepFigures figures;
    discriminator_step(real, fake, latent, partners, themselves, figures);
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

  /// Such that the slants of one digit's images (standard deviation 0.25) and their stroke widths (0.5 of the
  /// way to the next pixel) have the codes' standard deviation, 1 / sqrt(3).
  static constexpr double code_per_slant = 2.3, code_per_thickness = 1.2;
  static constexpr double thickest = 0.5;

  AdamOptions adam_options(double learning_rate) const {
    return {.learning_rate = learning_rate, .beta1 = settings_.beta1, .beta2 = settings_.beta2};
  }

  /// First and third problem in one backward pass: D, the trunk and Q's head. Real and generated images, and
  /// where the settings ask for them moved ones, go through the trunk together, each part with batch
  /// statistics of its own.
  void discriminator_step(const BasicTensor<T>& real, Var fake, const Latent<T>& latent,
                          const BasicTensor<T>& partners, Index themselves, StepFigures& figures) {
    const Index n = real.shape()[0];
    const bool moving = settings_.consistent() || settings_.equivariant();
    const auto part = [n](Var all, Index i) { return slice(all, 0, i * n, (i + 1) * n); };
    BasicTape<T>& tape = discriminator_tape_;
    BasicVarList<T> images = {tape.constant(real), tape.constant(fake.value())};
    BasicTensor<T> changes;
    if (moving) images.push_back(tape.constant(moved(partners, changes)));
    const Index parts = static_cast<Index>(images.size());
    const Var features = networks_.trunk(concatenate(images, 0), nn::BatchNormMode::update, parts);
    const Var logits = networks_.discriminator(moving ? slice(features, 0, 0, 2 * n) : features);
    Var objective = discriminator_objective(part(logits, 0), part(logits, 1));
    figures.loss_d = static_cast<double>(objective.item());
    if (codes_.count() > 0) {
      // Q's head sees the real images only where something is asked of them.
      const Index first = moving || attributes_.count() > 0 ? 0 : 1;
      const Var seen = settings_.trunk_learns_codes() ? features : detach(features);
      const Var q = networks_.q(first == 0 ? seen : part(seen, 1), nn::BatchNormMode::update, parts - first);
      const auto log_q = log_posterior(codes_, first == 0 ? part(q, 1) : q, latent);
      objective += code_objective(lambda_log_q(codes_, log_q, categorical_factor_, continuous_factor_));
      const auto add = [&](double weight, Var term, double& figure) {
        figure = static_cast<double>(term.item());
        objective += weight * term;
      };
      if (settings_.consistent()) {
        const Var classes = codes_.logits(q, 0);
        add(settings_.consistency,
            consistency_objective(part(classes, 0), part(classes, 2), settings_.balance),
            figures.consistency);
      }
      if (settings_.equivariant()) {
        const Var means = codes_.means(q);
        const auto own = [&](Var all) { return slice(all, 0, 0, themselves); };
        add(settings_.equivariance,
            equivariance_objective(own(part(means, 0)), own(part(means, 2)), own(tape.constant(changes))),
            figures.equivariance);
      }
      if (attributes_.count() > 0)
        add(settings_.attributes * continuous_factor_,
            attribute_objective(codes_, part(q, 0), attributes_.of(real)) +
                attribute_objective(codes_, part(q, 1), attributes_.of(fake.value())),
            figures.attributes);
    }
    const auto gradients = tape.gradient(objective, d_step_targets_);
    tape.clear();
    const std::span<const BasicTensor<T>> all(gradients);
    adam_d_.step(all.first(adam_d_.parameters().size()));
    adam_q_.step(all.subspan(adam_d_.parameters().size()));
  }

  /// Copies of the images, moved at random and, with equivariance, with other stroke widths; `changes` [N, 1
  /// or 2] is by how much c2 shall follow the slant, and c3 the stroke width.
  BasicTensor<T> moved(const BasicTensor<T>& images, BasicTensor<T>& changes) {
    const Shape& shape = images.shape();
    const auto maps = examples::random_maps<T>(shape[0], shape[1], shape[2], {}, rng_);
    BasicTensor<T> copies = examples::moved_images(images, maps);
    if (!settings_.equivariant()) return copies;
    const BasicTensor<T> thickness = rng_.uniform<T>({shape[0]}, -thickest, thickest);
    copies = examples::thickened_images(copies, thickness.data());
    const Index followed = std::min<Index>(settings_.continuous, 2);
    changes = BasicTensor<T>::uninitialized({shape[0], followed});
    T* to = changes.mutable_data();
    for (Index i = 0; i < shape[0]; ++i) {
      *to++ = static_cast<T>(code_per_slant) * slant_change(maps[static_cast<std::size_t>(i)]);
      if (followed == 2) *to++ = static_cast<T>(code_per_thickness) * thickness.data()[i];
    }
    return copies;
  }

  /// Second problem: G alone; D and Q are not among the targets, so their weight gradients are never
  /// computed.
  void generator_step(Var fake, const Latent<T>& latent, StepFigures& figures) {
    const Var features = networks_.trunk(fake, nn::BatchNormMode::batch);
    const Var logits = networks_.discriminator(features);
    Var weighted = tape_.constant(BasicTensor<T>::scalar(0));
    if (codes_.count() > 0) {
      const auto log_q = log_posterior(codes_, networks_.q(features, nn::BatchNormMode::batch), latent);
      weighted = lambda_log_q(codes_, log_q, categorical_factor_, continuous_factor_);
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
  double categorical_factor_ = 1, continuous_factor_ = 1;
  Attributes attributes_;
  Networks<T> networks_;
  BasicAdam<T> adam_d_, adam_q_, adam_g_;
  BasicParameterList<T> d_step_targets_;
  BasicTape<T> tape_, discriminator_tape_;  // the generated batch outlives the discriminator's step
};

}  // namespace infogan
