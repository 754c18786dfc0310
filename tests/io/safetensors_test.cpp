#include "eigengrad/io/safetensors.hpp"

#include <doctest/doctest.h>

#include <limits>
#include <random>

#include "io/temporary_folder.hpp"
#include "support.hpp"

using namespace eigengrad;
using support::same_bits;

namespace {

/// A file from its parts, the length filled in.
std::string file_text(const std::string& header, const std::string& data) {
  const std::uint64_t length = header.size();
  std::string text(8, '\0');
  std::memcpy(text.data(), &length, 8);
  return text + header + data;
}

void check_refused(const std::string& text, const std::string& reason) {
  const TemporaryFolder folder;
  const std::string path = folder / "x.safetensors";
  put_file(path, text);
  CHECK_THROWS_WITH_AS(load_safetensors(path), ("load_safetensors: " + path + ": " + reason).c_str(), Error);
}

/// As check_refused, where the end of the text is the JSON library's.
void check_refused_contains(const std::string& text, const std::string& reason) {
  const TemporaryFolder folder;
  const std::string path = folder / "x.safetensors";
  put_file(path, text);
  CHECK_THROWS_WITH_AS(load_safetensors(path), doctest::Contains((path + ": " + reason).c_str()), Error);
}

const Tensor weights({2, 3}, {1, -2, 3.5f, std::numeric_limits<float>::infinity(), -0.0f, std::nanf("")});

std::string small_file() {
  const TemporaryFolder folder;
  save_safetensors(folder / "x",
                   {{"w", weights},
                    {"bytes", std::vector<std::uint8_t>{1, 2, 3}},
                    {"counter", std::vector<std::uint64_t>{7, ~std::uint64_t{0}}}},
                   {{"made by", "a test"}});
  const auto bytes = read_file(folder / "x");
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

}  // namespace

TEST_CASE("safetensors: what is saved is loaded, bit for bit") {
  const TemporaryFolder folder;
  const std::string path = folder / "x.safetensors";
  const BasicTensor<double> scalar = BasicTensor<double>::scalar(0.1);
  const std::vector<Index> integers{-1, 0, std::numeric_limits<Index>::max()};
  const std::vector<Index, PoolAllocator<Index>> pooled{4, 5};
  save_safetensors(path,
                   {{"b", std::vector<std::uint8_t>{9}},
                    {"layer.weight", weights},
                    {"scalar", scalar},
                    {"integers", integers},
                    {"pooled", pooled},
                    {"empty", Tensor::zeros({3, 0})},
                    {"none", std::vector<std::uint64_t>{}},
                    {"name with \"quotes\" and \xC3\xA9", weights}},
                   {{"step", "17"}, {"", ""}});
  const SafetensorsFile file = load_safetensors(path);
  CHECK(file.metadata == SafetensorsMetadata{{"step", "17"}, {"", ""}});
  CHECK(file.arrays.size() == 8);
  CHECK(same_bits(file.get<float>("layer.weight"), weights));
  CHECK(same_bits(file.get<float>("name with \"quotes\" and \xC3\xA9"), weights));
  CHECK(same_bits(file.get<double>("scalar"), scalar));
  CHECK(file.get<float>("empty").shape() == Shape{3, 0});
  CHECK(file.get<Index>("integers") == integers);
  CHECK(file.get<Index>("pooled") == std::vector<Index>{4, 5});
  CHECK(file.get<std::uint8_t>("b") == std::vector<std::uint8_t>{9});
  CHECK(file.get<std::uint64_t>("none").empty());
  CHECK(file.arrays.at("integers").dtype == "I64");
  CHECK(file.contains("b"));
  CHECK_FALSE(file.contains("c"));

  save_safetensors(path, {});
  CHECK(load_safetensors(path).arrays.empty());
  CHECK(folder.file_count() == 1);
}

TEST_CASE("save_safetensors writes the published layout") {
  const TemporaryFolder folder;
  const std::string path = folder / "x";
  save_safetensors(path, {{"u", std::vector<std::uint8_t>{0xAA}}, {"f", Tensor({2}, {1, 2})}}, {{"k", "v"}});
  const std::string header =
      R"({"__metadata__":{"k":"v"},"f":{"data_offsets":[0,8],"dtype":"F32","shape":[2]},)"
      R"("u":{"data_offsets":[8,9],"dtype":"U8","shape":[1]}})";
  const std::string padded = header + std::string((8 - header.size() % 8) % 8, ' ');
  const std::string expected = file_text(padded, std::string("\x00\x00\x80\x3F\x00\x00\x00\x40\xAA", 9));
  const auto bytes = read_file(path);
  CHECK(std::string(reinterpret_cast<const char*>(bytes.data()), bytes.size()) == expected);
}

TEST_CASE("load_safetensors reads any order, spacing and dtype of the format") {
  const TemporaryFolder folder;
  put_file(folder / "x", file_text(" { }", ""));
  CHECK_THROWS_AS(load_safetensors(folder / "x"), Error);  // the format wants { first
  put_file(folder / "x", file_text("{}  \n", ""));
  CHECK(load_safetensors(folder / "x").arrays.empty());
  put_file(folder / "x", file_text(R"({ "b" : {"shape":[2,1],"dtype":"BF16","data_offsets":[4,8]},
                         "a":{"data_offsets":[0,4],"dtype":"F32","shape":[]}, "z":{"dtype":"U8","shape":[0],"data_offsets":[4,4]} })",
                                   std::string("\x00\x00\x80\x3F\x01\x02\x03\x04", 8)));
  const SafetensorsFile file = load_safetensors(folder / "x");
  CHECK(file.get<float>("a").item() == 1.0f);
  CHECK(file.arrays.at("b").dtype == "BF16");
  CHECK(file.arrays.at("b").shape == Shape{2, 1});
  CHECK(file.arrays.at("b").bytes[3] == std::byte{4});
}

