"""A law fitted to the measurements by trajectories, as a support is."""

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from nsindy.discovery import constants
from nsindy.discovery.answer import conclusion
from nsindy.discovery.laws.law_start import linear_groups
from nsindy.discovery.laws.law_text import Law
from nsindy.discovery.preparation.problem import Prepared
from nsindy.discovery.supports import candidates, discrepancy
from nsindy.discovery.supports.candidates import Candidate
from nsindy.discovery.supports.search import Found
from nsindy.evidence import regression
from nsindy.result.along_recording import STEEP
from nsindy.result.discovery import Discovery
from nsindy.runtime.programs import Program
from nsindy.terms import library as libraries
from nsindy.terms.expression import Expression, as_function
from nsindy.terms.library import Library
from nsindy.terms.operations import WIDTH_OF_SIGN
from nsindy.terms.primitive import smooth_sign
from nsindy.terms.term import Term
from nsindy.trajectories import shooting, side_by_side, stretches
from nsindy.trajectories.chain import linearise
from nsindy.trajectories.flow import Flow
from nsindy.trajectories.gauss_newton import ShootingFit
from nsindy.trajectories.linearised import Linearised
from nsindy.trajectories.shooting import Model, Segments

__all__ = ["LawFit", "LawSystem", "fit_law", "parameter_errors", "systems"]


class LawSystem:
    """The equations of a law, and those that were found for the states that it says nothing of.

    Its parameters are the numbers of the law and the coefficients of those other equations, which
    are fitted with them.

    Attributes:
      law: the law.
      mask: terms of the equations that were found and are kept [D, M].
      start: their coefficients, in the units of the recording, as they were found.
      free: False for parameters that are given [P].
      linear: True for numbers that the law is linear in together [P].
      right: raw derivatives [D] from raw variables [V] and `_Fitted` parameters [2 P], of JAX.
      numpy: the same of NumPy, for samples [V, N] as well.

    Where a law calls sign(v) of a variable, tanh(v / ε) stands for it: with the ε that is given
    in `right`, and with `along_recording.STEEP` in `numpy`, where a solver can stay in the slope.
    """

    def __init__(self, law: Law, discovery: Discovery, sizes: np.ndarray, width: float):
        """Put the equations together.

        Args:
          law: the law.
          discovery: what was found.
          sizes: of the variables [V].
          width: ε, as a share of the size of a variable.
        """
        coefficients = np.asarray(discovery.coefficients)
        count, positions = len(coefficients), discovery.rows.start
        self.law, self.discovery, self.positions = law, discovery, positions
        mask = coefficients != 0
        mask[[*law.rows, *range(positions)]] = False
        self.mask = mask
        self.begin = len(law.numbers) + np.cumsum([0, *mask.sum(1)])
        self.start = coefficients[mask]
        self.free = np.concatenate([np.ones(len(law.numbers), bool), ~discovery.given[mask]])
        if not len(self.free):
            # A program needs a parameter, if one that is given and that nothing depends on.
            self.start, self.free = np.zeros(1), np.zeros(1, bool)
        linear = np.isin(law.numbers, linear_groups(list(law.rows.values()), law.numbers)[0])
        self.linear = np.pad(linear, (0, len(self.free) - len(linear)))
        fitted, solved = (_without_jumps(law, e * sizes) for e in (width, STEEP))
        right = _stacked([self._row(fitted, d, numpy=False) for d in range(count)], jnp)
        self.right = lambda variables, both: right(variables, _plain(both))
        self.numpy = _stacked([self._row(solved, d, numpy=True) for d in range(count)], np)

    def _row(self, law: Law, d: int, *, numpy: bool) -> Callable:
        """One equation as a function of variables and parameters."""
        if d in law.rows:
            own = law.rows[d], law.columns, law.numbers, law.operations
            return as_function(*own, numpy=numpy)
        if d < self.positions:
            return lambda variables, numbers: variables[self.positions + d]
        terms = [self.discovery.library[m] for m in np.flatnonzero(self.mask[d])]
        part = slice(self.begin[d], self.begin[d + 1])
        values = libraries.numpy_values(terms) if numpy else _values(terms, law.columns)
        return lambda variables, numbers: numbers[part] @ values(variables)

    def models(self, parameters: np.ndarray, begin: np.ndarray) -> list[Model]:
        """Parameters to begin fits with, plain and by logarithms, and initial states.

        In a exp(-B / T) seen in a narrow range of T only a combination is known well, and log a and
        B are on a straight line there: the logarithms are of what an equation is linear in. Of
        x + x²/L that of L keeps a step from leaving by infinity: they are of all.
        """
        every = np.ones_like(self.linear)
        choices = (~every, self.linear, every)
        return [self.model(parameters, begin, logarithms) for logarithms in choices]

    def model(self, parameters: np.ndarray, begin: np.ndarray, logarithms: np.ndarray) -> Model:
        """Parameters [P], some by their logarithms, to begin a fit with, and initial states."""
        both = _fitted(parameters, self.free & logarithms)[None]
        free = np.concatenate([self.free, np.zeros_like(self.free)])[None]
        return Model(0 * free, free, both, begin)  # type: ignore[arg-type]

    def flow(self, prepared: Prepared) -> Flow:
        """The same in scaled units."""
        units = prepared.units
        return Flow(self.right, units.variables, units.time / units.states)  # type: ignore[arg-type]


