/// Other libraries' FP32 matrix products. Each is loaded by itself at run time, so that none gets in the way
/// of another; one that is not installed is left out.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "suite.hpp"

namespace bench {

/// C = op(A) op(B), all row-major and contiguous: op(A) is [m, k], op(B) is [k, n]; op transposes if asked
/// to.
struct ProductShape {
  Index m, n, k;
  bool transpose_a = false, transpose_b = false;

  Index lda() const { return transpose_a ? m : k; }
  Index ldb() const { return transpose_b ? k : n; }
};

struct ProductLibrary {
  std::string name, version;
  std::function<void(const ProductShape&, const float* a, const float* b, float* c)> multiply;
};

/// Those that are installed; notes, once, which they are and which are not there.
const std::vector<ProductLibrary>& product_libraries(const Options& options);

}  // namespace bench
