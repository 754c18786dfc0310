#include <cstdio>
#include <eigengrad/eigengrad.hpp>

float value_from_second_unit();

using namespace eigengrad;

int main() {
  Tape tape;
  const Var x = tape.variable(Tensor::scalar(3));
  const float dx = tape.gradient(x * x, {x})[0].item();
  std::printf("%g %g\n", static_cast<double>(dx), static_cast<double>(value_from_second_unit()));
  return dx == 6 && value_from_second_unit() == 2 ? 0 : 1;
}
