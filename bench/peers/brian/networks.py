"""Statistics of random networks in Brian2 2.5, for dynamics/spiking: the balanced network of dynamics/balance, and the
four regimes of N. Brunel (J. Comput. Neurosci. 8, 183, 2000, Fig. 8) with his asynchronous regular state.

    python3 networks.py > ../../../dynamics/spiking/testdata/networks.json    # takes a quarter of an hour
    python3 networks.py balanced                                              # some of the cases

Pairs are of excitatory and inhibitory neurons, those of contacts and weights [to][from]. Times are in ms, potentials in
mV, rates in Hz. Each case has what a simulator needs to repeat it, and what Brian2 found in each of 20 networks, for
each population: the mean rate; the mean coefficient of variation of the intervals of neurons with enough of them; the
mean correlation of the counts of pairs of some neurons in bins of time; and the standard deviation of the population's
counts over time, over their mean ("synchrony").

Brunel's formulas: of N neurons 0.8 N are excitatory, a neuron has C_E contacts of efficacy J and C_I = C_E/4 of
efficacy -g J, all neurons are alike, and each has external Poisson spikes of efficacy J, at `ratio` times the rate at
which their mean reaches the threshold, theta/(J tau). C_E J is 100 mV as in his Fig. 8, where C_E is 1000; here it is
400, of which one network takes seconds. N is 5,000 in the regular states, and 10,000 in the irregular ones, so that
neurons share few inputs, as in his theory. His Fig. 8 has one delay, 1.5 ms, and no asynchronous regular state: that has
the efficacies of the synchronous regular one and delays from 0.1 to 2.9 ms, which desynchronise it.
"""
import json
import sys

import numpy as np
from brian2 import Network, NeuronGroup, SpikeMonitor, Synapses, defaultclock, ms, prefs, seed

prefs.codegen.target = "cython"
SEEDS = 20


def case(name, **values):
    base = dict(name=name, step=.1, settle=200., time=500., bin=1., tau=[20., 20.], threshold=20., reset=10.,
                refractory=2., drive=[0., 0.], delays=[15], observed=200, fewestIntervals=4)
    return base | values


