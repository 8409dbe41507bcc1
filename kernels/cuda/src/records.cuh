// What the host passes to the kernels: one struct of parameters for each, passed by value, and the records in memory to
// which they point. records.go declares the same structs; TestRecordsMatchSources compares names, types, offsets and
// sizes.
#pragma once

// Member holds the numbers of one network.
struct Member {
  unsigned key0, key1; // the seed
  float variance;      // of the Gaussian likelihood
  float constant;      // outputs log(2 pi variance)/2
};

// Price holds the slopes of the costs of one network in one layer, B/N in them, where they are of the standard form:
// magnitude sign(mu) and -reliability sigma^-(rho+1); and how fast its parameters move there.
struct Price {
  float magnitude, reliability, rho;
  float rate;  // learning rate
  float decay; // learning rate times the weight decay
};

// Step holds what changes from step to step, and the constants of Adam. Under the rule Langevin rate is eps_t / eps, and root its root.
struct Step {
  unsigned step;
  unsigned first; // place of the minibatch in the order of the examples
  float rate;     // 1 / (1 - beta1^t)
  float root;     // 1 / sqrt(1 - beta2^t)
  float beta1, gain1, beta2, gain2;
  float epsilon;
  float schedule; // of the learning rate, which rate has too
};

// Langevin holds the numbers of one network in one layer under the rule Langevin at the first step; those of a later step are the
// product with Step's rate and root.
struct Langevin {
  float rate;      // eps N/B; 0 without the gradient
  float amplitude; // sqrt(2 eps T)
};

// Halt says at which step a network diverged: 1 + the index of the step, or 0. After a bad loss the network no longer
// changes; after a bad gradient the step is finished first, so that the result does not depend on the order of blocks.
struct Halt { int loss, gradient; };

// Figures of a group of test examples; correct is a count.
struct Figures { float nll, correct; };

// Sampled is a layer whose weights are drawn ahead.
struct Sampled {
  int in, out, muOffset, phiOffset, phiStride, wOffset, layer;
  int firstTask; // a task is 64 columns of a row; those of the next layer start where these end
};

// Gradient is a layer whose dW is formed. Pointers are those of member 0, or of slot 0.
struct Gradient {
  const float *x;   // of its input; of a convolution its dW
  const int *xslot; // of each member, in x
  const float *dy;  // gradient at its output; of a convolution 16 unit vectors
  int in, out, muOffset, phiOffset;
  int layer, firstRow, firstTile;
  int parity; // numbers between the two halves of x between which steps alternate, or 0
  int xSize, dySize; // numbers of a slot of x, and of a member of dy; the latter 0 of a convolution
};

// Operation is one operation of the middle kernel. Pointers are those of member 0.
struct Operation {
  int kind, in, out, activation;
  int wOffset, slices; // of the weights in w; of the sums in part
  const float *x;      // of the layer's input; of what its slope follows from, on the way back
  float *y;            // of its output, or of the gradient of the loss
  float *slope;        // of its output's slope, or null where that is not kept; of what the slope follows from, in the loss
  const float *dy;     // gradient at its output
  float *dx;           // gradient at its input
};

static_assert(sizeof(Member) == 16 && sizeof(Step) == 40 && sizeof(Langevin) == 8 && sizeof(Halt) == 8 && sizeof(Price) == 20);
static_assert(sizeof(Figures) == 8 && sizeof(Sampled) == 32 && sizeof(Gradient) == 64 && sizeof(Operation) == 64);

// What several kernels take.

// Clock tells the step: that of index *base + t.
struct Clock {
  const Step *steps;
  const int *base;
  Halt *halts; // of each member; null in evaluations: networks that diverged are evaluated too
  int t;
};

// Layers are those whose dW is formed, in tiles that one launch covers.
struct Layers {
  const Gradient *gradients;
  int *bad; // of each member and layer: 1 + the index of the step whose gradient is not finite, or 0
  int count, batch;
};

// Answers are either labels or targets; the other is null.
struct Answers {
  const unsigned char *labels;
  const float *targets;
};

// Minibatch says what is gathered: x[b][k] = scale byte[example(b)][k] + shift, or the floats where there are no bytes.
struct Minibatch {
  float *x;
  const unsigned char *bytes;
  const float *floats;
  const int *order; // of the n examples, for each slot; null for test data
  int n, width, batch;
  int parity; // see Gradient
  float scale, shift;
};

// Window is how a convolution or a pool sees a picture (kernels.Window). Values are position numbers from those of the next position,
// channel from the next channel, and slots from the next example.
struct Window { int height, width, channels, rows, columns, step, pad, position, channel, slots, outHeight, outWidth; };

// The parameters of each kernel.

struct CopyParameters { float4 *to; const float4 *from; int n; };
struct AdvanceParameters { int *base; int steps; };
struct GatherParameters { Clock clock; Minibatch minibatch; };

struct ForwardParameters {
  Clock clock;
  const Member *members;
  const float *state, *x;
  const int *xslot; // of each instance, in x
  float *y, *slope, *part, *w, *sampledW; // slope is null where it is not kept
  const Sampled *sampled;
  int sampledCount, stateSize, muOffset, phiOffset, phiStride, in, out, batch, groups, wSize, activation, parity;
  unsigned streamLayer, draw0, drawStride;
};

struct ActivateParameters {
  Clock clock;
  float *y, *slope;
  const float *part;
  int out, batch, groups, slices, activation;
};

