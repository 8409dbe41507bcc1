"""Reward-based sampling of contacts (Kappel et al. 2018) in numpy, from the equations, for the test of Sampling.

    python3 sampling.py > sampling.json

12 sources with imposed spikes have 70 contacts onto 5 neurons that fire at random. The noise is that of quantal, by the
Philox of its package for Python; all else is written here, with dense matrices in double precision: a contact is a row
of them, and nothing is shared with the program under test. Times are in ms.
"""
import json
import os
import sys

import numpy as np

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../../python/quantal"))
from noise import philox  # noqa: E402

SEED, DYNAMICS, ESCAPE, SAMPLE = 11, 6, 4, 5
STEP, STEPS, SOURCES, NEURONS, CONTACTS, DELAY, DEAD, EVERY, REWARD_EVERY = 1., 4000, 12, 5, 70, 3, 4, 50, 40
P = dict(tau=20., tau_x=2., rate=4., target=20., adapt=.05, tau_e=300., tau_g=700., tau_r=900., offset=.02, expected=.4,
         gain=15., most=9., speed=.6, temperature=.15, prior_mean=.1, prior_sd=1.5, w0=6., theta0=1.2, low=-1.,
         high=2.2)


def uniform(x):
    return (x >> np.uint32(8)).astype(float)*2.**-24 + 2.**-25


def uniforms(step):
    """Those of the neurons, fewer than 16: each has the first word of a block of its own."""
    words = philox((np.arange(NEURONS), step, DYNAMICS << 16 | 1, ESCAPE << 24), (SEED, 0))
    return uniform(words[0])


def normals(move):
    """Those of the contacts, in rows of 64."""
    k = np.arange(CONTACTS)
    words = np.stack(philox((16*(k//64) + k % 16, move, DYNAMICS << 16, SAMPLE << 24), (SEED, 0)))
    which = k % 64//16
    radius = np.sqrt(-2*np.log(uniform(words[which//2*2, k])))
    angle = np.pi*words[which//2*2 + 1, k].view(np.int32)*2.**-31
    return radius*np.where(which % 2 == 0, np.cos(angle), np.sin(angle))


def main():
    p, rng = P, np.random.default_rng(5)
    pairs = np.array(sorted([int(j), int(i)] for j, i in zip(rng.integers(SOURCES, size=CONTACTS),
                                                            rng.integers(NEURONS, size=CONTACTS))))
    pre, post = pairs.T
    spikes = rng.random((STEPS, SOURCES)) < .04
    rewards = rng.random(STEPS//REWARD_EVERY).round(3)
    start = rng.normal(.2, .7, CONTACTS).clip(-.9, 2).round(3)
    theta, h, dt = start.copy(), STEP/1000, EVERY*STEP/1000

    def weights():
        return np.where(theta > 0, p["w0"]*np.exp(theta - p["theta0"]), 0)

    def keep(tau):
        return np.exp(-STEP/tau)

    # The response to one spike after k steps, in place of its differential equation.
    lag = STEP*np.arange(900)
    kernel = p["tau_x"]/(p["tau"] - p["tau_x"])*(np.exp(-lag/p["tau"]) - np.exp(-lag/p["tau_x"]))
    arrivals = np.vstack([np.zeros((DELAY, SOURCES)), spikes])[:STEPS].astype(float)
    jumps = np.zeros((STEPS, NEURONS))  # what arrived with the weights of then
    bias, dead = np.zeros(NEURONS), np.zeros(NEURONS, int)
    e, g, r, w = np.zeros(CONTACTS), np.zeros(CONTACTS), p["expected"], weights()
    fired, after, crossed, table = [], [], 0, {"theta": [], "g": [], "v": [], "bias": []}
    for n in range(STEPS):
        past = np.arange(max(n - 899, 0), n)
        v = kernel[n - past] @ jumps[past] if n else np.zeros(NEURONS)
        y = kernel[n - past] @ arrivals[past] if n else np.zeros(SOURCES)
        free = dead <= 1
        chance = np.where(free, 1 - np.exp(-p["rate"]*np.exp(v + bias)*h), 0)
        fires = uniforms(n) < chance
        bias = bias + p["adapt"]*(p["target"]*h - fires)
        dead = np.where(fires, DEAD, np.maximum(dead - 1, 0))
        fired += [(n, int(i)) for i in np.nonzero(fires)[0]]
        reward = rewards[n//REWARD_EVERY]
        here = w > 0
        e = np.where(here, keep(p["tau_e"])*e + w*y[pre]*(fires*1. - chance)[post], 0)
        g = np.where(here, keep(p["tau_g"])*g + (1 - keep(p["tau_g"]))*(reward/r + p["offset"])*e, 0)
        r += (1 - keep(p["tau_r"]))*(reward - r)
        np.add.at(jumps[n], post, w*arrivals[n][pre])
        if (n + 1) % EVERY == 0:
            force = (p["prior_mean"] - theta)/p["prior_sd"]**2 + np.clip(p["gain"]*g, -p["most"], p["most"])
            theta = theta + p["speed"]*dt*force
            theta = theta + np.sqrt(2*p["speed"]*p["temperature"]*dt)*normals((n + 1)//EVERY - 1)
            theta = theta.clip(p["low"], p["high"])
            old, w = w, weights()
            crossed += int(((old > 0) != (w > 0)).sum())
            e, g = np.where(w > 0, e, 0), np.where(w > 0, g, 0)
        if n + 1 in (50, 100, 777, 2000, STEPS):
            after.append(n + 1)
            for name, x in (("theta", theta), ("g", g), ("v", v), ("bias", bias)):
                table[name].append([float(f"{z:.15g}") for z in x])
    at_bounds = int(((theta == p["low"]) | (theta == p["high"])).sum())
    json.dump(dict(seed=SEED, step=STEP, sources=SOURCES, neurons=NEURONS, delay=DELAY, refractory=DEAD*STEP, every=EVERY,
                   reward_every=REWARD_EVERY, parameters=P, contacts=pairs.tolist(), start=start.tolist(),
                   rewards=rewards.tolist(), imposed=[[int(n), int(j)] for n, j in zip(*np.nonzero(spikes))], fired=fired,
                   crossed=crossed, at_bounds=at_bounds, after=after, **table), sys.stdout, separators=(",", ":"))


main()
