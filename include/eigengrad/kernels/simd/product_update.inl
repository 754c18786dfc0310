// Products that are gradients: a row of tiles of C is not written, but goes into a step of Adam at once.

// Adam's step with the sums of one tile while the next tile is computed: a row in every few steps of k, so that square
// roots, divisions and waiting for the first-level cache overlap with multiply-adds. What the step of the tile itself
// takes is brought in meanwhile.
template <class T>
struct TileUpdate {
  static constexpr int height = tile_rows;
  static constexpr Index width = tile_vectors * lanes<T>;

  alignas(vector_bytes) T gradient[height * width];
  const AdamState<T>& state;
  const AdamFactors<T>& factors;
  Index row_step;
  Index before = -1;           // where C's tile before begins in its row of tiles, if there is one
  Index now = 0;               // and the one that is computed
  Index row = 0;               // the next one of both
  Index period = 0, wait = 0;  // calls (one in every second step of k) from row to row, and until the next one

  TileUpdate(const AdamState<T>& to, const AdamFactors<T>& by, Index step) : state(to), factors(by), row_step(step) {}

  // Adam's step with row i of the tile before.
  [[gnu::always_inline]] void update(Index i) {
    const AdamState<T> to = state + (before + i * row_step);
#pragma GCC unroll 8
    for (int j = 0; j < tile_vectors; ++j)
      adam_vector(factors, to.parameter + j * lanes<T>, to.m + j * lanes<T>, to.v + j * lanes<T>,
                  load(gradient + i * width + j * lanes<T>));
  }
  // The next row: its step in the tile before, and what it takes in the tile that is computed is brought in.
  [[gnu::always_inline]] void advance() {
    const AdamState<T> next = state + (now + row * row_step);
#pragma GCC unroll 8
    for (int j = 0; j < tile_vectors; ++j) {
      prefetch_for_writing(next.parameter + j * lanes<T>);
      prefetch_for_writing(next.m + j * lanes<T>);
      prefetch_for_writing(next.v + j * lanes<T>);
    }
    if (before >= 0) update(row);
    ++row;
  }
  [[gnu::always_inline]] void begin(Index column, Index steps) {
    now = column;
    row = 0;
    wait = 0;
    period = steps / (2 * height);
  }
  [[gnu::always_inline]] void operator()() {
    if (--wait >= 0 || row == height) return;
    wait = period - 1;
    advance();
  }
  [[gnu::always_inline]] void end(const Vector<T> (&sum)[height][tile_vectors]) {
    while (row < height) advance();
    before = now;
#pragma GCC unroll 24
    for (int i = 0; i < height; ++i)
#pragma GCC unroll 8
      for (int j = 0; j < tile_vectors; ++j)
        store(gradient + i * width + j * lanes<T>, sum[i][j] + Vector<T>{});  // -0 becomes 0, as with an offset
  }
};

// The first `tiles` tiles of a row, all of which are whole. The rows of A lie side by side.
template <class T>
[[gnu::noinline]] void update_whole_tiles(const ProductTile<T>& tile, const AdamState<T>& state,
                                          const AdamFactors<T>& factors, Index tiles) {
  TileErrands<T> errands(tile);
  TileUpdate<T> adam(state, factors, tile.c_row_step);
  Index steps = 0;
  for (Index run = 0; run < tile.run_count; ++run) steps += tile.runs[run].count;
  const T* b = tile.b;
  for (Index number = 0; number < tiles; ++number) {
    Vector<T> sum[tile_rows][tile_vectors];
    adam.begin(number * adam.width, steps);
    compute_sums<PackedRows<T>>(tile, b, errands, sum, adam);
    adam.end(sum);
    b += tile.b_next;
    errands.next_tile(tile.copy, number + 1);
  }
  for (Index i = 0; i < tile_rows; ++i) adam.update(i);
}

// Tiles that are not whole are written to a buffer, one after the other.
template <class T>
void update_row(const ProductTile<T>& tile, const AdamState<T>& state, const AdamFactors<T>& factors) {
  constexpr Index width = tile_vectors * lanes<T>;
  const Index whole = tile.rows == tile_rows ? tile.columns / width : 0;
  if (whole > 0) update_whole_tiles(tile, state, factors, whole);
  alignas(vector_bytes) T gradient[narrow_tile_rows * width];
  for (Index first = whole; first * width < tile.columns; ++first) {
    ProductTile<T> part = tile;
    part.b += first * tile.b_next;
    part.columns = tile.columns - first * width < width ? tile.columns - first * width : width;
    part.c = gradient;
    part.c_row_step = width;
    if (first > 0) part.ahead_rows = 0;
    part.copy.from += first * tile.copy.from_next;
    part.copy.to += first * tile.copy.to_next;
    if (first >= tile.copy.tiles) part.copy.rows = 0;
    product_tile(part);
    for (Index i = 0; i < tile.rows; ++i)
      adam_block(Isa{}, factors, state + (i * tile.c_row_step + first * width), gradient + i * width, part.columns);
  }
}

template <class T>
ProductUpdate<T> make_product_update(Isa) {
  if constexpr (vector_bytes > 16)
    return update_row<T>;
  else
    return nullptr;  // SSE's tiles have no time left for it
}