struct LossParameters {
  Clock clock;
  Answers answers;
  const Member *members;
  const int *order, *slots;
  const float *y, *slope;
  float *d, *losses;
  int n, out, batch, activation, closed;
};

struct MiddleParameters {
  Clock clock;
  Answers answers;
  Minibatch next; // that of the step after this one
  const Operation *operations;
  const Member *members;
  const int *slots;
  float *part, *w, *losses;
  int operationCount, memberCount, slotCount, wSize, closed;
};

struct BackwardParameters {
  Clock clock;
  const float *dy, *w, *x;
  float *dx;
  int in, out, batch, wSize, activation;
};

struct ConvolveParameters {
  Clock clock;
  const float *x;
  const int *xslot;
  float *y, *slope, *w;
  Window window;
  int in, out, batch, groups, wSize, activation;
};

struct ConvolveBackParameters {
  Clock clock;
  const float *dy, *w, *x;
  float *dx;
  Window window;
  int out, batch, wSize, activation;
};

struct ConvolveGradientParameters {
  Clock clock;
  const float *x;
  const int *xslot;
  const float *dy;
  float *dw;
  Window window;
  int in, out, batch, parts, dwSize;
};

struct ConvolveReduceParameters {
  Clock clock;
  float *dw;
  int slots, parts, dwSize;
};

struct ExampleForwardParameters {
  Clock clock;
  const float *state, *x;
  const int *xslot;
  float *y, *v;
  int stateSize, muOffset, phiOffset, phiStride, in, out, batch, groups;
};

struct ExampleNoiseParameters {
  Clock clock;
  const Member *members;
  float *y, *slope, *v; // slope is that of the activation, or null
  int out, batch, groups, activation;
  unsigned streamLayer, draw0, drawStride;
};

struct ExampleSlopesParameters {
  Clock clock;
  const float *dy;
  float *v;
  int out, batch;
};

struct ExampleBackParameters {
  Clock clock;
  const float *state, *dy, *v, *x, *of; // of is what the slope of the activation follows from
  float *dx;
  int stateSize, muOffset, phiOffset, phiStride, in, out, batch, activation;
};

struct ExampleGradientParameters {
  Clock clock;
  Layers layers; // whose dy is v
  const float *state;
  float *spread;
  int stateSize, phiStride, slots;
};

struct PoolParameters {
  Clock clock;
  const float *x;
  const int *xslot;
  float *y;
  Window window;
  int batch, groups, average;
};

struct PoolBackParameters {
  Clock clock;
  const float *dy, *y, *x, *of; // of is what the slope of the activation follows from
  float *dx;
  Window window;
  int batch, average, activation;
};

struct FlattenParameters {
  Clock clock;
  const float *x;
  const int *xslot;
  float *y;
  int positions, channels, batch, groups;
};

struct FlattenBackParameters {
  Clock clock;
  const float *dy, *of;
  float *dx;
  int positions, channels, batch, activation;
};

struct JoinParameters {
  Clock clock;
  const float *left, *right;
  const int *leftSlot, *rightSlot;
  float *y, *slope;
  int rows, width, groups, activation; // rows of an instance
};

struct JoinBackParameters {
  Clock clock;
  const float *left, *right, *of;
  float *dx;
  int rows, width, activation;
};

struct UpdateParameters {
  Clock clock;
  Layers layers;
  const Member *members;
  const Price *prices;  // of each member and layer
  const float *numbers; // of the law's formula, of each member and layer; null where it is of the standard form
  const float *spread;  // gradients of the sigmas, where every example has its own noise; else null
  float *state, *sums;
  int stateSize, muSlots, phiSlots, rows, sumGroups;
  int phiStride;   // between the phis of neighbouring rows, where sigma is shared
  int numberCount; // of one member and layer
  unsigned stream;
};

struct LearnParameters {
  Clock clock;
  Layers layers;
  const Member *members;
  const Price *prices;  // of each member and layer
  const float *numbers; // of the slopes' formula, of each member and layer
  const float *spread;  // see UpdateParameters
  float *state;
  int stateSize, thetaOffset, slots; // parameters start at thetaOffset, each with its moments, in fields of slots
  int parameters, numberCount;       // of a synapse; of one member and layer
  unsigned stream;
};

struct UpdateSigmaParameters {
  Clock clock;
  Layers layers;
  const Member *members;
  const Price *prices;
  const int *rowsOf; // of each group, and the others too
  const float *synapses;
  const int *layerOf;
  const float *sums;
  float *state;
  int stateSize, phiOffset, phiSlots, rows, sumGroups;
};

struct AccumulateParameters {
  Clock clock;
  Layers layers;
  double *totals;
  int totalSize, muSlots, inputs;
};

struct LangevinParameters {
  Clock clock;
  Layers layers;
  const Member *members;
  const Langevin *langevin;
  const Price *prices;  // see UpdateParameters
  const float *numbers;
  float *state;
  int stateSize, phiStride, numberCount;
  int noise; // who shares a sigma: a Kind
  unsigned stream;
};

struct ScoreParameters {
  Answers answers;
  const Member *members;
  const float *y;
  Figures *result;
  int first, n, out, groups;
};

struct MixtureAddParameters {
  Answers answers;
  const Member *members;
  const float *y;
  float *mixture;
  int first, n, out, outcomes, groups, draw;
};

struct MixtureScoreParameters {
  Answers answers;
  float *mixture;
  Figures *result;
  int first, n, outcomes, groups, draws;
};
