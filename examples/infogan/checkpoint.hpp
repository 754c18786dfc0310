/// What a checkpoint of this program holds beside tensors: its settings.
#pragma once

#include <string>

#include <nlohmann/json.hpp>

#include "common/checkpoint.hpp"
#include "infogan/trainer.hpp"

namespace infogan {

using examples::checkpoint_name;

/// Settings as JSON, and back; throws, naming the setting, where one is missing, unknown or of another type.
inline nlohmann::json to_json(const Settings& settings) {
  nlohmann::json json = nlohmann::json::object();
  visit_settings(settings, [&](const char* name, const auto& field, const char*) { json[name] = field; });
  return json;
}
inline Settings settings_from_json(const nlohmann::json& json) {
  Settings settings;
  constexpr const char* other_version =
      ": this is a run of another version of the program; name another --output or --run";
  const nlohmann::json known = to_json(settings);
  for (const auto& item : json.items())
    check(known.contains(item.key()), "setting '", item.key(), "' is unknown", other_version);
  visit_settings(settings, [&](const char* name, auto& field, const char*) {
    check(json.contains(name), "setting '", name, "' is missing", other_version);
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
                            const examples::BatchCursor& cursor, Index iteration) {
  examples::save_checkpoint(path, trainer, trainer.rng(), cursor, iteration,
                            {{"program", "infogan_mnist"}, {"settings", to_json(settings).dump()}});
}

/// A loaded checkpoint of this program; the trainer that it is restored to must have been made with its
/// settings.
class Checkpoint : public examples::Checkpoint {
 public:
  explicit Checkpoint(const std::string& path) : examples::Checkpoint(path, "infogan_mnist") {
    const auto json = nlohmann::json::parse(metadata("settings"), nullptr, false);
    check(json.is_object(), path, ": the settings are no JSON object");
    settings_ = settings_from_json(json);
  }

  const Settings& settings() const { return settings_; }

 private:
  Settings settings_;
};

}  // namespace infogan
