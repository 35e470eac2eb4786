"""Supports of one equation, all of them, scored in NumPy on the samples themselves."""

import itertools

import numpy as np


def enumerate_in_numpy(theta, target, slots, costs, counting):
    """(log evidence, support) of every independent support, by lstsq on the samples themselves."""
    n, m = theta.shape
    found = []
    for size in range(slots + 1):
        for support in itertools.combinations(range(m), size):
            columns = theta[:, support]
            if size and np.linalg.matrix_rank(columns, 1e-8) < size:
                continue
            values = np.linalg.lstsq(columns, target, rcond=None)[0] if size else np.zeros(0)
            rss = np.sum((target - columns @ values) ** 2)
            choices = np.log(len(list(itertools.combinations(range(m), size))))
            score = -n / 2 * np.log(rss / n) - size / 2 * np.log(n)
            score -= counting * choices + sum(costs[i] for i in support)
            found.append((score, support))
    return sorted(found, reverse=True)


def supports(found):
    return [tuple(np.flatnonzero(mask)) for mask in np.asarray(found.masks)[:, 0]]
