#!/usr/bin/env python3
"""Times the training step of quantal's preset "published" in PyTorch, on the CPU.

784-100-100-10, ReLU on both hidden layers, linear readout, minibatches of 20 out of 60,000, one draw of the weights per
minibatch, biases are synapses too, sigma = softplus(phi), Adam on mu and phi, and the objective

    sum of cross-entropies + (B/N) (lambda sum |mu| + c sum sigma^-rho).

Prints one line of JSON (the fields of bench/peers/timing). It needs PyTorch 1.13 or newer and, with Debian's PyTorch, a fast
BLAS: apt-get install python3-torch libopenblas0-openmp. Exit status 3 says that PyTorch is missing.

What was tried, on one core with PyTorch 1.13 and OpenBLAS 0.3.21 (float32 and float64, heterogeneous, rho = 2; milliseconds
per step; the machine was not quiet, differences of 3 % mean nothing):

    2.30  5.2   a tensor per layer, F.softplus, sigma.pow(-rho), torch.optim.Adam: how one writes it first
    2.37  5.4   the same with Adam(foreach=True), which on the CPU is a loop all the same (fused Adam is for GPUs in 1.13)
    1.96  4.8   all layers in one flat mu and one flat phi, cut into views by split_with_sizes (whose gradient is one cat)
    1.70  4.3   and the cost from sigma.reciprocal(), or exp(-rho log sigma): the gradient of pow is another pow, 0.3-0.7 ms
    1.62  4.1   and log1p(exp(phi)) for F.softplus, whose float32 kernel is slower
    1.52  4.1   and Adam in place, in six operations on the flat tensors, for torch.optim.Adam; "autograd" below
    1.52  4.1   and torch.jit.trace of the loss: no gain
    1.07  3.2   and derivatives by hand instead of autograd: "hand" below. Few users write that.

Of LeNet-5 nothing that was tried takes less time: ReLU before or after the pools, channels_last; without oneDNN it takes a
fifth more.

Memory matters as much: where malloc hands freed tensors back to the system, every step takes page faults anew (1.75 and 4.6 ms
for "autograd" instead of 1.52 and 4.1), so keep_memory() below forbids it. Without gain: set_flush_denormal, weights as [out, in]
instead of [in, out], ATEN_CPU_CAPABILITY=avx512 (pow is faster, log and log1p slower). Most of what is left is random
numbers (0.21 and 1.2 ms), log and exp.
"""
import argparse
import ctypes
import json
import math
import statistics
import sys
import time

try:
    import torch
    import torch.nn.functional as F
except ImportError as e:
    print(f"torch_step.py: {e}: this peer needs PyTorch for {sys.executable}: apt-get install python3-torch "
          "libopenblas0-openmp and PYTHON=/usr/bin/python3, or pip install torch", file=sys.stderr)
    sys.exit(3)

# Weights of the layers: of a dense one [in, out], of a convolution [out, in, rows, columns].
NETWORKS = {
    "mlp-100-100": [(784, 100), (100, 100), (100, 10)],
    "lenet5": [(6, 1, 5, 5), (16, 6, 5, 5), (400, 120), (120, 84), (84, 10)],
}
BATCH, EXAMPLES = 20, 60000
FRACTION = BATCH / EXAMPLES
C, LAMBDA, LEARNING_RATE, MU_INIT, SIGMA_INIT = 0.1, 0.01, 1e-4, 0.1, 1e-4
BETA1, BETA2, EPSILON = 0.9, 0.999, 1e-8
WARM_UP, CHUNK = 0.3, 0.1  # seconds, as in bench/peers/timing


def keep_memory():
    """Tells glibc's malloc to keep freed memory, as a preloaded tcmalloc or jemalloc would. Elsewhere it does nothing."""
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError, TypeError):
        return
    for option in -1, -3:  # M_TRIM_THRESHOLD, M_MMAP_THRESHOLD of malloc.h
        mallopt(option, 1 << 30)


class Parameter:
    """A flat tensor with its gradient and Adam moments."""

    def __init__(self, value, differentiable):
        self.value = value.requires_grad_(differentiable)
        self.m, self.v, self.scratch = (torch.zeros_like(value, requires_grad=False) for _ in range(3))

    @torch.no_grad()
    def adam(self, gradient, step):
        self.m.mul_(BETA1).add_(gradient, alpha=1 - BETA1)
        self.v.mul_(BETA2).addcmul_(gradient, gradient, value=1 - BETA2)
        torch.sqrt(self.v, out=self.scratch)
        self.scratch.mul_((1 - BETA2**step) ** -0.5).add_(EPSILON)
        self.value.addcdiv_(self.m, self.scratch, value=-LEARNING_RATE / (1 - BETA1**step))


