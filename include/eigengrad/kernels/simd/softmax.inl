// Softmax over one contiguous row.

// The sum of exp(x - shift), which is kept as y unless y is null.
template <class T>
inline T exp_row(Isa, const T* x, Index n, T shift, T* y) {
  Vector<T> sum = {};
  T rest = 0;
  Index i = 0;
  for (; i + lanes<T> <= n; i += lanes<T>) {
    const Vector<T> e = vector_exp<T>(load(x + i) - shift);
    sum += e;
    if (y != nullptr) store(y + i, e);
  }
  if (i < n) {
    const Vector<T> e = vector_exp<T>(load_part(x + i, n - i) - shift);
    for (Index j = 0; j < n - i; ++j) rest += e[j];
    if (y != nullptr) store_part(y + i, e, n - i);
  }
  return reduce_lanes<op::Add, T>(op::Add{}, sum) + rest;
}

// y = y / divisor
template <class T>
inline void divide_row(Isa, T* y, Index n, T divisor) {
  Index i = 0;
  for (; i + lanes<T> <= n; i += lanes<T>) store(y + i, quotient<T>(load(y + i), broadcast(divisor)));
  if (i < n) store_part(y + i, quotient<T>(load_part(y + i, n - i), broadcast(divisor)), n - i);
}

// sum of a b
template <class T>
inline T dot_row(Isa, const T* a, const T* b, Index n) {
  Vector<T> sum = {};
  Index i = 0;
  for (; i + lanes<T> <= n; i += lanes<T>) sum += load(a + i) * load(b + i);
  T total = 0;
  for (; i < n; ++i) total += a[i] * b[i];
  for (int lane = 0; lane < lanes<T>; ++lane) total += static_cast<T>(sum[lane]);
  return total;
}

// dx = dy - exp(y) c
template <class T>
inline void subtract_scaled_exp_row(Isa, const T* dy, const T* y, Index n, T c, T* dx) {
  Index i = 0;
  for (; i + lanes<T> <= n; i += lanes<T>) store(dx + i, load(dy + i) - vector_exp<T>(load(y + i)) * c);
  if (i < n) store_part(dx + i, load_part(dy + i, n - i) - vector_exp<T>(load_part(y + i, n - i)) * c, n - i);
}
