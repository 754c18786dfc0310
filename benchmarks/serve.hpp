/// What this program does for another process of itself, and what it counts rather than times.
#pragma once

#include <string>

namespace bench {

/// Answers timing requests of `service`, "multiply-adds" or "product SIZE", until the end of input.
int serve(const std::string& service);

/// Heap allocations of one InfoGAN step whose shapes have been seen.
int step_heap_allocations();

}  // namespace bench
