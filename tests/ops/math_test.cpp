#include "eigengrad/ops/math.hpp"

#include "ops/op_test.hpp"

using namespace op_test;

namespace {

struct MathCase {
  const char* name;
  Unary f;
  double (*expected)(double);
  double low, high;  // range of the inputs
};

const MathCase math_cases[] = {
    {"exp", [](Var64 x) { return exp(x); }, [](double x) { return std::exp(x); }, -3, 3},
    {"log", [](Var64 x) { return log(x); }, [](double x) { return std::log(x); }, 0.3, 5},
    {"sqrt", [](Var64 x) { return sqrt(x); }, [](double x) { return std::sqrt(x); }, 0.3, 5},
    {"square", [](Var64 x) { return square(x); }, [](double x) { return x * x; }, -2, 2},
    {"pow 2.5", [](Var64 x) { return pow(x, 2.5); }, [](double x) { return std::pow(x, 2.5); }, 0.3, 3},
    {"pow -1", [](Var64 x) { return pow(x, -1); }, [](double x) { return 1 / x; }, 0.3, 3},
    {"pow 3", [](Var64 x) { return pow(x, 3); }, [](double x) { return std::pow(x, 3); }, -2, 2},
    {"abs", [](Var64 x) { return abs(x); }, [](double x) { return std::abs(x); }, -2, 2},
    {"clamp", [](Var64 x) { return clamp(x, -0.5, 1); }, [](double x) { return std::clamp(x, -0.5, 1.0); },
     -2, 2},
    {"maximum", [](Var64 x) { return maximum(x, -0.5); }, [](double x) { return std::max(x, -0.5); }, -2, 2},
    {"minimum", [](Var64 x) { return minimum(x, 1); }, [](double x) { return std::min(x, 1.0); }, -2, 2},
};

}  // namespace

TEST_CASE("functions of one Var: values and both orders of gradients") {
  const Poison poison;
  Rng rng(1);
  for (const MathCase& c : math_cases)
    for (const Shape& shape : {Shape{}, {7}, {3, 5}, {2, 1, 9}, {0, 4}}) {
      CAPTURE(c.name);
      CAPTURE(to_string(shape));
      const Tensor64 x = random_away(rng, shape, c.low, c.high, {-0.5, 0, 1});
      CHECK(gradcheck(c.f, x));
      CHECK(gradcheck_second_order(c.f, x));
      Tape64 tape;
      const Tensor64 y = c.f(tape.constant(x)).value();
      CHECK(y.shape() == shape);
      for (Index i = 0; i < y.size(); ++i) CHECK(close(y.data()[i], c.expected(x.data()[i])));
    }
}

TEST_CASE("functions of one Var in float") {
  const auto check_float = [](auto f, double x, double value, double slope) {
    const auto [y, dx] = evaluate<float>(f, x);
    CHECK(close(y, value));
    CHECK(close(dx, slope));
  };
  check_float([](Var x) { return exp(x); }, -1.5, std::exp(-1.5), std::exp(-1.5));
  check_float([](Var x) { return log(x); }, 2.5, std::log(2.5), 0.4);
  check_float([](Var x) { return sqrt(x); }, 2.5, std::sqrt(2.5), 0.5 / std::sqrt(2.5));
  check_float([](Var x) { return square(x); }, -1.5, 2.25, -3);
  check_float([](Var x) { return pow(x, 2.5); }, 2, std::pow(2, 2.5), 2.5 * std::pow(2, 1.5));
  check_float([](Var x) { return abs(x); }, -1.5, 1.5, -1);
  check_float([](Var x) { return clamp(x, -1, 1); }, -1.5, -1, 0);
}

TEST_CASE("third derivatives come from the same pullbacks") {
  Tape64 tape;
  const Var64 x = tape.variable(Tensor64::scalar(0.7));
  const Var64 first = tape.gradient_graph(exp(2.0 * x), {x})[0];
  const Var64 second = tape.gradient_graph(first, {x})[0];
  CHECK(tape.gradient(second, {x})[0].item() == doctest::Approx(8 * std::exp(1.4)).epsilon(1e-14));
}

