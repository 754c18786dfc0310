// The narrower instruction sets, each against its own peak. The choice is made once for a process, so they
// run in processes of their own.
#include <cstdio>
#include <iostream>
#include <memory>

#include "child.hpp"
#include "clock.hpp"
#include "eigengrad/core/random.hpp"
#include "eigengrad/kernels/products.hpp"
#include "machine.hpp"
#include "serve.hpp"
#include "suite.hpp"

namespace bench {
namespace {

Contender in_child(const char* name, const Options& options, eigengrad::InstructionSet set,
                   const std::string& service) {
  const auto child = std::make_shared<Child>(
      std::string(to_string(set)) + " " + service,
      std::vector<std::string>{options.programs + "/eigengrad_benchmarks", "--serve", service},
      std::vector<std::string>{std::string("EIGENGRAD_INSTRUCTION_SET=") + to_string(set)});
  child->introduction();
  return {name, {}, [child](std::int64_t count) { return child->seconds_of(count); }};
}

/// Multiply-adds of one call on a given set: the vectors' width decides.
double operations_of(eigengrad::InstructionSet set) {
  return MultiplyAdds::operations() * MultiplyAdds::floats_per_step(set) /
         MultiplyAdds::floats_per_step(eigengrad::instruction_set());
}

void answer(const std::function<void()>& once) {
  once();  // shapes seen, memory warm
  std::cout << "ready" << std::endl;
  for (std::int64_t count = 0; std::cin >> count;) {
    once();  // this process has slept, and the caches hold another one's data
    const double begin = now();
    for (std::int64_t i = 0; i < count; ++i) once();
    std::cout << now() - begin << std::endl;
  }
}

}  // namespace

int serve(const std::string& service) {
  if (service == "multiply-adds") {
    answer(MultiplyAdds());
    return 0;
  }
  long long size = 0;
  eigengrad::check(std::sscanf(service.c_str(), "product %lld", &size) == 1 && size > 0, "--serve is '",
                   service, "'; it must be multiply-adds or product SIZE");
  eigengrad::Rng rng(1);
  const Tensor a = rng.uniform<float>({size, size}, -1, 1), b = rng.uniform<float>({size, size}, -1, 1);
  answer([&] { eigengrad::kernels::matmul(a, b); });
  return 0;
}

void add_instruction_sets(Suite& suite, const Options& options) {
  using eigengrad::InstructionSet;
  for (InstructionSet set : {InstructionSet::avx512, InstructionSet::avx2, InstructionSet::baseline}) {
    if (set > eigengrad::best_instruction_set()) continue;
    const long long size = set == InstructionSet::baseline ? 1024 : 2048;
    const std::string text = std::to_string(size);
    Row row;
    row.name = std::string("instruction sets/") + to_string(set) + ", product nn " + text + " x " + text +
               " x " + text;
    row.limit = Limit::multiply_adds;
    row.work = 2.0 * static_cast<double>(size * size * size);
    row.prepare = [=] { return std::vector<Contender>{in_child("ours", options, set, "product " + text)}; };
    row.own_limit = [=] { return in_child("limit", options, set, "multiply-adds"); };
    row.own_limit_work = operations_of(set);
    suite.push_back(std::move(row));
  }
}

}  // namespace bench
