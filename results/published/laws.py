# Of each network of a grid: the share of weights of each size, their median sigma, and what they pay on average.
# python3 laws.py GRID... reads GRID-mu.npz and GRID-sigma.npz, which quantal grid export writes.
import sys
import numpy as np

laws = {"c*(mu^2/sigma^2)^0.25": (1/2, 1/2), "c*abs(mu)^1.3333333333333333*sigma^-0.6666666666666666": (4/3, 2/3),
        "c*abs(mu)^1.6666666666666667*sigma^-1.3333333333333333": (5/3, 4/3), "c*mu^2/sigma^2": (2, 2),
        "c*sigma^-0.5": (0, 1/2), "c*sigma^-0.6666666666666666": (0, 2/3), "c*sigma^-1.3333333333333333": (0, 4/3),
        "c*sigma^-2": (0, 2)}
for grid in sys.argv[1:]:
    means, sigmas = np.load(grid + "-mu.npz"), np.load(grid + "-sigma.npz")
    for i, id in enumerate(means["id"]):
        def weights(file, of):
            return np.concatenate([file[f"{id}/layer{l}.weight.{of}"].ravel() for l in range(3)]).astype(float)
        mu, sigma = abs(weights(means, "mu")), weights(sigmas, "sigma")
        law = str(means["cost"][i]).split("reliability = ")[1]
        a, rho = laws[law]
        price = means["c"][i] * mu**a * sigma**-rho
        print(f"{law}, c {means['c'][i]:.3g}, lambda {means['lambda'][i]:g}: "
              f"accuracy {100*means['accuracy_sampled'][i]:.1f} %")
        for low, high in [(0, 1e-3), (1e-3, 1e-2), (1e-2, 1e-1), (1e-1, np.inf)]:
            here = (mu >= low) & (mu < high)
            if here.any():
                print(f"  |mu| from {low:g}: {100*here.mean():.1f} % of weights, sigma {np.median(sigma[here]):.3f}, "
                      f"price {price[here].mean():.3g}")
        large = mu > 0.1
        if large.sum() > 100:
            print(f"  slope above 0.1: {np.polyfit(np.log(mu[large]), np.log(sigma[large]), 1)[0]:.2f}")
