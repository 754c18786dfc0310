// Elementary functions on vectors, branch-free. Reductions are exact, series are cut where the next term is
// below half an ulp; see the notes at each function. Denormal inputs count as zero (kernels run with
// denormals flushed).

template <class T>
using Mask = decltype(Vector<T>{} < Vector<T>{});  // integers of T's width: -1 where true

template <class T>
[[gnu::always_inline]] inline Vector<T> as_vector(Mask<T> bits) {
  return __builtin_bit_cast(Vector<T>, bits);
}
template <class T>
[[gnu::always_inline]] inline Mask<T> as_bits(Vector<T> value) {
  return __builtin_bit_cast(Mask<T>, value);
}
template <class T>
[[gnu::always_inline]] inline Vector<T> absolute(Vector<T> x) {
  return as_vector<T>(
      as_bits<T>(x) &
      std::numeric_limits<std::conditional_t<sizeof(T) == 4, std::int32_t, std::int64_t>>::max());
}

// The compilers' vector extensions have no square root; the instruction is exact to half an ulp.
template <class T>
[[gnu::always_inline]] inline Vector<T> vector_sqrt(Vector<T> x) {
#if defined(__x86_64__)
  constexpr bool is_float = sizeof(T) == 4;
  if constexpr (vector_bytes > 16 && is_float)
    asm("vsqrtps %1, %0" : "=v"(x) : "v"(x));
  else if constexpr (vector_bytes > 16)
    asm("vsqrtpd %1, %0" : "=v"(x) : "v"(x));
  else if constexpr (is_float)
    asm("sqrtps %1, %0" : "=x"(x) : "x"(x));
  else
    asm("sqrtpd %1, %0" : "=x"(x) : "x"(x));
#else
  for (int i = 0; i < lanes<T>; ++i) x[i] = std::sqrt(x[i]);
#endif
  return x;
}

// c_0 + c_1 x + ... by Horner's rule.
template <class T, std::size_t N>
[[gnu::always_inline]] inline Vector<T> polynomial(Vector<T> x, const double (&c)[N], int terms) {
  Vector<T> sum = broadcast(static_cast<T>(c[terms - 1]));
#pragma GCC unroll 24
  for (int i = terms - 2; i >= 0; --i) sum = sum * x + static_cast<T>(c[i]);
  return sum;
}

// 1 / (k + 1)!, so that e^r - 1 = r sum c_k r^k.
inline constexpr double exponential_series[] = {
    1.0,         1.0 / 2,      1.0 / 6,       1.0 / 24,       1.0 / 120,       1.0 / 720,         1.0 / 5040,
    1.0 / 40320, 1.0 / 362880, 1.0 / 3628800, 1.0 / 39916800, 1.0 / 479001600, 1.0 / 6227020800.0};
// 1 / (2 k + 1): artanh(s) = s sum c_k s^(2 k).
inline constexpr double artanh_series[] = {1.0,      1.0 / 3,  1.0 / 5,  1.0 / 7,  1.0 / 9,  1.0 / 11,
                                           1.0 / 13, 1.0 / 15, 1.0 / 17, 1.0 / 19, 1.0 / 21, 1.0 / 23,
                                           1.0 / 25, 1.0 / 27, 1.0 / 29, 1.0 / 31, 1.0 / 33};

template <class T>
struct ExponentBits {
  static constexpr int mantissa = std::numeric_limits<T>::digits - 1;
  static constexpr int bias = std::numeric_limits<T>::max_exponent - 1;
};

// 2^n for an integral n in the normal range.
template <class T>
[[gnu::always_inline]] inline Vector<T> power_of_two(Mask<T> n) {
  return as_vector<T>((n + ExponentBits<T>::bias) << ExponentBits<T>::mantissa);
}

// x = n ln 2 + r, |r| <= ln 2 / 2; ln 2 in two parts, the first short enough that n times it is exact.
template <class T>
struct ReducedExponent {
  Mask<T> n;
  Vector<T> r;
};
template <class T>
[[gnu::always_inline]] inline ReducedExponent<T> reduce_exponent(Vector<T> x) {
  constexpr T high = sizeof(T) == 4 ? T(0x1.63p-1) : T(0x1.62e42fee00000p-1);
  constexpr T low = sizeof(T) == 4 ? T(-0x1.bd0105c610ca8p-13) : T(0x1.a39ef35793c76p-33);
  constexpr T magic =
      T(3) * T(std::uint64_t{1} << (std::numeric_limits<T>::digits - 2));  // 1.5 2^(digits-1): rounds
  const Vector<T> n = (x * T(1.4426950408889634074) + magic) - magic;
  return {__builtin_convertvector(n, Mask<T>), (x - n * high) - n * low};
}

