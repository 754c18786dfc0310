/// Metrics as JSON lines: one object for each line, on the disk as soon as it is written.
#pragma once

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "eigengrad/core/check.hpp"
#include "eigengrad/io/file.hpp"

namespace examples {

/// The lines of a file that are whole JSON objects; a torn last line, as a crash leaves it, ends the list.
inline std::vector<nlohmann::json> read_metrics(const std::string& path) {
  std::ifstream file(path);
  eigengrad::check(file.is_open(), path, ": cannot be opened");
  std::vector<nlohmann::json> lines;
  for (std::string line; std::getline(file, line);) {
    nlohmann::json json = nlohmann::json::parse(line, nullptr, false);
    if (!json.is_object()) break;
    lines.push_back(std::move(json));
  }
  return lines;
}

/// Appends lines to a file. Starting at iteration `last` > 0 keeps the lines up to it, as a resumed run
/// needs; at 0 the file starts anew.
class MetricsLog {
 public:
  MetricsLog(const std::string& path, std::int64_t last) : path_(path) {
    std::string kept;
    if (last > 0 && std::filesystem::exists(path))
      for (const nlohmann::json& line : read_metrics(path))
        if (line.value("iteration", std::int64_t{0}) <= last) kept += line.dump() + "\n";
    eigengrad::write_file_atomically(path, std::as_bytes(std::span(kept)));
    file_.open(path, std::ios::app);
    eigengrad::check(file_.is_open(), path, ": cannot be opened for writing");
  }

  /// One line, flushed; numbers that are not finite become null.
  void write(const nlohmann::json& line) {
    file_ << line.dump() << '\n' << std::flush;
    eigengrad::check(file_.good(), path_, ": cannot be written; is the disk full?");
  }

 private:
  std::string path_;
  std::ofstream file_;
};

}  // namespace examples
