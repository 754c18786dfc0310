// The chain of tape.cpp in PyTorch's eager C++ interface. Prints value and gradient, then answers each count
// on standard input with the seconds that so many passes took.
#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include <chrono>
#include <cstdint>
#include <iostream>

struct Chain {
  at::Tensor x = at::full({1}, 0.5f).set_requires_grad(true), a = at::full({1}, 0.75f), y;

  void run() {
    x.mutable_grad().reset();
    y = x;
    for (int i = 0; i < 500; ++i) y = (y + x) * a;
    y.backward();
  }
};

int main() {
  at::set_num_threads(1);  // one element: more would only wait
  Chain chain;
  for (int i = 0; i < 10; ++i) chain.run();
  std::cout << chain.y.item<float>() << " " << chain.x.grad().item<float>() << std::endl;
  for (std::int64_t count = 0; std::cin >> count;) {
    chain.run();  // this process has slept, and the caches hold another one's data
    const auto begin = std::chrono::steady_clock::now();
    for (std::int64_t i = 0; i < count; ++i) chain.run();
    std::cout << std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count() << std::endl;
  }
}
