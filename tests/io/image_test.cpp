#include "eigengrad/io/image.hpp"

#include <doctest/doctest.h>

#include <random>

#include "io/temporary_folder.hpp"

using namespace eigengrad;

TEST_CASE_TEMPLATE("write_png and read_image give grey and coloured images back to 1/510", T, float, double) {
  const TemporaryFolder folder;
  std::mt19937 random(3);
  for (const Shape& shape : {Shape{1, 1, 1}, Shape{5, 7, 1}, Shape{33, 20, 3}}) {
    BasicTensor<T> image = BasicTensor<T>::uninitialized(shape);
    for (T& value : image.mutable_values()) value = static_cast<T>(random() % 256) / 255;
    image.mutable_data()[0] = T(0.3);
    write_png(folder / "image.png", image);
    const Tensor read = read_image(folder / "image.png");
    REQUIRE(read.shape() == shape);
    for (Index i = 1; i < image.size(); ++i) REQUIRE(read.data()[i] == static_cast<float>(image.data()[i]));
    CHECK(read.data()[0] == 77.0f / 255);  // 0.3 * 255 = 76.5 rounds up
  }
  CHECK(folder.file_count() == 1);
}

TEST_CASE("write_png clamps, also infinities, and refuses NaN and wrong shapes") {
  const TemporaryFolder folder;
  const std::string path = folder / "image.png";
  const float infinity = std::numeric_limits<float>::infinity();
  write_png(path, Tensor({1, 4, 1}, {-3, 2, -infinity, infinity}));
  const Tensor read = read_image(path);
  for (Index i = 0; i < 4; ++i) CHECK(read(0, i, 0) == static_cast<float>(i % 2));

  CHECK_THROWS_WITH_AS(write_png(path, Tensor({1, 2, 1}, {0, std::nanf("")})),
                       ("write_png: " + path + ": image is [1, 2, 1]; element 1 is NaN").c_str(), Error);
  for (const Shape& shape : {Shape{2, 2}, Shape{2, 2, 2}, Shape{0, 2, 1}, Shape{1, 2, 2, 1}})
    CHECK_THROWS_AS(write_png(path, Tensor::zeros(shape)), Error);
  CHECK_THROWS_WITH_AS(
      write_png(path, Tensor::zeros({2, 2})),
      ("write_png: " + path + ": image is [2, 2]; it must be [H, W, 1] or [H, W, 3] and not empty").c_str(),
      Error);
  CHECK_THROWS_AS(write_png(folder / "no/such/image.png", Tensor::zeros({2, 2, 1})), Error);
  CHECK(folder.file_count() == 1);
}

TEST_CASE("read_image refuses or survives damaged files") {
  const TemporaryFolder folder;
  const std::string path = folder / "image.png";
  put_file(path, std::string("no image"));
  CHECK_THROWS_WITH_AS(read_image(path),
                       ("read_image: " + path + ": byte 0: no PNG header: unknown image type").c_str(),
                       Error);

  Tensor image = Tensor::uninitialized({9, 11, 3});
  std::mt19937 random(4);
  for (float& value : image.mutable_values()) value = static_cast<float>(random() % 256) / 255;
  write_png(path, image);
  const std::vector<std::byte> good = read_file(path);
  std::vector<unsigned char> bytes(good.size());
  const auto restore = [&] {
    std::transform(good.begin(), good.end(), bytes.begin(),
                   [](std::byte b) { return std::to_integer<unsigned char>(b); });
  };
  restore();
  int refused = 0;
  for (std::size_t length = 0; length + 12 < bytes.size(); length += 3) {  // the last 12 bytes only say: end
    put_file(path, std::span(bytes).first(length));
    CHECK_THROWS_AS(read_image(path), Error);
  }
  for (int trial = 0; trial < 500; ++trial) {
    restore();
    for (int flips = 0; flips < 2; ++flips)
      bytes[random() % bytes.size()] ^= static_cast<unsigned char>(1u << random() % 8);
    put_file(path, bytes);
    try {
      read_image(path);
    } catch (const Error&) {
      ++refused;
    }
  }
  CHECK(refused > 50);

  restore();
  bytes[18] = bytes[22] = 0x40;  // 2^14 more columns and rows
  put_file(path, bytes);
  CHECK_THROWS_WITH_AS(read_image(path),
                       ("read_image: " + path +
                        ": byte 16: the header declares 16395 x 16393 pixels; at most 2^26 are supported")
                           .c_str(),
                       Error);
}

TEST_CASE("image_grid places image n at row n / columns, column n % columns") {
  const Index n = 5, height = 2, width = 3, channels = 3, rows = 2, columns = 4, padding = 1;
  BasicTensor<double> images =
      BasicTensor<double>::arange(n * height * width * channels).reshape({n, height, width, channels});
  const BasicTensor<double> grid = image_grid(images, rows, columns, padding, -1);
  REQUIRE(grid.shape() == Shape{5, 15, 3});
  for (Index y = 0; y < 5; ++y) {
    for (Index x = 0; x < 15; ++x) {
      const Index image = y / 3 * columns + x / 4;
      const bool inside = y % 3 < height && x % 4 < width && image < n;
      for (Index c = 0; c < channels; ++c)
        REQUIRE(grid(y, x, c) == (inside ? images(image, y % 3, x % 4, c) : -1.0));
    }
  }
  CHECK(image_grid(Tensor::zeros({4, 2, 2, 1}), 2, 2, 0).shape() == Shape{4, 4, 1});
  CHECK_THROWS_WITH_AS(
      image_grid(Tensor::zeros({5, 2, 2, 1}), 2, 2),
      "image_grid: images is [5, 2, 2, 1], rows is 2, columns is 2, padding is 2; images must be [N, H, "
      "W, C] with N <= rows * columns, padding not negative",
      Error);
  CHECK_THROWS_AS(image_grid(Tensor::zeros({2, 2, 1}), 2, 2), Error);
  CHECK_THROWS_AS(image_grid(Tensor::zeros({1, 2, 2, 1}), 1, 1, -1), Error);
}

TEST_CASE("image.hpp is linked from a second translation unit") {
  extern bool write_png_from_another_unit(const std::string& path);
  const TemporaryFolder folder;
  CHECK(write_png_from_another_unit(folder / "other.png"));
}
