// Test figures of one group of examples: sums over the group of the negative log-likelihood, and how often the largest
// output (the first of equals) is the label. The host adds the groups.
//
// score           from the outputs of one draw, or at the means
// mixture_add     gathers K draws: per outcome the sum of log p, and the log of the sum of p as top + log(sum)
// mixture_score   from the mean probability and from the mean log-probability
//
// The outcomes are the classes, or the one observed target of a Gaussian likelihood. Thread b takes example b; thread 0
// adds in order. grid (1, 1, instances), block 32
#include "math.cuh"

DEVICE void add(Figures *result, float nll, bool correct, int examples) {
  __shared__ float nlls[batchTile], hits[batchTile];
  int b = threadIdx.x;
  if (b < examples) {
    nlls[b] = nll;
    hits[b] = correct ? 1.f : 0.f;
  }
  __syncthreads();
  if (b == 0) {
    Figures sum = {0.f, 0.f};
    for (int i = 0; i < examples; i++) {
      sum.nll += nlls[i];
      sum.correct += hits[i];
    }
    *result = sum;
  }
  __syncthreads();
}

DEVICE int examplesOf(int first, int n) { return max(0, min(batchTile, n - first)); }

DEVICE int argmax(const float *y, int out, int stride) {
  int best = 0;
  for (int o = 1; o < out; o++)
    if (y[o * stride] > y[best * stride]) best = o;
  return best;
}

// shiftOf is log sum_o e^(y_o).
DEVICE float shiftOf(const float *y, int out) {
  float top = y[0], sum = 0.f;
  for (int o = 1; o < out; o++)
    if (!(y[o] <= top)) top = y[o]; // keeps a NaN
  for (int o = 0; o < out; o++) sum += exp32(y[o] - top);
  return top + logAny(sum);
}

DEVICE float gaussian(const float *y, const float *target, int out, const Member &m) {
  float sum = 0.f;
  for (int o = 0; o < out; o++) {
    float e = y[o] - target[o];
    sum = fmaf(e, e, sum);
  }
  return divide(sum, 2.f * m.variance) + m.constant;
}

KERNEL score(ScoreParameters p) {
  int z = blockIdx.z, b = threadIdx.x, start = p.first + z % p.groups * batchTile, examples = examplesOf(start, p.n), out = p.out;
  float nll = 0.f;
  bool correct = false;
  if (b < examples) {
    const float *yb = p.y + ((size_t)z * batchTile + b) * strideOf(out);
    if (p.answers.labels) {
      int label = p.answers.labels[start + b];
      nll = shiftOf(yb, out) - yb[label];
      correct = argmax(yb, out, 1) == label;
    } else {
      nll = gaussian(yb, p.answers.targets + (size_t)(start + b) * out, out, p.members[z / p.groups]);
    }
  }
  add(&p.result[z], nll, correct, examples);
}

// mixture[z][outcome][b] holds {top, sum, sum of log p}; the first draw starts it. grid (1, 1, instances), block 32
KERNEL mixture_add(MixtureAddParameters p) {
  int z = blockIdx.z, b = threadIdx.x, start = p.first + z % p.groups * batchTile, out = p.out;
  if (b >= examplesOf(start, p.n)) return;
  int cells = p.outcomes * batchTile;
  const float *yb = p.y + ((size_t)z * batchTile + b) * strideOf(out), *targets = p.answers.targets;
  float shift = 0.f, observed = 0.f;
  if (targets)
    observed = -gaussian(yb, targets + (size_t)(start + b) * out, out, p.members[z / p.groups]);
  else
    shift = shiftOf(yb, out);
  for (int o = 0; o < p.outcomes; o++) {
    float *cell = p.mixture + (size_t)z * cells * 3 + o * batchTile + b, v = targets ? observed : yb[o] - shift;
    if (p.draw == 0) {
      cell[0] = v;
      cell[cells] = 1.f;
      cell[2 * cells] = v;
      continue;
    }
    float top = cell[0], larger = v > top ? v : top;
    cell[0] = larger;
    cell[cells] = cell[cells] * exp32(top - larger) + exp32(v - larger);
    cell[2 * cells] += v;
  }
}

// result[z] holds the predictive figures, result[instances + z] those of the mean log-probability.
KERNEL mixture_score(MixtureScoreParameters p) {
  int z = blockIdx.z, b = threadIdx.x, start = p.first + z % p.groups * batchTile, examples = examplesOf(start, p.n);
  int outcomes = p.outcomes, cells = outcomes * batchTile;
  float *cell = p.mixture + (size_t)z * cells * 3 + b;
  float nll = 0.f, nllLog = 0.f;
  bool correct = false, correctLog = false;
  if (b < examples) {
    int answer = p.answers.labels ? p.answers.labels[start + b] : 0;
    float share = divide(1.f, (float)p.draws);
    for (int o = 0; o < outcomes; o++) // the log of the mean probability replaces top
      cell[o * batchTile] += logAny(cell[cells + o * batchTile] * share);
    nll = -cell[answer * batchTile];
    nllLog = -cell[2 * cells + answer * batchTile] * share;
    correct = argmax(cell, outcomes, batchTile) == answer;
    correctLog = argmax(cell + 2 * cells, outcomes, batchTile) == answer;
  }
  add(&p.result[z], nll, correct, examples);
  add(&p.result[gridDim.z + z], nllLog, correctLog, examples);
}
