// Softmax over one contiguous row.

// The sum of exp(x - shift) for x <= shift, which is kept as y unless y is null. Meanwhile the next row is brought in.
template <class T>
inline T exp_row(Isa, const T* x, Index n, T shift, T* y) {
  Vector<T> sum = {};
  T rest = 0;
  Index i = 0;
  for (; i + lanes<T> <= n; i += lanes<T>) {
    __builtin_prefetch(x + n + i);
    const Vector<T> e = exp_of_minus<T>(shift - load(x + i));
    sum += e;
    if (y != nullptr) store(y + i, e);
  }
  if (i < n) {
    const Vector<T> e = exp_of_minus<T>(shift - load_part(x + i, n - i));
    for (Index j = 0; j < n - i; ++j) rest += e[j];
    if (y != nullptr) store_part(y + i, e, n - i);
  }
  return reduce_lanes<op::Add, T>(op::Add{}, sum) + rest;
}

// The sum of a b.
template <class T>
inline T dot_row(Isa, const T* a, const T* b, Index n) {
  constexpr int chains = 4;
  Vector<T> sums[chains] = {};
  Index i = 0;
  for (; i + chains * lanes<T> <= n; i += chains * lanes<T>)
#pragma GCC unroll 4
    for (int c = 0; c < chains; ++c) sums[c] += load(a + i + c * lanes<T>) * load(b + i + c * lanes<T>);
  for (; i + lanes<T> <= n; i += lanes<T>) sums[0] += load(a + i) * load(b + i);
  T rest = 0;
  for (; i < n; ++i) rest += a[i] * b[i];
  return rest + reduce_lanes<op::Add, T>(op::Add{}, (sums[0] + sums[1]) + (sums[2] + sums[3]));
}
