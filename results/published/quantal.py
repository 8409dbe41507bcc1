# Of each network of a grid: how reliable its synapses are, what n, p and q they have if they learn these, and what they
# pay beside the least that (p/(1-p))^(1/4) + n p can be for their mu and sigma.
# python3 quantal.py FILE.npz... reads what quantal grid export --what all writes.
import sys
import numpy as np


def least(a):
    """min over p of (p/(1-p))^(1/4) + n p, where n p = a (1-p) and a = mu^2/sigma^2; and p there."""
    x = np.linspace(-12, 12, 2001)  # logit of p
    p = 1 / (1 + np.exp(-x))
    price = np.exp(x / 4)
    best, at = np.full(a.shape, np.inf), np.zeros(a.shape)
    for pi, ci in zip(p, price):
        total = ci + a * (1 - pi)
        at = np.where(total < best, pi, at)
        best = np.minimum(best, total)
    return best, at


for name in sys.argv[1:]:
    z = np.load(name)
    for i, id in enumerate(z["id"]):
        def weights(of):
            parts = [z.get(f"{id}/layer{l}.weight.{of}") for l in range(3)]
            return None if parts[0] is None else np.concatenate([x.ravel() for x in parts]).astype(float)
        mu, sigma, n, p, q = (weights(of) for of in ("mu", "sigma", "n", "p", "q"))
        if mu is None:
            continue
        cost, kind = str(z["cost"][i]), "gaussian" if n is None else "quantal"
        print(f"{kind}, {cost.split('reliability = ')[1]}, c {z['c'][i]:.3g}: accuracy {100*z['accuracy_sampled'][i]:.2f} % "
              f"sampled, {100*z['accuracy_mean'][i]:.2f} % mean, sigma_rms {z['sigma_rms'][i]:.3f}, objective "
              f"{z['objective'][i]:.0f} = {z['objective_nll'][i]:.0f} + costs")
        size = abs(mu)
        large = size > 0.1
        line = "  " + ", ".join(f"|mu| {a:g}-{b:g}: {100*np.mean((size >= a) & (size < b)):.1f} %, sigma "
                                f"{np.median(sigma[(size >= a) & (size < b)]):.4f}"
                                for a, b in [(0, 1e-3), (1e-3, 1e-2), (1e-2, 1e-1), (1e-1, np.inf)])
        print(line)
        print(f"  slope of ln sigma over ln |mu| above 0.1: {np.polyfit(np.log(size[large]), np.log(sigma[large]), 1)[0]:.2f}")
        if n is None:
            continue
        for what, v in (("n", n), ("p", p), ("|q|", abs(q)), ("n p", n * p), ("cv", sigma / size)):
            print(f"  {what}: " + ", ".join(f"{x:.3g}" for x in np.quantile(v, [0.05, 0.25, 0.5, 0.75, 0.95])))
        print(f"  n below 1: {100*np.mean(n < 1):.2f} %, p above 0.95: {100*np.mean(p > 0.95):.1f} %, below 0.05: {100*np.mean(p < 0.05):.1f} %")
        if "n*p" in cost:
            seen = (size > 1e-3)
            a = (mu[seen] / sigma[seen])**2
            best, at = least(a)
            paid = (p[seen] / (1 - p[seen]))**0.25 + n[seen] * p[seen]
            print(f"  paid over least: median {np.median(paid/best):.3f}, in all {paid.sum()/best.sum():.3f}; "
                  f"p there {np.median(at):.3f}, learned {np.median(p[seen]):.3f}")
            for lo, hi in [(1e-3, 1e-2), (1e-2, 1e-1), (1e-1, np.inf)]:
                h = (size[seen] >= lo) & (size[seen] < hi)
                if h.any():
                    print(f"    |mu| {lo:g}-{hi:g}: paid {np.mean(paid[h]):.2f}, least {np.mean(best[h]):.2f}, "
                          f"mu^2/sigma^2 {np.median(a[h]):.2g}")
