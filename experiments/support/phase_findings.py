"""What a phase diagram says: frontiers against the bound, false terms, calibration."""

import itertools
from typing import Any

import jax
import numpy as np
from scipy.stats import norm

from nsindy.paper import metrics
from nsindy.sweep.grid import Timed
from support import written
from support.experiment import SYSTEM, Experiment
from support.phase_sweep import METHODS, Axes, Found, Limits

NORMAL_90 = norm.isf(0.05)
"""Half-width of a 90 % interval of a normal distribution, in standard errors."""
BINS = np.array([0.0, 0.01, 0.05, 0.1, 0.2, 0.35, 0.5, 0.65, 0.8, 0.9, 0.95, 0.99, 1.0])
"""Edges of the bins of the reliability plot."""
FEWEST = 50
"""A bin with fewer inclusion probabilities says nothing of its own."""
SEEN = 3.0
"""A term is seen where its coefficient is this many standard errors from zero."""
TOLD = 0.05
"""The two models are told apart where the best choice errs this rarely."""
SURE = 0.95
"""A term of this inclusion probability is held for sure."""


def summarise(
    found: dict[str, Timed],
    truth: np.ndarray,
    limits: Limits,
    names: tuple[str, ...],
    axes: Axes,
    experiment: Experiment,
) -> dict[str, Any]:
    """All numbers of the grid.

    Args:
      found: of every method, `Found` with leaves [C, S, ...].
      truth: true coefficients of every cell [C, D, M].
      limits: of every cell, leaves [C].
      names: the M terms.
      axes: of the grid.
      experiment: the sweep.
    """
    values = {
        name: jax.tree.map(lambda leaf: np.swapaxes(leaf, 0, 1), timed.value)
        for name, timed in found.items()
    }
    ours = values[METHODS[-1].name]
    sound, true = finished(ours, truth)
    assert ours.judged is not None and sound.judged is not None
    sure = (ours.judged.inclusion >= SURE) & (ours.coefficients != 0) & (truth == 0)[None]
    sure = np.any(sure, axis=(2, 3)) & ended(ours.coefficients)
    false = {run.name: false_terms(values[run.name].coefficients, truth, names) for run in METHODS}
    ties = exact_ties(names)
    equal = {
        name: metrics.equivalent(value.coefficients, truth, ties) for name, value in values.items()
    }
    return {
        "experiment": "phase_diagram",
        "command": written.command(),
        "versions": written.versions(),
        "device": str(jax.devices()[0]),
        "seconds": {name: {"compile": t.compile, "run": t.run} for name, t in found.items()},
        "config": experiment.config | axes._asdict(),
        "terms": list(names),
        "rule": "a term counts as chosen when its coefficient is not zero; of STLSQ and Exp 4, when"
        " it is at least 1 % of the largest of its equation, or half of the smallest true"
        " coefficient where that is less",
        "methods": {run.name: run.title for run in METHODS},
        "seeds": len(ours.correct),
        "noise": np.array(axes.noise),
        **frontiers(values, equal, truth, limits, axes),
        "false_terms": {
            name: {
                **counted(each["any"]),
                "beside_all_true_terms": int(np.sum(each["beside"])),
                "most_frequent": each["which"],
            }
            for name, each in false.items()
        },
        "false_terms_held_for_sure": counted(sure) | {"inclusion_at_least": SURE},
        "damping_in_the_other_equation": swaps(ours.coefficients, ours.correct, limits.distance),
        "diverged": int(np.sum(~ended(ours.coefficients))),
        "coverage": calibration(ours, truth),
        "reliability": reliability(np.asarray(sound.judged.inclusion), true),
        "cells": [
            {
                **cell,
                "bound_of_damping": limits.bound[i],
                "distance_of_swapped_model": limits.distance[i],
                "methods": {
                    name: {
                        **counted(value.correct[:, i]),
                        "up_to_ties": int(np.sum(equal[name][:, i])),
                        "with_false_term": int(np.sum(false[name]["any"][:, i])),
                    }
                    for name, value in values.items()
                },
                **calibration(jax.tree.map(lambda leaf, i=i: leaf[:, i], ours), truth[i]),
            }
            for i, cell in enumerate(axes.cells())
        ],
    }


