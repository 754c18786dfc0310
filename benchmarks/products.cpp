// Matrix products, packing included: the large square one, the products of the networks of examples/infogan
// in all transposed forms, and a sweep over sizes and proportions.
#include <memory>

#include "compare.hpp"
#include "eigengrad/core/random.hpp"
#include "eigengrad/kernels/products.hpp"
#include "opponents/products.hpp"
#include "suite.hpp"

namespace bench {
namespace {

struct Operands {
  ProductShape shape;
  Tensor a, b, expected;

  explicit Operands(const ProductShape& s) : shape(s) {
    eigengrad::Rng rng(1);
    a = rng.uniform<float>(s.transpose_a ? Shape{s.k, s.m} : Shape{s.m, s.k}, -1, 1);
    b = rng.uniform<float>(s.transpose_b ? Shape{s.n, s.k} : Shape{s.k, s.n}, -1, 1);
    expected = multiply();
  }
  Tensor multiply() const { return eigengrad::kernels::matmul(a, b, shape.transpose_a, shape.transpose_b); }
};

/// Opponents write to the same memory every time; our result is a new tensor, from the pool.
std::vector<Contender> prepare(const ProductShape& shape, const Options& options) {
  const auto operands = std::make_shared<const Operands>(shape);
  std::vector<Contender> contenders{{"ours", [operands] { operands->multiply(); }}};
  if (options.ours) return contenders;
  for (const ProductLibrary& library : product_libraries(options)) {
    const auto c = std::make_shared<Tensor>(Tensor::full({shape.m, shape.n}, NAN));
    const auto run = [operands, c, &library] {
      library.multiply(operands->shape, operands->a.data(), operands->b.data(), c->mutable_data());
    };
    run();
    check_same(library.name, operands->expected, *c);
    contenders.push_back({library.name, run});
  }
  return contenders;
}

class Products {
 public:
  Products(Suite& suite, const Options& options) : suite_(suite), options_(options) {}

  void add(const char* form, Index m, Index n, Index k, bool headline = false) {
    const ProductShape shape{m, n, k, form[0] == 't', form[1] == 't'};
    const std::string name = std::string("products/") + form + " " + std::to_string(m) + " x " +
                             std::to_string(n) + " x " + std::to_string(k);
    const double operations = 2.0 * static_cast<double>(m) * static_cast<double>(n) * static_cast<double>(k);
    const double bytes = sizeof(float) * static_cast<double>(m * k + k * n + m * n);
    // A vector, or an outer product, moves more than it computes.
    const bool moves = std::min({m, n, k}) == 1 && bytes > 32e6;
    Row row{name, moves ? Limit::bandwidth : Limit::multiply_adds, moves ? bytes : operations, headline,
            [shape, options = options_] { return prepare(shape, options); }};
    suite_.push_back(std::move(row));
  }

 private:
  Suite& suite_;
  Options options_;
};

}  // namespace

void add_products(Suite& suite, const Options& options) {
  Products products(suite, options);
  products.add("nn", 2048, 2048, 2048, true);
  products.add("tn", 2048, 2048, 2048);
  products.add("nt", 2048, 2048, 2048);

  // rows, columns, inner: dense layers at 128 images and, in D's step, 256; then convolutions as products.
  constexpr Index layers[][3] = {{128, 1024, 6272}, {256, 1024, 6272}, {128, 6272, 1024}, {256, 6272, 1024},
                                 {6272, 1024, 256}, {128, 1024, 74},   {128, 128, 1024},  {256, 1, 1024},
                                 {25088, 64, 16},   {6272, 128, 1024}, {6272, 64, 512},   {25088, 16, 64}};
  for (const auto& [m, n, k] : layers)
    for (const char* form : {"nn", "tn", "nt"}) products.add(form, m, n, k);

  for (Index size : {1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 4096}) products.add("nn", size, size, size);
  for (Index odd : {3, 17, 63, 127, 255, 1000, 1023}) products.add("nn", odd, odd, odd);
  constexpr Index skinny[][3] = {{4096, 16, 4096},  {16, 4096, 4096}, {4096, 4096, 16}, {31, 4097, 515},
                                 {10, 10, 100'000}, {4096, 1, 4096},  {1, 4096, 4096},  {4096, 4096, 1},
                                 {512, 1, 512},     {1, 512, 512}};
  for (const auto& [m, n, k] : skinny) products.add("nn", m, n, k);
  // Weight gradients of dense layers with more inputs than outputs.
  constexpr Index tall[][3] = {{784, 128, 2048}, {256, 64, 16384}, {1024, 64, 16384}, {2048, 256, 16384}};
  for (const auto& [m, n, k] : tall) products.add("tn", m, n, k);
  products.add("tn", 4096, 1, 4096);
  products.add("nt", 1, 4096, 4096);
}

}  // namespace bench
