"""Writes what PyTorch makes of the rules, schedules, weight decay and activations of package kernels, in float64.

Run it in this folder with PyTorch (the committed numbers are of 1.13): python3 pytorch.py >pytorch.json.
TestRulesAgainstPyTorch and TestActivationsAgainstPyTorch read pytorch.json; they need no PyTorch.
"""
import json
import math

import torch

torch.set_default_dtype(torch.float64)
STEPS, RATE, DECAY = 12, 0.05, 0.3


def gradient(step, theta):
    """A gradient that changes from step to step and with the parameters."""
    return [math.sin(1 + 3 * i + step) * 0.4 + theta[i] * (0.2 + 0.1 * i) for i in range(len(theta))]


def run(rule, schedule, decay):
    theta = torch.nn.Parameter(torch.tensor([0.7, -0.4, 0.05]))
    if rule == "adam":
        optimizer = torch.optim.AdamW([theta], lr=RATE, betas=(0.9, 0.999), eps=1e-8, weight_decay=decay)
    elif rule == "rmsprop":
        optimizer = torch.optim.RMSprop([theta], lr=RATE, alpha=0.99, eps=1e-8)
    else:
        optimizer = torch.optim.SGD([theta], lr=RATE, momentum={"sgd": 0, "momentum": 0.9}[rule])
    scheduler = {
        "constant": lambda: torch.optim.lr_scheduler.ConstantLR(optimizer, factor=1),
        "cosine": lambda: torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=STEPS),
        "step": lambda: torch.optim.lr_scheduler.MultiStepLR(optimizer, milestones=[STEPS // 2, 3 * STEPS // 4], gamma=0.1),
    }[schedule]()
    path = []
    for step in range(STEPS):
        theta.grad = torch.tensor(gradient(step, theta.tolist()))
        if rule != "adam":  # as AdamW does; the other optimizers of PyTorch have no decoupled decay
            with torch.no_grad():
                theta.mul_(1 - optimizer.param_groups[0]["lr"] * decay)
        optimizer.step()
        scheduler.step()
        path.append(theta.tolist())
    return {"rule": rule, "schedule": schedule, "decay": decay, "path": path}


def activation(name, function):
    y = torch.tensor([-30, -5, -2.5, -1, -0.3, -1e-3, 1e-3, 0.2, 0.9, 2, 4.5, 30], requires_grad=True)
    value = function(y)
    value.sum().backward()
    return {"name": name, "y": y.tolist(), "value": value.tolist(), "slope": y.grad.tolist()}


def lines(records):
    return "[\n  " + ",\n  ".join(map(json.dumps, records)) + "\n ]"


functional = torch.nn.functional
runs = [run(rule, schedule, decay) for rule in ("adam", "sgd", "momentum", "rmsprop")
        for schedule in ("constant", "cosine", "step") for decay in (0, DECAY)]
activations = [
    activation("linear", lambda y: y * 1), activation("relu", functional.relu), activation("tanh", torch.tanh),
    activation("leaky-relu", lambda y: functional.leaky_relu(y, 0.01)), activation("sigmoid", torch.sigmoid),
    activation("softplus", lambda y: functional.softplus(y, threshold=1000)), activation("gelu", functional.gelu),
]
print(f'{{"pytorch": "{torch.__version__}", "rate": {RATE},\n "runs": {lines(runs)},\n "activations": {lines(activations)}}}')
