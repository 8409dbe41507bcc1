#!/usr/bin/env python3
"""Turns the measurements of bench/gpu.sh into a table.

    report.py write FOLDER [FOLDER...]       FOLDER/gpu.jsonl and doctor.json of each, into gpu.md in the first
    report.py take --noise N --members M --round R   what `quantal bench --json` printed, on stdin, as a line of gpu.jsonl
    report.py line KEY=VALUE...              a line of gpu.jsonl; values that are JSON are taken as such
    report.py --self-test                    tests all of it on sample lines

Lines of gpu.jsonl are told apart by their keys: a speed has network_steps_per_second (of all networks together), an outcome of
a stage has stage and ok, a fact has fact and value, a run of the grid has grid_epochs and seconds, the copying of memory
has copy_bytes_per_second, and call counts the calls of gpu.sh, which are the rounds. Lines that are none of these, or no JSON, are
counted and left out: the script may have been killed at any time.
"""
import json
import os
import statistics
import sys
import tempfile

MEMBERS = [1, 8, 64, 120, 240]
SYNAPSES = 784 * 100 + 100 + 100 * 100 + 100 + 100 * 10 + 10
STEPS_PER_EPOCH, EPOCHS = 3000, 50
# The fewest bytes of device memory for a synapse and step when sampling and update are two passes over float32. With
# its own sigma: the first pass reads mu and phi, the second reads and writes both and their four Adam moments. With a
# shared sigma: the first reads mu, the second reads and writes mu and its two moments.
BYTES = {"heterogeneous": 4 * 2 + 2 * 4 * 6, "homogeneous": 4 * 1 + 2 * 4 * 3}
# Goals: microseconds per step of all networks (240 of them: by the card's name, by default those of an H200), ratios to
# the best stacked peer, and seconds for the whole grid.
GOALS_US = {240: {"H100": 650, "": 450}, 1: {"": 25}}
GOALS_RATIO = {240: 3, 1: 10}
GOAL_GRID = 90
PEERS = {"torch-stacked": "PyTorch, stacked", "jax": "JAX, vmap", "torch-one": "PyTorch, eager"}


def line(arguments):
    out = {}
    for a in arguments:
        key, _, value = a.partition("=")
        try:
            out[key] = json.loads(value)
        except json.JSONDecodeError:
            out[key] = value
    return out


def objects(value):
    """All JSON objects in a value, itself first."""
    if isinstance(value, dict):
        yield value
        value = list(value.values())
    if isinstance(value, list):
        for v in value:
            yield from objects(v)


def take(report, noise, members, round_):
    """The speed of the requested network, from quantal's report; on the GPU, if it also has others."""
    found = [o for o in objects(report) if isinstance(o.get("steps_per_second"), (int, float)) and o.get("members") == members
             and o.get("noise", noise) == noise]
    found = [o for o in found if "cuda" in str(o.get("kernels", "")) + str(o.get("device", ""))] or found
    if not found:
        raise SystemExit(f"report.py: no steps_per_second of {members} networks, {noise}, in quantal's report")
    o = found[-1]
    rate = o["steps_per_second"]
    return {"peer": "quantal", "way": str(o.get("kernels", "cuda")), "dtype": "float32", "noise": noise, "rho": o.get("rho", "2"),
            "round": round_, "members": members, "us_per_step": 1e6 * members / rate, "network_steps_per_second": rate}


def bandwidth(doctor):
    """Bytes per second from quantal's doctor: the first number under a key about bandwidth or copying."""
    for o in objects(doctor):
        for key, value in o.items():
            k = key.lower()
            if isinstance(value, (int, float)) and value > 0 and ("bandwidth" in k or "bytes_per_second" in k):
                return value if value > 1e9 else value * 1e9  # else in GB/s
    return None