template <class T>
[[gnu::always_inline]] inline Vector<T> vector_exp(Vector<T> x) {
  constexpr T lowest = sizeof(T) == 4 ? T(-104) : T(-746), highest = sizeof(T) == 4 ? T(89) : T(710);
  const Vector<T> bounded = x < lowest ? broadcast(lowest) : (x > highest ? broadcast(highest) : x);
  const auto [n, r] = reduce_exponent<T>(bounded);
  const Vector<T> e = r * polynomial<T>(r, exponential_series, sizeof(T) == 4 ? 7 : 13) + T(1);
  const Mask<T> half = n >> 1;  // in two factors, so that neither leaves the range before the product does
  const Vector<T> y = e * power_of_two<T>(half) * power_of_two<T>(n - half);
  return x == x ? y : x;
}

// e^x - 1 for 0 <= x <= the bound of exp.
template <class T>
[[gnu::always_inline]] inline Vector<T> expm1_positive(Vector<T> x) {
  constexpr T highest = sizeof(T) == 4 ? T(88) : T(709);
  const auto [n, r] = reduce_exponent<T>(x > highest ? broadcast(highest) : x);
  const Vector<T> e = r * polynomial<T>(r, exponential_series, sizeof(T) == 4 ? 7 : 13);
  const Vector<T> scale = power_of_two<T>(n);
  return e * scale + (scale - T(1));
}

template <class T>
[[gnu::always_inline]] inline Vector<T> vector_tanh(Vector<T> x) {
  const Vector<T> magnitude = absolute<T>(x);
  const Vector<T> e = expm1_positive<T>(magnitude + magnitude);
  const Vector<T> y = e / (e + T(2));
  const Vector<T> bounded = magnitude > T(22) ? broadcast(T(1)) : y;
  return x == x ? (x < T(0) ? -bounded : bounded) : x;
}

template <class T>
[[gnu::always_inline]] inline Vector<T> vector_sigmoid(Vector<T> x) {
  return T(1) / (T(1) + vector_exp<T>(-x));
}

// log x: x = 2^e m with m in [sqrt 1/2, sqrt 2); log m = 2 artanh((m - 1) / (m + 1)).
template <class T>
[[gnu::always_inline]] inline Vector<T> vector_log(Vector<T> x) {
  constexpr int mantissa = ExponentBits<T>::mantissa;
  constexpr T infinity = std::numeric_limits<T>::infinity();
  const Mask<T> bits = as_bits<T>(x);
  const Mask<T> offset = bits - as_bits<T>(broadcast(T(0.70710678118654752440)));
  const Mask<T> exponent = offset >> mantissa;
  const Vector<T> m = as_vector<T>(bits - (exponent << mantissa));
  const Vector<T> f = m - T(1);
  const Vector<T> s = f / (f + T(2));
  const Vector<T> e = __builtin_convertvector(exponent, Vector<T>);
  const Vector<T> s2 = s * s;
  // 2 s = f - s f, so log m = f - s (f - 2 s^2 (1/3 + s^2/5 + ...)): f carries most digits and is exact.
  constexpr T high = sizeof(T) == 4 ? T(0x1.63p-1) : T(0x1.62e42fee00000p-1);
  constexpr T low = sizeof(T) == 4 ? T(-0x1.bd0105c610ca8p-13) : T(0x1.a39ef35793c76p-33);
  constexpr double shifted[] = {1.0 / 3,  1.0 / 5,  1.0 / 7,  1.0 / 9,  1.0 / 11, 1.0 / 13,
                                1.0 / 15, 1.0 / 17, 1.0 / 19, 1.0 / 21, 1.0 / 23};
  const Vector<T> rest = s2 * polynomial<T>(s2, shifted, sizeof(T) == 4 ? 5 : 11) * T(2);
  const Vector<T> y = e * high + (f - (s * (f - rest) - e * low));
  const Vector<T> positive = x == infinity ? x : y;
  const Vector<T> at_zero = x == T(0) ? broadcast(-infinity) : broadcast(std::numeric_limits<T>::quiet_NaN());
  return x > T(0) ? positive : (x == x ? at_zero : x);
}

// log(1 + u) for 0 <= u <= 1: 2 artanh(s / 2) with s = 2 u / (2 + u), which is not denormal where u is not.
template <class T>
[[gnu::always_inline]] inline Vector<T> log1p_unit(Vector<T> u) {
  const Vector<T> s = (u + u) / (u + T(2));
  return s * polynomial<T>(s * s * T(0.25), artanh_series, sizeof(T) == 4 ? 8 : 17);
}

template <class T>
[[gnu::always_inline]] inline Vector<T> vector_softplus(Vector<T> x) {
  const Vector<T> y = (x > T(0) ? x : Vector<T>{}) + log1p_unit<T>(vector_exp<T>(-absolute<T>(x)));
  return x == x ? y : x;
}
