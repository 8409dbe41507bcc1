"""What the GPU peers share: the model's constants, the data, the stopwatch, the line they print, and a naive float64 reference.

The training step is that of quantal's preset "published": 784-100-100-10, ReLU on both hidden layers, linear readout,
minibatches of 20 out of 60,000, one draw of the weights per minibatch, biases are synapses too, sigma = softplus(phi), Adam on
mu and phi, and the objective

    sum of cross-entropies + (B/N) (lambda sum |mu| + c sum sigma^-rho).

In: numpy, nothing else. `python3 bench/gpu/model.py` tests the reference itself: finite differences, and planted faults
that the peers' checks must notice.

A network's parameters are one vector: layer after layer the weights [inputs][outputs], then the biases.
"""
import argparse
import functools
import json
import math
import os
import sys
import time

import numpy as np

EXAMPLES, BATCH = 60000, 20
LAMBDA, MU_INIT, SIGMA_INIT, C = 0.01, 0.1, 1e-4, 0.1
BETA1, BETA2, EPSILON = 0.9, 0.999, 1e-8
SCALE, SHIFT = 1 / (255 * 0.3081), -0.1307 / 0.3081  # of a pixel from 0 to 255
NOISES = ("heterogeneous", "homogeneous")


class Settings:
    """A step that a peer can take, for all its networks: by default the preset's.

    images are bytes [examples][inputs], labels [examples]; c has an entry per network. order is None, for a fresh shuffle per
    network and epoch, or [networks][examples].
    """

    def __init__(self, noise, members, rho=2.0, sizes=(784, 100, 100, 10), batch=BATCH, rate=1e-4, strength=LAMBDA, c=None,
                 images=None, labels=None, order=None):
        self.noise, self.members, self.rho, self.sizes, self.batch, self.rate = noise, members, rho, sizes, batch, rate
        self.shared, self.strength, self.order = noise == "homogeneous", strength, order
        self.c = np.full(members, C) if c is None else np.asarray(c)
        self.images, self.labels = (images, labels) if images is not None else data()
        self.examples = len(self.images)
        self.fraction = batch / self.examples
        self.steps_per_epoch = self.examples // batch  # a last partial batch is dropped
        self.synapses = sum((i + 1) * o for i, o in zip(sizes, sizes[1:]))

    def initial(self, seed=1):
        """The preset's initial mu and phi, [networks][synapses]; phi is [networks][1] if sigma is shared."""
        mu = np.random.default_rng(seed).uniform(-MU_INIT, MU_INIT, (self.members, self.synapses))
        return mu, np.full((self.members, 1 if self.shared else self.synapses), inverse_softplus(SIGMA_INIT))


def inverse_softplus(sigma):
    return np.log(np.expm1(sigma))


def layers(sizes, vector):
    """Cuts vectors [...][synapses] into pairs of weights [...][inputs][outputs] and biases [...][outputs]."""
    at, parts = 0, []
    for i, o in zip(sizes, sizes[1:]):
        weights = vector[..., at:at + i * o].reshape(*vector.shape[:-1], i, o)
        parts.append((weights, vector[..., at + i * o:at + (i + 1) * o]))
        at += (i + 1) * o
    return parts


@functools.cache
def data():
    """MNIST's training set from the folder that MNIST names, or made-up bytes of its size: the time of a step is the same."""
    folder = os.environ.get("MNIST")
    if not folder:
        random = np.random.default_rng(1)
        return random.integers(0, 256, (EXAMPLES, 784), np.uint8), random.integers(0, 10, EXAMPLES).astype(np.uint8)
    with open(os.path.join(folder, "train-images-idx3-ubyte"), "rb") as f:
        images = np.frombuffer(f.read(), np.uint8, offset=16).reshape(-1, 784)
    with open(os.path.join(folder, "train-labels-idx1-ubyte"), "rb") as f:
        labels = np.frombuffer(f.read(), np.uint8, offset=8)
    if len(images) != EXAMPLES or len(labels) != EXAMPLES:
        sys.exit(f"{folder}: {len(images)} images, {len(labels)} labels: want {EXAMPLES} of each")
    return images, labels


# The reference: one network, one example at a time.

