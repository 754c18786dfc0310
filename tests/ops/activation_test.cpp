#include "eigengrad/ops/activation.hpp"

#include "ops/op_test.hpp"

using namespace op_test;

namespace {

struct ActivationCase {
  const char* name;
  Unary f;
  Var (*f_float)(Var);
  double (*expected)(double);
  double (*slope)(double);
};

double logistic(double x) {
  return x < 0 ? std::exp(x) / (1 + std::exp(x)) : 1 / (1 + std::exp(-x));
}
double log_one_plus_exp(double x) {
  return std::max(x, 0.0) + std::log1p(std::exp(-std::abs(x)));
}

const ActivationCase activation_cases[] = {
    {"relu", [](Var64 x) { return relu(x); }, [](Var x) { return relu(x); },
     [](double x) { return std::max(x, 0.0); }, [](double x) { return x > 0 ? 1.0 : 0.0; }},
    {"leaky_relu", [](Var64 x) { return leaky_relu(x); }, [](Var x) { return leaky_relu(x); },
     [](double x) { return x > 0 ? x : 0.01 * x; }, [](double x) { return x > 0 ? 1 : 0.01; }},
    {"leaky_relu 0.25", [](Var64 x) { return leaky_relu(x, 0.25); },
     [](Var x) { return leaky_relu(x, 0.25); }, [](double x) { return x > 0 ? x : 0.25 * x; },
     [](double x) { return x > 0 ? 1 : 0.25; }},
    {"sigmoid", [](Var64 x) { return sigmoid(x); }, [](Var x) { return sigmoid(x); }, logistic,
     [](double x) { return logistic(x) * logistic(-x); }},
    {"tanh", [](Var64 x) { return tanh(x); }, [](Var x) { return tanh(x); },
     [](double x) { return std::tanh(x); }, [](double x) { return 1 - std::tanh(x) * std::tanh(x); }},
    {"softplus", [](Var64 x) { return softplus(x); }, [](Var x) { return softplus(x); }, log_one_plus_exp,
     logistic},
    {"log_sigmoid", [](Var64 x) { return log_sigmoid(x); }, [](Var x) { return log_sigmoid(x); },
     [](double x) { return -log_one_plus_exp(-x); }, [](double x) { return logistic(-x); }},
};

}  // namespace

TEST_CASE("activations: values and both orders of gradients") {
  const Poison poison;
  Rng rng(1);
  for (const ActivationCase& c : activation_cases)
    for (const Shape& shape : {Shape{}, {7}, {3, 5}, {2, 1, 9}, {0, 4}}) {
      CAPTURE(c.name);
      CAPTURE(to_string(shape));
      const Tensor64 x = random_away(rng, shape, -4, 4, {0});
      CHECK(gradcheck(c.f, x));
      CHECK(gradcheck_second_order(c.f, x));
      Tape64 tape;
      const Tensor64 y = c.f(tape.constant(x)).value();
      for (Index i = 0; i < y.size(); ++i) CHECK(close(y.data()[i], c.expected(x.data()[i]), 8));
    }
}

TEST_CASE("activations in float, from -1e4 to 1e4: value and slope") {
  for (const ActivationCase& c : activation_cases)
    for (double x : {-1e4, -100.0, -30.0, -3.0, -1e-3, 1e-3, 0.5, 3.0, 30.0, 100.0, 1e4}) {
      CAPTURE(c.name);
      CAPTURE(x);
      const double given = static_cast<double>(static_cast<float>(x));
      const auto [value, slope] = evaluate<float>(c.f_float, x);
      CHECK(close(value, c.expected(given), 8));
      CHECK(std::abs(static_cast<double>(slope) - c.slope(given)) <= 3e-7);
      const auto [value64, slope64] = evaluate<double>(c.f, x);
      CHECK(close(value64, c.expected(x), 8));
      CHECK(std::abs(slope64 - c.slope(x)) <= 1e-15);
    }
}

TEST_CASE("activations hand NaN through; the slope of relu at 0 is 0") {
  for (const ActivationCase& c : activation_cases) {
    CAPTURE(c.name);
    CHECK(std::isnan(evaluate<double>(c.f, std::nan("")).value));
    CHECK(std::isnan(evaluate<float>(c.f_float, std::nan("")).value));
  }
  CHECK(evaluate<double>([](Var64 x) { return relu(x); }, 0).slope == 0);
  CHECK(evaluate<double>([](Var64 x) { return leaky_relu(x, 0.25); }, 0).slope == 0.25);
}

TEST_CASE("fused gradients are operations in their own right") {
  struct Gradient {
    const char* name;
    Binary f;
  };
  const Gradient gradients[] = {
      {"relu", [](Var64 dy, Var64 y) { return relu_gradient(dy, y); }},
      {"leaky_relu", [](Var64 dy, Var64 x) { return leaky_relu_gradient(dy, x, 0.2); }},
      {"sigmoid", [](Var64 dy, Var64 y) { return sigmoid_gradient(dy, y); }},
      {"tanh", [](Var64 dy, Var64 y) { return tanh_gradient(dy, y); }},
      {"softplus", [](Var64 dy, Var64 x) { return softplus_gradient(dy, x); }},
      {"log_sigmoid", [](Var64 dy, Var64 x) { return log_sigmoid_gradient(dy, x); }},
      {"abs", [](Var64 dy, Var64 x) { return abs_gradient(dy, x); }},
      {"clamp", [](Var64 dy, Var64 x) { return clamp_gradient(dy, x, -0.5, 0.5); }}};
  Rng rng(3);
  for (const Gradient& g : gradients) {
    CAPTURE(g.name);
    const Tensor64 dy = rng.uniform<double>({4, 3}, -1, 1),
                   x = random_away(rng, {4, 3}, -1, 1, {-0.5, 0, 0.5});
    CHECK(gradcheck(g.f, dy, x));
    CHECK(gradcheck_second_order(g.f, dy, x));
  }
}
