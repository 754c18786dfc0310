// How products are cut: tasks worth beginning, threads with equally much to do, and blocks of k that follow
// from the extents.
#include "eigengrad/kernels/product_plan.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <array>

#include "eigengrad/kernels/product_roles.hpp"

using namespace eigengrad;
using namespace kernels::detail;

namespace {

/// Work of a product as BlockedProduct counts it.
double work(Index m, Index n, Index k) {
  return static_cast<double>(m) * static_cast<double>(n) * static_cast<double>(k) / 8;
}

/// A row-major matrix of k by n as the right operand; its values are not read.
ProductOperand<float> columns(Index n, Index k) {
  return {nullptr, n, true, n, k};
}

}  // namespace

TEST_CASE("ProductPlan: tasks are worth beginning, and threads have equally much to do") {
  const int before = thread_count();
  for (const int threads : {1, 2, 3}) {
    set_thread_count(threads);
    // Numbers of panels of twelve rows that are prime, three primes, twice a prime, and a power of two.
    for (const Index panels : {523, 2091, 1046, 1667, 4096})
      for (const Index k : {4, 16, 64}) {
        CAPTURE(threads);
        CAPTURE(panels);
        CAPTURE(k);
        const Index rows = 12 * panels;
        const auto a = ProductOperand<float>{nullptr, k, false, rows, k}.with_panels(12, 4);
        const ProductPlan plan(a, k, 512, work(rows, 64, k));
        REQUIRE(plan.parts == 1);
        CHECK(plan.tile >= 12 * 16);
        const Index used = threads_for(plan.tiles, work(rows, 64, k));
        const Index longest = divide_up(plan.tiles, used) * plan.tile;
        CHECK(static_cast<double>(longest * used) <= 1.15 * static_cast<double>(rows));
      }
  }
  set_thread_count(before);
}

TEST_CASE("ProductRoles: B comes from memory where it is large, its rows long, and A has a few rows") {
  const auto comes_from_memory = [](Index m, Index n, Index k, bool transpose_b = false) {
    const auto a = ProductOperand<float>{nullptr, k, false, m, k}.with_panels(12, 4);
    ProductOperand<float> b = columns(n, k);
    if (transpose_b) b.stride = k, b.k_major = false;
    b = b.with_panels(32, 16);
    return ProductRoles<float>(a, b, 1).b_comes_from_memory();
  };
  CHECK(comes_from_memory(16, 4096, 4096));
  CHECK(comes_from_memory(1, 3072, 1024));
  CHECK(comes_from_memory(48, 3072, 1024));
  CHECK_FALSE(comes_from_memory(49, 3072, 1024));
  CHECK_FALSE(comes_from_memory(16, 3071, 1024));
  CHECK_FALSE(comes_from_memory(16, 255, 100'000));
  CHECK_FALSE(comes_from_memory(16, 4096, 4096, true));
  CHECK_FALSE(comes_from_memory(16, 0, 4096));
}

TEST_CASE("ProductRoles: the operand is cut whose panels threads can share evenly") {
  const auto shares_a = [](Index m, Index n, Index threads) {
    const Index k = 100;
    const auto a = ProductOperand<float>{nullptr, k, false, m, k}.with_panels(12, 4);
    return ProductRoles<float>(a, columns(n, k).with_panels(32, 16), threads).a_is_shared;
  };
  CHECK(shares_a(128, 128, 2));
  CHECK(shares_a(129, 129, 1));
  CHECK_FALSE(shares_a(129, 129, 2));  // three panels of 32 columns and two, but six of 12 rows and five
  CHECK_FALSE(shares_a(96, 96, 2));
  CHECK(shares_a(96, 96, 3));
  CHECK(shares_a(12, 129, 2));  // rows even less
  CHECK_FALSE(shares_a(200, 128, 2));
  CHECK(shares_a(1000, 512, 2));  // B has panels enough
  CHECK_FALSE(shares_a(1025, 512, 2));
}