def frontiers(
    values: dict[str, Found],
    equal: dict[str, np.ndarray],
    truth: np.ndarray,
    limits: Limits,
    axes: Axes,
) -> dict[str, Any]:
    """Rates over the grid, and of every row how far its frontier is from the bound's line.

    Args:
      values: of every method, leaves [S, C, ...].
      equal: of every method, which models are true up to exact ties [S, C].
      truth: true coefficients of every cell [C, D, M].
      limits: of every cell, leaves [C].
      axes: of the grid.
    """
    noise = np.array(axes.noise)
    rates = {name: axes.shaped(np.mean(value.correct, 0)) for name, value in values.items()}
    up_to_ties = {name: axes.shaped(np.mean(each, 0)) for name, each in equal.items()}
    # The bound grows in proportion to the noise.
    lines = axes.shaped(damping_of(truth) / limits.bound)[:, :, 0] * noise[0] / SEEN
    told = axes.shaped(limits.distance)[:, :, 0] * noise[0] / (2 * norm.isf(TOLD))
    rows = [
        {
            "x0": x0,
            "damping": damping,
            "mean_rate": {name: np.mean(rate[a, c]) for name, rate in rates.items()},
            "mean_rate_up_to_ties": {name: np.mean(r[a, c]) for name, r in up_to_ties.items()},
            **frontier(noise, rates[METHODS[-1].name][a, c], lines[a, c]),
        }
        for a, x0 in enumerate(axes.x0)
        for c, damping in enumerate(axes.damping)
    ]
    return {
        "rates": rates,
        "rates_up_to_ties": up_to_ties,
        "noise_where_damping_is_seen": lines,
        "noise_where_swap_is_told": told,
        "rows": rows,
    }


def ended(coefficients: np.ndarray) -> np.ndarray:
    """Which models [..., D, M] are finite; the others are of seeds that diverged."""
    return np.isfinite(coefficients).all(axis=(-2, -1))


def finished(found: Found, truth: np.ndarray) -> tuple[Found, np.ndarray]:
    """The seeds that did not diverge, leaves [R, ...], and the truth of each [R, D, M]."""
    kept = ended(np.asarray(found.coefficients))
    truth = np.broadcast_to(truth, found.coefficients.shape)
    return jax.tree.map(lambda leaf: leaf[kept], found), truth[kept]


def damping_of(truth: np.ndarray) -> np.ndarray:
    """Read c from the true coefficients [..., D, M]."""
    return -truth[..., 1, 1]  # identity(v), the second of the terms, in v'


def counted(successes: np.ndarray) -> dict[str, Any]:
    """A count with its rate and Wilson's 95 % interval; no rate without trials."""
    count, trials = int(np.sum(successes)), int(np.size(successes))
    if trials == 0:
        return {"count": 0, "of": 0, "rate": None, "ci95": None}
    interval = metrics.rate_interval(count, trials)
    return {"count": count, "of": trials, "rate": count / trials, "ci95": interval}


def exact_ties(names: tuple[str, ...]) -> list[list[tuple[int, int]]]:
    """The supports that no data can tell from the true ones, as `metrics.equivalent` takes them.

    In v' are {x, v}, {x, x + v} and {v, x + v} one.
    """
    x, v, both = (names.index(name) for name in ("identity(x)", "identity(v)", "add(x,v)"))
    return [[], [(x, both), (v, both)]]


def swaps(coefficients: np.ndarray, correct: np.ndarray, distance: np.ndarray) -> dict[str, Any]:
    """How often the damping lands in the other equation, and how often the best choice would.

    Of the seeds that choose either of the two models; Φ(-d / 2) of them is the least that a choice
    by likelihood can get wrong.
    """
    other = np.zeros(coefficients.shape[2:], bool)
    other[0, :2], other[1, 0] = True, True
    chosen = np.all((coefficients != 0) == other, axis=(2, 3)) & ended(coefficients)
    either = chosen | correct
    least = np.sum(np.sum(either, axis=0) * norm.cdf(-distance / 2))
    return {**counted(chosen[either]), "least_to_expect": least}


