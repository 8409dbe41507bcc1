"""A trained network, in numpy and in PyTorch."""
import hashlib
import json
import math

import numpy as np

from . import noise

GROUP = 20  # test examples that share one draw of the weights
_erfc = np.vectorize(math.erfc, otypes=[float])


# Each activation with the module of PyTorch that is the same.
ACTIVATIONS = {
    "linear": (lambda y: y, lambda nn: nn.Identity()),
    "relu": (lambda y: np.maximum(y, 0), lambda nn: nn.ReLU()),
    "tanh": (np.tanh, lambda nn: nn.Tanh()),
    "leaky-relu": (lambda y: np.where(y < 0, np.float32(0.01) * y, y), lambda nn: nn.LeakyReLU(0.01)),
    "sigmoid": (lambda y: np.exp(-np.logaddexp(0, -y.astype(float))).astype(np.float32), lambda nn: nn.Sigmoid()),
    "softplus": (lambda y: np.logaddexp(0, y.astype(float)).astype(np.float32), lambda nn: nn.Softplus()),
    "gelu": (lambda y: (y * _erfc(-y.astype(float) / math.sqrt(2)) / 2).astype(np.float32), lambda nn: nn.GELU()),
}
_softplus, _sigmoid = (ACTIVATIONS[name][0] for name in ("softplus", "sigmoid"))


def read_safetensors(path):
    """The arrays of a safetensors file by their names, and its metadata. A file of quantal has a checksum, which must
    be right; damage is a ValueError."""
    with open(path, "rb") as f:
        raw = f.read()
    try:
        n = int.from_bytes(raw[:8], "little")
        header = json.loads(raw[8 : 8 + n])
        metadata = header.pop("__metadata__", {})
        if "sha256" in metadata:
            at = raw.index(metadata["sha256"].encode())
            blank = raw[:at] + b"0" * 64 + raw[at + 64 :]
            if hashlib.sha256(blank).hexdigest() != metadata["sha256"]:
                raise ValueError("the checksum is not that of the file")
        tensors = {}
        for name, t in header.items():
            begin, end = t["data_offsets"]
            data = np.frombuffer(raw[8 + n + begin : 8 + n + end], {"F32": "<f4", "F64": "<f8"}[t["dtype"]])
            tensors[name] = data.reshape(t["shape"])
    except (KeyError, ValueError) as e:
        raise ValueError(f"{path}: damaged, or not a safetensors file: {e}") from e
    return tensors, metadata


