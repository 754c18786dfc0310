/// What is measured: rows of the table, each with its contenders.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "eigengrad/core/tensor.hpp"

namespace bench {

using eigengrad::Index;
using eigengrad::Shape;
using eigengrad::Tensor;

struct Options {
  bool ours = false;   ///< without opponents
  bool quick = false;  ///< headline rows only, fewer repetitions
  std::string filter;  ///< regular expression that a row's name must match
  std::string json = "benchmarks.json";
  std::string programs;  ///< folder of this program and of the opponents' ones
};

/// One side of a comparison. The first of a row is "ours", unless a row has none.
struct Contender {
  std::string name;
  std::function<void()> once;  ///< timed by Google Benchmark, or
  std::function<double(std::int64_t count)> seconds_of =
      {};  ///< timed in another process: seconds for `count` calls
};

/// What bounds a row: its fraction of the limit is work per second over that of the limit, measured in turn
/// with it.
enum class Limit { none, multiply_adds, bandwidth };

struct Row {
  std::string name;  ///< subject/what
  Limit limit = Limit::none;
  double work = 1;  ///< of one call: floating-point operations, bytes, or a count
  bool headline = false;
  /// Makes the inputs, checks that all contenders compute the same, and returns them; throws where they do
  /// not.
  std::function<std::vector<Contender>()> prepare;
  /// A limit of the row's own, such as that of another instruction set, with its work; replaces the
  /// machine's.
  std::function<Contender()> own_limit = {};
  double own_limit_work = 0;
  double seconds_per_repetition = 0;  ///< at least; 0: what all rows have
};

using Suite = std::vector<Row>;

/// Remembers a line to be printed below the table: which opponents ran, which are missing.
void note(const std::string& line);
const std::vector<std::string>& notes();

// The subjects, one file each.
void add_limits(Suite& suite);
void add_products(Suite& suite, const Options& options);
void add_convolutions(Suite& suite, const Options& options);
void add_memory(Suite& suite);
void add_tape(Suite& suite, const Options& options);
void add_step(Suite& suite, const Options& options);
void add_scaling(Suite& suite, const Options& options);
void add_instruction_sets(Suite& suite, const Options& options);

}  // namespace bench
