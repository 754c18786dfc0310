// Vectors of the namespace's width: Vector<T> holds `lanes<T>` values; loads and stores need no alignment.

struct Isa {};

template <class T>
inline constexpr int lanes = vector_bytes / static_cast<int>(sizeof(T));

template <class T>
struct VectorOf {
  typedef T type __attribute__((vector_size(vector_bytes)));
  typedef T unaligned __attribute__((vector_size(vector_bytes), aligned(alignof(T)), may_alias));
};
template <class T>
using Vector = typename VectorOf<T>::type;

// Integers of T's width: -1 where a comparison holds.
template <class T>
using Mask = decltype(Vector<T>{} < Vector<T>{});

template <class T>
[[gnu::always_inline]] inline Vector<T> load(const T* from) {
  return *reinterpret_cast<const typename VectorOf<T>::unaligned*>(from);
}

template <class T>
[[gnu::always_inline]] inline void store(T* to, Vector<T> value) {
  *reinterpret_cast<typename VectorOf<T>::unaligned*>(to) = value;
}

// store, past the caches if `streaming`: nothing is read first to fill up the line. `to` must then be a
// multiple of the vector's size, and end_streaming follow before another thread reads.
template <bool streaming, class T>
[[gnu::always_inline]] inline void store(T* to, Vector<T> value) {
#if defined(__x86_64__)
  if constexpr (streaming) {
    auto* const target = reinterpret_cast<typename VectorOf<T>::unaligned*>(to);
    if constexpr (vector_bytes == 16)
      asm("movntps %1, %0" : "=m"(*target) : "x"(value));
    else
      asm("vmovntps %1, %0" : "=m"(*target) : "v"(value));
    return;
  }
#endif
  store(to, value);
}
template <bool streaming>
[[gnu::always_inline]] inline void end_streaming() {
#if defined(__x86_64__)
  if constexpr (streaming) asm volatile("sfence" ::: "memory");
#endif
}
template <class T>
[[gnu::always_inline]] inline bool is_vector_aligned(const T* data) {
  return reinterpret_cast<std::uintptr_t>(data) % static_cast<std::uintptr_t>(vector_bytes) == 0;
}

// Brings in a line that will be written: no other core keeps a copy, which the write would wait for. (GCC makes a plain
// prefetch of one for writing unless it is told that the processor has this instruction. Intel's have it since
// Broadwell, and do nothing for it before.)
template <class T>
[[gnu::always_inline]] inline void prefetch_for_writing(const T* line) {
#if defined(__x86_64__)
  if constexpr (vector_bytes > 16) {
    asm volatile("prefetchw %0" : : "m"(*line));
    return;
  }
#endif
  __builtin_prefetch(line, 1, 2);
}

template <class T>
[[gnu::always_inline]] inline Vector<T> broadcast(T value) {
  return value - Vector<T>{};  // x - 0 is x, also for -0, so that nothing is computed
}

// The first `words` units of 32 bits: AVX-512 wants a bit for each, AVX2 a sign.
[[gnu::always_inline]] inline auto mask_of_words(Index words) {
  if constexpr (vector_bytes == 64) {
    return static_cast<std::uint16_t>((1u << words) - 1);
  } else {
    Mask<float> word;
#pragma GCC unroll 16
    for (int i = 0; i < lanes<float>; ++i) word[i] = i;
    return word < static_cast<std::int32_t>(words);
  }
}

#if defined(__clang__) && defined(__x86_64__)
// AVX-512's masked moves. As assembly, clang knows registers of masks as operands only where it compiles for OpenMP.
typedef float Words __attribute__((vector_size(64)));
[[gnu::always_inline]] inline Words load_words(const void* from, Index words) {
  return __builtin_ia32_loadups512_mask(static_cast<const float*>(from), Words{},
                                        static_cast<std::uint16_t>((1u << words) - 1));
}
[[gnu::always_inline]] inline void store_words(void* to, Words value, Index words) {
  __builtin_ia32_storeups512_mask(static_cast<float*>(to), value, static_cast<std::uint16_t>((1u << words) - 1));
}
#endif

// The first `count` values, 0 < count < lanes, the rest zero. Nothing behind them is read.
template <class T>
[[gnu::always_inline]] inline Vector<T> load_part(const T* from, Index count) {
#if defined(__x86_64__)
  if constexpr (vector_bytes > 16) {
    const Index words = count * static_cast<Index>(sizeof(T)) / 4;
    [[maybe_unused]] const auto mask = mask_of_words(words);
    const auto& source = *reinterpret_cast<const typename VectorOf<T>::unaligned*>(from);
    Vector<T> part;
    if constexpr (vector_bytes == 64)
#  if defined(__clang__)
      part = reinterpret_cast<Vector<T>>(load_words(from, words));
#  else
      asm("vmovups %1, %0%{%2%}%{z%}" : "=v"(part) : "m"(source), "Yk"(mask));
#  endif
    else
      asm("vmaskmovps %1, %2, %0" : "=x"(part) : "m"(source), "x"(mask));
    return part;
  }
#endif
  if (lanes<T> == 2 || count == 1) return Vector<T>{from[0]};  // without a detour through memory
  alignas(vector_bytes) T part[lanes<T>] = {};
  __builtin_memcpy(part, from, static_cast<std::size_t>(count) * sizeof(T));
  return load(part);
}

template <class T>
[[gnu::always_inline]] inline void store_part(T* to, Vector<T> value, Index count) {
#if defined(__x86_64__)
  if constexpr (vector_bytes > 16) {
    const Index words = count * static_cast<Index>(sizeof(T)) / 4;
    [[maybe_unused]] const auto mask = mask_of_words(words);
    auto& target = *reinterpret_cast<typename VectorOf<T>::unaligned*>(to);
    if constexpr (vector_bytes == 64)
#  if defined(__clang__)
      store_words(to, reinterpret_cast<Words>(value), words);
#  else
      asm("vmovups %1, %0%{%2%}" : "+m"(target) : "v"(value), "Yk"(mask));
#  endif
    else
      asm("vmaskmovps %1, %2, %0" : "+m"(target) : "x"(value), "x"(mask));
    return;
  }
#endif
  if (lanes<T> == 2 || count == 1) {
    to[0] = value[0];
    return;
  }
  alignas(vector_bytes) T part[lanes<T>];
  store(part, value);
  __builtin_memcpy(to, part, static_cast<std::size_t>(count) * sizeof(T));
}
