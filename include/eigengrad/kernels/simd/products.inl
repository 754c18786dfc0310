// Matrix products: a tile of C in registers, and the packing of its operands. See kernels/product_tile.hpp.

// Rows times two vectors of accumulators: 24 of 32 registers for AVX-512, 12 of 16 otherwise.
inline constexpr int tile_rows = vector_bytes == 64 ? 12 : 6;
inline constexpr int tile_row_step = tile_rows / 3;

// C rows and columns that do not fill the register tile, or are not contiguous.
template <int height, int vectors, class T>
void store_tile_edge(const ProductTile<T>& tile, const Vector<T> (&sum)[height][vectors]) {
  const T* value = reinterpret_cast<const T*>(&sum);
  for (Index i = 0; i < tile.rows; ++i, value += vectors * lanes<T>)
    for (Index j = 0; j < tile.columns; ++j) {
      T& c = tile.c[i * tile.c_row_step + j * tile.c_column_step];
      c = value[j] + (tile.accumulate        ? c
                      : tile.bias != nullptr ? tile.bias[tile.bias_by_row ? i : j]
                                             : T{});
    }
}

// The pragmas keep the accumulators in registers: GCC puts an array that any loop over it indexes into memory.
template <int height, int vectors, class T>
[[gnu::noinline]] void compute_tile(const ProductTile<T>& tile) {
  Vector<T> sum[height][vectors];
#pragma GCC unroll 16
  for (int i = 0; i < height; ++i)
#pragma GCC unroll 2
    for (int j = 0; j < vectors; ++j) sum[i][j] = Vector<T>{};
  if (tile.c_column_step == 1)
    for (Index i = 0; i < tile.rows; ++i)
#pragma GCC unroll 2
      for (int j = 0; j < vectors; ++j) __builtin_prefetch(tile.c + i * tile.c_row_step + j * lanes<T>, 1);
  const T* ahead = tile.ahead != nullptr ? tile.ahead : tile.a;
  const T* ahead_end = ahead + tile.ahead_length;

  for (const ProductRun* run = tile.runs; run != tile.runs + tile.run_count; ++run) {
    const T* a = tile.a + run->a;
    const T* b = tile.b + run->b * tile.b_step;
    for (Index k = run->count; k > 0; --k, a += tile.a_step, b += tile.b_step) {
      __builtin_prefetch(ahead, 0, 2);
      ahead += 64 / sizeof(T);
      if (ahead >= ahead_end) {
        ahead = ahead_end += tile.ahead_stride;
        ahead -= tile.ahead_length;
      }
      Vector<T> row[vectors];
#pragma GCC unroll 2
      for (int j = 0; j < vectors; ++j) row[j] = load(b + j * lanes<T>);
#pragma GCC unroll 16
      for (int i = 0; i < height; ++i) {
        const Vector<T> factor = broadcast(a[i]);
#pragma GCC unroll 2
        for (int j = 0; j < vectors; ++j) sum[i][j] += factor * row[j];
      }
    }
  }

  if (tile.rows < height || tile.columns < vectors * lanes<T> || tile.c_column_step != 1 ||
      tile.bias_by_row) {
    Vector<T> copy[height][vectors];
#pragma GCC unroll 16
    for (int i = 0; i < height; ++i)
#pragma GCC unroll 2
      for (int j = 0; j < vectors; ++j) copy[i][j] = sum[i][j];
    store_tile_edge<height, vectors, T>(tile, copy);
    return;
  }
  Vector<T> offset[vectors];
#pragma GCC unroll 2
  for (int j = 0; j < vectors; ++j)
    offset[j] = tile.bias != nullptr ? load(tile.bias + j * lanes<T>) : Vector<T>{};
#pragma GCC unroll 16
  for (int i = 0; i < height; ++i)
#pragma GCC unroll 2
    for (int j = 0; j < vectors; ++j) {
      T* c = tile.c + i * tile.c_row_step + j * lanes<T>;
      store(c, sum[i][j] + (tile.accumulate ? load<T>(c) : offset[j]));
    }
}

