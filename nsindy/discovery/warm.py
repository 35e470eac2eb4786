"""The programs that discoveries are made of, compiled before the first recording comes.

Programs are shaped by the number of states, by the library and by the next power of two of the
segments, not by a recording. Made-up recordings of a few lengths meet all that a recording of 100
to 2,000 rows of one to three states needs, with numbers inside terms as well. That is 195 programs,
four minutes of two cores and 28 MB; both what was traced and what was compiled are kept.
"""

from collections.abc import Callable

import jax
import numpy as np
from threadpoolctl import threadpool_limits

from nsindy.discovery import constants
from nsindy.discovery.preparation import smooth_signals
from nsindy.discovery.preparation.question import Question
from nsindy.discovery.supports import proposals
from nsindy.discovery.supports.session import Session
from nsindy.recording import check
from nsindy.runtime.programs import keeping_compiled, on_processor, wait_for_programs
from nsindy.terms.numbered import Inner

__all__ = ["warm"]

STATES = (1, 2, 3)
"""Numbers of states that are prepared for."""

ROWS = (100, 128, 220, 240, 500, 1000, 2000)
"""Numbers of rows, one at least for every number of segments and every library."""


def warm(progress: Callable[[str, float], None] = lambda stage, share: None) -> None:
    """Compile what discoveries from recordings of usual sizes need, and keep it on disk.

    Args:
      progress: called with what is prepared for, and the share of the whole that is done.
    """
    cases = [(states, rows) for states in STATES for rows in ROWS]
    proposed = set[tuple[int, ...]]()
    with (
        jax.enable_x64(True),
        on_processor(),
        threadpool_limits(1, user_api="blas"),
        keeping_compiled(),
    ):
        for done, (states, rows) in enumerate(cases):
            progress(f"{states} states, {rows} rows", done / len(cases))
            _compile(states, rows, proposed)


def _compile(states: int, rows: int, proposed: set[tuple[int, ...]]) -> None:
    """Compile for one size; the searches for supports, for each library once."""
    times = np.linspace(0, 20, rows)
    waves = np.sin(np.outer(times, np.sqrt(np.arange(2.0, 2 + states))))
    noise = 0.01 * np.random.default_rng(0).standard_normal(waves.shape)
    recordings = check.check_arrays(times, waves + noise)
    parts = list(recordings.parts)
    smoothed, units = smooth_signals.smooth_recordings(parts, 1)
    session = Session(parts, smoothed, Question(), lambda *now: None)
    plain = session.build(units)
    # Whatever the operation, a number inside a term needs the same programs.
    numbers = [Inner(kind, 0, 1.0) for kind in list(plain.kinds.others)[:1]]
    numbered = [session.build(units._replace(inner=(number,))) for number in numbers]
    for prepared in (plain, *numbered):
        shape = prepared.problem.columns.shape
        widths = () if shape in proposed else (constants.WIDTH, 4 * constants.WIDTH)
        proposed.add(shape)
        for width in widths:
            proposals.proposals(prepared, width)
    wait_for_programs()
