"""Writes golden.json, the values that the tests of package measure compare with.

Made with: python 3, numpy, scipy 1.17.1, statsmodels 0.15.0
Run in this folder: python golden.py
"""
import json

import numpy as np
from scipy import special, stats
from statsmodels.stats.contingency_tables import mcnemar
from statsmodels.stats.multitest import multipletests

rng = np.random.default_rng(7)
golden = {}

golden["mcnemar"] = [
    {"b": b, "c": c, "p": float(mcnemar([[5, b], [c, 5]], exact=True).pvalue)}
    for b, c in [(0, 0), (0, 1), (1, 0), (0, 6), (3, 9), (10, 10), (10, 11), (25, 60), (300, 380), (4000, 4200)]
]

golden["holm"] = []
for p in [[0.5], [0.01, 0.04, 0.03], [0.2, 0.2, 0.9, 0.001], [0.05, 0.049, 0.011, 0.012, 1.0, 0.0]]:
    golden["holm"].append({"p": p, "adjusted": [float(x) for x in multipletests(p, method="holm")[1]]})

x = rng.normal(2, 3, 50).round(6)
golden["mean"] = {"x": x.tolist(), "mean": float(x.mean()), "se": float(stats.sem(x))}
golden["quantile"] = {
    "x": sorted(x.tolist()),
    "p": [0, 0.025, 0.3, 0.5, 0.975, 1],
    "q": [float(np.quantile(x, p)) for p in [0, 0.025, 0.3, 0.5, 0.975, 1]],
}

golden["kl"] = []
for scale in [0.1, 3, 20]:
    t, s = (rng.normal(0, scale, 40).astype(np.float32) for _ in range(2))
    p, q = special.softmax(t.astype(np.float64)), special.softmax(s.astype(np.float64))
    kept = [3, 1, 20, 39, 8]
    pk = p[kept] / p[kept].sum()
    qk = special.softmax(s[: len(kept)].astype(np.float64))
    golden["kl"].append({
        "teacher": t.tolist(), "student": s.tolist(), "kl": float(special.rel_entr(p, q).sum()),
        "kept": kept, "kl_kept": float(special.rel_entr(pk, qk).sum()), "dropped": float(1 - p[kept].sum()),
    })


def f1(tp, fp, fn, axis=-1):
    return 2 * tp.sum(axis) / (2 * tp.sum(axis) + fp.sum(axis) + fn.sum(axis))


def bootstrap(data, statistic):
    r = stats.bootstrap(data, statistic, paired=True, vectorized=True, n_resamples=100_000,
                        method="percentile", batch=1000, random_state=1)
    return {"lo": float(r.confidence_interval.low), "hi": float(r.confidence_interval.high), "se": float(r.standard_error)}


n = 300
a = (rng.random(n) < 0.7).astype(float)
b = np.where(rng.random(n) < 0.15, 1 - a, a)
golden["accuracy"] = {
    "a": a.tolist(), "b": b.tolist(),
    "single": bootstrap((a,), lambda a, axis: a.mean(axis)),
    "difference": bootstrap((a, b), lambda a, b, axis: b.mean(axis) - a.mean(axis)),
    "ratio": bootstrap((a, b), lambda a, b, axis: b.mean(axis) / a.mean(axis)),
}
counts = [rng.integers(0, m, n).astype(float) for m in (4, 2, 3, 4, 3, 2)]
golden["f1"] = {
    "a": np.stack(counts[:3], 1).ravel().tolist(), "b": np.stack(counts[3:], 1).ravel().tolist(),
    "single": bootstrap(counts[:3], f1),
    "difference": bootstrap(counts, lambda a, b, c, d, e, f, axis: f1(d, e, f, axis) - f1(a, b, c, axis)),
    "ratio": bootstrap(counts, lambda a, b, c, d, e, f, axis: f1(d, e, f, axis) / f1(a, b, c, axis)),
}

with open("golden.json", "w") as out:
    json.dump(golden, out)
    out.write("\n")
