#!/usr/bin/env python3
"""Peer (b): all networks stacked in PyTorch, the whole step of all of them captured in a CUDA graph.

Products are bmm over the networks. The data are bytes on the GPU; each network has its own shuffle, and a minibatch is gathered
there. Noise is torch's generator (Philox, which a graph may capture and which goes on from replay to replay). float32, without
TF32 unless --tf32. Every graph holds several steps, so replaying costs nothing. No kernel is written by hand. Three ways:

    autograd   a tensor per layer, autograd, torch.optim.Adam(fused, capturable): how one writes it first
    hand       one flat mu and phi, derivatives by hand into buffers that stay, the same Adam: fewest launches and bytes that
               PyTorch's own kernels allow, some 160 bytes per synapse and step
    compile    a tensor per layer, derivatives and Adam written out and given to torch.compile, which fuses what is elementwise,
               noise included: some 80 bytes

A layer's weights are [inputs + 1, rounded up to 4][outputs]: the row after the inputs is the bias, and activations have a 1
there, so that biases take no launches of their own; the rows beyond meet zeros.

Prints a line of JSON per way, noise and number of networks. --check compares with bench/gpu/model.py's reference.
"""
import math
import sys

import model
from model import BETA1, BETA2, EPSILON, np

try:
    import torch
    import torch.nn.functional as F
except ImportError as e:
    print(f"torch_stacked.py: {e}: this peer needs PyTorch for {sys.executable}", file=sys.stderr)
    sys.exit(3)

STEPS_PER_GRAPH = 20