TEST_CASE("elementary functions at the edges of their domains") {
  const double nan = std::nan("");
  const auto value = [](Unary f, double x) { return evaluate<double>(f, x).value; };
  const auto slope = [](Unary f, double x) { return evaluate<double>(f, x).slope; };
  CHECK(value([](Var64 x) { return log(x); }, 0) == -infinity);
  CHECK(std::isnan(value([](Var64 x) { return log(x); }, -1)));
  CHECK(std::isnan(value([](Var64 x) { return sqrt(x); }, -1)));
  CHECK(slope([](Var64 x) { return sqrt(x); }, 0) == infinity);
  CHECK(value([](Var64 x) { return exp(x); }, 1e4) == infinity);
  CHECK(value([](Var64 x) { return exp(x); }, -1e4) == 0);
  CHECK(slope([](Var64 x) { return abs(x); }, 0) == 0);
  CHECK(slope([](Var64 x) { return pow(x, 0); }, 0) == 0);
  CHECK(value([](Var64 x) { return pow(x, 0); }, 0) == 1);
  CHECK(slope([](Var64 x) { return pow(x, 1); }, 0) == 1);
  CHECK(slope([](Var64 x) { return pow(x, 2); }, -3) == -6);
  CHECK(slope([](Var64 x) { return clamp(x, -1, 1); }, 1) == 1);
  for (const MathCase& c : math_cases) {
    CAPTURE(c.name);
    CHECK(std::isnan(value(c.f, nan)));
  }
  Tape64 tape;
  CHECK_THROWS_WITH_AS(clamp(tape.constant(Tensor64::scalar(0)), 2, 1),
                       "clamp: low is 2, high is 1; low must not be above high", Error);
}

TEST_CASE("the second derivative of powers at 0 is not NaN") {
  for (const auto& pair : {std::pair(1.0, 0.0), {2.0, 2.0}, {3.0, 0.0}}) {
    const double exponent = pair.first, expected = pair.second;
    CAPTURE(exponent);
    Tape64 tape;
    const Var64 x = tape.variable(Tensor64::scalar(0));
    const Var64 first = tape.gradient_graph(pow(x, exponent), {x})[0];
    CHECK(tape.gradient(first, {x})[0].item() == expected);
  }
}

TEST_CASE("maximum and minimum of two Vars: values, both orders of gradients, broadcasting") {
  const Binary functions[] = {[](Var64 a, Var64 b) { return maximum(a, b); },
                              [](Var64 a, Var64 b) { return minimum(a, b); }};
  Rng rng(4);
  // Halves of integers apart: a is within [n, n + 0.3), b within [n + 0.5, n + 0.8).
  const auto steps = [&rng](const Shape& shape, double offset) {
    Tensor64 x = rng.uniform<double>(shape, 0, 0.3);
    for (double& value : x.mutable_values()) value += offset + static_cast<double>(rng.below(4));
    return x;
  };
  const std::pair<Shape, Shape> shapes[] = {{{3, 5}, {3, 5}}, {{3, 5}, {5}}, {{3, 1}, {1, 5}}, {{}, {2, 3}}};
  for (const auto& pair : shapes)
    for (int which : {0, 1}) {
      const Shape &a_shape = pair.first, &b_shape = pair.second;
      CAPTURE(to_string(a_shape));
      CAPTURE(to_string(b_shape));
      CAPTURE(which);
      const Tensor64 a = steps(a_shape, 0), b = steps(b_shape, 0.5);
      CHECK(gradcheck(functions[which], a, b));
      CHECK(gradcheck_second_order(functions[which], a, b));
      Tape64 tape;
      const Tensor64 y = functions[which](tape.constant(a), tape.constant(b)).value();
      const Tensor64 wide_a = kernels::broadcast_to(a, y.shape()),
                     wide_b = kernels::broadcast_to(b, y.shape());
      for (Index i = 0; i < y.size(); ++i)
        CHECK(y.data()[i] == (which == 0 ? std::max(wide_a.data()[i], wide_b.data()[i])
                                         : std::min(wide_a.data()[i], wide_b.data()[i])));
    }
}

TEST_CASE("maximum and minimum share the gradient where both are equal") {
  for (const Binary f :
       {+[](Var64 a, Var64 b) { return maximum(a, b); }, +[](Var64 a, Var64 b) { return minimum(a, b); }}) {
    Tape64 tape;
    const Var64 a = tape.variable(Tensor64({2}, {1, 2})), b = tape.variable(Tensor64({2}, {1, 2}));
    const auto gradients = tape.gradient(f(a, b), {a, b}, Tensor64::ones({2}));
    CHECK(gradients[0](1) == 0.5);
    CHECK(gradients[1](1) == 0.5);
  }
  Tape64 tape;
  CHECK_THROWS_WITH_AS(maximum(tape.constant(Tensor64::zeros({2})), tape.constant(Tensor64::zeros({3}))),
                       "maximum: a is [2], b is [3]; extents must be equal or 1, aligned at the last axis",
                       Error);
}
