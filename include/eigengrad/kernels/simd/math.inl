// Elementary functions on vectors, branch-free: a reduction of the argument and a polynomial. Denormal numbers
// count as zero (kernels run with denormals flushed).

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

// a / b within one ulp, for b whose reciprocal is a normal number. AVX-512 approximates 1 / b to 14 bits, and
// one Newton step on the quotient takes a third of the division's time.
template <class T>
[[gnu::always_inline]] inline Vector<T> quotient(Vector<T> a, Vector<T> b) {
#if defined(__x86_64__)
  if constexpr (vector_bytes == 64 && sizeof(T) == 4) {
    Vector<T> reciprocal;
    asm("vrcp14ps %1, %0" : "=v"(reciprocal) : "v"(b));
    Vector<T> q = a * reciprocal, rest = a;
    // rest = a - q b, q += rest / b, each rounded once. Compilers fuse such expressions only where they optimise.
    asm("vfnmadd231ps %2, %1, %0" : "+v"(rest) : "v"(q), "v"(b));
    asm("vfmadd231ps %2, %1, %0" : "+v"(q) : "v"(rest), "v"(reciprocal));
    return q;
  }
#endif
  return a / b;
}

// c_0 + c_1 x + ... by Horner's rule.
template <class T, std::size_t N>
[[gnu::always_inline]] inline Vector<T> polynomial(Vector<T> x, const T (&c)[N]) {
  Vector<T> sum = broadcast(c[N - 1]);
#pragma GCC unroll 24
  for (int i = static_cast<int>(N) - 2; i >= 0; --i) sum = sum * x + c[i];
  return sum;
}

// Coefficients: for double the series; for float minimax polynomials (Sollya's fpminimax), which need fewer.

// (e^r - 1) / r for |r| <= ln 2 / 2: 1 / (k + 1)!; float within 1.5e-8.
template <class T>
inline constexpr double exponential_terms[] = {
    1.0,         1.0 / 2,      1.0 / 6,       1.0 / 24,       1.0 / 120,       1.0 / 720,         1.0 / 5040,
    1.0 / 40320, 1.0 / 362880, 1.0 / 3628800, 1.0 / 39916800, 1.0 / 479001600, 1.0 / 6227020800.0};
template <>
inline constexpr float exponential_terms<float>[] = {1.0f,         0.49999997f,  0.16666542f,
                                                     0.041667506f, 0.008366675f, 0.0013864179f};

// 2 artanh(s / 2) / s in powers of s^2 <= 4 / 9: 1 / ((2 k + 1) 4^k); float within 4.6e-9.
template <class T>
inline constexpr double artanh_terms[] = {1.0,
                                          1.0 / 3 / 0x1p2,
                                          1.0 / 5 / 0x1p4,
                                          1.0 / 7 / 0x1p6,
                                          1.0 / 9 / 0x1p8,
                                          1.0 / 11 / 0x1p10,
                                          1.0 / 13 / 0x1p12,
                                          1.0 / 15 / 0x1p14,
                                          1.0 / 17 / 0x1p16,
                                          1.0 / 19 / 0x1p18,
                                          1.0 / 21 / 0x1p20,
                                          1.0 / 23 / 0x1p22,
                                          1.0 / 25 / 0x1p24,
                                          1.0 / 27 / 0x1p26,
                                          1.0 / 29 / 0x1p28,
                                          1.0 / 31 / 0x1p30,
                                          1.0 / 33 / 0x1p32};
template <>
inline constexpr float artanh_terms<float>[] = {1.0f, 0.33333206f / 4, 0.20010853f / 16, 0.13999674f / 64,
                                                0.14011288f / 256};

template <class T>
inline constexpr int mantissa_bits = std::numeric_limits<T>::digits - 1;

// ln 2 in two parts, the first short enough that its product with any exponent is exact; both are positive.
template <class T>
struct Ln2 {
  static constexpr T high = sizeof(T) == 4 ? T(0x1.62e4p-1) : T(0x1.62e42fee00000p-1);
  static constexpr T low = sizeof(T) == 4 ? T(0x1.7f7d1cf79abcap-20) : T(0x1.a39ef35793c76p-33);
};

