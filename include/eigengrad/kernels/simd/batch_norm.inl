// Batch norm over the columns of a contiguous [rows, columns] matrix; every argument named after a statistic
// has one value for each column.

template <class T>
[[gnu::always_inline]] inline Vector<T> load_up_to(const T* from, Index count) {
  return count >= lanes<T> ? load(from) : load_part(from, count);
}
template <class T>
[[gnu::always_inline]] inline void store_up_to(T* to, Vector<T> value, Index count) {
  count >= lanes<T> ? store(to, value) : store_part(to, value, count);
}

// squares[j] = sum over rows of (x - mean)^2
template <class T>
inline void squared_deviations(Isa, const T* x, Index rows, Index columns, const T* mean, T* squares) {
  for (Index j = 0; j < columns; j += lanes<T>) {
    const Index count = columns - j;
    const Vector<T> center = load_up_to(mean + j, count);
    Vector<T> sum = {};
    for (Index i = 0; i < rows; ++i) {
      const Vector<T> d = load_up_to(x + i * columns + j, count) - center;
      sum += d * d;
    }
    store_up_to(squares + j, sum, count);
  }
}

// y = (x - mean) scale + shift
template <class T>
inline void normalize_rows(Isa, const T* x, Index rows, Index columns, const T* mean, const T* scale,
                           const T* shift, T* y) {
  for (Index i = 0; i < rows; ++i, x += columns, y += columns)
    for (Index j = 0; j < columns; j += lanes<T>) {
      const Index count = columns - j;
      const Vector<T> d = load_up_to(x + j, count) - load_up_to(mean + j, count);
      store_up_to(y + j, d * load_up_to(scale + j, count) + load_up_to(shift + j, count), count);
    }
}

// dy_sum[j] = sum over rows of dy, dy_xhat_sum[j] = sum over rows of dy (x - mean) inverse_std
template <class T>
inline void batch_norm_sums(Isa, const T* dy, const T* x, Index rows, Index columns, const T* mean,
                            const T* inverse_std, T* dy_sum, T* dy_xhat_sum) {
  for (Index j = 0; j < columns; j += lanes<T>) {
    const Index count = columns - j;
    const Vector<T> center = load_up_to(mean + j, count);
    Vector<T> sum = {}, product = {};
    for (Index i = 0; i < rows; ++i) {
      const Vector<T> g = load_up_to(dy + i * columns + j, count);
      sum += g;
      product += g * (load_up_to(x + i * columns + j, count) - center);
    }
    store_up_to(dy_sum + j, sum, count);
    store_up_to(dy_xhat_sum + j, product * load_up_to(inverse_std + j, count), count);
  }
}

// dx = a dy + b (x - mean) + c
template <class T>
inline void batch_norm_dx(Isa, const T* dy, const T* x, Index rows, Index columns, const T* mean, const T* a,
                          const T* b, const T* c, T* dx) {
  for (Index i = 0; i < rows; ++i, dy += columns, x += columns, dx += columns)
    for (Index j = 0; j < columns; j += lanes<T>) {
      const Index count = columns - j;
      const Vector<T> d = load_up_to(x + j, count) - load_up_to(mean + j, count);
      store_up_to(dx + j,
                  load_up_to(dy + j, count) * load_up_to(a + j, count) + d * load_up_to(b + j, count) +
                      load_up_to(c + j, count),
                  count);
    }
}
