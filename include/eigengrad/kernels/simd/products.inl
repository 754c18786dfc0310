// Matrix products: a tile of C in registers, and the packing of its operands. See kernels/product_tile.hpp.

// Rows times vectors of accumulators: 24 of 32 registers for AVX-512, 12 of 16 otherwise. SSE has no memory
// operand that is broadcast and overwrites a factor with the product: there more vectors and fewer rows take
// fewer instructions.
inline constexpr int tile_rows = vector_bytes == 64 ? 12 : vector_bytes == 32 ? 6 : 2;
inline constexpr int tile_row_step = vector_bytes == 16 ? 1 : tile_rows / 3;
inline constexpr int tile_vectors = vector_bytes == 16 ? 6 : 2;
// Of tiles half as wide: as many rows more, since every row costs the same broadcast for half the multiply-adds.
inline constexpr int narrow_tile_rows = vector_bytes == 16 ? tile_rows : 2 * tile_rows;
// Bytes of k in a block. AVX2's tile is small: half as many keep a panel of B in the first-level cache, too.
inline constexpr int tile_depth = vector_bytes == 32 ? 1024 : 2048;
inline constexpr int tile_unroll = vector_bytes == 16 ? 1 : 2;  // steps of k
inline constexpr bool tile_copies = vector_bytes > 16;          // SSE's tiles have no time left for it

// Where a tile's sums go, and how many columns there are from there on.
template <class T>
struct TileResult {
  T* c;
  const T* bias;
  Index columns;
};

// Rows of C in one vector of the tile, or in its first `count` columns.
template <bool is_whole, int height, int vectors, class T>
[[gnu::always_inline]] inline void store_edge_of_vector(const ProductTile<T>& tile, const TileResult<T>& to, int vector,
                                                        Index count, const Vector<T> (&sum)[height][vectors]) {
  const Index rows = tile.rows, c_row_step = tile.c_row_step;  // the compiler must assume that stores change `tile`
  const bool accumulate = tile.accumulate, has_slope = tile.slope != 1;
  const Vector<T> slope = broadcast(tile.slope);
  T* c = to.c + vector * lanes<T>;
  Vector<T> offset = {};
  if (to.bias != nullptr) {
    const T* const bias = to.bias + vector * lanes<T>;
    offset = is_whole ? load(bias) : load_part(bias, count);
  }
  for (Index i = 0; i < rows; ++i, c += c_row_step) {
    if (accumulate) offset = is_whole ? load<T>(c) : load_part<T>(c, count);
    Vector<T> z = sum[i][vector] + offset;
    if (has_slope) z = z < Vector<T>{} ? slope * z : z;
    if constexpr (is_whole)
      store(c, z);
    else
      store_part(c, z, count);
  }
}

// C rows and columns that do not fill the register tile.
template <int height, int vectors, class T>
void store_tile_edge(const ProductTile<T>& tile, const TileResult<T>& to,
                     const Vector<T> (&sum)[height][vectors]) {
  for (int j = 0; j < vectors && j * lanes<T> < to.columns; ++j) {
    const Index count = to.columns - j * lanes<T>;
    if (count >= lanes<T>)
      store_edge_of_vector<true>(tile, to, j, count, sum);
    else
      store_edge_of_vector<false>(tile, to, j, count, sum);
  }
}

// C rows that are not contiguous, or have a bias for each row.
template <int height, int vectors, class T>
void store_tile_scattered(const ProductTile<T>& tile, const TileResult<T>& to,
                          const Vector<T> (&sum)[height][vectors]) {
  const T* value = reinterpret_cast<const T*>(&sum);
  for (Index i = 0; i < tile.rows; ++i, value += vectors * lanes<T>)
    for (Index j = 0; j < vectors * lanes<T> && j < to.columns; ++j) {
      T& c = to.c[i * tile.c_row_step + j * tile.c_column_step];
      c = value[j] + (tile.accumulate ? c : to.bias != nullptr ? to.bias[tile.bias_by_row ? i : j] : T{});
      if (c < 0) c *= tile.slope;
    }
}

