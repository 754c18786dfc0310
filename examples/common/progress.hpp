/// One progress line, rewritten in place on a terminal and printed now and then elsewhere.
#pragma once

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <string>
#include <vector>

#include <sys/ioctl.h>
#include <unistd.h>

namespace examples {

/// A named figure; with `limit`, the value that it is to be compared with ("2.10 of 2.30").
struct Figure {
  std::string name;
  double value;
  double limit = std::nan("");
};

/// 59 -> "0:59", 3600 -> "1:00:00"; "?" where the time is unknown or longer than a year.
inline std::string format_duration(double seconds) {
  if (!(seconds >= 0 && seconds < 366 * 86400.0)) return "?";
  const int whole = static_cast<int>(seconds), hours = whole / 3600, minutes = whole / 60 % 60;
  char text[32];
  if (hours > 0)
    std::snprintf(text, sizeof text, "%d:%02d:%02d", hours, minutes, whole % 60);
  else
    std::snprintf(text, sizeof text, "%d:%02d", minutes, whole % 60);
  return text;
}

/// "iteration 20/100  400 images/s  0:25 left  D 1.386 L_I(c1) 2.100/2.303", from images per second and
/// seconds left.
inline std::string progress_text(const std::string& unit, std::int64_t position, std::int64_t end,
                                 double rate, double seconds_left, const std::vector<Figure>& figures) {
  char text[64];
  std::snprintf(text, sizeof text, "  %.0f images/s  ", rate);
  std::string line = unit + " " + std::to_string(position) + "/" + std::to_string(end) + text +
                     format_duration(seconds_left) + " left ";
  for (const Figure& figure : figures) {
    std::snprintf(text, sizeof text, std::abs(figure.value) < 1e6 ? " %.3f" : " %.3g", figure.value);
    line += " " + figure.name + text;
    if (std::isnan(figure.limit)) continue;
    std::snprintf(text, sizeof text, "/%.3f", figure.limit);
    line += text;
  }
  return line;
}

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
    const double left = rate_ > 0 ? static_cast<double>((end_ - position) * items_) / rate_ : std::nan("");
    std::string line = progress_text(unit_, position, end_, rate_, left, figures);
    // A line that wraps cannot be rewritten.
    winsize window{};
    if (terminal_ && ioctl(STDOUT_FILENO, TIOCGWINSZ, &window) == 0 && window.ws_col > 1)
      line.resize(std::min<std::size_t>(line.size(), window.ws_col - 1U));
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
