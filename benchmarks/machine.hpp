/// The limits of this machine, measured: multiply-adds and bytes per second.
#pragma once

#include <algorithm>
#include <chrono>
#include <vector>

#include "eigengrad/core/parallel.hpp"
#include "eigengrad/core/tensor.hpp"
#include "eigengrad/kernels/instruction_set.hpp"

namespace machine {

using eigengrad::Index;

inline double now() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

inline double median(std::vector<double> values) {
  std::nth_element(values.begin(), values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2), values.end());
  return values[values.size() / 2];
}

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

struct Chains {
  float (*run)(Index, float, float);
  double operations;  // of one step
};

[[gnu::target("avx512f,fma")]] inline float chains_avx512(Index steps, float factor, float offset) {
  return multiply_add_chains<64, 24>(steps, factor, offset);
}
[[gnu::target("avx2,fma")]] inline float chains_avx2(Index steps, float factor, float offset) {
  return multiply_add_chains<32, 12>(steps, factor, offset);
}
inline float chains_baseline(Index steps, float factor, float offset) {
  return multiply_add_chains<16, 12>(steps, factor, offset);
}

/// The chains of the instruction set that the library uses.
inline Chains chains() {
  switch (eigengrad::instruction_set()) {
    case eigengrad::InstructionSet::avx512: return {chains_avx512, 2.0 * 24 * 16};
    case eigengrad::InstructionSet::avx2: return {chains_avx2, 2.0 * 12 * 8};
    default: return {chains_baseline, 2.0 * 12 * 4};
  }
}

/// FP32 multiply-add peak of all of the library's threads, in operations per second: median of `repeats`.
inline double multiply_add_peak(int repeats = 15) {
  const Chains work = chains();
  const Index steps = 400'000;
  const int threads = eigengrad::thread_count();
  std::vector<double> rates;
  volatile float sink = 0;
  for (int repeat = 0; repeat <= repeats; ++repeat) {
    const double begin = now();
    eigengrad::parallel_for(threads, 1e12, [&](Index) { sink = work.run(steps, 0.999f, 1e-3f); });
    const double seconds = now() - begin;
    if (repeat > 0) rates.push_back(threads * work.operations * static_cast<double>(steps) / seconds);
  }
  return median(rates);
}

/// Memory bandwidth in bytes per second: y = a x + y over arrays of 256 MB, two reads and a write, by all threads.
inline double memory_bandwidth(int repeats = 7) {
  const Index size = Index{1} << 26;
  eigengrad::Tensor x = eigengrad::Tensor::full({size}, 1), y = eigengrad::Tensor::full({size}, 2);
  const float* const from = x.data();
  float* const to = y.mutable_data();
  std::vector<double> rates;
  for (int repeat = 0; repeat <= repeats; ++repeat) {
    const double begin = now();
    eigengrad::parallel_blocks(size, Index{1} << 18, 1e12, [&](Index first, Index last) {
#pragma GCC ivdep
      for (Index i = first; i < last; ++i) to[i] += 0.5f * from[i];
    });
    if (repeat > 0) rates.push_back(3.0 * 4.0 * static_cast<double>(size) / (now() - begin));
  }
  return median(rates);
}

}  // namespace machine
