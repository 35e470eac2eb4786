"""A run over its seeds, read for people: rows, rates with their intervals, the printed table."""

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike

from nsindy.circuits.snap import Snap
from nsindy.evidence import ties
from nsindy.paper import metrics
from nsindy.paper.outcomes import Outcome
from nsindy.paper.runs import Run
from nsindy.sweep import grid
from nsindy.terms import collinearity, text

__all__ = [
    "KEEP",
    "SHOWN",
    "Swept",
    "Truth",
    "accuracy",
    "aggregate",
    "diverged",
    "equivalent_models",
    "equivalent_text",
    "finished",
    "median",
    "print_table",
    "rows",
    "snapped_terms",
]

SHOWN = 1024
"""Seeds that a summary lists and a figure draws; rates and medians are over all."""

EVERY: Any = grid.EVERY
FIRST: Any = SHOWN
KEEP = Outcome(
    coefficients=EVERY,
    slots=metrics.SlotReading(EVERY, EVERY, EVERY, EVERY, FIRST, FIRST, FIRST),
    probabilities=FIRST,
    frequencies=EVERY,
    support_correct=EVERY,
    validation_argmax=EVERY,
    validation_sampled=EVERY,
    outside=EVERY,
    loss=FIRST,
    judgement=FIRST,
)
"""For how many seeds `grid.over` keeps each leaf; some 300 bytes a seed, so that a million fit."""


class Truth(NamedTuple):
    """What the seeds of a sweep are held against.

    Attributes:
      coefficients: the true ones [D, M].
      names: the M terms.
      states: the D state variables.
      collinear: what Θ of the first seed says of its terms.
      equivalent: for each equation the other supports that fit exactly as the true one does, the
        indices of their terms.
      bound: Cramér–Rao bound of each true coefficient, given the true support [D, M].
      snapped: which exact operation each circuit is, on the recording of the first seed.
    """

    coefficients: np.ndarray
    names: tuple[str, ...]
    states: tuple[str, ...]
    collinear: collinearity.Collinearity
    equivalent: list[list[list[int]]]
    bound: np.ndarray
    snapped: Snap


class Swept(NamedTuple):
    """A run over its seeds.

    Attributes:
      outcome: NumPy leaves with a leading axis of seeds, of the first `SHOWN` where `KEEP` says so.
      truth: what it is held against.
      relative: share of an equation's largest coefficient below which another counts as zero.
      compile: seconds of compilation.
      run: seconds of the run.
    """

    outcome: Outcome
    truth: Truth
    relative: float
    compile: float
    run: float


def diverged(outcome: Outcome) -> np.ndarray:
    """Which seeds came to something that is not finite [S]."""
    finite = np.isfinite(outcome.coefficients).all(axis=(1, 2))
    return ~(finite & np.isfinite(outcome.validation_argmax))


def finished(outcome: Outcome) -> Outcome:
    """The seeds that did not diverge: what medians, quantiles and figures are of."""
    kept = ~diverged(outcome)
    if kept.all():
        return outcome
    return jax.tree.map(lambda leaf: leaf[kept[: len(leaf)]], outcome)


def equivalent_models(theta: np.ndarray, truth: np.ndarray) -> list[list[list[int]]]:
    """For each equation the supports that no data can tell from the true one.

    Args:
      theta: Θ of one recording [N, M].
      truth: true coefficients [D, M].

    Returns:
      the indices of the terms of each such support, as `metrics.equivalent` takes them.
    """
    found = []
    for row in truth:
        factor = np.linalg.qr(np.column_stack([theta, theta @ row]), mode="r")
        others = ties.equivalents(
            jnp.asarray(factor), jnp.asarray(row != 0), tolerance=collinearity.EXACT
        )
        found.append([list(map(int, other)) for other in others])
    return found


def equivalent_text(truth: Truth) -> dict[str, list[str]]:
    """The equivalent supports of each state's equation, `identity(x) + add(x,v)`."""
    return {
        state: [" + ".join(truth.names[m] for m in other) for other in others]
        for state, others in zip(truth.states, truth.equivalent, strict=True)
    }