class Network:
    """A network of a checkpoint, or of a point of a grid: mu and sigma are lists with an array [neurons][inputs + 1] of
    float32 for each layer, the bias in the last column; so is each of quantities, what synapses learn in their place
    (n, p and q of quantal synapses). Of a network that is no chain of dense layers, layers is its text, and the inputs
    of a filter are those of its window, row by row, each with all channels."""

    def __init__(self, tensors, metadata, noise_variance=1):
        if metadata.get("format") not in ("quantal-checkpoint", "quantal-network"):
            raise ValueError(f"is of format {metadata.get('format')!r}, want a checkpoint or a network of quantal")
        graph = json.loads(metadata["graph"])
        self.sizes, self.activation, self.likelihood = graph["sizes"], graph["activation"], graph["likelihood"]
        self._network, self.noise_variance = graph.get("network"), noise_variance
        self.layers = self._network and self._network["layers"]
        self.draw = graph.get("draw", "minibatch")  # which examples share a draw of the weights
        self.sharing, self.seed, self.step = metadata["sharing"], int(metadata["seed"]), int(metadata["step"])
        for name, usual in (("pixel_mean", "0.1307"), ("pixel_sd", "0.3081"), ("target_mean", "0"), ("target_sd", "1")):
            setattr(self, name, np.array(metadata.get(name, usual).split(","), float))  # of all columns, or of each
        self.mu, self.sigma, self.quantities = [], [], {}

        def layer(i, name):
            return np.column_stack([tensors[f"layer{i}.weight.{name}"], tensors[f"layer{i}.bias.{name}"]])

        for i in range(sum(name.endswith("weight.mu") for name in tensors)):
            self.mu.append(layer(i, "mu"))
            if self.sharing == "synapse":
                phi = layer(i, "phi")
            elif self.sharing == "none":
                phi = np.float32(-np.inf)
            else:
                phi = tensors["phi" if self.sharing == "network" else f"layer{i}.phi"].reshape(-1, 1)
            self.sigma.append(np.broadcast_to(_softplus(phi), self.mu[i].shape))
            if metadata.get("synapse") == "quantal":
                for name, parameter, of in (("n", "n_raw", _softplus), ("p", "p_raw", _sigmoid), ("q", "q", np.array)):
                    self.quantities.setdefault(name, []).append(of(layer(i, parameter)))

    @classmethod
    def read(cls, path, noise_variance=1):
        """The network of a checkpoint file, or of GRID/points/ID.safetensors, which do not say the noise variance."""
        return cls(*read_safetensors(path), noise_variance)

    def sample(self, draw=0, step=None, stream=noise.EVALUATION):
        """Weights mu + sigma xi as quantal draws them, a list like mu: by default those of a test of this network, in
        which draw counts the groups of 20 examples. In training, stream is noise.TRAIN, draw 0, and step counts the
        minibatches from 0 on (of a network with the means and sigmas of that step)."""
        step = self.step if step is None else step
        return [
            mu + sigma * noise.normals(self.seed, stream, layer, step, draw, *mu.shape)
            for layer, (mu, sigma) in enumerate(zip(self.mu, self.sigma))
        ]

    def inputs(self, images):
        """The inputs [n][inputs] of float32 for a data set [n][...]: bytes, pixels of 0 to 255, or other numbers."""
        x = np.reshape(images, (len(images), -1))
        return (((x / 255 if x.dtype == np.uint8 else x) - self.pixel_mean) / self.pixel_sd).astype(np.float32)

    def forward(self, images, weights=None):
        """The outputs (logits) [n][outputs] for the images of a data set, by the means or weights of sample."""
        layers = iter(self.mu if weights is None else weights)
        def affine(x):
            w = next(layers)
            return x @ w[:, :-1].T + w[:, -1]
        return self._run(images, affine)

    def forward_each(self, images, draw):
        """The outputs [n][outputs] for the images of a test's group of at most 20, each with its own draw of the weights
        (--draw example): of the mean and the variance of what each neuron, or filter at each position, receives. Draw
        counts as that of sample."""
        layers = enumerate(zip(self.mu, self.sigma))
        def affine(x):
            i, (mu, sigma) = next(layers)
            v = sigma.astype(np.float32) ** 2
            xi = noise.normals(self.seed, noise.EVALUATION + noise.OF_EXAMPLES, i, self.step, draw, len(x), len(mu) + 1)
            return x @ mu[:, :-1].T + mu[:, -1] + np.sqrt((x * x) @ v[:, :-1].T + v[:, -1]) * xi[:, :-1]
        return self._run(images, affine)

    def _run(self, images, affine):
        """The outputs for images, given what its layers do, one after the other, with rows [n][inputs]."""
        h = self.inputs(images)
        if self.layers is not None:
            return _forward(self._network, h, affine)
        for i in range(len(self.mu)):
            h = affine(h)
            if i < len(self.mu) - 1:
                h = ACTIVATIONS[self.activation][0](h)
        return h

    def evaluate(self, images, answers, draws=0):
        """What quantal eval reports of a test set, with the same draws of the weights: accuracy_... (of a network that
        fits numbers r2_...) and loss_... of sampled and mean, and, with draws, of predictive and expected_log."""
        fits, v = self.likelihood == "gaussian", float(np.float32(self.noise_variance))
        y = np.asarray(answers).reshape(len(answers), -1)
        y = ((y - self.target_mean) / self.target_sd).astype(np.float32).astype(float) if fits else y.astype(int)

        def log_p(part, draw=None):  # of each class, or of the answers
            if draw is not None and self.draw == "example":
                out = self.forward_each(images[part], draw).astype(float)
            else:
                out = self.forward(images[part], None if draw is None else self.sample(draw)).astype(float)
            if fits:
                return -((out - y[part]) ** 2 / v + np.log(2 * np.pi * v)).sum(1, keepdims=True) / 2
            return out - np.logaddexp.reduce(out, 1, keepdims=True)

        found = {"mean": [log_p(slice(None))], "sampled": []}
        for group in range(-(-len(images) // GROUP)):
            part = slice(group * GROUP, (group + 1) * GROUP)
            found["sampled"].append(log_p(part, group))
            if draws:
                each = [log_p(part, group * draws + d) for d in range(draws)]
                found.setdefault("predictive", []).append(np.logaddexp.reduce(each, 0) - np.log(draws))
                found.setdefault("expected_log", []).append(np.mean(each, 0))
        result = {}
        for name, parts in found.items():
            rows = np.concatenate(parts)
            loss = result["loss_" + name] = float(-(rows if fits else np.take_along_axis(rows, y, 1)).mean())
            if not fits:
                result["accuracy_" + name] = float(np.mean(rows.argmax(1) == y[:, 0]))
            elif name in ("mean", "sampled"):  # the loss is squares / 2v, and a constant for each number
                squares = 2 * v * loss - y.shape[1] * v * np.log(2 * np.pi * v)
                result["r2_" + name] = float(1 - squares / y.var(0).sum())
        return result

    def torch(self, weights=None):
        """torch.nn.Sequential of Linear and the activation, for what inputs returns, with the means or weights."""
        import torch

        if self.layers is not None:
            raise ValueError(f"torch: want a network that is a chain of dense layers, got {self.layers}")
        layers, weights = [], self.mu if weights is None else weights
        for i, w in enumerate(weights):
            linear = torch.nn.Linear(w.shape[1] - 1, w.shape[0])
            linear.weight.data = torch.tensor(w[:, :-1])
            linear.bias.data = torch.tensor(w[:, -1])
            layers += [linear] if i == 0 else [ACTIVATIONS[self.activation][1](torch.nn), linear]
        return torch.nn.Sequential(*layers)


def _windows(x, size, stride):
    """What a window sees of pictures [n][channels][rows][columns]: its rows and columns are the last two axes."""
    rows, columns = map(int, size.split("x")) if "x" in size else (int(size), int(size))
    seen = np.lib.stride_tricks.sliding_window_view(x, (rows, columns), (2, 3))
    return seen[:, :, :: stride or rows, :: stride or rows]


def _forward(network, x, affine):
    """The outputs of a network by its text (see quantal network --help) for inputs [n][inputs]."""
    n, shape = len(x), [network[name] for name in ("height", "width", "channels")]
    x = x.reshape(n, *shape).transpose(0, 3, 1, 2) if network.get("pixels") else x.reshape(n, shape[2], *shape[:2])
    named = {"input": x}
    for layer in network["layers"].split(", "):
        kind, *words = layer.split()
        options = {o: words[words.index(o) + 1] for o in ("stride", "pad", "from", "as") if o in words}
        x = named[options["from"]] if "from" in options else x
        stride, pad = int(options.get("stride", 0)), int(options.get("pad", 0))
        if kind == "dense":
            x = affine(x.reshape(n, -1))
        elif kind == "conv":
            seen = _windows(np.pad(x, ((0, 0), (0, 0), (pad, pad), (pad, pad))), words[1], stride or 1)
            seen = seen.transpose(0, 2, 3, 4, 5, 1)  # the channels last
            x = affine(seen.reshape(-1, math.prod(seen.shape[3:]))).reshape(*seen.shape[:3], -1).transpose(0, 3, 1, 2)
        elif kind == "pool":
            x = (np.mean if "average" in words else np.max)(_windows(x, words[0], stride), (4, 5))
        elif kind == "add":
            ends = [i for i, word in enumerate(words) if word in ACTIVATIONS or word in ("from", "as")]
            x = sum((named[name] for name in words[: min(ends, default=None)]), x)
        for word in words:
            if word in ACTIVATIONS:
                x = ACTIVATIONS[word][0](x)
        named[options.get("as")] = x
    return x
