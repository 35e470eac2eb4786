"""PySINDy's optimizers on the Θ and Ẋ of the runs, each read like a run."""

import argparse
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from support import common

from nsindy.paper import one_seed, selectors, summary
from nsindy.paper.selectors import StudyData
from nsindy.paper.simulate import Measurement
from nsindy.terms import library

THRESHOLDS = (0.01, 0.025, 0.05, 0.1, 0.2)
RIDGE = 0.01


class Problem(NamedTuple):
    """A recording as every optimizer gets it.

    Attributes:
      theta: Θ of the training samples [N, M].
      derivatives: Ẋ of the training samples [N, D].
      held_theta: Θ of the validation samples [V, M].
      held_derivatives: Ẋ of the validation samples [V, D].
      truth: true coefficients [D, M]; only MIOSR is told anything of it, the numbers of terms.
      seed: of the bootstrap of E-SINDy.
    """

    theta: np.ndarray
    derivatives: np.ndarray
    held_theta: np.ndarray
    held_derivatives: np.ndarray
    truth: np.ndarray
    seed: int = 0


class NotAvailable(Exception):
    """A method that cannot run here: its package or its solver's licence is missing."""


def problems(data: StudyData, seed0: int = 0) -> list[Problem]:
    """Split recordings of S seeds, every leaf with a leading [S], into problems in NumPy."""
    found = []
    for i, theta in enumerate(np.asarray(data.theta, np.float64)):
        derivatives = np.asarray(data.trajectory.derivatives[i], np.float64)
        train, held = (
            np.asarray(index[i]) for index in (data.trajectory.train, data.trajectory.validation)
        )
        parts = (theta[train], derivatives[train], theta[held], derivatives[held])
        found.append(Problem(*parts, np.asarray(data.truth[i]), seed0 + i))
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


class Fits(NamedTuple):
    """One method on S recordings.

    Attributes:
      coefficients: Ξ [S, D, M]; zero where the fit raised an error.
      failed: where it did [S].
      reason: the first such error; empty without one.
      seconds: of all fits.
    """

    coefficients: np.ndarray
    failed: np.ndarray
    reason: str
    seconds: float


def fit_all(title: str, recordings: Sequence[Problem]) -> Fits:
    """Fit one method to every recording.

    Args:
      title: one of METHODS.
      recordings: S problems.

    Raises:
      NotAvailable: the method cannot run here.
    """
    coefficients = np.zeros((len(recordings), *recordings[0].truth.shape))
    failed = np.zeros(len(recordings), bool)
    reason, seconds = "", 0.0
    with _quiet():
        _pysindy()  # Imported before the clock starts.
        for i, problem in enumerate(recordings):
            start = time.perf_counter()
            try:
                coefficients[i] = METHODS[title](problem)
            except ValueError as error:
                failed[i], reason = True, reason or str(error)
            seconds += time.perf_counter() - start
    return Fits(coefficients, failed, reason, seconds)


def outcomes(fits: Fits, data: StudyData) -> one_seed.Outcome:
    """Read the models of S recordings as those of a run: a slot a term, the largest first.

    Args:
      fits: of one method.
      data: the recordings, every leaf with a leading [S].
    """
    return jax.tree.map(np.asarray, jax.jit(jax.vmap(_outcome))(*fits[:2], data))


def _outcome(model: jax.Array, failed: jax.Array, data: StudyData) -> one_seed.Outcome:
    held = data.trajectory.validation
    errors = data.theta[held] @ model.T - data.trajectory.derivatives[held]
    error = jnp.where(failed, jnp.nan, jnp.mean(errors**2))
    read = one_seed.read(selectors.from_model(model, error), data)
    return read._replace(validation_argmax=error)


def recordings(options: argparse.Namespace, names: Sequence[str], seeds: int) -> StudyData:
    """The first recordings of the sweep that the options describe, with their library.

    Args:
      options: of the sweep.
      names: the M terms.
      seeds: how many recordings S; every leaf gets a leading [S].
    """
    bound = common.bind(names, options.library)

    def one(seed: jax.Array, measurement: Measurement, bound: library.Library) -> StudyData:
        key, _ = jax.random.split(jax.random.key(seed))
        return common.record(key, bound, measurement, options)

    numbers = jnp.arange(options.seed0, options.seed0 + seeds)
    every = jax.jit(jax.vmap(one, in_axes=(0, None, None)))
    return every(numbers, common.measurement(options), bound)


def sweep(options: argparse.Namespace, like: summary.Swept) -> Iterator[tuple[str, summary.Swept]]:
    """Every method on the first recordings of a sweep, read like a run of it.

    What cannot run here is left out, with a sentence that says why.

    Args:
      options: of the sweep; `pysindy_seeds` limits the recordings, since every fit is by itself.
      like: a run of that sweep with the whole library, for its terms and what Θ says of them.

    Yields:
      The title of the method, and its seeds.
    """
    seeds = min(options.pysindy_seeds, options.seeds)
    if seeds == 0:
        return
    try:
        _pysindy()
    except NotAvailable as error:
        print(f"without PySINDy's optimizers: {error}", flush=True)
        return
    data = recordings(options, like.names, seeds)
    given = problems(data, options.seed0)
    for title in METHODS:
        try:
            fits = fit_all(title, given)
        except NotAvailable as error:
            print(f"without {title}: {error}", flush=True)
            continue
        if fits.reason:
            print(f"{title}: {np.sum(fits.failed)} of {seeds} fits failed: {fits.reason}")
        yield title, like._replace(outcome=outcomes(fits, data), compile=0.0, run=fits.seconds)


def _pysindy():
    try:
        with _quiet():
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
