#include "common/html_report.hpp"

#include <doctest/doctest.h>

#include "examples/occurrences.hpp"

namespace examples {

namespace {

std::string encoded(const std::string& text) {
  return base64(std::as_bytes(std::span(text)));
}

/// Whether every opening tag is closed in order; the names of elements without content are left out.
bool balanced(const std::string& html) {
  std::vector<std::string> open;
  for (std::size_t i = html.find('<'); i != std::string::npos; i = html.find('<', i + 1)) {
    const std::size_t end = html.find('>', i);
    if (end == std::string::npos) return false;
    const bool closes = html[i + 1] == '/';
    const std::size_t begin = i + 1 + closes;
    const std::string name = html.substr(begin, html.find_first_of(" />", begin) - begin);
    if (name == "!doctype" || name == "meta" || name == "img" || html[end - 1] == '/') continue;
    if (!closes) {
      open.push_back(name);
    } else {
      if (open.empty() || open.back() != name) return false;
      open.pop_back();
    }
  }
  return open.empty();
}

}  // namespace

TEST_CASE("base 64: the examples of RFC 4648, section 10, and the last two digits") {
  CHECK(encoded("") == "");
  CHECK(encoded("f") == "Zg==");
  CHECK(encoded("fo") == "Zm8=");
  CHECK(encoded("foo") == "Zm9v");
  CHECK(encoded("foob") == "Zm9vYg==");
  CHECK(encoded("fooba") == "Zm9vYmE=");
  CHECK(encoded("foobar") == "Zm9vYmFy");
  CHECK(encoded("\xfb\xef\xff") == "++//");
  CHECK(encoded(std::string(3, '\0')) == "AAAA");
}

TEST_CASE("every text of a page is escaped") {
  const std::string evil = "<script>\"&'";
  HtmlReport page(evil);
  page.heading(evil);
  page.paragraph(evil);
  page.table({evil}, {{evil}});
  page.matrix({evil}, {evil}, {{1}});
  page.begin_gallery();
  page.image(std::as_bytes(std::span(evil)), evil);
  page.end_gallery();
  page.chart(evil, evil, evil, {{evil, {1, 2}, {1, 2}}});
  const std::string html = page.html();
  CHECK(html.find("<script") == std::string::npos);
  CHECK(occurrences(html, "&lt;script&gt;&quot;&amp;&#39;") == 2 + 1 + 1 + 2 + 2 + 2 + 5);  // in this order
  CHECK(balanced(html));
  CHECK_FALSE(balanced("<p><b></p></b>"));
}

TEST_CASE("a page is one file: images are in it, nothing is fetched or run") {
  HtmlReport page("title");
  page.image(std::as_bytes(std::span("foobar", 6)), "grid");
  const std::string html = page.html();
  CHECK(html.starts_with("<!doctype html>"));
  CHECK(html.find("<img alt=\"grid\" src=\"data:image/png;base64,Zm9vYmFy\">") != std::string::npos);
  CHECK(html.find("http") == std::string::npos);
  CHECK(html.find("<script") == std::string::npos);
  CHECK(html.find("color-scheme:light dark") != std::string::npos);
}

TEST_CASE("columns of numbers are set as figures, columns of text are not") {
  HtmlReport page("title");
  page.table({"name", "value", "mixed"}, {{"a", "-1.5e3", "2"}, {"b", "n/a", "two"}});
  const std::string html = page.html();
  CHECK(html.find("<td>a</td><td class=\"figure\">-1.5e3</td><td>2</td>") != std::string::npos);
  CHECK(html.find("<th>name</th><th class=\"figure\">value</th><th>mixed</th>") != std::string::npos);
  CHECK_THROWS_WITH_AS(page.table({"a", "b"}, {{"1"}}),
                       "table: a row has 1 cells, the header 2; they must be as many", eigengrad::Error);
}

TEST_CASE("a matrix is coloured by the share of the row; empty rows and large counts are fine") {
  HtmlReport page("title");
  page.matrix({"c0", "c1"}, {"0", "1"}, {{300000, 100000}, {0, 0}});
  const std::string html = page.html();
  CHECK(html.find("0.637)\">300000</td>") != std::string::npos);
  CHECK(html.find("0.212)\">100000</td>") != std::string::npos);
  CHECK(occurrences(html, ",0)\">0</td>") == 2);
  CHECK_THROWS_AS(page.matrix({"c0"}, {"0"}, {{1}, {2}}), eigengrad::Error);
}

}  // namespace examples