// One step of k: sum(i, j) += a(i) b(j), for vectors [first, end) of each row. The side with fewer values stays in
// registers.
template <int height, int vectors, int first = 0, int end = vectors, class A, class T>
[[gnu::always_inline]] inline void add_outer_product(const A& a, const T* b,
                                                     Vector<T> (&sum)[height][vectors]) {
  if constexpr (height >= end - first) {
    Vector<T> row[vectors];
#pragma GCC unroll 8
    for (int j = first; j < end; ++j) row[j] = load(b + j * lanes<T>);
#pragma GCC unroll 24
    for (int i = 0; i < height; ++i) {
      const Vector<T> factor = broadcast(a(i));
#pragma GCC unroll 8
      for (int j = first; j < end; ++j) sum[i][j] += factor * row[j];
    }
  } else {
    Vector<T> factor[height];
#pragma GCC unroll 8
    for (int i = 0; i < height; ++i) factor[i] = broadcast(a(i));
#pragma GCC unroll 8
    for (int j = first; j < end; ++j) {
      const Vector<T> row = load(b + j * lanes<T>);
#pragma GCC unroll 8
      for (int i = 0; i < height; ++i) sum[i][j] += factor[i] * row;
    }
  }
}

// How far the tiles of a row are with what they do besides: bringing in the line at `ahead`, and packing.
template <class T>
struct TileErrands {
  const T* ahead;
  const T* ahead_end;            // of the row of memory
  Index ahead_rows, ahead_step;  // behind the last row the same line is brought in again and again
  const T* from;
  T* to;
  Index copied_rows;

  [[gnu::always_inline]] explicit TileErrands(const ProductTile<T>& tile)
      : ahead(tile.ahead_rows > 0 ? tile.ahead : tile.a),
        ahead_end(ahead + tile.ahead_length),
        ahead_rows(tile.ahead_rows),
        ahead_step(tile.ahead_rows > 0 ? 64 / sizeof(T) : 0),
        from(tile.copy.from),
        to(tile.copy.to),
        copied_rows(tile.copy.rows) {}
  [[gnu::always_inline]] void next_tile(const ProductCopy<T>& copy, Index tile) {
    from += copy.from_next;
    to += copy.to_next;
    if (tile >= copy.tiles) copied_rows = 0;
  }
};

// C = leaky ReLU of sum + offset.
template <int height, int vectors, class T>
[[gnu::always_inline]] inline void store_activated(const ProductTile<T>& tile, const TileResult<T>& to,
                                                   const Vector<T> (&sum)[height][vectors],
                                                   const Vector<T> (&offset)[vectors]) {
  const Vector<T> slope = broadcast(tile.slope);
#pragma GCC unroll 24
  for (int i = 0; i < height; ++i)
#pragma GCC unroll 8
    for (int j = 0; j < vectors; ++j) {
      T* c = to.c + i * tile.c_row_step + j * lanes<T>;
      const Vector<T> z = sum[i][j] + (tile.accumulate ? load<T>(c) : offset[j]);
      store(c, z < Vector<T>{} ? slope * z : z);
    }
}

// The rows of A in one step of k, side by side.
template <class T>
struct PackedRows {
  static constexpr bool has_halves = true;
  const T* a;

  [[gnu::always_inline]] PackedRows(const T* first, Index) : a(first) {}
  [[gnu::always_inline]] T operator()(int i) const { return a[i]; }
  [[gnu::always_inline]] void advance(Index step) { a += step; }
  // Packed panels are read in sequence, more than the processor brings in by itself.
  [[gnu::always_inline]] void prefetch(Index step) const {
    __builtin_prefetch(a + 32 * step);
    __builtin_prefetch(a + 32 * step + 64 / sizeof(T));
  }
};

// The same where rows lie `row_step` apart: from the first of four the others are addressed with two registers
// more.
template <class T, int height>
struct SpreadRows {
  static constexpr bool has_halves = false;
  const T* a[(height + 3) / 4];
  Index row_step, three;

