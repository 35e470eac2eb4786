"""What a column that the library lacks would explain of smoothed derivatives, beside its terms."""

from typing import NamedTuple

import numpy as np

from nsindy.discovery import constants
from nsindy.discovery.preparation import screening
from nsindy.discovery.preparation.problem import Prepared

__all__ = ["Sampled", "best_score"]


class Sampled(NamedTuple):
    """Smoothed derivatives, not at more samples than are needed.

    Attributes:
      times: [N].
      states: [N, D].
      slopes: ẋ without what is known of it [N, D].
      theta: Θ [N, M].
      weights: of each sample in the sum of squares of an equation, its root [N, D].
      every: of how many samples one was taken.
    """

    times: np.ndarray
    states: np.ndarray
    slopes: np.ndarray
    theta: np.ndarray
    weights: np.ndarray
    every: int

    @classmethod
    def of(cls, prepared: Prepared) -> "Sampled":
        """Those of a problem."""
        made = prepared.signals
        every = max(-(-sum(len(s.times) for s in made) // constants.LINE_SAMPLES), 1)
        theta = prepared.theta[::every]
        slopes = np.concatenate([s.derivatives for s in made])[::every]
        near, relative = (
            np.concatenate(each)[::every]
            for each in ([s.near for s in made], [s.relative for s in made])
        )
        return cls(
            np.concatenate([part.times for part in prepared.parts])[::every],
            np.concatenate([s.states for s in made])[::every],
            slopes - theta @ prepared.problem.known.T,
            theta,
            near[:, None] / relative,
            every,
        )

    def terms(self, prepared: Prepared, equation: int) -> np.ndarray:
        """The terms of an equation, weighted [N, A]."""
        allowed = prepared.problem.admissible[equation]
        return self.theta[:, allowed] * self.weights[:, equation, None]

    def target(self, equation: int) -> np.ndarray:
        """What they are to explain, weighted [N]."""
        return self.slopes[:, equation] * self.weights[:, equation]

    def carrier(self, prepared: Prepared, place: int) -> np.ndarray:
        """What a wave stands times [N]."""
        held = prepared.kinds.carriers(self.states.shape[1])[place]
        return np.prod(self.states[:, held], axis=1)


def best_score(
    sampled: Sampled,
    prepared: Prepared,
    equation: int,
    added: np.ndarray | None = None,
    costs: np.ndarray | None = None,
    coarse: float = constants.COARSE[0],
) -> float:
    """Log evidence of the best few terms of an equation, in a regression on smoothed derivatives.

    All terms together may make up for what few do not.

    Args:
      sampled: the smoothed derivatives of the problem.
      prepared: the problem.
      equation: which.
      added: columns that the library lacks, weighted as `Sampled.terms` [N, A].
      costs: nats of each of them [A].
      coarse: share of the derivative that is taken for nothing.
    """
    problem = prepared.problem
    terms, target = sampled.terms(prepared, equation), sampled.target(equation)
    own = np.asarray(problem.prior.costs)[: problem.admissible.shape[1]]
    own = own[problem.admissible[equation]]
    if added is not None and costs is not None:
        terms, own = np.column_stack([terms, added]), np.append(own, costs)
    columns = np.column_stack([terms, target])
    prior = problem.prior._replace(costs=own, terms=None)  # type: ignore[arg-type]
    freedom = sum(s.freedom for s in prepared.signals)
    return screening.beam(columns.T @ columns, prior, freedom, problem.slots, coarse)[0].score
