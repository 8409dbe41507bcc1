// x[b][k] = scale byte[example(b)][k] + shift, or the floats as they are.
#pragma once
#include "common.cuh"

// gatherOne reads one value. Examples past the last are zero.
template <typename T>
DEVICE float gatherOne(const Minibatch &m, const T *data, int example, int k) {
  return example < m.n ? fmaf((float)data[(size_t)example * m.width + k], m.scale, m.shift) : 0.f;
}