  [[gnu::always_inline]] SpreadRows(const T* first, Index step) : row_step(step), three(3 * step) {
    asm("" : "+r"(three));  // GCC would add it up anew for every row that needs it
#pragma GCC unroll 8
    for (int i = 0; i < (height + 3) / 4; ++i) a[i] = first + 4 * i * step;
  }
  [[gnu::always_inline]] T operator()(int i) const {
    const T* const p = a[i / 4];
    return i % 4 == 0 ? p[0] : i % 4 == 1 ? p[row_step] : i % 4 == 2 ? p[2 * row_step] : p[three];
  }
  [[gnu::always_inline]] void advance(Index step) {
#pragma GCC unroll 8
    for (int i = 0; i < (height + 3) / 4; ++i) a[i] += step;
  }
  [[gnu::always_inline]] void prefetch(Index) const {}
};

// Brings in the lines of a step of k that begin at `b`.
template <int vectors, class T>
[[gnu::always_inline]] inline void bring_in_columns(const T* b) {
#pragma GCC unroll 8
  for (int byte = 0; byte < vectors * vector_bytes; byte += 64)
    __builtin_prefetch(b + byte / static_cast<int>(sizeof(T)), 0, 2);
}

// What add_runs does meanwhile if there is nothing to do.
struct Nothing {
  [[gnu::always_inline]] void operator()() const {}
};

// The steps of a run that vectors [first, end) of a tile are part of.
template <int first, int end, class Rows, int height, int vectors, class T>
[[gnu::always_inline]] inline void add_part(Rows a, const T* b, const ProductTile<T>& tile, Index count,
                                            Vector<T> (&sum)[height][vectors]) {
  for (; count > 0; --count, b += tile.b_step) {
    add_outer_product<height, vectors, first, end>(a, b, sum);
    a.advance(tile.a_step);
  }
}

// The sums of a tile over all runs; in every second step of k, meanwhile() is called.
template <class Rows, int height, int vectors, class T, class Meanwhile>
[[gnu::always_inline]] inline void add_runs(const ProductTile<T>& tile, const T* columns,
                                            TileErrands<T>& errands, Vector<T> (&sum)[height][vectors],
                                            Meanwhile& meanwhile) {
  const T* ahead = errands.ahead;
  const T* ahead_end = errands.ahead_end;
  const T* from = errands.from;
  T* to = errands.to;
  Index rows = errands.copied_rows;
  for (const ProductRun* run = tile.runs; run != tile.runs + tile.run_count; ++run) {
    Rows a(tile.a + run->a, tile.a_row_step);
    const T* b = columns + run->b * tile.b_unit;
    if constexpr (Rows::has_halves && vectors == tile_vectors)
      if (run->half != TileHalf::both) {
        if (run->half == TileHalf::first)
          add_part<0, vectors / 2>(a, b, tile, run->count, sum);
        else
          add_part<vectors / 2, vectors>(a, b, tile, run->count, sum);
        continue;
      }
    Index k = run->count;
    for (; k >= tile_unroll; k -= tile_unroll, b += tile_unroll * tile.b_step) {
      __builtin_prefetch(ahead, 0, 2);
      ahead += errands.ahead_step;
      if (ahead >= ahead_end) {
        if (tile.b_ahead > 0) {
          bring_in_columns<vectors>(b + tile.b_ahead);
          if constexpr (tile_unroll == 2) bring_in_columns<vectors>(b + tile.b_step + tile.b_ahead);
        }
        ahead_end += tile.ahead_stride;
        ahead = ahead_end - tile.ahead_length;
        if (--errands.ahead_rows <= 0) errands.ahead_step = 0;
      }
      if constexpr (tile_copies)
        if (rows > 0) {
          --rows;
          store(to, load(from));
          if (tile.copy.is_wide) {
#pragma GCC unroll 8
            for (int j = 1; j < tile_vectors; ++j) store(to + j * lanes<T>, load(from + j * lanes<T>));
          }
          from += tile.copy.stride;
          to += tile.copy.width;
        }
      meanwhile();
      a.prefetch(tile.a_step);
      add_outer_product<height, vectors>(a, b, sum);
      a.advance(tile.a_step);
      if constexpr (tile_unroll == 2) {
        asm("" ::: "memory");  // GCC would load both steps at once and run out of registers
        add_outer_product<height, vectors>(a, b + tile.b_step, sum);
        a.advance(tile.a_step);
      }
    }
    if (tile_unroll == 2 && k == 1) add_outer_product<height, vectors>(a, b, sum);
  }
  errands.ahead = ahead;
  errands.ahead_end = ahead_end;
}

