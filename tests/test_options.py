"""Every option of a recording reaches the recording, in each script that takes it."""

import sys
from pathlib import Path

import pytest

from nsindy import study

sys.path.insert(0, str(Path(__file__).parents[1] / "experiments"))
import command_line  # pyright: ignore[reportMissingImports]
import commitment  # pyright: ignore[reportMissingImports]
import common  # pyright: ignore[reportMissingImports]
import phase_diagram  # pyright: ignore[reportMissingImports]
import phase_findings  # pyright: ignore[reportMissingImports]

WORDS = ["--samples", "77", "--derivatives", "estimated", "--train-fraction", "0.5"]


class Recorded(Exception):
    """What a script gave to `study.record`."""


@pytest.fixture
def options(monkeypatch, tmp_path):
    def record(*arguments, **keywords):
        raise Recorded(keywords)

    monkeypatch.setattr(study, "record", record)
    options = command_line.parser(None, str(tmp_path))
    options.set_defaults(library="exact", gates="shared", steps=2)
    return options


def test_commitment(options, monkeypatch, tmp_path):
    monkeypatch.setattr(common, "begin", lambda options: tmp_path)
    with pytest.raises(Recorded) as recorded:
        commitment.execute(options.parse_args(WORDS))
    assert recorded.value.args[0] == {"samples": 77, "estimate": True, "train_fraction": 0.5}


def test_phase_diagram(options, exact):
    arguments = options.parse_args(WORDS)
    arguments.x0, arguments.noise, arguments.damping = [1.0], [0.01], [0.1]
    grid = phase_diagram.measurements(arguments)
    with pytest.raises(Recorded) as recorded:
        phase_diagram.swept(phase_findings.METHODS[0], grid, exact, arguments)
    assert recorded.value.args[0] == {"samples": 77, "estimate": True, "train_fraction": 0.5}
