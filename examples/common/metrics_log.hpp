/// Metrics as JSON lines: one object for each line, on the disk as soon as it is written.
#pragma once

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <span>
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

/// Appends lines to a file. Starting at iteration `last` > 0 keeps the lines whose "iteration" is at most
/// that, as a resumed run needs; at 0 the file starts anew. Throws where the file cannot be written.
class MetricsLog {
 public:
  MetricsLog(const std::string& path, std::int64_t last) : path_(path) {
    std::string kept;
    if (last > 0 && std::filesystem::exists(path))
      for (const nlohmann::json& line : read_metrics(path))
        if (iteration_of(line) <= last) kept += line.dump() + "\n";
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
  /// 0 for a line that belongs to no iteration.
  static std::int64_t iteration_of(const nlohmann::json& line) {
    const auto found = line.find("iteration");
    return found != line.end() && found->is_number_integer() ? found->get<std::int64_t>() : 0;
  }

  std::string path_;
  std::ofstream file_;
};

}  // namespace examples