// The pragmas keep the accumulators in registers: GCC puts an array that any loop over it indexes into
// memory.
template <class Rows, int height, int vectors, class T, class Meanwhile>
[[gnu::always_inline]] inline void compute_sums(const ProductTile<T>& tile, const T* b, TileErrands<T>& errands,
                                                Vector<T> (&sum)[height][vectors], Meanwhile& meanwhile) {
#pragma GCC unroll 24
  for (int i = 0; i < height; ++i)
#pragma GCC unroll 8
    for (int j = 0; j < vectors; ++j) sum[i][j] = Vector<T>{};
  add_runs<Rows>(tile, b, errands, sum, meanwhile);
}

template <int height, int vectors, class T>
[[gnu::always_inline]] inline void compute_tile(const ProductTile<T>& tile, const T* b,
                                                const TileResult<T>& to, TileErrands<T>& errands) {
  Vector<T> sum[height][vectors];
  // A short tile writes them so soon that it waits for them all the same.
  const bool is_short = tile.run_count == 0 || tile.run_count * tile.runs->count < 64;
  if (tile.c_column_step == 1 && !tile.past_caches && !is_short)
    for (Index i = 0; i < tile.rows; ++i)
#pragma GCC unroll 8
      for (int j = 0; j < vectors; ++j) prefetch_for_writing(to.c + i * tile.c_row_step + j * lanes<T>);
  Nothing nothing;
  if (tile.a_row_step == 1)
    compute_sums<PackedRows<T>>(tile, b, errands, sum, nothing);
  else
    compute_sums<SpreadRows<T, height>>(tile, b, errands, sum, nothing);

  if (tile.rows < height || to.columns < vectors * lanes<T> || tile.c_column_step != 1 ||
      tile.bias_by_row) {
    Vector<T> copy[height][vectors];
#pragma GCC unroll 24
    for (int i = 0; i < height; ++i)
#pragma GCC unroll 8
      for (int j = 0; j < vectors; ++j) copy[i][j] = sum[i][j];
    if (tile.c_column_step == 1 && !tile.bias_by_row)
      store_tile_edge<height, vectors, T>(tile, to, copy);
    else
      store_tile_scattered<height, vectors, T>(tile, to, copy);
    return;
  }
  Vector<T> offset[vectors];
#pragma GCC unroll 8
  for (int j = 0; j < vectors; ++j)
    offset[j] = to.bias != nullptr ? load(to.bias + j * lanes<T>) : Vector<T>{};
  if (tile.past_caches) {
#pragma GCC unroll 24
    for (int i = 0; i < height; ++i)
#pragma GCC unroll 8
      for (int j = 0; j < vectors; ++j)
        store<true>(to.c + i * tile.c_row_step + j * lanes<T>, sum[i][j] + offset[j]);
    return;
  }
  if (tile.slope != 1) {
    store_activated<height, vectors, T>(tile, to, sum, offset);
    return;
  }
#pragma GCC unroll 24
  for (int i = 0; i < height; ++i)
#pragma GCC unroll 8
    for (int j = 0; j < vectors; ++j) {
      T* c = to.c + i * tile.c_row_step + j * lanes<T>;
      store(c, sum[i][j] + (tile.accumulate ? load<T>(c) : offset[j]));
    }
}