class Stack:
    """What all ways share: data, shuffles, capture and replay. A way has setup(), draw(), step() and moments()."""

    def __init__(self, settings, dtype, device, mu, phi, xi=None):
        s = settings
        self.settings, self.dtype, self.device = settings, dtype, device
        self.rows = [(i + 4) // 4 * 4 for i in s.sizes[:-1]]
        self.images, self.labels = self.place(s.images), self.place(s.labels.astype(np.int32))
        self.eye = self.place(np.eye(s.sizes[-1]), dtype)
        self.c = self.place(s.c[:, None], dtype)
        self.shift = self.place(np.full(1, model.SHIFT), dtype)
        self.first = torch.arange(s.batch, device=device)
        self.columns = self.first.clone()  # of order, for the next step
        self.order = torch.zeros(s.members, s.examples, dtype=torch.int32, device=device)
        self.taken, self.graph = 0, None
        self.setup(self.padded(mu), phi if s.shared else self.padded(phi, model.inverse_softplus(model.SIGMA_INIT)))
        if xi is not None:  # given by a check instead of noise
            draws = iter([self.padded(x) for x in xi])
            self.draw = lambda: self.given(next(draws))

    def place(self, array, dtype=None):
        return torch.tensor(np.ascontiguousarray(array), device=self.device, dtype=dtype)

    def padded(self, vectors, rest=0.0):
        """From [networks][synapses] to a list of [networks][rows][outputs], one per layer."""
        parts = []
        for rows, (weights, bias) in zip(self.rows, model.layers(self.settings.sizes, vectors)):
            p = np.full((len(vectors), rows, bias.shape[-1]), rest)
            p[:, :weights.shape[1]], p[:, weights.shape[1]] = weights, bias
            parts.append(p)
        return parts

    def plain(self, parts):
        """The inverse, for [networks][rows][outputs] or phi of one sigma, [networks][1]."""
        parts = [p.detach().cpu().numpy() for p in parts]
        if parts[0].ndim == 2:
            return parts[0]
        return np.concatenate([p[:, :i + 1].reshape(len(p), -1) for p, i in zip(parts, self.settings.sizes)], axis=1)

    def shuffle(self):
        """Begins an epoch."""
        s = self.settings
        self.order.copy_(torch.rand(s.members, s.examples, device=self.device).argsort(1) if s.order is None else
                         torch.tensor(s.order))
        self.columns.copy_(self.first)

    def chosen(self):
        """The rows of the next minibatch of each network, one after the other."""
        rows = self.order.index_select(1, self.columns).flatten()
        self.columns += self.settings.batch
        return rows

    def capture(self):
        """Records several steps; the state continues from there."""
        if self.device != "cuda":
            return
        self.shuffle()
        side = torch.cuda.Stream()
        side.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(side):
            for _ in range(3):
                self.step()
        torch.cuda.current_stream().wait_stream(side)
        self.graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(self.graph):
            for _ in range(self.unit()):
                self.step()
        torch.cuda.synchronize()

    def unit(self):
        return math.gcd(STEPS_PER_GRAPH, self.settings.steps_per_epoch) if self.device == "cuda" else 1

    def begin(self):
        """Jumps to the beginning of an epoch."""
        self.taken = -(-self.taken // self.settings.steps_per_epoch) * self.settings.steps_per_epoch

    def train(self, n):
        """Takes n steps, a multiple of unit(), and waits for them."""
        for _ in range(n // self.unit()):
            if self.taken % self.settings.steps_per_epoch == 0:
                self.shuffle()
            self.taken += self.unit()
            if self.graph:
                self.graph.replay()
            else:
                self.step()
        if self.device == "cuda":
            torch.cuda.synchronize()

    def adam(self, parameters):
        return torch.optim.Adam(parameters, lr=self.settings.rate, betas=(BETA1, BETA2), eps=EPSILON,
                                **(dict(fused=True, capturable=True) if self.device == "cuda" else {}))

    def fields(self):
        """The reference's FIELDS."""
        return [self.plain(p) for p in (*self.parameters(), *self.moments())]

    def loss(self):
        """Mean negative log-likelihood of the next minibatches."""
        h = self.images.index_select(0, self.order[:, :self.settings.batch].flatten()).to(self.dtype) * model.SCALE + model.SHIFT
        h = h.view(self.settings.members, self.settings.batch, -1)
        mu, _ = self.parameters()
        for n, (i, w) in enumerate(zip(self.settings.sizes, mu)):
            h = torch.baddbmm(w[:, i:i + 1], h, w[:, :i])
            if n < len(mu) - 1:
                h = h.relu()
        labels = self.labels[self.order[:, :self.settings.batch].flatten().long()].long()
        return float(F.cross_entropy(h.reshape(len(labels), -1), labels))


class Hand(Stack):
    """Flat mu, phi [networks][all rows of all layers]; every buffer is allocated once."""

    def setup(self, mu, phi):
        s, m, b = self.settings, self.settings.members, self.settings.batch
        outs = s.sizes[1:]
        self.shapes = [(m, r, o) for r, o in zip(self.rows, outs)]
        self.ends = np.cumsum([0] + [r * o for r, o in zip(self.rows, outs)])
        self.mu = self.place(np.concatenate([p.reshape(m, -1) for p in mu], 1), self.dtype)
        self.phi = self.place(phi if s.shared else np.concatenate([p.reshape(m, -1) for p in phi], 1), self.dtype)
        self.xi, self.w, self.scratch = (torch.empty_like(self.mu) for _ in range(3))
        self.sigma = torch.empty_like(self.phi)
        self.mu.grad, self.phi.grad = torch.zeros_like(self.mu), torch.zeros_like(self.phi)
        self.w_of, self.dw_of = self.views(self.w), self.views(self.mu.grad)
        # The inputs of each layer: a 1 after them, then zeros.
        self.h = [torch.zeros(m, b, r, device=self.device, dtype=self.dtype) for r in self.rows]
        for h, i in zip(self.h, s.sizes):
            h[:, :, i] = 1
        self.cost = s.fraction * s.rho * self.c * (s.synapses if s.shared else 1)
        self.optimiser = self.adam([self.mu, self.phi])

    def views(self, flat):
        return [flat[:, a:e].view(shape) for a, e, shape in zip(self.ends, self.ends[1:], self.shapes)]

    def draw(self):
        self.xi.normal_()

    def given(self, parts):
        self.xi.copy_(torch.tensor(np.concatenate([p.reshape(len(p), -1) for p in parts], 1)))

    @torch.no_grad()
    def step(self):
        s, m, b = self.settings, self.settings.members, self.settings.batch
        rows = self.chosen()
        x = self.images.index_select(0, rows).view(m, b, -1)
        torch.add(self.shift, x, alpha=model.SCALE, out=self.h[0][:, :, :s.sizes[0]])
        target = self.eye.index_select(0, self.labels.index_select(0, rows)).view(m, b, -1)
        self.draw()
        torch.ops.aten.softplus.out(self.phi, out=self.sigma)
        torch.addcmul(self.mu, self.sigma, self.xi, out=self.w)
        last = len(self.w_of) - 1
        for n in range(last):
            torch.clamp_min(torch.bmm(self.h[n], self.w_of[n]), 0, out=self.h[n + 1][:, :, :s.sizes[n + 1]])
        delta = torch.bmm(self.h[last], self.w_of[last]).softmax(2).sub_(target)
        for n in range(last, -1, -1):
            torch.bmm(self.h[n].transpose(1, 2), delta, out=self.dw_of[n])
            if n:
                i = s.sizes[n]
                delta = torch.bmm(delta, self.w_of[n][:, :i].transpose(1, 2))
                delta = torch.ops.aten.threshold_backward(delta, self.h[n][:, :, :i], 0)
        dw, dphi = self.mu.grad, self.phi.grad
        if s.shared:
            torch.sum(torch.mul(dw, self.xi, out=self.scratch), 1, keepdim=True, out=dphi)
            cost = self.sigma.pow(-s.rho - 1)
        else:
            torch.mul(dw, self.xi, out=dphi)
            cost = torch.pow(self.sigma, -s.rho - 1, out=self.scratch)
        dphi.addcmul_(cost, self.cost, value=-1)
        torch.ops.aten.softplus_backward.grad_input(dphi, self.phi, 1, 20, grad_input=dphi)
        dw.add_(torch.sign(self.mu, out=self.scratch), alpha=s.fraction * s.strength)
        self.optimiser.step()

    def parameters(self):
        return self.views(self.mu), [self.phi] if self.settings.shared else self.views(self.phi)

    def moments(self):
        for key in "exp_avg", "exp_avg_sq":
            for p in self.mu, self.phi:
                part = self.optimiser.state[p][key]
                yield [part] if p is self.phi and self.settings.shared else self.views(part)


class Layered(Stack):
    """mu and phi as a list, one tensor per layer; phi of one sigma is a single [networks][1]."""

    def setup(self, mu, phi):
        s = self.settings
        self.mu = [self.place(p, self.dtype) for p in mu]
        self.phi = [self.place(phi, self.dtype)] if s.shared else [self.place(p, self.dtype) for p in phi]
        self.ones = []  # what follows the inputs of a layer
        for r, i in zip(self.rows, s.sizes):
            ones = torch.zeros(s.members, s.batch, r - i, device=self.device, dtype=self.dtype)
            ones[:, :, 0] = 1
            self.ones.append(ones)
        self.prepare()

    def draw(self):
        return [torch.randn_like(p) for p in self.mu]

    def given(self, parts):
        return [self.place(p, self.dtype) for p in parts]

    def sigmas(self, phi):
        sigma = [F.softplus(p) for p in phi]
        return sigma, [sigma[0].unsqueeze(2)] * len(self.mu) if self.settings.shared else sigma

    def inputs(self, rows):
        s = self.settings
        x = self.images.index_select(0, rows).view(s.members, s.batch, -1).to(self.dtype) * model.SCALE + model.SHIFT
        return torch.cat([x, self.ones[0]], 2)

    def parameters(self):
        return self.mu, self.phi


class Autograd(Layered):
    def prepare(self):
        for p in self.mu + self.phi:
            p.requires_grad_()
        self.optimiser = self.adam(self.mu + self.phi)

    def step(self):
        s = self.settings
        rows = self.chosen()
        labels = self.labels.index_select(0, rows).long()
        xi = self.draw()
        sigma, each = self.sigmas(self.phi)
        h = self.inputs(rows)
        for n, (mu, x) in enumerate(zip(self.mu, xi)):
            z = torch.bmm(h, torch.addcmul(mu, each[n], x))
            h = torch.cat([F.relu(z), self.ones[n + 1]], 2) if n < len(xi) - 1 else z
        loss = F.cross_entropy(h.flatten(0, 1), labels, reduction="sum")
        for mu in self.mu:
            loss = loss + (s.fraction * s.strength) * mu.abs().sum()
        for p in sigma:  # the cost per network first, then times its c
            cost = p.pow(-s.rho).flatten(1).sum(1, keepdim=True)
            loss = loss + (s.fraction * (s.synapses if s.shared else 1)) * (self.c * cost).sum()
        parameters = self.mu + self.phi
        for p, g in zip(parameters, torch.autograd.grad(loss, parameters)):
            p.grad = g
        self.optimiser.step()

    def moments(self):
        for key in "exp_avg", "exp_avg_sq":
            for parameters in self.mu, self.phi:
                yield [self.optimiser.state[p][key] for p in parameters]


class Compiled(Layered):
    mode = None  # of torch.compile

    def prepare(self):
        self.m = [torch.zeros_like(p) for p in self.mu + self.phi]
        self.v = [torch.zeros_like(p) for p in self.mu + self.phi]
        self.count = torch.zeros((), device=self.device, dtype=self.dtype)
        self.compiled = self.whole
        if self.device == "cuda":
            torch.compiler.reset()  # or the eighth size would no longer be compiled
            self.compiled = torch.compile(self.whole, fullgraph=True, dynamic=False, mode=self.mode)

    @torch.no_grad()
    def step(self):
        # A check gives its own noise; otherwise it is drawn inside, where the compiler can fuse it.
        self.compiled(self.mu, self.phi, self.m, self.v, self.count, self.columns, self.draw() if "draw" in self.__dict__ else None)

    def whole(self, mu, phi, m, v, count, columns, xi):
        s = self.settings
        rows = self.order.index_select(1, columns).flatten()
        columns += s.batch
        target = self.eye.index_select(0, self.labels.index_select(0, rows)).view(s.members, s.batch, -1)
        if xi is None:
            xi = [torch.randn_like(p) for p in mu]
        sigma, each = self.sigmas(phi)
        w = [p + e * x for p, e, x in zip(mu, each, xi)]
        h = [self.inputs(rows)]
        last = len(w) - 1
        for n in range(last):
            h.append(torch.cat([torch.bmm(h[n], w[n]).relu(), self.ones[n + 1]], 2))
        delta = torch.bmm(h[last], w[last]).softmax(2) - target
        dw = [None] * len(w)
        for n in range(last, -1, -1):
            dw[n] = torch.bmm(h[n].transpose(1, 2), delta)
            if n:
                i = s.sizes[n]
                delta = torch.bmm(delta, w[n][:, :i].transpose(1, 2)) * (h[n][:, :, :i] > 0)
        dmu = [d + (s.fraction * s.strength) * p.sign() for d, p in zip(dw, mu)]
        dsigma = [d * x for d, x in zip(dw, xi)]
        if s.shared:
            dsigma = [sum([d.sum((1, 2)) for d in dsigma]).unsqueeze(1)]
        scale = (s.fraction * s.rho * (s.synapses if s.shared else 1)) * self.c
        dphi = []
        for d, e, p in zip(dsigma, sigma, phi):
            inverse = e.reciprocal()
            power = inverse * inverse * inverse if s.rho == 2 else torch.exp((-s.rho - 1) * torch.log(e))
            dphi.append((d - scale.view(-1, *[1] * (d.dim() - 1)) * power) * torch.sigmoid(p))
        count += 1
        # 1 - beta^t, without cancellation in float32.
        correction1, correction2 = [-torch.expm1(count * math.log(beta)) for beta in (BETA1, BETA2)]
        for p, g, a, q in zip(mu + phi, dmu + dphi, m, v):
            new_a, new_q = BETA1 * a + (1 - BETA1) * g, BETA2 * q + (1 - BETA2) * g * g
            a.copy_(new_a)
            q.copy_(new_q)
            p.sub_(s.rate * (new_a / correction1) / (torch.sqrt(new_q / correction2) + EPSILON))

    def moments(self):
        n = len(self.mu)
        for part in self.m, self.v:
            yield part[:n]
            yield part[n:]


WAYS = {"autograd": Autograd, "hand": Hand, "compile": Compiled}


def checked(way, problem, dtype, device):
    stack = WAYS[way](problem.settings, dtype, device, problem.mu, problem.phi, problem.xi)
    stack.shuffle()
    for _ in problem.xi:
        stack.step()
    return stack.fields()


def check_noise(device):
    """The noise that a check does not use continues from replay to replay."""
    settings = model.Settings("heterogeneous", 2)
    stack = Hand(settings, torch.float32, device, *settings.initial())
    stack.capture()
    draws = []
    for _ in range(3):
        stack.train(stack.unit())
        draws.append(stack.xi.cpu().numpy().copy())
    xi = np.concatenate(draws)  # [replays times networks][synapses]
    correlations = np.corrcoef(xi) - np.eye(len(xi))
    if not (abs(xi.mean()) < 0.01 and abs(xi.std() - 1) < 0.01 and np.abs(correlations).max() < 0.02):
        sys.exit(f"torch_stacked.py: noise: mean {xi.mean()}, deviation {xi.std()}, correlations {correlations}")
    position = stack.taken % settings.steps_per_epoch * settings.batch
    if stack.columns.tolist() != list(range(position, position + settings.batch)):
        sys.exit(f"torch_stacked.py: after {stack.taken} steps the next minibatch is {stack.columns.tolist()}")
    print("torch_stacked.py: replays draw new noise", file=sys.stderr)


def main():
    a = model.arguments("times the step of many networks stacked in PyTorch",
                        way=dict(default="hand,compile", help="autograd, hand, compile, with commas"),
                        members=dict(default="1,8,64,120,240", help="with commas"),
                        tf32=dict(action="store_true", help="let products round to 10 bits"),
                        mode=dict(help="of torch.compile, as max-autotune-no-cudagraphs"))
    torch.set_float32_matmul_precision("high" if a.tf32 else "highest")
    Compiled.mode = a.mode
    failed = []
    for way in a.way.split(","):
        if a.check:
            dtype = "float64" if a.device == "cpu" else "float32"
            model.check(f"torch_stacked.py {way}", dtype, lambda p: checked(way, p, getattr(torch, dtype), a.device))
            if way == "hand":
                check_noise(a.device)
            continue
        if a.checked:
            model.check(f"torch_stacked.py {way}", "float32", lambda p: checked(way, p, torch.float32, a.device), a)
            if way == "hand":
                check_noise(a.device)
        for noise in a.noise:
            for members in map(int, a.members.split(",")):
                torch.manual_seed(1)
                settings = model.Settings(noise, members, a.rho)
                try:
                    stack = WAYS[way](settings, torch.float32, a.device, *settings.initial())
                    stack.capture()
                    figures = model.measure(stack.train, stack.begin, members, a.seconds, settings.steps_per_epoch, stack.unit())
                    name = way + (f" {a.mode}" if a.mode and way == "compile" else "") + (" tf32" if a.tf32 else "")
                    model.report(peer="torch-stacked", way=name, version=torch.__version__, dtype="float32",
                                 noise=noise, rho=a.rho, round=a.round, **figures, loss=stack.loss())
                except Exception as e:  # one way or size that fails leaves the others
                    failed.append(f"{way}, {noise}, {members} networks: {type(e).__name__}: {str(e)[:500]}")
                    print("torch_stacked.py:", failed[-1], file=sys.stderr)
                stack = None
                if a.device == "cuda":
                    torch.cuda.empty_cache()
    if failed:
        sys.exit(1)


if __name__ == "__main__":
    main()