class Results:
    def __init__(self, folders):
        self.speeds, self.stages, self.facts, self.grids, self.copy, self.odd = [], [], {}, [], None, 0
        self.doctor = None
        for source, folder in enumerate(folders):
            try:
                with open(os.path.join(folder, "gpu.jsonl")) as f:
                    text = f.read()
            except OSError as e:
                raise SystemExit(f"report.py: {e}")
            for t in text.splitlines():
                self.add(source, t)
            try:
                with open(os.path.join(folder, "doctor.json")) as f:
                    self.doctor = bandwidth(json.load(f)) or self.doctor
            except (OSError, json.JSONDecodeError):
                pass

    def add(self, source, text):
        try:
            o = json.loads(text)
        except json.JSONDecodeError:
            o = None
        if not isinstance(o, dict):
            self.odd += bool(text.strip())
        elif o.keys() >= {"network_steps_per_second", "peer", "way", "dtype", "noise", "members"}:
            o["at"] = (source, o.get("round", 0))
            self.speeds.append(o)
        elif "stage" in o:
            self.stages.append(o)
        elif "fact" in o:
            self.facts[o["fact"]] = o["value"]
        elif "grid_epochs" in o:
            self.grids.append(o)
        elif "copy_bytes_per_second" in o:
            self.copy = o["copy_bytes_per_second"]
            for k in "device", "torch", "cuda":
                self.facts.setdefault({"device": "GPU", "torch": "PyTorch", "cuda": "PyTorch's CUDA"}[k], o.get(k))
        elif "call" not in o:
            self.odd += 1

    def bandwidth(self):
        return self.doctor or self.copy

    def rates(self, peer, noise, members, way=None, dtype="float32"):
        """Network-steps per second per round; of several in a round the last."""
        return {o["at"]: o["network_steps_per_second"] for o in self.speeds
                if o["peer"] == peer and o["noise"] == noise and o["members"] == members and o["dtype"] == dtype
                and way in (None, o["way"])}

    def best(self, peer, noise, members, dtype="float32"):
        """The way whose median over the rounds is highest, with its rates. TF32, being less precise, does not compete."""
        ways = {o["way"] for o in self.speeds if o["peer"] == peer and o["noise"] == noise and o["members"] == members
                and o["dtype"] == dtype and "tf32" not in o["way"]}
        every = [(self.rates(peer, noise, members, way, dtype), way) for way in sorted(ways)]
        return max(every, key=lambda r: statistics.median(r[0].values()), default=({}, None))

    def microseconds(self, noise, members):
        rates = self.rates("quantal", noise, members)
        return 1e6 * members / statistics.median(rates.values()) if rates else None

    def share(self, noise, members):
        us, rate = self.microseconds(noise, members), self.bandwidth()
        return 1e6 * BYTES[noise] * SYNAPSES * members / rate / us if us and rate else None


def ratios(over, under):
    """Quotients within rounds; across rounds, of the medians, where no round has both."""
    both = [over[k] / under[k] for k in over if k in under]
    if not both and over and under:
        both = [statistics.median(over.values()) / statistics.median(under.values())]
    return both


def number(x):
    return "" if x is None else f"{x:,.0f}" if x >= 100 else f"{x:.3g}"


def median(values):
    return statistics.median(values) if values else None


def spread(values):
    if not values:
        return ""
    text = f"{statistics.median(values):.3g}"
    return text if len(values) == 1 else f"{text} ({min(values):.3g} to {max(values):.3g})"


def table(w, head, rows):
    w.append("| " + " | ".join(head) + " |")
    w.append("|" + "---|" * len(head))
    w.extend("| " + " | ".join(str(c).replace("|", "\\|").replace("\n", " ") for c in row) + " |" for row in rows)
    w.append("")


