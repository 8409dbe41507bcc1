#!/usr/bin/env python3
"""Peer (c): JAX, the gradient of one network under vmap over networks, a scan over steps, and jit around it all.

The data are bytes on the GPU; each network has its own shuffle, and a minibatch is gathered there. State is donated, so it
stays in place. float32; products at the precision "highest", or TF32 with --tf32.

Noise: XLA's generator (rbg, Philox on GPUs) by default, or --prng threefry2x32, JAX's own default, or unsafe_rbg. All networks' noise comes
from one key per step, outside the vmap, which is fast under every version: under vmap JAX once looped over rbg's keys.

What XLA may still gain by: --unroll, and XLA_FLAGS, for one --xla_gpu_enable_command_buffer=...,WHILE, which makes the scan's
loop part of a CUDA graph. --label names such a way in the output. JAX_COMPILATION_CACHE_DIR spares compiling again.

Prints a line of JSON per noise and number of networks. --check compares with bench/gpu/model.py's reference.
"""
import math
import os
import sys

import model
from model import BETA1, BETA2, EPSILON, np

# Memory is allocated when needed: other programs use the same GPU.
os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")
try:
    import jax
    import jax.numpy as jnp
except ImportError as e:
    print(f"jax_vmap.py: {e}: this peer needs JAX for {sys.executable}", file=sys.stderr)
    sys.exit(3)

STEPS_PER_CALL = 100


