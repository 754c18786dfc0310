/// The IDX format of MNIST: arrays of unsigned bytes behind a big-endian header.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
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

/// Calls use(i, byte) for every byte of the payload, read piece by piece.
template <class Use>
void for_each_byte(const InputFile& file, std::size_t offset, const Use& use) {
  std::vector<std::byte> piece(std::min<std::size_t>(file.size() - offset, 1 << 20));
  for (Index i = 0; offset < file.size(); offset += piece.size()) {
    piece.resize(std::min(piece.size(), file.size() - offset));
    file.read(offset, piece);
    for (std::byte value : piece) use(i++, std::to_integer<int>(value));
  }
}

}  // namespace detail

/// Images of an uncompressed IDX file of unsigned bytes: [N, H, W, 1], values byte / 255 in [0, 1].
/// Throws, naming file, byte offset and reason, unless header and size of the file agree; allocates only
/// then. Source: the format's description at the MNIST database of handwritten digits.
inline Tensor read_idx_images(const std::string& path) {
  const InputFile file("read_idx_images", path);
  const auto [count, height, width] = detail::read_idx_header<3>(file);
  Tensor images = Tensor::uninitialized({count, height, width, 1});
  float* const values = images.mutable_data();
  detail::for_each_byte(file, 16,
                        [values](Index i, int byte) { values[i] = static_cast<float>(byte) / 255.0f; });
  return images;
}

/// Labels of an uncompressed IDX file of unsigned bytes. Throws like read_idx_images.
inline std::vector<Index> read_idx_labels(const std::string& path) {
  const InputFile file("read_idx_labels", path);
  const auto [count] = detail::read_idx_header<1>(file);
  std::vector<Index> labels(static_cast<std::size_t>(count));
  detail::for_each_byte(file, 8, [&](Index i, int byte) { labels[static_cast<std::size_t>(i)] = byte; });
  return labels;
}

}  // namespace eigengrad
