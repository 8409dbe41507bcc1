"""Folders of runs and grids, and data sets in the form of MNIST's files."""
import glob
import gzip
import json
import os
import tomllib

import numpy as np

from .network import Network


def _json(path):
    with open(path, encoding="utf-8") as f:
        return json.load(f)


def _lines(path):
    """The complete lines of a file of JSON objects; a line that is being written has no end yet."""
    with open(path, encoding="utf-8") as f:
        return [json.loads(line) for line in f if line.endswith("\n")]


def table(rows):
    """Rows, dicts, as a DataFrame; without pandas, as a dict with an array for each column."""
    names = list(dict.fromkeys(name for row in rows for name in row))
    columns = {name: [row.get(name) for row in rows] for name in names}
    try:
        import pandas
    except ImportError:
        return {name: _array(values) for name, values in columns.items()}
    return pandas.DataFrame(columns)


def _array(values):
    if any(isinstance(x, (list, dict)) for x in values):
        array = np.empty(len(values), object)
        array[:] = values
        return array
    if any(isinstance(x, float) or x is None for x in values) and not any(isinstance(x, str) for x in values):
        return np.array([np.nan if x is None else x for x in values], float)
    return np.array(values)


class Run:
    """A run folder, or a finished point of a grid.

    settings are those of the network under their names in config.toml; summary the results (None before the end);
    metrics a table of the epochs. `quantal help columns` explains them.
    """

    def __init__(self, folder, settings, summary, metrics, checkpoints):
        self.folder, self.settings, self.summary, self.metrics = folder, settings, summary, table(metrics)
        self._checkpoints = checkpoints

    def network(self):
        """The network of the last checkpoint that is not damaged."""
        damaged = []
        for path in reversed(self._checkpoints):
            try:
                return Network.read(path)
            except ValueError as e:
                damaged.append(str(e))
        raise ValueError("; ".join(damaged) or f"{self.folder}: there is no checkpoint yet")


def load_run(folder):
    """The run of a folder, or GRID/ID, a finished point of a grid."""
    folder = os.path.normpath(folder)
    grid, name = os.path.split(folder)
    if os.path.exists(os.path.join(grid, "plan.json")):
        record, network = (os.path.join(grid, "points", name + end) for end in (".json", ".safetensors"))
        curve = os.path.join(grid, "curves", name + ".jsonl")
        metrics = _lines(curve) if os.path.exists(curve) else []
        return Run(folder, _plans(grid)[name], _json(record), metrics, [network] if os.path.exists(network) else [])
    with open(os.path.join(folder, "config.toml"), "rb") as f:
        settings = tomllib.load(f)
    summary, metrics = (os.path.join(folder, name) for name in ("summary.json", "metrics.jsonl"))
    return Run(
        folder,
        settings,
        _json(summary) if os.path.exists(summary) else None,
        _lines(metrics) if os.path.exists(metrics) else [],
        sorted(glob.glob(os.path.join(glob.escape(folder), "checkpoints", "step-*.safetensors"))),
    )


def _plans(grid):
    """The settings of all points of a grid by their ids."""
    paths = glob.glob(os.path.join(glob.escape(grid), "plan*.json"))
    return {point["id"]: point["config"] for path in paths for point in _json(path)["points"]}


# Settings of which results do not depend, and draws, which the results have.
_PLACES = {"device", "threads", "checkpoint_every", "draws"}


def load_grid(folder):
    """The finished points of a grid, a row each with the columns of table.csv, from the records: at any time."""
    plans = _plans(folder)
    if not plans:
        raise FileNotFoundError(f"{folder}: is not the folder of a grid (there is no plan.json in it)")
    rows = []
    for path in sorted(glob.glob(os.path.join(glob.escape(folder), "points", "*.json"))):
        record = _json(path)
        if record["id"] not in plans:
            continue
        record.pop("sha256")
        # A record leaves out what is as it was before there was the setting.
        rest = {k.replace("-", "_"): v for k, v in plans[record["id"]].items() if k.replace("-", "_") not in _PLACES}
        row = {k: v for k, v in record.items() if k not in ("seed", "objective_costs")}
        row.update({k: v for k, v in rest.items() if k not in record and k + "_layers" not in record})
        row.update({"seed": record["seed"]})
        row.update({"cost_" + k: v for k, v in record.get("objective_costs", {}).items()})
        for part in row.get("set", "none").split(","):
            if "=" in part:
                number = part.split("=")
                row["set_" + number[0]] = float(number[1])
        free = row["noise"] == "none" and row.get("cost", "paper") == "paper"  # then no synapse pays for sigma
        for name in ("rho", "rho_value", "c"):
            if free or not row.get("c" if name == "c" else "rho"):
                row[name] = None
        row.update({name: None for name in ("classes", "patience", "answers") if not row.get(name)})  # 0 is the lack of one
        rows.append(row)
    return table(rows)


def load_data(folder, part="t10k"):  # or "train"
    """Images [n][rows][columns] and labels [n] of a folder with MNIST's files, also compressed, or of other types."""
    arrays = []
    for name in ("images-idx3-ubyte", "labels-idx1-ubyte"):
        path = os.path.join(folder, f"{part}-{name}")
        with open(path, "rb") if os.path.exists(path) else gzip.open(path + ".gz", "rb") as f:
            raw = f.read()
        shape = np.frombuffer(raw, ">u4", raw[3], 4)
        kind = {8: "u1", 9: "i1", 11: ">i2", 12: ">i4", 13: ">f4", 14: ">f8"}[raw[2]]
        arrays.append(np.frombuffer(raw, kind, offset=4 + 4 * raw[3]).reshape(shape))
    return arrays
