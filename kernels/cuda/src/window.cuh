// What a window sees of a picture, read where it is used: the unfolded picture is in shared memory only, tile by tile.
//
// The rows of what is unfolded are the output positions of a minibatch, example after example; column (i columns + j) channels + c
// is channel c at row i and column j of the window, and the one after these is the constant 1.
#pragma once
#include "common.cuh"

// Spot is a position relative to another: how far it is in memory, and in lines and columns of the picture.
struct Spot { int at, line, column; };

// spotOfRow is the upper left corner of the window, which may be outside, from the minibatch's first value.
DEVICE Spot spotOfRow(const Window &w, int row) {
  int positions = w.outHeight * w.outWidth, b = row / positions, o = row % positions;
  int line = o / w.outWidth * w.step - w.pad, column = o % w.outWidth * w.step - w.pad;
  return {b * w.slots + (line * w.width + column) * w.position, line, column};
}

// spotOfColumn is the value of a column, from the corner.
DEVICE Spot spotOfColumn(const Window &w, int k) {
  int c = k % w.channels, line = k / w.channels / w.columns, column = k / w.channels % w.columns;
  return {(line * w.width + column) * w.position + c * w.channel, line, column};
}

// look finds the spots of so many rows and columns; those past the last have no meaning.
DEVICE void look(Spot *rows, Spot *columns, int rowCount, int columnCount, const Window &w, int row0, int k0) {
  for (int i = threadIdx.x; i < rowCount; i += blockDim.x) rows[i] = spotOfRow(w, row0 + i);
  for (int i = threadIdx.x; i < columnCount; i += blockDim.x) columns[i] = spotOfColumn(w, k0 + i);
}

// seen is the value of a column, of which there are patch, in a row.
DEVICE float seen(const Window &w, const float *x, const Spot &row, const Spot &column, int k, int patch) {
  if (k >= patch) return k == patch ? 1.f : 0.f;
  int line = row.line + column.line, place = row.column + column.column;
  bool inside = line >= 0 && line < w.height && place >= 0 && place < w.width;
  return inside ? x[row.at + column.at] : 0.f;
}
