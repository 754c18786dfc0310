/// One progress line, rewritten in place on a terminal and printed now and then elsewhere.
#pragma once

#include <chrono>
#include <cmath>
#include <cstdio>
#include <string>
#include <vector>

#include <unistd.h>

#include "eigengrad/core/shape.hpp"

namespace examples {

/// A named figure; with `limit`, the value that it is to be compared with ("2.10 of 2.30").
struct Figure {
  std::string name;
  double value;
  double limit = std::nan("");
};

/// Reports how far a loop is: position, items per second, time left, figures.
class ProgressLine {
 public:
  using Clock = std::chrono::steady_clock;

  explicit ProgressLine(std::string unit) : unit_(std::move(unit)), terminal_(isatty(STDOUT_FILENO) != 0) {}
  ~ProgressLine() { finish(); }

  /// Positions run from `begin` to `end`, each of `items` items (images).
  void start(std::int64_t begin, std::int64_t end, std::int64_t items) {
    end_ = end;
    items_ = items;
    last_position_ = begin;
    last_time_ = last_shown_ = Clock::now();
  }

  /// Called after every step; shows a line at most ten times a second, or every ten seconds where it cannot
  /// be rewritten.
  void update(std::int64_t position, const std::vector<Figure>& figures) {
    const Clock::time_point now = Clock::now();
    const double seconds = std::chrono::duration<double>(now - last_time_).count();
    const double rate = seconds > 0 ? static_cast<double>((position - last_position_) * items_) / seconds : 0;
    rate_ = rate_ == 0 ? rate : 0.95 * rate_ + 0.05 * rate;
    last_time_ = now;
    last_position_ = position;
    if (std::chrono::duration<double>(now - last_shown_).count() < (terminal_ ? 0.1 : 10) && position != end_)
      return;
    last_shown_ = now;
    show(position, figures);
  }

  double items_per_second() const { return rate_; }

  /// Leaves the line so that others can print; resume() starts the clock again.
  void pause() { finish(); }
  void resume() { last_time_ = Clock::now(); }
  void finish() {
    if (terminal_ && shown_) std::printf("\n");
    std::fflush(stdout);
    shown_ = false;
  }

 private:
  void show(std::int64_t position, const std::vector<Figure>& figures) {
    char text[128];
    std::snprintf(text, sizeof text, "%s %lld/%lld", unit_.c_str(), static_cast<long long>(position),
                  static_cast<long long>(end_));
    std::string line = text;
    const double left = rate_ > 0 ? static_cast<double>((end_ - position) * items_) / rate_ : 0;
    std::snprintf(text, sizeof text, "  %.0f images/s  %d:%02d left ", rate_, static_cast<int>(left) / 60,
                  static_cast<int>(left) % 60);
    line += text;
    for (const Figure& figure : figures) {
      std::snprintf(text, sizeof text, " %s %.3f", figure.name.c_str(), figure.value);
      line += text;
      if (std::isnan(figure.limit)) continue;
      std::snprintf(text, sizeof text, "/%.3f", figure.limit);
      line += text;
    }
    std::printf(terminal_ ? "\r%s\033[K" : "%s\n", line.c_str());
    std::fflush(stdout);
    shown_ = true;
  }

  std::string unit_;
  bool terminal_;
  bool shown_ = false;
  std::int64_t end_ = 0, items_ = 1, last_position_ = 0;
  double rate_ = 0;
  Clock::time_point last_time_, last_shown_;
};

}  // namespace examples