def brunel(name, n, g, ratio, **values):
    c_e = 400
    j = 100/c_e
    return case(name, sizes=[n*4//5, n//5], externalRate=2*[ratio*20/(j*.02)], externalWeight=[j, j], exact=True,
                contacts=2*[[c_e, c_e//4]], weights=2*[[j, -g*j]], **values)


CASES = [
    brunel("synchronous regular", 5000, 3, 2, settle=100., time=200.),
    brunel("asynchronous regular", 5000, 3, 2, settle=100., time=200., delays=[1 + 3*d//2 for d in range(20)]),
    brunel("synchronous irregular, fast", 10_000, 6, 4, time=300.),
    brunel("asynchronous irregular", 10_000, 5, 2, time=300.),
    brunel("synchronous irregular, slow", 10_000, 4.5, .9),
    # `quantal dynamics balance --quick`, where inhibition fires more; constant inputs are those of its theory.
    case("balanced", step=.25, settle=300., time=2000., bin=2., sizes=[1600, 400], tau=[20., 10.], delays=[6],
         drive=[15.875003249258832, 12.748665678829582], externalRate=[450., 900.], externalWeight=[1., 1.],
         exact=False, contacts=[[100, 100], [100, 100]], weights=[[.4, -.6], [.8, -.8]]),
]


def contacts(rng, c, to, source):
    """Sources, targets and delays, as dynamics/spiking has them: none of a neuron onto itself."""
    n, size, parts = c["sizes"][source], c["sizes"][to], c["delays"]
    pre, post, delay = [], [], []
    for d in parts:
        if c["exact"]:
            k = c["contacts"][to][source]//len(parts)
            for i in range(size):
                p = rng.choice(n - (to == source), k, replace=False, shuffle=False)
                pre.append(p + (p >= i) if to == source else p)
            post.append(np.repeat(np.arange(size), k))
        else:
            made = rng.random((n, size)) < c["contacts"][to][source]/(n*len(parts))
            if to == source:
                np.fill_diagonal(made, False)
            p, i = np.nonzero(made)
            pre.append(p)
            post.append(i)
        delay.append(np.full(len(post[-1]), d*c["step"]))
    return np.concatenate(pre), np.concatenate(post), np.concatenate(delay)


def simulate(c, k):
    """The times of spikes of each neuron of each population, in steps after settle."""
    rng = np.random.default_rng(k)
    seed(k)
    defaultclock.dt = c["step"]*ms
    groups, objects = [], []  # with names, as Brian2 compiles code for each name
    for a in range(2):
        names = dict(tau=c["tau"][a]*ms, drive=c["drive"][a], theta=c["threshold"], reset=c["reset"])
        group = NeuronGroup(c["sizes"][a], "dv/dt = (drive - v)/tau : 1 (unless refractory)", threshold="v >= theta",
                            reset="v = reset", refractory=c["refractory"]*ms, method="exact", namespace=names,
                            name=f"neurons{a}")
        group.v = c["threshold"]*rng.random(c["sizes"][a])
        group.namespace.update(mean=c["externalRate"][a]*c["step"]/1000, weight=c["externalWeight"][a])
        group.run_regularly("v += weight*poisson(mean)", when="synapses", name=f"external{a}")
        objects.append(group)
        groups.append(group)
    for to in range(2):
        for source in range(2):
            s = Synapses(groups[source], groups[to], on_pre="v_post += weight", name=f"contacts{to}{source}",
                         namespace={"weight": c["weights"][to][source]})
            i, j, delay = contacts(rng, c, to, source)
            s.connect(i=i, j=j)
            if len(c["delays"]) == 1:
                s.delay = c["delays"][0]*c["step"]*ms
            else:
                s.delay = delay*ms
            objects.append(s)
    network = Network(*objects)
    network.run(c["settle"]*ms)
    monitors = [SpikeMonitor(g, name=f"spikes{a}") for a, g in enumerate(groups)]
    network.add(*monitors)
    network.run(c["time"]*ms)
    found = []
    for m in monitors:
        steps = np.round(np.array(m.t/ms)/c["step"]).astype(int) - round(c["settle"]/c["step"])
        neurons = np.array(m.i)
        found.append([steps[neurons == i] for i in range(len(m.source))])
    return found


def statistics(c, trains):
    width = round(c["bin"]/c["step"])
    bins = round(c["time"]/c["bin"])
    intervals = [np.diff(t) for t in trains]
    counts = np.array([np.bincount(t//width, minlength=bins) for t in trains], float)
    activity = counts.sum(axis=0)
    some = counts[counts.std(axis=1) > 0][:c["observed"]]
    scores = (some - some.mean(axis=1, keepdims=True))/some.std(axis=1, keepdims=True)
    n = len(some)
    return {"rate": sum(map(len, trains))/len(trains)/c["time"]*1000,
            "cv": np.mean([d.std()/d.mean() for d in intervals if len(d) >= c["fewestIntervals"]]),
            "correlation": (scores.sum(axis=0).var() - n)/(n*(n - 1)),
            "synchrony": activity.std()/activity.mean()}


def main():
    cases = [c for c in CASES if len(sys.argv) < 2 or c["name"] in sys.argv[1:]]
    for c in cases:
        found = [simulate(c, k) for k in range(1, SEEDS + 1)]
        c["brian"] = [{}, {}]
        for a in range(2):
            each = [statistics(c, f[a]) for f in found]
            c["brian"][a] = {name: [float(f"{e[name]:.6g}") for e in each] for name in each[0]}
        print(c["name"], {k: np.mean(v).round(4) for k, v in c["brian"][0].items()}, file=sys.stderr)
    json.dump({"brian2": __import__("brian2").__version__, "cases": cases}, sys.stdout)
    print()


main()
