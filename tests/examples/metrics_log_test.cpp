#include "common/metrics_log.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <csignal>

#include <sys/resource.h>

#include "io/temporary_folder.hpp"

namespace examples {
using nlohmann::json;

namespace {

/// Files can not grow beyond `bytes` while this lives, as on a full disk.
class FileSizeLimit {
 public:
  explicit FileSizeLimit(rlim_t bytes) : old_handler_(std::signal(SIGXFSZ, SIG_IGN)) {
    getrlimit(RLIMIT_FSIZE, &old_);
    const rlimit limit{bytes, old_.rlim_max};
    setrlimit(RLIMIT_FSIZE, &limit);
  }
  ~FileSizeLimit() {
    setrlimit(RLIMIT_FSIZE, &old_);
    std::signal(SIGXFSZ, old_handler_);
  }
  FileSizeLimit(const FileSizeLimit&) = delete;
  FileSizeLimit& operator=(const FileSizeLimit&) = delete;

 private:
  void (*old_handler_)(int);
  rlimit old_{};
};

}  // namespace

TEST_CASE("metrics: every line is on the disk as soon as it is written") {
  const TemporaryFolder folder;
  const std::string path = folder / "metrics.jsonl";
  MetricsLog log(path, 0);
  CHECK(read_metrics(path).empty());
  log.write({{"iteration", 1}, {"loss", 0.1}});
  CHECK(read_metrics(path).size() == 1);
  log.write({{"iteration", 2}, {"loss", std::nan("")}, {"name", "two\nlines"}});
  const auto lines = read_metrics(path);
  REQUIRE(lines.size() == 2);
  CHECK(lines[0]["loss"].get<double>() == 0.1);
  CHECK(lines[1]["loss"].is_null());
  CHECK(lines[1]["name"] == "two\nlines");
}

TEST_CASE("metrics: a resumed run drops what came after its checkpoint and a torn line") {
  const TemporaryFolder folder;
  const std::string path = folder / "metrics.jsonl";
  {
    MetricsLog log(path, 0);
    for (int i = 1; i <= 5; ++i) log.write({{"iteration", i}, {"loss", 1.0 / i}});
  }
  std::ofstream(path, std::ios::app) << "{\"iteration\": 6, \"lo";
  CHECK(read_metrics(path).size() == 5);
  MetricsLog log(path, 3);
  log.write({{"iteration", 4}, {"loss", 7.0}});
  const auto lines = read_metrics(path);
  REQUIRE(lines.size() == 4);
  for (std::size_t i = 0; i < 3; ++i)
    CHECK(lines[i]["loss"].get<double>() == 1.0 / static_cast<double>(i + 1));
  CHECK(lines[3]["loss"].get<double>() == 7);
}

TEST_CASE("metrics: a resumed run without a file starts one, a new run replaces an old file") {
  const TemporaryFolder folder;
  const std::string path = folder / "metrics.jsonl";
  MetricsLog(path, 10).write({{"iteration", 11}});
  CHECK(read_metrics(path).size() == 1);
  const MetricsLog fresh(path, 0);
  CHECK(read_metrics(path).empty());
}

TEST_CASE("metrics: lines of other programs do not stop a resumed run") {
  const TemporaryFolder folder;
  const std::string path = folder / "metrics.jsonl";
  put_file(
      path,
      "{\"note\": \"by hand\"}\n{\"iteration\": \"four\"}\n{\"iteration\": 9}\n[1]\n{\"iteration\": 1}\n");
  const MetricsLog log(path, 5);
  CHECK(read_metrics(path).size() == 2);
}

TEST_CASE("metrics: files that cannot be read or written give an error that names them") {
  const TemporaryFolder folder;
  const std::string missing = folder / "none/metrics.jsonl";
  CHECK_THROWS_WITH_AS(read_metrics(missing), (missing + ": cannot be opened").c_str(), eigengrad::Error);
  CHECK_THROWS_WITH_AS(MetricsLog(missing, 0), doctest::Contains(missing.c_str()), eigengrad::Error);

  const std::string path = folder / "metrics.jsonl";
  MetricsLog log(path, 0);
  const FileSizeLimit full(20);
  CHECK_THROWS_WITH_AS(log.write({{"text", "longer than twenty characters"}}),
                       (path + ": cannot be written; is the disk full?").c_str(), eigengrad::Error);
}

}  // namespace examples
