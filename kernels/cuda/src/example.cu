// Noise of every example (kernels.PerExample):
//
//	y[b][r] = a( sum_k x[b][k] mu[r][k] + sqrt(v[b][r]) xi[b][r] ),  v[b][r] = sum_k x[b][k]^2 sigma[r][k]^2
//
// A buffer v of the shape of y holds the variances; then dy/dv, up to the activation; and then the gradients of the variances.
#include "backward.cuh"
#include "forward.cuh"
#include "gradient.cuh"

constexpr int forwardThreads = 160, forwardRows = forwardThreads / lanes * rowsPerThread;

// product does one of the two products; the inputs are squared for variances.
template <Kind kind>
DEVICE void product(Inputs &xs, const ExampleForwardParameters &p, float *y) {
  int z = blockIdx.z, rowBlocks = (p.out + forwardRows - 1) / forwardRows, b0 = blockIdx.x / rowBlocks * batchTile;
  int r0 = blockIdx.x % rowBlocks * forwardRows + threadIdx.x / lanes * rowsPerThread;
  const float *state = p.state + (size_t)(z / p.groups) * p.stateSize;
  const float *x = p.x + (size_t)p.xslot[z] * p.batch * strideOf(p.in);
  Weights from = {state + p.muOffset, state + p.phiOffset, p.phiStride, 0, {0, 0, 0, 0, 0}};
  float sum[values];
#pragma unroll
  for (int i = 0; i < values; i++) sum[i] = 0.f;
  for (int k0 = 0; k0 <= p.in; k0 += sliceColumns) {
    __syncthreads();
    stage(xs, x, p.in, p.batch, b0, k0);
    __syncthreads();
    if (kind != means) {
      for (int i = threadIdx.x; i < batchTile * sliceColumns; i += forwardThreads) {
        float *v = (float *)xs + i;
        *v *= *v;
      }
      __syncthreads();
    }
    accumulate<kind>(sum, xs, from, false, p.in, p.out, r0, k0);
  }
  finish(sum, y + (size_t)z * p.batch * strideOf(p.out), 0, 0, p.out, p.batch, r0, b0, linear);
}

// The means of pre-activations, in y, and their variances.
// grid (ceil(out/20) ceil(batch/20), 1, instances), block 160
template <Kind kind>
DEVICE void exampleForward(const ExampleForwardParameters &p) {
  __shared__ Inputs xs;
  if (halted(p.clock, blockIdx.z / p.groups)) return;
  product<means>(xs, p, p.y);
  product<kind>(xs, p, p.v);
}

KERNEL __launch_bounds__(forwardThreads, 3) example_forward_shared(ExampleForwardParameters p) { exampleForward<sharedSquare>(p); }
KERNEL __launch_bounds__(forwardThreads, 3) example_forward_synapse(ExampleForwardParameters p) { exampleForward<synapseSquare>(p); }

// Adds the noise and applies the activation; v becomes xi / (2 sqrt(v)), and 0 without variance. A thread has the four columns of a
// block of Philox. grid (ceil(16 batch ceil((out + 1)/64) / 256), 1, instances), block 256
KERNEL example_noise(ExampleNoiseParameters p) {
  int z = blockIdx.z, i = blockIdx.x * blockDim.x + threadIdx.x, groups = (p.out + groupColumns) / groupColumns;
  int lane = i % lanes, group = i / lanes % groups, b = i / lanes / groups;
  if (b >= p.batch || halted(p.clock, z / p.groups)) return;
  Member m = p.members[z / p.groups];
  Noise noise = {m.key0, m.key1, p.clock.steps[indexOf(p.clock)].step, p.streamLayer,
                 p.draw0 + p.drawStride * (unsigned)(z % p.groups)};
  float xi[4];
  normals(xi, noise, firstBlock(b, p.out + 1) + group * 16 + lane);
#pragma unroll 1
  for (int j = 0; j < 4; j++) {
    int r = group * groupColumns + j * lanes + lane;
    if (r >= p.out) continue;
    size_t at = ((size_t)z * p.batch + b) * strideOf(p.out) + r;
    float normal = j == 0 ? xi[0] : j == 1 ? xi[1] : j == 2 ? xi[2] : xi[3]; // no index, which would need memory
    float root = squareRoot(p.v[at]), y = fmaf(root, normal, p.y[at]);
    p.v[at] = root == 0.f ? 0.f : divide(normal, 2.f * root);
    p.y[at] = isStraight(p.activation) ? straight(p.activation, y) : curved(p.activation, y, p.slope ? p.slope + at : 0);
  }
}

