/// What the tests against PyTorch's values share. Made by make_golden.py in this folder.
#pragma once

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <string>

#include "double.hpp"
#include "eigengrad/eigengrad.hpp"
#include "eigengrad/io/safetensors.hpp"

namespace golden {

using namespace eigengrad;

/// One file of golden values; the names of a case start with its prefix.
class Golden {
 public:
  explicit Golden(const std::string& name)
      : file_(load_safetensors(EIGENGRAD_TEST_DATA "/" + name + ".safetensors")) {}

  /// A view of the names that start with `prefix`.
  Golden under(const std::string& prefix) const {
    Golden part = *this;
    part.prefix_ += prefix;
    return part;
  }
  bool contains(const std::string& name) const { return file_.contains(prefix_ + name); }
  Tensor64 tensor(const std::string& name) const { return file_.get<double>(prefix_ + name); }
  double number(const std::string& name) const { return tensor(name).data()[0]; }
  std::vector<Index> integers(const std::string& name) const { return file_.get<Index>(prefix_ + name); }
  Index integer(const std::string& name) const { return integers(name).at(0); }

  /// Checks that `got` is the stored tensor up to rounding: 1e-11 of its largest element, or of 1.
  void check(const Tensor64& got, const std::string& name) const {
    const Tensor64 wanted = tensor(name);
    INFO(prefix_, name);
    REQUIRE(got.shape() == wanted.shape());
    double scale = 1, largest = 0;
    for (Index i = 0; i < wanted.size(); ++i)
      if (std::isfinite(wanted.data()[i])) scale = std::max(scale, std::abs(wanted.data()[i]));
    for (Index i = 0; i < wanted.size(); ++i) {
      if (got.data()[i] == wanted.data()[i]) continue;  // infinities too
      const double difference = std::abs(got.data()[i] - wanted.data()[i]);
      if (!(difference <= largest)) largest = difference;  // NaN is kept
    }
    CHECK(largest <= 1e-11 * scale);
  }

 private:
  SafetensorsFile file_;
  std::string prefix_;
};

}  // namespace golden