def false_terms(
    coefficients: np.ndarray, truth: np.ndarray, names: tuple[str, ...]
) -> dict[str, Any]:
    """Which seeds hold a false term [S, C], which of them beside all true ones, and which term."""
    wrong = (coefficients != 0) & (truth == 0)[None] & ended(coefficients)[..., None, None]
    missing = (coefficients == 0) & (truth != 0)[None]
    held = np.any(wrong, axis=(2, 3))
    each = np.sum(wrong, axis=(0, 1))
    order = np.argsort(-each, axis=None)[:6]
    which = {
        f"{SYSTEM.states[d]}' {names[m]}": int(each[d, m])
        for d, m in zip(*np.unravel_index(order, each.shape), strict=True)
        if each[d, m]
    }
    return {"any": held, "beside": held & ~np.any(missing, axis=(2, 3)), "which": which}


def frontier(noise: np.ndarray, rate: np.ndarray, line: float) -> dict[str, Any]:
    """The largest noise with at least half of the seeds exact, against the bound's line.

    Between two noises the rate is interpolated in log noise. A frontier beyond the grid is only
    known to lie there, and so is its distance from the line.

    Args:
      noise: increasing [N].
      rate: share of exact seeds [N].
      line: noise where the damping is `SEEN` standard errors from zero.
    """
    above = np.flatnonzero(rate >= 0.5)
    if not len(above):
        value, side = noise[0], "below"
    elif above[-1] == len(noise) - 1:
        value, side = noise[-1], "above"
    else:
        i = above[-1]
        share = (rate[i] - 0.5) / (rate[i] - rate[i + 1])
        value, side = noise[i] * (noise[i + 1] / noise[i]) ** share, "at"
    factor = value / line
    known = {"at": True, "above": factor > 2, "below": factor < 0.5}[side]
    return {
        "frontier": value,
        "frontier_is": side,
        "line": line,
        "factor": factor,
        "within_2": bool(0.5 <= factor <= 2) if known else None,
    }


def calibration(found: Found, truth: np.ndarray) -> dict[str, Any]:
    """Whether 90 % intervals cover the truth, over the true terms that were chosen.

    Beside it: the same over the seeds with the exact support, the damping as if it were always
    chosen (which no choice has biased), and how widely and how surely the damping is known. A seed
    that diverged is no part of it.

    Args:
      found: of Run 9, leaves [S, ...].
      truth: true coefficients, the axes of a model without that of seeds.
    """
    found, truth = finished(found, truth)
    judged = found.judged
    assert judged is not None
    true = truth != 0
    inside = np.abs(found.coefficients - truth) <= NORMAL_90 * judged.errors
    chosen = true & (found.coefficients != 0)
    exact = chosen & found.correct[..., None, None]
    estimate, error = (leaf[..., 1, 1] for leaf in (judged.estimates, judged.estimate_errors))
    known = np.isfinite(error)
    covered = np.abs(estimate + damping_of(truth)) <= NORMAL_90 * np.where(known, error, 0)
    return {
        "chosen": counted(inside[chosen]),
        "chosen_in_exact_seeds": counted(inside[exact]),
        "damping_as_if_chosen": counted(covered[known]),
        "damping_unknowable": int(np.sum(~known)),
        "damping_error": np.median(error) if len(error) else None,
        "damping_inclusion": np.mean(judged.inclusion[..., 1, 1]) if len(error) else None,
        "settled": np.mean(judged.settled) if len(error) else None,
    }


def reliability(inclusion: np.ndarray, truth: np.ndarray) -> dict[str, Any]:
    """Predicted inclusion probabilities against the share of true terms, in bins.

    Args:
      inclusion: posterior inclusion probabilities [..., D, M].
      truth: true coefficients, of the same shape but for leading axes.
    """
    true = np.broadcast_to(truth != 0, inclusion.shape)
    place = np.clip(np.searchsorted(BINS, inclusion, side="right") - 1, 0, len(BINS) - 2)
    bins = []
    for i, edges in enumerate(itertools.pairwise(BINS)):
        here = place == i
        if np.any(here):
            bins.append({"edges": edges, "predicted": np.mean(inclusion[here])})
            bins[-1] |= counted(true[here])
    gaps = np.array([abs(bin["predicted"] - bin["rate"]) for bin in bins])
    counts = np.array([bin["of"] for bin in bins])
    return {
        "bins": bins,
        "expected_error": np.sum(gaps * counts) / np.sum(counts),
        "largest_error": np.max(gaps[counts >= FEWEST], initial=0.0),
        "fewest_in_a_bin": FEWEST,
    }
