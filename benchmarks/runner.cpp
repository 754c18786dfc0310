#include "runner.hpp"

#include <benchmark/benchmark.h>

#include <map>

namespace bench {
namespace {

/// Keeps the time of every repetition and prints nothing.
class Collector : public benchmark::BenchmarkReporter {
 public:
  bool ReportContext(const Context&) override { return true; }
  void ReportRuns(const std::vector<Run>& runs) override {
    for (const Run& run : runs) {
      eigengrad::check(!run.error_occurred, run.error_message);
      if (run.run_type == Run::RT_Iteration)
        seconds[run.run_name.function_name].push_back(run.real_accumulated_time /
                                                      static_cast<double>(run.iterations));
    }
  }
  std::map<std::string, std::vector<double>> seconds;
};

void run_contender(benchmark::State& state, const Contender& contender) {
  if (contender.seconds_of) {
    while (state.KeepRunningBatch(state.max_iterations)) try {
        state.SetIterationTime(contender.seconds_of(state.max_iterations));
      } catch (const std::exception& error) {
        state.SkipWithError(error.what());
      }
  } else {
    for (auto _ : state) contender.once();
  }
}

std::vector<std::string>& all_notes() {
  static std::vector<std::string> lines;
  return lines;
}

}  // namespace

void note(const std::string& line) {
  all_notes().push_back(line);
}
const std::vector<std::string>& notes() {
  return all_notes();
}

const Times* Result::find(const std::string& contender) const {
  for (const Measurement& m : contenders)
    if (m.name == contender) return &m.times;
  return nullptr;
}

Runner::Runner(const Options& options)
    : seconds_per_repetition_(options.quick ? 0.03 : 0.05), repetitions_(options.quick ? 5 : 7) {
  std::string name = "benchmarks", interleave = "--benchmark_enable_random_interleaving=true";
  char* arguments[] = {name.data(), interleave.data(), nullptr};
  int count = 2;
  benchmark::Initialize(&count, arguments);
}

Contender Runner::limit_of(const Row& row, double& work) {
  if (row.own_limit) {
    work = row.own_limit_work;
    return row.own_limit();
  }
  if (row.limit == Limit::bandwidth) {
    work = Triad::bytes();
    return {"limit", [this] { triad_(); }};
  }
  work = MultiplyAdds::operations();
  return {"limit", MultiplyAdds()};
}

Result Runner::measure(const Row& row) {
  std::vector<Contender> contenders = row.prepare();
  double limit_work = 0;
  if (row.limit != Limit::none) contenders.push_back(limit_of(row, limit_work));

  // Each row is a run of Google Benchmark by itself, so that the repetitions of its contenders lie close in
  // time.
  benchmark::ClearRegisteredBenchmarks();
  for (const Contender& contender : contenders) {
    auto* const timed = benchmark::RegisterBenchmark(
        contender.name.c_str(), [&contender](benchmark::State& state) { run_contender(state, contender); });
    timed->MinTime(std::max(row.seconds_per_repetition, seconds_per_repetition_))->Repetitions(repetitions_);
    contender.seconds_of ? timed->UseManualTime() : timed->UseRealTime();
  }
  Collector collector;
  benchmark::RunSpecifiedBenchmarks(&collector, "all");
  benchmark::ClearRegisteredBenchmarks();

  Result result{row.name, row.limit, row.work, 0, {}};
  for (const Contender& contender : contenders) {
    Times times(collector.seconds[contender.name]);
    eigengrad::check(!times.empty(), row.name, ": ", contender.name, " was not measured");
    if (contender.name == "limit")
      result.limit_rate = limit_work / times.median();
    else
      result.contenders.push_back({contender.name, std::move(times)});
  }
  return result;
}

}  // namespace bench
