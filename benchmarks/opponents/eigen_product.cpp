// Eigen's own matrix product, compiled for this very machine: a library by itself, with all of Eigen hidden
// in it, since code from other compiler settings must not mix with ours.
#include <Eigen/Core>

#include <cstdint>

#define BENCHMARKS_STRING(x) #x
#define BENCHMARKS_VERSION(a, b, c) \
  "Eigen " BENCHMARKS_STRING(a) "." BENCHMARKS_STRING(b) "." BENCHMARKS_STRING(c)

using Matrix = Eigen::Map<Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>>;
using ConstMatrix = Eigen::Map<const Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>>;
using Vector = Eigen::Map<Eigen::VectorXf>;
using ConstVector = Eigen::Map<const Eigen::VectorXf>;

extern "C" [[gnu::visibility("default")]] const char* eigen_version() {
  return BENCHMARKS_VERSION(EIGEN_WORLD_VERSION, EIGEN_MAJOR_VERSION,
                            EIGEN_MINOR_VERSION) ", -O3 -march=native";
}

/// c = op(a) op(b), row-major; op(a) is [m, k], op(b) is [k, n].
extern "C" [[gnu::visibility("default")]] void eigen_product(bool transpose_a, bool transpose_b,
                                                             std::int64_t m, std::int64_t n, std::int64_t k,
                                                             const float* a, const float* b, float* c) {
  const ConstMatrix left(a, transpose_a ? k : m, transpose_a ? m : k);
  const ConstMatrix right(b, transpose_b ? n : k, transpose_b ? k : n);
  if (n == 1) {
    if (transpose_a)
      Vector(c, m).noalias() = left.transpose() * ConstVector(b, k);
    else
      Vector(c, m).noalias() = left * ConstVector(b, k);
  } else if (m == 1) {
    if (transpose_b)
      Vector(c, n).noalias() = right * ConstVector(a, k);
    else
      Vector(c, n).noalias() = right.transpose() * ConstVector(a, k);
  } else if (transpose_a && transpose_b) {
    Matrix(c, m, n).noalias() = left.transpose() * right.transpose();
  } else if (transpose_a) {
    Matrix(c, m, n).noalias() = left.transpose() * right;
  } else if (transpose_b) {
    Matrix(c, m, n).noalias() = left * right.transpose();
  } else {
    Matrix(c, m, n).noalias() = left * right;
  }
}
