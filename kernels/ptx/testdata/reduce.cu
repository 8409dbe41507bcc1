// Sums: by shuffles within a warp, by shared memory between warps, by partials between blocks.

static __device__ __forceinline__ float warpSum(float v) {
#pragma unroll
  for (int d = 16; d; d >>= 1) v += __shfl_down_sync(0xffffffffu, v, d);
  return v;
}

// partial[block] = sum of the block's share of x[n], in a fixed order. Block of 256 threads.
extern "C" __global__ void __launch_bounds__(256) block_sum(float *partial, const float *x, int n) {
  __shared__ float warps[8];
  float v = 0.0f;
  for (int i = blockIdx.x * blockDim.x + threadIdx.x; i < n; i += gridDim.x * blockDim.x) v += x[i];
  v = warpSum(v);
  if (threadIdx.x % 32 == 0) warps[threadIdx.x / 32] = v;
  __syncthreads();
  if (threadIdx.x < 32) {
    v = warpSum(threadIdx.x < 8 ? warps[threadIdx.x] : 0.0f);
    if (threadIdx.x == 0) partial[blockIdx.x] = v;
  }
}

// As block_sum, in a tree over dynamic shared memory of one float per thread. NO_BARRIER is a planted fault.
#define TREE(name, barrier)                                                        \
  extern "C" __global__ void name(float *partial, const float *x, int n) {         \
    extern __shared__ float tree[];                                                \
    int t = threadIdx.x, i = blockIdx.x * blockDim.x + t;                          \
    tree[t] = i < n ? x[i] : 0.0f;                                                 \
    for (int d = blockDim.x / 2; d; d >>= 1) {                                     \
      barrier;                                                                     \
      if (t < d) tree[t] += tree[t + d];                                           \
    }                                                                              \
    if (t == 0) partial[blockIdx.x] = tree[0];                                     \
  }
TREE(tree_sum, __syncthreads())
TREE(tree_sum_without_barrier, )

// The last 32 threads of a tree need no block barrier, but a warp barrier each. WITHOUT is a planted fault.
#define WARP_TREE(name, barrier)                                                   \
  extern "C" __global__ void name(float *out, const float *x) {                    \
    __shared__ float tree[32];                                                     \
    int t = threadIdx.x;                                                           \
    tree[t] = x[t];                                                                \
    barrier;                                                                       \
    for (int d = 16; d; d >>= 1) {                                                 \
      float v = tree[(t + d) % 32];                                                \
      barrier;                                                                     \
      tree[t] += v;                                                                \
      barrier;                                                                     \
    }                                                                              \
    out[t] = tree[t];                                                              \
  }
WARP_TREE(warp_tree, __syncwarp())
WARP_TREE(warp_tree_without_barrier, )

// Counts by barriers that reduce: out[0..2] = number, whether all, whether any of x[t] > 0.
extern "C" __global__ void barrier_votes(int *out, const float *x) {
  bool p = x[threadIdx.x] > 0.0f;
  int count = __syncthreads_count(p), all = __syncthreads_and(p), any = __syncthreads_or(p);
  if (threadIdx.x == blockDim.x - 1) { out[0] = count; out[1] = all != 0; out[2] = any != 0; }
}

// A barrier that only the lower half of the block reaches: a planted fault.
extern "C" __global__ void divergent_barrier(float *x) {
  __shared__ float s[64];
  s[threadIdx.x] = x[threadIdx.x];
  if (threadIdx.x < 32) { __syncthreads(); x[threadIdx.x] = s[63 - threadIdx.x]; }
  else x[threadIdx.x] = 0.0f;
}