TEST_CASE("SafetensorsFile::get: errors name file, array and dtype") {
  const TemporaryFolder folder;
  const std::string path = folder / "x";
  save_safetensors(path, {{"w", weights}});
  const SafetensorsFile file = load_safetensors(path);
  CHECK_THROWS_WITH_AS(file.get<float>("v"), ("safetensors: " + path + ": there is no array \"v\"").c_str(),
                       Error);
  CHECK_THROWS_WITH_AS(file.get<double>("w"),
                       ("safetensors: " + path + ": \"w\" is F32 [2, 3]; F64 is asked for").c_str(), Error);
  CHECK_THROWS_AS(file.get<std::uint64_t>("w"), Error);
}

TEST_CASE("save_safetensors refuses what cannot be loaded again, and keeps the old file") {
  const TemporaryFolder folder;
  const std::string path = folder / "x";
  save_safetensors(path, {{"w", weights}});
  CHECK_THROWS_WITH_AS(save_safetensors(path, {{"a", weights}, {"a", weights}}),
                       ("save_safetensors: " + path + ": the name \"a\" is used twice or reserved").c_str(),
                       Error);
  CHECK_THROWS_AS(save_safetensors(path, {{"__metadata__", weights}}), Error);
  CHECK_THROWS_AS(save_safetensors(path, {{"bad \xFF", weights}}), Error);
  CHECK_THROWS_AS(save_safetensors(path, {}, {{"k", "\xC3"}}), Error);
  CHECK_THROWS_AS(save_safetensors(folder / "no/such/x", {}), Error);
  CHECK(load_safetensors(path).contains("w"));
  CHECK(folder.file_count() == 1);
}

