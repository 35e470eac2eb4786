"""The regression of one equation on what its terms do to a recording, to first order.

A regression of derivatives sees no more of a term than smoothing leaves of it; what a term does to
a trajectory is all that a recording shows, as long as a first order holds. Letters beside the
usual: W terms of a number · G numbers · S measured values.
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from nsindy.discovery.numbers import number_scan, response
from nsindy.discovery.numbers.number_blocks import Block
from nsindy.discovery.numbers.number_growth import nats_of_choice
from nsindy.discovery.numbers.number_scan import Scan
from nsindy.discovery.preparation.problem import Prepared
from nsindy.discovery.supports import candidates
from nsindy.discovery.supports.candidates import Candidate

__all__ = ["EquationTangent", "tangents"]


class EquationTangent(NamedTuple):
    """One equation along the trajectories around a choice, the others free beside it.

    Attributes:
      scan: the recordings, linearised.
      equation: d.
      base: columns of the library [S, M].
      target: [S].
    """

    scan: Scan
    equation: int
    base: np.ndarray
    target: np.ndarray

    def evidence(self, left: Any, count: int, costs: Any, size: int) -> Any:
        """Nats of a support, the variance profiled; see `Regression.evidence`."""
        price = costs + 0.5 * count * np.log(len(self.target)) + nats_of_choice(size, count)
        return self.scan.evidence(left * np.sum(self.target**2), price)

    def columns(self, block: Block) -> np.ndarray:
        """What the terms of a block do, all numbers of the first term first [S, W · G]."""
        forcing = [block.sides(part.variables) for part in self.scan.parts]
        return self.scan.beside(self.equation, forcing)[0]


def tangents(
    prepared: Prepared, chosen: Candidate, noise: np.ndarray, equations: np.ndarray
) -> Iterator[EquationTangent]:
    """Those of some equations; none where a linearisation has no end.

    Args:
      prepared: the library.
      chosen: the choice around which trajectories are linearised.
      noise: of each state [D].
      equations: True for those that are asked for [D].
    """
    if not equations.any():
        return
    solved = _solution(prepared, chosen)
    parts = response.linearised(prepared, chosen.coefficients, noise, solved)
    if not all(np.isfinite(part.propagators).all() for part in parts):
        return
    scan = number_scan.of_supports(prepared, parts, chosen.mask)
    for d in np.flatnonzero(equations).tolist():
        base, own = scan.beside(d, [part.theta for part in parts])
        yield EquationTangent(scan, d, base, own[:, -1])


def _solution(prepared: Prepared, chosen: Candidate) -> list[np.ndarray]:
    """The solution of a choice along each recording [N, D]; none where its segments do not join."""
    if chosen.gap > 1:
        return []
    return candidates.along_recordings(
        prepared.problem, chosen.start, prepared.segments(1.0), prepared.signals
    )
