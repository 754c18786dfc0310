#include "eigengrad/ops/arithmetic.hpp"

#include "ops/op_test.hpp"

using namespace op_test;

TEST_CASE("add, subtract, multiply, divide: values and both orders of gradients under broadcasting") {
  const Poison poison;
  struct Case {
    const char* name;
    Binary f;
    double (*expected)(double, double);
  };
  const Case cases[] = {
      {"add", [](Var64 a, Var64 b) { return a + b; }, [](double a, double b) { return a + b; }},
      {"subtract", [](Var64 a, Var64 b) { return a - b; }, [](double a, double b) { return a - b; }},
      {"multiply", [](Var64 a, Var64 b) { return a * b; }, [](double a, double b) { return a * b; }},
      {"divide", [](Var64 a, Var64 b) { return a / b; }, [](double a, double b) { return a / b; }}};
  const std::pair<Shape, Shape> shapes[] = {{{3, 4}, {3, 4}}, {{3, 4}, {4}}, {{3, 1}, {1, 4}}, {{}, {2, 3}},
                                            {{2, 3, 1}, {5}}, {{0, 3}, {3}}, {{}, {}}};
  Rng rng(1);
  for (const Case& c : cases)
    for (const auto& pair : shapes) {
      const Shape &a_shape = pair.first, &b_shape = pair.second;
      CAPTURE(c.name);
      CAPTURE(to_string(a_shape));
      CAPTURE(to_string(b_shape));
      const Tensor64 a = rng.uniform<double>(a_shape, -2, 2), b = rng.uniform<double>(b_shape, 0.5, 2);
      CHECK(gradcheck(c.f, a, b));
      CHECK(gradcheck_second_order(c.f, a, b));
      Tape64 tape;
      const Tensor64 y = c.f(tape.constant(a), tape.constant(b)).value();
      const Tensor64 wide_a = kernels::broadcast_to(a, y.shape()),
                     wide_b = kernels::broadcast_to(b, y.shape());
      for (Index i = 0; i < y.size(); ++i)
        CHECK(y.data()[i] == c.expected(wide_a.data()[i], wide_b.data()[i]));
    }
}

TEST_CASE("a number may stand on either side of every operator") {
  const Unary functions[] = {
      [](Var64 x) { return x + 3.0; }, [](Var64 x) { return 3.0 + x; }, [](Var64 x) { return x - 3.0; },
      [](Var64 x) { return 3.0 - x; }, [](Var64 x) { return x * 3.0; }, [](Var64 x) { return 3.0 * x; },
      [](Var64 x) { return x / 4.0; }, [](Var64 x) { return 3.0 / x; }, [](Var64 x) { return -x; }};
  const double expected[] = {5, 5, -1, 1, 6, 6, 0.5, 1.5, -2};
  Rng rng(2);
  const Tensor64 x = rng.uniform<double>({2, 3}, 0.5, 2);
  for (std::size_t i = 0; i < std::size(functions); ++i) {
    CAPTURE(i);
    CHECK(evaluate<double>(functions[i], 2).value == expected[i]);
    CHECK(gradcheck(functions[i], x));
    CHECK(gradcheck_second_order(functions[i], x));
  }
}

TEST_CASE("reciprocal, affine, broadcast_to and sum_to: both orders of gradients") {
  const Unary functions[] = {[](Var64 x) { return reciprocal(x); },
                             [](Var64 x) { return affine(x, -1.5, 0.25); },
                             [](Var64 x) {
                               return broadcast_to(x, {4, 2, 3});
                             },
                             [](Var64 x) {
                               return sum_to(x, {2, 1});
                             },
                             [](Var64 x) { return sum_to(x, {}); }};
  Rng rng(3);
  const Tensor64 x = rng.uniform<double>({2, 3}, 0.5, 2);
  for (Unary f : functions) {
    CHECK(gradcheck(f, x));
    CHECK(gradcheck_second_order(f, x));
  }
}

TEST_CASE("arithmetic: float values, and errors that name the operation") {
  Tape tape;
  const Var a = tape.constant(Tensor({2}, {1, 2})), b = tape.constant(Tensor({2}, {4, 5}));
  CHECK((a / b).value()(1) == 0.4F);
  CHECK((a * 0.1).value()(1) == 0.2F);
  CHECK_THROWS_WITH_AS(a + tape.constant(Tensor::zeros({3})),
                       "add: a is [2], b is [3]; extents must be equal or 1, aligned at the last axis",
                       Error);
  CHECK_THROWS_WITH_AS(a / tape.constant(Tensor::zeros({3, 3})),
                       "divide: a is [2], b is [3, 3]; extents must be equal or 1, aligned at the last axis",
                       Error);
}
