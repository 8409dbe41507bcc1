# %% [markdown]
# # Trained networks in Python
#
# Run this file as a whole, or cell by cell as a notebook (VS Code, Spyder, jupytext): python3 tutorial.py [DATA]
#
# DATA is a folder with MNIST's four files, by default the one that `quantal data --fetch` fills. quantal is the program
# of that name, or the one that the environment variable QUANTAL names. Everything is written to a new folder.

# %%
import os
import subprocess
import sys
import tempfile

import numpy as np

import quantal

data = os.path.abspath(sys.argv[1] if len(sys.argv) > 1 else os.path.expanduser("~/.cache/quantal/mnist"))
program = os.environ.get("QUANTAL", "quantal")
os.chdir(tempfile.mkdtemp())


def command(line):
    print("$ quantal " + line)
    subprocess.run([program, "-q"] + line.split() + ["--data", data], check=True, stdout=subprocess.DEVNULL)


# %% [markdown]
# ## A run
# A network with a sigma for each synapse, which pays for reliability by 0.01 sigma^-2.

# %%
command("train --out run --hidden 50 --epochs 2 --lr 1e-3 --sigma-init 0.1 --c 0.01 --draws 5")
run = quantal.load_run("run")
print(run.metrics["epoch"].tolist(), run.metrics["accuracy_sampled"].tolist())  # a DataFrame, where there is pandas

# %% [markdown]
# ## The same numbers
# Every random number of quantal is a function of the seed and of where it is used. So Python draws the same weights,
# and has as many test images right.

# %%
network = run.network()
images, labels = quantal.load_data(data)
here = network.evaluate(images, labels, draws=run.summary["draws"])
for name in ("accuracy_sampled", "accuracy_mean", "accuracy_predictive", "accuracy_expected_log"):
    print(f"{name:22} {run.summary[name]:.4f} by quantal, {here[name]:.4f} here")
    assert round(here[name] * len(labels)) == round(run.summary[name] * len(labels))

# %% [markdown]
# ## A question of one's own
# How many answers change from draw to draw? `sample` draws the weights of all layers, `forward` runs the network.

# %%
answers = np.array([network.forward(images, network.sample(draw)).argmax(1) for draw in range(10)])
changing = (answers != answers[0]).any(0)
print(f"{changing.mean():.1%} of the images get different answers in {len(answers)} draws,")
print(f"{(network.forward(images).argmax(1) != labels)[changing].mean():.1%} of these are wrong with the means")

# %% [markdown]
# ## A grid
# How does sigma follow from its price? Each network is a row of a table, and is read by its id.

# %%
small = "--hidden 20 --epochs 2 --lr 1e-3 --sigma-init 0.1 --draws 0"
command("grid --out grid --c 1e-3,1e-2,1e-1 --noise heterogeneous " + small)
grid = quantal.load_grid("grid")
for i in np.argsort(grid["c"]):
    sigma = quantal.load_run("grid/" + grid["id"][i]).network().sigma[0][:, :-1]
    print(f"c {grid['c'][i]:<6g} accuracy {grid['accuracy_sampled'][i]:.4f}, sigma of the first layer", end=" ")
    print("from {:.3f} to {:.3f}, median {:.3f}".format(*np.quantile(sigma, [0.05, 0.95, 0.5])))

# %% [markdown]
# ## PyTorch
# The means as torch.nn.Sequential, and one draw of the weights.

# %%
try:
    import torch
except ImportError:
    print("PyTorch is not installed")
else:
    model = network.torch()
    outputs = model(torch.tensor(network.inputs(images)))
    print(model)
    print("accuracy_mean", (outputs.argmax(1).numpy() == labels).mean())