def write(r):
    w = ["# The training step on a GPU, compared with its peers", "",
         "One training step of the preset \"published\": 784-100-100-10, minibatches of 20 out of 60,000, one draw of the weights per "
         "minibatch, Adam on mu and phi, float32 unless it says otherwise. Written by bench/gpu.sh (bench/gpu/report.py).", ""]
    if r.facts:
        table(w, ["", ""], r.facts.items())
    rate = r.bandwidth()
    if rate:
        others = [f"{what} {b / 1e12:.2f} TB/s" for what, b in (("quantal doctor", r.doctor), ("a copy in PyTorch", r.copy)) if b]
        w += [f"Memory bandwidth, bytes read and written: {', '.join(others)}. The limit below takes {rate / 1e12:.2f} TB/s and "
              f"{BYTES['heterogeneous']} bytes per synapse and step, {BYTES['homogeneous']} with a shared sigma. Few networks fit into the cache and can pass it.", ""]
    for noise in BYTES:
        members = sorted({o["members"] for o in r.speeds if o["noise"] == noise and o["peer"] in ("quantal", "torch-stacked", "jax")})
        if members:
            speeds(w, r, noise, members)
    goals(w, r)
    grid(w, r)
    ways(w, r)
    if r.stages:
        w += ["## Stages", ""]
        table(w, ["stage", "outcome", "seconds", ""], [
            (s["stage"], {True: "passed", False: "**failed**"}.get(s["ok"], s["ok"]), s.get("seconds", ""), s.get("note", "")) for s in r.stages])
    if r.odd:
        w += [f"{r.odd} lines of gpu.jsonl say nothing known and are left out.", ""]
    return "\n".join(w)


def speeds(w, r, noise, members):
    w += [f"## {noise.capitalize()}", "",
          "Network-steps per second, all networks together: the mean with the share of an epoch's beginning (go doc ./bench), median over the "
          "rounds; ratios are quantal's to the peer's within a round, "
          "median and range. Of a stacked peer the fastest way is shown.", ""]
    rows = []
    for m in members:
        own = r.rates("quantal", noise, m)
        us, share = r.microseconds(noise, m), r.share(noise, m)
        row = [m, number(median(own.values())), number(us), f"{100 * share:.0f} %" if share else ""]
        for peer in "torch-stacked", "jax":
            rates, way = r.best(peer, noise, m)
            row += [f"{number(median(rates.values()))} ({way})" if way else "", spread(ratios(own, rates))]
        for dtype in "float32", "float64":
            row.append(spread(ratios(own, r.rates("torch-one", noise, 1, dtype=dtype))))
        rows.append(row)
    table(w, ["networks", "quantal", "us per step of all", "of the limit", PEERS["torch-stacked"], "ratio", PEERS["jax"], "ratio",
              "ratio to eager float32", "to eager float64"], rows)
    w += ["The last two columns compare with one network at a time in eager PyTorch, the authors' way: "
          + ", ".join(f"{dtype} {number(median(r.rates('torch-one', noise, 1, dtype=dtype).values())) or 'not measured'}"
                      for dtype in ("float32", "float64")) + " steps per second.", ""]


def goals(w, r):
    rows = []
    card = str(r.facts.get("GPU", ""))
    for m, by_card in GOALS_US.items():
        goal = next(g for name, g in by_card.items() if name in card)
        us = r.microseconds("heterogeneous", m)
        rows.append((f"{m} heterogeneous network{'s' * (m > 1)}: us per step of all", f"at most {goal}", number(us),
                     "" if us is None else "met" if us <= goal else "**missed**"))
    for m, goal in GOALS_RATIO.items():
        own = r.rates("quantal", "heterogeneous", m)
        rivals = [r.best(peer, "heterogeneous", m) for peer in ("torch-stacked", "jax")]
        rates, way = max(rivals, key=lambda x: median(x[0].values()) or 0)
        ratio = ratios(own, rates)
        rows.append((f"{m} heterogeneous network{'s' * (m > 1)}: times the best stacked peer ({way or 'none'})", f"at least {goal}", spread(ratio),
                     "" if not ratio else "met" if statistics.median(ratio) >= goal else "**missed**"))
    whole = median([g["seconds"] for g in r.grids if g["grid_epochs"] == EPOCHS])
    rows.append(("the whole grid: seconds", f"under {GOAL_GRID}", number(whole), "" if whole is None else "met" if whole < GOAL_GRID else "**missed**"))
    if any(row[2] for row in rows):
        w += ["## Goals", ""]
        table(w, ["", "goal", "measured", ""], rows)


