/// Counts heap allocations of this process, on any thread, whoever makes them.
#pragma once

namespace allocations {

/// Whether this build can count: it needs glibc, and no sanitizer.
bool can_count();
void start_counting();
/// Allocations since the start.
int stop_counting();

}  // namespace allocations
