"""Networks that quantal has trained, in Python: numpy, and pandas and PyTorch where they are installed.

    run = quantal.load_run("runs/a")                    # or "grids/a/ID", a point of a grid
    network = run.network()                             # and run.metrics, run.summary, run.settings
    network.forward(images)                             # with the means; images of bytes, 0 to 255
    network.forward(images, network.sample(draw=7))     # with weights drawn as quantal draws them
    network.evaluate(*quantal.load_data("x.csv"), 20)   # what quantal eval reports, with 20 draws
    network.torch()                                     # torch.nn.Sequential with the means
    grid = quantal.load_grid("grids/a")                 # a row for each point
"""
from . import noise
from .data import load_data
from .folders import Run, load_grid, load_run, table
from .network import Network, read_safetensors

__version__ = "0.1.0"
__all__ = ["Network", "Run", "load_data", "load_grid", "load_run", "noise", "read_safetensors", "table"]
