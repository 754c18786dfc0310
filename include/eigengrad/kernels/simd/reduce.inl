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
inline constexpr T identity_of(op::LargestNumber) {
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
template <class T>
[[gnu::always_inline]] inline T apply_scalar(op::LargestNumber, T a, T b) {
  return b > a ? b : a;
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

// y[j] = y[j] op x[i * stride + j] for i = 0 .. count - 1 in order and whole vectors of columns. Rows are read as they
// lie in memory, while y stays in the cache.
template <int count, class Op, class T>
[[gnu::always_inline]] inline void reduce_rows_into(Op operation, const T* x, Index stride, Index columns, T* y) {
  for (Index j = 0; j + lanes<T> <= columns; j += lanes<T>) {
    Vector<T> total = load(y + j);
#pragma GCC unroll 8
    for (int i = 0; i < count; ++i) total = apply<T>(operation, total, load(x + i * stride + j));
    store(y + j, total);
  }
}

// y[j] = op over i of x[i * stride + j], for at least one vector of columns.
template <class Op, class T>
inline void reduce_wide_columns(Isa, Op operation, const T* x, Index rows, Index stride, Index columns, T* y) {
  const Vector<T> identity = broadcast(identity_of<T>(operation));
  for (Index j = 0; j + lanes<T> <= columns; j += lanes<T>) store(y + j, identity);
  Index i = 0;
  for (; i + 8 <= rows; i += 8) reduce_rows_into<8>(operation, x + i * stride, stride, columns, y);
  for (; i < rows; ++i) reduce_rows_into<1>(operation, x + i * stride, stride, columns, y);
  if (columns % lanes<T> == 0) return;
  // The rest of the columns with some of their neighbours, whose totals come out the same again.
  const Index last = columns - lanes<T>;
  Vector<T> total = identity;
  for (i = 0; i < rows; ++i) total = apply<T>(operation, total, load(x + i * stride + last));
  store(y + last, total);
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
