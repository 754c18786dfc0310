/// What command lines of several programs share.
#pragma once

#include <cmath>
#include <cstdlib>
#include <string>

namespace examples {

/// For CLI11's check(): a seed is not negative. Read as an unsigned number, -1 would quietly become another
/// seed.
inline std::string check_seed(const std::string& text) {
  return text.starts_with('-') ? "it must not be negative, but is " + text : "";
}

/// For CLI11's check(): a number in [0, 1), such as a learning rate. Its own range check lets NaN pass.
inline std::string check_fraction(const std::string& text) {
  char* end = nullptr;
  const double value = std::strtod(text.c_str(), &end);
  const bool is_number = !text.empty() && *end == '\0';
  return is_number && value >= 0 && value < 1 ? "" : "it must be a number in [0, 1), but is " + text;
}

}  // namespace examples