template <int height, class T>
[[gnu::noinline]] void compute_row(const ProductTile<T>& tile) {
  constexpr Index width = tile_vectors * lanes<T>;
  TileErrands<T> errands(tile);
  TileResult<T> to{tile.c, tile.bias, tile.columns};
  const T* b = tile.b;
  for (Index number = 1;; ++number) {
    if (to.columns > width / 2)
      compute_tile<height, tile_vectors>(tile, b, to, errands);
    else
      compute_tile<height, tile_vectors / 2>(tile, b, to, errands);
    to.columns -= width;
    if (to.columns <= 0) return;
    b += tile.b_next;
    to.c += width * tile.c_column_step;
    if (to.bias != nullptr && !tile.bias_by_row) to.bias += width;
    errands.next_tile(tile.copy, number);
  }
}

template <int height, class T>
[[gnu::noinline]] void compute_narrow(const ProductTile<T>& tile) {
  TileErrands<T> errands(tile);
  compute_tile<height, tile_vectors / 2>(tile, tile.b, TileResult<T>{tile.c, tile.bias, tile.columns}, errands);
}

template <class T>
void product_tile(const ProductTile<T>& tile) {
  if constexpr (narrow_tile_rows > tile_rows) {
    if (tile.rows > 5 * tile_row_step) return compute_narrow<6 * tile_row_step>(tile);
    if (tile.rows > 4 * tile_row_step) return compute_narrow<5 * tile_row_step>(tile);
    if (tile.rows > tile_rows) return compute_narrow<4 * tile_row_step>(tile);
  }
  if (tile.rows > 2 * tile_row_step)
    compute_row<tile_rows>(tile);
  else if (tile.rows > tile_row_step)
    compute_row<2 * tile_row_step>(tile);
  else
    compute_row<tile_row_step>(tile);
}

// Exchanges what `a` and `b` hold in the odd and even blocks of `size` lanes: the even blocks of both, or the
// odd ones.
template <int odd, int size, class V, std::size_t... lane>
[[gnu::always_inline]] inline V blocks_of_two(V a, V b, std::index_sequence<lane...>) {
  constexpr int n = sizeof...(lane);
  return __builtin_shufflevector(
      a, b,
      static_cast<int>(lane / size % 2 * n + lane / (2 * size) * 2 * size + odd * size + lane % size)...);
}

// One stage: transposes every pair of blocks of `size` rows by `size` columns, in place.
template <int size, int count, class T>
[[gnu::always_inline]] inline void transpose_blocks(Vector<T> (&rows)[count]) {
  constexpr auto sequence = std::make_index_sequence<lanes<T>>();
#pragma GCC unroll 8
  for (int pair = 0; pair < count / 2; ++pair) {
    const int i = pair / size * 2 * size + pair % size;
    const Vector<T> even = rows[i], odd = rows[i + size];
    rows[i] = blocks_of_two<0, size>(even, odd, sequence);
    rows[i + size] = blocks_of_two<1, size>(even, odd, sequence);
  }
}

// Transposes every block of `count` rows by `count` columns.
template <int count, class T>
[[gnu::always_inline]] inline void transpose(Vector<T> (&rows)[count]) {
  transpose_blocks<1, count, T>(rows);
  if constexpr (count > 2) transpose_blocks<2, count, T>(rows);
  if constexpr (count > 4) transpose_blocks<4, count, T>(rows);
  if constexpr (count > 8) transpose_blocks<8, count, T>(rows);
}

// Half of a vector's lanes, from `first` on.
template <int first, class T, std::size_t... lane>
[[gnu::always_inline]] inline void store_half(T* to, Vector<T> value, std::index_sequence<lane...>) {
  typedef T Half __attribute__((vector_size(vector_bytes / 2), aligned(alignof(T)), may_alias));
  *reinterpret_cast<Half*>(to) = __builtin_shufflevector(value, value, static_cast<int>(first + lane)...);
}

