/// The IDX format of MNIST: arrays of unsigned bytes behind a big-endian header.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "eigengrad/core/tensor.hpp"
#include "eigengrad/io/file.hpp"

namespace eigengrad {
namespace detail {

inline std::string hex_text(std::uint32_t word) {
  char buffer[16];
  std::snprintf(buffer, sizeof buffer, "0x%08x", word);
  return buffer;
}

/// The extents that an IDX file of unsigned bytes declares. Throws unless its size is exactly what they ask
/// for.
template <std::size_t rank>
std::array<Index, rank> read_idx_header(const InputFile& file) {
  constexpr std::size_t header_bytes = 4 + 4 * rank;
  constexpr std::uint32_t magic = 0x800 + rank;  // two zero bytes, 8 for unsigned bytes, the rank
  file.check_at(file.size() >= header_bytes, file.size(), "the file ends; its header needs ", header_bytes,
                " bytes");
  std::array<std::byte, header_bytes> header;
  file.read(0, header);
  const auto word = [&](std::size_t offset) {
    std::uint32_t value = 0;
    for (std::size_t i = 0; i < 4; ++i)
      value = value << 8 | std::to_integer<std::uint32_t>(header[offset + i]);
    return value;
  };
  file.check_at(word(0) >> 16 != 0x1F8B, 0, "the file is compressed with gzip; unpack it first");
  if (word(0) != magic)
    file.check_at(false, 0, "the magic number is ", hex_text(word(0)), "; it must be ", hex_text(magic));

  std::array<Index, rank> extents;
  Index payload = 1;
  for (std::size_t axis = 0; axis < rank; ++axis) {
    const std::size_t offset = 4 + 4 * axis;
    extents[axis] = word(offset);
    file.check_at(axis == 0 || extents[axis] > 0, offset, "extent ", axis, " is 0");
    file.check_at(!__builtin_mul_overflow(payload, extents[axis], &payload), offset,
                  "the number of elements overflows at extent ", extents[axis]);
  }
  const std::size_t found = file.size() - header_bytes, expected = static_cast<std::size_t>(payload);
  file.check_at(found == expected, header_bytes + std::min(found, expected), found,
                " bytes follow the header; it asks for ", expected);
  return extents;
}

}  // namespace detail

/// Images of unsigned bytes, [N, H, W, 1], a quarter of the memory of floats. They become tensors batch by
/// batch, with values byte / 255 in [0, 1].
class ByteImages {
 public:
  ByteImages() : ByteImages({0, 0, 0, 1}, {}) {}
  /// Throws unless shape is [N, H, W, 1] and there is a byte for every pixel.
  ByteImages(const Shape& shape, std::vector<std::uint8_t> bytes) : shape_(shape), bytes_(std::move(bytes)) {
    check(shape.rank() == 4 && shape[3] == 1 && static_cast<std::size_t>(shape.size()) == bytes_.size(),
          "ByteImages: shape is ", shape, ", there are ", bytes_.size(),
          " bytes; it must be [N, H, W, 1] with one byte for each pixel");
  }

  const Shape& shape() const { return shape_; }
  Index count() const { return shape_[0]; }

  /// Images [begin, end). Throws unless 0 <= begin <= end <= N.
  Tensor slice(Index begin, Index end) const {
    check(begin >= 0 && begin <= end && end <= count(), "ByteImages: [", begin, ", ", end,
          ") is not within [0, ", count(), ")");
    Tensor images = Tensor::uninitialized({end - begin, shape_[1], shape_[2], 1});
    write(begin, end - begin, images.mutable_data());
    return images;
  }
  /// The images that `indices` name, in their order. Throws for an index outside of [0, N).
  Tensor gather(std::span<const Index> indices) const {
    Tensor images = Tensor::uninitialized({static_cast<Index>(indices.size()), shape_[1], shape_[2], 1});
    float* to = images.mutable_data();
    for (Index index : indices) {
      check(index >= 0 && index < count(), "ByteImages: index ", index, " is outside [0, ", count(), ")");
      write(index, 1, to);
      to += pixels();
    }
    return images;
  }

 private:
  Index pixels() const { return shape_[1] * shape_[2]; }
  void write(Index first, Index images, float* to) const {
    static const std::array<float, 256> values = [] {
      std::array<float, 256> quotients;
      for (int byte = 0; byte < 256; ++byte)
        quotients[static_cast<std::size_t>(byte)] = static_cast<float>(byte) / 255.0f;
      return quotients;
    }();
    const std::uint8_t* const from = bytes_.data() + first * pixels();
    for (Index i = 0; i < images * pixels(); ++i) to[i] = values[from[i]];
  }

  Shape shape_;
  std::vector<std::uint8_t> bytes_;
};

/// Images of an uncompressed IDX file of unsigned bytes. Throws, naming file, byte offset and reason, unless
/// header and size of the file agree; allocates only then. Source: the format's description at the MNIST
/// database of handwritten digits.
inline ByteImages read_idx_images(const std::string& path) {
  const InputFile file("read_idx_images", path);
  const auto [count, height, width] = detail::read_idx_header<3>(file);
  std::vector<std::uint8_t> bytes(static_cast<std::size_t>(count * height * width));
  file.read(16, std::as_writable_bytes(std::span(bytes)));
  return {{count, height, width, 1}, std::move(bytes)};
}

/// Labels of an uncompressed IDX file of unsigned bytes. Throws like read_idx_images.
inline std::vector<Index> read_idx_labels(const std::string& path) {
  const InputFile file("read_idx_labels", path);
  const auto [count] = detail::read_idx_header<1>(file);
  std::vector<std::uint8_t> bytes(static_cast<std::size_t>(count));
  file.read(8, std::as_writable_bytes(std::span(bytes)));
  return {bytes.begin(), bytes.end()};
}

}  // namespace eigengrad
