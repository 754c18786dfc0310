#include "eigengrad/io/file.hpp"

#include <doctest/doctest.h>

#include "io/temporary_folder.hpp"

using namespace eigengrad;

namespace {
std::vector<std::byte> bytes_of(const std::string& text) {
  const auto bytes = std::as_bytes(std::span(text));
  return {bytes.begin(), bytes.end()};
}
}  // namespace

TEST_CASE("write_file_atomically and read_file give the bytes back and leave nothing else") {
  const TemporaryFolder folder;
  const std::string path = folder / "a";
  for (const std::string text : {"first", "", "the second is longer than the first"}) {
    write_file_atomically(path, bytes_of(text));
    CHECK(read_file(path) == bytes_of(text));
  }
  const auto one = bytes_of("one"), two = bytes_of("two");
  const std::span<const std::byte> parts[] = {one, {}, two};
  write_file_atomically(path, parts);
  CHECK(read_file(path) == bytes_of("onetwo"));
  CHECK(folder.file_count() == 1);
}

TEST_CASE("write_file_atomically: a failure names file and reason and leaves nothing behind") {
  const TemporaryFolder folder;
  const std::string missing = folder / "no/such/file";
  CHECK_THROWS_WITH_AS(write_file_atomically(missing, bytes_of("x")),
                       ("write_file_atomically: " + missing +
                        ": cannot create a temporary file beside it: No such file or directory")
                           .c_str(),
                       Error);
  const std::string taken = folder / "folder";
  std::filesystem::create_directory(taken);
  CHECK_THROWS_WITH_AS(write_file_atomically(taken, bytes_of("x")),
                       ("write_file_atomically: " + taken + ": cannot be replaced: Is a directory").c_str(),
                       Error);
  CHECK(folder.file_count() == 1);
  const std::string full = "/dev/full/x";
  CHECK_THROWS_AS(write_file_atomically(full, bytes_of("x")), Error);
}

TEST_CASE("read_file: errors name file and reason") {
  const TemporaryFolder folder;
  const std::string missing = folder / "missing";
  CHECK_THROWS_WITH_AS(read_file(missing),
                       ("read_file: " + missing + ": cannot be opened: No such file or directory").c_str(),
                       Error);
  CHECK_THROWS_WITH_AS(read_file(folder.path().string()),
                       ("read_file: " + folder.path().string() + ": not a regular file").c_str(), Error);
  CHECK_THROWS_AS(read_file("/dev/zero"), Error);
}

TEST_CASE("InputFile: reading beyond the end names the byte") {
  const TemporaryFolder folder;
  const std::string path = folder / "short";
  put_file(path, std::string("abc"));
  const InputFile file("test", path);
  std::byte buffer[2];
  file.read(1, buffer);
  CHECK(buffer[1] == std::byte{'c'});
  CHECK_THROWS_WITH_AS(file.read(2, buffer),
                       ("test: " + path + ": byte 3: the file ends; 1 more bytes are expected").c_str(),
                       Error);
}