// y 2^n for integral n, where y and the result are normal numbers (or y is NaN).
template <class T>
[[gnu::always_inline]] inline Vector<T> scale(Vector<T> y, Vector<T> n) {
#if defined(__x86_64__)
  if constexpr (vector_bytes == 64) {
    if constexpr (sizeof(T) == 4)
      asm("vscalefps %2, %1, %0" : "=v"(y) : "v"(y), "v"(n));
    else
      asm("vscalefpd %2, %1, %0" : "=v"(y) : "v"(y), "v"(n));
    return y;
  }
#endif
  return as_vector<T>(as_bits<T>(y) + (__builtin_convertvector(n, Mask<T>) << mantissa_bits<T>));
}

// x = n ln 2 + r, |r| <= ln 2 / 2, n integral.
template <class T>
struct ReducedExponent {
  Vector<T> n, r;
};
template <class T>
[[gnu::always_inline]] inline ReducedExponent<T> reduce_exponent(Vector<T> x) {
  constexpr T magic =
      T(3) * T(std::uint64_t{1} << (std::numeric_limits<T>::digits - 2));  // 1.5 2^(digits-1): rounds
  const Vector<T> n = (x * T(1.4426950408889634074) + magic) - magic;
  return {n, (x - n * Ln2<T>::high) - n * Ln2<T>::low};
}

// Where e^x leaves the normal numbers: the logarithms of the largest and the smallest.
template <class T>
struct ExpRange {
  static constexpr T highest = sizeof(T) == 4 ? T(0x1.62e42ep6) : T(0x1.62e42fefa39efp9);
  static constexpr T lowest = sizeof(T) == 4 ? T(-0x1.5d589ep6) : T(-0x1.6232bdd7abcd2p9);
};

// e^x for x in ExpRange.
template <class T>
[[gnu::always_inline]] inline Vector<T> exp_in_range(Vector<T> x) {
  const auto [n, r] = reduce_exponent<T>(x);
  return scale<T>(r * polynomial<T>(r, exponential_terms<T>) + T(1), n);
}

template <class T>
[[gnu::always_inline]] inline Vector<T> vector_exp(Vector<T> x) {
  const Vector<T> y = exp_in_range<T>(x);
  const Vector<T> bounded = x < ExpRange<T>::lowest ? Vector<T>{} : y;
  return x > ExpRange<T>::highest ? broadcast(std::numeric_limits<T>::infinity()) : bounded;
}

// e^-x for x >= 0.
template <class T>
[[gnu::always_inline]] inline Vector<T> exp_of_minus(Vector<T> x) {
  const Vector<T> y = exp_in_range<T>(-x);
  return x > -ExpRange<T>::lowest ? Vector<T>{} : y;
}

template <class T>
[[gnu::always_inline]] inline Vector<T> vector_tanh(Vector<T> x) {
  constexpr T one_from = sizeof(T) == 4 ? T(10) : T(20);  // where tanh rounds to 1
  const Mask<T> sign = as_bits<T>(broadcast(T(-0.0)));
  const Vector<T> magnitude = absolute<T>(x);
  const Vector<T> bounded = magnitude > one_from ? broadcast(one_from) : magnitude;
  // (e^2x - 1) / (e^2x + 1), with e^2x - 1 = 2^n (e^r - 1) + 2^n - 1
  const auto [n, r] = reduce_exponent<T>(bounded + bounded);
  const Vector<T> power = scale<T>(broadcast(T(1)), n);
  const Vector<T> e = r * polynomial<T>(r, exponential_terms<T>) * power + (power - T(1));
  return as_vector<T>(as_bits<T>(quotient<T>(e, e + T(2))) | (as_bits<T>(x) & sign));
}