def gradient(settings, network, mu, phi, xi, rows):
    """Derivatives of the objective of one minibatch by mu and phi, in float64, and its negative log-likelihood."""
    sigma = np.log1p(np.exp(phi))
    w = layers(settings.sizes, mu + sigma * xi)
    dw = np.zeros_like(mu)
    parts, nll = layers(settings.sizes, dw), 0.0
    for row in rows:
        h = [settings.images[row] * SCALE + SHIFT]
        for n, (weights, bias) in enumerate(w):
            z = h[-1] @ weights + bias
            h.append(np.maximum(z, 0) if n < len(w) - 1 else z)
        e = np.exp(h[-1] - h[-1].max())
        delta = e / e.sum()
        nll -= math.log(delta[settings.labels[row]])
        delta[settings.labels[row]] -= 1
        for n in reversed(range(len(w))):
            parts[n][0][...] += np.outer(h[n], delta)
            parts[n][1][...] += delta
            if n:
                delta = (w[n][0] @ delta) * (h[n] > 0)
    cost = -settings.fraction * settings.c[network] * settings.rho * sigma ** (-settings.rho - 1)
    if settings.shared:
        dsigma = np.sum(dw * xi, keepdims=True) + settings.synapses * cost
    else:
        dsigma = dw * xi + cost
    return dw + settings.fraction * settings.strength * np.sign(mu), dsigma / (1 + np.exp(-phi)), nll


def objective(settings, network, mu, phi, xi, rows):
    """The objective, whose gradient is gradient."""
    sigma = np.log1p(np.exp(phi))
    w = layers(settings.sizes, mu + sigma * xi)
    total = 0.0
    for row in rows:
        h = settings.images[row] * SCALE + SHIFT
        for n, (weights, bias) in enumerate(w):
            h = h @ weights + bias
            if n < len(w) - 1:
                h = np.maximum(h, 0)
        total += np.log(np.exp(h - h.max()).sum()) + h.max() - h[settings.labels[row]]
    cost = np.sum(sigma ** -settings.rho) * (settings.synapses if settings.shared else 1)
    return total + settings.fraction * (settings.strength * np.sum(np.abs(mu)) + settings.c[network] * cost)


FIELDS = ("mu", "phi", "mu's first moment", "phi's first moment", "mu's second moment", "phi's second moment")


def train(settings, mu, phi, xi):
    """Takes as many steps as there are draws in xi [steps][networks][synapses]; returns FIELDS, [networks][...] each."""
    mu, phi = mu.copy(), phi.copy()
    moments = [np.zeros_like(p) for p in (mu, phi, mu, phi)]
    for t in range(len(xi)):
        for n in range(settings.members):
            rows = settings.order[n][t * settings.batch:(t + 1) * settings.batch]
            dmu, dphi, _ = gradient(settings, n, mu[n], phi[n], xi[t][n], rows)
            for p, g, m, v in ((mu, dmu, moments[0], moments[2]), (phi, dphi, moments[1], moments[3])):
                m[n] = BETA1 * m[n] + (1 - BETA1) * g
                v[n] = BETA2 * v[n] + (1 - BETA2) * g * g
                p[n] -= settings.rate * (m[n] / (1 - BETA1 ** (t + 1))) / (np.sqrt(v[n] / (1 - BETA2 ** (t + 1))) + EPSILON)
    return mu, phi, *moments


# Checks.

CHECK_STEPS = 3


class Problem:
    """A small step in which everything matters: sigma from 0.07 to 0.3, noise and costs of equal size, B/N = 1/4."""

    def __init__(self, noise, rho, members=3):
        random = np.random.default_rng(7)
        sizes, batch, examples = (7, 6, 5, 3), 5, 20
        order = np.stack([random.permutation(examples) for _ in range(members)])
        self.settings = s = Settings(
            noise, members, rho, sizes, batch, rate=0.01, strength=2.0, order=order,
            images=random.integers(0, 256, (examples, sizes[0])).astype(np.uint8),
            labels=random.integers(0, sizes[-1], examples).astype(np.uint8))
        shape = (members, 1 if s.shared else s.synapses)
        self.mu = random.uniform(0.05, 0.5, (members, s.synapses)) * random.choice([-1, 1], (members, s.synapses))
        self.phi = inverse_softplus(random.uniform(0.07, 0.3, shape))
        self.xi = random.standard_normal((CHECK_STEPS, members, s.synapses))
        # c makes the largest derivative of the cost half as large as the largest of the likelihood: not as large, since the two
        # would cancel where there is one sigma. It differs between networks.
        for n in range(members):
            s.c[n] = 1
            with_cost = gradient(s, n, self.mu[n], self.phi[n], self.xi[0][n], order[n][:batch])[1]
            s.c[n] = 0
            without = gradient(s, n, self.mu[n], self.phi[n], self.xi[0][n], order[n][:batch])[1]
            s.c[n] = (0.4 + 0.1 * n) * np.abs(without).max() / np.abs(with_cost - without).max()

    def want(self):
        return train(self.settings, self.mu, self.phi, self.xi)

    def __str__(self):
        return f"{self.settings.noise}, rho = {self.settings.rho:.3g}"


