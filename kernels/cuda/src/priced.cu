// The kernels of update.cu and langevin.cu for laws of any form:
//
//	dL/dmu  = dW + d cost/dmu
//	dL/dphi = (dW xi + d cost/dsigma) dsigma/dphi
//
// The host writes the derivatives of the cost into the compiled text, in place of the marks that price leaves. Where a
// sigma is shared, the row's part of the sum over synapses of d cost/dsigma is added to that of dW xi.
#include "langevin.cuh"
#include "update.cuh"

#define PRICED(name, Mover)                                                                                      \
  KERNEL __launch_bounds__(256, 4) name##_priced_means(UpdateParameters p) { update<Mover, means, true>(p); }                     \
  KERNEL __launch_bounds__(256, 4) name##_priced_shared(UpdateParameters p) { update<Mover, shared, true>(p); }                   \
  KERNEL __launch_bounds__(256, 4) name##_priced_synapse(UpdateParameters p) { update<Mover, synapse, true>(p); }

PRICED(update_sgd, SGD)
PRICED(update_momentum, Momentum)
PRICED(update_rmsprop, RMSprop)
PRICED(update, Adam)

KERNEL __launch_bounds__(256, 4) langevin_priced(LangevinParameters p) { langevin<true>(p); }
