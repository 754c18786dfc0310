/// A small convolutional network that names digits, trained by the library: the judge of generated images.
#pragma once

#include <algorithm>
#include <cstddef>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "common/batch_cursor.hpp"
#include "common/data_set.hpp"
#include "common/layers.hpp"
#include "common/moved_images.hpp"
#include "common/progress.hpp"
#include "eigengrad/eigengrad.hpp"
#include "eigengrad/io/file.hpp"
#include "eigengrad/io/safetensors.hpp"

namespace examples {

/// Image [N, 28, 28, 1] -> features [N, 256] -> logits [N, 10].
class DigitClassifier {
 public:
  using Scalar = float;
  static constexpr eigengrad::Index classes = 10, features_count = 256;

  explicit DigitClassifier(eigengrad::Rng& rng)
      : conv1_(1, 32, 4, rng, halving(false)),
        norm1_(32, {.slope = leak}),
        conv2_(32, 64, 4, rng, halving(false)),
        norm2_(64, {.slope = leak}),
        fc_(7 * 7 * 64, features_count, rng, {.bias = false}),
        norm3_(features_count, {.slope = leak}),
        out_(features_count, classes, rng) {}

  eigengrad::Var features(eigengrad::Var x, eigengrad::nn::BatchNormMode mode) {
    x = norm2_(conv2_(norm1_(conv1_(x), mode)), mode);
    return norm3_(fc_(flatten(x)), mode);
  }
  eigengrad::Var logits(eigengrad::Var features) const { return out_(features); }

  template <class Visitor>
  void visit(Visitor&& visitor) {
    visitor("conv1", conv1_), visitor("norm1", norm1_), visitor("conv2", conv2_), visitor("norm2", norm2_);
    visitor("fc", fc_), visitor("norm3", norm3_), visitor("out", out_);
  }

 private:
  eigengrad::nn::Conv2d conv1_;
  eigengrad::nn::BatchNorm norm1_;
  eigengrad::nn::Conv2d conv2_;
  eigengrad::nn::BatchNorm norm2_;
  eigengrad::nn::Linear fc_;
  eigengrad::nn::BatchNorm norm3_;
  eigengrad::nn::Linear out_;
};

/// Share of images whose largest logit is that of their label, with running statistics.
inline double accuracy(DigitClassifier& classifier, const ImageDataSet& data) {
  using namespace eigengrad;
  constexpr Index batch = 500;
  Tape tape;
  const auto evaluating = tape.pause_recording();
  Index right = 0;
  for (Index begin = 0; begin < data.images.count(); begin += batch) {
    tape.clear();
    const Index end = std::min(begin + batch, data.images.count());
    const Var features =
        classifier.features(tape.constant(data.images.slice(begin, end)), nn::BatchNormMode::running);
    const auto named = kernels::argmax_last(classifier.logits(features).value());
    for (Index i = begin; i < end; ++i)
      right += named[static_cast<std::size_t>(i - begin)] == data.labels[static_cast<std::size_t>(i)];
  }
  return static_cast<double>(right) / static_cast<double>(data.images.count());
}

/// Trains on slightly moved copies of the images: Adam, its learning rate falling along half a cosine.
inline void train(DigitClassifier& classifier, const ImageDataSet& data, eigengrad::Index epochs,
                  std::uint64_t seed) {
  using namespace eigengrad;
  constexpr double rate = 2e-3;
  constexpr Index batch = 128;
  BatchCursor cursor(data.images.count(), batch, seed);
  const Index steps = epochs * cursor.batches_per_epoch();
  Rng rng(seed, 1);
  Adam adam(parameters(classifier), {.learning_rate = rate});
  Tape tape;
  std::vector<Index> labels;
  ProgressLine progress("classifier, iteration");
  progress.start(0, steps, batch);
  for (Index step = 0; step < steps; ++step) {
    tape.clear();
    const auto chosen = cursor.next();
    labels.clear();
    for (const Index image : chosen) labels.push_back(data.labels[static_cast<std::size_t>(image)]);
    const Var images = tape.constant(moved_images(data.images.gather(chosen), {}, rng));
    const Var logits = classifier.logits(classifier.features(images, nn::BatchNormMode::update));
    adam.set_learning_rate(cosine_decay(rate, step, steps));
    const Var loss = -mean(Categorical(logits).log_prob(labels));
    adam.step(tape.gradient(loss, adam.parameters()));
    progress.update(step + 1, {{"loss", loss.item()}});
  }
}

/// The classifier saved at `path`, or, where there is none, a new one, trained on the data set `name` and
/// saved there. Throws where the file holds something else, or a classifier of another data set.
inline DigitClassifier load_or_train_classifier(const std::string& path, const std::string& name,
                                                const DataSets& data, eigengrad::Index epochs) {
  using namespace eigengrad;
  Rng rng(0);
  DigitClassifier classifier(rng);
  if (std::filesystem::exists(path)) {
    const SafetensorsFile file = load_safetensors(path);
    const auto found = file.metadata.find("classifier of");
    check(found != file.metadata.end(), path, ": this is no classifier");
    check(found->second == name, path, ": this is a classifier of ", found->second, ", not of ", name);
    for (const auto& item : named_tensors(classifier)) item.assign(file.get<float>(item.name()));
    return classifier;
  }
  // That the file cannot be written is known before the training.
  if (const auto folder = std::filesystem::path(path).parent_path(); !folder.empty())
    std::filesystem::create_directories(folder);
  write_file_atomically(path + ".new", std::span<const std::byte>());
  std::filesystem::remove(path + ".new");
  train(classifier, data.train, epochs, 0);
  std::vector<SafetensorsEntry> entries;
  for (const auto& item : named_tensors(classifier)) entries.emplace_back(item.name(), item.value());
  save_safetensors(path, entries, {{"classifier of", name}});
  return classifier;
}

}  // namespace examples