def problems():
    return [Problem(noise, rho) for noise in NOISES for rho in (2.0, 2 / 3)]


def deviation(got, want):
    """The worst difference over FIELDS, relative to the field's largest entry, and the field."""
    worst = (0.0, FIELDS[0])
    for name, g, w in zip(FIELDS, got, want):
        g = np.asarray(g, np.float64)
        if g.shape != w.shape:
            sys.exit(f"{name}: shape {g.shape}, want {w.shape}")
        e = float(np.abs(g - w).max() / np.abs(w).max())
        worst = max(worst, (e if math.isfinite(e) else math.inf, name))
    return worst


# float64 differs from the reference by rounding in another order. In float32 that is some 1e-6, more in the parameters where
# Adam divides a small gradient by itself; TF32, with 10 bits of mantissa, is off by 1e-3.
TOLERANCES = {"float64": 1e-10, "float32": 3e-5}


def check(name, dtype, steps, a=None):
    """Compares steps(problem), which returns FIELDS after CHECK_STEPS steps with the problem's xi, with the reference; given
    parsed arguments, only on the problems whose noise and exponent will be measured."""
    chosen = [p for p in problems() if a is None or p.settings.noise in a.noise and p.settings.rho == a.rho]
    if not chosen:
        sys.exit(f"{name}: no check for --rho {a.rho:g}")
    for problem in chosen:
        error, field = deviation(steps(problem), problem.want())
        if not error < TOLERANCES[dtype]:
            sys.exit(f"{name}, {dtype}, {problem}: {field} is off by {error:.2g} of its largest entry after {CHECK_STEPS} steps")
        print(f"{name}, {dtype}, {problem}: within {error:.1g} of the reference ({field})", file=sys.stderr)


def faults(problem):
    """Wrong answers that a check must reject."""
    s, mu, phi, xi = problem.settings, problem.mu, problem.phi, problem.xi

    def edited(**changes):
        copy = Settings.__new__(Settings)
        copy.__dict__.update(s.__dict__, **changes)
        return train(copy, mu, phi, xi)

    yield "no noise", train(s, mu, phi, 0 * xi)
    yield "one draw for all steps", train(s, mu, phi, np.broadcast_to(xi[:1], xi.shape))
    yield "one draw for all networks", train(s, mu, phi, np.broadcast_to(xi[:, :1], xi.shape))
    yield "the cost counted twice", edited(c=2 * s.c)
    yield "B/N forgotten", edited(fraction=1.0)
    yield "no magnitude cost", edited(strength=0.0)
    yield "the first network's c", edited(c=np.full_like(s.c, s.c[0]))
    yield "the first network's order", edited(order=np.broadcast_to(s.order[:1], s.order.shape))


def self_test():
    check_measure()
    for problem in problems():
        s = problem.settings
        for n in range(s.members):
            rows = s.order[n][:s.batch]
            mu, phi, xi = problem.mu[n], problem.phi[n], problem.xi[0][n]
            got = gradient(s, n, mu, phi, xi, rows)
            h = 1e-6
            for which, derivative in enumerate(got[:2]):
                for k in range(len(derivative)):
                    around = []
                    for sign in (1, -1):
                        p = [mu.copy(), phi.copy()]
                        p[which][k] += sign * h
                        around.append(objective(s, n, *p, xi, rows))
                    finite = (around[0] - around[1]) / (2 * h)
                    assert abs(finite - derivative[k]) < 1e-6 * np.abs(derivative).max(), (problem, which, k, finite, derivative[k])
        want = problem.want()
        for fault, got in faults(problem):
            error, _ = deviation(got, want)
            assert error > 100 * TOLERANCES["float32"], f"{problem}: {fault} passes: {error:.2g}"
    print("the reference agrees with finite differences, and no planted fault passes", file=sys.stderr)


