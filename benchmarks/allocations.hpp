/// Counts heap allocations of this process, on any thread, whoever makes them.
#pragma once

namespace bench {

/// Whether this build can count: it needs glibc.
bool can_count_allocations();
void start_counting_allocations();
/// Allocations since the start.
int stop_counting_allocations();

}  // namespace bench
