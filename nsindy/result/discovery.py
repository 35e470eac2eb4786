"""A discovery: equations with their uncertainty, and what can be done with them."""

import dataclasses
import functools
import html
import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike

from nsindy.result import along_recording, file
from nsindy.result.tested import HeldOut, LawResult
from nsindy.terms import text
from nsindy.terms.library import Library
from nsindy.terms.numbered import Inner, inner_numbers
from nsindy.terms.term import Term, without_jumps

if TYPE_CHECKING:
    from nsindy.result.vector_field import VectorField

__all__ = ["HEADINGS", "Discovery", "load"]

HEADINGS = {
    "equation": "",
    "approximation": "no equation found in this library; the best approximation is",
    "none": "no equation found in this library",
}
"""What stands above the equations of each verdict."""

Array = jax.Array | np.ndarray


_ARRAYS = ("coefficients", "standard_errors", "inclusion_probabilities", "noise", "score")
_OPTIONAL = ("slow_error", "slow_memory", "simulation_r2", "sensor_lag", "known", "number_errors")
_DATA = (*_ARRAYS, "initial", *_OPTIONAL, "held_out")
_STATIC = (
    "library",
    "states",
    "inputs",
    "held",
    "delay",
    "order",
    "map",
    "time",
    "noise_kind",
    "verdict",
    "laws",
    "hidden",
)
_TEXTS = ("equivalent_models", "runner_up", "collinear", "notes", "warnings")


