// Elementwise operations: what each tag of kernels/operations.hpp does to vectors, and the loops over a
// block. Comparisons are written so that NaN passes through.

template <class T>
[[gnu::always_inline]] inline Vector<T> apply(op::Scale o, Vector<T> x) {
  return x * T(o.factor) + T(o.offset);
}
template <class T>
[[gnu::always_inline]] inline Vector<T> apply(op::Exp, Vector<T> x) {
  return vector_exp<T>(x);
}
template <class T>
[[gnu::always_inline]] inline Vector<T> apply(op::Log, Vector<T> x) {
  return vector_log<T>(x);
}
template <class T>
[[gnu::always_inline]] inline Vector<T> apply(op::Square, Vector<T> x) {
  return x * x;
}
template <class T>
[[gnu::always_inline]] inline Vector<T> apply(op::Abs, Vector<T> x) {
  return absolute<T>(x);
}
template <class T>
[[gnu::always_inline]] inline Vector<T> apply(op::Sign, Vector<T> x) {
  return x > T(0) ? broadcast(T(1)) : (x < T(0) ? broadcast(T(-1)) : x);
}
template <class T>
[[gnu::always_inline]] inline Vector<T> apply(op::Reciprocal, Vector<T> x) {
  return T(1) / x;
}
template <class T>
[[gnu::always_inline]] inline Vector<T> apply(op::Relu, Vector<T> x) {
  return x < T(0) ? Vector<T>{} : x;
}
template <class T>
[[gnu::always_inline]] inline Vector<T> apply(op::LeakyRelu o, Vector<T> x) {
  return x < T(0) ? x * T(o.slope) : x;
}
template <class T>
[[gnu::always_inline]] inline Vector<T> apply(op::Sigmoid, Vector<T> x) {
  return vector_sigmoid<T>(x);
}
template <class T>
[[gnu::always_inline]] inline Vector<T> apply(op::Tanh, Vector<T> x) {
  return vector_tanh<T>(x);
}
template <class T>
[[gnu::always_inline]] inline Vector<T> apply(op::Softplus, Vector<T> x) {
  return vector_softplus<T>(x);
}
template <class T>
[[gnu::always_inline]] inline Vector<T> apply(op::LogSigmoid, Vector<T> x) {
  return -vector_softplus<T>(-x);
}
template <class T>
[[gnu::always_inline]] inline Vector<T> apply(op::Clamp o, Vector<T> x) {
  return x < T(o.low) ? broadcast(T(o.low)) : (x > T(o.high) ? broadcast(T(o.high)) : x);
}
template <class T>
[[gnu::always_inline]] inline Vector<T> apply(op::InRange o, Vector<T> x) {
  return ((x >= T(o.low)) & (x <= T(o.high))) ? broadcast(T(1)) : Vector<T>{};
}
template <class T>
[[gnu::always_inline]] inline Vector<T> apply(op::Step, Vector<T> x) {
  return x > T(0) ? broadcast(T(1)) : Vector<T>{};
}
template <class T>
[[gnu::always_inline]] inline Vector<T> apply(op::Sqrt, Vector<T> x) {
  return vector_sqrt<T>(x);
}
// One lane at a time: exp(exponent log x) would lose as many digits as the exponent of the result has.
template <class T>
[[gnu::always_inline]] inline Vector<T> apply(op::Pow o, Vector<T> x) {
  for (int i = 0; i < lanes<T>; ++i) x[i] = std::pow(x[i], static_cast<T>(o.exponent));
  return x;
}

