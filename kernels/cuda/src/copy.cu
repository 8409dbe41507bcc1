// to = from, for measuring the memory: 16 bytes per thread and turn, neighbouring threads neighbouring words.
// grid any, block 256
#include "common.cuh"

KERNEL copy(float4 *to, const float4 *from, int n) {
  int stride = gridDim.x * blockDim.x;
  for (int i = blockIdx.x * blockDim.x + threadIdx.x; i < n; i += stride) to[i] = from[i];
}
