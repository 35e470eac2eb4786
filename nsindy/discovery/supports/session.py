"""One discovery on its way: problems are built for units, and searched from starts."""

import dataclasses
from collections.abc import Callable, Sequence

import numpy as np

from nsindy.discovery import constants
from nsindy.discovery.preparation import building, segmentation, signals
from nsindy.discovery.preparation.gauge import holds
from nsindy.discovery.preparation.known import NOTHING, Physics
from nsindy.discovery.preparation.problem import Prepared
from nsindy.discovery.preparation.question import Question
from nsindy.discovery.preparation.signals import Signal, Units
from nsindy.discovery.supports import candidates, search
from nsindy.discovery.supports.candidates import Start
from nsindy.discovery.supports.discrepancy import precompile_judge
from nsindy.discovery.supports.fitted_numbers import precompile_numbers
from nsindy.discovery.supports.search import Found
from nsindy.recording.check import Recording

__all__ = ["Progress", "Session"]

Progress = Callable[[str, float], None]


@dataclasses.dataclass(frozen=True, eq=False)
class Session:
    """What was asked, and what every problem of a discovery has in common.

    Attributes:
      parts: the recordings, thinned.
      signals: the same, scaled and smoothed.
      question: what was asked.
      progress: called with the name of a stage and the share of the whole that is done.
      stop: tells whether to end with what there is.
      physics: what is known of the equations.
      forcings: inputs, the last of them, that were not measured; see `building.prepare`.
      seasons: whether waves of these may stand times states.
      drifting: whether they stand times states themselves.
      floor: noise below which no measurement is taken to be exact; see there.
      inverse: variables whose negative powers are terms; see there.
      apart: pairs of states of which neither is in the equation of the other.
    """

    parts: list[Recording]
    signals: list[Signal]
    question: Question
    progress: Progress
    stop: Callable[[], bool] = lambda: False
    physics: Physics = NOTHING
    forcings: int = 0
    seasons: bool = True
    drifting: bool = False
    floor: float = constants.NOISE_FLOOR
    inverse: tuple[int, ...] = ()
    apart: tuple[tuple[int, int], ...] = ()

    def build(self, units: Units, substeps: int | None = 1) -> Prepared:
        """The problem in these units; its programs begin to compile.

        Raises:
          ValueError: an operation is unknown, or does not take one argument.
        """
        prepared = building.prepare(
            self.parts,
            self.signals,
            units,
            self.question,
            substeps=substeps,
            physics=self.physics,
            forcings=self.forcings,
            seasons=self.seasons,
            drifting=self.drifting,
            floor=self.floor,
            inverse=self.inverse,
        )
        prepared = self.narrowed(prepared)
        segments = prepared.segments(1.0)
        search.precompile_search(prepared.problem, segments)
        if substeps is not None:
            # A slow error beside the equations is one of flows.
            precompile_judge(prepared.problem, segments)
            if units.inner:
                precompile_numbers(prepared.problem, segments, units)
        return prepared

    def narrowed(self, prepared: Prepared) -> Prepared:
        """The problem without terms of one state of a pair in the equation of the other."""
        allowed = prepared.problem.admissible.copy()
        for one, other in (*self.apart, *(pair[::-1] for pair in self.apart)):
            allowed[one] &= [not holds(term, other) for term in prepared.terms]
        return prepared._replace(problem=prepared.problem._replace(admissible=allowed))

    def search(
        self,
        prepared: Prepared,
        starts: Sequence[Start],
        *,
        share: float,
        stage: str,
        guides: int,
        rounds: int = constants.ROUNDS,
        left: np.ndarray | None = None,
    ) -> Found:
        """Search a problem.

        Args:
          prepared: the problem.
          starts: where to start from.
          share: of the samples of each recording, from the first, that count.
          stage: its name, for the progress.
          guides: starts that are solved, evenly among all, to see where errors grow: 1 where the
            first is known to be the best.
          rounds: most rounds of the search.
          left: what a choice leaves of each state where smoothing tells no noise, scaled [D].
        """
        cut = prepared.segments(share)
        floor = prepared.problem.floor
        noise = signals.noise(prepared.signals)
        noise = np.where(noise > 0, np.maximum(noise, floor), 1.0)
        # The start that follows the recordings best shows where errors grow.
        paths = candidates.solved(prepared.problem, starts[:: -(-len(starts) // guides)], cut)
        weights, measured = np.asarray(cut.weights) / noise**2, np.asarray(cut.states)
        misfit = [np.sum(weights * (path.states - measured) ** 2) for path in paths]
        best = paths[int(np.argmin(np.nan_to_num(misfit, nan=np.inf)))]
        # The initial values of a hidden state are free: where it begins anew, any equation goes.
        growth = np.inf if self.question.hidden_names else _growth(prepared, left)
        cut = segmentation.windows(cut, best.propagators, growth=growth)
        return search.search(
            prepared.problem,
            cut,
            starts,
            noise,
            stop=self.stop,
            progress=lambda done: self.tell(stage, done),
            rounds=rounds,
        )

    def tell(self, stage: str, share: float) -> None:
        """Say what is being done, and how much of the whole is done with `share` of this stage."""
        begin, end = constants.STAGES[stage]
        self.progress(stage, begin + (end - begin) * share)


def _growth(prepared: Prepared, left: np.ndarray | None = None) -> float:
    """How far an error may grow in a stretch.

    Rows of a map are further apart than samples of a flow: a linearisation holds less long. Nearly
    noiseless states carry the errors of what made them, which were new at every sample: in a long
    stretch of chaos they outgrow the noise, and terms are found that describe them.
    """
    if prepared.substeps is None:
        return constants.MAP_GROWTH
    noise = signals.noise(prepared.signals)
    if left is not None:
        noise = np.where(noise > 0, np.maximum(noise, left), 0.0)
    limits = constants.GROWTH_NOISELESS, constants.GROWTH
    return float(np.clip(np.max(noise) / constants.NOISE_FLOOR, *limits))
