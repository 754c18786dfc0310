// The matrix product's inner part: a tile of C in registers, and the packing of its operands.
// A panel of A holds tile_rows<T> rows, one column after the other; a panel of B tile_columns<T> columns, row
// by row.

// 24 accumulators of 32 registers with AVX-512, 12 of 16 with AVX2, 8 of 16 with SSE2 (no fused multiply-add:
// a product needs a register of its own).
inline constexpr int tile_vectors = 2;
template <class T>
inline constexpr int tile_rows = vector_bytes == 64   ? 12
                                 : vector_bytes == 32 ? 6
                                                      : 4;
template <class T>
inline constexpr int tile_columns = tile_vectors* lanes<T>;

// c[i * row_stride...] = (accumulate ? c : bias) + A B over one block of k, for the first `rows` x `columns`
// of the tile. `c` holds one pointer for each row of the tile.
template <class T>
inline void product_tile(Isa, Index k, const T* a, const T* b, T* const* c, int rows, Index columns,
                         const T* bias, bool accumulate) {
  constexpr int m = tile_rows<T>;
  Vector<T> sum[m][tile_vectors] = {};
  for (Index p = 0; p < k; ++p, a += m, b += tile_columns<T>) {
    Vector<T> bv[tile_vectors];
#pragma GCC unroll 2
    for (int j = 0; j < tile_vectors; ++j) bv[j] = load(b + j * lanes<T>);
#pragma GCC unroll 12
    for (int i = 0; i < m; ++i) {
      const Vector<T> ai = broadcast(a[i]);
#pragma GCC unroll 2
      for (int j = 0; j < tile_vectors; ++j) sum[i][j] += ai * bv[j];
    }
  }
#pragma GCC unroll 12
  for (int i = 0; i < m; ++i) {
    if (i >= rows) break;
#pragma GCC unroll 2
    for (int j = 0; j < tile_vectors; ++j) {
      const Index offset = j * lanes<T>, count = columns - offset;
      if (count <= 0) break;
      T* const to = c[i] + offset;
      if (count >= lanes<T>) {
        if (accumulate)
          sum[i][j] += load(to);
        else if (bias != nullptr)
          sum[i][j] += load(bias + offset);
        store(to, sum[i][j]);
      } else {
        if (accumulate)
          sum[i][j] += load_part(to, count);
        else if (bias != nullptr)
          sum[i][j] += load_part(bias + offset, count);
        store_part(to, sum[i][j], count);
      }
    }
  }
}

// Rows of A into a panel: to[p * tile_rows + i] = rows[i][p * stride], zero where rows[i] is null.
template <class T>
inline void pack_rows(Isa, const T* const* rows, Index stride, Index k, T* to) {
  constexpr int m = tile_rows<T>;
  for (int i = 0; i < m; ++i) {
    const T* const row = rows[i];
    if (row == nullptr)
      for (Index p = 0; p < k; ++p) to[p * m + i] = T(0);
    else
      for (Index p = 0; p < k; ++p) to[p * m + i] = row[p * stride];
  }
}

template <class T>
constexpr int tile_rows_of(Isa) {
  return tile_rows<T>;
}
template <class T>
constexpr int tile_columns_of(Isa) {
  return tile_columns<T>;
}

// Columns of B into a panel: to[p * tile_columns + j] = from[p * row_stride + j * column_stride] for j <
// columns, else zero.
template <class T>
inline void pack_columns(Isa, const T* from, Index row_stride, Index column_stride, Index k, Index columns,
                         T* to) {
  constexpr Index n = tile_columns<T>;
  if (columns == n && column_stride == 1) {
    for (Index p = 0; p < k; ++p, from += row_stride, to += n)
#pragma GCC unroll 2
      for (int j = 0; j < tile_vectors; ++j) store(to + j * lanes<T>, load(from + j * lanes<T>));
    return;
  }
  for (Index j = 0; j < n; ++j)
    if (j < columns)
      for (Index p = 0; p < k; ++p) to[p * n + j] = from[p * row_stride + j * column_stride];
    else
      for (Index p = 0; p < k; ++p) to[p * n + j] = T(0);
}
