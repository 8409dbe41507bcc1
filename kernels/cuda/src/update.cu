// dW[r][k] = sum_b dy[b][r] x[b][k]
// dL/dmu   = dW + lambda B/N sign(mu)
// dL/dphi  = (dW xi - k B/N sigma^-(rho+1)) dsigma/dphi
//
// and the step of the rule for both. dW never leaves the registers and xi is drawn again, so that a synapse costs the
// reading and writing of its two parameters and their moments: 48 bytes with Adam. A block takes 16 rows and 64 columns
// (gradient.cuh). Where sigma is shared, only mu moves, and the row's part of sum dW xi is written to sums[member][row
// of the network][column group]. grid (sum over layers of ceil(columns/64) ceil(out/16), 1, members), block 256
#include "update.cuh"

#define KERNELS(name, Mover)                                                                                      \
  KERNEL __launch_bounds__(256, 4) name##_means(UpdateParameters p) { update<Mover, means, false>(p); }                     \
  KERNEL __launch_bounds__(256, 4) name##_shared(UpdateParameters p) { update<Mover, shared, false>(p); }                   \
  KERNEL __launch_bounds__(256, 4) name##_synapse(UpdateParameters p) { update<Mover, synapse, false>(p); }

KERNELS(update_sgd, SGD)
KERNELS(update_momentum, Momentum)
KERNELS(update_rmsprop, RMSprop)
KERNELS(update, Adam)