class Network:
    def __init__(self, dtype, noise, rho, gradient, draw="minibatch", network="mlp-100-100"):
        # The flat tensors hold, layer after layer, the weights and the biases.
        self.shapes = [shape for s in NETWORKS[network] for shape in (s, s[:1] if len(s) == 4 else s[1:])]
        self.parts = [math.prod(shape) for shape in self.shapes]
        self.synapses = sum(self.parts)
        self.predict = self.lenet5 if network == "lenet5" else self.dense
        self.draw, self.rho, self.shared, self.step = draw, rho, noise == "homogeneous", 0
        self.gradients = self.autograd if gradient == "autograd" else self.by_hand
        differentiable = gradient == "autograd"
        phi = math.log(math.expm1(SIGMA_INIT))
        self.mu = Parameter(torch.empty(self.synapses, dtype=dtype).uniform_(-MU_INIT, MU_INIT), differentiable)
        self.phi = Parameter(torch.full((1 if self.shared else self.synapses,), phi, dtype=dtype), differentiable)
        self.xi = torch.empty(self.synapses, dtype=dtype)
        self.images = torch.rand(EXAMPLES, 784, dtype=dtype).sub_(0.1307).div_(0.3081)
        self.labels = torch.randint(10, (EXAMPLES,))
        # What by_hand writes to.
        self.w, self.dw = torch.empty(self.synapses, dtype=dtype), torch.empty(self.synapses, dtype=dtype)
        self.w_views, self.dw_views = self.views(self.w), self.views(self.dw)
        self.minus_one = torch.full((BATCH, 1), -1.0, dtype=dtype)

    def views(self, flat):
        return [part.view(shape) for part, shape in zip(flat.split_with_sizes(self.parts), self.shapes)]

    def train(self):
        """Does one step and returns its negative log-likelihood, or the whole loss under autograd."""
        at = self.step * BATCH % EXAMPLES
        if at == 0:
            self.order = torch.randperm(EXAMPLES)
        chosen = self.order[at:at + BATCH]
        self.step += 1
        if self.draw == "minibatch":
            self.xi.normal_()
        loss, dmu, dphi = self.gradients(self.images[chosen], self.labels[chosen])
        self.mu.adam(dmu, self.step)
        self.phi.adam(dphi, self.step)
        return loss

    def autograd(self, x, labels):
        mu, phi = self.mu.value, self.phi.value
        sigma = torch.log1p(torch.exp(phi))
        if self.draw == "example":  # local reparameterisation
            means, variances = self.views(mu), self.views((sigma * sigma).expand(self.synapses))
            y = x
            for layer in range(0, 6, 2):
                h = F.relu(y) if layer else x
                v = torch.addmm(variances[layer + 1], h * h, variances[layer])
                y = torch.addmm(means[layer + 1], h, means[layer])
                y = torch.addcmul(y, v.sqrt(), torch.randn_like(y))
        else:
            y = self.predict(x, self.views(torch.addcmul(mu, sigma, self.xi)))
        nll = F.cross_entropy(y, labels, reduction="sum")
        if self.rho == 2:
            inverse = sigma.reciprocal()
            cost = torch.dot(inverse, inverse)
        else:
            cost = sigma.log().mul(-self.rho).exp().sum()
        if self.shared:
            cost = cost * self.synapses
        loss = nll + (FRACTION * LAMBDA) * mu.abs().sum() + (FRACTION * C) * cost
        return loss, *torch.autograd.grad(loss, (mu, phi))

    @staticmethod
    def dense(x, w):
        for weights, biases in zip(w[:-2:2], w[1:-2:2]):
            x = F.relu(torch.addmm(biases, x, weights))
        return torch.addmm(w[-1], x, w[-2])

    @classmethod
    def lenet5(cls, x, w):
        x = F.relu(F.max_pool2d(F.conv2d(x.view(-1, 1, 28, 28), w[0], w[1], padding=2), 2))
        x = F.relu(F.max_pool2d(F.conv2d(x, w[2], w[3]), 2))
        return cls.dense(x.flatten(1), w[4:])

    @torch.no_grad()
    def by_hand(self, x, labels):
        mu, phi = self.mu.value, self.phi.value
        e = torch.exp(phi)
        sigma = torch.log1p(e)
        torch.addcmul(mu, sigma, self.xi, out=self.w)
        w1, b1, w2, b2, w3, b3 = self.w_views
        h1 = torch.addmm(b1, x, w1).relu_()
        h2 = torch.addmm(b2, h1, w2).relu_()
        logp = torch.addmm(b3, h2, w3).log_softmax(1)
        column = labels.unsqueeze(1)
        d3 = logp.exp().scatter_add_(1, column, self.minus_one)
        d2 = torch.mm(d3, w3.t()).mul_(h2 > 0)
        d1 = torch.mm(d2, w2.t()).mul_(h1 > 0)
        for i, (inputs, d) in enumerate(((x, d1), (h1, d2), (h2, d3))):
            torch.mm(inputs.t(), d, out=self.dw_views[2 * i])
            torch.sum(d, 0, out=self.dw_views[2 * i + 1])
        if self.shared:
            dsigma = torch.dot(self.dw, self.xi) - FRACTION * C * self.rho * self.synapses * sigma ** (-self.rho - 1)
        else:
            dsigma = self.dw * self.xi
            if self.rho == 2:
                inverse = sigma.reciprocal()
                dsigma.addcmul_(inverse * inverse, inverse, value=-FRACTION * C * self.rho)
            else:
                dsigma.add_(sigma.log_().mul_(-self.rho - 1).exp_(), alpha=-FRACTION * C * self.rho)
        self.dw.add_(mu.sign(), alpha=FRACTION * LAMBDA)
        return -logp.gather(1, column).sum(), self.dw, dsigma.mul_(e / (1 + e))


