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

template <class T>
[[gnu::always_inline]] inline Vector<T> broadcast(T value) {
  return value - Vector<T>{};  // x - 0 is x, also for -0, so that nothing is computed
}

// Lanes that are left out of a part of a vector: AVX-512 has masks of a bit, AVX2 of a sign for each lane.
template <class T>
[[gnu::always_inline]] inline auto part_mask(Index count) {
  if constexpr (vector_bytes == 64) {
    return static_cast<std::conditional_t<sizeof(T) == 4, std::uint16_t, std::uint8_t>>((1u << count) - 1);
  } else {
    using Lane = std::conditional_t<sizeof(T) == 4, std::int32_t, std::int64_t>;
    decltype(Vector<T>{} < Vector<T>{}) lane;
#pragma GCC unroll 16
    for (int i = 0; i < lanes<T>; ++i) lane[i] = i;
    return lane < static_cast<Lane>(count);
  }
}

// The first `count` values, 0 < count < lanes, the rest zero.
template <class T>
[[gnu::always_inline]] inline Vector<T> load_part(const T* from, Index count) {
#if defined(__x86_64__)
  if constexpr (vector_bytes > 16) {
    constexpr bool is_float = sizeof(T) == 4;
    const auto& source = *reinterpret_cast<const typename VectorOf<T>::unaligned*>(from);
    Vector<T> part;
    if constexpr (vector_bytes == 64 && is_float)
      asm("vmovups %1, %0%{%2%}%{z%}" : "=v"(part) : "m"(source), "Yk"(part_mask<T>(count)));
    else if constexpr (vector_bytes == 64)
      asm("vmovupd %1, %0%{%2%}%{z%}" : "=v"(part) : "m"(source), "Yk"(part_mask<T>(count)));
    else if constexpr (is_float)
      asm("vmaskmovps %1, %2, %0" : "=x"(part) : "m"(source), "x"(part_mask<T>(count)));
    else
      asm("vmaskmovpd %1, %2, %0" : "=x"(part) : "m"(source), "x"(part_mask<T>(count)));
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
    constexpr bool is_float = sizeof(T) == 4;
    auto& target = *reinterpret_cast<typename VectorOf<T>::unaligned*>(to);
    if constexpr (vector_bytes == 64 && is_float)
      asm("vmovups %1, %0%{%2%}" : "+m"(target) : "v"(value), "Yk"(part_mask<T>(count)));
    else if constexpr (vector_bytes == 64)
      asm("vmovupd %1, %0%{%2%}" : "+m"(target) : "v"(value), "Yk"(part_mask<T>(count)));
    else if constexpr (is_float)
      asm("vmaskmovps %1, %2, %0" : "+m"(target) : "x"(value), "x"(part_mask<T>(count)));
    else
      asm("vmaskmovpd %1, %2, %0" : "+m"(target) : "x"(value), "x"(part_mask<T>(count)));
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
