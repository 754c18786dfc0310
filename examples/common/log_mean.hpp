/// Means of numbers of which only logarithms are known.
#pragma once

#include <cmath>
#include <limits>

namespace examples {

/// ln (1/n) sum_i w_i and (1/n) sum_i ln w_i from the ln w_i, added one by one; no w needs to fit a double.
class LogMean {
 public:
  void add(double log_weight) {
    ++count_;
    sum_of_logs_ += log_weight;
    if (log_weight > largest_) {
      sum_ = sum_ * std::exp(largest_ - log_weight) + 1;
      largest_ = log_weight;
    } else {
      sum_ += std::exp(log_weight - largest_);
    }
  }
  double log_of_mean() const { return largest_ + std::log(sum_ / count_); }
  double mean_of_logs() const { return sum_of_logs_ / count_; }

 private:
  double largest_ = std::numeric_limits<double>::lowest();
  double sum_ = 0;  // of w / e^largest
  double sum_of_logs_ = 0, count_ = 0;
};

}  // namespace examples
