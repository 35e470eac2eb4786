"""The parts of the speed benchmark, with sizes of a few."""

import argparse

import bench_speed
import numpy as np
import pytest
from support import speed_cases, speed_fits


def test_training_takes_some_time():
    case = {"seeds": 2, "samples": 20, "terms": 3, "slots": 2, "steps": 2, "repeats": 1}
    assert 0 < speed_cases.train(**case, shared=True) < 60


def test_growth_changes_one_thing_at_a_time(monkeypatch):
    def train(*, seeds, samples, terms, slots, steps, shared, repeats):
        return 1e-3 * steps * seeds

    monkeypatch.setattr(speed_cases, "train", train)
    rows = speed_cases.growth(quick=False, repeats=1)
    for name in dict.fromkeys(row["of"] for row in rows):
        mine = [row for row in rows if row["of"] == name]
        changed = name.split(",")[0]
        assert [row[changed] for row in mine] == [row["value"] for row in mine] and len(mine) > 2
        for other in {"seeds", "samples", "terms", "slots", "shared"} - {changed}:
            assert len({row[other] for row in mine}) == 1
    # A millisecond a step and seed.
    speeds = [row["seeds_times_steps_per_second"] for row in rows]
    np.testing.assert_allclose(speeds, 1000)
    lines = [line for axis in speed_cases.figure(rows).axes for line in axis.get_lines()]
    drawn = {line.get_label().split(":")[0]: line for line in lines if ":" in line.get_label()}
    assert set(drawn) == {row["of"] for row in rows}
    for name, line in drawn.items():
        x, y = line.get_data()
        np.testing.assert_allclose(y, x / x[0] if name.startswith("seeds") else np.ones(len(x)))


def test_yardsticks_are_of_this_machine():
    found = speed_cases.yardsticks(quick=True, repeats=1)
    assert min(found.values()) > 0
    ratio = found["training_with_the_same_draws_seconds"] / found["plain_gumbel_seconds"]
    assert found["training_over_plain_draws"] == ratio


def test_a_process_is_timed_cold_and_warm(tmp_path):
    written = []
    (row,) = speed_cases.processes(written.append, quick=True)
    assert row["command"] == "nsindy --help" and len(written) == 1
    assert 0 < row["cold_seconds"] < 60 and 0 < row["warm_seconds"] < 60


def test_the_recording_is_the_closed_form():
    clean, derivatives, times = speed_fits.recording()
    # x'' = -x - 0.1 x' from x = 1 at rest.
    w = np.sqrt(1 - 0.05**2)
    x = np.exp(-0.05 * times) * (np.cos(w * times) + 0.05 / w * np.sin(w * times))
    v = -np.exp(-0.05 * times) * np.sin(w * times) / w
    np.testing.assert_allclose(clean, np.stack([x, v], 1), atol=1e-6)
    np.testing.assert_allclose(derivatives, np.stack([v, -x - 0.1 * v], 1), atol=1e-6)


def test_a_device_that_is_not_there_is_one_sentence(tmp_path):
    options = argparse.Namespace(device="tpu", out=str(tmp_path / "speed"))
    with pytest.raises(ValueError, match="--device tpu: JAX finds only"):
        bench_speed.execute(options)
    assert not list(tmp_path.iterdir())
