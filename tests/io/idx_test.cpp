#include "eigengrad/io/idx.hpp"

#include <doctest/doctest.h>

#include <random>

#include "io/temporary_folder.hpp"

using namespace eigengrad;

namespace {
constexpr std::uint32_t images_magic = 0x803, labels_magic = 0x801;

void check_refused(const TemporaryFolder& folder, const std::vector<unsigned char>& bytes,
                   const std::string& reason) {
  const std::string path = folder / "images";
  put_file(path, bytes);
  CHECK_THROWS_WITH_AS(read_idx_images(path), ("read_idx_images: " + path + ": " + reason).c_str(), Error);
}
}  // namespace

TEST_CASE("read_idx_images and read_idx_labels read what the format says") {
  const TemporaryFolder folder;
  put_file(folder / "images", idx_bytes({images_magic, 2, 1, 3}, {0, 51, 255, 1, 2, 128}));
  const ByteImages read = read_idx_images(folder / "images");
  CHECK(read.shape() == Shape{2, 1, 3, 1});
  const Tensor images = read.slice(0, 2);
  CHECK(images.shape() == read.shape());
  CHECK(images(0, 0, 0, 0) == 0.0f);
  CHECK(images(0, 0, 1, 0) == 0.2f);
  CHECK(images(0, 0, 2, 0) == 1.0f);
  CHECK(images(1, 0, 2, 0) == 128.0f / 255.0f);
  put_file(folder / "labels", idx_bytes({labels_magic, 3}, {7, 0, 255}));
  CHECK(read_idx_labels(folder / "labels") == std::vector<Index>{7, 0, 255});
  put_file(folder / "none", idx_bytes({images_magic, 0, 28, 28}, {}));
  CHECK(read_idx_images(folder / "none").shape() == Shape{0, 28, 28, 1});
}

TEST_CASE("ByteImages: slices and picks of images") {
  const ByteImages images({3, 1, 2, 1}, {0, 255, 10, 20, 30, 40});
  CHECK(images.count() == 3);
  const Tensor slice = images.slice(1, 3);
  CHECK(slice.shape() == Shape{2, 1, 2, 1});
  CHECK(slice(0, 0, 1, 0) == 20.0f / 255.0f);
  CHECK(slice(1, 0, 0, 0) == 30.0f / 255.0f);
  CHECK(images.slice(3, 3).shape() == Shape{0, 1, 2, 1});
  const Tensor picked = images.gather(std::vector<Index>{2, 0, 2});
  CHECK(picked.shape() == Shape{3, 1, 2, 1});
  CHECK(picked(0, 0, 1, 0) == 40.0f / 255.0f);
  CHECK(picked(1, 0, 1, 0) == 1.0f);
  CHECK(picked(2, 0, 0, 0) == 30.0f / 255.0f);
  CHECK(ByteImages().count() == 0);
  CHECK_THROWS_WITH_AS(images.slice(1, 4), "ByteImages: [1, 4) is not within [0, 3)", Error);
  CHECK_THROWS_WITH_AS(images.slice(2, 1), "ByteImages: [2, 1) is not within [0, 3)", Error);
  CHECK_THROWS_WITH_AS(images.gather(std::vector<Index>{0, 3}), "ByteImages: index 3 is outside [0, 3)",
                       Error);
  CHECK_THROWS_WITH_AS(images.gather(std::vector<Index>{-1}), "ByteImages: index -1 is outside [0, 3)",
                       Error);
  CHECK_THROWS_WITH_AS(
      ByteImages({2, 1, 2, 1}, {1, 2, 3}),
      "ByteImages: shape is [2, 1, 2, 1], there are 3 bytes; it must be [N, H, W, 1] with one byte for "
      "each pixel",
      Error);
}

TEST_CASE("read_idx_images: a large file") {
  const TemporaryFolder folder;
  std::vector<unsigned char> payload(3 * 1000 * 1001);
  std::mt19937 random(1);
  for (auto& byte : payload) byte = static_cast<unsigned char>(random());
  put_file(folder / "images", idx_bytes({images_magic, 3, 1000, 1001}, payload));
  const Tensor images = read_idx_images(folder / "images").slice(0, 3);
  bool equal = true;
  for (std::size_t i = 0; i < payload.size(); ++i)
    equal = equal && images.data()[i] == static_cast<float>(payload[i]) / 255.0f;
  CHECK(equal);
}

TEST_CASE("IDX: damaged and hostile files are refused with file, byte and reason") {
  const TemporaryFolder folder;
  check_refused(folder, {}, "byte 0: the file ends; its header needs 16 bytes");
  check_refused(folder, idx_bytes({images_magic, 1, 1}, {0, 0}),
                "byte 14: the file ends; its header needs 16 bytes");
  check_refused(folder, idx_bytes({labels_magic, 1, 1, 1}, {0}),
                "byte 0: the magic number is 0x00000801; it must be 0x00000803");
  check_refused(folder, idx_bytes({0xD03, 1, 1, 1}, {0, 0, 0, 0}),
                "byte 0: the magic number is 0x00000d03; it must be 0x00000803");
  check_refused(folder, idx_bytes({0x1F8B0808, 1, 1, 1}, {0}),
                "byte 0: the file is compressed with gzip; unpack it first");
  check_refused(folder, idx_bytes({images_magic, 1, 2, 2}, {1, 2, 3}),
                "byte 19: 3 bytes follow the header; it asks for 4");
  check_refused(folder, idx_bytes({images_magic, 1, 2, 2}, {1, 2, 3, 4, 5}),
                "byte 20: 5 bytes follow the header; it asks for 4");
  check_refused(folder, idx_bytes({images_magic, 2, 0, 0xFFFFFFFF}, {}), "byte 8: extent 1 is 0");
  check_refused(folder, idx_bytes({images_magic, 0xFFFFFFFF, 0xFFFFFFFF, 0xFFFFFFFF}, {1}),
                "byte 8: the number of elements overflows at extent 4294967295");
  check_refused(folder, idx_bytes({images_magic, 0x7FFFFFFF, 0x7FFFFFFF, 1}, {1}),
                "byte 17: 1 bytes follow the header; it asks for 4611686014132420609");
  const std::string missing = folder / "missing";
  CHECK_THROWS_WITH_AS(
      read_idx_labels(missing),
      ("read_idx_labels: " + missing + ": cannot be opened: No such file or directory").c_str(), Error);
}
