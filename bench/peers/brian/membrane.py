"""Membrane traces of leaky integrate-and-fire neurons in Brian2 2.5, for dynamics/spiking.

    python3 membrane.py > ../../../dynamics/spiking/testdata/membrane.json

Each case has everything that a simulator needs to repeat it: the neurons, the spikes that are imposed on the inputs,
the contacts with weights and delays, and what Brian2 found: the potentials of all neurons after each of some steps, and
all spikes. Times are in ms, potentials in mV, conductances in units of the leak. A spike of an input in step n acts
delay steps later, after the threshold and before the reset of that step; "after step n" is what Brian2's monitors
record at the start of step n+1.
"""
import json
import sys

import numpy as np
from brian2 import (Network, NeuronGroup, SpikeGeneratorGroup, SpikeMonitor, StateMonitor, Synapses, defaultclock, ms,
                    prefs)

prefs.codegen.target = "numpy"

EQUATIONS = {
    # Exact integration. x and y are the potentials that the synaptic currents would hold the membrane at.
    "current": ("""dv/dt = (rest - v + drive + x + y)/tau : 1 (unless refractory)
                   dx/dt = -x/tau_x : 1
                   dy/dt = -y/tau_y : 1
                   drive : 1""", "exact"),
    "jump": ("""dv/dt = (rest - v + drive)/tau : 1 (unless refractory)
                drive : 1""", "exact"),
    "conductance": ("""dv/dt = (rest - v + drive + x*(E_x - v) + y*(E_y - v))/tau : 1 (unless refractory)
                       dx/dt = -x/tau_x : 1
                       dy/dt = -y/tau_y : 1
                       drive : 1""", "rk4"),
}


def case(name, kind, step, steps, neuron, drive, inputs, spikes, contacts, every, recurrent=()):
    """Runs a network: `inputs` sources with imposed (step, source), onto neurons with a drive each, by contacts
    (source, target, receptor, weight, delay in steps); recurrent has the contacts among the neurons."""
    equations, method = EQUATIONS[kind]
    names = dict(neuron, tau=neuron["tau"]*ms, tau_x=neuron.get("tau_x", 1)*ms, tau_y=neuron.get("tau_y", 1)*ms)
    defaultclock.dt = step*ms
    group = NeuronGroup(len(drive), equations, threshold="v >= theta", reset="v = reset", method=method,
                        refractory=neuron["refractory"]*ms, namespace=names)
    group.v = neuron["rest"]
    group.drive = drive
    at, source = np.array(spikes).T if len(spikes) else (np.array([], int), np.array([], int))
    generator = SpikeGeneratorGroup(inputs, source, at*step*ms)
    objects = [group, generator]

    def connect(pre, contacts):
        for target in ("v",) if kind == "jump" else ("x", "y"):
            mine = [c for c in contacts if c[2] == target]
            if not mine:
                continue
            s = Synapses(pre, group, "w : 1", on_pre=target + "_post += w")
            s.connect(i=[c[0] for c in mine], j=[c[1] for c in mine])
            s.w = [c[3] for c in mine]
            s.delay = np.array([c[4] for c in mine])*step*ms
            objects.append(s)

    connect(generator, contacts)
    connect(group, recurrent)
    trace, fired = StateMonitor(group, "v", record=True), SpikeMonitor(group)
    network = Network(*objects, trace, fired)
    network.run((steps + 1)*step*ms)
    after = list(range(0, steps, every))
    return {
        "name": name, "kind": kind, "step": step, "steps": steps, "neuron": neuron, "drive": list(drive),
        "inputs": inputs, "imposed": [list(map(int, s)) for s in spikes],
        "contacts": [list(c) for c in contacts], "recurrent": [list(c) for c in recurrent],
        "after": after, "v": [[float(trace.v[k, n + 1]) for k in range(len(drive))] for n in after],
        "spikes": sorted([int(round(float(t/ms)/step)), int(i)] for t, i in zip(fired.t, fired.i)
                         if round(float(t/ms)/step) < steps),
    }


def imposed(rng, inputs, steps, n):
    """n spikes, at most one of a source in a step, in order."""
    return sorted(zip(*(map(int, x) for x in np.unravel_index(
        rng.choice(inputs*steps, n, replace=False), (steps, inputs)))))


def main():
    rng = np.random.default_rng(1)
    cases = []
    neuron = {"tau": 20., "rest": -70., "theta": -50., "reset": -60., "refractory": 2.,
              "tau_x": 5., "tau_y": 10.}
    contacts = [(0, 0, "x", 6., 1), (1, 0, "y", -4., 3), (2, 1, "x", 30., 15), (3, 1, "x", 2.5, 1), (1, 1, "y", -9., 7),
                (0, 2, "x", 1.5, 2), (2, 2, "y", -2., 2)]
    cases.append(case("exponential currents", "current", .1, 2000, neuron, [15., 19., 25.], 4,
                      imposed(rng, 4, 2000, 160), contacts, 25))
    neuron = {"tau": 10., "rest": 0., "theta": 20., "reset": 10., "refractory": 2.}
    contacts = [(0, 0, "v", 4., 1), (1, 0, "v", -3., 4), (2, 1, "v", 8., 15), (3, 1, "v", 21., 2), (0, 2, "v", .5, 1),
                (3, 2, "v", -5., 1)]
    cases.append(case("jumps of the potential, also while refractory", "jump", .1, 2000, neuron, [12., 18., 24.], 4,
                      imposed(rng, 4, 2000, 300), contacts, 25))
    neuron = {"tau": 20., "rest": -60., "theta": -50., "reset": -60., "refractory": 5., "tau_x": 5., "tau_y": 10.,
              "E_x": 0., "E_y": -80.}
    contacts = [(0, 0, "x", .3, 2), (1, 0, "y", 1.5, 3), (2, 1, "x", .9, 15), (3, 1, "x", .2, 2), (1, 1, "y", .4, 7),
                (0, 2, "x", .05, 2), (2, 2, "y", 2.5, 2)]
    cases.append(case("conductances", "conductance", .025, 8000, neuron, [2., 5., 12.], 4, imposed(rng, 4, 8000, 200),
                      contacts, 100))
    # A recurrent network. No potential is so near the threshold when it crosses it that float32 changes the step.
    neuron = {"tau": 20., "rest": 0., "theta": 20., "reset": 10., "refractory": 2., "tau_x": 5., "tau_y": 5.}
    n = 30
    pairs = [(int(k) % n, int(k)//n) for k in sorted(rng.choice(n*n, 180, replace=False)) if k % n != k//n]
    recurrent = [(j, i, "x" if j < 24 else "y", 3. if j < 24 else -15., 15 if j < 24 else 8) for j, i in pairs]
    drive = [float(x) for x in rng.uniform(21, 25, n).round(3)]
    cases.append(case("a recurrent network", "current", .1, 1500, neuron, drive,
                      1, [], [], 100, recurrent))
    json.dump({"brian2": __import__("brian2").__version__, "cases": cases}, sys.stdout)
    print()


main()
