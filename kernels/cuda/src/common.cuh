// What all kernels share: the shapes of tiles, and how they find their step.
#pragma once
#include "records.cuh"

#define DEVICE __device__ __forceinline__
#define KERNEL extern "C" __global__ void

constexpr int batchTile = 20;   // examples that a block works on at once
constexpr int lanes = 16;       // threads that share a row
constexpr int groupColumns = 64; // columns whose noise comes from 16 blocks of Philox: four per thread
constexpr int warp = 32;
constexpr unsigned allLanes = 0xffffffffu;

// strideOf is the length of a row that holds the given number of values and the constant 1 (kernels.Stride).
DEVICE int strideOf(int width) { return (width + 1 + 15) / 16 * 16; }

// indexOf is the index of the step.
DEVICE int indexOf(const Clock &c) { return *c.base + c.t; }

DEVICE bool halted(const Clock &c, int member) {
  if (!c.halts) return false;
  Halt h = c.halts[member];
  return h.loss != 0 || (h.gradient != 0 && h.gradient <= indexOf(c));
}

DEVICE bool finite(float x) { return x - x == 0; }

// notFinite notes that a gradient is not finite. All threads that note it write the same value.
DEVICE void notFinite(const Clock &c, const Layers &l, int member, int layer) {
  c.halts[member].gradient = l.bad[member * l.count + layer] = indexOf(c) + 1;
}

// The activations, numbered as kernels.Activation.
constexpr int linear = 0, relu = 1, tanhActivation = 2, leakyRelu = 3, sigmoidActivation = 4, softplusActivation = 5, gelu = 6;
constexpr float leakySlope = 0.01f;
