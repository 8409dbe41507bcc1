// y[b][r] = a( sum_k x[b][k] w[r][k] ),  w = mu + sigma xi,  sigma = softplus(phi)
//
// The weights are drawn here, in registers, and multiplied immediately with all examples of the tile (forward.cuh).
// Layers with more than 128 columns are cut: each slice of columns writes its sums to part, and activate adds them in
// order. If w is not null the weights are stored there for the backward pass.
//
// Block z is instance z: member z/groups, and within it the group z%groups of test examples (one group in training). Its
// input is slot xslot[z] of the current half of x; the noise's draw is draw0 + drawStride (z%groups).
//
// Blocks past those of this layer draw the weights of other layers into w, for kernels that read them there: sampled of
// them, 160/16 rows and 64 columns each. grid (ceil(out/20) ceil(batch/20) + sampling, ceil(columns/128), instances),
// block 160
#include "forward.cuh"

constexpr int threads = 160, blockRows = threads / lanes * rowsPerThread;

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
DEVICE void forward(const ForwardParameters &p) {
  __shared__ Inputs xs;
  int z = blockIdx.z, member = z / p.groups, index = indexOf(p.clock);
  if (halted(p.clock, member)) return;
  int rowBlocks = (p.out + blockRows - 1) / blockRows, tiles = (p.batch + batchTile - 1) / batchTile;
  const float *mine = p.state + (size_t)member * p.stateSize;
  Member m = p.members[member];
  Weights from = {mine + p.muOffset, mine + p.phiOffset, p.phiStride, p.w + (size_t)z * p.wSize,
                  {m.key0, m.key1, p.clock.steps[index].step, p.streamLayer, p.draw0 + p.drawStride * (unsigned)(z % p.groups)}};
  int extra = (int)blockIdx.x - rowBlocks * tiles;
  if (extra >= 0) {
    from.w = p.sampledW + (size_t)z * p.wSize;
    sample<kind>((extra * gridDim.y + blockIdx.y) * (threads / lanes) + threadIdx.x / lanes, p.sampled, p.sampledCount, from, mine,
                 p.streamLayer & 0xffff0000u);
    return;
  }
  int tile = blockIdx.x / rowBlocks, b0 = tile * batchTile, k0 = blockIdx.y * sliceColumns;
  int r0 = blockIdx.x % rowBlocks * blockRows + threadIdx.x / lanes * rowsPerThread;
  const float *x = p.x + (size_t)(index & 1) * p.parity + (size_t)p.xslot[z] * p.batch * strideOf(p.in);
  stage(xs, x, p.in, p.batch, b0, k0);
  __syncthreads();
  float sum[values];
#pragma unroll
  for (int i = 0; i < values; i++) sum[i] = 0.f;
  accumulate<kind>(sum, xs, from, p.w && tile == 0, p.in, p.out, r0, k0);
  float *slice = gridDim.y > 1 ? p.part + ((size_t)z * gridDim.y + blockIdx.y) * p.batch * p.out : 0;
  size_t atOut = (size_t)z * p.batch * strideOf(p.out);
  finish(sum, p.y + atOut, p.slope ? p.slope + atOut : 0, slice, p.out, p.batch, r0, b0, p.activation);
}

KERNEL __launch_bounds__(threads, 3) forward_means(ForwardParameters p) { forward<means>(p); }
KERNEL __launch_bounds__(threads, 3) forward_shared(ForwardParameters p) { forward<shared>(p); }
KERNEL __launch_bounds__(threads, 3) forward_synapse(ForwardParameters p) { forward<synapse>(p); }
