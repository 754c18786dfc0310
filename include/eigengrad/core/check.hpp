/// Errors: always on, thrown out of line, with the message put together only when the check fails.
#pragma once

#include <concepts>
#include <cstdint>
#include <cstdio>
#include <stdexcept>
#include <string>
#include <string_view>

#ifdef __FAST_MATH__
#  error \
      "eigengrad: -ffast-math breaks infinities, NaN checks and the fixed order of sums; compile without it"
#endif

namespace eigengrad {

/// What every failed check throws. The message names the operation, its arguments and the broken rule.
class Error : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

namespace detail {

inline void append_text(std::string& text, std::string_view part) {
  text += part;
}

template <std::integral I>
requires(!std::same_as<I, char>) void append_text(std::string& text, I number) {
  text += std::to_string(number);
}

template <std::floating_point F>
void append_text(std::string& text, F number) {
  char buffer[64];
  std::snprintf(buffer, sizeof buffer, "%.9g", static_cast<double>(number));
  text += buffer;
}

template <class... Parts>
std::string concatenate_text(const Parts&... parts) {
  std::string text;
  (append_text(text, parts), ...);
  return text;
}

}  // namespace detail

/// Throws Error with the concatenation of `parts` (text, numbers, shapes).
template <class... Parts>
[[noreturn, gnu::cold, gnu::noinline]] void fail(const Parts&... parts) {
  throw Error(detail::concatenate_text(parts...));
}

/// Throws Error with the concatenation of `parts` unless `condition` holds; the parts are formatted only
/// then.
template <class... Parts>
[[gnu::always_inline]] inline void check(bool condition, const Parts&... parts) {
  if (!condition) [[unlikely]]
    fail(parts...);
}

}  // namespace eigengrad
