/// The table, one line for each row as soon as it is measured.
#pragma once

#include <cstdio>
#include <string>

#include "runner.hpp"

namespace bench {

/// "12.3 ms", four significant digits at most.
inline std::string time_text(double seconds) {
  const char* const units[] = {"s ", "ms", "us", "ns"};
  int unit = 0;
  while (seconds < 0.9995 && unit < 3) seconds *= 1e3, ++unit;
  char text[32];
  std::snprintf(text, sizeof text, "%.*f %s", seconds < 10 ? 2 : seconds < 100 ? 1 : 0, seconds, units[unit]);
  return text;
}

class Table {
 public:
  void print_header() const {
    std::printf("\n%-52s %9s %14s %9s %7s %8s  %s\n", "", "ours", "rate", "of limit", "spread", "vs best",
                "opponents: time (ratio)");
  }

  void print(const Result& result) {
    start_line(result.name);
    if (result.contenders.empty()) {
      std::printf(" %9s %14s\n", "", rate_text(result.limit, result.limit_rate).c_str());
      return;
    }
    const Times& ours = result.contenders.front().times;
    std::printf(" %9s %14s", time_text(ours.median()).c_str(),
                rate_text(result.limit, result.rate()).c_str());
    if (result.limit_rate > 0)
      std::printf(" %8.1f%%", 100 * result.fraction());
    else
      std::printf(" %9s", "");
    std::printf(" %6.1f%%", 100 * ours.spread());
    if (result.contenders.size() > 1) std::printf(" %8.2f ", best_ratio(result));
    for (std::size_t i = 1; i < result.contenders.size(); ++i)
      std::printf(" %s %s (%.2f)", result.contenders[i].name.c_str(),
                  time_text(result.contenders[i].times.median()).c_str(), result.ratio(result.contenders[i]));
    std::printf("\n");
    std::fflush(stdout);
  }

  void print_failure(const std::string& name, const char* reason) {
    start_line(name);
    std::printf(" FAILED: %s\n", reason);
    std::fflush(stdout);
  }

 private:
  /// The subject has a line of its own when it changes.
  void start_line(const std::string& name) {
    const std::size_t slash = name.find('/');
    if (name.substr(0, slash) != subject_) {
      subject_ = name.substr(0, slash);
      std::printf("%s\n", subject_.c_str());
    }
    std::printf("  %-50s", name.substr(slash + 1).c_str());
  }

  static std::string rate_text(Limit limit, double rate) {
    char text[32];
    if (limit == Limit::none) return time_text(1 / rate) + " each";
    std::snprintf(text, sizeof text, "%.*f %s", rate < 1e11 ? 1 : 0, rate / 1e9,
                  limit == Limit::bandwidth ? "GB/s" : "GFLOP/s");
    return text;
  }

  std::string subject_;
};

}  // namespace bench
