"""The constants halved and doubled: which, to what, and that a changed one is what is used."""

import constants
import pytest
from support import discovery_tables, simulated

from nsindy.discovery import constants as discovery


@pytest.mark.parametrize(
    ("value", "half", "double"),
    (
        (0.3, 0.15, 0.6),
        (5, 2, 10),
        (1, 1, 2),
        ((0.1, 0.4), (0.05, 0.2), (0.2, 0.8)),
        ({1: 8, 2: 4}, {1: 4, 2: 2}, {1: 16, 2: 8}),
        (
            ((4, 1, ()), (6, 3, ("sin",))),
            ((2, 1, ()), (3, 3, ("sin",))),
            ((8, 1, ()), (12, 3, ("sin",))),
        ),
        (("sin", "cos"), None, None),
    ),
)
def test_whole_numbers_stay_whole_and_ladders_keep_their_steps(value, half, double):
    assert constants.scaled(value, 0.5) == half
    assert constants.scaled(value, 2.0) == double


def test_every_number_of_discovery_is_changed_or_left_out():
    names = {name for name in vars(discovery) if name.isupper()}
    changed = {name for module, name in constants.numeric() if module == constants.HOME}
    assert names - changed == constants.LEFT_OUT | {
        "FRICTION_OPERATIONS",
        "SEARCHED_OPERATIONS",
    }


def test_recordings_are_discovered_with_the_changed_constant(monkeypatch):
    """The true terms are found once for every recording; a discovery that fails is not exact."""
    monkeypatch.setattr(discovery, "WIDTH", discovery.WIDTH)
    monkeypatch.setattr(constants.experiment, "start", lambda: None)
    widths = []

    def found(system, rows, noise, seed):
        widths.append(discovery.WIDTH)
        return None if seed else system.truth

    monkeypatch.setattr(constants, "discovered", found)
    row = constants.measure(constants.Setting(constants.HOME, "WIDTH", "halved"), 2)
    recordings = len(simulated.SYSTEMS) * len(constants.ROWS) * len(constants.NOISE)
    assert widths == [4] * (2 * recordings)
    assert (row["count"], row["cases"]) == (recordings, 2 * recordings)
    assert (row["case"], row["change"], row["value"], row["changed_to"]) == (
        "WIDTH",
        "halved",
        "8",
        "4",
    )


def test_counts_stand_beside_those_of_the_constants_as_they_are():
    def row(case, change, count, **more):
        return {"case": case, "change": change, "count": count, "cases": 64} | more

    rows = [
        row("", "as it is", 60),
        row("WIDTH", "halved", 58, value="8"),
        row("WIDTH", "doubled", 61, value="8"),
    ]
    assert discovery_tables.constants({"rows": rows}).splitlines() == [
        "| constant | value | halved | doubled |",
        "| --- | --- | --- | --- |",
        "| all as they are, of 64 |  | 60 | 60 |",
        "| `WIDTH` | 8 | 58 | 61 |",
    ]
