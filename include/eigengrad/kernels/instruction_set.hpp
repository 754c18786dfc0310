/// The instruction set that the kernels run on: chosen once, at run time, from the processor.
#pragma once

#include <cstdlib>
#include <string_view>

#include "eigengrad/core/check.hpp"

namespace eigengrad {

/// In rising order. `baseline` is what the program was compiled for (SSE2 on x86-64).
enum class InstructionSet { baseline, avx2, avx512 };

inline const char* to_string(InstructionSet set) {
  switch (set) {
    case InstructionSet::avx512:
      return "avx512";
    case InstructionSet::avx2:
      return "avx2";
    default:
      return "baseline";
  }
}

/// The widest set that this processor has.
inline InstructionSet best_instruction_set() {
#if defined(__x86_64__)
  __builtin_cpu_init();
  if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
      __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl"))
    return InstructionSet::avx512;
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) return InstructionSet::avx2;
#endif
  return InstructionSet::baseline;
}

namespace detail {
inline InstructionSet choose_instruction_set() {
  const InstructionSet best = best_instruction_set();
  const char* wanted = std::getenv("EIGENGRAD_INSTRUCTION_SET");
  if (wanted == nullptr || *wanted == '\0') return best;
  for (InstructionSet set : {InstructionSet::baseline, InstructionSet::avx2, InstructionSet::avx512}) {
    if (std::string_view(wanted) != to_string(set)) continue;
    check(set <= best, "EIGENGRAD_INSTRUCTION_SET is ", wanted, ", but this processor has at most ",
          to_string(best));
    return set;
  }
  fail("EIGENGRAD_INSTRUCTION_SET is ", wanted, "; it must be baseline, avx2 or avx512");
}
}  // namespace detail

/// The set in use: the best one, unless the environment variable EIGENGRAD_INSTRUCTION_SET names a lower one.
inline InstructionSet instruction_set() {
  static const InstructionSet set = detail::choose_instruction_set();
  return set;
}

}  // namespace eigengrad
