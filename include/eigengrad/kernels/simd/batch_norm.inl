// Batch norm over the columns of a [rows, columns] matrix whose rows lie `stride` apart; every argument named
// after a statistic or coefficient has one value for each column. The last vector of columns may overlap its
// neighbour; `whole` is false where the columns do not fill one vector.

template <bool whole, class T>
[[gnu::always_inline]] inline Vector<T> load_columns(const T* from, Index columns) {
  if constexpr (whole)
    return load(from);
  else
    return load_part(from, columns);
}
template <bool whole, bool streaming = false, class T>
[[gnu::always_inline]] inline void store_columns(T* to, Vector<T> value, Index columns) {
  if constexpr (whole)
    store<streaming>(to, value);
  else
    store_part(to, value, columns);
}
// Where the vector of columns from j begins.
template <bool whole, class T>
[[gnu::always_inline]] inline Index column_start(Index j, Index columns) {
  return whole && j + lanes<T> > columns ? columns - lanes<T> : j;
}

// Vectors of columns summed at a time. With AVX-512 they are a whole strip, 512 contiguous bytes of each row.
inline constexpr int batch_norm_tile = vector_bytes == 64 ? 8 : 2;

// Rows of which moments are taken together: they stay in the first-level cache for the second look at them.
inline constexpr Index moments_rows = 32;

template <int width, bool whole, class T>
[[gnu::always_inline]] inline void moments_tile(const T* x, Index rows, Index stride, Index columns,
                                                const T* shift, T* offset, T* squares) {
  Vector<T> start[width], mean[width], square[width];
#pragma GCC unroll 8
  for (int c = 0; c < width; ++c) {
    start[c] = load_columns<whole>(shift + c * lanes<T>, columns);
    mean[c] = square[c] = Vector<T>{};
  }
  for (Index first = 0; first < rows; first += moments_rows) {
    const Index count = rows - first < moments_rows ? rows - first : moments_rows;
    const T* const from = x + first * stride;
    Vector<T> sum[width] = {};
    for (Index i = 0; i < count; ++i)
#pragma GCC unroll 8
      for (int c = 0; c < width; ++c)
        sum[c] += load_columns<whole>(from + i * stride + c * lanes<T>, columns) - start[c];
#pragma GCC unroll 8
    for (int c = 0; c < width; ++c) sum[c] /= static_cast<T>(count);
    for (Index i = 0; i < count; ++i)
#pragma GCC unroll 8
      for (int c = 0; c < width; ++c) {
        const Vector<T> d =
            (load_columns<whole>(from + i * stride + c * lanes<T>, columns) - start[c]) - sum[c];
        square[c] += d * d;
      }
    // Chan, Golub and LeVeque: moments of two sets from those of each.
    const T share = static_cast<T>(count) / static_cast<T>(first + count), weight = static_cast<T>(first) * share;
#pragma GCC unroll 8
    for (int c = 0; c < width; ++c) {
      const Vector<T> apart = sum[c] - mean[c];
      mean[c] += apart * share;
      square[c] += apart * apart * weight;
    }
  }
#pragma GCC unroll 8
  for (int c = 0; c < width; ++c) {
    store_columns<whole>(offset + c * lanes<T>, mean[c], columns);
    store_columns<whole>(squares + c * lanes<T>, square[c], columns);
  }
}

// offset = mean over rows of (x - shift), squares = sum over rows of (x - shift - offset)^2
template <class T>
inline void batch_norm_moments(Isa, const T* x, Index rows, Index stride, Index columns, const T* shift,
                               T* offset, T* squares) {
  constexpr int width = batch_norm_tile;
  if (columns < lanes<T>)
    return moments_tile<1, false>(x, rows, stride, columns, shift, offset, squares);
  Index j = 0;
  for (; j + width * lanes<T> <= columns; j += width * lanes<T>)
    moments_tile<width, true>(x + j, rows, stride, columns, shift + j, offset + j, squares + j);
  for (; j < columns; j += lanes<T>) {
    const Index at = column_start<true, T>(j, columns);
    moments_tile<1, true>(x + at, rows, stride, columns, shift + at, offset + at, squares + at);
  }
}

