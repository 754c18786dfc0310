/// Another process that answers timing requests, one at a time, and sleeps between them: threads that wait
/// actively there would take our cores.
#pragma once

#include <cstdint>
#include <cstdio>
#include <stdexcept>
#include <string>
#include <vector>

#include <sys/types.h>

namespace bench {

/// The process ended before its work was done.
struct ChildEnded : std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// Protocol: the process first prints one line about itself; then for every count it reads, it does its work
/// once to warm up and that many times more, and prints the seconds that the latter took for all of them. It
/// ends at the end of its input.
class Child {
 public:
  /// Starts `command`, found on the path, with "NAME=value" settings added to the environment; returns at
  /// once.
  Child(std::string name, const std::vector<std::string>& command,
        const std::vector<std::string>& environment = {});
  ~Child();
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;

  /// The line about itself: waits for it, then puts the process to sleep.
  std::string introduction();
  double seconds_of(std::int64_t count);

 private:
  std::string read_line();

  std::string name_;
  pid_t process_ = -1;
  std::FILE* to_ = nullptr;
  std::FILE* from_ = nullptr;
};

}  // namespace bench
