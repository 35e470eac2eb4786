"""Collinearity of a library: rank, condition, exact relations and near duplicates, in words."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

__all__ = ["Collinearity", "describe"]

EXACT = 3e-3
"""Relative residual below which a relation counts as exact: the fidelity of the circuits."""

NEAR = 0.99
"""Cosine from which two terms are near duplicates."""


class Collinearity(NamedTuple):
    """The collinear structure of a library on the visited states.

    Attributes:
      rank: number of directions of the unit-norm columns that lie above the tolerance.
      condition: largest over smallest singular value of the unit-norm columns.
      relations: the exact relations, `add(x,v) = identity(x) + identity(v) (residual 2e-04)`.
      near_duplicates: pairs of terms and the absolute cosine of their columns.
    """

    rank: int
    condition: float
    relations: list[str]
    near_duplicates: list[tuple[str, str, float]]


def describe(
    theta: np.ndarray, names: Sequence[str], *, exact: float = EXACT, near: float = NEAR
) -> Collinearity:
    """Find the exact relations among the columns of Θ and the pairs that are nearly the same.

    Every column is regressed on the independent columns before it. If the residual is below `exact`
    times its norm, the regression is a relation, and its terms are dropped one by one while the
    residual stays below. A relation thus writes a term by earlier, simpler ones.

    Args:
      theta: Θ [N, M].
      names: the M terms as text.
      exact: relative residual below which a relation counts as exact.
      near: absolute cosine from which two terms are near duplicates.

    Raises:
      ValueError: Θ does not have one column for each name, or is not finite.

    Example:
      >>> x, v = np.cos(np.arange(50.0)), np.sin(np.arange(50.0))
      >>> found = describe(np.stack([x, v, x + v], 1), ["identity(x)", "identity(v)", "add(x,v)"])
      >>> found.rank, found.relations
      (2, ['add(x,v) = identity(x) + identity(v) (residual ...)'])
    """
    theta = np.asarray(theta, np.float64)
    if theta.ndim != 2 or theta.shape[1] != len(names):
        raise ValueError(f"Θ must be [N, {len(names)}], not {list(theta.shape)}")
    if not np.isfinite(theta).all():
        row, column = np.argwhere(~np.isfinite(theta))[0]
        raise ValueError(f"Θ is not finite in row {row}, term {names[column]}")
    norms = np.linalg.norm(theta, axis=0)
    unit = theta / np.where(norms > 0, norms, 1.0)
    singular = np.linalg.svd(unit, compute_uv=False)
    smallest = singular[-1] if theta.shape[0] >= theta.shape[1] else 0.0
    # The largest is at most √M, so this floor keeps the condition finite where Θ is singular.
    condition = float(singular[0] / max(smallest, len(names) * np.finfo(np.float64).tiny))

    independent: list[int] = []
    relations = []
    for column, name in enumerate(names):
        if norms[column] == 0:
            relations.append(f"{name} = 0")
            continue
        on, weights, residual = _sparsest(unit, column, independent, exact)
        if residual >= exact:
            independent.append(column)
            continue
        scaled = weights * norms[column] / norms[on]
        written = " ".join(
            f"{'-' if weight < 0 else '+'} {_factor(abs(weight))}{names[i]}"
            for i, weight in zip(on, scaled, strict=True)
        )
        relations.append(f"{name} = {written.removeprefix('+ ')} (residual {residual:.0e})")

    cosines = np.abs(unit.T @ unit)
    pairs = [
        (names[i], names[j], float(cosines[i, j]))
        for j in range(len(names))
        for i in range(j)
        if cosines[i, j] >= near
    ]
    return Collinearity(len(independent), condition, relations, pairs)


class _Relation(NamedTuple):
    """A column as a combination of others: which, their weights, and the norm of the residual."""

    on: list[int]
    weights: np.ndarray
    residual: float


def _sparsest(unit: np.ndarray, column: int, candidates: list[int], exact: float) -> _Relation:
    def regress(on: list[int]) -> tuple[np.ndarray, float]:
        if not on:
            return np.zeros(0), 1.0
        weights = np.linalg.lstsq(unit[:, on], unit[:, column], rcond=None)[0]
        return weights, float(np.linalg.norm(unit[:, on] @ weights - unit[:, column]))

    on = list(candidates)
    weights, residual = regress(on)
    while residual < exact and len(on) > 1:
        trials = [(regress([i for i in on if i != out]), out) for out in on]
        (trial_weights, trial_residual), out = min(trials, key=lambda trial: trial[0][1])
        if trial_residual >= exact:
            break
        on.remove(out)
        weights, residual = trial_weights, trial_residual
    return _Relation(on, weights, residual)


def _factor(weight: float) -> str:
    return "" if abs(weight - 1) < 0.01 else f"{weight:.3g} "
