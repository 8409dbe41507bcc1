"""The noise of quantal: a pure function of seed, stream, layer, step and draw. kernels/noise.go defines it."""
import numpy as np

TRAIN, ORDER, EVALUATION = 0, 2, 3  # streams, of which kernels/noise.go has all
OF_EXAMPLES = 256  # added to a stream: each row is the noise of an example's pre-activations, and 1 column more


def philox(counter, key):
    """The four output words of Philox4x32-10 (Salmon et al. 2011): counter is four integers or arrays of 32 bits that
    broadcast, key two integers. The words are uint32 arrays."""
    c, low = [np.asarray(x, np.uint64) for x in counter], np.uint64(0xFFFFFFFF)
    for i in range(10):
        k0, k1 = (np.uint64((key[j] + i * w) & 0xFFFFFFFF) for j, w in enumerate((0x9E3779B9, 0xBB67AE85)))
        p, q = np.uint64(0xD2511F53) * c[0], np.uint64(0xCD9E8D57) * c[2]
        c = [(q >> np.uint64(32)) ^ c[1] ^ k0, q & low, (p >> np.uint64(32)) ^ c[3] ^ k1, p & low]
    return [x.astype(np.uint32) for x in np.broadcast_arrays(*c)]


def normals(seed, stream, layer, step, draw, rows, columns):
    """The standard normals of a layer, [rows][columns] of float32; its bias is the last column."""
    blocks = np.arange(rows * 16 * -(-columns // 64))
    words = philox((blocks, step, stream << 16 | layer, draw), (seed & 0xFFFFFFFF, seed >> 32))
    out = []
    for x, y in (words[:2], words[2:]):  # Box and Muller 1958; what is rounded to float32 there is so here
        u = (x >> np.uint32(8)).astype(np.float32) * np.float32(2**-24) + np.float32(2**-25)
        radius = np.sqrt(-2 * np.log(u.astype(float)))
        angle = np.pi * (y.view(np.int32).astype(np.float32) * np.float32(2**-31)).astype(float)
        out += [radius * np.cos(angle), radius * np.sin(angle)]
    # Column k of row r is number (k/16) mod 4 of block 16 ceil(columns/64) r + 16 (k/64) + k mod 16.
    out = np.stack(out).reshape(4, rows, -1, 16).transpose(1, 2, 0, 3).reshape(rows, -1)
    return out[:, :columns].astype(np.float32)