def grid(w, r):
    us = [r.microseconds(noise, 120) for noise in BYTES]
    rows = []
    if all(us):
        per_epoch = STEPS_PER_EPOCH * sum(us) / 1e6
        rows.append(("from the rates of 120 networks in either mode, without tests", f"{per_epoch:.2f}", f"{per_epoch * EPOCHS:.0f}"))
    for g in r.grids:
        each = g["seconds"] / g["grid_epochs"]
        total = f"{g['seconds']:.0f}" if g["grid_epochs"] == EPOCHS else f"{each * EPOCHS:.0f} (extrapolated)"
        rows.append((f"measured, {g['grid_epochs']} epochs, {g.get('what', 'everything included')}", f"{each:.2f}", total))
    if rows:
        w += ["## The grid: 240 networks, 50 epochs", ""]
        table(w, ["", "seconds per epoch", "seconds in all"], rows)


def ways(w, r):
    keys = []
    for o in r.speeds:
        key = (o["peer"], o["way"], o["dtype"], o["noise"], o["members"])
        if key not in keys:
            keys.append(key)
    if not keys:
        return
    w += ["## Everything measured", ""]
    rows = []
    for peer, way, dtype, noise, members in sorted(keys, key=lambda k: (k[3], k[4], k[0], k[1], k[2])):
        rates = list(r.rates(peer, noise, members, way, dtype).values())
        version = next((o.get("version", "") for o in r.speeds if o["peer"] == peer), "")
        rows.append((noise, members, f"{PEERS.get(peer, peer)} {version}".strip(), way, dtype, number(median(rates)), number(min(rates)), number(max(rates)),
                     number(1e6 * members / median(rates)), len(rates)))
    table(w, ["noise", "networks", "program", "way", "type", "network-steps per second", "lowest", "highest", "us per step of all", "rounds"], rows)