// z = (x - mean) scale + shift. One function, so that the reverse pass finds the same sign.
template <bool whole, class T>
[[gnu::always_inline]] inline Vector<T> normalized(Vector<T> x, Index columns,
                                                   const BatchNormColumns<T>& forward) {
  return (x - load_columns<whole>(forward.mean, columns)) * load_columns<whole>(forward.scale, columns) +
         load_columns<whole>(forward.shift, columns);
}

// Whether rows of `columns` values, `stride` apart, may be written past the caches: whole lines only.
template <class T>
inline bool can_stream_rows(const T* to, Index stride, Index columns) {
  return is_vector_aligned(to) && stride % lanes<T> == 0 && columns % lanes<T> == 0;
}

// y = z for z >= 0, else slope z
template <bool whole, bool streaming, class T>
[[gnu::always_inline]] inline void normalize_rows(const T* x, Index rows, Index stride, Index columns,
                                                  const BatchNormColumns<T>& forward, T* y) {
  for (Index i = 0; i < rows; ++i, x += stride, y += stride)
    for (Index j = 0; j < columns; j += lanes<T>) {
      const Index at = column_start<whole, T>(j, columns);
      const Vector<T> z =
          normalized<whole>(load_columns<whole>(x + at, columns), columns, forward + at);
      store_columns<whole, streaming>(y + at, z < T(0) ? z * forward.slope : z, columns);
    }
  end_streaming<streaming>();
}
template <class T>
inline void batch_norm_value(Isa, const T* x, Index rows, Index stride, Index columns,
                             const BatchNormColumns<T>& forward, T* y, bool past_caches = false) {
  if (columns < lanes<T>)
    normalize_rows<false, false>(x, rows, stride, columns, forward, y);
  else if (past_caches && can_stream_rows(y, stride, columns))
    normalize_rows<true, true>(x, rows, stride, columns, forward, y);
  else
    normalize_rows<true, false>(x, rows, stride, columns, forward, y);
}

// dz = dy for z > 0, else slope dy
template <bool active, bool whole, class T>
[[gnu::always_inline]] inline Vector<T> activation_gradient(Vector<T> dy, Vector<T> x, Index columns,
                                                            const BatchNormColumns<T>& forward) {
  if constexpr (!active) return dy;
  return normalized<whole>(x, columns, forward) > T(0) ? dy : dy * forward.slope;
}

template <int width, bool active, bool whole, class T>
[[gnu::always_inline]] inline void gradient_sums_tile(const T* dy, const T* x, Index rows, Index stride,
                                                      Index columns, const BatchNormColumns<T>& forward,
                                                      T* dz_sum, T* dz_x_sum) {
  Vector<T> center[width], sum[width], product[width];
#pragma GCC unroll 8
  for (int c = 0; c < width; ++c) {
    center[c] = load_columns<whole>(forward.mean + c * lanes<T>, columns);
    sum[c] = product[c] = Vector<T>{};
  }
  for (Index i = 0; i < rows; ++i)
#pragma GCC unroll 8
    for (int c = 0; c < width; ++c) {
      const Index at = i * stride + c * lanes<T>;
      const Vector<T> value = load_columns<whole>(x + at, columns);
      const Vector<T> dz = activation_gradient<active, whole>(load_columns<whole>(dy + at, columns), value,
                                                              columns, forward + c * lanes<T>);
      sum[c] += dz;
      product[c] += dz * (value - center[c]);
    }
#pragma GCC unroll 8
  for (int c = 0; c < width; ++c) {
    store_columns<whole>(dz_sum + c * lanes<T>, sum[c], columns);
    store_columns<whole>(dz_x_sum + c * lanes<T>, product[c], columns);
  }
}

