#include "eigengrad/autodiff/gradcheck.hpp"

#include <doctest/doctest.h>

#include "double.hpp"

#include <limits>
#include <string>

using namespace eigengrad;

namespace {

/// y = a b with the gradient of b off by the factor `wrong` in the element `element` (all for -1).
Var64 product_off_by(Var64 a, Var64 b, double wrong, Index element) {
  return record("product", kernels::binary("product", kernels::op::Multiply{}, a.value(), b.value()),
                pullback(a, [b](Var64 dy) { return dy * b; }), pullback(b, [=](Var64 dy) {
                  Tensor64 factor = Tensor64::full(dy.shape(), element < 0 ? wrong : 1);
                  if (element >= 0) factor.mutable_data()[element] = wrong;
                  return dy * a * dy.tape().constant(factor);
                }));
}

const Tensor64 matrix_a({3, 4}, {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12});
const Tensor64 matrix_b({3, 4}, {2, 1, 2, 1, 3, 1, 2, 3, 1, 2, 3, 1});

bool contains(const std::string& text, const char* part) {
  return text.find(part) != std::string::npos;
}

}  // namespace

TEST_CASE("gradcheck passes what is right, with an error far below the tolerance") {
  const auto f = [](Var64 x, Var64 y) { return product_off_by(x, y, 1, -1); };
  const GradcheckResult result = gradcheck(f, matrix_a, matrix_b);
  CHECK(result);
  CHECK(result.largest_error < 1e-8);
  CHECK(gradcheck_second_order(f, matrix_a, matrix_b));
}

TEST_CASE(
    "a gradient that is wrong by 0.1 % fails, and the message names operation, input, expected and got") {
  const GradcheckResult all =
      gradcheck([](Var64 x, Var64 y) { return product_off_by(x, y, 1.001, -1); }, matrix_a, matrix_b);
  CHECK_FALSE(all);
  CHECK(contains(all.message, "gradient of product, input 1 of shape [3, 4], element "));
  CHECK(contains(all.message, "expected "));
  CHECK(contains(all.message, "got "));
  const GradcheckResult result =
      gradcheck([](Var64 x, Var64 y) { return product_off_by(x, y, 1.001, 6); }, matrix_a, matrix_b);
  CHECK_FALSE(result);
  CHECK(contains(result.message, "element 6"));
}

TEST_CASE("a second derivative that is missing or wrong by 0.1 % fails") {
  const auto missing = [](Var64 x) {  // y = x^2, whose pullback forgets that it depends on x
    return record("square", kernels::binary("square", kernels::op::Multiply{}, x.value(), x.value()),
                  pullback(x, [x](Var64 dy) { return dy * dy.tape().constant(x.value()) * 2.0; }));
  };
  CHECK(gradcheck(missing, matrix_a));
  CHECK_FALSE(gradcheck_second_order(missing, matrix_a));
  const auto wrong = [](Var64 x) {  // y = x^2; dx = 2 dy x, whose own pullback to x is off
    return record("square", kernels::binary("square", kernels::op::Multiply{}, x.value(), x.value()),
                  pullback(x, [x](Var64 dy) { return 2.0 * product_off_by(dy, x, 1.001, -1); }));
  };
  CHECK(gradcheck(wrong, matrix_a));
  CHECK_FALSE(gradcheck_second_order(wrong, matrix_a));
}

TEST_CASE("gradient and gradient_graph that disagree fail") {
  const auto f = [](Var64 x) {
    return record("two-faced", x.value(),
                  pullback(x, [](Var64 dy) { return dy.tape().is_recording() ? dy : dy * 1.001; }));
  };
  const GradcheckResult result = gradcheck_second_order(f, matrix_a);
  CHECK_FALSE(result);
  CHECK(contains(result.message, "gradient and gradient_graph of two-faced disagree for input 0"));
}

TEST_CASE("NaN and a missing gradient fail") {
  const auto nan = [](Var64 x) {
    return record("nan", x.value(),
                  pullback(x, [](Var64 dy) { return dy * std::numeric_limits<double>::quiet_NaN(); }));
  };
  CHECK_FALSE(gradcheck(nan, matrix_a));
  CHECK_FALSE(gradcheck([](Var64 x) { return detach(x) * 2.0 + x * 0.0; }, matrix_a));
}
