// x[b][k] = scale byte[example(b)][k] + shift, or the floats as they are.
#pragma once
#include "common.cuh"

// gatherOne reads one value. Examples past the last are zero.
template <typename T>
DEVICE float gatherOne(const T *data, int example, int k, int n, int width, float scale, float shift) {
  return example < n ? fmaf((float)data[(size_t)example * width + k], scale, shift) : 0.f;
}