template <class T>
[[gnu::always_inline]] inline Vector<T> apply(op::First, Vector<T> a, Vector<T>) {
  return a;
}
template <class T>
[[gnu::always_inline]] inline Vector<T> apply(op::Add, Vector<T> a, Vector<T> b) {
  return a + b;
}
template <class T>
[[gnu::always_inline]] inline Vector<T> apply(op::Subtract, Vector<T> a, Vector<T> b) {
  return a - b;
}
template <class T>
[[gnu::always_inline]] inline Vector<T> apply(op::Multiply, Vector<T> a, Vector<T> b) {
  return a * b;
}
template <class T>
[[gnu::always_inline]] inline Vector<T> apply(op::Divide, Vector<T> a, Vector<T> b) {
  return a / b;
}
template <class T>
[[gnu::always_inline]] inline Vector<T> apply(op::Minimum, Vector<T> a, Vector<T> b) {
  return a == a ? (b > a ? a : b) : a;
}
template <class T>
[[gnu::always_inline]] inline Vector<T> apply(op::Maximum, Vector<T> a, Vector<T> b) {
  return a == a ? (b < a ? a : b) : a;
}
template <class T>
[[gnu::always_inline]] inline Vector<T> apply(op::LargestNumber, Vector<T> a, Vector<T> b) {
  return b > a ? b : a;
}
template <class T>
[[gnu::always_inline]] inline Vector<T> apply(op::Greater, Vector<T> a, Vector<T> b) {
  return a > b ? broadcast(T(1)) : Vector<T>{};
}
template <class T>
[[gnu::always_inline]] inline Vector<T> apply(op::Equal, Vector<T> a, Vector<T> b) {
  return a == b ? broadcast(T(1)) : Vector<T>{};
}
template <class T>
[[gnu::always_inline]] inline Vector<T> apply(op::TanhGradient, Vector<T> dy, Vector<T> y) {
  return dy * (T(1) - y * y);
}
template <class T>
[[gnu::always_inline]] inline Vector<T> apply(op::SigmoidGradient, Vector<T> dy, Vector<T> y) {
  return dy * (y * (T(1) - y));
}
template <class T>
[[gnu::always_inline]] inline Vector<T> apply(op::ReluGradient, Vector<T> dy, Vector<T> y) {
  return y > T(0) ? dy : Vector<T>{};
}
template <class T>
[[gnu::always_inline]] inline Vector<T> apply(op::LeakyReluGradient o, Vector<T> dy, Vector<T> x) {
  return x > T(0) ? dy : dy * T(o.slope);
}
template <class T>
[[gnu::always_inline]] inline Vector<T> apply(op::SoftplusGradient, Vector<T> dy, Vector<T> x) {
  return dy * vector_sigmoid<T>(x);
}
template <class T>
[[gnu::always_inline]] inline Vector<T> apply(op::LogSigmoidGradient, Vector<T> dy, Vector<T> x) {
  return dy * vector_sigmoid<T>(-x);
}
template <class T>
[[gnu::always_inline]] inline Vector<T> apply(op::AbsGradient, Vector<T> dy, Vector<T> x) {
  return x > T(0) ? dy : (x < T(0) ? -dy : Vector<T>{});
}
template <class T>
[[gnu::always_inline]] inline Vector<T> apply(op::ClampGradient o, Vector<T> dy, Vector<T> x) {
  return ((x >= T(o.low)) & (x <= T(o.high))) ? dy : Vector<T>{};
}
// Bernoulli with e = e^-|l|: sigmoid(|l|) = 1 / (1 + e) and sigmoid(-|l|) = e / (1 + e), so nothing overflows and
// nothing cancels.
template <class T>
[[gnu::always_inline]] inline Vector<T> apply(op::BernoulliLogProb, Vector<T> l, Vector<T> x) {
  return (l < T(0) ? x : x - T(1)) * l - log1p_unit<T>(exp_of_minus<T>(absolute<T>(l)));
}
template <class T>
[[gnu::always_inline]] inline Vector<T> apply(op::BernoulliScore, Vector<T> l, Vector<T> x) {
  const Vector<T> e = exp_of_minus<T>(absolute<T>(l));
  return quotient<T>(l < T(0) ? x - (T(1) - x) * e : x * e - (T(1) - x), T(1) + e);
}
template <class T>
[[gnu::always_inline]] inline Vector<T> apply(op::BernoulliEntropy, Vector<T> l) {
  const Vector<T> magnitude = absolute<T>(l), e = exp_of_minus<T>(magnitude);
  return log1p_unit<T>(e) + magnitude * quotient<T>(e, T(1) + e);
}

