/// Figures that programs hold against what theory says.
#pragma once

#include <algorithm>
#include <cmath>
#include <vector>

#include "eigengrad/core/check.hpp"

namespace examples {

/// The word after a figure.
inline const char* verdict(bool reached) {
  return reached ? "reached" : "short";
}

/// A mean and its standard error.
struct MeanFigure {
  double mean = 0, standard_error = 0;
};

/// Mean of independent values that are added one by one. The standard error of a single one is 0.
/// Source: Welford, "Note on a method for calculating corrected sums of squares and products", 1962.
class RunningMean {
 public:
  void add(double value) {
    const double difference = value - mean_;
    mean_ += difference / ++count_;
    squares_ += difference * (value - mean_);
  }
  MeanFigure figure() const { return {mean_, count_ > 1 ? std::sqrt(squares_ / (count_ - 1) / count_) : 0}; }

 private:
  double count_ = 0, mean_ = 0, squares_ = 0;
};

inline MeanFigure mean_figure(const std::vector<double>& values) {
  RunningMean mean;
  for (const double value : values) mean.add(value);
  return mean.figure();
}

/// The middle one, or the mean of the middle two. Throws where there is none.
inline double median(std::vector<double> values) {
  eigengrad::check(!values.empty(), "a median needs at least one value");
  std::sort(values.begin(), values.end());
  const std::size_t half = values.size() / 2;
  return values.size() % 2 == 1 ? values[half] : (values[half - 1] + values[half]) / 2;
}

/// Slope of the least-squares line through (log x, log y). Throws unless two x differ.
inline double log_log_slope(const std::vector<double>& x, const std::vector<double>& y) {
  const auto n = static_cast<double>(x.size());
  double mx = 0, my = 0, xy = 0, xx = 0;
  for (std::size_t i = 0; i < x.size(); ++i) mx += std::log(x[i]) / n, my += std::log(y[i]) / n;
  for (std::size_t i = 0; i < x.size(); ++i) {
    xy += (std::log(x[i]) - mx) * (std::log(y[i]) - my);
    xx += std::pow(std::log(x[i]) - mx, 2);
  }
  eigengrad::check(xx > 0, "a slope needs two different sizes");
  return xy / xx;
}

}  // namespace examples
