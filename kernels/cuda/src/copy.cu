// to = from, for measuring the memory: 16 bytes per thread and iteration, neighbouring threads neighbouring words. grid
// any, block 256
#include "common.cuh"

KERNEL copy(CopyParameters p) {
  int stride = gridDim.x * blockDim.x;
  for (int i = blockIdx.x * blockDim.x + threadIdx.x; i < p.n; i += stride) p.to[i] = p.from[i];
}
