#!/usr/bin/env python3
"""Peer (a), the authors' way: one network in eager PyTorch on the GPU, in float64 and float32.

As fast as plain PyTorch goes: the data resident on the GPU in the network's type, the shuffle there too, all parameters in
one flat mu and one flat phi (fewer launches), fused Adam, and no transfer to the host while it trains. At this size the time
goes into launching some 60 kernels per step from Python.

Prints a line of JSON per type and noise. --check compares it with bench/gpu/model.py's reference; --copy measures how fast the
device copies memory, in bytes read and written per second.
"""
import json
import sys

import model

try:
    import torch
    import torch.nn.functional as F
except ImportError as e:
    print(f"torch_one.py: {e}: this peer needs PyTorch for {sys.executable}", file=sys.stderr)
    sys.exit(3)


def sync(device):
    if device == "cuda":
        torch.cuda.synchronize()


class Network:
    def __init__(self, settings, dtype, device, mu, phi):
        self.settings, self.device, self.step = settings, device, 0
        self.sizes = [n for i, o in zip(settings.sizes, settings.sizes[1:]) for n in (i * o, o)]
        self.shapes = [shape for i, o in zip(settings.sizes, settings.sizes[1:]) for shape in ((i, o), (o,))]
        self.images = torch.tensor(settings.images, device=device).to(dtype) * model.SCALE + model.SHIFT
        self.labels = torch.tensor(settings.labels, device=device).long()
        self.mu, self.phi = (torch.tensor(p[0], device=device, dtype=dtype).requires_grad_() for p in (mu, phi))
        self.c = float(settings.c[0])
        self.xi = torch.empty(settings.synapses, device=device, dtype=dtype)
        self.optimiser = torch.optim.Adam([self.mu, self.phi], lr=settings.rate, betas=(model.BETA1, model.BETA2),
                                          eps=model.EPSILON, fused=device == "cuda")

    def draw(self):
        self.xi.normal_()

    def begin(self):
        """Jumps to the beginning of an epoch."""
        self.step = -(-self.step // self.settings.steps_per_epoch) * self.settings.steps_per_epoch

    def train(self):
        """Takes a step and returns the objective, which stays on the device."""
        s = self.settings
        t = self.step % s.steps_per_epoch
        if t == 0:
            self.order = (torch.randperm(s.examples, device=self.device) if s.order is None
                          else torch.tensor(s.order[0], device=self.device))
        chosen = self.order[t * s.batch:(t + 1) * s.batch]
        self.step += 1
        self.draw()
        sigma = F.softplus(self.phi)
        w = [p.view(shape) for p, shape in zip(torch.addcmul(self.mu, sigma, self.xi).split_with_sizes(self.sizes), self.shapes)]
        h = self.images[chosen]
        for n in range(0, len(w), 2):
            h = torch.addmm(w[n + 1], h, w[n])
            if n < len(w) - 2:
                h = F.relu(h)
        nll = F.cross_entropy(h, self.labels[chosen], reduction="sum")
        if s.rho == 2:
            inverse = sigma.reciprocal()
            cost = torch.dot(inverse, inverse)
        else:
            cost = sigma.pow(-s.rho).sum()
        scale = s.fraction * self.c * (s.synapses if s.shared else 1)
        loss = nll + (s.fraction * s.strength) * self.mu.abs().sum() + scale * cost
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()
        self.optimiser.step()
        return loss

    def state(self):
        """The reference's FIELDS, of one network."""
        moments = [self.optimiser.state[p][k] for k in ("exp_avg", "exp_avg_sq") for p in (self.mu, self.phi)]
        return [p.detach().cpu().numpy()[None] for p in (self.mu, self.phi, *moments)]


def checked(problem, dtype, device):
    fields = []
    for n in range(problem.settings.members):
        one = model.Settings.__new__(model.Settings)
        one.__dict__.update(problem.settings.__dict__, order=problem.settings.order[n:n + 1], c=problem.settings.c[n:n + 1])
        network = Network(one, dtype, device, problem.mu[n:n + 1], problem.phi[n:n + 1])
        for xi in problem.xi[:, n]:
            network.draw = lambda xi=xi: network.xi.copy_(torch.tensor(xi))
            network.train()
        fields.append(network.state())
    return [model.np.concatenate(f) for f in zip(*fields)]


def copy_rate():
    """Bytes read and written per second by a copy on the device, the best of ten, of 2 GiB: far more than fits in the cache."""
    source = torch.empty(1 << 31, dtype=torch.uint8, device="cuda").random_()
    target = torch.empty_like(source)
    best = float("inf")
    for _ in range(10):
        start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        start.record()
        target.copy_(source)
        end.record()
        end.synchronize()
        best = min(best, start.elapsed_time(end) / 1e3)
    return 2 * source.numel() / best


def main():
    a = model.arguments("times the step of one network in eager PyTorch", dtype=dict(default="float64,float32", help="with commas"),
                        copy=dict(action="store_true", help="measure how fast the device copies memory, nothing else"))
    if a.copy:
        print(json.dumps({"copy_bytes_per_second": copy_rate(), "device": torch.cuda.get_device_name(),
                          "torch": torch.__version__, "cuda": torch.version.cuda}))
        return
    if a.check:
        for dtype in ("float64",) if a.device == "cpu" else ("float64", "float32"):
            model.check("torch_one.py", dtype, lambda problem: checked(problem, getattr(torch, dtype), a.device))
        return
    if a.checked:
        for dtype in a.dtype.split(","):
            model.check("torch_one.py", dtype, lambda problem: checked(problem, getattr(torch, dtype), a.device), a)
    torch.manual_seed(1)
    for noise in a.noise:
        settings = model.Settings(noise, 1, a.rho)
        for dtype in a.dtype.split(","):
            network = Network(settings, getattr(torch, dtype), a.device, *settings.initial())

            def train(n):
                for _ in range(n):
                    network.loss = network.train()
                sync(a.device)

            figures = model.measure(train, network.begin, 1, a.seconds, settings.steps_per_epoch)
            model.report(peer="torch-one", way="eager", version=torch.__version__, dtype=dtype, noise=noise, rho=a.rho,
                         round=a.round, **figures, loss=float(network.loss) / model.BATCH)


if __name__ == "__main__":
    main()
