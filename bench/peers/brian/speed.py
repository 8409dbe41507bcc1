"""The balanced network of dynamics/spiking's BenchmarkBalanced in Brian2 2.5, as a program in C++ (cpp_standalone).

    python3 speed.py FOLDER [--stdp] [--threads N]    # builds the program in FOLDER, runs it, and prints a line of JSON
    FOLDER/main                                       # runs it again; its time is in results/last_run_info.txt

10,000 neurons, 4/5 excitatory, 1,000 contacts of each on average. "seconds" is Brian2's own account of the simulation,
without compilation and without making the contacts: processor time with one thread, elapsed time with several.
"synaptic_events" counts all spikes times contacts.
"""
import json
import sys

from brian2 import Network, NeuronGroup, SpikeMonitor, Synapses, defaultclock, device, ms, prefs, second, set_device

threads = int(sys.argv[sys.argv.index("--threads") + 1]) if "--threads" in sys.argv else 1
prefs.devices.cpp_standalone.openmp_threads = threads if threads > 1 else 0
set_device("cpp_standalone", directory=sys.argv[1], build_on_run=False)
defaultclock.dt = .1*ms
SECONDS = 1.
names = dict(tau=20*ms, theta=20., high=1.)
neurons = NeuronGroup(10_000, "dv/dt = (drive - v)/tau : 1 (unless refractory)\ndrive : 1", threshold="v >= theta",
                      reset="v = 10", refractory=2*ms, method="exact", namespace=names)
neurons.v = "20*rand()"
neurons.drive = 30.
groups = neurons[:8000], neurons[8000:]
plastic = "--stdp" in sys.argv
synapses = []
for k, (group, weight) in enumerate(zip(groups, (.1, -.6))):
    if plastic and k == 0:
        s = Synapses(group, neurons, """w : 1
                     dx/dt = -x/tau : 1 (event-driven)
                     dy/dt = -y/tau : 1 (event-driven)""", namespace=names, delay=1.5*ms,
                     on_pre="v_post += w; x += 1; w = clip(w - 0.0001*y, 0, high)",
                     on_post="y += 1; w = clip(w + 0.0001*x, 0, high)")
        s.connect(p=.1)
        s.w = weight
    else:
        s = Synapses(group, neurons, on_pre=f"v_post += {weight}", delay=1.5*ms)
        s.connect(p=.1)
    synapses.append(s)
spikes = SpikeMonitor(neurons, record=False)
network = Network(neurons, *synapses, spikes)  # a magic one would leave out what only a list has
network.run(SECONDS*second)
device.build(directory=sys.argv[1], compile=True, run=True)
count = int(spikes.num_spikes)
print(json.dumps({"seconds": device._last_run_time, "simulated": SECONDS, "rate": count/10_000/SECONDS,
                  "synaptic_events": count*1000, "stdp": plastic}))
