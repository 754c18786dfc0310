// Reductions: op is op::Add or op::Maximum. Sums run in a fixed order: one chain per vector lane and
// accumulator.

template <class T>
inline constexpr T identity_of(op::Add) {
  return T(0);
}
template <class T>
inline constexpr T identity_of(op::Maximum) {
  return -std::numeric_limits<T>::infinity();
}

template <class T>
[[gnu::always_inline]] inline T apply_scalar(op::Add, T a, T b) {
  return a + b;
}
template <class T>
[[gnu::always_inline]] inline T apply_scalar(op::Maximum, T a, T b) {
  return a == a ? (b < a ? a : b) : a;
}

// op over the lanes of a vector, halves onto each other.
template <class Op, class T>
[[gnu::always_inline]] inline T reduce_lanes(Op operation, Vector<T> sum) {
  alignas(vector_bytes) T values[lanes<T>];
  store(values, sum);
  for (int half = lanes<T> / 2; half > 0; half /= 2)
    for (int i = 0; i < half; ++i) values[i] = apply_scalar(operation, values[i], values[i + half]);
  return values[0];
}

// op over n contiguous values.
template <class Op, class T>
inline T reduce_run(Isa, Op operation, const T* x, Index n) {
  constexpr int chains = 4;
  T total = identity_of<T>(operation);
  Index i = 0;
  if (n >= lanes<T>) {
    Vector<T> sums[chains];
#pragma GCC unroll 4
    for (int c = 0; c < chains; ++c) sums[c] = broadcast(identity_of<T>(operation));
    for (; i + chains * lanes<T> <= n; i += chains * lanes<T>)
#pragma GCC unroll 4
      for (int c = 0; c < chains; ++c) sums[c] = apply<T>(operation, sums[c], load(x + i + c * lanes<T>));
    for (; i + lanes<T> <= n; i += lanes<T>) sums[0] = apply<T>(operation, sums[0], load(x + i));
    total = reduce_lanes<Op, T>(operation, apply<T>(operation, apply<T>(operation, sums[0], sums[1]),
                                                    apply<T>(operation, sums[2], sums[3])));
  }
  for (; i < n; ++i) total = apply_scalar(operation, total, x[i]);
  return total;
}

// y[j] = op over i of x[i * stride + j], for `width` vectors of columns.
template <int width, class Op, class T>
[[gnu::always_inline]] inline void reduce_column_tile(Op operation, const T* x, Index rows, Index stride, T* y) {
  Vector<T> sums[width];
#pragma GCC unroll 4
  for (int c = 0; c < width; ++c) sums[c] = broadcast(identity_of<T>(operation));
  for (Index i = 0; i < rows; ++i)
#pragma GCC unroll 4
    for (int c = 0; c < width; ++c) sums[c] = apply<T>(operation, sums[c], load(x + i * stride + c * lanes<T>));
#pragma GCC unroll 4
  for (int c = 0; c < width; ++c) store(y + c * lanes<T>, sums[c]);
}

// y[j] = op over i of x[i * stride + j], for at least one vector of columns; the last vector may overlap its
// neighbour.
template <class Op, class T>
inline void reduce_wide_columns(Isa, Op operation, const T* x, Index rows, Index stride, Index columns, T* y) {
  constexpr int width = 4;
  Index j = 0;
  for (; j + width * lanes<T> <= columns; j += width * lanes<T>)
    reduce_column_tile<width>(operation, x + j, rows, stride, y + j);
  for (; j < columns; j += lanes<T>) {
    const Index first = j + lanes<T> <= columns ? j : columns - lanes<T>;
    reduce_column_tile<1>(operation, x + first, rows, stride, y + first);
  }
}

// y[j] = op over i of x[i * stride + j].
template <class Op, class T>
inline void reduce_columns(Isa isa, Op operation, const T* x, Index rows, Index stride, Index columns, T* y) {
  if (columns >= lanes<T>) return reduce_wide_columns(isa, operation, x, rows, stride, columns, y);
  for (Index j = 0; j < columns; ++j) y[j] = identity_of<T>(operation);
  Index i = 0;
  if (stride == columns && rows >= lanes<T>) {
    // As many rows as a vector has lanes make one wide row.
    T parts[lanes<T> * lanes<T>] = {};
    reduce_wide_columns(isa, operation, x, rows / lanes<T>, columns * lanes<T>, columns * lanes<T>, parts);
    for (int k = 0; k < lanes<T>; ++k)
      for (Index j = 0; j < columns; ++j) y[j] = apply_scalar(operation, y[j], parts[k * columns + j]);
    i = rows / lanes<T> * lanes<T>;
  }
  for (; i < rows; ++i)
    for (Index j = 0; j < columns; ++j) y[j] = apply_scalar(operation, y[j], x[i * stride + j]);
}
