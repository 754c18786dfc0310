// Included once per instruction set inside a namespace that defines `vector_bytes`; see kernels/simd.hpp.
#include "eigengrad/kernels/simd/vector.inl"
#include "eigengrad/kernels/simd/math.inl"
#include "eigengrad/kernels/simd/elementwise.inl"
#include "eigengrad/kernels/simd/reduce.inl"
#include "eigengrad/kernels/simd/products.inl"
#include "eigengrad/kernels/simd/optimizer.inl"
#include "eigengrad/kernels/simd/softmax.inl"
#include "eigengrad/kernels/simd/batch_norm.inl"
