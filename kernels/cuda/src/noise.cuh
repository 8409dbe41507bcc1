// xi as kernels/noise.go defines it: column k of row r reads output word (k/16)%4 of block 16 ceil(n/64) r + 16 (k/64) + k%16 of
// Philox4x32-10. The 16 threads of a row draw 64 columns, thread i the columns i, i+16, i+32, i+48.
#pragma once
#include "math.cuh"

struct Noise {
  unsigned key0, key1;
  unsigned step, streamLayer, draw; // counter words 1, 2, 3
};

// philox is Philox4x32-10 (Salmon et al., SC 2011).
DEVICE uint4 philox(uint4 c, unsigned k0, unsigned k1) {
#pragma unroll
  for (int round = 0; round < 10; round++) {
    unsigned long long p0 = 0xD2511F53ull * c.x, p1 = 0xCD9E8D57ull * c.z;
    c = make_uint4((unsigned)(p1 >> 32) ^ c.y ^ k0, (unsigned)p1, (unsigned)(p0 >> 32) ^ c.w ^ k1, (unsigned)p0);
    k0 += 0x9E3779B9u;
    k1 += 0xBB67AE85u;
  }
  return c;
}

// boxMuller makes two standard normals (Box and Muller 1958).
DEVICE void boxMuller(unsigned x, unsigned y, float *cosine, float *sine) {
  float u = fmaf((float)(x >> 8), 0x1p-24f, 0x1p-25f);
  float r = squareRoot(-2.f * log32(u)), s, c;
  sinCosPi((float)(int)y * 0x1p-31f, &s, &c);
  *cosine = r * c;
  *sine = r * s;
}

// firstBlock is the block of a row's first columns.
DEVICE unsigned firstBlock(int row, int columns) { return (unsigned)row * 16u * (unsigned)((columns + 63) / 64); }

// normals draws the four columns of block q.
DEVICE void normals(float xi[4], const Noise &n, unsigned q) {
  uint4 w = philox(make_uint4(q, n.step, n.streamLayer, n.draw), n.key0, n.key1);
  boxMuller(w.x, w.y, &xi[0], &xi[1]);
  boxMuller(w.z, w.w, &xi[2], &xi[3]);
}
