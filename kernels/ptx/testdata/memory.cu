// Accesses to memory: vectors, bytes, structs by value, local arrays, constants, module variables, jumps by table.

struct Affine { float scale, shift; double weight; unsigned char mask; };
__constant__ float weights[4] = {0.5f, 0.25f, 0.125f, 0.0625f};
__device__ unsigned calls = 7;

// y = scale x + shift, four at a time.
extern "C" __global__ void affine4(float4 *y, const float4 *x, Affine f, int n) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i >= n) return;
  float4 v = x[i];
  y[i] = make_float4(fmaf(f.scale, v.x, f.shift), fmaf(f.scale, v.y, f.shift), fmaf(f.scale, v.z, f.shift), fmaf(f.scale, v.w, f.shift));
}

// Bytes as floats, with scale and shift; and back, rounded and clamped, into the other buffer.
extern "C" __global__ void bytes(float *y, unsigned char *back, const unsigned char *x, float scale, float shift, int n) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i >= n) return;
  float v = x[i] * scale + shift;
  y[i] = v;
  back[i] = (unsigned char)fminf(fmaxf(rintf((v - shift) / scale), 0.0f), 255.0f);
}

extern "C" __global__ void shorts(int *y, const short *a, const unsigned short *b, const signed char *c, const long long *d) {
  int i = threadIdx.x;
  y[i] = a[i] * 3 + b[i] - c[i] + (int)(d[i] >> 7) + (int)(d[i] % 1000);
}

// A private array, indexed by data: local memory.
extern "C" __global__ void local_sort(int *x) {
  int v[8], *p = x + 8 * (blockIdx.x * blockDim.x + threadIdx.x);
  for (int i = 0; i < 8; i++) v[i] = p[i];
  for (int i = 1; i < 8; i++)
    for (int j = i; j > 0 && v[j - 1] > v[j]; j--) { int w = v[j]; v[j] = v[j - 1]; v[j - 1] = w; }
  for (int i = 0; i < 8; i++) p[i] = v[v[i] & 0 ? 0 : i];
}

// A private array that is passed on by a generic pointer.
static __device__ __forceinline__ void fill(volatile int *p, int n, int k) { for (int i = 0; i < n; i++) p[i * k % 7] = i; }
extern "C" __global__ void generic_pointers(int *out, int where) {
  __shared__ int s[7 * 32];
  volatile int local[7];
  volatile int *p = where == 0 ? local : where == 1 ? s + 7 * threadIdx.x : out + 7 * (32 + threadIdx.x);
  fill(p, 7, 3);
  for (int i = 0; i < 7; i++) out[7 * threadIdx.x + i] = p[i];
}

extern "C" __global__ void constants(float *y, const int *index, unsigned *count) {
  y[threadIdx.x] = weights[index[threadIdx.x]];
  if (threadIdx.x == 0) { *count = calls; calls = calls + 1; }
}

extern "C" __global__ void table(int *y, const int *x) {
  int v = x[threadIdx.x], r;
  switch (v) {
  case 0: r = 17; break;
  case 1: r = v * y[0] + 3; break;
  case 2: r = __popc(y[1]); break;
  case 3: r = y[2] / 3; break;
  case 4: r = y[3] ^ 5; break;
  case 5: r = y[4] - y[5]; break;
  case 6: r = y[6] << 3; break;
  case 7: r = y[7] % 5; break;
  default: r = -1;
  }
  y[32 + threadIdx.x] = r;
}
