/// Arena: memory for many small trivially destructible things that are all forgotten at once.
#pragma once

#include <cstddef>
#include <memory>
#include <vector>

namespace eigengrad::detail {

/// Bump allocator over chunks that it keeps. rewind() goes back to an earlier position without freeing
/// anything, so repeating the same work allocates no memory.
class Arena {
 public:
  struct Position {
    std::size_t chunk = 0;
    std::size_t used = 0;
  };

  /// `bytes` aligned for any fundamental type; valid until the arena is rewound past it.
  void* allocate(std::size_t bytes) {
    bytes = (bytes + alignof(std::max_align_t) - 1) / alignof(std::max_align_t) * alignof(std::max_align_t);
    while (position_.chunk < chunks_.size() && position_.used + bytes > chunks_[position_.chunk].size)
      position_ = {position_.chunk + 1, 0};
    if (position_.chunk == chunks_.size()) {
      const std::size_t size = bytes > chunk_size ? bytes : chunk_size;
      chunks_.push_back({std::make_unique_for_overwrite<std::byte[]>(size), size});
    }
    void* memory = chunks_[position_.chunk].memory.get() + position_.used;
    position_.used += bytes;
    return memory;
  }

  Position position() const { return position_; }
  void rewind(Position position) { position_ = position; }

 private:
  static constexpr std::size_t chunk_size = 64 * 1024;
  struct Chunk {
    std::unique_ptr<std::byte[]> memory;
    std::size_t size;
  };
  std::vector<Chunk> chunks_;
  Position position_;
};

}  // namespace eigengrad::detail
