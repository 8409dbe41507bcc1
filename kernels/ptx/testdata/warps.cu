// Threads of a warp, together and diverged.

extern "C" __global__ void votes(unsigned *y, const int *x) {
  int t = threadIdx.x, v = x[t];
  unsigned *p = y + 8 * t, m = __ballot_sync(0xffffffffu, v > 2);
  p[0] = m;
  p[1] = __all_sync(0xffffffffu, v > 2);
  p[2] = __any_sync(0xffffffffu, v > 2);
  p[3] = __match_any_sync(0xffffffffu, v);
  int same; p[4] = __match_all_sync(0xffffffffu, v, &same); p[4] += same;
  p[5] = __reduce_add_sync(0xffffffffu, v) + __reduce_max_sync(0xffffffffu, v) * 1000 + __reduce_min_sync(0xffffffffu, v) * 100000;
  p[6] = __reduce_xor_sync(0xffffffffu, (unsigned)v);
  if (v > 2) p[7] = __activemask(); else p[7] = ~__activemask();
}

extern "C" __global__ void shuffles(int *y) {
  int t = threadIdx.x;
  y[t] = __shfl_up_sync(0xffffffffu, t, 3);
  y[32 + t] = __shfl_down_sync(0xffffffffu, t, 3, 16);
  y[64 + t] = __shfl_xor_sync(0xffffffffu, t, 5, 8);
  y[96 + t] = __shfl_sync(0xffffffffu, t, t * 7, 16);
}

// Threads leave a loop after different numbers of steps and meet again after it.
extern "C" __global__ void collatz(int *steps, const int *x) {
  int n = x[threadIdx.x], k = 0;
  while (n != 1) { n = n & 1 ? 3 * n + 1 : n / 2; k++; }
  steps[threadIdx.x] = k + __shfl_xor_sync(0xffffffffu, k, 1);
}

// Each half of the warp shuffles within itself, in different branches.
extern "C" __global__ void halves(int *y) {
  int t = threadIdx.x, v = t * t;
  if (t < 16) { for (int d = 8; d; d >>= 1) v += __shfl_xor_sync(0x0000ffffu, v, d); }
  else { for (int d = 8; d; d >>= 1) v = max(v, __shfl_xor_sync(0xffff0000u, v, d)); }
  y[t] = v;
}

// A shuffle from lanes that have gone: a planted fault.
extern "C" __global__ void lonely_shuffle(int *y) {
  int t = threadIdx.x;
  if (t >= 16) return;
  y[t] = __shfl_xor_sync(0xffffffffu, t, 16);
}

// Two shuffles, each of which waits for the lanes at the other: a planted fault.
extern "C" __global__ void crossed_shuffles(int *y) {
  int t = threadIdx.x;
  if (t < 16) y[t] = __shfl_xor_sync(0xffffffffu, t, 1); else y[t] = 3 * __shfl_up_sync(0xffffffffu, t, 1);
}

// A lane that is not in its own mask: a planted fault.
extern "C" __global__ void wrong_mask(int *y) { y[threadIdx.x] = __shfl_sync(0x7fffffffu, threadIdx.x, 0); }
