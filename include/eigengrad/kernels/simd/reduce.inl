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

// op over n contiguous values.
template <class Op, class T>
inline T reduce_run(Isa, Op operation, const T* x, Index n) {
  constexpr int chains = 4;
  Vector<T> sums[chains];
  for (int c = 0; c < chains; ++c) sums[c] = broadcast(identity_of<T>(operation));
  Index i = 0;
  for (; i + chains * lanes<T> <= n; i += chains * lanes<T>)
#pragma GCC unroll 4
    for (int c = 0; c < chains; ++c) sums[c] = apply<T>(operation, sums[c], load(x + i + c * lanes<T>));
  for (; i + lanes<T> <= n; i += lanes<T>) sums[0] = apply<T>(operation, sums[0], load(x + i));
  const Vector<T> sum =
      apply<T>(operation, apply<T>(operation, sums[0], sums[1]), apply<T>(operation, sums[2], sums[3]));
  T total = identity_of<T>(operation);
  for (; i < n; ++i) total = apply_scalar(operation, total, x[i]);
  for (int lane = 0; lane < lanes<T>; ++lane)
    total = apply_scalar(operation, total, static_cast<T>(sum[lane]));
  return total;
}

// y[j] = op over i of x[i * columns + j]: the columns of a contiguous matrix.
template <class Op, class T>
inline void reduce_columns(Isa, Op operation, const T* x, Index rows, Index columns, T* y) {
  constexpr int width = 4;
  Index j = 0;
  for (; j + width * lanes<T> <= columns; j += width * lanes<T>) {
    Vector<T> sums[width];
#pragma GCC unroll 4
    for (int c = 0; c < width; ++c) sums[c] = broadcast(identity_of<T>(operation));
    for (Index i = 0; i < rows; ++i)
#pragma GCC unroll 4
      for (int c = 0; c < width; ++c)
        sums[c] = apply<T>(operation, sums[c], load(x + i * columns + j + c * lanes<T>));
#pragma GCC unroll 4
    for (int c = 0; c < width; ++c) store(y + j + c * lanes<T>, sums[c]);
  }
  for (; j < columns; j += lanes<T>) {
    const Index count = columns - j < lanes<T> ? columns - j : lanes<T>;
    Vector<T> sum = broadcast(identity_of<T>(operation));
    for (Index i = 0; i < rows; ++i)
      sum = apply<T>(operation, sum,
                     count == lanes<T> ? load(x + i * columns + j) : load_part(x + i * columns + j, count));
    count == lanes<T> ? store(y + j, sum) : store_part(y + j, sum, count);
  }
}
