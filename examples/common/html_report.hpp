/// Pieces of a self-contained HTML page: tables, line charts as SVG, images as data URIs. No scripts, no
/// other files.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdio>
#include <limits>
#include <span>
#include <string>
#include <string_view>
#include <utility>
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

/// Bytes in base 64 (RFC 4648, section 4).
inline std::string base64(std::span<const std::byte> bytes) {
  static constexpr char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string text;
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    const std::size_t count = std::min<std::size_t>(3, bytes.size() - i);
    unsigned group = 0;
    for (std::size_t k = 0; k < 3; ++k)
      group = group << 8 | (k < count ? std::to_integer<unsigned>(bytes[i + k]) : 0);
    for (std::size_t k = 0; k < 4; ++k) text += k <= count ? digits[group >> (18 - 6 * k) & 63] : '=';
  }
  return text;
}

/// A number with at most `digits` significant digits; "n/a" where it is not finite.
inline std::string format_number(double value, int digits = 5) {
  if (!std::isfinite(value)) return "n/a";
  char text[32];
  std::snprintf(text, sizeof text, "%.*g", digits, value);
  return text;
}

/// One line of a chart; points that are not finite are left out.
struct Series {
  std::string name;
  std::vector<double> x, y;
};

namespace detail {

inline constexpr const char* series_colours[] = {"#3b7dd8", "#d9541e", "#2a9d5c",
                                                 "#9b51b8", "#c99700", "#6b7280"};

/// Round steps (1, 2 or 5 times a power of ten), about `count` of them over a range.
inline double tick_step(double range, int count) {
  const double raw = range / count, power = std::pow(10, std::floor(std::log10(raw)));
  for (double factor : {1.0, 2.0, 5.0})
    if (raw <= factor * power) return factor * power;
  return 10 * power;
}

struct Range {
  double low = std::numeric_limits<double>::infinity(), high = -std::numeric_limits<double>::infinity();
  void include(double value) {
    if (!std::isfinite(value)) return;
    low = std::min(low, value);
    high = std::max(high, value);
  }
  void widen() {
    if (!(low <= high)) low = 0, high = 1;
    if (low == high) low -= 0.5, high += 0.5;
  }
};

}  // namespace detail

/// A page that grows piece by piece; html() closes it.
class HtmlReport {
 public:
  explicit HtmlReport(const std::string& title) {
    body_ =
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">"
        "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"><title>" +
        escape_html(title) + "</title><style>" + style() + "</style></head><body><main><h1>" +
        escape_html(title) + "</h1>\n";
  }

  void heading(const std::string& text) { body_ += "<h2>" + escape_html(text) + "</h2>\n"; }
  void paragraph(const std::string& text) { body_ += "<p>" + escape_html(text) + "</p>\n"; }

  /// Rows of text under a header; the first column is set as a name, the others as figures.
  void table(const std::vector<std::string>& header, const std::vector<std::vector<std::string>>& rows) {
    body_ += "<table><thead><tr>";
    for (const std::string& cell : header) body_ += "<th>" + escape_html(cell) + "</th>";
    body_ += "</tr></thead><tbody>\n";
    for (const auto& row : rows) {
      body_ += "<tr>";
      for (const std::string& cell : row) body_ += "<td>" + escape_html(cell) + "</td>";
      body_ += "</tr>\n";
    }
    body_ += "</tbody></table>\n";
  }

  /// A PNG with a caption.
  void image(std::span<const std::byte> png, const std::string& caption) {
    body_ += "<figure><img alt=\"" + escape_html(caption) + "\" src=\"data:image/png;base64," + base64(png) +
             "\"><figcaption>" + escape_html(caption) + "</figcaption></figure>\n";
  }
  void begin_gallery() { body_ += "<div class=\"gallery\">\n"; }
  void end_gallery() { body_ += "</div>\n"; }

  /// Counts as a table whose cells are the darker the larger their share of the row.
  void matrix(const std::vector<std::string>& row_names, const std::vector<std::string>& column_names,
              const std::vector<std::vector<double>>& counts) {
    body_ += "<table class=\"matrix\"><thead><tr><th></th>";
    for (const std::string& name : column_names) body_ += "<th>" + escape_html(name) + "</th>";
    body_ += "</tr></thead><tbody>\n";
    for (std::size_t i = 0; i < counts.size(); ++i) {
      double total = 0;
      for (double count : counts[i]) total += count;
      body_ += "<tr><th>" + escape_html(row_names[i]) + "</th>";
      for (double count : counts[i])
        body_ += "<td style=\"background:rgba(59,125,216," +
                 format_number(total > 0 ? 0.85 * count / total : 0, 3) + ")\">" + format_number(count) +
                 "</td>";
      body_ += "</tr>\n";
    }
    body_ += "</tbody></table>\n";
  }

  void chart(const std::string& title, const std::string& x_label, const std::string& y_label,
             const std::vector<Series>& series);

  std::string html() const { return body_ + "</main></body></html>\n"; }