def systems(law: Law, discovery: Discovery, sizes: np.ndarray) -> list[LawSystem]:
    """The system of a law; where it has jumps one with gentle slopes before that with steep ones.

    A fit begins with the one and ends with the other, or stays with the first where samples are too
    far apart to be solved across a steep slope.
    """
    jumps = _without_jumps(law, sizes).operations.keys() != law.operations.keys()
    widths = (constants.LAW_SIGN, WIDTH_OF_SIGN) if jumps else (WIDTH_OF_SIGN,)
    return [LawSystem(law, discovery, sizes, width) for width in widths]


def _without_jumps(law: Law, widths: np.ndarray) -> Law:
    """The law with tanh(v / ε) in place of the sign of a variable, ε of each [V]."""
    operations = dict(law.operations)

    def smooth(expression: Expression) -> Expression:
        inner = tuple(map(smooth, expression.arguments))
        head, argument = expression.head, inner[0].head if inner else None
        if head == "sign" and argument in law.columns and not inner[0].arguments:
            head = f"sign {argument}"
            operations[head] = smooth_sign(widths[law.columns.index(argument)])
        return dataclasses.replace(expression, head=head, arguments=inner)

    rows = {d: smooth(row) for d, row in law.rows.items()}
    return law._replace(rows=rows, operations=operations)


def _fitted(parameters: np.ndarray, logarithms: np.ndarray) -> np.ndarray:
    """The parameters as they are fitted, and the signs of those whose logarithm is [2 P]."""
    signs = np.where(logarithms, np.sign(parameters), 0.0)
    values = np.where(signs == 0, parameters, np.log(np.abs(parameters) + (signs == 0)))
    return np.concatenate([values, signs])


def _plain(both: jax.Array) -> jax.Array:
    """The parameters [P] of what is fitted, the other way round."""
    values, signs = jnp.split(both, 2)
    return jnp.where(signs == 0, values, signs * jnp.exp(jnp.where(signs == 0, 0.0, values)))


def _stacked(rows: Sequence[Callable], xp: Any) -> Callable:
    """Equations as one function, [D] or [D, N]."""

    def right(variables, numbers):
        zero = 0 * variables[0]
        return xp.stack([row(variables, numbers) + zero for row in rows])

    return right


def _values(terms: Sequence[Term], columns: tuple[str, ...]) -> Callable:
    library = Library(tuple(terms), columns)
    if not terms:
        return lambda variables: jnp.zeros((0,), variables.dtype)
    return lambda variables: libraries.evaluate(library, variables[None]).theta[0]


class LawFit(NamedTuple):
    """A law that was fitted.

    Attributes:
      parameters: of its `LawSystem` [P].
      begin: scaled state at the first node of each segment [B, D].
      score: log evidence, nats.
      noise: of each state, scaled [D].
      independent: share of the residuals that are independent [D].
    """

    parameters: np.ndarray
    begin: np.ndarray
    score: float
    noise: np.ndarray
    independent: np.ndarray


class _Tangent(NamedTuple):
    """A law to first order around a fit.

    Attributes:
      linearised: without columns of initial values.
      lengths: of the columns of the parameters, the initial values held [P].
    """

    linearised: Linearised
    lengths: jax.Array


def _tangent(flow: Flow, model: Model, segments: Segments, noise) -> _Tangent:
    chain = linearise(flow, model, segments, noise)
    alone = stretches.eliminate(chain, segments.starts.shape[1]).linearised.compressed()
    return _Tangent(alone, jnp.sqrt(jnp.sum(chain.by_coefficients**2, (0, 1))))


def _path(flow: Flow, model: Model, segments: Segments) -> jax.Array:
    return shooting.shoot(flow, model, segments, model.indices[:, :0]).states


TANGENT = Program(_tangent)
PATH = Program(_path)


