"""Folders of runs and grids."""
import glob
import json
import os
import tomllib

import numpy as np

from .network import Network


def _json(path):
    with open(path, encoding="utf-8") as f:
        return json.load(f)


def _lines(path):
    """The complete lines of a file of JSON objects, if there is one; a line that is being written has no end yet."""
    if not os.path.exists(path):
        return []
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
    if {type(x) for x in values} <= {int, float, type(None)}:
        return np.array([np.nan if x is None else x for x in values])
    return np.array([None, *values], object)[1:]  # after None, lists of one length are no rows


class Run:
    """A run folder, or a finished point of a grid: settings are those of the network under their names in config.toml;
    summary the results (None before the end); metrics a table of the epochs. `quantal help columns` explains them."""

    def __init__(self, folder, settings, summary, metrics, checkpoints):
        self.folder, self.settings, self.summary, self.metrics = folder, settings, summary, table(metrics)
        self._checkpoints = checkpoints

    def network(self):
        """The network of the last checkpoint that is not damaged."""
        damaged = []
        for path in reversed(self._checkpoints):
            try:
                return Network.read(path, self.settings.get("noise-variance", 1))
            except ValueError as e:
                damaged.append(str(e))
        raise ValueError("; ".join(damaged) or f"{self.folder}: there is no checkpoint yet")


def load_run(folder):
    """The run of a folder, or GRID/ID, a finished point of a grid."""
    grid, name = os.path.split(os.path.normpath(folder))
    if os.path.exists(os.path.join(grid, "plan.json")):
        file, curve = os.path.join(grid, "points", name), os.path.join(grid, "curves", name + ".jsonl")
        networks = glob.glob(glob.escape(file) + ".safetensors")
        return Run(folder, _plans(grid)[name], _json(file + ".json"), _lines(curve), networks)
    with open(os.path.join(folder, "config.toml"), "rb") as f:
        settings = tomllib.load(f)
    summary, metrics = (os.path.join(folder, name) for name in ("summary.json", "metrics.jsonl"))
    networks = sorted(glob.glob(os.path.join(glob.escape(folder), "checkpoints", "step-*.safetensors")))
    return Run(folder, settings, _json(summary) if os.path.exists(summary) else None, _lines(metrics), networks)


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
        row["seed"] = record["seed"]
        row.update({"cost_" + k: v for k, v in record.get("objective_costs", {}).items()})
        for number in (part.split("=") for part in row.get("set", "none").split(",") if "=" in part):
            row["set_" + number[0]] = float(number[1])
        free = row["noise"] == "none" and row.get("cost", "paper") == "paper"  # then no synapse pays for sigma
        for name in ("rho", "rho_value", "c"):
            if free or not row.get("c" if name == "c" else "rho"):
                row[name] = None
        row.update({name: None for name in ("classes", "patience", "answers", "network") if not row.get(name)})
        rows.append(row)
    return table(rows)

