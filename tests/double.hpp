// Short names for the double versions of the library's types, in which gradients are checked.
#pragma once

#include "eigengrad/autodiff/parameter.hpp"
#include "eigengrad/autodiff/tape.hpp"

using Tensor64 = eigengrad::BasicTensor<double>;
using Tape64 = eigengrad::BasicTape<double>;
using Var64 = eigengrad::BasicVar<double>;
using Parameter64 = eigengrad::BasicParameter<double>;
