#include "child.hpp"

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>

#include "eigengrad/core/check.hpp"

namespace bench {
namespace {

/// In the new process: never returns.
[[noreturn]] void become(const std::vector<std::string>& command, const std::vector<std::string>& environment,
                         int in, int out) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);  // asleep, it would outlive us for ever
  dup2(in, STDIN_FILENO);
  dup2(out, STDOUT_FILENO);
  for (const std::string& setting : environment) putenv(const_cast<char*>(setting.c_str()));
  std::vector<char*> arguments;
  for (const std::string& argument : command) arguments.push_back(const_cast<char*>(argument.c_str()));
  arguments.push_back(nullptr);
  execvp(arguments[0], arguments.data());
  std::fprintf(stderr, "%s: %s\n", arguments[0], std::strerror(errno));
  _exit(127);
}

}  // namespace

Child::Child(std::string name, const std::vector<std::string>& command,
             const std::vector<std::string>& environment)
    : name_(std::move(name)) {
  std::signal(SIGPIPE, SIG_IGN);  // writing to a process that has died is an error, not our end
  int requests[2], answers[2];
  eigengrad::check(pipe2(requests, O_CLOEXEC) == 0 && pipe2(answers, O_CLOEXEC) == 0, name_, ": no pipe");
  process_ = fork();
  if (process_ == 0) become(command, environment, requests[0], answers[1]);
  close(requests[0]);
  close(answers[1]);
  to_ = fdopen(requests[1], "w");
  from_ = fdopen(answers[0], "r");
  eigengrad::check(process_ > 0, name_, ": cannot be started");
}

Child::~Child() {
  std::fclose(to_);
  std::fclose(from_);
  if (process_ <= 0) return;
  kill(process_, SIGKILL);
  waitpid(process_, nullptr, 0);
}

std::string Child::read_line() {
  std::string line;
  for (int c = std::fgetc(from_); c != '\n'; c = std::fgetc(from_)) {
    if (c == EOF) throw ChildEnded(name_ + " has ended");
    line += static_cast<char>(c);
  }
  return line;
}

std::string Child::introduction() {
  std::string line = read_line();
  kill(process_, SIGSTOP);
  return line;
}

double Child::seconds_of(std::int64_t count) {
  kill(process_, SIGCONT);
  std::fprintf(to_, "%lld\n", static_cast<long long>(count));
  std::fflush(to_);
  const std::string answer = read_line();
  kill(process_, SIGSTOP);
  char* end = nullptr;
  const double seconds = std::strtod(answer.c_str(), &end);
  eigengrad::check(end != answer.c_str() && seconds > 0, name_, ": answers '", answer, "', which is no time");
  return seconds;
}

}  // namespace bench
