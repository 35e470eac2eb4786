"""PySINDy's grid over libraries, thresholds and differentiators, as its users choose a model."""

import functools
import math
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import numpy as np
import sympy
from peers.odebench import Field, integrate, parse, symbols

THRESHOLDS = (0.001, 0.005, 0.02, 0.05, 0.1, 0.5)
LIBRARIES = ((1, False), (2, False), (3, False), (3, True))
"""Degree of the polynomials, and whether sin and cos of every state are added."""
DIFFERENTIATORS: dict[str, tuple[str, dict[str, Any]]] = {
    "FiniteDifference": ("FiniteDifference", {}),
    "SmoothedFiniteDifference": ("SmoothedFiniteDifference", {}),
    "SmoothedFiniteDifference over 31": (
        "SmoothedFiniteDifference",
        {"smoother_kws": {"window_length": 31, "polyorder": 3}},
    ),
}
"""PySINDy's classes and their options."""
IN_GRID = ("FiniteDifference", "SmoothedFiniteDifference over 31")
"""PySINDy's own window, of 11 samples, is too short for noise of 5 %."""
NEAR = 0.005
"""Loss of held-out R² that is no reason to prefer a model of more terms."""


class Setting(NamedTuple):
    """One point of the grid.

    Attributes:
      degree: of the polynomials.
      waves: whether sin and cos of every state are in the library.
      threshold: of STLSQ.
      differentiator: a key of `DIFFERENTIATORS`.
    """

    degree: int
    waves: bool
    threshold: float
    differentiator: str

    def __str__(self) -> str:
        waves = " with sin and cos" if self.waves else ""
        return f"degree {self.degree}{waves}, threshold {self.threshold:g}, {self.differentiator}"


class Grid(NamedTuple):
    """What PySINDy's grid chose: D right-hand sides in `symbols(D)`, and the setting in words."""

    expressions: list[sympy.Expr]
    setting: str


def choose(times: np.ndarray, states: np.ndarray, *, fast: bool = True) -> Grid:
    """PySINDy's STLSQ over libraries, thresholds and differentiators, chosen by integration.

    Each of the 4 x 6 x 2 settings is fitted to the first four fifths, integrated from the first
    recorded state, and judged on the last fifth. Of the settings whose R² there is within `NEAR`
    of the best, the one of the fewest terms is fitted again to the whole recording. (The smallest
    error alone would find half as many of the true structures: it keeps spurious small terms. From
    the recorded state at the beginning of the last fifth, models that are wrong before it win.)

    Args:
      times: [N], increasing.
      states: [N, D], as recorded.
      fast: integrate the model as a plain function of floats, tens of times as fast as
        `SINDy.predict`, which `SINDy.simulate` integrates; the values are the same.

    Raises:
      ValueError: PySINDy is not installed.
    """
    pysindy()
    split = (4 * len(times)) // 5
    held = states[split:]
    bound = 100.0 * max(float(np.max(np.abs(states))), 1e-9)
    tried: list[tuple[int, float, Setting]] = []
    with quiet():
        for setting in settings():
            try:
                model = fit(times[:split], states[:split], setting)
            except (ValueError, np.linalg.LinAlgError):
                continue
            found = integrate(
                field(model) if fast else own_field(model),
                states[0],
                times,
                bound=bound,
                evaluations=20_000,
                tolerance=1e-6,
            )
            error = math.inf if found is None else float(np.sum((found[split:] - held) ** 2))
            tried.append((int(np.count_nonzero(model.coefficients())), error, setting))
        if not tried:
            nothing: list[sympy.Expr] = [sympy.Integer(0)] * states.shape[1]
            return Grid(nothing, "no setting could be fitted")
        # In terms of errors, as R² is undefined where the held-out states rest.
        limit = min(error for _, error, _ in tried)
        limit += NEAR * float(np.sum((held - held.mean(axis=0)) ** 2))
        setting = min(each for each in tried if each[1] <= limit)[2]
        return Grid(expressions(fit(times, states, setting)), str(setting))


def settings() -> Iterator[Setting]:
    """Every setting of the grid."""
    for degree, waves in LIBRARIES:
        for name in IN_GRID:
            for threshold in THRESHOLDS:
                yield Setting(degree, waves, threshold, name)


def fit(times: np.ndarray, states: np.ndarray, setting: Setting) -> Any:
    """One fitted `pysindy.SINDy` with STLSQ and its default ridge.

    Raises:
      ValueError: PySINDy is not installed, or raises an error for the data.
    """
    ps = pysindy()
    library = ps.PolynomialLibrary(setting.degree)
    if setting.waves:
        library = library + ps.FourierLibrary(n_frequencies=1)
    model = ps.SINDy(
        optimizer=ps.STLSQ(threshold=setting.threshold),
        feature_library=library,
        differentiation_method=differentiator(setting.differentiator),
    )
    names = [symbol.name for symbol in symbols(states.shape[1])]
    return model.fit(states, t=times, feature_names=names)


def differentiator(name: str) -> Any:
    """A new differentiator, by its key in `DIFFERENTIATORS`."""
    kind, options = DIFFERENTIATORS[name]
    return getattr(pysindy(), kind)(**options)


def pysindy() -> Any:
    """The package.

    Raises:
      ValueError: it is not installed.
    """
    try:
        import pysindy as package
    except ImportError as error:
        raise ValueError(f"{error}; pip install 'nsindy[bench]'") from error
    return package


def expressions(model: Any) -> list[sympy.Expr]:
    """A fitted model's right-hand sides in `symbols(D)`, with all digits."""
    coefficients = np.asarray(model.coefficients(), np.float64)
    terms = _pysindy_terms(tuple(model.get_feature_names()), len(coefficients))
    rows = (
        [float(c) * term for c, term in zip(row, terms, strict=True) if c] for row in coefficients
    )
    return [sympy.Add(*row) for row in rows]


def field(model: Any) -> Field:
    """A fitted model's right-hand side as a fast function of D floats."""
    coefficients = np.asarray(model.coefficients(), np.float64)
    terms = _pysindy_function(tuple(model.get_feature_names()), len(coefficients))
    return lambda y: coefficients @ terms(y)


def own_field(model: Any) -> Field:
    """A fitted model's right-hand side as PySINDy evaluates it."""
    return lambda y: np.asarray(model.predict(np.array([y])))[0]


@functools.cache
def _pysindy_terms(names: tuple[str, ...], dimension: int) -> list[sympy.Expr]:
    """PySINDy writes `x_0^2 x_1` and `sin(1 x_0)`."""
    written = (name.replace("^", "**").replace(" ", "*") for name in names)
    return [parse(name, symbols(dimension)) for name in written]


@functools.cache
def _pysindy_function(names: tuple[str, ...], dimension: int) -> Callable:
    terms = _pysindy_terms(names, dimension)
    return sympy.lambdify([list(symbols(dimension))], terms, modules="math", cse=True)


@contextmanager
def quiet() -> Iterator[None]:
    """Without PySINDy's warnings of ill-conditioned columns, empty models and overflow."""
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        yield
