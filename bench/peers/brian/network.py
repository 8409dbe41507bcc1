"""The spikes of a balanced network of 500 neurons in Brian2 2.5, and its weights with plasticity.

    python3 network.py > dynamics/spiking/testdata/network.json

Contacts and potentials at the start follow from numbers, so that quantal makes the same: see TestNetworkIsBrians.
"""
import json

import numpy as np
from brian2 import Network, NeuronGroup, SpikeMonitor, Synapses, defaultclock, ms, prefs

prefs.codegen.target = "numpy"
N, EXCITATORY, STEPS = 500, 400, 1500
defaultclock.dt = .1*ms
names = dict(tau=20*ms, theta=20., high=.5)
i, j = np.meshgrid(np.arange(N, dtype=np.uint64), np.arange(N, dtype=np.uint64))
mixed = (j*np.uint64(73856093) ^ i*np.uint64(19349663))*np.uint64(2654435761) % np.uint64(1 << 32)
contact = mixed % np.uint64(1000003) % np.uint64(10) == 0  # from j onto i


def run(plastic):
    neurons = NeuronGroup(N, "dv/dt = (30 - v)/tau : 1 (unless refractory)", threshold="v >= theta", reset="v = 10",
                          refractory=2*ms, method="exact", namespace=names)
    neurons.v = np.arange(N)*7 % N*20/N
    synapses = []
    for first, group, weight in (0, neurons[:EXCITATORY], .25), (EXCITATORY, neurons[EXCITATORY:], -1.5):
        if plastic and first == 0:
            s = Synapses(group, neurons, """w : 1
                         dx/dt = -x/tau : 1 (event-driven)
                         dy/dt = -y/tau : 1 (event-driven)""", namespace=names, delay=1.5*ms,
                         on_pre="v_post += w; x += 1; w = clip(w - 0.02*y, 0, high)",
                         on_post="y += 1; w = clip(w + 0.02*x, 0, high)")
        else:
            s = Synapses(group, neurons, on_pre=f"v_post += {weight}", delay=1.5*ms)
        sources, targets = np.nonzero(contact[first:first + len(group)])
        s.connect(i=sources, j=targets)
        if plastic and first == 0:
            s.w = weight
        synapses.append(s)
    spikes = SpikeMonitor(neurons)
    network = Network(neurons, *synapses, spikes)
    network.run(STEPS*defaultclock.dt)
    counts = np.bincount(np.rint(spikes.t/ms*10).astype(int), minlength=STEPS)
    found = dict(Plastic=plastic, InStep=counts.tolist(), OfNeuron=np.array(spikes.count).tolist())
    if plastic:
        w = np.zeros((EXCITATORY, N))
        w[synapses[0].i[:], synapses[0].j[:]] = synapses[0].w[:]
        found["Weights"] = [round(x, 9) for x in w.sum(axis=1).tolist() + w.sum(axis=0).tolist()]
    return found


print(json.dumps({"Steps": STEPS, "Cases": [run(False), run(True)]}))
