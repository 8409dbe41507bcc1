"""Weights under plasticity by spike times in Brian2 2.5, with imposed spikes, for dynamics/spiking.

    python3 stdp.py > ../../../dynamics/spiking/testdata/stdp.json

Each of 6 sources has a contact onto each of 3 neurons, whose spikes are imposed as well. The spikes have what
simulators have failed at: the very first pair falls into one step, and further ones do; before the last part there is
a gap of 100 time constants. Weights begin at their bounds and between them; some are driven beyond. The delay is
axonal: it is that of Brian2's pathway for presynaptic spikes, and postsynaptic ones have none. Pathways run in
Brian2's default order, presynaptic first. Times are in ms, and weights are listed by source, then by target.
"""
import json
import sys

import numpy as np
from brian2 import Network, SpikeGeneratorGroup, Synapses, defaultclock, ms, prefs

prefs.codegen.target = "numpy"
STEP, SOURCES, TARGETS = .1, 6, 3
AT = [2000, 4000, 6000, 8000, 28000, 29000, 30000]  # steps after which weights are recorded
TRACES = """w : 1
            dx/dt = -x/tau_x : 1 (event-driven)
            dy/dt = -y/tau_y : 1 (event-driven)"""
UP = {"additive": "1", "multiplicative": "(high - w)", "log": "exp(-w/(beta*w0))"}
DOWN = {"additive": "1", "multiplicative": "(w - low)",
        "log": "(int(w <= w0)*w/w0 + int(w > w0)*(1 + log(1 + alpha*clip(w/w0 - 1, 0, 1e9))/alpha))"}


def rule(name, form, delay, **values):
    base = dict(tau_x=20., tau_y=20., plus=.05, minus=.0525, offset=0., nearest=0, low=0., high=1., w0=1., alpha=1.,
                beta=1.)
    return base | dict(name=name, form=form, delay=delay, **values)


RULES = [
    rule("additive", "additive", 1, tau_y=34.),
    rule("additive, nearest, delay of 1.5 ms", "additive", 15, tau_x=17., nearest=1),
    rule("multiplicative", "multiplicative", 15, low=.1),
    rule("log-weight", "log", 2, plus=.02, minus=.015, high=2., w0=.25, alpha=5., beta=50.),
    rule("log-weight, nearest", "log", 2, plus=.05, minus=.03, high=2., w0=.25, alpha=5., beta=3., nearest=1),
    # Vogels et al. 2011: eta (y - 2 rate tau) and eta x, at a rate of 15 Hz.
    rule("inhibitory", "additive", 8, plus=.03, minus=-.03, offset=-.03*2*15*.02),
]


def synapses(pre, post, r, start):
    names = {k: v for k, v in r.items() if isinstance(v, (int, float)) and k != "delay"}
    names.update(tau_x=r["tau_x"]*ms, tau_y=r["tau_y"]*ms)
    trace = "{0} = 1" if r["nearest"] else "{0} += 1"
    s = Synapses(pre, post, TRACES, namespace=names,
                 on_pre=f"w = clip(w - minus*{DOWN[r['form']]}*y + offset, low, high)\n" + trace.format("x"),
                 on_post=f"w = clip(w + plus*{UP[r['form']]}*x, low, high)\n" + trace.format("y"),
                 delay={"pre": r["delay"]*STEP*ms})
    s.connect()
    s.w = np.clip(start, r["low"], r["high"])
    return s


def main():
    rng = np.random.default_rng(2)

    def train(neurons, rate):
        """The (step, neuron) of spikes: the steps of the gap have none."""
        steps = np.r_[20:8000, 28000:30000]
        fires = rng.random((len(steps), neurons)) < rate*STEP/1000
        return [(int(steps[k]), int(i)) for k, i in zip(*np.nonzero(fires))]

    pre, post = train(SOURCES, 25.), train(TARGETS, 20.)
    for delay in sorted({r["delay"] for r in RULES}):  # pairs in one step, and in the steps beside it
        for step, i in [(19, 0)] + [post[k] for k in (3, 9, 14, 20)]:
            pre += [(step - delay, delay % SOURCES), (step - delay + 1, (delay + 1) % SOURCES),
                    (step - delay - 1, (delay + 2) % SOURCES)]
    post.append((19, 0))
    # A neuron that has just been reset does not fire in the next step.
    pre, post = sorted(set(pre)), sorted(s for s in set(post) if (s[0] - 1, s[1]) not in post)
    defaultclock.dt = STEP*ms
    groups = [SpikeGeneratorGroup(n, [i for _, i in s], np.array([k for k, _ in s])*STEP*ms)
              for n, s in ((SOURCES, pre), (TARGETS, post))]
    start = np.linspace(0, 1, SOURCES*TARGETS).round(3)
    all_synapses = [synapses(*groups, r, start) for r in RULES]
    network, before, found = Network(*groups, *all_synapses), 0, []
    for at in AT:
        network.run((at - before)*STEP*ms)
        before = at
        found.append([np.array(s.w) for s in all_synapses])
    json.dump({"brian2": __import__("brian2").__version__, "step": STEP, "sources": SOURCES, "targets": TARGETS,
               "pre": pre, "post": post, "start": start.tolist(), "after": AT,
               "rules": [dict(r, weights=[f[k].round(12).tolist() for f in found]) for k, r in enumerate(RULES)]},
              sys.stdout)
    print()


main()