def check(noise, rho):
    """Compares the derivatives by hand with autograd, in float64, where noise and costs all matter."""
    network = Network(torch.float64, noise, rho, "autograd")
    with torch.no_grad():
        network.phi.value.fill_(math.log(math.expm1(0.1)))
    network.xi.normal_()
    x, labels = network.images[:BATCH], network.labels[:BATCH]
    _, *want = network.autograd(x, labels)
    _, *got = network.by_hand(x, labels)
    for name, a, b in zip(("mu", "phi"), got, want):
        error = float((a - b).abs().max() / b.abs().max())
        if not error < 1e-10:
            sys.exit(f"torch_step.py: the gradient of {name} by hand is off by {error:.2g} of its largest entry")


def blas():
    """Names the BLAS of the products: Debian's PyTorch takes whatever libblas.so.3 is installed."""
    if torch.backends.mkl.is_available():
        return "MKL"
    try:
        with open("/proc/self/maps") as maps:
            libraries = {line.split()[-1] for line in maps if "blas" in line or "blis" in line}
    except OSError:
        return "unknown BLAS"
    for name in "openblas", "blis", "atlas":
        if any(name in library for library in libraries):
            return name
    print("torch_step.py: PyTorch runs on the slow reference BLAS: apt-get install libopenblas0-openmp", file=sys.stderr)
    return "reference BLAS"


def main():
    parser = argparse.ArgumentParser(description="times a training step in PyTorch")
    parser.add_argument("--dtype", choices=["float32", "float64"], default="float32")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--noise", choices=["heterogeneous", "homogeneous"], default="heterogeneous")
    parser.add_argument("--rho", default="2", help="a number or a fraction")
    parser.add_argument("--gradient", choices=["autograd", "hand"], default="autograd")
    parser.add_argument("--draw", choices=["minibatch", "example"], default="minibatch", help="which examples share one; "
                        "example: --gradient autograd alone")
    parser.add_argument("--network", choices=list(NETWORKS), default="mlp-100-100", help="lenet5: --gradient autograd and "
                        "--draw minibatch alone")
    parser.add_argument("--seconds", type=float, default=2, help="how long to measure")
    parser.add_argument("--steps", type=int, default=0, help="measure this many steps instead")
    a = parser.parse_args()
    numerator, _, denominator = a.rho.partition("/")
    rho = float(numerator) / float(denominator or 1)
    keep_memory()
    torch.set_num_threads(a.threads)
    torch.manual_seed(1)
    if (a.draw == "example" or a.network == "lenet5") and a.gradient != "autograd":
        sys.exit(f"torch_step.py: --draw {a.draw} --network {a.network}: want --gradient autograd")
    if a.draw == "example" and a.network == "lenet5":
        sys.exit("torch_step.py: --draw example: want --network mlp-100-100")
    if a.gradient == "hand":
        check(a.noise, rho)
    network = Network(getattr(torch, a.dtype), a.noise, rho, a.gradient, a.draw, a.network)

    began, warm = time.perf_counter(), 0
    while time.perf_counter() - began < WARM_UP:
        network.train()
        warm += 1
    n = a.steps or max(1, round(warm * CHUNK / WARM_UP))
    chunks, total, used = [], 0.0, time.process_time()
    while total < a.seconds and not (a.steps and chunks):
        start = time.perf_counter()
        for _ in range(n):
            loss = network.train()
        took = time.perf_counter() - start
        total += took
        chunks.append(1e3 * took / n)
    used = time.process_time() - used
    loss = float(loss) / BATCH
    if not math.isfinite(loss):
        sys.exit(f"torch_step.py: the loss is {loss}")
    print(json.dumps({
        "peer": "pytorch", "version": torch.__version__, "kernels": f"{blas()}, {a.gradient}", "dtype": a.dtype,
        "noise": a.noise, "rho": rho, "threads": a.threads, "members": 1, "steps": n * len(chunks),
        "ms_per_step": 1e3 * total / (n * len(chunks)), "ms_median": statistics.median(chunks),
        "processor_ms": 1e3 * used / (n * len(chunks)), "loss": loss,
    }))


if __name__ == "__main__":
    main()