template <class T>
[[gnu::always_inline]] inline Vector<T> apply(op::DivideBy o, Vector<T> x) {
  return quotient<T>(x, broadcast(T(o.divisor)));
}
template <class T>
[[gnu::always_inline]] inline Vector<T> apply(op::SubtractBoth o, Vector<T> x) {
  return (x - T(o.first)) - T(o.second);
}
template <class T>
[[gnu::always_inline]] inline Vector<T> apply(op::SoftmaxGradient o, Vector<T> dy, Vector<T> y) {
  return y * (dy - T(o.dot));
}
template <class T>
[[gnu::always_inline]] inline Vector<T> apply(op::LogSoftmaxGradient o, Vector<T> dy, Vector<T> y) {
  return dy - vector_exp<T>(y) * T(o.sum);
}

template <bool streaming, class Op, class T>
[[gnu::always_inline]] inline void unary_run(Op operation, const T* x, T* y, Index n) {
  Index i = 0;
  for (; i + lanes<T> <= n; i += lanes<T>) store<streaming>(y + i, apply<T>(operation, load(x + i)));
  if (i < n) store_part(y + i, apply<T>(operation, load_part(x + i, n - i)), n - i);
  end_streaming<streaming>();
}

// y = op(x); y may be x unless it is written past the caches.
template <class Op, class T>
inline void unary_block(Isa, Op operation, const T* x, T* y, Index n, bool past_caches = false) {
  if (past_caches && is_vector_aligned(y)) return unary_run<true>(operation, x, y, n);
  unary_run<false>(operation, x, y, n);
}

// A run of one operand: consecutive values (stride 1) or one value repeated (stride 0).
template <int stride, class T>
[[gnu::always_inline]] inline Vector<T> load_strided(const T* x, Index i, Index count) {
  if constexpr (stride == 0) return broadcast(x[0]);
  return count == lanes<T> ? load(x + i) : load_part(x + i, count);
}

template <bool streaming, int stride_a, int stride_b, class Op, class T>
[[gnu::always_inline]] inline void binary_run(Op operation, const T* a, const T* b, T* y, Index n) {
  Index i = 0;
  for (; i + lanes<T> <= n; i += lanes<T>)
    store<streaming>(y + i, apply<T>(operation, load_strided<stride_a>(a, i, lanes<T>),
                                     load_strided<stride_b>(b, i, lanes<T>)));
  if (i < n)
    store_part(y + i,
               apply<T>(operation, load_strided<stride_a>(a, i, n - i), load_strided<stride_b>(b, i, n - i)),
               n - i);
  end_streaming<streaming>();
}

// y = op(a, b); y may be a or b unless it is written past the caches.
template <class Op, class T>
inline void binary_block(Isa, Op operation, const T* a, const T* b, T* y, Index n, bool past_caches = false) {
  if (past_caches && is_vector_aligned(y)) return binary_run<true, 1, 1>(operation, a, b, y, n);
  binary_run<false, 1, 1>(operation, a, b, y, n);
}

// The same with operand strides of 0 or 1.
template <class Op, class T>
inline void binary_block(Isa isa, Op operation, const T* a, Index stride_a, const T* b, Index stride_b, T* y,
                         Index n, bool past_caches = false) {
  if (stride_a == 1 && stride_b == 1) return binary_block(isa, operation, a, b, y, n, past_caches);
  if (stride_a == 1) return binary_run<false, 1, 0>(operation, a, b, y, n);
  if (stride_b == 1) return binary_run<false, 0, 1>(operation, a, b, y, n);
  binary_run<false, 0, 0>(operation, a, b, y, n);
}
