// The work of one training step, for the benchmark: weights sampled with Philox and Box-Muller, and their update. What
// they compute is like quantal's kernels, but simpler.

static __device__ __forceinline__ uint4 philox(uint4 c, unsigned k0, unsigned k1) {
#pragma unroll
  for (int r = 0; r < 10; r++) {
    c = make_uint4(__umulhi(0xCD9E8D57u, c.z) ^ c.y ^ k0, 0xCD9E8D57u * c.z, __umulhi(0xD2511F53u, c.x) ^ c.w ^ k1, 0xD2511F53u * c.x);
    k0 += 0x9E3779B9u;
    k1 += 0xBB67AE85u;
  }
  return c;
}

static __device__ __forceinline__ void normals(float xi[4], int q, unsigned step) {
  uint4 w = philox(make_uint4(q, step, 0, 0), 42, 7);
  unsigned u[4] = {w.x, w.y, w.z, w.w};
#pragma unroll
  for (int i = 0; i < 4; i += 2) {
    float s, c, r = sqrtf(-2.0f * logf(((u[i] >> 8) + 0.5f) * 0x1p-24f));
    sincospif((int)u[i + 1] * 0x1p-31f, &s, &c);
    xi[i] = r * c;
    xi[i + 1] = r * s;
  }
}

// w = mu + softplus(phi) xi, four synapses per thread; n is a multiple of 4.
extern "C" __global__ void sample(float4 *w, const float4 *mu, const float4 *phi, int n, unsigned step) {
  int q = blockIdx.x * blockDim.x + threadIdx.x;
  if (4 * q >= n) return;
  float xi[4];
  normals(xi, q, step);
  float4 m = mu[q], p = phi[q];
  w[q] = make_float4(fmaf(log1pf(expf(p.x)), xi[0], m.x), fmaf(log1pf(expf(p.y)), xi[1], m.y), fmaf(log1pf(expf(p.z)), xi[2], m.z), fmaf(log1pf(expf(p.w)), xi[3], m.w));
}

// Gradient of a layer of `in` inputs and n/in outputs from 20 examples (x[20][in], dy[20][out]), and Adam on mu and phi.
extern "C" __global__ void update(float4 *mu, float4 *phi, float4 *state, const float *x, const float *dy, int in, int n, unsigned step) {
  int q = blockIdx.x * blockDim.x + threadIdx.x;
  if (4 * q >= n) return;
  float xi[4], *m = (float *)(mu + q), *f = (float *)(phi + q), *s = (float *)(state + 4 * q);
  normals(xi, q, step);
#pragma unroll
  for (int i = 0; i < 4; i++) {
    int row = (4 * q + i) / in, column = (4 * q + i) % in;
    float g = 0.0f;
#pragma unroll
    for (int b = 0; b < 20; b++) g = fmaf(x[b * in + column], dy[b * (n / in) + row], g);
    float e = expf(f[i]), sigma = log1pf(e), gf = (g * xi[i] - 0.01f / (sigma * sigma)) * e / (1.0f + e);
    s[4 * i] = 0.9f * s[4 * i] + 0.1f * g;
    s[4 * i + 1] = 0.999f * s[4 * i + 1] + 0.001f * g * g;
    s[4 * i + 2] = 0.9f * s[4 * i + 2] + 0.1f * gf;
    s[4 * i + 3] = 0.999f * s[4 * i + 3] + 0.001f * gf * gf;
    m[i] -= 1e-4f * s[4 * i] / (sqrtf(s[4 * i + 1]) + 1e-8f);
    f[i] -= 1e-4f * s[4 * i + 2] / (sqrtf(s[4 * i + 3]) + 1e-8f);
  }
}
