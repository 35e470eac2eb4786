"""PySINDy's optimizers on the Θ and Ẋ of the runs: what each of them recovers, and how fast."""

import time
import warnings
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

import numpy as np

from nsindy.selectors import Data

THRESHOLDS = (0.01, 0.025, 0.05, 0.1, 0.2)
RIDGE = 0.01
TOLERANCE = 1e-3
"""Relative residual up to which a term counts as a combination of others."""


class Problem(NamedTuple):
    """A recording as every optimizer gets it.

    Attributes:
      theta: Θ of the training samples [N, M].
      derivatives: Ẋ of the training samples [N, D].
      held_theta: Θ of the validation samples [V, M].
      held_derivatives: Ẋ of the validation samples [V, D].
      names: the M terms as text.
      truth: true coefficients [D, M]; only MIOSR is told anything of it, the numbers of terms.
      seed: of the bootstrap of E-SINDy.
    """

    theta: np.ndarray
    derivatives: np.ndarray
    held_theta: np.ndarray
    held_derivatives: np.ndarray
    names: Sequence[str]
    truth: np.ndarray
    seed: int = 0


class NotAvailable(Exception):
    """A method that cannot run here: its package or its solver's licence is missing."""


def problems(data: Data, names: Sequence[str], seed0: int = 0) -> list[Problem]:
    """Split recordings of S seeds, every leaf with a leading [S], into problems in NumPy."""
    found = []
    for i, theta in enumerate(np.asarray(data.theta, np.float64)):
        derivatives = np.asarray(data.trajectory.derivatives[i], np.float64)
        train, held = (
            np.asarray(index[i]) for index in (data.trajectory.train, data.trajectory.validation)
        )
        parts = (theta[train], derivatives[train], theta[held], derivatives[held])
        found.append(Problem(*parts, tuple(names), np.asarray(data.truth[i]), seed0 + i))
    return found


def stlsq(problem: Problem) -> np.ndarray:
    """STLSQ at the threshold that validates best (Brunton, Proctor and Kutz 2016)."""
    ps = _pysindy()
    return _tuned(problem, lambda threshold: ps.STLSQ(threshold=threshold, alpha=RIDGE))


def ssr(problem: Problem) -> np.ndarray:
    """Stepwise sparse regression up to the largest jump of its error (Boninsegna et al. 2018).

    PySINDy drops a term of every equation in each step: all equations keep as many terms.
    """
    return _fit(_pysindy().SSR(), problem)


def frols(problem: Problem) -> np.ndarray:
    """Forward orthogonal least squares, its model chosen by PySINDy's default (Billings 2013).

    That default, in 2.1, sums the error reductions over the equations instead of over the steps.
    """
    return _fit(_pysindy().FROLS(), problem)


def sr3(problem: Problem) -> np.ndarray:
    """SR3 at the threshold that validates best, refitted on its support (Zheng et al. 2019)."""
    ps = _pysindy()

    def at(threshold: float):
        weight = ps.SR3.calculate_l0_weight(threshold, 1.0)
        return ps.SR3(reg_weight_lam=weight, relax_coeff_nu=1.0, max_iter=1000, unbias=True)

    return _tuned(problem, at)


def ensemble(problem: Problem) -> np.ndarray:
    """E-SINDy: the median of 20 bagged STLSQ, at the best threshold (Fasel et al. 2022)."""
    ps = _pysindy()

    def at(threshold: float):
        return ps.EnsembleOptimizer(ps.STLSQ(threshold=threshold, alpha=RIDGE), bagging=True)

    # PySINDy draws its bags from NumPy's global generator, which is given back as it was.
    before = np.random.get_state()  # noqa: NPY002
    np.random.seed(problem.seed)  # noqa: NPY002
    try:
        return _tuned(problem, at)
    finally:
        np.random.set_state(before)  # noqa: NPY002


def miosr(problem: Problem, ridge: float = RIDGE) -> np.ndarray:
    """MIOSR, told the true number of terms of each equation (Bertsimas and Gurnee 2023).

    Where supports tie exactly, the ridge decides (PySINDy's own is 0.01: the least norm wins), and
    without one the order of the columns does: neither is evidence. Gurobi stops at a relative gap
    of 1e-4, so a support that fits as well to that accuracy can also come out.

    Raises:
      NotAvailable: Gurobi or its licence is missing.
    """
    _pysindy()
    try:
        import gurobipy
        from pysindy.optimizers import MIOSR
    except ImportError as error:
        raise NotAvailable(f"{error}".splitlines()[0]) from error
    counts = tuple(int(count) for count in np.count_nonzero(problem.truth, axis=1))
    try:
        told: dict[str, Any] = {"target_sparsity": None, "group_sparsity": counts}
        return _fit(MIOSR(**told, alpha=ridge), problem)
    except gurobipy.GurobiError as error:
        raise NotAvailable(f"Gurobi: {error}") from error


