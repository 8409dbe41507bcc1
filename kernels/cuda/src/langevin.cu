// dW[r][k] = sum_b dy[b][r] x[b][k]
// mu      <- mu - rate (dW + lambda B/N sign(mu)) + amplitude xi,   rate = eps_t N/B, amplitude = sqrt(2 eps_t T)
//
// instead of the update, with xi from the stream of dynamics; nothing else in the state changes. A thread takes one row
// and the four columns of one block of Philox (gradient.cuh), so that a synapse costs the reading and writing of mu: 8
// bytes. grid (sum over layers of ceil(columns/64) ceil(out/16), 1, members), block 256
#include "langevin.cuh"

KERNEL __launch_bounds__(256, 4) langevin(LangevinParameters p) { langevin<false>(p); }