// 1 / (1 + e^-x). Beyond the bounds it is less than the smallest normal number, or rounds to 1.
template <class T>
[[gnu::always_inline]] inline Vector<T> vector_sigmoid(Vector<T> x) {
  constexpr T low = -ExpRange<T>::highest, high = -ExpRange<T>::lowest;
  const Vector<T> bounded = x < low ? broadcast(low) : (x > high ? broadcast(high) : x);
  return quotient<T>(broadcast(T(1)), exp_in_range<T>(-bounded) + T(1));
}

// x = 2^e m with m in [3/4, 3/2) for finite x > 0. Otherwise m is anything finite, or NaN, and e is log x: -inf
// for 0, inf for inf, else NaN.
template <class T>
struct SplitNumber {
  Vector<T> e, m;
};
template <class T>
[[gnu::always_inline]] inline SplitNumber<T> split_number(Vector<T> x) {
#if defined(__x86_64__)
  if constexpr (vector_bytes == 64) {
    Vector<T> e, m;  // the immediate 11: an interval of [3/4, 3/2), NaN for negative x
    if constexpr (sizeof(T) == 4)
      asm("vgetexpps %2, %0\n\tvgetmantps $11, %2, %1" : "=&v"(e), "=v"(m) : "v"(x));
    else
      asm("vgetexppd %2, %0\n\tvgetmantpd $11, %2, %1" : "=&v"(e), "=v"(m) : "v"(x));
    return {m < T(1) ? e + T(1) : e, m};
  }
#endif
  constexpr T infinity = std::numeric_limits<T>::infinity(), nan = std::numeric_limits<T>::quiet_NaN();
  const Mask<T> exponent = (as_bits<T>(x) - as_bits<T>(broadcast(T(0.75)))) >> mantissa_bits<T>;
  const Vector<T> e = __builtin_convertvector(exponent, Vector<T>);
  const Vector<T> special = x == T(0) ? broadcast(-infinity) : (x == infinity ? x : broadcast(nan));
  return {((x > T(0)) & (x < infinity)) ? e : special,
          as_vector<T>(as_bits<T>(x) - (exponent << mantissa_bits<T>))};
}

// log x = e ln 2 + log(1 + f)
template <class T>
[[gnu::always_inline]] inline Vector<T> vector_log(Vector<T> x) {
  const auto [e, m] = split_number<T>(x);
  const Vector<T> f = m - T(1);
  Vector<T> rest;
  if constexpr (sizeof(T) == 4) {
    // (log(1 + f) - f) / f^2, so that log(1 + f) is right within 1.5e-8
    constexpr T terms[] = {-0.5f,       0.3333339f,   -0.25000232f, 0.19994083f, -0.16644084f,
                           0.14421706f, -0.13147959f, 0.10797043f,  -0.04913884f};
    rest = f * f * polynomial<T>(f, terms) + e * Ln2<T>::low;
  } else {
    // With s = f / (f + 2), log(1 + f) = 2 artanh s = 2 s (1 + s^2/3 + ...), and 2 s = f - s f.
    constexpr T terms[] = {2.0 / 3,  2.0 / 5,  2.0 / 7,  2.0 / 9,  2.0 / 11, 2.0 / 13,
                           2.0 / 15, 2.0 / 17, 2.0 / 19, 2.0 / 21, 2.0 / 23};
    const Vector<T> s = f / (f + T(2)), s2 = s * s;
    rest = e * Ln2<T>::low - s * (f - s2 * polynomial<T>(s2, terms));
  }
  return e * Ln2<T>::high + (f + rest);
}

// log(1 + u) for 0 <= u <= 1: 2 artanh(s / 2) with s = 2 u / (2 + u), which is not denormal where u is not.
template <class T>
[[gnu::always_inline]] inline Vector<T> log1p_unit(Vector<T> u) {
  const Vector<T> s = quotient<T>(u + u, u + T(2));
  return s * polynomial<T>(s * s, artanh_terms<T>);
}

template <class T>
[[gnu::always_inline]] inline Vector<T> vector_softplus(Vector<T> x) {
  return (x < T(0) ? Vector<T>{} : x) + log1p_unit<T>(exp_of_minus<T>(absolute<T>(x)));
}