class Networks:
    """Parameters are lists of arrays, weights [networks][inputs][outputs] and biases [networks][outputs] in turn; phi of one
    sigma is a list of one array [networks]."""

    def __init__(self, settings, dtype, mu, phi, prng="rbg", unroll=1):
        self.settings, self.dtype, self.unroll = settings, dtype, unroll
        mu = self.cut(mu)
        phi = [phi[:, 0]] if settings.shared else self.cut(phi)
        parameters = [[jnp.asarray(p, dtype) for p in part] for part in (mu, phi)]
        zeros = [[[jnp.zeros_like(p) for p in part] for part in parameters] for _ in range(2)]
        self.state = (*parameters, *zeros, jnp.zeros((), dtype))  # mu, phi, first moments, second moments, steps taken
        self.data = jnp.asarray(settings.images), jnp.asarray(settings.labels.astype(np.int32)), jnp.asarray(settings.c, dtype)
        self.key = jax.random.key(1, impl=prng)
        self.calls = self.taken = 0
        self.nll = math.nan
        self.run = jax.jit(self.steps, donate_argnums=0)
        self.fresh = jax.jit(self.shuffle)

    def cut(self, vectors):
        return [part for pair in model.layers(self.settings.sizes, vectors) for part in pair]

    def shuffle(self, key, epoch):
        s = self.settings
        u = jax.random.uniform(jax.random.fold_in(jax.random.fold_in(key, 0), epoch), (s.members, s.examples))
        return jnp.argsort(u, axis=1).astype(jnp.int32)

    def objective(self, mu, phi, c, xi, x, labels):
        """Of one network; also its negative log-likelihood alone."""
        s = self.settings
        sigma = [jax.nn.softplus(p) for p in phi]
        w = [m + e * z for m, e, z in zip(mu, sigma * len(mu) if s.shared else sigma, xi)]
        h = x
        for n in range(0, len(w), 2):
            h = h @ w[n] + w[n + 1]
            if n < len(w) - 2:
                h = jax.nn.relu(h)
        nll = -jnp.sum(jax.nn.one_hot(labels, s.sizes[-1], dtype=self.dtype) * jax.nn.log_softmax(h))
        cost = sum(jnp.sum(1 / (e * e) if s.rho == 2 else jnp.exp(-s.rho * jnp.log(e))) for e in sigma)
        cost *= s.synapses if s.shared else 1
        magnitude = sum(jnp.sum(jnp.abs(m)) for m in mu)
        return nll + s.fraction * (s.strength * magnitude + c * cost), nll

    def step(self, state, order, data, t, xi):
        """The t-th step of an epoch, for all networks."""
        s = self.settings
        (mu, phi, first, second, count), (images, labels, c) = state, data
        rows = jax.lax.dynamic_slice_in_dim(order, t * s.batch, s.batch, axis=1)
        x = jnp.take(images, rows, axis=0, mode="clip").astype(self.dtype) * model.SCALE + model.SHIFT
        derivatives = jax.grad(self.objective, argnums=(0, 1), has_aux=True)
        gradients, nll = jax.vmap(derivatives)(mu, phi, c, xi, x, jnp.take(labels, rows, axis=0, mode="clip"))
        count = count + 1
        # 1 - beta^t, without cancellation in float32.
        correction1, correction2 = (-jnp.expm1(count * math.log(beta)) for beta in (BETA1, BETA2))

        def each(f, *trees):
            return [[f(*leaves) for leaves in zip(*parts)] for parts in zip(*trees)]

        first = each(lambda a, g: BETA1 * a + (1 - BETA1) * g, first, gradients)
        second = each(lambda q, g: BETA2 * q + (1 - BETA2) * g * g, second, gradients)
        mu, phi = each(lambda p, a, q: p - s.rate * (a / correction1) / (jnp.sqrt(q / correction2) + EPSILON),
                       (mu, phi), first, second)
        return (mu, phi, first, second, count), jnp.sum(nll)

    def draw(self, key):
        """The noise of a step."""
        shapes = [p.shape for p in self.state[0]]
        ends = np.cumsum([0] + [math.prod(shape[1:]) for shape in shapes])
        flat = jax.random.normal(key, (self.settings.members, self.settings.synapses), self.dtype)
        return [flat[:, a:e].reshape(shape) for a, e, shape in zip(ends, ends[1:], shapes)]

    def keys(self, key, call):
        return jax.random.split(jax.random.fold_in(jax.random.fold_in(key, 1), call), self.unit())

    def steps(self, state, order, data, key, call, start):
        """The steps of one call, from the given one of an epoch."""
        def body(state, now):
            t, key = now
            return self.step(state, order, data, t, self.draw(key))

        now = start + jnp.arange(self.unit()), self.keys(key, call)
        return jax.lax.scan(body, state, now, unroll=self.unroll)

    def unit(self):
        return math.gcd(STEPS_PER_CALL, self.settings.steps_per_epoch)

    def begin(self):
        """Jumps to the beginning of an epoch."""
        self.taken = -(-self.taken // self.settings.steps_per_epoch) * self.settings.steps_per_epoch

    def train(self, n):
        """Takes n steps, a multiple of unit(), and waits for them."""
        for _ in range(n // self.unit()):
            epoch, t = divmod(self.taken, self.settings.steps_per_epoch)
            if t == 0:
                self.order = self.fresh(self.key, epoch)
            self.state, self.nll = self.run(self.state, self.order, self.data, self.key, self.calls, t)
            self.taken += self.unit()
            self.calls += 1
        jax.block_until_ready(self.state)

    def loss(self):
        return float(self.nll[-1]) / self.settings.members / self.settings.batch

    def fields(self):
        """The reference's FIELDS."""
        mu, phi, first, second, _ = self.state
        fields = []
        for part in (mu, phi, *first, *second):
            members = len(part[0])
            fields.append(np.concatenate([np.asarray(p).reshape(members, -1) for p in part], axis=1))
        return fields


def checked(problem, dtype):
    networks = Networks(problem.settings, dtype, problem.mu, problem.phi)
    step = jax.jit(networks.step)
    order = jnp.asarray(problem.settings.order.astype(np.int32))
    for t, xi in enumerate(problem.xi):
        xi = [jnp.asarray(p, dtype) for p in networks.cut(xi)]
        networks.state, _ = step(networks.state, order, networks.data, t, xi)
    return networks.fields()


def check_noise(prng):
    """The noise that a check does not use is normal, and differs for each call, step and network. And the scan runs."""
    settings = model.problems()[0].settings
    settings.order = None
    networks = Networks(settings, "float32", *settings.initial(), prng=prng)
    draws = []
    for call in range(20):
        for key in networks.keys(networks.key, call):
            draws.append(np.concatenate([np.asarray(p).reshape(settings.members, -1) for p in networks.draw(key)], axis=1))
    xi = np.stack(draws)  # [steps][networks][synapses], some 20,000 numbers
    flat = xi.reshape(-1, settings.synapses)
    moments = [float(np.mean(xi**k)) for k in range(1, 5)]
    # Five standard errors of the first four moments, whose variances are 1, 2, 15 and 96.
    far = [abs(m - want) > 5 * math.sqrt(variance / xi.size)
           for m, want, variance in zip(moments, (0, 1, 0, 3), (1, 2, 15, 96))]
    if any(far) or len(np.unique(flat[:, 0])) < len(flat):
        sys.exit(f"jax_vmap.py: noise of {prng}: moments {moments}, {len(np.unique(flat[:, 0]))} of {len(flat)} draws differ")
    networks.train(2 * networks.unit())
    if not all(np.isfinite(f).all() for f in networks.fields()):
        sys.exit(f"jax_vmap.py: {prng}: a state is not finite after {networks.taken} steps")
    print(f"jax_vmap.py: noise of {prng}: moments {', '.join(f'{m:.2f}' for m in moments)}, all draws differ", file=sys.stderr)


def main():
    a = model.arguments("times the step of many networks in JAX",
                        members=dict(default="1,8,64,120,240", help="with commas"),
                        prng=dict(default="rbg", help="rbg, unsafe_rbg, threefry2x32, with commas"),
                        unroll=dict(type=int, default=1, help="steps per turn of the scan's loop"),
                        label=dict(default="", help="what is special, for the output"),
                        tf32=dict(action="store_true", help="let products round to 10 bits"))
    jax.config.update("jax_default_matmul_precision", "tensorfloat32" if a.tf32 else "highest")
    if a.device == "cpu":
        jax.config.update("jax_platforms", "cpu")
    dtype = "float32"
    if a.check and a.device == "cpu":
        jax.config.update("jax_enable_x64", True)
        dtype = "float64"
    if a.device == "cuda" and jax.default_backend() != "gpu":
        sys.exit(f"jax_vmap.py: JAX runs on {jax.default_backend()}, not on the GPU")
    if a.check:
        model.check("jax_vmap.py", dtype, lambda problem: checked(problem, dtype))
        for prng in a.prng.split(","):
            check_noise(prng)
        return
    if a.checked:
        model.check("jax_vmap.py", dtype, lambda problem: checked(problem, dtype), a)
        for prng in a.prng.split(","):
            check_noise(prng)
    failed = False
    for noise in a.noise:
        for prng in a.prng.split(","):
            for members in map(int, a.members.split(",")):
                settings = model.Settings(noise, members, a.rho)
                try:
                    networks = Networks(settings, dtype, *settings.initial(), prng=prng, unroll=a.unroll)
                    figures = model.measure(networks.train, networks.begin, members, a.seconds, settings.steps_per_epoch, networks.unit())
                    way = " ".join(filter(None, [prng, f"unroll {a.unroll}" if a.unroll > 1 else "", a.label, "tf32" if a.tf32 else ""]))
                    model.report(peer="jax", way=way, version=jax.__version__, dtype=dtype, noise=noise, rho=a.rho,
                                 round=a.round, **figures, loss=networks.loss())
                except Exception as e:  # one way or size that fails leaves the others
                    failed = True
                    print(f"jax_vmap.py: {prng}, {noise}, {members} networks: {type(e).__name__}: {str(e)[:500]}", file=sys.stderr)
                networks = None
    if failed:
        sys.exit(1)


if __name__ == "__main__":
    main()
