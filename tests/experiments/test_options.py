"""Every option of a recording reaches the recording, in each script that takes it."""

import commitment
import phase_diagram
import pytest
from support import command_line, common, phase_findings

from nsindy.paper import one_seed

WORDS = ["--samples", "77", "--derivatives", "estimated", "--train-fraction", "0.5"]


class Recorded(Exception):
    """What a script gave to `one_seed.record`."""


@pytest.fixture
def options(monkeypatch, tmp_path):
    def record(*arguments, **keywords):
        raise Recorded(keywords)

    monkeypatch.setattr(one_seed, "record", record)
    options = command_line.parser(None, str(tmp_path))
    options.set_defaults(library="exact", gates="shared", steps=2)
    return options


def test_commitment(options, monkeypatch, tmp_path):
    monkeypatch.setattr(common, "begin", lambda options: tmp_path)
    options.set_defaults(parts=["sine"], few=2)
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
