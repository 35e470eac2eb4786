"""What is compiled before the first recording is what a recording of usual size needs."""

import gc
import json
import os
import subprocess
import sys

import numpy as np
import pytest

import nsindy
from nsindy.discovery import constants, warm
from nsindy.runtime.programs import Program


def recording():
    """Times and values of a decay."""
    times = np.linspace(0, 8, 201)
    values = np.exp(-0.5 * times) + 0.01 * np.random.default_rng(0).standard_normal(201)
    return times, values


@pytest.fixture
def compiled(monkeypatch):
    """Names of the programs that were compiled anew."""
    names, fill = [], Program._fill

    def noting(self, *arguments, **keywords):
        names.append(self.__name__)
        fill(self, *arguments, **keywords)

    monkeypatch.setattr(Program, "_fill", noting)
    # What other tests of this process have compiled is compiled anew.
    for program in (each for each in gc.get_objects() if isinstance(each, Program)):
        monkeypatch.setattr(program, "_compiled", {})
    return names


def test_a_recording_of_another_length_compiles_nothing(compiled, monkeypatch):
    monkeypatch.setattr(warm, "STATES", (1,))
    monkeypatch.setattr(warm, "ROWS", (240,))
    told = []
    warm.warm(lambda stage, share: told.append((stage, share)))
    assert told == [("1 states, 240 rows", 0.0)]
    assert {
        "_step",
        "_steps",
        "_judge",
        "_judged",
        "_paths",
        "_tangents",
        "adjacent_supports",
        "beam_search",
    } == set(compiled)
    compiled.clear()
    found = nsindy.discover(*recording(), states=["x"])
    assert not compiled
    chosen = np.flatnonzero(found.coefficients[0])
    assert [found.terms[m] for m in chosen] == ["x"]


def test_rows_meet_every_number_of_segments():
    """Eight intervals a segment, and powers of two of them."""
    sizes = {max(8, 2 ** int(np.ceil(np.log2((rows - 1 + 7) // 8)))) for rows in warm.ROWS}
    needed = {max(8, 2 ** int(np.ceil(np.log2((rows - 1 + 7) // 8)))) for rows in range(100, 2001)}
    assert sizes == needed


PROCESS = """
import json, os, sys
if sys.argv[1] == "one core":
    os.sched_setaffinity(0, list(os.sched_getaffinity(0))[:1])
import numpy as np
import nsindy
from nsindy.runtime import traced
names, trace = [], traced.trace
def noting(function, leaves, tree, name):
    names.append(name)
    return trace(function, leaves, tree, name)
traced.trace = noting
found = nsindy.discover(*np.load(sys.argv[2]), states=["x"])
print(json.dumps([found.coefficients.tolist(), found.standard_errors.tolist(), names]))
"""


def answer(cores, folder, environment):
    """What a process finds, and what it traced."""
    np.save(folder / "recording.npy", recording())
    kept = environment | {"NSINDY_CACHE": str(folder)}
    kept.pop("JAX_COMPILATION_CACHE_DIR")
    words = [sys.executable, "-c", PROCESS, cores, str(folder / "recording.npy")]
    done = subprocess.run(words, capture_output=True, text=True, env=kept, check=True)
    assert done.stderr == ""
    return json.loads(done.stdout)


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="cores cannot be chosen here")
def test_the_same_answer_whatever_the_cache_and_the_number_of_cores(tmp_path, environment):
    # Compiled on one core, and then read on all of them; and what this process compiled.
    *first, traced_first = answer("one core", tmp_path, environment)
    *second, traced_second = answer("all cores", tmp_path, environment)
    assert len(set(traced_first)) == len(traced_first) == 7
    assert traced_second == []
    assert first == second
    here = nsindy.discover(*recording(), states=["x"])
    for one, other in zip(first, (here.coefficients, here.standard_errors), strict=True):
        # Sums in another order, and steps of a fit that end within its tolerance.
        np.testing.assert_allclose(one, other, rtol=1e-8, atol=1e-12)


def test_the_same_answer_whatever_the_padding(monkeypatch):
    usual = nsindy.discover(*recording(), states=["x"])
    monkeypatch.setattr(constants, "LIBRARY_ROWS", 2 * constants.LIBRARY_ROWS)
    monkeypatch.setattr(constants, "SLOTS", constants.SLOTS + 2)
    padded = nsindy.discover(*recording(), states=["x"])
    assert str(padded) == str(usual)
    np.testing.assert_allclose(padded.coefficients, usual.coefficients, rtol=1e-8, atol=1e-12)
    np.testing.assert_allclose(padded.standard_errors, usual.standard_errors, rtol=1e-6)
