"""A discovery: equations with their uncertainty, and what can be done with them."""

import dataclasses
import functools
import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike

from nsindy.result import file
from nsindy.terms import text
from nsindy.terms.library import Library
from nsindy.terms.term import Term

if TYPE_CHECKING:
    from nsindy.result.vector_field import VectorField

__all__ = ["Discovery", "HeldOut", "load"]

Array = jax.Array | np.ndarray


class HeldOut(NamedTuple):
    """The same terms fitted to the first four fifths of each recording, and their forecast.

    The number w inside a fitted wave sin(w x) is still that of all samples.

    Attributes:
      coefficients: Ξ [D, M].
      initial: fitted initial state of each of the R recordings [R, D].
      rmse: root mean square error of the forecast of the last fifth, in units of the state, for
        each measured state; not finite where the forecast diverged.
      r2: share of the variance of the last fifth that the forecast explains, likewise.
    """

    coefficients: Array
    initial: Array
    rmse: Array
    r2: Array


_ARRAYS = ("coefficients", "standard_errors", "inclusion_probabilities", "noise", "score")
_DATA = (*_ARRAYS, "initial", "held_out")
_STATIC = ("library", "states", "inputs", "held", "delay", "order", "noise_kind")
_TEXTS = ("equivalent_models", "runner_up", "collinear", "warnings")


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
      library: the M terms, over the states followed by the inputs.
      states: names of the D states; with `order` 2 the positions, then their velocities, x and x'.
      inputs: names of the U measured inputs.
      held: True for inputs that keep their value until the next row [U]; empty where none does.
      delay: how much later than their row they act, as a share of the step to the next, in [0, 1).
      order: 1, or 2 where only positions were measured.
      noise_kind: "constant" or "proportional" for each state.
      equivalent_models: models that the recording cannot distinguish from this one, as text.
      runner_up: the next best models and how many nats they are behind, as text.
      collinear: relations between terms, in words.
      warnings: reasons for caution, in words.
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
    noise_kind: tuple[str, ...] = ()
    equivalent_models: tuple[str, ...] = ()
    runner_up: tuple[str, ...] = ()
    collinear: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()

    @property
    def variables(self) -> tuple[str, ...]:
        """Names of what terms are bound to: the states, then the inputs."""
        return (*self.states, *self.inputs)

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
        """Names of the states that were measured: all, or the positions."""
        return self.states[: len(self.rows)]

    def found(self) -> dict[str, Any]:
        """Coefficients, errors and states of the equations that were found."""
        rows = np.array(self.rows)
        return {
            "coefficients": np.asarray(self.coefficients)[rows],
            "states": [self.states[row] for row in rows],
            "errors": np.asarray(self.standard_errors)[rows],
        }

    def equations(self, precision: int | None = None) -> list[str]:
        """The equations in PySINDy's notation, `x'' = -6.2203 x + -0.0137 x'`.

        Args:
          precision: number of decimals; by default the digits that the standard errors justify.
        """
        return text.equations(names=self.terms, precision=precision, **self.found())

    def __str__(self) -> str:
        found, lines = self.found(), []
        for line, row, errors in zip(
            self.equations(), found["coefficients"], found["errors"], strict=True
        ):
            known = [text.number(e, e) if e > 0 else "?" for e in errors[row != 0]]
            lines.append(line + (f"   (± {', '.join(known)})" if known else ""))
        return "\n".join(lines)

    def __repr__(self) -> str:
        return str(self)

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
        """The right-hand side f(t, y, args=None) -> y' [D], pure and jitted."""
        from nsindy.result.vector_field import VectorField

        terms, coefficients = self.library, self.coefficients
        if not isinstance(coefficients, jax.core.Tracer):
            # Terms without a coefficient need not be evaluated.
            kept = np.flatnonzero(np.any(np.asarray(coefficients) != 0, axis=0))
            terms = tuple(terms[i] for i in kept)
            coefficients = coefficients[:, kept]
        return VectorField(coefficients, Library(terms, self.variables))

    def simulate(
        self, x0: ArrayLike, t: ArrayLike, inputs: ArrayLike | Callable | None = None
    ) -> jax.Array:
        """Solve the equations with diffrax (Tsitouras 5(4), adaptive).

        Args:
          x0: state at t[0], [D].
          t: increasing times [N].
          inputs: the inputs at those times [N, U], interpolated linearly or `held`, or a function
            of t that returns them [U].

        Returns:
          states [N, D]; NaN from where the solution diverges.

        Raises:
          ValueError: shapes do not fit, or inputs are missing.
        """
        from nsindy.result.vector_field import solve_field

        x0, t = jnp.asarray(x0), jnp.asarray(t)
        dtype = jnp.result_type(x0, t, float)
        x0, t = x0.astype(dtype), t.astype(dtype)
        if x0.shape != (len(self.states),) or t.ndim != 1 or not t.size:
            raise ValueError(
                f"x0 must be [{len(self.states)}] ({', '.join(self.states)}) and t [N], "
                f"not {list(x0.shape)} and {list(t.shape)}"
            )
        if inputs is not None and not callable(inputs):
            inputs = jnp.asarray(inputs, dtype)
            if inputs.shape != (t.size, len(self.inputs)):
                raise ValueError(
                    f"inputs must be [{t.size}, {len(self.inputs)}], not {list(inputs.shape)}"
                )
        # Absolute tolerances are relative to the size of each state over the recordings.
        size = jnp.max(jnp.abs(jnp.concatenate([x0[None], jnp.asarray(self.initial, dtype)])), 0)
        size = jnp.where(size > 0, size, jnp.max(size))
        held = self.held or (False,) * len(self.inputs)
        scale = jnp.where(size > 0, size, 1.0)
        return solve_field(self.vector_field, x0, t, inputs, scale, held, self.delay)

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
    return Discovery(**{**content, "held_out": HeldOut(**content["held_out"])})