// v *= dy: the gradients of the variances. grid (ceil(batch out/256), 1, members), block 256
KERNEL example_slopes(ExampleSlopesParameters p) {
  int i = blockIdx.x * blockDim.x + threadIdx.x, member = blockIdx.z, stride = strideOf(p.out);
  if (i >= p.batch * p.out || halted(p.clock, member)) return;
  size_t at = (size_t)member * p.batch * stride + i / p.out * stride + i % p.out;
  p.v[at] *= p.dy[at];
}

// dx[b][k] = a'( x[b][k] ) ( sum_r dy[b][r] mu[r][k] + 2 x[b][k] sum_r v[b][r] sigma[r][k]^2 )
// grid (ceil(in/32), ceil(batch/20), members), block 128
template <Kind kind>
DEVICE void exampleBack(const ExampleBackParameters &p) {
  __shared__ Gradients dys;
  __shared__ float sums[128 * batchTile], squares[stagedRows];
  int member = blockIdx.z, stride = strideOf(p.in), dyStride = strideOf(p.out), k0 = blockIdx.x * (128 / rowParts);
  int b0 = blockIdx.y * batchTile;
  if (halted(p.clock, member)) return;
  size_t in = (size_t)member * p.batch * stride, out = (size_t)member * p.batch * dyStride;
  const float *state = p.state + (size_t)member * p.stateSize, *mu = state + p.muOffset, *phi = state + p.phiOffset;
  auto stage = [&](const float *dy, int r0) {
    for (int i = threadIdx.x; i < stagedRows * batchTile; i += blockDim.x) {
      int b = i / stagedRows, r = i % stagedRows;
      ((float *)&dys[r])[b] = b0 + b < p.batch && r0 + r < p.out ? dy[out + (b0 + b) * dyStride + r0 + r] : 0.f;
    }
  };
  backwardTile(
      dys, sums, p.in, p.out, p.batch, k0, b0, [&](int r0) { stage(p.dy, r0); },
      [&](int r0, int r, int k) { return mu[(r0 + r) * stride + k]; }, [&](int at, float sum) { p.dx[in + at] = sum; });
  backwardTile(
      dys, sums, p.in, p.out, p.batch, k0, b0,
      [&](int r0) {
        stage(p.v, r0);
        for (int r = threadIdx.x; kind == sharedSquare && r < stagedRows && r0 + r < p.out; r += blockDim.x) {
          float sigma = softplus(phi[(r0 + r) * p.phiStride]);
          squares[r] = sigma * sigma;
        }
      },
      [&](int r0, int r, int k) {
        if (kind == sharedSquare) return squares[r];
        float sigma = softplus(phi[(r0 + r) * stride + k]);
        return sigma * sigma;
      },
      [&](int at, float sum) {
        float total = fmaf(2.f * p.x[in + at], sum, p.dx[in + at]);
        p.dx[in + at] = activationGradient(p.activation, total, p.of[in + at]);
      });
}

KERNEL __launch_bounds__(128) example_back_shared(ExampleBackParameters p) { exampleBack<sharedSquare>(p); }
KERNEL __launch_bounds__(128) example_back_synapse(ExampleBackParameters p) { exampleBack<synapseSquare>(p); }

// The gradients of sigmas, 2 sigma[r][k] sum_b v[b][r] x[b][k]^2, which the kernels that move parameters read; those of a row that
// shares its sigma are to be added. grid (tiles of all layers, 1, members), block 256
template <Kind kind>
DEVICE void exampleGradient(const ExampleGradientParameters &p) {
  int member = blockIdx.z, index = indexOf(p.clock);
  if (halted(p.clock, member)) return;
  Tile at = tileOf(p.layers);
  float sum[4] = {0.f, 0.f, 0.f, 0.f};
  eachExample<true>(at, member, index, p.layers.batch, [&](float g, float4 v) {
    sum[0] = fmaf(g, v.x * v.x, sum[0]);
    sum[1] = fmaf(g, v.y * v.y, sum[1]);
    sum[2] = fmaf(g, v.z * v.z, sum[2]);
    sum[3] = fmaf(g, v.w * v.w, sum[3]);
  });
  const float *phi = p.state + (size_t)member * p.stateSize + at.u->phiOffset;
#pragma unroll
  for (int j = 0; j < 4; j++) {
    if (!at.valid(j)) continue;
    int slot = at.slot + j * lanes;
    float sigma = softplus(phi[kind == sharedSquare ? at.r * p.phiStride : slot]);
    p.spread[(size_t)member * p.slots + at.u->muOffset + slot] = 2.f * sigma * sum[j];
  }
}

KERNEL __launch_bounds__(256) example_gradient_shared(ExampleGradientParameters p) { exampleGradient<sharedSquare>(p); }
KERNEL __launch_bounds__(256) example_gradient_synapse(ExampleGradientParameters p) { exampleGradient<synapseSquare>(p); }
