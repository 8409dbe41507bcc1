// Atomics: histograms in shared and global memory, float sums, compare-and-swap, the last block of a grid.

extern "C" __global__ void histogram(unsigned *bins, const unsigned char *x, int n) {
  __shared__ unsigned mine[16];
  if (threadIdx.x < 16) mine[threadIdx.x] = 0;
  __syncthreads();
  for (int i = blockIdx.x * blockDim.x + threadIdx.x; i < n; i += gridDim.x * blockDim.x) atomicAdd(&mine[x[i] & 15], 1u);
  __syncthreads();
  if (threadIdx.x < 16) atomicAdd(&bins[threadIdx.x], mine[threadIdx.x]);
}

extern "C" __global__ void sums(float *sum, double *sum64, unsigned long long *count, const float *x) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  atomicAdd(sum, x[i]);
  atomicAdd(sum64, (double)x[i]);
  atomicAdd(count, 1ull);
}

// The largest float of any sign, by compare-and-swap.
extern "C" __global__ void largest(int *bits, const float *x) {
  int i = blockIdx.x * blockDim.x + threadIdx.x, old = *(volatile int *)bits;
  while (x[i] > __int_as_float(old)) {
    int seen = atomicCAS(bits, old, __float_as_int(x[i]));
    if (seen == old) break;
    old = seen;
  }
}

extern "C" __global__ void integers(int *a, unsigned *b) {
  int i = threadIdx.x;
  atomicMin(&a[0], i - 5); atomicMax(&a[1], i - 5); atomicSub(&a[2], i); atomicXor(&a[3], i); atomicOr(&a[4], 1 << i); atomicAnd(&a[5], ~(1 << i));
  atomicInc(&b[0], 9); atomicDec(&b[1], 9); atomicMin(&b[2], i + 3); atomicMax(&b[3], i + 3); b[8 + i] = atomicExch(&b[4], i);
}

// Two blocks write the same place: a planted fault.
extern "C" __global__ void blocks_collide(int *x) { if (threadIdx.x == 0) x[0] = blockIdx.x; }
// A block reads a value that another writes: a planted fault.
extern "C" __global__ void blocks_read(int *x) { if (threadIdx.x == 0) x[1 + blockIdx.x] = blockIdx.x ? x[1] : 5; }
// Threads of one block share global memory by barriers: right.
extern "C" __global__ void block_shares(int *x) {
  int *p = x + blockIdx.x * blockDim.x;
  p[threadIdx.x] = threadIdx.x;
  __syncthreads();
  int v = p[(threadIdx.x + 1) % blockDim.x];
  __syncthreads();
  p[threadIdx.x] = v;
}
