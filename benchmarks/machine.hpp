/// The limits of this machine as work to be timed: multiply-adds, and bytes moved.
#pragma once

#include <utility>

#include "eigengrad/core/parallel.hpp"
#include "eigengrad/core/tensor.hpp"
#include "eigengrad/kernels/instruction_set.hpp"

namespace bench {

using eigengrad::Index;
using eigengrad::Tensor;

/// Independent chains of multiply-adds on vectors of `bytes`, more of them than latency times throughput.
template <int bytes, int chains>
[[gnu::always_inline]] inline float multiply_add_chains(Index steps, float factor, float offset) {
  typedef float Vector __attribute__((vector_size(bytes)));
  Vector sum[chains];
  const Vector a = factor - Vector{}, b = offset - Vector{};
#pragma GCC unroll 24
  for (int i = 0; i < chains; ++i) sum[i] = b * static_cast<float>(i);
  for (; steps > 0; --steps)
#pragma GCC unroll 24
    for (int i = 0; i < chains; ++i) sum[i] = sum[i] * a + b;
#pragma GCC unroll 24
  for (int i = 1; i < chains; ++i) sum[0] += sum[i];
  return sum[0][0];
}

#if defined(__x86_64__)
[[gnu::target("avx512f,fma")]] inline float chains_avx512(Index steps, float factor, float offset) {
  return multiply_add_chains<64, 24>(steps, factor, offset);
}
[[gnu::target("avx2,fma")]] inline float chains_avx2(Index steps, float factor, float offset) {
  return multiply_add_chains<32, 12>(steps, factor, offset);
}
#endif
inline float chains_baseline(Index steps, float factor, float offset) {
  return multiply_add_chains<16, 12>(steps, factor, offset);
}

/// One call: FP32 multiply-adds in registers, by all of the library's threads and the instruction set that it
/// uses.
class MultiplyAdds {
 public:
  void operator()() const {
    const auto run = chains();
    volatile float sink = 0;
    eigengrad::parallel_for(eigengrad::thread_count(), 1e12,
                            [&](Index) { sink = run(steps, 0.999f, 1e-3f); });
  }

  /// Additions and multiplications of one call.
  static double operations() {
    return 2.0 * eigengrad::thread_count() * static_cast<double>(steps) *
           floats_per_step(eigengrad::instruction_set());
  }
  /// Of one step of all chains of one thread.
  static double floats_per_step(eigengrad::InstructionSet set) {
    switch (set) {
      case eigengrad::InstructionSet::avx512:
        return 24 * 16;
      case eigengrad::InstructionSet::avx2:
        return 12 * 8;
      default:
        return 12 * 4;
    }
  }

 private:
  static constexpr Index steps = 400'000;

  static auto chains() -> float (*)(Index, float, float) {
    switch (eigengrad::instruction_set()) {
#if defined(__x86_64__)
      case eigengrad::InstructionSet::avx512:
        return chains_avx512;
      case eigengrad::InstructionSet::avx2:
        return chains_avx2;
#endif
      default:
        return chains_baseline;
    }
  }
};

/// One call: y = a x + y over arrays far larger than the caches, by all threads: two reads and a write.
class Triad {
 public:
  void operator()() {
    typedef float Vector __attribute__((vector_size(16), may_alias));
    const auto* const from = reinterpret_cast<const Vector*>(x_.data());
    auto* const to = reinterpret_cast<Vector*>(y_.mutable_data());
    eigengrad::parallel_blocks(size / 4, Index{1} << 16, 1e12, [&](Index first, Index last) {
      for (Index i = first; i < last; ++i) to[i] += 0.5f * from[i];
    });
  }

  /// Bytes that one call moves.
  static double bytes() { return 3.0 * sizeof(float) * static_cast<double>(size); }

 private:
  static constexpr Index size = Index{1} << 25;
  Tensor x_ = Tensor::full({size}, 1), y_ = Tensor::full({size}, 2);
};

/// One call: reads an array, by all threads, and does nothing with it that takes time: what bounds sums.
class Reading {
 public:
  explicit Reading(Tensor x) : x_(std::move(x)) {}

  void operator()() const {
    typedef float Vector __attribute__((vector_size(16), may_alias));
    const auto* const from = reinterpret_cast<const Vector*>(x_.data());
    eigengrad::parallel_blocks(x_.size() / 32, Index{1} << 11, 1e12, [&](Index first, Index last) {
      Vector sums[8] = {};
      for (Index i = first; i < last; ++i)
#pragma GCC unroll 8
        for (int chain = 0; chain < 8; ++chain) sums[chain] += from[8 * i + chain];
      volatile float sink = 0;
      for (const Vector& sum : sums) sink = sink + sum[0];
    });
  }

 private:
  Tensor x_;
};

}  // namespace bench
