/// The vectorised kernels, written once in simd/*.inl with the compilers' vector extensions and compiled once for each
/// instruction set, each copy in a namespace of its own. Every function of theirs takes the namespace's `Isa` tag
/// first, so that `dispatch([&](auto isa) { some_kernel(isa, ...); })` finds the right copy by its argument.
///
/// The .inl files include nothing and use no `using`; what they need is included here. They contain no parallel
/// region, no allocation and no exception.
#pragma once

#include <bit>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <type_traits>
#include <utility>

#include "eigengrad/core/shape.hpp"
#include "eigengrad/kernels/instruction_set.hpp"
#include "eigengrad/kernels/operations.hpp"
#include "eigengrad/kernels/product_tile.hpp"

namespace eigengrad::kernels {

namespace baseline {
inline constexpr int vector_bytes = 16;
#include "eigengrad/kernels/simd/all.inl"
}  // namespace baseline

#if defined(__x86_64__)

#  if defined(__clang__)
#    pragma clang attribute push(__attribute__((target("avx2,fma"))), apply_to = function)
#  else
#    pragma GCC push_options
#    pragma GCC target("avx2,fma")
#  endif
namespace avx2 {
inline constexpr int vector_bytes = 32;
#  include "eigengrad/kernels/simd/all.inl"
}  // namespace avx2
#  if defined(__clang__)
#    pragma clang attribute pop
#  else
#    pragma GCC pop_options
#  endif

#  if defined(__clang__)
#    pragma clang attribute push(__attribute__((target("avx512f,avx512dq,avx512bw,avx512vl,avx2,fma"))), \
                                  apply_to = function)
#  else
#    pragma GCC push_options
#    pragma GCC target("avx512f,avx512dq,avx512bw,avx512vl,avx2,fma,prefer-vector-width=512")
#  endif
namespace avx512 {
inline constexpr int vector_bytes = 64;
#  include "eigengrad/kernels/simd/all.inl"
}  // namespace avx512
#  if defined(__clang__)
#    pragma clang attribute pop
#  else
#    pragma GCC pop_options
#  endif

#endif

/// Calls f with the tag of the instruction set in use and returns what it returns.
template <class F>
decltype(auto) dispatch(F&& f) {
#if defined(__x86_64__)
  switch (instruction_set()) {
    case InstructionSet::avx512: return f(avx512::Isa{});
    case InstructionSet::avx2: return f(avx2::Isa{});
    default: break;
  }
#endif
  return f(baseline::Isa{});
}

namespace detail {
/// Whether a new tensor of `size` values is written past the caches: from 32 MB on, where the caches would
/// not hold it until it is read, and to read each of its lines before writing it costs a third of the time.
template <class T>
bool is_past_caches(Index size) {
  return size * static_cast<Index>(sizeof(T)) >= Index{32} << 20;
}
}  // namespace detail

}  // namespace eigengrad::kernels