def fit_law(
    system: LawSystem,
    prepared: Prepared,
    found: Found,
    begun: Sequence[np.ndarray],
    *,
    begins: Sequence[np.ndarray] = (),
    slow: bool = False,
) -> LawFit | None:
    """Fit the parameters to the segments of a search; None where no solution was finite.

    Args:
      system: the law.
      prepared: what was searched.
      found: the search.
      begun: parameters to start from.
      begins: states at the first nodes of the segments beside each of them [B, D]; nothing for
        those of the smoothed measurements.
      slow: True for an evidence beside a slow error, as that of what was found.
    """
    problem, flow = found.problem, system.flow(prepared)
    noise, best, idle = found.noise, None, 0
    starts = list(zip(begun, begins or [problem.begin] * len(begun), strict=True))
    # A fit ends after some steps, and the noise that weighs the states follows from the fit.
    for _ in range(constants.LAW_FITS):
        models = [each for start in starts for each in system.models(*start)]
        fits = side_by_side.fit_many(flow, models, found.segments, noise, problem.floor)
        judged = [_judged(system, prepared, found, each, slow) for each in fits]
        judged = [each for each in judged if np.isfinite([each.score, *each.parameters]).all()]
        if not judged:
            break
        top = max(each.score for each in judged) - constants.LAW_SETTLED
        # Of h and -h in h² the positive one.
        new = max((e for e in judged if e.score >= top), key=lambda e: np.sum(e.parameters > 0))
        gained = np.inf if best is None else new.score - best.score
        best = new if best is None or gained > 0 else best
        # A step too far may be what the next one needs.
        idle = idle + 1 if gained < constants.LAW_SETTLED else 0
        if idle == 2:
            break
        starts, noise = [(new.parameters, new.begin)], new.noise
    return best


def _judged(
    system: LawSystem, prepared: Prepared, found: Found, fitted: ShootingFit, slow: bool
) -> LawFit:
    """What a fit is worth, in the currency of the search."""
    problem, samples = found.problem, found.samples
    variance, innovation, independent, begin = map(
        np.asarray, (fitted.variance, fitted.innovation, fitted.independent, fitted.model.begin)
    )
    parameters = np.asarray(_plain(fitted.model.coefficients[0]))
    coefficients = np.zeros(system.mask.shape)
    own = parameters[len(system.law.numbers) :]
    coefficients[system.mask] = own[: system.mask.sum()]
    scaled = np.where(coefficients != 0, coefficients / prepared.back, 0.0)
    candidate = Candidate(
        system.mask,
        scaled,
        begin,
        variance,
        innovation,
        independent,
        float(fitted.gap),
        -np.inf,
    )
    price = 0.0
    if slow:
        states = np.asarray(PATH(system.flow(prepared), fitted.model, found.segments))
        candidate, _, price = discrepancy.beside_slow_error(found, candidate, states)
    numbers, initial = len(system.law.numbers), candidates.initial_values(found.segments)
    score = candidates.score(problem, candidate, samples, initial=initial + numbers) - price
    total = samples.sum()
    free = total - initial - numbers - np.sum(system.mask & problem.admissible) - 2
    score -= 0.5 * numbers * np.log(total) * total / max(free, 1)
    renewed = np.where(samples > 0, np.maximum(np.sqrt(variance), problem.floor), 1.0)
    return LawFit(parameters, begin, score, renewed, candidate.independent)


def parameter_errors(
    system: LawSystem, prepared: Prepared, found: Found, fitted: LawFit
) -> np.ndarray:
    """Standard errors of the parameters [P]; NaN where the recording cannot tell, 0 where given.

    From the linearisation of the trajectories, as those of coefficients (see `conclusion`).
    Parameters of which only a combination changes what was measured, as a and b in a b x, have no
    error of their own, nor has one that initial values make up for. Each state counts in units of
    the noise that widens its errors.
    """
    model = system.model(fitted.parameters, fitted.begin, np.zeros_like(system.free))
    free = np.asarray(model.free)[0]
    noise = fitted.noise / np.sqrt(np.where(found.samples > 0, fitted.independent, 1.0))
    made = TANGENT(system.flow(prepared), model, found.segments, noise)
    linear = jax.tree.map(np.asarray, made.linearised)
    solution = regression.least_squares_numpy(linear.factor, linear.columns_of(free))
    variance = linear.split(np.diagonal(solution.covariance))[1]
    total, numbers = found.samples.sum(), int(free.sum()) + found.initial
    errors = np.sqrt(variance) * conclusion.widening(total, total, numbers)
    alone = linear.by_coefficients * free
    length = np.linalg.norm(alone, axis=0)
    _, sizes, directions = np.linalg.svd(alone / np.where(length > 0, length, 1.0))
    flat = directions[np.flatnonzero(sizes < constants.LAW_FLAT)]
    unknown = (np.abs(flat) > constants.LAW_SHARE).any(0) if len(free) else free
    # What other initial values undo, as those of a state that was not measured do.
    unknown = unknown | (length < constants.LAW_FLAT * np.asarray(made.lengths))
    return np.where(free, np.where(unknown, np.nan, errors), 0.0)[: len(system.free)]
