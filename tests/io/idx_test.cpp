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
  const Tensor images = read_idx_images(folder / "images");
  CHECK(images.shape() == Shape{2, 1, 3, 1});
  CHECK(images(0, 0, 0, 0) == 0.0f);
  CHECK(images(0, 0, 1, 0) == 0.2f);
  CHECK(images(0, 0, 2, 0) == 1.0f);
  CHECK(images(1, 0, 2, 0) == 128.0f / 255.0f);
  put_file(folder / "labels", idx_bytes({labels_magic, 3}, {7, 0, 255}));
  CHECK(read_idx_labels(folder / "labels") == std::vector<Index>{7, 0, 255});
  put_file(folder / "none", idx_bytes({images_magic, 0, 28, 28}, {}));
  CHECK(read_idx_images(folder / "none").shape() == Shape{0, 28, 28, 1});
}

TEST_CASE("read_idx_images: a file of more than one piece") {
  const TemporaryFolder folder;
  std::vector<unsigned char> payload(3 * 1000 * 1001);
  std::mt19937 random(1);
  for (auto& byte : payload) byte = static_cast<unsigned char>(random());
  put_file(folder / "images", idx_bytes({images_magic, 3, 1000, 1001}, payload));
  const Tensor images = read_idx_images(folder / "images");
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