def self_test():
    def speed(peer, way, rate, m, noise="heterogeneous", round_=1, dtype="float32"):
        return dict(peer=peer, way=way, dtype=dtype, noise=noise, rho=2, round=round_, members=m, us_per_step=1e6 * m / rate,
                    network_steps_per_second=rate)

    quantal = {"kernels": "avx2", "presets": [{"kernels": "avx2", "noise": "heterogeneous", "members": 240, "steps_per_second": 3e3}],
               "members": [{"kernels": "cuda", "noise": "heterogeneous", "members": 240, "steps_per_second": 8e5}]}
    taken = take(quantal, "heterogeneous", 240, 1)
    assert taken["network_steps_per_second"] == 8e5 and abs(taken["us_per_step"] - 300) < 1e-9, taken
    try:
        take(quantal, "homogeneous", 240, 1)
        raise AssertionError("took a speed of other networks")
    except SystemExit:
        pass
    assert bandwidth({"gpus": [{"memory_free": 1e11, "bytes_per_second": 4.3e12}]}) == 4.3e12
    assert bandwidth({"bandwidth_gb_per_second": 4300}) == 4.3e12
    assert bandwidth({"bandwidth": 4.3e12}) == 4.3e12 and bandwidth({"memory": 1}) is None
    assert line(["stage=a b", "ok=false", "seconds=3", "note=x=y"]) == {"stage": "a b", "ok": False, "seconds": 3, "note": "x=y"}
    assert BYTES == {"heterogeneous": 56, "homogeneous": 28} and SYNAPSES == 89610

    lines = [taken, speed("quantal", "cuda", 9e5, 240, round_=2), speed("quantal", "cuda", 2e4, 1),
             speed("quantal", "cuda", 4e5, 120), speed("quantal", "cuda", 8e5, 120, "homogeneous"),
             speed("torch-stacked", "hand", 1e5, 240), speed("torch-stacked", "compile", 2e5, 240), speed("torch-stacked", "compile", 3e5, 240, round_=2),
             speed("torch-stacked", "hand tf32", 9e5, 240), speed("torch-stacked", "hand", 5e3, 1), speed("jax", "rbg", 1.6e5, 240),
             speed("torch-one", "eager", 1e3, 1), speed("torch-one", "eager", 5e2, 1, dtype="float64"),
             {"stage": "parity", "ok": True, "seconds": 5}, {"stage": "jax", "ok": False, "seconds": 9, "note": "jax | exit 124"},
             {"stage": "racecheck", "ok": "skipped"}, {"fact": "GPU", "value": "H200"}, {"grid_epochs": 1, "seconds": 1.5},
             {"grid_epochs": 50, "seconds": 51}, {"copy_bytes_per_second": 4e12, "device": "other"}, {"else": 1}, {"call": 1},
             {"network_steps_per_second": 1}]
    with tempfile.TemporaryDirectory() as folder:
        with open(os.path.join(folder, "gpu.jsonl"), "w") as f:
            f.write("\n".join(map(json.dumps, lines)) + "\nnot JSON\n\n{\"peer\": \"cut o")
        with open(os.path.join(folder, "doctor.json"), "w") as f:
            json.dump({"gpu": {"bandwidth_bytes_per_second": 4.3e12}}, f)
        r = Results([folder])
        text = write(r)
    assert r.odd == 4 and r.facts["GPU"] == "H200" and r.bandwidth() == 4.3e12, vars(r)
    assert r.best("torch-stacked", "heterogeneous", 240)[1] == "compile"
    # 56 * 89610 * 240 bytes at 4.3e12 per second are 280 us.
    assert abs(r.share("heterogeneous", 240) - 280.087 / (240e6 / 8.5e5)) < 1e-3, r.share("heterogeneous", 240)
    for want in (
        "| 240 | 850,000 | 282 | 99 % | 250,000 (compile) | 3.5 (3 to 4) | 160,000 (rbg) | 5 | 800 | 1.6e+03 |",
        "| 1 | 20,000 | 50 | 2 % | 5,000 (hand) | 4 |  |  | 20 | 40 |",
        "| 240 heterogeneous networks: us per step of all | at most 450 | 282 | met |", "| the whole grid: seconds | under 90 | 51 | met |",
        "| 1 heterogeneous network: us per step of all | at most 25 | 50 | **missed** |",
        "| 240 heterogeneous networks: times the best stacked peer (compile) | at least 3 | 3.5 (3 to 4) | met |",
        "| 1 heterogeneous network: times the best stacked peer (hand) | at least 10 | 4 | **missed** |",
        "| from the rates of 120 networks in either mode, without tests | 1.35 | 68 |",
        "| measured, 1 epochs, everything included | 1.50 | 75 (extrapolated) |", "| measured, 50 epochs, everything included | 1.02 | 51 |",
        "| jax | **failed** | 9 | jax \\| exit 124 |", "| racecheck | skipped |  |  |", "4 lines of gpu.jsonl",
    ):
        assert want in text, f"not in the report: {want}\n\n{text}"
    r.facts["GPU"] = "NVIDIA H100 80GB HBM3, 81559 MiB"
    assert "at most 650 | 282 | met" in write(r), write(r)
    with tempfile.TemporaryDirectory() as folder:  # nothing at all was measured
        with open(os.path.join(folder, "gpu.jsonl"), "w"):
            pass
        assert write(Results([folder])).startswith("# The training step")
    print("report.py: self-test passed", file=sys.stderr)


def main():
    arguments = sys.argv[1:]
    if arguments == ["--self-test"]:
        self_test()
    elif arguments[:1] == ["line"]:
        print(json.dumps(line(arguments[1:])))
    elif arguments[:1] == ["take"] and len(arguments) == 7 and arguments[1::2] == ["--noise", "--members", "--round"]:
        noise, members, round_ = arguments[2::2]
        try:
            report = json.load(sys.stdin)
        except json.JSONDecodeError as e:
            sys.exit(f"report.py: quantal's report: {e}")
        print(json.dumps(take(report, noise, int(members), int(round_))))
    elif arguments[:1] == ["write"] and len(arguments) > 1:
        text = write(Results(arguments[1:]))
        with open(os.path.join(arguments[1], "gpu.md"), "w") as f:
            f.write(text)
        print(text)
    else:
        sys.exit(__doc__)


if __name__ == "__main__":
    main()