 private:
  static std::string style() {
    return ":root{color-scheme:light dark;--line:#8884;--soft:#8881}"
           "body{font:16px/1.5 system-ui,sans-serif;margin:0}main{max-width:62rem;margin:0 auto;padding:2rem "
           "1rem}"
           "h1{font-size:1.7rem}h2{font-size:1.2rem;margin-top:2.2rem;border-bottom:1px solid var(--line)}"
           "table{border-collapse:collapse;margin:1rem 0;font-variant-numeric:tabular-nums}"
           "th,td{padding:.25rem .7rem;text-align:left;border-bottom:1px solid var(--line)}"
           "td+td,th+th{text-align:right}tbody tr:hover{background:var(--soft)}"
           ".matrix td,.matrix th{text-align:right;padding:.25rem .5rem}"
           ".gallery{display:flex;flex-wrap:wrap;gap:1rem}figure{margin:0;width:19rem}"
           "img{image-rendering:pixelated;width:100%;border-radius:4px;background:#000}"
           "figcaption{font-size:.85rem;opacity:.75;max-width:19rem}"
           "svg{width:100%;max-width:46rem;height:auto;font-size:12px}svg text{fill:currentColor}"
           "svg .grid{stroke:var(--line)}";
  }

  std::string body_;
};

/// A line chart; x runs linearly. With nothing finite to draw the axes stand empty.
inline void HtmlReport::chart(const std::string& title, const std::string& x_label,
                              const std::string& y_label, const std::vector<Series>& series) {
  constexpr double width = 720, height = 300, left = 62, right = 12, top = 28, bottom = 62;
  detail::Range xs, ys;
  for (const Series& line : series) {
    eigengrad::check(line.x.size() == line.y.size(), "chart: series '", std::string_view(line.name), "' has ",
                     line.x.size(), " x and ", line.y.size(), " y");
    for (std::size_t i = 0; i < line.x.size(); ++i)
      if (std::isfinite(line.y[i])) xs.include(line.x[i]), ys.include(line.y[i]);
  }
  xs.widen();
  ys.widen();
  const auto px = [&](double x) { return left + (x - xs.low) / (xs.high - xs.low) * (width - left - right); };
  const auto py = [&](double y) {
    return height - bottom - (y - ys.low) / (ys.high - ys.low) * (height - top - bottom);
  };
  const auto text = [&](double x, double y, const char* anchor, const std::string& content) {
    body_ += "<text x=\"" + format_number(x) + "\" y=\"" + format_number(y) + "\" text-anchor=\"" + anchor +
             "\">" + escape_html(content) + "</text>";
  };
  const auto line = [&](double x1, double y1, double x2, double y2) {
    body_ += "<line class=\"grid\" x1=\"" + format_number(x1) + "\" y1=\"" + format_number(y1) + "\" x2=\"" +
             format_number(x2) + "\" y2=\"" + format_number(y2) + "\"/>";
  };

  body_ += "<svg viewBox=\"0 0 720 300\" role=\"img\" aria-label=\"" + escape_html(title) + "\">";
  text(left, 16, "start", title + " [" + y_label + "]");
  const double y_step = detail::tick_step(ys.high - ys.low, 5),
               x_step = detail::tick_step(xs.high - xs.low, 8);
  for (double tick = std::ceil(ys.low / y_step) * y_step; tick <= ys.high + 1e-9 * y_step; tick += y_step) {
    line(left, py(tick), width - right, py(tick));
    text(left - 6, py(tick) + 4, "end", format_number(std::abs(tick) < 1e-9 * y_step ? 0 : tick));
  }
  for (double tick = std::ceil(xs.low / x_step) * x_step; tick <= xs.high + 1e-9 * x_step; tick += x_step) {
    line(px(tick), height - bottom, px(tick), height - bottom + 4);
    text(px(tick), height - bottom + 17, "middle", format_number(tick));
  }
  text(width - right, height - bottom + 33, "end", x_label);
  double legend = left;
  for (std::size_t s = 0; s < series.size(); ++s) {
    const std::string colour = detail::series_colours[s % std::size(detail::series_colours)];
    body_ += "<path fill=\"none\" stroke-width=\"1.5\" stroke=\"" + colour + "\" d=\"";
    bool drawing = false;
    for (std::size_t i = 0; i < series[s].x.size(); ++i) {
      const bool finite = std::isfinite(series[s].y[i]) && std::isfinite(series[s].x[i]);
      if (finite)
        body_ += (drawing ? "L" : "M") + format_number(px(series[s].x[i])) + " " +
                 format_number(py(series[s].y[i]));
      drawing = finite;
    }
    body_ += "\"/><rect width=\"14\" height=\"4\" x=\"" + format_number(legend) + "\" y=\"" +
             format_number(height - 14) + "\" fill=\"" + colour + "\"/>";
    text(legend + 19, height - 8, "start", series[s].name);
    legend += 45 + 7.0 * static_cast<double>(series[s].name.size());
  }
  body_ += "</svg>\n";
}

}  // namespace examples
