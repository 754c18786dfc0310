// Softmax over one contiguous row.

// y = exp(x - shift); returns the sum of y.
template <class T>
inline T exp_row(Isa isa, const T* x, Index n, T shift, T* y) {
  Index i = 0;
  for (; i + lanes<T> <= n; i += lanes<T>) store(y + i, vector_exp<T>(load(x + i) - shift));
  if (i < n) store_part(y + i, vector_exp<T>(load_part(x + i, n - i) - shift), n - i);
  return reduce_run(isa, op::Add{}, y, n);
}

// sum of exp(x - shift)
template <class T>
inline T sum_exp_row(Isa, const T* x, Index n, T shift) {
  Vector<T> sum = {};
  Index i = 0;
  for (; i + lanes<T> <= n; i += lanes<T>) sum += vector_exp<T>(load(x + i) - shift);
  T part[lanes<T>] = {};
  if (i < n) store_part(part, vector_exp<T>(load_part(x + i, n - i) - shift), n - i);
  T total = 0;
  for (int lane = 0; lane < lanes<T>; ++lane) total += static_cast<T>(sum[lane]) + part[lane];
  return total;
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
