/// Names of the elementwise operations: tags that the vectorised kernels turn into code.
#pragma once

namespace eigengrad::kernels {
namespace op {}
}  // namespace eigengrad::kernels