def _describe_slots(slots: metrics.SlotReading, names: Sequence[str]) -> list[list[dict[str, Any]]]:
    """The slots of one seed as JSON values: those that hold a term."""
    equations_slots = []
    for d in range(slots.terms.shape[0]):
        row = []
        for j in range(slots.terms.shape[1]):
            term = int(slots.terms[d, j])
            if term < 0:
                continue
            unused = [m for m in range(len(names)) if m not in slots.terms[d]]
            left = slots.correlations[d, j]
            most = max(unused, key=lambda m: abs(left[m]), default=None)
            row.append(
                {
                    "term": names[term],
                    "activation": slots.activations[d, j],
                    "coefficient": slots.coefficients[d, j],
                    "variance_explained": slots.variance_explained[d, j],
                    "residual": slots.residual[d, j],
                    "residual_autocorrelation": slots.autocorrelation[d, j],
                    "residual_correlates_with": None if most is None else [names[most], left[most]],
                }
            )
        equations_slots.append(row)
    return equations_slots


def aggregate(swept: Swept) -> dict[str, Any]:
    """Rates with their intervals and medians over the seeds; diverged seeds count as failures."""
    lost, outcome, truth = diverged(swept.outcome), finished(swept.outcome), swept.truth
    found = every = np.asarray(outcome.coefficients)
    if lost.any():
        every = np.where(lost[:, None, None], np.nan, swept.outcome.coefficients)
    equal = metrics.equivalent(found, truth.coefficients, truth.equivalent, swept.relative)
    equations, count = outcome.slots.terms.shape[1:]
    slots = [
        [_slot_over_seeds(outcome, d, j, truth.names) for j in range(count)]
        for d in range(equations)
    ]
    return {
        **accuracy(
            every,
            np.asarray(swept.outcome.support_correct),
            truth.coefficients,
            truth.bound,
            truth.states,
            truth.names,
        ),
        "equivalent_count": int(np.sum(equal)),
        "median": {
            "val_mse_argmax": median(outcome.validation_argmax),
            "val_mse_sampled": median(outcome.validation_sampled),
        },
        "terms": metrics.terms_over_seeds(found, np.asarray(outcome.frequencies), truth.names),
        "slots": [[slot for slot in row if slot["chosen"]] for row in slots],
    }


def accuracy(
    coefficients: np.ndarray,
    correct: np.ndarray,
    truth: np.ndarray,
    bound: np.ndarray,
    states: Sequence[str],
    names: Sequence[str],
) -> dict[str, Any]:
    """How often the support is exact, seeds with false terms, and errors beside the bound.

    A seed whose coefficients are not finite has diverged: it counts as a failure, and no error is
    taken of it.

    Args:
      coefficients: found models [S, D, M].
      correct: which have exactly the true terms [S].
      truth: true coefficients [D, M].
      bound: Cramér–Rao bound of each true coefficient [D, M].
      states: the D state variables.
      names: the M terms.
    """
    finite, true = np.isfinite(coefficients).all(axis=(1, 2)), truth != 0
    found = coefficients if finite.all() else coefficients[finite]
    errors = np.full(true.shape, np.nan)
    if len(found):
        errors[true] = np.sqrt(np.mean((found[:, true] - truth[true]) ** 2, axis=0))
    return {
        **metrics.recovery(int(np.sum(correct & finite)), len(correct)),
        "diverged": int(np.sum(~finite)),
        "false_terms": int(np.sum(np.any((found != 0) & ~true, axis=(1, 2)))),
        "rmse_over_cramer_rao": {
            f"{states[d]}' {names[m]}": errors[d, m] / bound[d, m] for d, m in np.argwhere(true)
        },
    }


def median(values: ArrayLike) -> float:
    """The median of the values that are finite; NaN where there are none."""
    values = np.asarray(values)
    finite = values[np.isfinite(values)]
    return float(np.median(finite)) if len(finite) else math.nan


def _slot_over_seeds(outcome: Outcome, d: int, j: int, names: Sequence[str]) -> dict[str, Any]:
    found = outcome.slots.terms[:, d, j]
    counts = {names[m]: int(np.sum(found == m)) for m in np.unique(found[found >= 0])}
    if not counts:
        return {"chosen": {}}
    most = max(counts, key=lambda name: counts[name])
    mine = found == names.index(most)
    quantiles = (0.05, 0.5, 0.95)
    return {
        "chosen": counts,
        "most": most,
        "activation": np.quantile(outcome.slots.activations[mine, d, j], quantiles),
        "coefficient": np.quantile(outcome.slots.coefficients[mine, d, j], quantiles),
        "variance_explained": np.median(outcome.slots.variance_explained[mine, d, j]),
    }