// pack_rows for half as many rows as a vector has lanes, for whole vectors of k; returns where the rest begins.
template <class T>
[[gnu::always_inline]] inline Index pack_half_rows(const T* const* rows, Index count, T* panel) {
  constexpr int n = lanes<T>, half = n / 2;
  constexpr auto sequence = std::make_index_sequence<half>();
  Index k = 0;
  for (; k + n <= count; k += n) {
    Vector<T> block[half];
#pragma GCC unroll 8
    for (int i = 0; i < half; ++i) block[i] = rows[i] != nullptr ? load(rows[i] + k) : Vector<T>{};
    transpose<half, T>(block);
#pragma GCC unroll 8
    for (int i = 0; i < half; ++i) {
      store_half<0, T>(panel + (k + i) * half, block[i], sequence);
      store_half<half, T>(panel + (k + half + i) * half, block[i], sequence);
    }
  }
  return k;
}

// pack_rows for whole vectors of k where rows are whole vectors, too, and none is missing; returns where the
// rest begins.
template <class T>
[[gnu::always_inline]] inline Index pack_whole_rows(const T* const* rows, Index width, Index count,
                                                    T* panel) {
  constexpr int n = lanes<T>;
  if (width % n != 0) return 0;
  for (Index i = 0; i < width; ++i)
    if (rows[i] == nullptr) return 0;
  Index k = 0;
  for (; k + n <= count; k += n)
    for (Index first = 0; first < width; first += n) {
      const T* const* row = rows + first;
      Vector<T> block[n];
#pragma GCC unroll 16
      for (int i = 0; i < n; ++i) block[i] = load(row[i] + k);
      transpose<n, T>(block);
      T* to = panel + k * width + first;
#pragma GCC unroll 16
      for (int i = 0; i < n; ++i, to += width) store(to, block[i]);
    }
  return k;
}

// Whole vectors are stored, so that each step of k runs over into later ones, which are written after it:
// blocks of rows from the last to the first, k upwards.
template <class T>
void pack_rows(const T* const* rows, Index width, Index count, T* panel) {
  constexpr int n = lanes<T>;
  const T* const end = panel + count * width;
  Index k = 0;
  if constexpr (n >= 8)
    if (width == n / 2) k = pack_half_rows(rows, count, panel);
  if (k == 0) k = pack_whole_rows(rows, width, count, panel);
  for (; k < count; k += n) {
    const Index steps = count - k < n ? count - k : n;
    for (Index first = (width - 1) / n * n; first >= 0; first -= n) {
      Vector<T> block[n];
#pragma GCC unroll 16
      for (int i = 0; i < n; ++i) {
        const T* row = first + i < width ? rows[first + i] : nullptr;
        block[i] = row == nullptr ? Vector<T>{} : steps == n ? load(row + k) : load_part(row + k, steps);
      }
      transpose<n, T>(block);
      T* to = panel + k * width + first;
#pragma GCC unroll 16
      for (int i = 0; i < n; ++i, to += width)
        if (to + n <= end) [[likely]]
          store(to, block[i]);
        else if (to < end)
          store_part(to, block[i], end - to);
    }
  }
}

// One step of k of one panel, with zeros behind its columns.
template <class T>
[[gnu::always_inline]] inline void pack_step(const T* from, Index columns, Index width, T* to) {
  constexpr int n = lanes<T>;
  for (Index i = 0; i < width; i += n) {
    const Index left = columns - i, room = width - i;
    const Vector<T> row = left >= n ? load(from + i) : left > 0 ? load_part(from + i, left) : Vector<T>{};
    if (room >= n)
      store(to + i, row);
    else
      store_part(to + i, row, room);
  }
}