template <int vectors, class T>
void compute_tile_of_width(const ProductTile<T>& tile) {
  if (tile.rows > 2 * tile_row_step)
    compute_tile<3 * tile_row_step, vectors>(tile);
  else if (tile.rows > tile_row_step)
    compute_tile<2 * tile_row_step, vectors>(tile);
  else
    compute_tile<tile_row_step, vectors>(tile);
}

template <class T>
void product_tile(const ProductTile<T>& tile) {
  if (tile.columns > lanes<T>)
    compute_tile_of_width<2>(tile);
  else
    compute_tile_of_width<1>(tile);
}

// a0 b0 a1 b1 ...: the first half of it, or the second.
template <int half, class V, std::size_t... lane>
[[gnu::always_inline]] inline V interleave(V a, V b, std::index_sequence<lane...>) {
  constexpr int n = sizeof...(lane);
  return __builtin_shufflevector(a, b, static_cast<int>(lane % 2 * n + half * n / 2 + lane / 2)...);
}

// Each stage moves the top bit of an element's row number to its column number and the other way round.
template <class T>
[[gnu::always_inline]] inline void transpose(Vector<T> (&rows)[lanes<T>]) {
  constexpr int n = lanes<T>;
  constexpr auto sequence = std::make_index_sequence<n>();
#pragma GCC unroll 4
  for (int stage = 1; stage < n; stage *= 2) {
    Vector<T> next[n];
#pragma GCC unroll 16
    for (int i = 0; i < n / 2; ++i) {
      next[2 * i] = interleave<0>(rows[i], rows[i + n / 2], sequence);
      next[2 * i + 1] = interleave<1>(rows[i], rows[i + n / 2], sequence);
    }
#pragma GCC unroll 16
    for (int i = 0; i < n; ++i) rows[i] = next[i];
  }
}

// Whole vectors are stored, so that each step of k runs over into later ones, which are written after it: blocks
// of rows from the last to the first, k upwards.
template <class T>
void pack_rows(const T* const* rows, Index width, Index count, T* panel) {
  constexpr int n = lanes<T>;
  const T* const end = panel + count * width;
  Index k = 0;
  for (; k + n <= count; k += n)
    for (Index first = (width - 1) / n * n; first >= 0; first -= n) {
      Vector<T> block[n];
#pragma GCC unroll 16
      for (int i = 0; i < n; ++i) {
        const T* row = first + i < width ? rows[first + i] : nullptr;
        block[i] = row != nullptr ? load(row + k) : Vector<T>{};
      }
      transpose<T>(block);
      T* to = panel + k * width + first;
#pragma GCC unroll 16
      for (int i = 0; i < n; ++i, to += width)
        if (to + n <= end) [[likely]]
          store(to, block[i]);
        else
          store_part(to, block[i], end - to);
    }
  for (; k < count; ++k)
    for (Index i = 0; i < width; ++i) panel[k * width + i] = rows[i] != nullptr ? rows[i][k] : T{};
}

// One step of k of one panel. Runs over into the next step like pack_rows.
template <class T>
[[gnu::always_inline]] inline void pack_step(const T* from, const T* from_end, Index columns, Index width, T* to,
                                             const T* to_end) {
  constexpr int n = lanes<T>;
  Index i = 0;
  for (; i < columns && from + i + n <= from_end && to + i + n <= to_end; i += n) store(to + i, load(from + i));
  for (; i < columns; ++i) to[i] = from[i];
  for (i = columns; i < width; ++i) to[i] = T{};
}

template <class T>
void pack_columns(const PackSource<T>& from, Index columns, Index width, Index step, Index count, T* panels) {
  for (Index k = 0; k < count; ++k)
    for (Index first = 0; first < columns; first += width) {
      const Index used = columns - first < width ? columns - first : width;
      const Index panel_width = (used + step - 1) / step * step;
      T* const panel = panels + first * count;
      pack_step(from.data + k * from.stride + first, from.end, used, panel_width, panel + k * panel_width,
                panel + count * panel_width);
    }
}

template <class T>
ProductKernels<T> make_product_kernels(Isa) {
  return {tile_rows,       2 * lanes<T>,  tile_row_step,   lanes<T>,
          product_tile<T>, pack_rows<T>, pack_columns<T>};
}
