/// Random numbers: the counter-based generator Philox4x32-10 and tensors filled from it.
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <limits>
#include <numeric>
#include <vector>

#include "eigengrad/core/parallel.hpp"
#include "eigengrad/core/tensor.hpp"

namespace eigengrad {

/// Four random words from a 128-bit counter and a 64-bit key: ten rounds of Philox4x32.
/// Source: Salmon, Moraes, Dror, Shaw, "Parallel random numbers: as easy as 1, 2, 3", SC 2011.
constexpr std::array<std::uint32_t, 4> philox4x32(std::array<std::uint32_t, 4> counter,
                                                  std::array<std::uint32_t, 2> key) {
  for (int round = 0; round < 10; ++round) {
    const std::uint64_t product0 = std::uint64_t{0xD2511F53} * counter[0];
    const std::uint64_t product1 = std::uint64_t{0xCD9E8D57} * counter[2];
    counter = {static_cast<std::uint32_t>(product1 >> 32) ^ counter[1] ^ key[0],
               static_cast<std::uint32_t>(product1),
               static_cast<std::uint32_t>(product0 >> 32) ^ counter[3] ^ key[1],
               static_cast<std::uint32_t>(product0)};
    key = {key[0] + 0x9E3779B9, key[1] + 0xBB67AE85};
  }
  return counter;
}

/// Random generator with value semantics: a copy continues with the same numbers. The key is the seed, the
/// counter is {block, stream}, so streams of one seed are independent, and every call starts at a new block
/// of four 32-bit words w0..w3 (as 64-bit words: w0 + 2^32 w1, w2 + 2^32 w3): three integers are the whole
/// state. The numbers do not depend on the number of threads.
///
/// Bits to numbers, w a word of 32 bits for float and of 64 for double:
///   uniform    low + (high - low) u,  u = (w >> 8) 2^-24 or (w >> 11) 2^-53, kept below high by rounding
///   normal     Box-Muller on pairs (w, w'): mean + std sqrt(-2 log v) {cos, sin}(2 pi u'),
///              v = (w + 1/2) 2^-32 or ((w >> 11) + 1/2) 2^-53, u' from w' as for uniform
///   bernoulli  w < p 2^32 with 32 bits for either type
class Rng {
 public:
  /// Everything there is to save; a generator given this state continues bit for bit.
  struct State {
    std::uint64_t seed = 0;
    std::uint64_t stream = 0;
    std::uint64_t block = 0;
    friend bool operator==(const State&, const State&) = default;
  };

  explicit Rng(std::uint64_t seed = 0, std::uint64_t stream = 0) : state_{seed, stream, 0} {}
  explicit Rng(const State& state) : state_(state) {}

  const State& state() const { return state_; }
  void set_state(const State& state) { state_ = state; }
  friend bool operator==(const Rng&, const Rng&) = default;

  /// 32 random bits.
  std::uint32_t next_uint32() { return block_at(state_, state_.block++)[0]; }
  /// 64 random bits.
  std::uint64_t next_uint64() { return word64(block_at(state_, state_.block++), 0); }

  /// One number, uniform in [low, high).
  template <std::floating_point T = float>
  T uniform(double low, double high) {
    return Uniform<T>(low, high)(block_at(state_, state_.block++), 0);
  }

  /// One integer, uniform in [0, n) without bias. Throws for n < 1.
  /// Source: Lemire, "Fast random integer generation in an interval", TOMACS 2019.
  Index below(Index n) {
    check(n >= 1, "Rng::below: n is ", n, "; it must be at least 1");
    const auto bound = static_cast<std::uint64_t>(n);
    const std::uint64_t rejected =
        (0 - bound) % bound;  // 2^64 mod n: that many low products would be one too often
    for (;;) {
      const auto [high, low] = multiply(next_uint64(), bound);
      if (low >= rejected) return static_cast<Index>(high);
    }
  }

  /// Numbers uniform in [low, high); all equal to low where low == high. Throws for low > high or an infinite
  /// range.
  template <std::floating_point T = float>
  BasicTensor<T> uniform(const Shape& shape, double low, double high) {
    return fill<T, words_per_block<T>>(shape, 1,
                                       [convert = Uniform<T>(low, high)](const Block& block, T* values) {
                                         for (int i = 0; i < words_per_block<T>; ++i)
                                           values[i] = convert(block, i);
                                       });
  }

  /// Normally distributed numbers of the given mean and standard deviation. Throws for std < 0 or arguments
  /// not finite.
  template <std::floating_point T = float>
  BasicTensor<T> normal(const Shape& shape, double mean = 0, double std = 1) {
    check(std::isfinite(mean) && std::isfinite(std) && std >= 0, "Rng::normal: mean is ", mean, ", std is ",
          std, "; both must be finite and std not negative");
    const T center = static_cast<T>(mean), scale = static_cast<T>(std);
    return fill<T, words_per_block<T>>(shape, 12, [center, scale](const Block& block, T* values) {
      for (int i = 0; i < words_per_block<T>; i += 2) {
        const T radius = scale * std::sqrt(T{-2} * std::log(open_unit<T>(block, i)));
        const T angle = static_cast<T>(2 * pi) * unit<T>(block, i + 1);
        values[i] = center + radius * std::cos(angle);
        values[i + 1] = center + radius * std::sin(angle);
      }
    });
  }

