// Measures the library against the limits of this machine and against its opponents, and prints one table.
#include <CLI/CLI.hpp>

#include <cstdio>
#include <filesystem>
#include <regex>

#include "allocations.hpp"
#include "report.hpp"
#include "serve.hpp"
#include "table.hpp"

namespace {

using namespace bench;

Suite make_suite(const Options& options) {
  Suite suite;
  add_step(suite, options);
  add_products(suite, options);
  add_convolutions(suite, options);
  add_memory(suite);
  add_tape(suite, options);
  add_scaling(suite, options);
  add_instruction_sets(suite, options);
  return suite;
}

/// The limits are always wanted: every fraction is of them.
Suite wanted_rows(const Options& options) {
  const std::regex filter(options.filter);
  Suite wanted;
  add_limits(wanted);
  const std::size_t limits = wanted.size();
  for (Row& row : make_suite(options))
    if ((row.headline || !options.quick) && std::regex_search(row.name, filter))
      wanted.push_back(std::move(row));
  eigengrad::check(wanted.size() > limits, "--filter is '", options.filter, "'; no row",
                   options.quick ? " of the quick ones" : "", " has such a name");
  return wanted;
}

void print_notes() {
  std::printf("\nopponents\n");
  for (const std::string& line : notes()) std::printf("  %s\n", line.c_str());
}

void print_headline(const nlohmann::ordered_json& figures) {
  std::printf("\n");
  for (const auto& [name, value] : figures.items())
    if (value.is_null())
      std::printf("%-38s not measured\n", name.c_str());
    else
      std::printf("%-38s %.4g\n", name.c_str(), value.get<double>());
}

/// Returns how many rows failed.
int run(const Options& options) {
  std::printf("eigengrad: %d threads, %s\n", eigengrad::thread_count(),
              to_string(eigengrad::instruction_set()));
  const Suite suite = wanted_rows(options);
  Runner runner(options);
  Report report;
  Table table;
  int failures = 0;
  table.print_header();
  for (const Row& row : suite) {
    try {
      Result result = runner.measure(row);
      table.print(result);
      report.add(std::move(result));
    } catch (const std::exception& error) {
      table.print_failure(row.name, error.what());
      ++failures;
    }
    eigengrad::release_unused_memory();
  }
  if (allocations::can_count()) report.add("step_heap_allocations", step_heap_allocations());
  if (!notes().empty()) print_notes();
  print_headline(report.headline());
  report.write(options.json);
  return failures;
}

}  // namespace

int main(int argc, char** argv) {
  Options options;
  std::string service;
  CLI::App app("Measures eigengrad against the limits of this machine and against other libraries.");
  app.add_flag("--ours", options.ours, "without opponents");
  app.add_flag("--quick", options.quick, "the headline rows only, with fewer repetitions");
  app.add_option("--filter", options.filter, "rows whose name matches this regular expression")
      ->check([](const std::string& text) -> std::string {
        try {
          std::regex{text};
          return "";
        } catch (const std::regex_error& error) {
          return error.what();
        }
      });
  app.add_option("--json", options.json, "file for the figures")->capture_default_str();
  app.add_option("--serve", service, "answer another process of this program")->group("");
  CLI11_PARSE(app, argc, argv);
  try {
    options.programs = std::filesystem::canonical("/proc/self/exe").parent_path().string();
    if (!service.empty()) return serve(service);
    const int failures = run(options);
    if (failures > 0) std::fprintf(stderr, "%d rows failed; the table says why\n", failures);
    return failures > 0 ? 1 : 0;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 2;
  }
}
