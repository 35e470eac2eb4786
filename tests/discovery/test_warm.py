"""What is compiled before the first recording is what a recording of usual size needs."""

import numpy as np
import pytest

import nsindy
from nsindy.discovery import warm
from nsindy.runtime.programs import Program


@pytest.fixture
def compiled(monkeypatch):
    """Names of the programs that were compiled anew."""
    names, fill = [], Program._fill

    def noting(self, *arguments, **keywords):
        names.append(self.__name__)
        fill(self, *arguments, **keywords)

    monkeypatch.setattr(Program, "_fill", noting)
    return names


def test_a_recording_of_another_length_compiles_nothing(compiled, monkeypatch):
    monkeypatch.setattr(warm, "STATES", (1,))
    monkeypatch.setattr(warm, "ROWS", (240,))
    told = []
    warm.warm(lambda stage, share: told.append((stage, share)))
    assert told == [("1 states, 240 rows", 0.0)]
    assert {"_steps", "_judged", "_paths", "_tangents", "adjacent_supports", "beam_search"} == set(
        compiled
    )
    compiled.clear()
    times = np.linspace(0, 8, 201)
    values = np.exp(-0.5 * times) + 0.01 * np.random.default_rng(0).standard_normal(201)
    found = nsindy.discover(times, values, states=["x"])
    assert not compiled
    chosen = np.flatnonzero(found.coefficients[0])
    assert [found.terms[m] for m in chosen] == ["x"]


def test_rows_meet_every_number_of_segments():
    """Eight intervals a segment, and powers of two of them."""
    sizes = {max(8, 2 ** int(np.ceil(np.log2((rows - 1 + 7) // 8)))) for rows in warm.ROWS}
    needed = {max(8, 2 ** int(np.ceil(np.log2((rows - 1 + 7) // 8)))) for rows in range(100, 2001)}
    assert sizes == needed
