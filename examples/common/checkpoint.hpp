/// Checkpoints: everything that training depends on, in one safetensors file that is written atomically.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "common/batch_cursor.hpp"
#include "eigengrad/core/random.hpp"
#include "eigengrad/io/safetensors.hpp"
#include "eigengrad/nn/module.hpp"

namespace examples {

/// Its name in the folder of a run.
inline constexpr const char* checkpoint_name = "checkpoint.safetensors";

/// Saves the module's tensors and counters, the random state, the place in the data, and `metadata`, in which
/// "program" names who can read the file. Throws if it cannot be written.
template <class Module>
void save_checkpoint(const std::string& path, Module& module, const eigengrad::Rng& rng,
                     const BatchCursor& cursor, eigengrad::Index iteration,
                     const std::map<std::string, std::string>& metadata) {
  std::vector<eigengrad::SafetensorsEntry> entries;
  for (const auto& item : eigengrad::named_tensors(module)) entries.emplace_back(item.name(), item.value());
  for (const auto& counter : eigengrad::named_counters(module))
    entries.emplace_back(counter.name, std::vector<std::int64_t>{*counter.value});
  const eigengrad::Rng::State& random = rng.state();
  entries.emplace_back("random", std::vector<std::uint64_t>{random.seed, random.stream, random.block});
  entries.emplace_back("progress", std::vector<std::int64_t>{iteration, cursor.epoch(), cursor.position()});
  save_safetensors(path, entries, metadata);
}

/// A loaded checkpoint, before anything is restored from it. Everything throws, naming the file, where
/// something is missing.
class Checkpoint {
 public:
  Checkpoint(const std::string& path, const std::string& program)
      : path_(path), program_(program), file_(eigengrad::load_safetensors(path)) {
    eigengrad::check(metadata("program") == program, path, ": this is no checkpoint of ", program,
                     ", but of ", metadata("program"));
  }

  eigengrad::Index iteration() const { return numbers<std::int64_t>("progress", 3)[0]; }

  const std::string& metadata(const std::string& name) const {
    const auto found = file_.metadata.find(name);
    eigengrad::check(found != file_.metadata.end(), path_, ": this is no checkpoint of ", program_,
                     "; it holds no ", name);
    return found->second;
  }

  /// Restores the module from what `prefix` names in the file, "" or a member such as "model.": enough to
  /// evaluate and to sample where training saved more.
  template <class Module>
  void restore(Module& module, const std::string& prefix = "") const {
    using Scalar = eigengrad::ScalarOf<Module>;
    for (const auto& item : eigengrad::named_tensors(module))
      item.assign(file_.get<Scalar>(prefix + item.name()));
    for (const auto& counter : eigengrad::named_counters(module))
      *counter.value = numbers<std::int64_t>(prefix + counter.name, 1)[0];
  }
  /// Random state and place in the data, beside the module.
  template <class Module>
  void restore(Module& module, eigengrad::Rng& rng, BatchCursor& cursor) const {
    restore(module);
    const auto random = numbers<std::uint64_t>("random", 3);
    rng.set_state({random[0], random[1], random[2]});
    const auto progress = numbers<std::int64_t>("progress", 3);
    cursor.seek(progress[1], progress[2]);
  }

 private:
  template <class V>
  std::vector<V> numbers(const std::string& name, std::size_t count) const {
    auto values = file_.get<V>(name);
    eigengrad::check(values.size() == count, path_, ": \"", name, "\" has ", values.size(), " numbers; ",
                     count, " are needed");
    return values;
  }

  std::string path_, program_;
  eigengrad::SafetensorsFile file_;
};

}  // namespace examples