  /// 1 with probability p (to 2^-32), else 0. Throws for p outside [0, 1].
  template <std::floating_point T = float>
  BasicTensor<T> bernoulli(const Shape& shape, double p) {
    check(p >= 0 && p <= 1, "Rng::bernoulli: p is ", p, "; it must lie in [0, 1]");
    const auto threshold = static_cast<std::uint64_t>(std::round(p * 0x1p32));
    return fill<T, 4>(shape, 1, [threshold](const Block& block, T* values) {
      for (std::size_t i = 0; i < 4; ++i) values[i] = static_cast<T>(block[i] < threshold);
    });
  }

  /// `count` integers, uniform in [0, classes). Throws for count < 0 or classes < 1.
  std::vector<Index, PoolAllocator<Index>> categorical(Index count, Index classes) {
    check(count >= 0 && classes >= 1, "Rng::categorical: count is ", count, ", classes is ", classes,
          "; count must not be negative and classes at least 1");
    std::vector<Index, PoolAllocator<Index>> values(static_cast<std::size_t>(count));
    for (Index& value : values) value = below(classes);
    return values;
  }

  /// The integers [0, n) in random order (Fisher-Yates). Throws for n < 0.
  std::vector<Index, PoolAllocator<Index>> permutation(Index n) {
    check(n >= 0, "Rng::permutation: n is ", n, "; it must not be negative");
    std::vector<Index, PoolAllocator<Index>> order(static_cast<std::size_t>(n));
    std::iota(order.begin(), order.end(), Index{0});
    for (Index last = n - 1; last > 0; --last)
      std::swap(order[static_cast<std::size_t>(last)], order[static_cast<std::size_t>(below(last + 1))]);
    return order;
  }

 private:
  using Block = std::array<std::uint32_t, 4>;
  static constexpr double pi = 3.14159265358979323846;
  template <class T>
  static constexpr int words_per_block = std::is_same_v<T, float> ? 4 : 2;

  static Block block_at(const State& state, std::uint64_t block) {
    const auto low = [](std::uint64_t word) { return static_cast<std::uint32_t>(word); };
    const auto high = [](std::uint64_t word) { return static_cast<std::uint32_t>(word >> 32); };
    return philox4x32({low(block), high(block), low(state.stream), high(state.stream)},
                      {low(state.seed), high(state.seed)});
  }

  static std::uint64_t word64(const Block& block, int i) {
    const auto first = static_cast<std::size_t>(2 * i);
    return block[first] | std::uint64_t{block[first + 1]} << 32;
  }

  /// Word i of the block in [0, 1).
  template <class T>
  static T unit(const Block& block, int i) {
    if constexpr (std::is_same_v<T, float>)
      return static_cast<float>(static_cast<std::int32_t>(block[static_cast<std::size_t>(i)] >> 8)) *
             0x1p-24f;
    else
      return static_cast<T>(word64(block, i) >> 11) * T{0x1p-53};
  }

  /// Word i of the block in (0, 1], so that the logarithm is finite.
  template <class T>
  static T open_unit(const Block& block, int i) {
    if constexpr (std::is_same_v<T, float>)
      return (static_cast<float>(block[static_cast<std::size_t>(i)]) + 0.5f) * 0x1p-32f;
    else
      return (static_cast<T>(word64(block, i) >> 11) + T{0.5}) * T{0x1p-53};
  }

  template <class T>
  struct Uniform {
    Uniform(double low_end, double high_end)
        : low(static_cast<T>(low_end)), range(static_cast<T>(high_end) - low), largest(low) {
      check(low_end <= high_end && std::isfinite(range), "Rng::uniform: low is ", low_end, ", high is ",
            high_end, "; low must not be above high, and their difference must be finite");
      if (range > 0) largest = std::nextafter(static_cast<T>(high_end), low);
    }
    T operator()(const Block& block, int i) const {
      return std::min(low + range * unit<T>(block, i), largest);
    }
    T low, range, largest;
  };

  struct Product {
    std::uint64_t high, low;
  };
  /// The 128-bit product of a and b, by halves: 128-bit integers are not ISO C++.
  static Product multiply(std::uint64_t a, std::uint64_t b) {
    const std::uint64_t a0 = a & 0xFFFFFFFF, a1 = a >> 32, b0 = b & 0xFFFFFFFF, b1 = b >> 32;
    const std::uint64_t middle = a1 * b0 + (a0 * b0 >> 32);
    const std::uint64_t carry = (middle & 0xFFFFFFFF) + a0 * b1;
    return {a1 * b1 + (middle >> 32) + (carry >> 32), a * b};
  }

  /// A tensor whose elements [k per_block, (k + 1) per_block) are what convert(block, values) makes of block
  /// k.
  template <class T, int per_block, class Convert>
  BasicTensor<T> fill(const Shape& shape, int cost_per_value, const Convert& convert) {
    BasicTensor<T> tensor = BasicTensor<T>::uninitialized(shape);
    T* const values = tensor.mutable_data();
    const Index size = tensor.size(), blocks = (size + per_block - 1) / per_block;
    const State start = state_;
    state_.block += static_cast<std::uint64_t>(blocks);
    parallel_blocks(blocks, 1024, static_cast<double>(size) * (4 + cost_per_value),
                    [&](Index begin, Index end) {
                      for (Index k = begin; k < end; ++k) {
                        const Block block = block_at(start, start.block + static_cast<std::uint64_t>(k));
                        if ((k + 1) * per_block <= size) {
                          convert(block, values + k * per_block);
                        } else {
                          T last[per_block];
                          convert(block, last);
                          std::copy_n(last, size - k * per_block, values + k * per_block);
                        }
                      }
                    });
    return tensor;
  }

  State state_;
};

}  // namespace eigengrad
