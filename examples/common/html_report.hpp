/// Pieces of a self-contained HTML page: tables, line charts as SVG, images as data URIs. No scripts, no
/// other files.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdlib>
#include <span>
#include <string>
#include <vector>

#include "common/line_chart.hpp"
#include "eigengrad/core/check.hpp"

namespace examples {

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

  /// Rows of text under a header; a column whose cells are all numbers (or "n/a") is set as figures.
  void table(const std::vector<std::string>& header, const std::vector<std::vector<std::string>>& rows) {
    std::vector<bool> figures(header.size(), !rows.empty());
    for (const auto& row : rows) {
      eigengrad::check(row.size() == header.size(), "table: a row has ", row.size(), " cells, the header ",
                       header.size(), "; they must be as many");
      for (std::size_t j = 0; j < row.size(); ++j) figures[j] = figures[j] && is_number(row[j]);
    }
    body_ += "<div class=\"wide\"><table><thead>";
    table_row("th", header, figures);
    body_ += "</thead><tbody>\n";
    for (const auto& row : rows) table_row("td", row, figures);
    body_ += "</tbody></table></div>\n";
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
    eigengrad::check(counts.size() == row_names.size(), "matrix: there are ", counts.size(), " rows and ",
                     row_names.size(), " names for them; they must be as many");
    body_ += "<div class=\"wide\"><table class=\"matrix\"><thead><tr><th></th>";
    for (const std::string& name : column_names) body_ += "<th>" + escape_html(name) + "</th>";
    body_ += "</tr></thead><tbody>\n";
    for (std::size_t i = 0; i < counts.size(); ++i) {
      double total = 0;
      for (double count : counts[i]) total += count;
      body_ += "<tr><th>" + escape_html(row_names[i]) + "</th>";
      for (double count : counts[i])
        body_ += "<td style=\"background:rgba(59,125,216," +
                 format_number(total > 0 ? 0.85 * count / total : 0, 3) + ")\">" + format_number(count, 9) +
                 "</td>";
      body_ += "</tr>\n";
    }
    body_ += "</tbody></table></div>\n";
  }

  void chart(const std::string& title, const std::string& x_label, const std::string& y_label,
             const std::vector<Series>& series) {
    body_ += line_chart(title, x_label, y_label, series);
  }

  std::string html() const { return body_ + "</main></body></html>\n"; }

 private:
  static bool is_number(const std::string& cell) {
    char* end = nullptr;
    std::strtod(cell.c_str(), &end);
    return cell == "n/a" || (!cell.empty() && *end == 0);
  }

  void table_row(const std::string& tag, const std::vector<std::string>& cells,
                 const std::vector<bool>& figures) {
    body_ += "<tr>";
    for (std::size_t j = 0; j < cells.size(); ++j)
      body_ +=
          "<" + tag + (figures[j] ? " class=\"figure\">" : ">") + escape_html(cells[j]) + "</" + tag + ">";
    body_ += "</tr>\n";
  }

  static std::string style() {
    return ":root{color-scheme:light dark;--line:#8884;--soft:#8881}"
           "body{font:16px/1.5 system-ui,sans-serif;margin:0}main{max-width:62rem;margin:0 auto;padding:2rem "
           "1rem}"
           "h1{font-size:1.7rem}h2{font-size:1.2rem;margin-top:2.2rem;border-bottom:1px solid var(--line)}"
           "table{border-collapse:collapse;margin:1rem 0;font-variant-numeric:tabular-nums}"
           "th,td{padding:.25rem .7rem;text-align:left;border-bottom:1px solid var(--line)}"
           "tbody tr:hover{background:var(--soft)}thead th{border-bottom:2px solid var(--line)}"
           ".figure{text-align:right}.wide{overflow-x:auto}"
           ".matrix td,.matrix th{text-align:right;padding:.25rem .5rem}"
           ".gallery{display:flex;flex-wrap:wrap;gap:1rem}figure{margin:0;width:19rem}"
           "img{image-rendering:pixelated;width:100%;border-radius:4px;background:#000}"
           "figcaption{font-size:.85rem;opacity:.75;max-width:19rem}"
           "svg{display:block;width:100%;max-width:46rem;height:auto;font-size:12px;margin:1.2rem 0}"
           "svg text{fill:currentColor}svg .title{font-size:14px;font-weight:600}"
           "svg .grid{stroke:var(--line)}";
  }

  std::string body_;
};

}  // namespace examples
