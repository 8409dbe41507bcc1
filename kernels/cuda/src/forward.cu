// y[b][r] = a( sum_k x[b][k] w[r][k] ),  w = mu + sigma xi,  sigma = softplus(phi)
//
// The weights are drawn here, in registers, and multiplied at once with all examples of the tile (forward.cuh). Layers with
// more than 128 columns are cut: each slice of columns leaves its sums in part, and activate adds them in order. Where w is
// not null the weights stay there for the backward pass.
//
// Block z is instance z: member z/groups, and within it the group z%groups of test examples (one group in training). Its
// input is slot xslot[z] of x, of that half of x whose turn it is; the noise's draw is draw0 + drawStride (z%groups).
//
// Blocks past those of this layer draw the weights of other layers into w, for kernels that take them from there: sampled
// of them, 160/16 rows and 64 columns each.
// grid (ceil(out/20) ceil(batch/20) + sampling, ceil(columns/128), instances), block 160
#include "forward.cuh"

constexpr int threads = 160, blockRows = threads / lanes * rowsPerThread;

// Sampled is a layer whose weights are drawn ahead.
struct Sampled {
  int in, out, muOffset, phiOffset, phiStride, wOffset, layer;
  int firstTask; // a task is 64 columns of a row; those of the next layer start where these end
};

template <Kind kind>
DEVICE void sample(int task, const Sampled *layers, int count, Weights from, const float *state, unsigned stream) {
  int i = 0;
  while (i + 1 < count && task >= layers[i + 1].firstTask) i++;
  Sampled l = layers[i];
  int columns = l.in + 1, groups = (columns + groupColumns - 1) / groupColumns;
  int r = (task - l.firstTask) / groups, k = (task - l.firstTask) % groups * groupColumns + threadIdx.x % lanes;
  if (r >= l.out) return;
  from.mu = state + l.muOffset;
  from.phi = state + l.phiOffset;
  from.noise.streamLayer = stream | (unsigned)l.layer;
  float weight[4], rowSigma = kind == shared ? softplus(from.phi[r * l.phiStride]) : 0.f;
  draw<kind>(weight, from, rowSigma, r, k, columns, strideOf(l.in));
  store(from.w + l.wOffset, weight, r, k, columns, strideOf(l.in));
}

template <Kind kind>
DEVICE void forward(float *y, float *part, float *w, const float *x, const int *xslot, const float *state,
                    const Member *members, const Step *steps, const int *base, int t, const Halt *halts, int stateSize,
                    int muOffset, int phiOffset, int phiStride, int in, int out, int batch, int groups, int wSize,
                    unsigned streamLayer, unsigned draw0, unsigned drawStride, int activation, float *sampledW,
                    const Sampled *sampled, int sampledCount, int parity) {
  __shared__ Inputs xs;
  int z = blockIdx.z, member = z / groups, index = *base + t;
  if (halted(halts, member, index)) return;
  int rowBlocks = (out + blockRows - 1) / blockRows, tiles = (batch + batchTile - 1) / batchTile;
  const float *mine = state + (size_t)member * stateSize;
  Member m = members[member];
  Weights from = {mine + muOffset, mine + phiOffset, phiStride, w + (size_t)z * wSize,
                  {m.key0, m.key1, steps[index].step, streamLayer, draw0 + drawStride * (unsigned)(z % groups)}};
  int extra = (int)blockIdx.x - rowBlocks * tiles;
  if (extra >= 0) {
    from.w = sampledW + (size_t)z * wSize;
    sample<kind>((extra * gridDim.y + blockIdx.y) * (threads / lanes) + threadIdx.x / lanes, sampled, sampledCount, from, mine,
                 streamLayer & 0xffff0000u);
    return;
  }
  int tile = blockIdx.x / rowBlocks, b0 = tile * batchTile, k0 = blockIdx.y * sliceColumns;
  int r0 = blockIdx.x % rowBlocks * blockRows + threadIdx.x / lanes * rowsPerThread;
  stage(xs, x + (size_t)(index & 1) * parity + (size_t)xslot[z] * batch * strideOf(in), in, batch, b0, k0);
  __syncthreads();
  float sum[values];
#pragma unroll
  for (int i = 0; i < values; i++) sum[i] = 0.f;
  accumulate<kind>(sum, xs, from, w && tile == 0, in, out, r0, k0);
  float *slice = gridDim.y > 1 ? part + ((size_t)z * gridDim.y + blockIdx.y) * batch * out : 0;
  finish(sum, y + (size_t)z * batch * strideOf(out), slice, out, batch, r0, b0, activation);
}

#define PARAMETERS                                                                                                         \
  float *y, float *part, float *w, const float *x, const int *xslot, const float *state, const Member *members,            \
      const Step *steps, const int *base, int t, const Halt *halts, int stateSize, int muOffset, int phiOffset,            \
      int phiStride, int in, int out, int batch, int groups, int wSize, unsigned streamLayer, unsigned draw0,              \
      unsigned drawStride, int activation, float *sampledW, const Sampled *sampled, int sampledCount, int parity
#define ARGUMENTS                                                                                                          \
  y, part, w, x, xslot, state, members, steps, base, t, halts, stateSize, muOffset, phiOffset, phiStride, in, out, batch,  \
      groups, wSize, streamLayer, draw0, drawStride, activation, sampledW, sampled, sampledCount, parity

KERNEL __launch_bounds__(threads, 3) forward_means(PARAMETERS) { forward<means>(ARGUMENTS); }
KERNEL __launch_bounds__(threads, 3) forward_shared(PARAMETERS) { forward<shared>(ARGUMENTS); }
KERNEL __launch_bounds__(threads, 3) forward_synapse(PARAMETERS) { forward<synapse>(ARGUMENTS); }