METHODS: dict[str, Callable[[Problem], np.ndarray]] = {
    "PySINDy STLSQ, tuned": stlsq,
    "PySINDy SSR": ssr,
    "PySINDy FROLS": frols,
    "PySINDy SR3, tuned": sr3,
    "PySINDy E-SINDy, tuned": ensemble,
    "PySINDy MIOSR, told the sparsity": miosr,
    "PySINDy MIOSR, told, no ridge": lambda problem: miosr(problem, ridge=0.0),
}
"""Every reference by its title: a problem to Ξ [D, M]."""


def equivalent(
    coefficients: np.ndarray, truth: np.ndarray, theta: np.ndarray, tolerance: float = TOLERANCE
) -> bool:
    """True where the found model is the truth up to a collinearity of the library.

    In every equation as many terms as the truth, and combinations of them that give the true
    right-hand side and each of its terms, each to a relative residual of at most the tolerance.
    The right-hand side alone would let in any stand-in for a term that is weak: sin(v) for v.

    Args:
      coefficients: the found model [D, M].
      truth: true coefficients [D, M].
      theta: Θ [N, M].
      tolerance: relative residual that counts as none.
    """
    for found, true in zip(coefficients != 0, truth, strict=True):
        if np.count_nonzero(found) != np.count_nonzero(true):
            return False
        targets = np.column_stack([theta[:, true != 0], theta @ true])
        weights = np.linalg.lstsq(theta[:, found], targets, rcond=None)[0]
        left = np.linalg.norm(targets - theta[:, found] @ weights, axis=0)
        if np.any(left > tolerance * np.linalg.norm(targets, axis=0)):
            return False
    return True


def measure(name: str, recordings: Sequence[Problem]) -> dict[str, Any]:
    """Fit one method to every recording and count what it recovers.

    Args:
      name: one of METHODS.
      recordings: S problems.

    Returns:
      `exact`, `equivalent` (which includes exact), `seeds`, `seconds_per_fit`, the support found
      most often, and the fits that raised an error, which recover nothing, with the first reason.
      For a method that cannot run, `not_available` with the reason and no counts.
    """
    exact = equal = 0
    models: Counter[str] = Counter()
    errors: list[str] = []
    seconds = 0.0
    try:
        with _quiet():
            _pysindy()  # Imported before the clock starts.
    except NotAvailable as error:
        return {"method": name, "not_available": f"not available: {error}"}
    for problem in recordings:
        start = time.perf_counter()
        try:
            with _quiet():
                found = METHODS[name](problem)
        except NotAvailable as error:
            return {"method": name, "not_available": f"not available: {error}"}
        except ValueError as error:
            errors.append(str(error))
            found = None
        seconds += time.perf_counter() - start
        if found is not None:
            exact += bool(np.all((found != 0) == (problem.truth != 0)))
            equal += equivalent(found, problem.truth, problem.theta)
            models[_support(found, problem.names)] += 1
    return {
        "method": name,
        "exact": exact,
        "equivalent": equal,
        "seeds": len(recordings),
        "seconds_per_fit": seconds / max(len(recordings), 1),
        "most_frequent": models.most_common(1)[0] if models else None,
        "failed": len(errors),
        "reason": errors[0] if errors else "",
    }


def _support(coefficients: np.ndarray, names: Sequence[str]) -> str:
    rows = ([name for name, value in zip(names, row, strict=True) if value] for row in coefficients)
    return " | ".join(" + ".join(row) or "nothing" for row in rows)


def _pysindy():
    try:
        import pysindy
    except ImportError as error:
        raise NotAvailable(f"{error}; pip install 'nsindy[bench]'") from error
    return pysindy


def _fit(optimizer, problem: Problem) -> np.ndarray:
    return np.array(optimizer.fit(problem.theta, problem.derivatives).coef_)


def _tuned(problem: Problem, at: Callable[[float], Any]) -> np.ndarray:
    """Of equal validation errors the largest threshold wins, the sparser model."""
    fits = [_fit(at(threshold), problem) for threshold in sorted(THRESHOLDS, reverse=True)]
    errors = [
        np.mean((problem.held_theta @ found.T - problem.held_derivatives) ** 2) for found in fits
    ]
    return fits[int(np.argmin(errors))]


@contextmanager
def _quiet() -> Iterator[None]:
    """Without PySINDy's warnings of ill-conditioned columns, which this library earns."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
