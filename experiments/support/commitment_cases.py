"""The cases of the study of commitment: what differs from the paper's fourth experiment."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from nsindy.paper.runs import RUNS, Run
from nsindy.paper.simulate import Measurement
from nsindy.routers.settings import RouterKnobs
from support.experiment import Experiment

EXP4 = "exp4_conditional_entropy"


class Setting(NamedTuple):
    """What a case turns, traced: the recording, the knobs, the error of the sin circuits."""

    measurement: Measurement
    knobs: RouterKnobs
    distortion: jax.Array | float


@dataclasses.dataclass(frozen=True, eq=False)
class Case:
    """One row: a run of the paper with knobs and static settings changed.

    Attributes:
      label: what the row is called.
      run: name of the run that is changed.
      knobs: traced settings that differ.
      routing: static settings that differ.
      noise: standard deviation of the measurement noise; None for that of the experiment.
      distortion: root mean square of the error of the sin circuits.
    """

    label: str
    run: str = EXP4
    knobs: Mapping[str, float] = dataclasses.field(default_factory=dict)
    routing: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    noise: float | None = None
    distortion: float = 0.0

    def shaped(self, experiment: Experiment) -> Run:
        """The static settings, the same object for cases that share a compilation."""
        run = RUNS[self.run]
        assert run.routing is not None
        routing = dataclasses.replace(
            run.routing,
            steps=experiment.steps or run.routing.steps,
            shared=experiment.gates == "shared",
            **self.routing,
        )
        return Run("case", "case", "router", routing=routing, drop=run.drop, relative=run.relative)

    def setting(self, measurement: Measurement) -> Setting:
        """The traced settings."""
        if self.noise is not None:
            measurement = measurement._replace(noise=jnp.asarray(self.noise))
        return Setting(measurement, RUNS[self.run].knobs._replace(**self.knobs), self.distortion)

    def described(self) -> dict[str, Any]:
        """What differs, for the summary."""
        return {
            "run": self.run,
            "knobs": dict(self.knobs),
            "routing": dict(self.routing),
            "noise": self.noise,
            "distortion": self.distortion,
        }


NORMAL = {"initial_spread": 0.1}
BASE = {"base_entropy": 0.05, "conditional_entropy": 0.0}
DRAWS = {"masks": "draws"}
ONE_NOISE = {"own_noise": False}
BEFORE = {"alpha": 1.0, "error_weight": 1.0, "first_step": 0.0, **NORMAL}

TABLE = (
    Case("the paper's way, α = 1.5"),
    Case("entropy over the drawn sets", routing=DRAWS),
    Case("squared error per equation", knobs={"error_weight": 1.0}),
    Case("coefficients start at N(0, 0.1²)", knobs=NORMAL),
    Case("one noise for all slots", routing=ONE_NOISE),
    Case("α = 1.0", knobs={"alpha": 1.0}),
    Case("α = 1.0, coefficients N(0, 0.1²)", knobs={"alpha": 1.0, **NORMAL}),
    Case("α = 1.0, τ counted from step 0", knobs={"alpha": 1.0, "first_step": 0.0}),
    Case("base entropy, α = 1.5", knobs=BASE),
    Case("base entropy, α = 1.0 (Exp 3)", run="exp3_topk_prior"),
    Case("Exp 3, coefficients N(0, 0.1²)", run="exp3_topk_prior", knobs=NORMAL),
    Case("entropy weight 0.03", knobs={"conditional_entropy": 0.03}),
    Case("entropy weight 0.04", knobs={"conditional_entropy": 0.04}),
    Case("drawn sets, entropy weight 0.1", knobs={"conditional_entropy": 0.1}, routing=DRAWS),
    Case("all differences at once", knobs=BEFORE, routing=DRAWS | ONE_NOISE),
    Case(
        "all but arg-max masks, error over both, α = 1.5",
        knobs={"first_step": 0.0, **NORMAL},
        routing=ONE_NOISE,
    ),
    Case(
        "all but arg-max masks, error over both",
        knobs=BEFORE | {"error_weight": 0.5},
        routing=ONE_NOISE,
    ),
    Case("all but arg-max masks, α = 1.5", knobs=BEFORE | {"alpha": 1.5}, routing=ONE_NOISE),
    Case(
        "all but error over both, α = 1.5",
        knobs=BEFORE | {"alpha": 1.5, "error_weight": 0.5},
        routing=DRAWS | ONE_NOISE,
    ),
    Case("Run 6: without add", run="exp5_drop_add"),
    Case("Run 7: residual slot", run="exp6_residual_slot"),
    Case("Run 8: frozen slot", run="exp7_freeze_slot"),
)
"""Each difference alone, the thresholds, the decisive pairs and the paper's own fixes."""

ENTROPIES = {"base entropy": BASE, "conditional entropy": {}}
ALPHAS = (0.5, 1.0, 1.5, 2.0, 3.0)
WEIGHTS = (0.02, 0.035, 0.05, 0.1, 0.2)
NOISES = (1e-3, 0.03, 0.1)
SIN_ERRORS = (0.0, 0.005, 0.01, 0.017, 0.03)

SOUP = (
    Case("with the bonus", run="exp1_softmax_soup"),
    Case("without the bonus", run="exp1_softmax_soup", knobs={"exploration": 0.0}),
)


def distort(
    key: jax.Array, theta: jax.Array, names: Sequence[str], size: jax.Array | float
) -> jax.Array:
    """Give the sin terms a smooth error, a random odd polynomial of the fifth degree.

    A circuit's error is a function of its input: e(u) = Σ_{i = 1, 3, 5} a_i T_i(u / 2), with a_i
    normal and T_i the polynomials of Chebyshev, scaled to the root mean square `size` over the
    recording. u is taken back from sin(u), so |u| stays below π/2. Both sin terms are the same
    circuit.

    Args:
      key: PRNG key, consumed.
      theta: Θ [N, M] of exact terms.
      names: of the M terms.
      size: root mean square of the error.
    """
    weights = jax.random.normal(key, (3,), theta.dtype)
    columns = [m for m, name in enumerate(names) if name.startswith("sin(")]
    values = jnp.clip(theta[:, jnp.array(columns)], -1.0, 1.0)
    u = jnp.arcsin(values) / 2
    chebyshev = jnp.stack([u, 4 * u**3 - 3 * u, 16 * u**5 - 20 * u**3 + 5 * u])
    error = jnp.tensordot(weights, chebyshev, axes=1)
    error = error * (size / jnp.sqrt(jnp.mean(error**2)))
    return theta.at[:, jnp.array(columns)].add(error)
