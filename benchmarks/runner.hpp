/// Times the contenders of a row in turn, with Google Benchmark.
#pragma once

#include <algorithm>
#include <string>
#include <vector>

#include "machine.hpp"
#include "suite.hpp"

namespace bench {

/// Seconds per call, one value for each repetition, in rising order.
class Times {
 public:
  Times() = default;
  explicit Times(std::vector<double> seconds) : sorted_(std::move(seconds)) {
    std::sort(sorted_.begin(), sorted_.end());
  }
  bool empty() const { return sorted_.empty(); }
  std::size_t count() const { return sorted_.size(); }
  /// 0: the fastest, 0.5: the median, 1: the slowest; between two repetitions by interpolation.
  double quantile(double q) const {
    const double position = q * static_cast<double>(sorted_.size() - 1);
    const auto below = static_cast<std::size_t>(position);
    const std::size_t above = std::min(below + 1, sorted_.size() - 1);
    return sorted_[below] + (position - static_cast<double>(below)) * (sorted_[above] - sorted_[below]);
  }
  double median() const { return quantile(0.5); }
  /// Width of the middle half of the repetitions, relative to the median.
  double spread() const { return (quantile(0.75) - quantile(0.25)) / median(); }

 private:
  std::vector<double> sorted_;
};

struct Measurement {
  std::string name;
  Times times;
};

struct Result {
  std::string name;
  Limit limit = Limit::none;
  double work = 1;
  double limit_rate =
      0;  ///< work per second at the limit, measured in turn with the contenders; 0 if there is none
  std::vector<Measurement> contenders;

  const Times* find(const std::string& contender) const;
  double rate() const { return work / contenders.front().times.median(); }
  /// Of the first contender; 0 without a limit.
  double fraction() const { return limit_rate > 0 ? rate() / limit_rate : 0; }
  /// How many times as long as the first contender this one takes.
  double ratio(const Measurement& other) const {
    return other.times.median() / contenders.front().times.median();
  }
};

/// The ratio of the best opponent; 0 without any.
inline double best_ratio(const Result& result) {
  double best = 0;
  for (std::size_t i = 1; i < result.contenders.size(); ++i) {
    const double ratio = result.ratio(result.contenders[i]);
    best = i == 1 ? ratio : std::min(best, ratio);
  }
  return best;
}

class Runner {
 public:
  explicit Runner(const Options& options);
  /// Throws what the row's prepare() throws.
  Result measure(const Row& row);

 private:
  Contender limit_of(const Row& row, double& work);

  double seconds_per_repetition_;
  int repetitions_;
  Triad triad_;
};

}  // namespace bench
