/// benchmarks.json: the headline figures by name, and every row.
#pragma once

#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "runner.hpp"

namespace bench {

class Report {
 public:
  void add(Result result) { results_.push_back(std::move(result)); }
  /// A figure that is no time, such as a count.
  void add(const std::string& figure, double value) { figures_[figure] = value; }

  /// The headline figures; null for one that was not measured.
  nlohmann::ordered_json headline() const;
  void write(const std::string& path) const;

 private:
  const Result* find(const std::string& name) const;
  double median_limit(Limit limit) const;

  std::vector<Result> results_;
  nlohmann::ordered_json figures_ = nlohmann::ordered_json::object();
};

}  // namespace bench
