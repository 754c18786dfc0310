// Times whole InfoGAN training steps of examples/infogan on random images: one line of JSON.
//   infogan_step [STEPS] [BATCH]
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <vector>

#include "infogan/trainer.hpp"

int main(int argc, char** argv) {
  using namespace infogan;
  const int steps = argc > 1 ? std::atoi(argv[1]) : 30;
  const Index batch = argc > 2 ? std::atoll(argv[2]) : 128;
  if (steps < 1 || batch < 2) {
    std::fprintf(stderr, "usage: infogan_step [STEPS >= 1] [BATCH >= 2]\n");
    return 2;
  }
  Trainer<float> trainer(paper_settings(), {});
  const Tensor images = Rng(1).uniform<float>({batch, 28, 28, 1}, 0, 1);
  for (int i = 0; i < 3; ++i) trainer.step(images);  // shapes seen, memory warm
  std::vector<double> milliseconds;
  for (int i = 0; i < steps; ++i) {
    const auto begin = std::chrono::steady_clock::now();
    trainer.step(images);
    milliseconds.push_back(1e3 *
                           std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count());
  }
  std::sort(milliseconds.begin(), milliseconds.end());
  std::printf(
      "{\"batch\": %lld, \"threads\": %d, \"instruction_set\": \"%s\", \"step_ms_median\": %.3f, "
      "\"step_ms_min\": %.3f, \"step_ms_max\": %.3f}\n",
      static_cast<long long>(batch), thread_count(), to_string(instruction_set()),
      milliseconds[milliseconds.size() / 2], milliseconds.front(), milliseconds.back());
}
