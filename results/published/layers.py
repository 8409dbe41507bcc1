# Of each layer of each network of a grid: the mean of sigma and of |mu| over its weights, their ratio, the share of weights
# with sigma below |mu|/2, and the reliability cost, sum sigma^-2/2.
# python3 layers.py GRID > layers-reliability.csv reads GRID-mu.npz and GRID-sigma.npz, which quantal grid export writes.
import sys
import numpy as np

grid = sys.argv[1]
means, sigmas = np.load(grid + "-mu.npz"), np.load(grid + "-sigma.npz")
print("network,c,seed,layer,weights,sigma,mu,ratio,below_half,cost")
for i, id in enumerate(means["id"]):
    name = "LeNet-5" if str(means["hidden"][i]) == "6x16x120x84" else "dense"
    layer = 0
    while (key := f"{id}/layer{layer}.weight") + ".mu" in means:
        mu, sigma = (abs(of[f"{key}.{what}"].astype(float)) for of, what in ((means, "mu"), (sigmas, "sigma")))
        layer += 1
        print(f"{name},{means['c'][i]:.5g},{means['seed'][i]},{layer},{mu.size},{sigma.mean():.5g},{mu.mean():.5g},"
              f"{sigma.mean() / mu.mean():.5g},{(sigma < mu / 2).mean():.5g},{(sigma**-2.0).sum() / 2:.6g}")
