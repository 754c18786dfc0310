#include "opponents/products.hpp"

#include <dlfcn.h>

#include <cstdlib>
#include <filesystem>
#include <optional>

#include "eigengrad/core/parallel.hpp"
#include "eigengrad/kernels/instruction_set.hpp"
#include "opponents/onednn.hpp"

namespace bench {
namespace {

/// The first of these that can be loaded, with its names to itself.
void* load(std::initializer_list<std::string> paths) {
  for (const std::string& path : paths)
    if (void* library = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL)) return library;
  return nullptr;
}

template <class Function>
Function* symbol(void* library, const char* name) {
  return reinterpret_cast<Function*>(dlsym(library, name));
}

using Sgemm = void(int order, int transpose_a, int transpose_b, int m, int n, int k, float alpha,
                   const float* a, int lda, const float* b, int ldb, float beta, float* c, int ldc);
using Sgemv = void(int order, int transpose, int m, int n, float alpha, const float* a, int lda,
                   const float* x, int step_x, float beta, float* y, int step_y);

/// Products through the C interface of BLAS, a matrix and a vector through the routine made for them.
std::optional<ProductLibrary> blas(void* library, std::string name, std::string version) {
  auto* const sgemm = symbol<Sgemm>(library, "cblas_sgemm");
  auto* const sgemv = symbol<Sgemv>(library, "cblas_sgemv");
  if (sgemm == nullptr || sgemv == nullptr) return std::nullopt;
  constexpr int row_major = 101, plain = 111, transposed = 112;
  const auto multiply = [=](const ProductShape& s, const float* a, const float* b, float* c) {
    const auto m = static_cast<int>(s.m), n = static_cast<int>(s.n), k = static_cast<int>(s.k);
    const auto lda = static_cast<int>(s.lda()), ldb = static_cast<int>(s.ldb());
    if (n == 1)
      s.transpose_a ? sgemv(row_major, transposed, k, m, 1, a, lda, b, 1, 0, c, 1)
                    : sgemv(row_major, plain, m, k, 1, a, lda, b, 1, 0, c, 1);
    else if (m == 1)
      s.transpose_b ? sgemv(row_major, plain, n, k, 1, b, ldb, a, 1, 0, c, 1)
                    : sgemv(row_major, transposed, k, n, 1, b, ldb, a, 1, 0, c, 1);
    else
      sgemm(row_major, s.transpose_a ? transposed : plain, s.transpose_b ? transposed : plain, m, n, k, 1, a,
            lda, b, ldb, 0, c, n);
  };
  return ProductLibrary{std::move(name), std::move(version), multiply};
}

/// Debian keeps the OpenMP builds in folders of their own; elsewhere the plain name is tried.
std::string debian(const char* path) {
  return std::string("/usr/lib/") + EIGENGRAD_BENCHMARKS_ARCHITECTURE + "/" + path;
}

std::optional<ProductLibrary> openblas(const char* name, const std::string& path) {
  void* const library = load({path});
  if (library == nullptr) return std::nullopt;
  if (auto* const threads = symbol<void(int)>(library, "openblas_set_num_threads"))
    threads(eigengrad::thread_count());
  auto* const config = symbol<char*()>(library, "openblas_get_config");
  return blas(library, name, config != nullptr ? config() : "OpenBLAS");
}

/// OpenBLAS with the kernels that it chooses itself.
std::optional<ProductLibrary> openblas() {
  const std::string path = debian("openblas-openmp/libopenblas.so.0");
  return openblas("openblas", std::filesystem::exists(path) ? path : "libopenblas.so.0");
}

/// OpenBLAS made to take its AVX2 kernels, which some processors with AVX-512 run faster. It chooses while it
/// is loaded, so this is a copy of the file: the loader gives the same one only once.
std::optional<ProductLibrary> openblas_avx2(const Options& options) {
  const std::string path = debian("openblas-openmp/libopenblas.so.0"),
                    copy = options.programs + "/openblas_avx2.so";
  if (!std::filesystem::exists(path) ||
      eigengrad::best_instruction_set() != eigengrad::InstructionSet::avx512)
    return std::nullopt;
  std::filesystem::copy_file(path, copy, std::filesystem::copy_options::overwrite_existing);
  setenv("OPENBLAS_CORETYPE", "Haswell", 1);
  auto library = openblas("openblas-avx2", copy);
  unsetenv("OPENBLAS_CORETYPE");
  return library;
}

std::optional<ProductLibrary> blis() {
  void* const library = load({debian("blis-openmp/libblis.so.4"), "libblis.so.4"});
  if (library == nullptr) return std::nullopt;
  // Without being told, BLIS takes one thread.
  if (auto* const threads = symbol<void(std::int64_t)>(library, "bli_thread_set_num_threads"))
    threads(eigengrad::thread_count());
  auto* const version = symbol<const char*()>(library, "bli_info_get_version_str");
  auto* const architecture = symbol<int()>(library, "bli_arch_query_id");
  auto* const architecture_name = symbol<const char*(int)>(library, "bli_arch_string");
  std::string text = "BLIS";
  if (version != nullptr) text += std::string(" ") + version();
  if (architecture != nullptr && architecture_name != nullptr)
    text += std::string(" ") + architecture_name(architecture());
  return blas(library, "blis", text);
}

std::optional<ProductLibrary> eigen(const Options& options) {
  void* const library = load({options.programs + "/libeigen_product.so"});
  if (library == nullptr) return std::nullopt;
  using Multiply =
      void(bool, bool, std::int64_t, std::int64_t, std::int64_t, const float*, const float*, float*);
  auto* const product = symbol<Multiply>(library, "eigen_product");
  auto* const version = symbol<const char*()>(library, "eigen_version");
  if (product == nullptr || version == nullptr) return std::nullopt;
  return ProductLibrary{"eigen", version(),
                        [=](const ProductShape& s, const float* a, const float* b, float* c) {
                          product(s.transpose_a, s.transpose_b, s.m, s.n, s.k, a, b, c);
                        }};
}

std::vector<ProductLibrary> load_all(const Options& options) {
  std::vector<ProductLibrary> found;
  const auto add = [&](const char* name, std::optional<ProductLibrary> library) {
    note(std::string(name) + ": " + (library ? library->version : "not there, left out"));
    if (library) found.push_back(std::move(*library));
  };
  add("openblas", openblas());
  add("openblas-avx2", openblas_avx2(options));
  add("blis", blis());
  add("onednn", onednn_product());
  add("eigen", eigen(options));
  return found;
}

}  // namespace

const std::vector<ProductLibrary>& product_libraries(const Options& options) {
  static const std::vector<ProductLibrary> libraries = load_all(options);
  return libraries;
}

}  // namespace bench
