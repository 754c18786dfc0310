/// The reading half of io/safetensors.hpp: parses the header of a safetensors file and checks it against the
/// file's size.
#pragma once

#include <algorithm>
#include <bit>
#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include "eigengrad/core/shape.hpp"
#include "eigengrad/io/file.hpp"

namespace eigengrad {

using SafetensorsMetadata = std::map<std::string, std::string>;

namespace detail {

static_assert(std::endian::native == std::endian::little, "safetensors files are little-endian");
inline constexpr std::size_t max_safetensors_header = 100'000'000;  // the reference implementation's limit

/// Bytes per element of a dtype, 0 for one that is not known.
inline std::size_t dtype_bytes(const std::string& dtype) {
  static constexpr std::pair<const char*, std::size_t> known[] = {
      {"F32", 4}, {"F64", 8}, {"I64", 8}, {"U64", 8},  {"U8", 1},   {"I32", 4},     {"U32", 4},    {"I8", 1},
      {"I16", 2}, {"U16", 2}, {"F16", 2}, {"BF16", 2}, {"BOOL", 1}, {"F8_E4M3", 1}, {"F8_E5M2", 1}};
  for (const auto& [name, bytes] : known)
    if (dtype == name) return bytes;
  return 0;
}

/// A safetensors file whose header has been found sound; every check names the byte where the offending part
/// starts.
class SafetensorsReader {
 public:
  /// Where an array lies, in bytes from the start of the data.
  struct Place {
    std::string name, dtype;
    Shape shape;
    std::size_t begin, end;
  };

  explicit SafetensorsReader(const std::string& path) : file_("load_safetensors", path) {
    const nlohmann::json header = parse_header();
    for (const auto& [name, value] : header.items()) {
      if (name == "__metadata__")
        read_metadata(value);
      else
        places_.push_back(parse_place(name, value));
    }
    check_places();
  }

  const SafetensorsMetadata& metadata() const { return metadata_; }
  const std::vector<Place>& places() const { return places_; }

  std::vector<std::byte> read(const Place& place) const {
    std::vector<std::byte> bytes(place.end - place.begin);
    file_.read(data_start_ + place.begin, bytes);
    return bytes;
  }

 private:
  static constexpr std::size_t header_start = 8;

  nlohmann::json parse_header() {
    file_.check_at(file_.size() >= header_start, file_.size(),
                   "the file ends; the header's length needs 8 bytes");
    std::uint64_t length = 0;
    file_.read(0, std::as_writable_bytes(std::span(&length, 1)));
    file_.check_at(length <= max_safetensors_header, 0, "the header's length is ", length, "; at most ",
                   max_safetensors_header, " is allowed");
    file_.check_at(length <= file_.size() - header_start, 0, "the header's length is ", length, ", but only ",
                   file_.size() - header_start, " bytes follow");
    data_start_ = header_start + static_cast<std::size_t>(length);
    std::string text(static_cast<std::size_t>(length), '\0');
    file_.read(header_start, std::as_writable_bytes(std::span(text)));
    file_.check_at(text.starts_with('{'), header_start, "the header does not start with {");
    return parse_json(text);
  }

  /// JSON without duplicate names, at most three levels deep: object, array's object, shape or offsets.
  nlohmann::json parse_json(const std::string& text) const {
    using Event = nlohmann::json::parse_event_t;
    std::vector<std::set<std::string>> names;
    const auto watch = [&](int depth, Event event, nlohmann::json& parsed) {
      if (event == Event::object_start || event == Event::array_start)
        file_.check_at(depth <= 2, header_start, "the header is nested too deeply");
      if (event == Event::object_start) names.emplace_back();
      if (event == Event::object_end) names.pop_back();
      if (event == Event::key)
        file_.check_at(names.back().insert(parsed.get<std::string>()).second, header_start, "the header has ",
                       parsed.dump(), " twice");
      return true;
    };
    try {
      return nlohmann::json::parse(text, watch);
    } catch (const nlohmann::json::parse_error& error) {
      refuse_json(header_start + error.byte, error.what());
    } catch (const nlohmann::json::exception& error) {  // a number that fits no double
      refuse_json(header_start, error.what());
    }
  }

