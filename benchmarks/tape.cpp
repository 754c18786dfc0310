// The cost of the tape itself: a chain of 1,000 additions and multiplications of tensors with one element,
// forwards and backwards, against PyTorch's eager C++ interface on the same chain.
#include <cstdio>
#include <filesystem>
#include <memory>

#include "child.hpp"
#include "compare.hpp"
#include "eigengrad/eigengrad.hpp"
#include "suite.hpp"

namespace bench {
namespace {

using eigengrad::Tape;
using eigengrad::Var;

struct Chain {
  Tensor start = Tensor::full({1}, 0.5), factor = Tensor::full({1}, 0.75);
  Tape tape;
  Tensor value, gradient;

  void run() {
    tape.clear();
    const Var x = tape.variable(start), a = tape.constant(factor);
    Var y = x;
    for (int i = 0; i < 500; ++i) y = (y + x) * a;
    value = y.value();
    gradient = tape.gradient(y, {x})[0];
  }
};

/// Throws unless PyTorch's value and gradient are ours.
Contender libtorch(const Options& options, const Chain& chain) {
  const auto child = std::make_shared<Child>(
      "libtorch", std::vector<std::string>{options.programs + "/eigengrad_torch_tape"});
  float value = 0, gradient = 0;
  const std::string line = child->introduction();
  eigengrad::check(std::sscanf(line.c_str(), "%f %f", &value, &gradient) == 2, "libtorch says '", line, "'");
  check_same("libtorch", chain.value, Tensor({1}, {value}));
  check_same("libtorch", chain.gradient, Tensor({1}, {gradient}));
  return {"libtorch", {}, [child](std::int64_t count) { return child->seconds_of(count); }};
}

}  // namespace

void add_tape(Suite& suite, const Options& options) {
  suite.push_back({"tape/chain of adds and multiplies", Limit::none, 1000, true, [options] {
                     const auto chain = std::make_shared<Chain>();
                     chain->run();
                     std::vector<Contender> contenders{{"ours", [chain] { chain->run(); }}};
                     if (options.ours) return contenders;
                     if (std::filesystem::exists(options.programs + "/eigengrad_torch_tape"))
                       contenders.push_back(libtorch(options, *chain));
                     else
                       note("libtorch: not there, left out");
                     return contenders;
                   }});
}

}  // namespace bench
