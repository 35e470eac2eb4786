import numpy as np
import pytest
from written_tables import table

from nsindy.recording import check
from nsindy.recording.faults import faults

T = np.arange(400) * 0.1
COOLING = 21 + 50 * np.exp(-T / 20) + np.random.default_rng(0).normal(0, 0.1, len(T))
DRIVEN = np.random.default_rng(1).normal(0, 0.02, len(T))


def placed(column, values):
    column = column.copy()
    column[list(values)] = list(values.values())
    return column


FAULTY = {33: -127.0, 90: 85.0, 140: -127.0, 141: -127.0, 251: -127.0}


def test_faults_of_a_thermometer_are_left_out_and_said(read):
    rows = np.round(np.c_[T, placed(COOLING, FAULTY)], 4)
    found = read(table(rows.tolist(), "t,temp"))
    said = (
        "left out 5 readings of temp that are far from all others around them, -127 and 85, first "
        "in row 35: faults of the sensor"
    )
    assert any(note.endswith(said) for note in found.notes)
    np.testing.assert_array_equal(found.parts[0].times, np.delete(np.round(T, 4), list(FAULTY)))
    # Beside another column they are missing cells, in any order of the rows.
    order = np.random.default_rng(0).permutation(len(T))
    found = check.check_arrays(
        T[order], np.c_[np.cos(T), placed(COOLING, FAULTY)][order], inputs=np.sin(T)[order]
    )
    missing = np.isnan(found.parts[0].states)
    assert np.flatnonzero(missing[:, 1]).tolist() == list(FAULTY) and not np.any(missing[:, 0])
    assert f"first in row {min(np.flatnonzero(np.isin(order, list(FAULTY))))}" in found.notes[0]


@pytest.mark.parametrize(
    "values", [{50: 0.0}, {50: 999.0}, {50: 1200.0}, {50: 300.0, 71: 300.0}, {9: 0.0, 200: 65535.0}]
)
def test_readings_that_are_faults(values):
    assert faults(placed(COOLING, values)).places.tolist() == list(values)


def spikes(rows, peak=40.0):
    """A membrane at rest that fires now and then, for a number of rows."""
    rest = -65 + np.random.default_rng(2).normal(0, 0.1, len(T))
    for begin in np.cumsum(np.random.default_rng(3).integers(25, 60, 8)):
        rest[begin : begin + rows] = peak + np.random.default_rng(begin).normal(0, 1, rows)
    return rest


STEPS = np.repeat(np.random.default_rng(4).uniform(0, 100, 40), 10) + DRIVEN
HEIGHT = np.abs(np.sin(T)) * 3
BURSTS = np.tanh(20 * np.sin(3.1 * T)) * np.sin(0.31 * T) ** 6


@pytest.mark.parametrize(
    "column",
    [
        COOLING,
        *(spikes(rows) for rows in (1, 2, 3, 5)),
        # One spike alone, and peaks that a converter cuts off.
        placed(spikes(0), {200: 40.0}),
        placed(spikes(0), {50: 40.0, 91: 40.0, 200: 40.0}),
        # A relay, its noisy current that fails in every 25th row, and levels that are set.
        np.where(np.arange(400) % 50 < 3, 10.0, 0.0),
        np.where(np.arange(400) % 25 == 0, 0.0, 100 + DRIVEN),
        STEPS,
        # Strokes of a hammer, and of one more by hand.
        placed(DRIVEN, {40: 5.0, 90: 5.0, 300: 5.0}),
        placed(np.abs(DRIVEN), {40: 4.1, 90: 6.2, 300: 5.5}),
        placed(DRIVEN, {200: 1.0}),
        # Doses that decay, bursts, a bounce and the speed of it.
        np.convolve(np.isin(np.arange(400), (30, 110, 250)), 0.7 ** np.arange(400))[:400] + DRIVEN,
        np.round(BURSTS, 4),
        HEIGHT,
        np.gradient(HEIGHT),
        # Noise with heavy tails.
        *(np.random.default_rng(seed).standard_t(3, 400) for seed in range(20)),
        *(20 + np.random.default_rng(seed).standard_t(3, 400) for seed in range(20)),
        # A code that lies within the readings, or that stays.
        placed(40 * np.sin(T), {105: 0.0}),
        placed(100 + 20 * np.sin(T), {79: 85.0}),
        placed(COOLING, dict.fromkeys(range(100, 103), -127.0)),
        # More than a sensor is wrong now and then.
        placed(COOLING, dict.fromkeys(range(3, 400, 9), -127.0)),
        # A reading of few values.
        np.round(COOLING / 5) * 5,
    ],
)
def test_what_happens_is_no_fault(column):
    assert faults(column) is None


def test_inputs_stay_as_they_are():
    found = check.check_arrays(T, np.cos(T), inputs=placed(COOLING, FAULTY))
    np.testing.assert_array_equal(found.parts[0].inputs[:, 0], placed(COOLING, FAULTY))