# What peers do around the step.

def arguments(description, **extra):
    """Parses the options of all peers; extra adds options as keyword=dict(...)."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--noise", default=",".join(NOISES), help="with commas")
    parser.add_argument("--rho", default="2", help="a number or a fraction")
    parser.add_argument("--seconds", type=float, default=1, help="how long to measure each")
    parser.add_argument("--round", type=int, default=0, help="goes into the output")
    parser.add_argument("--device", default="cuda", choices=["cuda", "cpu"])
    parser.add_argument("--check", action="store_true", help="compare a few steps with the reference, measure nothing")
    parser.add_argument("--checked", action="store_true", help="compare first, and measure only if the steps are right")
    for name, options in extra.items():
        parser.add_argument("--" + name.replace("_", "-"), **options)
    a = parser.parse_args()
    numerator, _, denominator = a.rho.partition("/")
    a.rho, a.noise = float(numerator) / float(denominator or 1), a.noise.split(",")
    for noise in a.noise:
        if noise not in NOISES:
            parser.error(f"--noise {noise}: want {' or '.join(NOISES)}")
    return a


def measure(train, begin, members, seconds, epoch, unit=1, clock=time.perf_counter):
    """The mean time of a step with its share of the work at the beginning of an epoch, such as shuffling, by the rule of
    bench/pace.go: after a warm-up whole epochs, as many as begin within the given time, if one fits into it; otherwise steps
    within an epoch for that time, plus an epoch-th of what the first steps of the epoch took longer.

    train(n) trains n steps (a multiple of unit, as is the number of steps of an epoch) and waits for the device; begin() jumps
    to the beginning of an epoch. Returns microseconds per step of all networks.
    """
    def took(n):
        start = clock()
        train(n)
        return clock() - start

    n, spent = unit, 0.0
    took(unit)  # compiles
    while True:
        t = took(n)
        spent += t
        step = t / n
        if spent >= 0.3 * seconds:
            break
        n = max(1, min(int(0.1 * seconds / max(step, 1e-9)), 4 * n, epoch // 2) // unit) * unit
    begin()
    total, steps, epochs = 0.0, 0, 0
    if epoch < 2 * unit or step * epoch <= seconds:
        while epochs == 0 or total < seconds:
            total += took(epoch)
            epochs += 1
        steps = epochs * epoch
        mean = total / steps
    else:
        first, steps = took(n), n
        while steps == n or total < seconds and steps + n <= epoch:
            total += took(n)
            steps += n
        within = total / (steps - n)
        mean = within + max(0.0, first - n * within) / epoch
    return {"members": members, "steps": steps, "epochs": epochs, "us_per_step": 1e6 * mean, "network_steps_per_second": members / mean}


def check_measure():
    """A step counts with its share of the beginning of an epoch, whether an epoch fits into the time or not."""
    for seconds, epoch, unit, step, beginning, epochs in ((1, 100, 20, 1e-3, 0.05, 7), (1, 900, 100, 1e-3, 0.2, 1), (1, 3000, 100, 1e-3, 0.45, 0),
                                                          (1, 3000, 1, 0.4, 1, 0), (1e-3, 3000, 20, 1, 60, 0), (1e-3, 1, 1, 1, 1, 1)):
        now, taken = 0.0, 0

        def train(n):
            nonlocal now, taken
            assert n % unit == 0
            for _ in range(n):
                now += step + (beginning if taken % epoch == 0 else 0) + (3600 if now == 0 else 0)
                taken += 1

        def begin():
            nonlocal taken
            taken = -(-taken // epoch) * epoch

        got = measure(train, begin, 2, seconds, epoch, unit, clock=lambda: now)
        want = 1e6 * (step + beginning / epoch)
        assert abs(got["us_per_step"] / want - 1) < 1e-6 and got["epochs"] == epochs, (got, want, epochs)


def report(**line):
    """Prints the result immediately, so that a peer that runs out of time keeps its results."""
    if not math.isfinite(line["loss"]):
        sys.exit(f"{line['peer']}: the loss is {line['loss']}")
    print(json.dumps(line), flush=True)


if __name__ == "__main__":
    self_test()
