// What all kernels share: the shapes of tiles, and the records that the host fills (machine.go writes the same layouts).
#pragma once

#define DEVICE __device__ __forceinline__
#define KERNEL extern "C" __global__ void

constexpr int batchTile = 20;   // examples that a block works on at once
constexpr int lanes = 16;       // threads that share a row
constexpr int groupColumns = 64; // columns whose noise comes from 16 blocks of Philox: four per thread
constexpr int warp = 32;
constexpr unsigned allLanes = 0xffffffffu;

// Member holds the numbers of one network.
struct Member {
  unsigned key0, key1; // the seed
  float rho;
  float magnitude;   // lambda B/N
  float reliability; // k B/N, k = c rho or c
  float rate;        // learning rate
  float variance;    // of the Gaussian likelihood
  float constant;    // outputs log(2 pi variance)/2
};

// Step holds what changes from step to step, and the constants of Adam. Under the rule Langevin rate is eps_t / eps, and root its root.
struct Step {
  unsigned step;
  unsigned first; // place of the minibatch in the order of the examples
  float rate;     // 1 / (1 - beta1^t)
  float root;     // 1 / sqrt(1 - beta2^t)
  float beta1, gain1, beta2, gain2;
  float epsilon;
  float unused[3];
};

// Halt says when a network left the finite numbers: 1 + the index of the step, or 0. After a bad loss nothing more happens to
// the network; after a bad gradient the step is finished first, so that the result does not depend on the order of blocks.
struct Halt {
  int loss, gradient;
};

// strideOf is the length of a row that holds the given number of values and the constant 1 (kernels.Stride).
DEVICE int strideOf(int width) { return (width + 1 + 15) / 16 * 16; }

DEVICE bool halted(const Halt *halts, int member, int index) {
  if (!halts) return false;
  Halt h = halts[member];
  return h.loss != 0 || (h.gradient != 0 && h.gradient <= index);
}

DEVICE bool finite(float x) { return x - x == 0; }

// The activations, numbered as kernels.Activation.
constexpr int relu = 1, tanhActivation = 2;
