#include "eigengrad/ops/softmax.hpp"

#include "ops/op_test.hpp"

using namespace op_test;

TEST_CASE("softmax, log_softmax and logsumexp: gradients of both orders") {
  const Poison poison;
  Rng rng(1);
  for (const Shape& shape : {Shape{1}, {7}, {3, 5}, {2, 3, 20}}) {
    CAPTURE(to_string(shape));
    const Tensor64 x = rng.uniform<double>(shape, -3, 3);
    CHECK(gradcheck([](auto v) { return softmax(v); }, x));
    CHECK(gradcheck_second_order([](auto v) { return softmax(v); }, x));
    CHECK(gradcheck([](auto v) { return log_softmax(v); }, x));
    CHECK(gradcheck_second_order([](auto v) { return log_softmax(v); }, x));
    CHECK(gradcheck([](auto v) { return logsumexp(v); }, x));
    CHECK(gradcheck([](auto v) { return softmax(v, 0); }, x));
    CHECK(gradcheck_second_order([](auto v) { return log_softmax(v, 0); }, x));
    CHECK(gradcheck_second_order([](auto v) { return logsumexp(v, 0); }, x));
    CHECK(gradcheck_second_order([](auto v) { return logsumexp(v, -1, {.keep_axes = true}); }, x));
  }
}

TEST_CASE("softmax and its relatives: values, and logits of 1e4 in float") {
  Tape tape;
  const Var x = tape.variable(Tensor({2, 3}, {1, 2, 3, 1e4F, -1e4F, 0}));
  const Tensor y = softmax(x).value(), l = log_softmax(x).value(), s = logsumexp(x).value();
  double total = 0;
  for (double v : {1.0, 2.0, 3.0}) total += std::exp(v);
  for (Index j = 0; j < 3; ++j) {
    CHECK(close(y(0, j), std::exp(1.0 + static_cast<double>(j)) / total));
    CHECK(close(l(0, j), 1 + static_cast<double>(j) - std::log(total), 8));
  }
  CHECK(close(s(0), std::log(total)));
  CHECK(y(1, 0) == 1);
  CHECK(y(1, 1) == 0);
  CHECK(l(1, 0) == 0);
  CHECK(l(1, 1) == -2e4F);
  CHECK(s(1) == 1e4F);
  for (float g : tape.gradient(log_softmax(x), {x}, Tensor::ones({2, 3}))[0].values())
    CHECK(std::isfinite(g));
}
