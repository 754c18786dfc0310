#include "common/line_chart.hpp"

#include <doctest/doctest.h>

#include "examples/occurrences.hpp"

namespace examples {

namespace {

const double not_a_number = std::nan("");

std::string chart(const std::vector<Series>& series) {
  return line_chart("title", "x", "y", series);
}

/// The path of the only series.
std::string path(const std::string& svg) {
  const std::size_t begin = svg.find(" d=\"") + 4;
  return svg.substr(begin, svg.find('"', begin) - begin);
}

}  // namespace

TEST_CASE("a line runs from corner to corner of the axes") {
  const std::string svg = chart({{"a", {0, 50, 100}, {-1, 0, 3}}});
  CHECK(path(svg) == "M62 240L377 188L692 32");
  CHECK(svg.starts_with("<svg viewBox=\"0 0 720 300\""));
  CHECK(svg.ends_with("</svg>\n"));
  for (const char* tick : {">-1<", ">0<", ">3<", ">20<", ">100<"}) CHECK(svg.find(tick) != std::string::npos);
}

TEST_CASE("points that are not finite leave a gap, lone points are dots") {
  const double infinite = std::numeric_limits<double>::infinity();
  const std::string gap = chart({{"a", {0, 1, 2, 3, 4}, {0, 1, not_a_number, 1, 0}}});
  CHECK(occurrences(path(gap), "M") == 2);
  CHECK(occurrences(path(gap), "L") == 2);
  CHECK(occurrences(gap, "<circle") == 0);
  const std::string lone = chart({{"a", {0, 1, 2, 3}, {0, infinite, 2, -infinite}}});
  CHECK(occurrences(lone, "<circle") == 2);
  const std::string one = chart({{"a", {1}, {0.7}}});
  CHECK(occurrences(one, "<circle") == 1);
  CHECK(one.find("cx=\"377\" cy=\"136\"") != std::string::npos);
}

TEST_CASE("without data the axes stand and the chart says so") {
  for (const auto& series :
       {std::vector<Series>{}, {{"a", {}, {}}}, {{"a", {1, 2}, {not_a_number, not_a_number}}}}) {
    const std::string svg = chart(series);
    CHECK(svg.find("no data yet") != std::string::npos);
    CHECK(occurrences(svg, "<path") == 0);
  }
  CHECK(chart({{"a", {1}, {1}}}).find("no data yet") == std::string::npos);
}

TEST_CASE("extreme values neither hang nor leave the picture") {
  const std::vector<std::vector<Series>> extremes = {{{"a", {1e16, 1e16 + 2}, {1, 2}}},
                                                     {{"a", {1e17, 1e17}, {1, 1}}},
                                                     {{"a", {0, 1}, {-1.7e308, 1.7e308}}},
                                                     {{"a", {0, 5e-324}, {0, 5e-324}}}};
  for (const auto& series : extremes) {
    const std::string svg = chart(series);
    CHECK(svg.find("nan") == std::string::npos);
    CHECK(svg.find("n/a") == std::string::npos);
    CHECK(svg.find("inf") == std::string::npos);
    CHECK(occurrences(svg, "<text") < 60);
  }
}

TEST_CASE("ticks are round, inside the range, and written in full") {
  CHECK(detail::ticks({0, 1}, 5) == std::vector<double>{0, 0.2, 2 * 0.2, 3 * 0.2, 4 * 0.2, 1});
  CHECK(detail::ticks({-3, 7}, 5) == std::vector<double>{-2, 0, 2, 4, 6});
  CHECK(detail::ticks({0, 2340}, 8) == std::vector<double>{0, 500, 1000, 1500, 2000});
  CHECK(chart({{"a", {0, 200000}, {0, 1}}}).find(">100000<") != std::string::npos);
}

TEST_CASE("a long legend takes more rows") {
  std::vector<Series> many;
  for (int k = 0; k < 8; ++k) many.push_back({"L_I(c" + std::to_string(k) + "), H = 2.3026", {0, 1}, {0, 1}});
  const std::string svg = chart(many);
  CHECK(svg.starts_with("<svg viewBox=\"0 0 720 340\""));
  CHECK(occurrences(svg, "<path") == 8);
}

TEST_CASE("series must have as many x as y") {
  CHECK_THROWS_WITH_AS(chart({{"loss", {1, 2}, {1}}}),
                       "chart: series 'loss' has 2 x and 1 y; they must be as many", eigengrad::Error);
}

TEST_CASE("texts") {
  CHECK(escape_html("a<b> & \"c\" 'd'") == "a&lt;b&gt; &amp; &quot;c&quot; &#39;d&#39;");
  CHECK(format_number(0.123456789) == "0.12346");
  CHECK(format_number(-1e300) == "-1e+300");
  CHECK(format_number(not_a_number) == "n/a");
}

}  // namespace examples
