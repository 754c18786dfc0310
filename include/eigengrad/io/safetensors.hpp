/// The safetensors format: named arrays in one file, read by most deep-learning tools.
/// Layout: header length (8 bytes, little-endian), JSON header, data. The header maps each name to {"dtype",
/// "shape", "data_offsets": [begin, end]}, the offsets counted from the start of the data, which the arrays
/// cover without holes;
/// "__metadata__" maps strings to strings. Source: the format section of the safetensors documentation.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <map>
#include <memory>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include "eigengrad/core/tensor.hpp"
#include "eigengrad/io/file.hpp"
#include "eigengrad/io/safetensors_reader.hpp"

namespace eigengrad {

namespace detail {

/// The dtype's name for a scalar type.
template <class V>
constexpr const char* dtype_of() {
  if constexpr (std::is_floating_point_v<V>)
    return sizeof(V) == 4 ? "F32" : "F64";
  else if constexpr (std::is_signed_v<V>)
    return sizeof(V) == 8 ? "I64" : sizeof(V) == 4 ? "I32" : sizeof(V) == 2 ? "I16" : "I8";
  else
    return sizeof(V) == 8 ? "U64" : sizeof(V) == 4 ? "U32" : sizeof(V) == 2 ? "U16" : "U8";
}

}  // namespace detail

/// A name with the tensor, or the vector of numbers (rank 1), to be saved under it; shares a tensor's
/// storage.
struct SafetensorsEntry {
  template <class T>
  SafetensorsEntry(std::string entry_name, BasicTensor<T> tensor)
      : name(std::move(entry_name)), shape(tensor.shape()) {
    hold(std::make_shared<const BasicTensor<T>>(std::move(tensor)));
  }
  template <class V, class Allocator>
  requires(std::is_arithmetic_v<V> && !std::is_same_v<V, bool>)
      SafetensorsEntry(std::string entry_name, std::vector<V, Allocator> numbers)
      : name(std::move(entry_name)), shape{static_cast<Index>(numbers.size())} {
    hold(std::make_shared<const std::vector<V, Allocator>>(std::move(numbers)));
  }

  std::string name;
  std::string dtype;
  Shape shape;
  std::span<const std::byte> bytes;

 private:
  template <class Values>
  void hold(std::shared_ptr<const Values> values) {
    dtype = detail::dtype_of<std::remove_cvref_t<decltype(*values->data())>>();
    bytes = std::as_bytes(std::span(values->data(), static_cast<std::size_t>(shape.size())));
    owner_ = std::move(values);
  }

  std::shared_ptr<const void> owner_;
};

/// Writes a safetensors file, atomically. Throws for duplicate or reserved names, text that is not UTF-8, and
/// when the file cannot be written.
inline void save_safetensors(const std::string& path, const std::vector<SafetensorsEntry>& entries,
                             const SafetensorsMetadata& metadata = {}) {
  // Wide elements first, as the reference writer does: every array is then aligned to its elements.
  std::vector<const SafetensorsEntry*> order;
  for (const SafetensorsEntry& entry : entries) order.push_back(&entry);
  std::stable_sort(order.begin(), order.end(), [](const SafetensorsEntry* a, const SafetensorsEntry* b) {
    return detail::dtype_bytes(a->dtype) > detail::dtype_bytes(b->dtype);
  });

  nlohmann::json header = nlohmann::json::object();
  if (!metadata.empty()) header["__metadata__"] = metadata;
  std::vector<std::span<const std::byte>> parts(2);
  std::size_t end = 0;
  for (const SafetensorsEntry* entry : order) {
    check(!header.contains(entry->name) && entry->name != "__metadata__", "save_safetensors: ", path,
          ": the name \"", entry->name, "\" is used twice or reserved");
    const std::size_t begin = std::exchange(end, end + entry->bytes.size());
    header[entry->name] = {{"dtype", entry->dtype},
                           {"shape", std::vector<Index>(entry->shape.begin(), entry->shape.end())},
                           {"data_offsets", {begin, end}}};
    parts.push_back(entry->bytes);
  }

  std::string text;
  try {
    text = header.dump();
  } catch (const nlohmann::json::exception& error) {
    fail("save_safetensors: ", path, ": a name or the metadata cannot be written as JSON: ", error.what());
  }
  text.resize((text.size() + 7) / 8 * 8, ' ');  // the data then starts at a multiple of 8
  check(text.size() <= detail::max_safetensors_header, "save_safetensors: ", path, ": the header has ",
        text.size(), " bytes; at most ", detail::max_safetensors_header, " are allowed");
  const std::uint64_t length = text.size();
  parts[0] = std::as_bytes(std::span(&length, 1));
  parts[1] = std::as_bytes(std::span(text));
  write_file_atomically(path, parts);
}

/// One array of a loaded file: raw little-endian bytes with their type and shape.
struct SafetensorsArray {
  std::string dtype;
  Shape shape;
  std::vector<std::byte> bytes;
};

/// The contents of a safetensors file.
struct SafetensorsFile {
  std::string path;  // for error messages
  SafetensorsMetadata metadata;
  std::map<std::string, SafetensorsArray> arrays;

  bool contains(const std::string& name) const { return arrays.contains(name); }

  /// The array of that name: a BasicTensor<V> for float and double, a std::vector<V> for an integer type V.
  /// Throws when there is none or when its dtype is another one.
  template <class V>
  auto get(const std::string& name) const {
    const auto found = arrays.find(name);
    check(found != arrays.end(), "safetensors: ", path, ": there is no array \"", name, "\"");
    const SafetensorsArray& array = found->second;
    check(array.dtype == detail::dtype_of<V>(), "safetensors: ", path, ": \"", name, "\" is ", array.dtype,
          " ", array.shape, "; ", detail::dtype_of<V>(), " is asked for");
    const auto copy = [&](V* values) {
      if (!array.bytes.empty()) std::memcpy(values, array.bytes.data(), array.bytes.size());
    };
    if constexpr (std::is_floating_point_v<V>) {
      BasicTensor<V> tensor = BasicTensor<V>::uninitialized(array.shape);
      copy(tensor.mutable_data());
      return tensor;
    } else {
      std::vector<V> numbers(static_cast<std::size_t>(array.shape.size()));
      copy(numbers.data());
      return numbers;
    }
  }
};

/// Reads a safetensors file. Throws, naming file, byte offset and reason, for whatever breaks the format: a
/// header that is too long, no JSON, deeply nested or with duplicate names; unknown dtypes; sizes that
/// disagree; overlaps, holes, missing or surplus data. Memory is taken only after everything is checked
/// against the file's size.
inline SafetensorsFile load_safetensors(const std::string& path) {
  const detail::SafetensorsReader reader(path);
  SafetensorsFile result{path, reader.metadata(), {}};
  for (const auto& place : reader.places())
    result.arrays[place.name] = {place.dtype, place.shape, reader.read(place)};
  return result;
}

}  // namespace eigengrad