@functools.partial(
    jax.tree_util.register_dataclass, data_fields=_DATA, meta_fields=(*_STATIC, *_TEXTS)
)
@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class Discovery:
    """The equations behind recordings, y' = Ξ θ(y, u), and how certain they are.

    Attributes:
      coefficients: Ξ [D, M], exactly zero where a term is absent.
      standard_errors: of the coefficients [D, M]; NaN or zero where it is unknown.
      inclusion_probabilities: posterior probability that a term is in its equation [D, M].
      noise: standard deviation of the measurement noise of each state [D], in the units of the
        state or as a share of its value, depending on `noise_kind`.
      score: logarithm of the evidence, in nats.
      initial: fitted state at the first time of each of the R recordings [R, D].
      held_out: the forecast of the last fifth.
      library: the M terms, over the states, the inputs and the time of a forcing.
      states: names of the D states; with `order` 2 the positions, then their velocities, x and x'.
      inputs: names of the U measured inputs.
      held: True for inputs that keep their value until the next row [U]; empty where none does.
      delay: how much later than their row they act, as a share of the step to the next, in [0, 1);
        -1 where the value of a row acts since the row before, as a sum or mean of that time does.
      sensor_lag: τ of the sensor of each measured state, whose readings z obey τ z' = x - z, in the
        unit of the times, 0 where it is not late; None where none is.
      order: 1, or 2 where only positions were measured.
      map: True where the equations give the next row, y[n+1] = Ξ θ(y[n], u[n]).
      time: name of the time, where terms of it are a forcing that was not measured; or empty.
      noise_kind: "constant" or "proportional" for each state.
      verdict: "equation" where the equations explain the recordings up to their noise;
        "approximation" where something is missing from them; "none" where nothing was found.
      slow_error: standard deviation of the slow error of each state beside the equations, in its
        units, 0 where there is none [D]; None in files that know of none.
      slow_memory: time after which it is forgotten [D].
      simulation_r2: share of the variance of each measured state that one simulation explains,
        from the first state of each recording to its last.
      equivalent_models: models that the recording cannot distinguish from this one, as text.
      runner_up: the next best models and how many nats they are behind, as text.
      collinear: relations between terms, in words.
      notes: how the recording was read and what was fitted beside the coefficients, in words.
      warnings: reasons for caution, in words.
      known: True for coefficients that were given [D, M]; None where none was.
      laws: what was found, and then each law that was tested; empty where none was.
      hidden: names of the states that were not measured, the last of the states; with order 2
        velocities are none of them.
      number_errors: standard errors of the numbers inside terms, as `parameters` lists them [P], 0
        of a power that is held at a whole number of halves; None where there is none.
    """

    coefficients: Array
    standard_errors: Array
    inclusion_probabilities: Array
    noise: Array
    score: Array
    initial: Array
    held_out: HeldOut
    library: tuple[Term, ...]
    states: tuple[str, ...]
    inputs: tuple[str, ...] = ()
    held: tuple[bool, ...] = ()
    delay: float = 0.0
    order: int = 1
    map: bool = False
    time: str = ""
    noise_kind: tuple[str, ...] = ()
    verdict: str = "equation"
    slow_error: Array | None = None
    slow_memory: Array | None = None
    simulation_r2: Array | None = None
    sensor_lag: Array | None = None
    equivalent_models: tuple[str, ...] = ()
    runner_up: tuple[str, ...] = ()
    collinear: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    known: Array | None = None
    laws: tuple[LawResult, ...] = ()
    number_errors: Array | None = None
    hidden: tuple[str, ...] = ()

    @property
    def parameters(self) -> dict[str, float]:
        """The numbers that were fitted inside terms, by name, `K_x` of x/(K + x).

        That of two variables is named after both, `K_x_y` of y/(K x + y).
        """
        return {
            "_".join([symbol, *(self.variables[place] for place in inner.places)]): number
            for inner in self.inner()
            for symbol, number in zip(inner.symbols, inner.numbers, strict=True)
        }

    @property
    def parameter_errors(self) -> dict[str, float]:
        """Their standard errors, by name; NaN where one is not known."""
        errors = np.full(len(self.parameters), np.nan)
        if self.number_errors is not None:
            errors = np.asarray(self.number_errors, float)
        return dict(zip(self.parameters, errors.tolist(), strict=True))

    def inner(self) -> list[Inner]:
        """The numbers inside terms that have a coefficient, each once, in their order."""
        if isinstance(self.coefficients, jax.core.Tracer):
            used = np.ones(len(self.library), bool)
        else:
            used = (np.asarray(self.coefficients) != 0).any(0)
        return inner_numbers(self.library, used)

    @property
    def given(self) -> np.ndarray:
        """True for coefficients that were given, not found [D, M]."""
        nothing = np.zeros(np.shape(self.coefficients), bool)
        return nothing if self.known is None else np.asarray(self.known, bool)

    @property
    def variables(self) -> tuple[str, ...]:
        """Names of what terms are bound to: the states, the inputs, then the time of a forcing."""
        return (*self.states, *self.inputs, *([self.time] if self.time else []))

    @property
    def terms(self) -> tuple[str, ...]:
        """The M terms as people write them, `x`, `x^2 v`, `x cos(y)`, `1`."""
        return tuple(text.readable(term, self.variables) for term in self.library)

    @property
    def rows(self) -> range:
        """Indices of the equations that were found; with `order` 2 the others define velocities."""
        return range((self.order - 1) * len(self.states) // 2, len(self.states))

    @property
    def measured(self) -> tuple[str, ...]:
        """Names of the states that were measured: all, but for velocities and hidden ones."""
        return self.states[: len(self.rows) - len(self.hidden)]

    def found(self) -> dict[str, Any]:
        """Coefficients, what decides their digits, and states of the equations that were found."""
        rows = np.array(self.rows)
        coefficients, errors = np.asarray(self.coefficients), np.asarray(self.standard_errors)
        if self.given.any():
            errors = np.where(self.given, text.as_given(coefficients), errors)
        return {
            "coefficients": coefficients[rows],
            "states": [self.states[row] for row in rows],
            "errors": errors[rows],
            "map": self.map,
        }

    def equations(self, precision: int | None = None) -> list[str]:
        """The equations, `x'' = -6.2203 x - 0.0137 x'`.

        Args:
          precision: number of decimals; by default the digits that the standard errors justify.
        """
        return text.equations(names=self.terms, precision=precision, **self.found())

    def __str__(self) -> str:
        lines = list(filter(None, [HEADINGS[self.verdict]]))
        values, spread, given = map(
            np.asarray, (self.coefficients, self.standard_errors, self.given)
        )
        for line, row in zip(self.equations(), self.rows, strict=True):
            if self.verdict != "equation" and not values[row].any():
                lines.append(f"{line.split(' = ')[0]} = ?")
                continue
            words = [
                "given" if known else text.number(error, error) if error > 0 else "?"
                for value, error, known in zip(values[row], spread[row], given[row], strict=True)
                if value != 0
            ]
            lines.append(line + (f"   (± {', '.join(words)})" if words else ""))
        return "\n".join([*lines, *(law.describe() for law in self.laws)])

    def __repr__(self) -> str:
        return str(self)

    def _repr_html_(self) -> str:
        """What a notebook shows: the equations, and reasons for caution below them."""
        cautions = "".join(f"<li>{html.escape(warning)}</li>" for warning in self.warnings)
        return "".join(self.mathml()) + (f"<ul>{cautions}</ul>" if cautions else "")

    def _repr_latex_(self) -> str:
        """What a notebook shows, or prints, where it cannot show HTML."""
        lines = [line.replace("=", "&=", 1) for line in self.latex()]
        return r"$\displaystyle \begin{aligned}" + r" \\ ".join(lines) + r"\end{aligned}$"

    def to_sympy(self) -> list[Any]:
        """Right-hand sides of all D equations as SymPy expressions in the names of the states."""
        from nsindy.terms import symbolic

        return symbolic.expressions(self.coefficients, self.library, self.variables)

    def latex(self, precision: int | None = None) -> list[str]:
        """The equations as LaTeX (with amsmath)."""
        from nsindy.terms import symbolic

        return symbolic.latex(
            terms=self.library, variables=self.variables, precision=precision, **self.found()
        )

    def mathml(self, precision: int | None = None) -> list[str]:
        """The equations as `<math>` elements of MathML."""
        from nsindy.terms import symbolic

        lines = symbolic.pieces(
            terms=self.library, variables=self.variables, precision=precision, **self.found()
        )
        return [f'<math display="block"><mrow>{"".join(line)}</mrow></math>' for line in lines]

    @property
    def vector_field(self) -> "VectorField":
        """The right-hand side f(t, y, args=None) -> y' [D], pure and jitted.

        Raises:
          ValueError: the equations are a map.
        """
        if self.map:
            raise ValueError("a map has no vector field; step(y) is its next state")
        return self._field()

    def step(self, y: ArrayLike, u: ArrayLike | None = None) -> jax.Array:
        """The next state of a map [D], pure and jitted.

        Args:
          y: state [D].
          u: inputs beside it [U], where there are any.

        Raises:
          ValueError: the equations are no map, or inputs are missing.
        """
        if not self.map:
            raise ValueError("the equations are no map; vector_field(t, y) is the derivative")
        given = None if u is None else (lambda _: jnp.atleast_1d(jnp.asarray(u)))
        return self._field()(0.0, y, given)

    def _field(self) -> "VectorField":
        from nsindy.result.vector_field import VectorField

        terms, coefficients = self.library, self.coefficients
        if not isinstance(coefficients, jax.core.Tracer):
            # Terms without a coefficient need not be evaluated.
            kept = np.flatnonzero(np.any(np.asarray(coefficients) != 0, axis=0))
            terms = tuple(terms[i] for i in kept)
            coefficients = coefficients[:, kept]
        return VectorField(coefficients, Library(terms, self.variables), bool(self.time))

    def simulate(
        self, x0: ArrayLike, t: ArrayLike, inputs: ArrayLike | Callable | None = None
    ) -> jax.Array:
        """Solve the equations with diffrax (Tsitouras 5(4), adaptive), or iterate a map.

        Args:
          x0: state at t[0], [D].
          t: increasing times [N]; of a map only their number counts.
          inputs: the inputs at those times [N, U], [N] for one, a list of U arrays [N], or a
            DataFrame with their names, interpolated linearly or `held`; or a function of t that
            returns them [U].

        Returns:
          states [N, D]; NaN from where the solution diverges.

        Raises:
          ValueError: shapes do not fit, or inputs are missing.
        """
        from nsindy.result.vector_field import given_inputs, iterate_field, solve_field

        x0, t = jnp.asarray(x0), jnp.asarray(t)
        dtype = jnp.result_type(x0, t, float)
        x0, t = x0.astype(dtype), t.astype(dtype)
        if x0.shape != (len(self.states),) or t.ndim != 1 or not t.size:
            raise ValueError(
                f"x0 must be [{len(self.states)}] ({', '.join(self.states)}) and t [N], "
                f"not {list(x0.shape)} and {list(t.shape)}"
            )
        if inputs is not None and not callable(inputs):
            inputs = given_inputs(inputs, t.size, self.inputs).astype(dtype)
        if self.map:
            return iterate_field(self._field(), x0, t, inputs)
        # Absolute tolerances are relative to the size of each state over the recordings.
        size = jnp.max(jnp.abs(jnp.concatenate([x0[None], jnp.asarray(self.initial, dtype)])), 0)
        size = jnp.where(size > 0, size, jnp.max(size))
        field, stiff = self.vector_field, False
        if not isinstance(self.coefficients, jax.core.Tracer) and not isinstance(
            t, jax.core.Tracer
        ):
            stiff = along_recording.jumps(self.library, self.coefficients)
        if stiff:
            field = self._without_jumps(field, float(t[-1] - t[0]))
        size = jnp.where(size > 0, size, 1.0)
        held = self.held or (False,) * len(self.inputs)
        return solve_field(field, x0, t, inputs, size, held, self.delay, stiff)

    def _without_jumps(self, field: "VectorField", span: float) -> "VectorField":
        """The same with steep slopes, which a solver can stay in; one of few widths."""
        size = np.max(np.abs(np.asarray(self.initial)), 0)
        count = len(self.measured)
        if self.order == 2 and span > 0:
            # A velocity that begins at zero is at least as large as what it leads to.
            size[count:] = np.maximum(size[count:], size[:count] / span)
        size = np.where(size > 0, size, np.max(size) or 1.0)
        widths = 2.0 ** np.floor(np.log2(along_recording.STEEP * size))
        terms = without_jumps(field.library.terms, widths.tolist())
        return dataclasses.replace(field, library=dataclasses.replace(field.library, terms=terms))

    def save(self, path: str | os.PathLike) -> None:
        """Write everything to one JSON file, whole or not at all, learned operations included.

        Raises:
          ValueError: a term has an operation that neither ships with the package nor was learned.
        """
        content = {name: getattr(self, name) for name in (*_DATA, *_STATIC, *_TEXTS)}
        file.write_discovery(path, content)


def load(path: str | os.PathLike) -> Discovery:
    """Read a file of `Discovery.save`; nothing in it is executed.

    Returns:
      the Discovery, its arrays read-only NumPy float64 with every digit of the file.

    Raises:
      ValueError: the file cannot be read, was not written by `Discovery.save`, or is damaged.
    """
    content = file.read_discovery(path)
    laws = tuple(LawResult(**law) for law in content["laws"])
    return Discovery(**{**content, "held_out": HeldOut(**content["held_out"]), "laws": laws})
