/// Line charts as SVG, to be put into an HTML page.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <iterator>
#include <limits>
#include <string>
#include <string_view>
#include <vector>

#include "eigengrad/core/check.hpp"

namespace examples {

/// Text with the five characters that HTML reserves replaced.
inline std::string escape_html(std::string_view text) {
  std::string result;
  for (char c : text) {
    switch (c) {
      case '&':
        result += "&amp;";
        break;
      case '<':
        result += "&lt;";
        break;
      case '>':
        result += "&gt;";
        break;
      case '"':
        result += "&quot;";
        break;
      case '\'':
        result += "&#39;";
        break;
      default:
        result += c;
    }
  }
  return result;
}

/// A number with at most `digits` significant digits; "n/a" where it is not finite.
inline std::string format_number(double value, int digits = 5) {
  if (!std::isfinite(value)) return "n/a";
  char text[32];
  std::snprintf(text, sizeof text, "%.*g", digits, value);
  return text;
}

/// One line of a chart; points that are not finite leave a gap.
struct Series {
  std::string name;
  std::vector<double> x, y;
};

namespace detail {

inline constexpr const char* series_colours[] = {"#3b7dd8", "#d9541e", "#2a9d5c",
                                                 "#9b51b8", "#c99700", "#6b7280"};

/// The values that an axis shows.
struct Range {
  double low = std::numeric_limits<double>::infinity(), high = -std::numeric_limits<double>::infinity();

  bool empty() const { return !(low <= high); }
  void include(double value) {
    low = std::min(low, value);
    high = std::max(high, value);
  }
  /// Makes it an interval whose halves differ too; around a single value, wide enough to differ from it.
  void widen() {
    if (empty()) low = 0, high = 1;
    const double margin = std::max(0.5, 0.05 * std::abs(low));
    if (!(low / 2 < high / 2)) low -= margin, high += margin;
  }
};

/// Multiples of a round step (1, 2 or 5 times a power of ten) inside a range, about `count` of them.
inline std::vector<double> ticks(const Range& range, int count) {
  const double raw = (range.high - range.low) / count, power = std::pow(10, std::floor(std::log10(raw)));
  double step = 10 * power;
  for (double factor : {5.0, 2.0, 1.0})
    if (raw <= factor * power) step = factor * power;
  std::vector<double> result;
  const double first = std::ceil(range.low / step - 1e-9);
  for (int k = 0; k <= 3 * count; ++k) {  // bounded whatever rounding does to huge numbers
    const double tick = (first + k) * step;
    if (!(tick <= range.high + 1e-9 * step)) break;
    result.push_back(tick == 0 ? 0 : tick);  // no -0
  }
  return result;
}

/// Draws one chart into a string; the SVG's units are pixels at full width.
class LineChart {
 public:
  explicit LineChart(const std::vector<Series>& series) : series_(series) {
    for (const Series& line : series) {
      eigengrad::check(line.x.size() == line.y.size(), "chart: series '", std::string_view(line.name),
                       "' has ", line.x.size(), " x and ", line.y.size(), " y; they must be as many");
      for (std::size_t i = 0; i < line.x.size(); ++i)
        if (finite(line, i)) xs_.include(line.x[i]), ys_.include(line.y[i]);
    }
    empty_ = xs_.empty();
    xs_.widen();
    ys_.widen();
  }

  std::string draw(const std::string& title, const std::string& x_label, const std::string& y_label) {
    text(left, 18, "start", title + " [" + y_label + "]", " class=\"title\"");
    draw_axes();
    text(width - right, bottom + 33, "end", x_label);
    if (empty_) text((left + width - right) / 2, (top + bottom) / 2, "middle", "no data yet");
    for (std::size_t s = 0; s < series_.size(); ++s) draw_line(series_[s], colour(s));
    const double height = draw_legend();
    return "<svg viewBox=\"0 0 " + format_number(width) + " " + format_number(height) +
           "\" role=\"img\" aria-label=\"" + escape_html(title) + "\">" + body_ + "</svg>\n";
  }