// Some steps of k at a time, so that what is read and written meanwhile stays in the first-level cache: panels
// may be a multiple of 4 KB apart.
template <class T>
void pack_columns(const PackSource<T>& from, Index columns, Index width, Index step, Index count, T* panels) {
  constexpr Index group = 16;
  for (Index k_begin = 0; k_begin < count; k_begin += group) {
    const Index k_end = k_begin + group < count ? k_begin + group : count;
    // Whole vectors may read and write past a panel's width where another step of k follows.
    Index k_whole = k_end;
    if (width % lanes<T> != 0) k_whole = from.stride < lanes<T> ? k_begin : k_end < count ? k_end : k_end - 1;
    for (Index first = 0; first < columns; first += width) {
      const Index used = columns - first < width ? columns - first : width;
      const Index panel_width = (used + step - 1) / step * step;
      T* const panel = panels + first * count;
      T* to = panel + k_begin * panel_width;
      const T* row = from.data + k_begin * from.stride + first;
      Index k = k_begin;
      if (used == width)
        for (; k < k_whole; ++k, row += from.stride, to += width)
          for (Index i = 0; i < width; i += lanes<T>) store(to + i, load(row + i));
      for (; k < k_end; ++k, row += from.stride, to += panel_width)
        pack_step(row, used, panel_width, to);
    }
  }
}

// A linear combination of `count` terms. What the loops need is copied: the compiler must assume that a store
// changes `sum`.
template <int count, class T>
[[gnu::noinline]] void combine_terms(const LinearCombination<T>& sum) {
  const T* terms[count];
  Vector<T> factors[count];
#pragma GCC unroll 9
  for (int t = 0; t < count; ++t) terms[t] = sum.terms[t], factors[t] = broadcast(sum.factors[t]);
  const Vector<T> slope = broadcast(sum.slope);
  const T* const bias = sum.bias;
  const Index rows = sum.rows, columns = sum.columns, from_step = sum.from_step, to_step = sum.to_step;
  T* to = sum.to;
  for (Index i = 0; i < rows; ++i, to += to_step) {
    Index j = 0;
    for (; j + lanes<T> <= columns; j += lanes<T>) {
      Vector<T> z = factors[0] * load(terms[0] + j);
#pragma GCC unroll 9
      for (int t = 1; t < count; ++t) z += factors[t] * load(terms[t] + j);
      if (bias != nullptr) z += load(bias + j);
      store(to + j, z < Vector<T>{} ? slope * z : z);
    }
    if (const Index left = columns - j; left > 0) {
      Vector<T> z = factors[0] * load_part(terms[0] + j, left);
#pragma GCC unroll 9
      for (int t = 1; t < count; ++t) z += factors[t] * load_part(terms[t] + j, left);
      if (bias != nullptr) z += load_part(bias + j, left);
      store_part(to + j, z < Vector<T>{} ? slope * z : z, left);
    }
#pragma GCC unroll 9
    for (int t = 0; t < count; ++t) terms[t] += from_step;
  }
}

// A linear combination of no terms.
template <class T>
[[gnu::noinline]] void combine_nothing(const LinearCombination<T>& sum) {
  for (Index i = 0; i < sum.rows; ++i)
    for (Index j = 0; j < sum.columns; ++j) {
      const T z = sum.bias != nullptr ? sum.bias[j] : T{};
      sum.to[i * sum.to_step + j] = z < 0 ? sum.slope * z : z;
    }
}

template <class T>
void combine(const LinearCombination<T>& sum) {
  switch (sum.count) {
    case 0: return combine_nothing(sum);
    case 1: return combine_terms<1>(sum);
    case 2: return combine_terms<2>(sum);
    case 3: return combine_terms<3>(sum);
    case 4: return combine_terms<4>(sum);
    case 5: return combine_terms<5>(sum);
    case 6: return combine_terms<6>(sum);
    case 7: return combine_terms<7>(sum);
    case 8: return combine_terms<8>(sum);
    default: return combine_terms<9>(sum);
  }
}

template <class T>
ProductKernels<T> make_product_kernels(Isa) {
  return {tile_rows,
          narrow_tile_rows,
          tile_vectors * lanes<T>,
          tile_row_step,
          tile_vectors / 2 * lanes<T>,
          tile_depth / static_cast<int>(sizeof(T)),
          tile_copies,
          product_tile<T>,
          combine<T>,
          pack_rows<T>,
          pack_columns<T>};
}