template <bool active, class T>
[[gnu::always_inline]] inline void gradient_sums(const T* dy, const T* x, Index rows, Index stride,
                                                 Index columns, const BatchNormColumns<T>& forward, T* dz_sum,
                                                 T* dz_x_sum) {
  constexpr int width = batch_norm_tile;
  if (columns < lanes<T>)
    return gradient_sums_tile<1, active, false>(dy, x, rows, stride, columns, forward, dz_sum, dz_x_sum);
  Index j = 0;
  for (; j + width * lanes<T> <= columns; j += width * lanes<T>)
    gradient_sums_tile<width, active, true>(dy + j, x + j, rows, stride, columns, forward + j, dz_sum + j,
                                            dz_x_sum + j);
  for (; j < columns; j += lanes<T>) {
    const Index at = column_start<true, T>(j, columns);
    gradient_sums_tile<1, active, true>(dy + at, x + at, rows, stride, columns, forward + at, dz_sum + at,
                                        dz_x_sum + at);
  }
}

// dz_sum = sum over rows of dz, dz_x_sum = sum over rows of dz (x - mean)
template <class T>
inline void batch_norm_sums(Isa, const T* dy, const T* x, Index rows, Index stride, Index columns,
                            const BatchNormColumns<T>& forward, T* dz_sum, T* dz_x_sum) {
  forward.slope == T(1) ? gradient_sums<false>(dy, x, rows, stride, columns, forward, dz_sum, dz_x_sum)
                        : gradient_sums<true>(dy, x, rows, stride, columns, forward, dz_sum, dz_x_sum);
}

template <bool active, bool whole, bool streaming, class T>
[[gnu::always_inline]] inline void gradient_rows(const T* dy, const T* x, Index rows, Index stride,
                                                 Index columns, const BatchNormColumns<T>& forward,
                                                 const T* b, const T* c, T* dx) {
  for (Index i = 0; i < rows; ++i, dy += stride, x += stride, dx += stride)
    for (Index j = 0; j < columns; j += lanes<T>) {
      const Index at = column_start<whole, T>(j, columns);
      const Vector<T> value = load_columns<whole>(x + at, columns);
      const Vector<T> dz = activation_gradient<active, whole>(load_columns<whole>(dy + at, columns), value,
                                                              columns, forward + at);
      const Vector<T> d = value - load_columns<whole>(forward.mean + at, columns);
      store_columns<whole, streaming>(
          dx + at,
          dz * load_columns<whole>(forward.scale + at, columns) + d * load_columns<whole>(b + at, columns) +
              load_columns<whole>(c + at, columns),
          columns);
    }
  end_streaming<streaming>();
}
template <bool active, class T>
[[gnu::always_inline]] inline void gradient_columns(const T* dy, const T* x, Index rows, Index stride,
                                                    Index columns, const BatchNormColumns<T>& forward,
                                                    const T* b, const T* c, T* dx, bool past_caches) {
  if (columns < lanes<T>)
    gradient_rows<active, false, false>(dy, x, rows, stride, columns, forward, b, c, dx);
  else if (past_caches && can_stream_rows(dx, stride, columns))
    gradient_rows<active, true, true>(dy, x, rows, stride, columns, forward, b, c, dx);
  else
    gradient_rows<active, true, false>(dy, x, rows, stride, columns, forward, b, c, dx);
}
// dx = scale dz + b (x - mean) + c
template <class T>
inline void batch_norm_dx(Isa, const T* dy, const T* x, Index rows, Index stride, Index columns,
                          const BatchNormColumns<T>& forward, const T* b, const T* c, T* dx,
                          bool past_caches = false) {
  forward.slope == T(1)
      ? gradient_columns<false>(dy, x, rows, stride, columns, forward, b, c, dx, past_caches)
      : gradient_columns<true>(dy, x, rows, stride, columns, forward, b, c, dx, past_caches);
}