TEST_CASE("load_safetensors names file, byte and reason") {
  check_refused("1234567", "byte 7: the file ends; the header's length needs 8 bytes");
  check_refused(std::string(8, '\xFF'),
                "byte 0: the header's length is 18446744073709551615; at most 100000000 is allowed");
  check_refused(file_text("{}", "").substr(0, 9),
                "byte 0: the header's length is 2, but only 1 bytes follow");
  check_refused(file_text("[]", ""), "byte 8: the header does not start with {");
  check_refused(file_text("", ""), "byte 8: the header does not start with {");
  check_refused_contains(file_text("{,}", ""), "byte 10: the header is no valid JSON: ");
  check_refused_contains(file_text("{}x", ""), "byte 11: the header is no valid JSON: ");
  check_refused_contains(file_text("{\"\xFF\":1}", ""), "byte 11: the header is no valid JSON: ");
  check_refused_contains(file_text("{\"a\":1e999}", ""), "byte 8: the header is no valid JSON: ");
  check_refused(file_text("{\"a\":1}", ""), "byte 8: \"a\": not an object of dtype, shape and data_offsets");
  check_refused(file_text("{}", "1"), "byte 10: 1 bytes at the end of the data belong to no array");
  check_refused(file_text(R"({"a":{"b":[[]]}})", ""), "byte 8: the header is nested too deeply");
  check_refused(file_text("{\"a\":" + std::string(100'000, '['), ""),
                "byte 8: the header is nested too deeply");
  check_refused(file_text(R"({"a":1,"a":2})", ""), "byte 8: the header has \"a\" twice");
  check_refused(file_text(R"({"__metadata__":[]})", ""), "byte 8: __metadata__ is not an object");
  check_refused(file_text(R"({"__metadata__":{"k":1}})", ""), "byte 8: __metadata__: \"k\" is not a string");
}

TEST_CASE("load_safetensors checks every array") {
  const auto with = [](const std::string& dtype, const std::string& shape, const std::string& offsets) {
    return file_text(
        R"({"a":{"dtype":)" + dtype + R"(,"shape":)" + shape + R"(,"data_offsets":)" + offsets + "}}",
        "12345678");
  };
  check_refused(file_text(R"({"a":{"dtype":"U8","shape":[0],"data_offsets":[0,0],"more":1}})", ""),
                "byte 8: \"a\": not an object of dtype, shape and data_offsets");
  check_refused(with("\"F31\"", "[2]", "[0,8]"), "byte 8: \"a\": unknown dtype \"F31\"");
  check_refused(with("32", "[2]", "[0,8]"), "byte 8: \"a\": unknown dtype 32");
  for (const std::string shape : {"2", "[-2]", "[2.0]", "[\"2\"]", "[1,1,1,1,1,1,1,1,2]", "null"})
    check_refused_contains(with("\"F32\"", shape, "[0,8]"), "byte 8: \"a\": shape is ");
  for (const std::string shape :
       {"[18446744073709551615]", "[4294967296,4294967296]", "[288230376151711744]"})
    check_refused(with("\"F32\"", shape, "[0,8]"),
                  "byte 8: \"a\": shape is " + shape + "; the number of elements overflows");
  for (const std::string offsets : {"8", "[0]", "[0,8,8]", "[-1,7]", "[0.0,8]", "[\"0\",8]"})
    check_refused_contains(with("\"F32\"", "[2]", offsets), "byte 8: \"a\": data_offsets is ");
  for (const std::string offsets : {"[0,7]", "[8,0]", "[0,18446744073709551615]"})
    check_refused(with("\"F32\"", "[2]", offsets),
                  "byte 8: \"a\": data_offsets is " + offsets + "; F32 [2] needs 8 bytes");
  check_refused(with("\"F32\"", "[3]", "[0,12]"),
                "byte 71: the file ends; \"a\" lies at bytes 0 to 12 of the data, which has 8");
  check_refused(with("\"F32\"", "[1]", "[4,8]"),
                "byte 62: \"a\" starts at byte 4 of the data, but the arrays before it end at 0 (hole)");
  check_refused(with("\"F32\"", "[1]", "[0,4]"),
                "byte 66: 4 bytes at the end of the data belong to no array");
  check_refused(file_text(R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},)"
                          R"("b":{"dtype":"F32","shape":[1],"data_offsets":[2,6]}})",
                          "123456"),
                "byte 119: \"b\" starts at byte 2 of the data, but the arrays before it end at 4 (overlap)");
}

TEST_CASE("load_safetensors: a file cut at any length is refused") {
  const TemporaryFolder folder;
  const std::string path = folder / "x", text = small_file();
  for (std::size_t length = 0; length < text.size(); ++length) {
    put_file(path, text.substr(0, length));
    CHECK_THROWS_AS(load_safetensors(path), Error);
  }
  put_file(path, text);
  CHECK(same_bits(load_safetensors(path).get<float>("w"), weights));
}

TEST_CASE("load_safetensors: a file with random damage loads or throws Error") {
  const TemporaryFolder folder;
  const std::string path = folder / "x", good = small_file();
  std::mt19937 random(11);
  int refused = 0;
  for (int trial = 0; trial < 3000; ++trial) {
    std::string text = good;
    for (unsigned change = 0; change <= trial % 3u; ++change) {
      char& place = text[random() % text.size()];
      place = trial % 2 == 0 ? static_cast<char>(random()) : static_cast<char>(place ^ (1u << random() % 8));
    }
    put_file(path, text);
    try {
      load_safetensors(path);
    } catch (const Error&) {
      ++refused;
    }
  }
  CHECK(refused > 1000);
  CHECK(refused < 3000);
}