 private:
  static constexpr double width = 720, left = 62, right = 28, top = 32, bottom = 240;

  static std::string colour(std::size_t s) { return series_colours[s % std::size(series_colours)]; }
  static bool finite(const Series& line, std::size_t i) {
    return i < line.x.size() && std::isfinite(line.x[i]) && std::isfinite(line.y[i]);
  }
  // Halves are subtracted, so that the largest doubles do not overflow.
  static double share(double value, const Range& range) {
    return (value / 2 - range.low / 2) / (range.high / 2 - range.low / 2);
  }
  double px(double x) const { return left + share(x, xs_) * (width - left - right); }
  double py(double y) const { return bottom - share(y, ys_) * (bottom - top); }

  void text(double x, double y, const char* anchor, const std::string& content, const char* more = "") {
    body_ += "<text x=\"" + format_number(x) + "\" y=\"" + format_number(y) + "\" text-anchor=\"" + anchor +
             "\"" + more + ">" + escape_html(content) + "</text>";
  }
  void grid_line(double x1, double y1, double x2, double y2) {
    body_ += "<line class=\"grid\" x1=\"" + format_number(x1) + "\" y1=\"" + format_number(y1) + "\" x2=\"" +
             format_number(x2) + "\" y2=\"" + format_number(y2) + "\"/>";
  }

  void draw_axes() {
    for (double tick : ticks(ys_, 5)) {
      grid_line(left, py(tick), width - right, py(tick));
      text(left - 6, py(tick) + 4, "end", format_number(tick, 7));
    }
    grid_line(left, bottom, width - right, bottom);
    for (double tick : ticks(xs_, 8)) {
      grid_line(px(tick), bottom, px(tick), bottom + 4);
      text(px(tick), bottom + 17, "middle", format_number(tick, 7));
    }
  }

  /// Points with a neighbour become a line, those without one a dot.
  void draw_line(const Series& line, const std::string& colour) {
    std::string path, dots;
    bool drawing = false;
    for (std::size_t i = 0; i < line.x.size(); ++i) {
      const bool here = finite(line, i);
      if (here) {
        const std::string x = format_number(px(line.x[i])), y = format_number(py(line.y[i]));
        path += (drawing ? "L" : "M") + x + " " + y;
        if (!drawing && !finite(line, i + 1)) dots += "<circle r=\"3\" cx=\"" + x + "\" cy=\"" + y + "\"/>";
      }
      drawing = here;
    }
    if (path.empty()) return;
    body_ += "<path fill=\"none\" stroke-width=\"1.5\" stroke=\"" + colour + "\" d=\"" + path + "\"/>";
    if (!dots.empty()) body_ += "<g fill=\"" + colour + "\">" + dots + "</g>";
  }

  /// Names below the axes, in as many rows as they need; returns the height of the chart.
  double draw_legend() {
    double x = left, y = bottom + 52;
    for (std::size_t s = 0; s < series_.size(); ++s) {
      const double needed = 45 + 7.0 * static_cast<double>(series_[s].name.size());
      if (x > left && x + needed > width) x = left, y += 20;
      body_ += "<rect width=\"14\" height=\"4\" x=\"" + format_number(x) + "\" y=\"" + format_number(y - 6) +
               "\" fill=\"" + colour(s) + "\"/>";
      text(x + 19, y, "start", series_[s].name);
      x += needed;
    }
    return y + 8;
  }

  const std::vector<Series>& series_;
  Range xs_, ys_;
  bool empty_ = false;
  std::string body_;
};

}  // namespace detail

/// A line chart with ticks and a legend as one <svg> element; x runs linearly. With nothing finite to draw it
/// says so. Throws where a series has not as many x as y.
inline std::string line_chart(const std::string& title, const std::string& x_label,
                              const std::string& y_label, const std::vector<Series>& series) {
  return detail::LineChart(series).draw(title, x_label, y_label);
}

}  // namespace examples
