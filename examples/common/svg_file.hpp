/// Charts as files of their own: what an HTML page gives an <svg> element by its style sheet is put into it.
#pragma once

#include <span>
#include <string>

#include "common/line_chart.hpp"
#include "eigengrad/io/file.hpp"

namespace examples {

/// Writes a chart made by line_chart as an SVG file. Throws if it cannot be written.
inline void write_svg(const std::string& path, std::string chart) {
  const std::string head = "<svg ";
  eigengrad::check(chart.starts_with(head), path, ": what is to be written is no SVG");
  chart.replace(0, head.size(),
                "<svg xmlns=\"http://www.w3.org/2000/svg\" font-family=\"sans-serif\" font-size=\"12\" ");
  chart.insert(chart.find('>') + 1,
               "<style>svg{background:#fff}text{fill:#1f2430}.title{font-size:14px;font-weight:600}"
               ".grid{stroke:#d5d9e0}</style>");
  eigengrad::write_file_atomically(path, std::as_bytes(std::span(chart)));
}

}  // namespace examples
