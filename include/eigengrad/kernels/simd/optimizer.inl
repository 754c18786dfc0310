// Optimiser updates in one pass over memory. Like all code that is sensitive to how products and sums are contracted,
// each is one function that is never inlined, called for whole vectors and once more for the padded tail: an element
// gets the same bits wherever it lies. Only Adam's formula is part of another one, too, that of products
// (product_update.inl): both have to be contracted alike, which a test of their bits watches over.

// m = beta1 m + (1 - beta1) g,  v = beta2 v + (1 - beta2) g^2,  p = shrink p - rate m / (scale sqrt(v) + epsilon)
template <class T>
[[gnu::always_inline]] inline void adam_vector(const AdamFactors<T>& f, T* p, T* m, T* v, Vector<T> gradient) {
  // Read before anything is written: the three lie alike in their pages, which looks like the same address.
  const Vector<T> before = load(p);
  const Vector<T> first = f.beta1 * load(m) + f.gain1 * gradient;
  const Vector<T> second = f.beta2 * load(v) + f.gain2 * gradient * gradient;
  store(m, first);
  store(v, second);
  store(p, f.shrink * before - f.rate * first / (f.scale * vector_sqrt<T>(second) + f.epsilon));
}

template <class T>
[[gnu::noinline]] void adam_vectors(Isa, AdamFactors<T> factors, T* p, T* m, T* v, const T* g, Index count) {
  for (Index i = 0; i < count * lanes<T>; i += lanes<T>) adam_vector(factors, p + i, m + i, v + i, load(g + i));
}

template <class T>
void adam_block(Isa isa, const AdamFactors<T>& factors, AdamState<T> to, const T* g, Index n) {
  const Index count = n / lanes<T>, body = count * lanes<T>, rest = n - body;
  adam_vectors(isa, factors, to.parameter, to.m, to.v, g, count);
  if (rest == 0) return;
  to = to + body;
  alignas(vector_bytes) T part_p[lanes<T>], part_m[lanes<T>], part_v[lanes<T>], part_g[lanes<T>];
  store(part_p, load_part(to.parameter, rest));
  store(part_m, load_part(to.m, rest));
  store(part_v, load_part(to.v, rest));
  store(part_g, load_part(g + body, rest));
  adam_vectors(isa, factors, part_p, part_m, part_v, part_g, 1);
  store_part(to.parameter, load(part_p), rest);
  store_part(to.m, load(part_m), rest);
  store_part(to.v, load(part_v), rest);
}

// d = g + weight_decay p,  b = momentum b + d,  p = p - learning_rate (nesterov ? d + momentum b : b)
template <class T>
[[gnu::noinline]] void momentum_vectors(Isa, SgdCoefficients c, T* p, T* b, const T* g, Index count) {
  const T rate = static_cast<T>(c.learning_rate), decay = static_cast<T>(c.weight_decay);
  const T momentum = static_cast<T>(c.momentum);
  for (Index i = 0; i < count * lanes<T>; i += lanes<T>) {
    const Vector<T> parameter = load(p + i);
    const Vector<T> direction = load(g + i) + decay * parameter;
    const Vector<T> velocity = momentum * load(b + i) + direction;
    store(b + i, velocity);
    store(p + i, parameter - rate * (c.nesterov ? direction + momentum * velocity : velocity));
  }
}

// p = p - learning_rate (g + weight_decay p)
template <class T>
[[gnu::noinline]] void descent_vectors(Isa, SgdCoefficients c, T* p, const T* g, Index count) {
  const T rate = static_cast<T>(c.learning_rate), decay = static_cast<T>(c.weight_decay);
  for (Index i = 0; i < count * lanes<T>; i += lanes<T>) {
    const Vector<T> parameter = load(p + i);
    store(p + i, parameter - rate * (load(g + i) + decay * parameter));
  }
}

// b is null where there is no momentum.
template <class T>
void sgd_block(Isa isa, SgdCoefficients c, T* p, T* b, const T* g, Index n) {
  const Index count = n / lanes<T>, body = count * lanes<T>, rest = n - body;
  if (b != nullptr)
    momentum_vectors(isa, c, p, b, g, count);
  else
    descent_vectors(isa, c, p, g, count);
  if (rest == 0) return;
  alignas(vector_bytes) T part_p[lanes<T>], part_b[lanes<T>], part_g[lanes<T>];
  store(part_p, load_part(p + body, rest));
  store(part_g, load_part(g + body, rest));
  if (b != nullptr) {
    store(part_b, load_part(b + body, rest));
    momentum_vectors(isa, c, part_p, part_b, part_g, 1);
    store_part(b + body, load(part_b), rest);
  } else {
    descent_vectors(isa, c, part_p, part_g, 1);
  }
  store_part(p + body, load(part_p), rest);
}

// Half a vector of floats widened to doubles, or a vector of doubles.
template <class T>
[[gnu::always_inline]] inline Vector<double> load_as_double(const T* from) {
  if constexpr (sizeof(T) == sizeof(double)) {
    return load(from);
  } else {
    typedef T Half __attribute__((vector_size(vector_bytes / 2), aligned(alignof(T)), may_alias));
    return __builtin_convertvector(*reinterpret_cast<const Half*>(from), Vector<double>);
  }
}

// Sum of x_i^2 in double; the order depends on n alone.
template <class T>
double sum_of_squares_block(Isa, const T* x, Index n) {
  constexpr Index width = lanes<double>;
  Vector<double> sums[4] = {};
  Index i = 0;
  for (; i + 4 * width <= n; i += 4 * width)
#pragma GCC unroll 4
    for (int k = 0; k < 4; ++k) {
      const Vector<double> value = load_as_double(x + i + k * width);
      sums[k] += value * value;
    }
  const Vector<double> total = (sums[0] + sums[1]) + (sums[2] + sums[3]);
  double sum = 0;
  for (int lane = 0; lane < lanes<double>; ++lane) sum += total[lane];
  for (; i < n; ++i) sum += static_cast<double>(x[i]) * static_cast<double>(x[i]);
  return sum;
}
