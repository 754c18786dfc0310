#include "report.hpp"

#include <fstream>

#include "eigengrad/core/check.hpp"
#include "eigengrad/core/parallel.hpp"
#include "eigengrad/kernels/instruction_set.hpp"

namespace bench {
namespace {

using Json = nlohmann::ordered_json;

Json or_null(double value) {
  return value > 0 ? Json(value) : Json();
}

Json to_json(const Result& result) {
  Json json{{"name", result.name},
            {"work", result.work},
            {"limit", result.limit == Limit::none        ? Json()
                      : result.limit == Limit::bandwidth ? Json("bytes per second")
                                                         : Json("operations per second")},
            {"limit_rate", or_null(result.limit_rate)},
            {"fraction", result.contenders.empty() ? Json() : or_null(result.fraction())}};
  for (const Measurement& m : result.contenders)
    json["seconds"][m.name] = {
        {"median", m.times.median()},        {"lowest", m.times.quantile(0)},
        {"quarter", m.times.quantile(0.25)}, {"three_quarters", m.times.quantile(0.75)},
        {"highest", m.times.quantile(1)},    {"repetitions", m.times.count()}};
  return json;
}

}  // namespace

const Result* Report::find(const std::string& name) const {
  for (const Result& result : results_)
    if (result.name == name) return &result;
  return nullptr;
}

/// Of all rows that the machine's own limit was measured for; 0 without any.
double Report::median_limit(Limit limit) const {
  std::vector<double> rates;
  for (const Result& result : results_)
    if (result.limit == limit && !result.name.starts_with("instruction sets/"))
      rates.push_back(result.limit_rate);
  return rates.empty() ? 0 : Times(rates).median();
}

Json Report::headline() const {
  const auto fraction = [this](const char* row) {
    const Result* const result = find(row);
    return result == nullptr ? Json() : or_null(result->fraction());
  };
  const auto ratio = [this](const char* row, const char* opponent) {
    const Result* const result = find(row);
    const Times* const times = result == nullptr ? nullptr : result->find(opponent);
    return times == nullptr ? Json() : Json(times->median() / result->contenders.front().times.median());
  };
  const auto seconds = [this](const char* row) {
    const Result* const result = find(row);
    return result == nullptr ? 0 : result->contenders.front().times.median();
  };
  Json json{{"fma_peak_gflops", or_null(median_limit(Limit::multiply_adds) / 1e9)},
            {"bandwidth_gbs", or_null(median_limit(Limit::bandwidth) / 1e9)},
            {"infogan_step_ms", or_null(1e3 * seconds("step/InfoGAN, 128 images"))},
            {"infogan_step_peak_fraction", fraction("step/InfoGAN, 128 images")},
            {"infogan_step_vs_pytorch_best", ratio("step/InfoGAN, 128 images", "pytorch best")},
            {"infogan_step_vs_pytorch_default", ratio("step/InfoGAN, 128 images", "pytorch default")},
            {"sgemm_2048_peak_fraction", fraction("products/nn 2048 x 2048 x 2048")},
            {"conv2_forward_peak_fraction", fraction("convolutions/conv2 forward")},
            {"conv2_input_gradient_peak_fraction", fraction("convolutions/conv2 input gradient")},
            {"conv2_weight_gradient_peak_fraction", fraction("convolutions/conv2 weight gradient")},
            {"upconv1_forward_peak_fraction", fraction("convolutions/upconv1 forward")},
            {"tape_ns_per_node", or_null(1e9 * seconds("tape/chain of adds and multiplies") / 1000)},
            {"step_heap_allocations", Json()},
            {"thread_scaling", ratio("scaling/InfoGAN step", "one thread")}};
  json.update(figures_);
  return json;
}

void Report::write(const std::string& path) const {
  Json json = headline();
  json["threads"] = eigengrad::thread_count();
  json["instruction_set"] = eigengrad::to_string(eigengrad::instruction_set());
  json["rows"] = Json::array();
  for (const Result& result : results_) json["rows"].push_back(to_json(result));
  std::ofstream file(path);
  file << json.dump(2) << "\n";
  eigengrad::check(file.good(), path, ": cannot be written");
}

}  // namespace bench
