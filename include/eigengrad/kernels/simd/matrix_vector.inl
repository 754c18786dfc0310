// Products with a vector: nothing is reused but the vector, so the matrix is read once, where it is.

// y[r] = sum over k of rows[r][k] v[k] for `count` rows that lie `stride` apart, with one chain for each lane.
template <int count, class T>
[[gnu::always_inline]] inline void dot_rows(const T* rows, Index stride, const T* v, Index n, T* y) {
  Vector<T> sum[count];
#pragma GCC unroll 8
  for (int r = 0; r < count; ++r) sum[r] = Vector<T>{};
  Index k = 0;
  for (; k + lanes<T> <= n; k += lanes<T>) {
    const Vector<T> factor = load(v + k);
#pragma GCC unroll 8
    for (int r = 0; r < count; ++r) sum[r] += load(rows + r * stride + k) * factor;
  }
  if (k < n) {
    const Vector<T> factor = load_part(v + k, n - k);
#pragma GCC unroll 8
    for (int r = 0; r < count; ++r) sum[r] += load_part(rows + r * stride + k, n - k) * factor;
  }
#pragma GCC unroll 8
  for (int r = 0; r < count; ++r) y[r] = reduce_lanes<op::Add, T>(op::Add{}, sum[r]);
}

template <class T>
inline void matrix_vector_rows(Isa, const T* rows, Index stride, Index row_count, const T* v, Index n, T* y) {
  Index r = 0;
  for (; r + 4 <= row_count; r += 4) dot_rows<4>(rows + r * stride, stride, v, n, y + r);
  for (; r < row_count; ++r) dot_rows<1>(rows + r * stride, stride, v, n, y + r);
}

// y[i] += sum over `count` steps of k of x[k stride + i] v[k], in the order of k.
template <int count, class T>
[[gnu::always_inline]] inline void add_scaled_rows(const T* x, Index stride, const T* v, Index columns, T* y) {
  Index i = 0;
  for (; i + lanes<T> <= columns; i += lanes<T>) {
    Vector<T> sum = load(y + i);
#pragma GCC unroll 8
    for (int k = 0; k < count; ++k) sum += load(x + k * stride + i) * v[k];
    store(y + i, sum);
  }
  if (i == columns) return;
  Vector<T> sum = load_part(y + i, columns - i);
#pragma GCC unroll 8
  for (int k = 0; k < count; ++k) sum += load_part(x + k * stride + i, columns - i) * v[k];
  store_part(y + i, sum, columns - i);
}

// y[i] = sum over k of x[k stride + i] v[k]
template <class T>
inline void matrix_vector_columns(Isa, const T* x, Index stride, Index columns, const T* v, Index n, T* y) {
  for (Index i = 0; i < columns; ++i) y[i] = T(0);
  Index k = 0;
  for (; k + 8 <= n; k += 8) add_scaled_rows<8>(x + k * stride, stride, v + k, columns, y);
  for (; k < n; ++k) add_scaled_rows<1>(x + k * stride, stride, v + k, columns, y);
}
