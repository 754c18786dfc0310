// Transposition of matrices.

// to[r to_stride + c] = from[c from_stride + r], block by block.
template <class T>
inline void transpose_matrix(Isa, const T* from, Index from_stride, Index rows, Index columns, T* to, Index to_stride) {
  constexpr int n = lanes<T>;
  for (Index c = 0; c < columns; c += n)
    for (Index r = 0; r < rows; r += n) {
      const T* source = from + c * from_stride + r;
      T* target = to + r * to_stride + c;
      Vector<T> block[n];
      if (c + n <= columns && r + n <= rows) {
#pragma GCC unroll 16
        for (int i = 0; i < n; ++i, source += from_stride) block[i] = load(source);
        transpose<n, T>(block);
#pragma GCC unroll 16
        for (int i = 0; i < n; ++i, target += to_stride) store(target, block[i]);
        continue;
      }
      const Index width = columns - c < n ? columns - c : n, height = rows - r < n ? rows - r : n;
#pragma GCC unroll 16
      for (int i = 0; i < n; ++i, source += from_stride)
        block[i] = i >= width ? Vector<T>{} : height == n ? load(source) : load_part(source, height);
      transpose<n, T>(block);
#pragma GCC unroll 16
      for (int i = 0; i < n; ++i, target += to_stride)
        if (i < height) width == n ? store(target, block[i]) : store_part(target, block[i], width);
    }
}
