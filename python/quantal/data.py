"""Data sets as quantal reads them."""
import csv
import gzip
import os
import re

import numpy as np

from . import noise


def load_data(path, part="t10k", answers=None):
    """Inputs [n][...] and answers [n] or [n][numbers] of the test set, or of part "train", as quantal has them.

    path is a folder of IDX files, or the name of one in the cache; x.npz; or x.csv, or a folder with train.csv and
    test.csv. Answers are in the columns that answers names ("a,b"), or in that called y, label, class or target."""
    train = part == "train"
    if not os.path.exists(path):
        cache = os.environ.get("QUANTAL_CACHE", os.path.expanduser("~/.cache/quantal/mnist"))
        path = {"mnist": cache}.get(path, os.path.join(cache, path))
    if path.lower().endswith(".npz"):
        with np.load(path) as f:
            if not train and "x_test" in f:
                return f["x_test"], f["y_test"]
            x, y = (f[name] if name in f else f[name + "_train"] for name in "xy")
            return (x, y) if "x_test" in f else _deal(x, y, train)
    if os.path.isdir(path) and not os.path.exists(os.path.join(path, "train.csv")):
        return _idx(path, part, "images"), _idx(path, part, "labels")
    files = [os.path.join(path, name) for name in ("train.csv", "test.csv")] if os.path.isdir(path) else [path]
    tables = [_table(file, answers) for file in files]
    x, y = (np.array([row for t in tables for row in t[i]]) for i in (0, 1))
    names = y.shape[1] == 1 and not any(re.match("[-+.0-9]", cell) for cell in y[:, 0])
    y = np.unique(y, return_inverse=True)[1].reshape(-1, 1) if names else y.astype(np.float32)
    x, y = x.astype(np.float32), y[:, 0] if y.shape[1] == 1 else y
    if len(tables) == 1 and not tables[0][2]:
        return _deal(x, y, train)
    first = tables[0][2] if len(tables) == 1 else ["train"] * len(tables[0][0]) + ["test"] * len(tables[1][0])
    use = np.array([cell.lower() == "train" for cell in first]) == train
    return x[use], y[use]


def _deal(x, y, train):
    """A tenth of the examples for the test, or all others: which, depends on their number alone (mnist.Order)."""
    order, words = list(range(len(x))), noise.philox((np.arange(len(x) // 2 + 1), 0, noise.ORDER << 16, 0), (0, 0))
    for i in range(len(x) - 1, 0, -1):
        low, high = (int(words[2 * (i % 2) + k][i // 2]) for k in (0, 1))
        j = (low | high << 32) * (i + 1) >> 64
        order[i], order[j] = order[j], order[i]
    use = np.full(len(x), train)
    use[order[: max(1, len(x) // 10)]] = not train
    return x[use], y[use]


def _table(path, answers):
    """The inputs, the answers as text, and the cells of the column split, if there is one."""
    with open(path, encoding="utf-8-sig", newline="") as f:
        lines = [line for line in f if line.strip() and line[0] != "#"]
    mark = max(",;\t", key=lines[0].count)
    names, *rows = ([cell.strip() for cell in row] for row in csv.reader(lines, delimiter=mark, skipinitialspace=True))
    rows = [row if mark == "," else [cell.replace(",", ".") for cell in row] for row in rows if any(row)]
    usual = [name for name in names if name.lower() in ("y", "label", "class", "target")]
    wanted = usual if answers in (None, "", "auto") else answers.split(",")
    targets = [names.index(name.strip()) for name in wanted]
    split = [i for i, name in enumerate(names) if name.lower() == "split" and i not in targets]
    inputs = [i for i, name in enumerate(names) if name and i not in targets + split]
    x, y = ([[row[i] for i in which] for row in rows] for which in (inputs, targets))
    return x, y, [row[i] for row in rows for i in split]


def _idx(folder, part, what):
    pattern = rf"(.+-)?({part.replace('t10k', 't10k|test')})-{what}[-.]idx[1-4]-[a-z0-9]+(\.gz)?"
    names = [name for name in sorted(os.listdir(folder)) if re.fullmatch(pattern, name)]
    if not names:
        raise FileNotFoundError(f"{folder}/{part}-{what}-idx...: no such file")
    path = os.path.join(folder, names[0])
    with (gzip.open if path.endswith(".gz") else open)(path, "rb") as f:
        raw = f.read()
    kind = {8: "u1", 9: "i1", 11: ">i2", 12: ">i4", 13: ">f4", 14: ">f8"}[raw[2]]
    array = np.frombuffer(raw, kind, offset=4 + 4 * raw[3]).reshape(np.frombuffer(raw, ">u4", raw[3], 4))
    return array[:, 0] if what == "labels" and array.shape[1:] == (8,) and raw[2] != 8 else array  # of QMNIST
