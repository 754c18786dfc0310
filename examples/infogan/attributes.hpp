/// What c2 and c3 are to say of an image: its slant and its stroke width, which are measured, not labelled.
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <optional>
#include <vector>

#include "common/image_factors.hpp"
#include "eigengrad/core/parallel.hpp"
#include "eigengrad/io/idx.hpp"

namespace infogan {

using eigengrad::BasicTensor, eigengrad::ByteImages, eigengrad::Index;
using examples::ImageFactors;

/// The factors of each of images [N, H, W, 1]; nothing for an image without ink.
template <class T>
std::vector<std::optional<ImageFactors>> measure_factors(const BasicTensor<T>& images) {
  const Index count = images.shape()[0], height = images.shape()[1], width = images.shape()[2];
  std::vector<std::optional<ImageFactors>> factors(static_cast<std::size_t>(count));
  eigengrad::parallel_for(count, static_cast<double>(images.size()) * 20, [&](Index i) {
    factors[static_cast<std::size_t>(i)] =
        examples::measure_factors(images.data() + i * height * width, height, width);
  });
  return factors;
}
inline std::vector<std::optional<ImageFactors>> measure_factors(const ByteImages& images) {
  std::vector<std::optional<ImageFactors>> all;
  constexpr Index chunk = 1000;
  for (Index begin = 0; begin < images.count(); begin += chunk) {
    const auto part = measure_factors(images.slice(begin, std::min(begin + chunk, images.count())));
    all.insert(all.end(), part.begin(), part.end());
  }
  return all;
}

/// Slant and stroke width as values of c2 and c3: such that over a data set they have the mean and the
/// standard deviation of these codes, 0 and 1 / sqrt(3); what lies farther out than `limit` is held there.
class Attributes {
 public:
  static constexpr double limit = 2;

  /// None.
  Attributes() = default;
  /// Of a data set the first `count`, at most two.
  Attributes(const ByteImages& images, Index count) {
    if (count == 0) return;
    const auto factors = measure_factors(images);
    for (Index j = 0; j < count; ++j) {
      const auto factor = measures[static_cast<std::size_t>(j)];
      double n = 0, mean = 0, square = 0;
      for (const auto& each : factors)
        if (each) n += 1, mean += ((*each).*factor - mean) / n;
      for (const auto& each : factors)
        if (each) square += ((*each).*factor - mean) * ((*each).*factor - mean) / n;
      scales_.push_back({mean, square > 0 ? std::sqrt(3 * square) : std::numeric_limits<double>::infinity()});
    }
  }

  Index count() const { return static_cast<Index>(scales_.size()); }

  /// [N, count] of images [N, H, W, 1]; 0 for one without ink, and where all of the data set are alike.
  template <class T>
  BasicTensor<T> of(const BasicTensor<T>& images) const {
    const auto factors = measure_factors(images);
    auto values = BasicTensor<T>::uninitialized({images.shape()[0], count()});
    T* to = values.mutable_data();
    for (const auto& each : factors)
      for (std::size_t j = 0; j < scales_.size(); ++j) {
        const double value = each ? ((*each).*measures[j] - scales_[j].mean) / scales_[j].unit : 0;
        *to++ = static_cast<T>(std::clamp(value, -limit, limit));
      }
    return values;
  }

 private:
  static constexpr std::array measures = {&ImageFactors::slant, &ImageFactors::stroke_width};
  struct Scale {
    double mean, unit;
  };
  std::vector<Scale> scales_;
};

}  // namespace infogan
