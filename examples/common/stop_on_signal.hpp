/// Ctrl-C and requests to end, heeded between two steps.
#pragma once

#include <csignal>

namespace examples {

/// Set by Ctrl-C or a termination request: training stops after the running step. A second one ends the
/// program.
inline volatile std::sig_atomic_t stop_requested = 0;

/// Sets stop_requested instead of ending the program, while it lives.
class StopOnSignal {
 public:
  StopOnSignal() {
    stop_requested = 0;
    std::signal(SIGINT, &request);
    std::signal(SIGTERM, &request);
  }
  ~StopOnSignal() {
    std::signal(SIGINT, SIG_DFL);
    std::signal(SIGTERM, SIG_DFL);
  }
  StopOnSignal(const StopOnSignal&) = delete;
  StopOnSignal& operator=(const StopOnSignal&) = delete;

 private:
  static void request(int signal) {
    stop_requested = 1;
    std::signal(signal, SIG_DFL);
  }
};

}  // namespace examples