def snapped_terms(truth: Truth) -> list[dict[str, Any]]:
    """The exact term that each circuit is closest to, its distance to it and to its own."""
    names = truth.names
    return [
        {"term": name, "operation": names[int(nearest)], "deviation": deviation, "own": own}
        for name, nearest, deviation, own in zip(names, *truth.snapped, strict=True)
    ]


def rows(swept: Swept, seed0: int) -> list[dict[str, Any]]:
    """The first `SHOWN` seeds, from `seed0`, and all that diverged, as JSON values."""
    outcome, names, lost = swept.outcome, swept.truth.names, diverged(swept.outcome)
    found = []
    for i in sorted({*range(min(SHOWN, len(lost))), *np.flatnonzero(lost).tolist()}):
        found.append(
            {
                "seed": seed0 + i,
                "val_mse_sampled": outcome.validation_sampled[i],
                "val_mse_argmax": outcome.validation_argmax[i],
                "equations": text.equations(outcome.coefficients[i], names, swept.truth.states),
                "coefficients": outcome.coefficients[i],
                "frequencies": outcome.frequencies[i],
                "support_correct": bool(outcome.support_correct[i] & ~lost[i]),
                "diverged": bool(lost[i]),
            }
        )
        if i >= SHOWN:
            continue
        slots = jax.tree.map(lambda leaf, i=i: leaf[i], outcome.slots)
        found[-1]["slots"] = _describe_slots(slots, names)
        if outcome.judgement is not None:
            judged = jax.tree.map(lambda leaf, i=i: leaf[i], outcome.judgement)
            found[-1] |= {k: v for k, v in judged._asdict().items() if k != "coefficients"}
    return found


def print_table(run: Run, swept: Swept, numbers: dict[str, Any]) -> None:
    """The equations of the median seed of those that finished, and the table of the run.

    Args:
      run: the run.
      swept: the run over its seeds.
      numbers: its `aggregate`.
    """
    outcome = finished(swept.outcome)
    order = np.argsort(outcome.validation_argmax)
    if len(order):
        middle = outcome.coefficients[order[len(order) // 2]]
        print("\n".join(text.equations(middle, swept.truth.names, swept.truth.states)) + "\n")
    low, high = numbers["recovery_ci95"]
    print(
        f"{run.title}: both equations exact in {numbers['recovery_count']} of {numbers['seeds']} "
        f"seeds ({100 * numbers['recovery_rate']:.0f} %, 95 % interval {100 * low:.0f}–"
        f"{100 * high:.0f} %)"
    )
    if run.paper:
        print(f"the paper saw: {run.paper}")
    medians = numbers["median"]
    print(
        f"validation MSE, median: {medians['val_mse_argmax']:.2e} with arg-max gates, "
        f"{medians['val_mse_sampled']:.2e} with sampled gates"
    )
    if numbers["diverged"]:
        print(f"diverged: {numbers['diverged']} seeds, marked in the summary")
    print(f"\n{'slot':<8}{'term':<14}{'seeds':>6}{'activation':>12}{'coefficient':>24}")
    for state, row in zip(swept.truth.states, numbers["slots"], strict=True):
        for j, slot in enumerate(row):
            low, mid, high = slot["coefficient"]
            print(
                f"{state}' {j + 1:<5}{slot['most']:<14}{slot['chosen'][slot['most']]:>6}"
                f"{100 * slot['activation'][1]:>10.1f} %{mid:>10.4f} [{low:.4f}, {high:.4f}]"
            )
    print(f"\n{'':<8}{'term':<14}{'seeds':>6}{'drawn':>12}{'coefficient':>24}")
    for state, row in zip(swept.truth.states, numbers["terms"], strict=True):
        for each in row:
            low, mid, high = each["coefficient"]
            print(
                f"{state}'{'':<6}{each['term']:<14}{each['seeds']:>6}"
                f"{100 * each['frequency'][1]:>10.1f} %{mid:>10.4f} [{low:.4f}, {high:.4f}]"
            )
    if run.method == "evidence":
        ratios = numbers["rmse_over_cramer_rao"].items()
        print("RMSE over Cramér–Rao bound: " + ", ".join(f"{k} {v:.2f}" for k, v in ratios))
    for state, others in equivalent_text(swept.truth).items():
        if others:
            print(f"no data can tell apart, in {state}': the true terms and {'; '.join(others)}")
    for relation in swept.truth.collinear.relations:
        print(f"collinear: {relation}")
    for one, other, cosine in swept.truth.collinear.near_duplicates:
        print(f"near duplicates: {one} and {other} (cosine {cosine:.4f})")
