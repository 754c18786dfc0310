// Parameters and their leaves on tapes.
#include "eigengrad/autodiff/parameter.hpp"

#include <doctest/doctest.h>

#include "double.hpp"
#include "eigengrad/ops/arithmetic.hpp"

using namespace eigengrad;

TEST_CASE("reading a parameter that changed after it was recorded throws; unread ones do not matter") {
  Tape64 tape;
  Parameter64 weight(Tensor64::scalar(3));
  const Var64 x = tape.variable(Tensor64::scalar(2));
  const Var64 w = tape.parameter(weight);
  const Var64 product = x * w, sum = x + w;
  weight.mutable_value().mutable_data()[0] = 4;
  const char* message =
      "parameter of shape [] was changed after it was put on the tape; its old value is gone";
  CHECK_THROWS_WITH_AS(w.value(), message, Error);
  const std::size_t before = tape.node_count();
  CHECK_THROWS_WITH_AS(tape.gradient(product, {x}), message, Error);
  CHECK(tape.node_count() == before);  // nothing is left of the failed pass
  CHECK(tape.is_recording());
  CHECK(tape.gradient(product, {weight})[0].item() == 2);  // reads x only
  CHECK(tape.gradient(sum, {x})[0].item() == 1);
  CHECK(tape.parameter(weight).item() == 4);
}

TEST_CASE("a leaf holds no share of its parameter's buffer") {
  Tape64 tape;
  Parameter64 weight(Tensor64({2}, {1, 2}));
  const double* const buffer = weight.value().data();
  tape.parameter(weight);
  CHECK(weight.mutable_value().mutable_data() == buffer);
}

TEST_CASE("parameters: moving keeps the cell, copying makes another") {
  Tape64 tape;
  Parameter64 first(Tensor64::scalar(1));
  const Var64 y = tape.parameter(first) * 2;
  Parameter64 moved = std::move(first);
  CHECK(tape.gradient(y, {moved})[0].item() == 2);
  const Parameter64 copy = moved;
  CHECK(tape.gradient(y, {copy})[0].item() == 0);
  moved.mutable_value() = Tensor64::scalar(9);
  CHECK(copy.value().item() == 1);
  CHECK_THROWS_WITH_AS(moved.assign(Tensor64({2}, {1, 2})),
                       "Parameter: assigned value is [2], the parameter is []", Error);
}

TEST_CASE("a parameter may die before its tape") {
  Tape64 tape;
  Var64 y;
  {
    const Parameter64 weight(Tensor64::scalar(3));
    y = tape.parameter(weight) * tape.parameter(weight);
  }
  CHECK(y.item() == 9);
}
