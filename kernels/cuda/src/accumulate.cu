// sum over minibatches of  g, |g|, g^2,     g = dW[r][k] = sum_b dy[b][r] x[b][k]
// sum over examples of     (dy[b][r] x[b][k])^2, |x[b][k]|, x[b][k]^2
//
// in float64, with the parameters as they are. A thread takes one row and four columns as in the update (gradient.cuh),
// and adds its minibatch's terms to four sums for each synapse: 64 bytes are read and written. The threads of a layer's
// first row also add up its inputs. For each member there are
//
//	total[4][muSlots]  of the synapses, in the layout of mu
//	total[2][inputs]   of the inputs, in the layout of a row of mu, one layer after the other
//
// grid (sum over layers of ceil(columns/64) ceil(out/16), 1, members), block 256
#include "gradient.cuh"

KERNEL __launch_bounds__(256, 3) accumulate(AccumulateParameters p) {
  int member = blockIdx.z, index = indexOf(p.clock), muSlots = p.muSlots;
  if (halted(p.clock, member)) return;
  Tile at = tileOf(p.layers);
  double *total = p.totals + (size_t)member * p.totalSize, *mine = total + at.u->muOffset + at.slot;

  double sums[4][4]; // read before the barrier, to arrive during dW
#pragma unroll
  for (int s = 0; s < 4; s++)
#pragma unroll
    for (int j = 0; j < 4; j++) sums[s][j] = at.valid(j) ? mine[s * muSlots + j * lanes] : 0.;

  float dw[4] = {0.f, 0.f, 0.f, 0.f}, squares[4] = {0.f, 0.f, 0.f, 0.f};
  double magnitude[4] = {0., 0., 0., 0.}, square[4] = {0., 0., 0., 0.};
  bool first = at.r == 0;
  eachExample<true>(at, member, index, p.layers.batch, [&](float g, float4 v) {
    float x[4] = {v.x, v.y, v.z, v.w}, g2 = g * g;
#pragma unroll
    for (int j = 0; j < 4; j++) {
      dw[j] = fmaf(g, x[j], dw[j]);
      squares[j] = fmaf(g2, x[j] * x[j], squares[j]);
      if (first) {
        magnitude[j] += (double)fabsf(x[j]);
        square[j] = fma((double)x[j], (double)x[j], square[j]);
      }
    }
  });

  float check = 0.f; // NaN unless everything is finite
#pragma unroll
  for (int j = 0; j < 4; j++) {
    if (!at.valid(j)) continue;
    double g = dw[j];
    mine[j * lanes] = sums[0][j] + g;
    mine[muSlots + j * lanes] = sums[1][j] + fabs(g);
    mine[2 * muSlots + j * lanes] = fma(g, g, sums[2][j]);
    mine[3 * muSlots + j * lanes] = sums[3][j] + (double)squares[j];
    check += (dw[j] - dw[j]) + (squares[j] - squares[j]);
  }
  if (check != 0.f) notFinite(p.clock, p.layers, member, at.u->layer);
  if (!first) return;
  double *in = total + 4 * muSlots + at.k0 + at.lane;
  for (const Gradient *u = p.layers.gradients; u < at.u; u++) in += strideOf(u->in);
#pragma unroll
  for (int j = 0; j < 4; j++) {
    if (!at.valid(j)) continue;
    in[j * lanes] += magnitude[j];
    in[p.inputs + j * lanes] += square[j];
  }
}
