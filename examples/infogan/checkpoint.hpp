/// Checkpoints: everything that training depends on, in one safetensors file that is written atomically.
#pragma once

#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "eigengrad/io/safetensors.hpp"
#include "infogan/trainer.hpp"

namespace infogan {

inline constexpr const char* checkpoint_name = "checkpoint.safetensors";

/// Settings as JSON, and back; throws, naming the setting, where one is missing or of another type.
inline nlohmann::json to_json(const Settings& settings) {
  nlohmann::json json = nlohmann::json::object();
  visit_settings(settings, [&](const char* name, const auto& field, const char*) { json[name] = field; });
  return json;
}
inline Settings settings_from_json(const nlohmann::json& json) {
  Settings settings;
  visit_settings(settings, [&](const char* name, auto& field, const char*) {
    try {
      json.at(name).get_to(field);
    } catch (const nlohmann::json::exception& error) {
      fail("setting '", name, "': ", std::string_view(error.what()));
    }
  });
  validate(settings);
  return settings;
}

/// Saves the trainer's tensors and counters, its random state, the cursor and the settings.
inline void save_checkpoint(const std::string& path, const Settings& settings, Trainer<float>& trainer,
                            const BatchCursor& cursor, Index iteration) {
  std::vector<SafetensorsEntry> entries;
  for (const auto& item : named_tensors(trainer)) entries.emplace_back(item.name(), item.value());
  for (const auto& counter : named_counters(trainer))
    entries.emplace_back(counter.name, std::vector<std::int64_t>{*counter.value});
  const Rng::State& random = trainer.rng().state();
  entries.emplace_back("random", std::vector<std::uint64_t>{random.seed, random.stream, random.block});
  entries.emplace_back("progress", std::vector<std::int64_t>{iteration, cursor.epoch(), cursor.position()});
  save_safetensors(path, entries, {{"program", "infogan_mnist"}, {"settings", to_json(settings).dump()}});
}

/// A loaded checkpoint, before anything is restored from it.
class Checkpoint {
 public:
  explicit Checkpoint(const std::string& path) : path_(path), file_(load_safetensors(path)) {
    const auto found = file_.metadata.find("settings");
    check(found != file_.metadata.end(), path,
          ": this is no checkpoint of infogan_mnist; it holds no settings");
    const auto json = nlohmann::json::parse(found->second, nullptr, false);
    check(json.is_object(), path, ": the settings are no JSON object");
    settings_ = settings_from_json(json);
  }

  const Settings& settings() const { return settings_; }
  Index iteration() const { return numbers<std::int64_t>("progress", 3)[0]; }

  /// Restores everything or throws; the trainer must have been made with the checkpoint's settings.
  void restore(Trainer<float>& trainer, BatchCursor& cursor) const {
    restore_networks(trainer);
    const auto random = numbers<std::uint64_t>("random", 3);
    trainer.rng().set_state({random[0], random[1], random[2]});
    const auto progress = numbers<std::int64_t>("progress", 3);
    cursor.seek(progress[1], progress[2]);
  }
  /// Restores networks and optimisers only: enough to evaluate and to sample.
  void restore_networks(Trainer<float>& trainer) const {
    for (const auto& item : named_tensors(trainer)) item.assign(file_.get<float>(item.name()));
    for (const auto& counter : named_counters(trainer))
      *counter.value = numbers<std::int64_t>(counter.name, 1)[0];
  }

 private:
  template <class V>
  std::vector<V> numbers(const std::string& name, std::size_t count) const {
    auto values = file_.get<V>(name);
    check(values.size() == count, path_, ": \"", name, "\" has ", values.size(), " numbers; ", count,
          " are needed");
    return values;
  }

  std::string path_;
  SafetensorsFile file_;
  Settings settings_;
};

}  // namespace infogan
