/// The order in which training sees its images.
#pragma once

#include <span>
#include <vector>

#include "eigengrad/core/random.hpp"

namespace examples {

/// Runs through the training images in a new random order each epoch; the order follows from seed and epoch
/// alone.
class BatchCursor {
 public:
  using Index = eigengrad::Index;

  BatchCursor(Index images, Index batch, std::uint64_t seed) : images_(images), batch_(batch), seed_(seed) {
    eigengrad::check(batch <= images, "the batch of ", batch, " is larger than the data set of ", images,
                     " images");
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
    eigengrad::check(epoch >= 0 && position >= 0 && position <= batches_per_epoch(), "data cursor: epoch ",
                     epoch, ", batch ", position, " is not a place in ", batches_per_epoch(), " batches");
    epoch_ = epoch;
    position_ = position;
    shuffle();
  }

 private:
  void shuffle() {
    const auto order =
        eigengrad::Rng(seed_, order_stream + static_cast<std::uint64_t>(epoch_)).permutation(images_);
    order_.assign(order.begin(), order.end());
  }

  static constexpr std::uint64_t order_stream = std::uint64_t{1} << 32;
  Index images_, batch_;
  std::uint64_t seed_;
  Index epoch_ = 0, position_ = 0;
  std::vector<Index> order_;
};

}  // namespace examples
