/// What command lines of several programs share.
#pragma once

#include <string>

namespace examples {

/// For CLI11's check(): a seed is not negative. Read as an unsigned number, -1 would quietly become another
/// seed.
inline std::string check_seed(const std::string& text) {
  return text.starts_with('-') ? "it must not be negative, but is " + text : "";
}

}  // namespace examples
