// Pools, flattened pictures and sums of branches, a thread for each value. Sources are read at slot xslot[z] of instance z, which
// differs from z for the inputs of the network. On the way back a thread collects what its value receives, in a fixed order.
// grid (ceil(values/256), 1, instances), block 256
#include "math.cuh"

// write puts a value through an activation and keeps its slope, unless slope is null.
DEVICE void write(float *y, float *slope, size_t at, float v, int activation) {
  y[at] = isStraight(activation) ? straight(activation, v) : curved(activation, v, slope ? slope + at : 0);
}

KERNEL pool(PoolParameters p) {
  const Window &w = p.window;
  int i = blockIdx.x * blockDim.x + threadIdx.x, z = blockIdx.z, positions = w.outHeight * w.outWidth;
  if (i >= p.batch * positions * w.channels || halted(p.clock, z / p.groups)) return;
  int c = i % w.channels, o = i / w.channels % positions, b = i / w.channels / positions, stride = strideOf(w.channels);
  const float *x = p.x + ((size_t)p.xslot[z] * p.batch + b) * w.slots + c;
  int line = o / w.outWidth * w.step, column = o % w.outWidth * w.step;
  float v = 0.f;
  for (int j = 0; j < w.rows * w.columns; j++) {
    float other = x[((line + j / w.columns) * w.width + column + j % w.columns) * stride];
    if (p.average)
      v += other;
    else if (j == 0 || (!(other <= v) && v == v)) // a NaN stays one
      v = other;
  }
  p.y[(((size_t)z * p.batch + b) * positions + o) * stride + c] = p.average ? divide(v, (float)(w.rows * w.columns)) : v;
}

KERNEL pool_back(PoolBackParameters p) {
  const Window &w = p.window;
  int i = blockIdx.x * blockDim.x + threadIdx.x, member = blockIdx.z, positions = w.height * w.width;
  if (i >= p.batch * positions * w.channels || halted(p.clock, member)) return;
  int c = i % w.channels, at = i / w.channels % positions, b = i / w.channels / positions, stride = strideOf(w.channels);
  int line = at / w.width, column = at % w.width;
  size_t example = (size_t)member * p.batch + b, in = example * positions * stride + c;
  size_t out = example * w.outHeight * w.outWidth * stride + c, here = in + (size_t)at * stride;
  float v = p.x[here], sum = 0.f, area = (float)(w.rows * w.columns);
  int top = (max(0, line - w.rows + 1) + w.step - 1) / w.step, left = (max(0, column - w.columns + 1) + w.step - 1) / w.step;
  for (int y = top; y < w.outHeight && y * w.step <= line; y++)
    for (int x = left; x < w.outWidth && x * w.step <= column; x++) {
      size_t o = out + (size_t)(y * w.outWidth + x) * stride;
      if (p.average) {
        sum += divide(p.dy[o], area);
        continue;
      }
      bool first = v == p.y[o]; // of the largest values of the window
      for (int j = 0; first && j < (line - y * w.step) * w.columns + column - x * w.step; j++)
        first = p.x[in + (size_t)((y * w.step + j / w.columns) * w.width + x * w.step + j % w.columns) * stride] != v;
      if (first) sum += p.dy[o];
    }
  p.dx[here] = activationGradient(p.activation, sum, p.of[here]);
}

// A picture in one row, channel after channel.
KERNEL flatten(FlattenParameters p) {
  int i = blockIdx.x * blockDim.x + threadIdx.x, z = blockIdx.z, size = p.positions * p.channels;
  if (i >= p.batch * size || halted(p.clock, z / p.groups)) return;
  int c = i % p.channels, at = i / p.channels % p.positions, b = i / size;
  size_t from = (((size_t)p.xslot[z] * p.batch + b) * p.positions + at) * strideOf(p.channels) + c;
  p.y[((size_t)z * p.batch + b) * strideOf(size) + c * p.positions + at] = p.x[from];
}

KERNEL flatten_back(FlattenBackParameters p) {
  int i = blockIdx.x * blockDim.x + threadIdx.x, member = blockIdx.z, size = p.positions * p.channels;
  if (i >= p.batch * size || halted(p.clock, member)) return;
  int c = i % p.channels, at = i / p.channels % p.positions, b = i / size;
  size_t example = (size_t)member * p.batch + b, to = (example * p.positions + at) * strideOf(p.channels) + c;
  p.dx[to] = activationGradient(p.activation, p.dy[example * strideOf(size) + c * p.positions + at], p.of[to]);
}

// y = a( left + right ), of rows of one width; right may be null.
KERNEL join(JoinParameters p) {
  int i = blockIdx.x * blockDim.x + threadIdx.x, z = blockIdx.z, stride = strideOf(p.width);
  if (i >= p.rows * p.width || halted(p.clock, z / p.groups)) return;
  size_t in = i / p.width * stride + i % p.width, size = (size_t)p.rows * stride;
  float v = p.left[p.leftSlot[z] * size + in];
  if (p.right) v += p.right[p.rightSlot[z] * size + in];
  write(p.y, p.slope, z * size + in, v, p.activation);
}

// dx = a'( x ) (left + right); right may be null.
KERNEL join_back(JoinBackParameters p) {
  int i = blockIdx.x * blockDim.x + threadIdx.x, member = blockIdx.z, stride = strideOf(p.width);
  if (i >= p.rows * p.width || halted(p.clock, member)) return;
  size_t at = (size_t)member * p.rows * stride + i / p.width * stride + i % p.width;
  float v = p.left[at];
  if (p.right) v += p.right[at];
  p.dx[at] = activationGradient(p.activation, v, p.of[at]);
}