  [[noreturn]] void refuse_json(std::size_t offset, const char* reason) const {
    fail("load_safetensors: ", file_.path(), ": byte ", offset, ": the header is no valid JSON: ", reason);
  }

  void read_metadata(const nlohmann::json& value) {
    file_.check_at(value.is_object(), header_start, "__metadata__ is not an object");
    for (const auto& [key, text] : value.items()) {
      file_.check_at(text.is_string(), header_start, "__metadata__: \"", key, "\" is not a string");
      metadata_[key] = text.get<std::string>();
    }
  }

  Place parse_place(const std::string& name, const nlohmann::json& value) const {
    const auto check_array = [&](bool condition, const auto&... reason) {
      file_.check_at(condition, header_start, "\"", name, "\": ", reason...);
    };
    check_array(value.is_object() && value.size() == 3 && value.contains("dtype") &&
                    value.contains("shape") && value.contains("data_offsets"),
                "not an object of dtype, shape and data_offsets");
    const auto &dtype = value["dtype"], &shape = value["shape"], &offsets = value["data_offsets"];
    const auto is_size = [](const nlohmann::json& number) { return number.is_number_unsigned(); };
    check_array(dtype.is_string() && dtype_bytes(dtype.get<std::string>()) > 0, "unknown dtype ",
                dtype.dump());
    check_array(shape.is_array() && shape.size() <= Shape::max_rank &&
                    std::all_of(shape.begin(), shape.end(), is_size),
                "shape is ", shape.dump(), "; at most ", Shape::max_rank,
                " extents, none negative, are supported");
    check_array(offsets.is_array() && offsets.size() == 2 && is_size(offsets[0]) && is_size(offsets[1]),
                "data_offsets is ", offsets.dump(), "; it must be two integers, none negative");

    Place place{
        name, dtype.get<std::string>(), {}, offsets[0].get<std::size_t>(), offsets[1].get<std::size_t>()};
    Index size = 1;
    for (const nlohmann::json& extent : shape) {
      const auto value_of = extent.get<std::uint64_t>();
      check_array(value_of < std::uint64_t{1} << 58 &&
                      !__builtin_mul_overflow(size, static_cast<Index>(value_of), &size) &&
                      size < Index{1} << 58,
                  "shape is ", shape.dump(), "; the number of elements overflows");
      place.shape.push_back(static_cast<Index>(value_of));
    }
    const std::size_t bytes = static_cast<std::size_t>(size) * dtype_bytes(place.dtype);
    check_array(place.begin <= place.end && place.end - place.begin == bytes, "data_offsets is ",
                offsets.dump(), "; ", place.dtype, " ", place.shape, " needs ", bytes, " bytes");
    return place;
  }

  /// The arrays must follow one another from the first byte of the data to the last.
  void check_places() {
    std::sort(places_.begin(), places_.end(), [](const Place& a, const Place& b) {
      return std::pair(a.begin, a.end) < std::pair(b.begin, b.end);
    });
    const std::size_t data_bytes = file_.size() - data_start_;
    std::size_t covered = 0;
    for (const Place& place : places_) {
      file_.check_at(place.begin == covered, data_start_ + std::min(covered, data_bytes), "\"", place.name,
                     "\" starts at byte ", place.begin, " of the data, but the arrays before it end at ",
                     covered, place.begin < covered ? " (overlap)" : " (hole)");
      file_.check_at(place.end <= data_bytes, file_.size(), "the file ends; \"", place.name,
                     "\" lies at bytes ", place.begin, " to ", place.end, " of the data, which has ",
                     data_bytes);
      covered = place.end;
    }
    file_.check_at(covered == data_bytes, data_start_ + covered, data_bytes - covered,
                   " bytes at the end of the data belong to no array");
  }

  InputFile file_;
  std::size_t data_start_ = 0;
  SafetensorsMetadata metadata_;
  std::vector<Place> places_;
};

}  // namespace detail

}  // namespace eigengrad
