/// Images: PNG files and grids of pictures, channels last, values in [0, 1].
#pragma once

#include <algorithm>
#include <cmath>
#include <limits>
#include <memory>
#include <vector>

#include "eigengrad/core/tensor.hpp"
#include "eigengrad/io/file.hpp"
#include "eigengrad/io/stb.hpp"

namespace eigengrad {
namespace detail {

struct FreeDeleter {
  void operator()(unsigned char* memory) const { std::free(memory); }
};
using StbBytes = std::unique_ptr<unsigned char, FreeDeleter>;

/// round(255 x) of every value clamped to [0, 1]; throws for NaN.
template <class T>
std::vector<unsigned char> image_bytes(const std::string& path, const BasicTensor<T>& image) {
  std::vector<unsigned char> bytes(static_cast<std::size_t>(image.size()));
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    const T value = image.data()[i];
    check(!std::isnan(value), "write_png: ", path, ": image is ", image.shape(), "; element ", i, " is NaN");
    bytes[i] = static_cast<unsigned char>(std::clamp(value, T{0}, T{1}) * T{255} + T{0.5});
  }
  return bytes;
}

}  // namespace detail

/// Writes image [H, W, 1] (grey) or [H, W, 3] (red, green, blue) as an 8-bit PNG, atomically; values are
/// clamped to [0, 1]. Throws for other shapes, for NaN, and when the file cannot be written.
template <class T>
void write_png(const std::string& path, const BasicTensor<T>& image) {
  const Shape& shape = image.shape();
  check(shape.rank() == 3 && (shape[2] == 1 || shape[2] == 3) && shape[0] > 0 && shape[1] > 0,
        "write_png: ", path, ": image is ", shape, "; it must be [H, W, 1] or [H, W, 3] and not empty");
  check(shape.size() < std::numeric_limits<int>::max() / 4, "write_png: ", path, ": image is ", shape,
        "; a PNG of more than 2^29 bytes is not supported");
  const std::vector<unsigned char> pixels = detail::image_bytes(path, image);
  const int height = static_cast<int>(shape[0]), width = static_cast<int>(shape[1]);
  const int channels = static_cast<int>(shape[2]);
  int length = 0;
  const detail::StbBytes png(
      detail::stb::stbi_write_png_to_mem(pixels.data(), width * channels, width, height, channels, &length));
  check(png != nullptr, "write_png: ", path, ": out of memory");
  write_file_atomically(path, std::as_bytes(std::span(png.get(), static_cast<std::size_t>(length))));
}

/// Reads a PNG as [H, W, 1] or [H, W, 3], values byte / 255; 16 bits are cut to 8, an alpha channel is
/// dropped. Throws, naming the file and the reason, for what is no sound PNG or has more than 2^26 pixels.
inline Tensor read_image(const std::string& path) {
  const std::vector<std::byte> bytes = read_file(path);
  check(bytes.size() < std::size_t{1} << 30, "read_image: ", path, ": ", bytes.size(), " bytes are too many");
  const auto* data = reinterpret_cast<const unsigned char*>(bytes.data());
  const int length = static_cast<int>(bytes.size());
  int width = 0, height = 0, channels = 0;
  if (detail::stb::stbi_info_from_memory(data, length, &width, &height, &channels) == 0)
    fail("read_image: ", path, ": byte 0: no PNG header: ", detail::stb::stbi_failure_reason());
  check(width > 0 && height > 0 && Index{width} * height <= Index{1} << 26, "read_image: ", path,
        ": byte 16: the header declares ", width, " x ", height, " pixels; at most 2^26 are supported");
  const int kept = channels >= 3 ? 3 : 1;
  const detail::StbBytes pixels(
      detail::stb::stbi_load_from_memory(data, length, &width, &height, &channels, kept));
  if (pixels == nullptr) fail("read_image: ", path, ": damaged PNG: ", detail::stb::stbi_failure_reason());
  Tensor image = Tensor::uninitialized({height, width, kept});
  std::transform(pixels.get(), pixels.get() + image.size(), image.mutable_data(),
                 [](unsigned char byte) { return static_cast<float>(byte) / 255.0f; });
  return image;
}

/// Lays images [N, H, W, C] out row by row in a grid of rows x columns cells with `padding` pixels of the
/// value `background` between them (and in cells left over): [rows H + (rows - 1) padding, columns W +
/// (columns - 1) padding, C]. Throws when N > rows * columns.
template <class T>
BasicTensor<T> image_grid(const BasicTensor<T>& images, Index rows, Index columns, Index padding = 2,
                          double background = 0) {
  const Shape& shape = images.shape();
  check(shape.rank() == 4 && rows >= 1 && columns >= 1 && padding >= 0 && shape[0] <= rows * columns,
        "image_grid: images is ", shape, ", rows is ", rows, ", columns is ", columns, ", padding is ",
        padding, "; images must be [N, H, W, C] with N <= rows * columns, padding not negative");
  const Index height = shape[1], width = shape[2], channels = shape[3];
  const Index row_step = height + padding, column_step = width + padding;
  const Index grid_width = columns * column_step - padding;
  BasicTensor<T> grid = BasicTensor<T>::full({rows * row_step - padding, grid_width, channels}, background);
  T* const cells = grid.mutable_data();
  for (Index n = 0; n < shape[0]; ++n) {
    for (Index y = 0; y < height; ++y) {
      const Index top = n / columns * row_step + y, left = n % columns * column_step;
      std::copy_n(images.data() + (n * height + y) * width * channels, width * channels,
                  cells + (top * grid_width + left) * channels);
    }
  }
  return grid;
}

}  // namespace eigengrad
