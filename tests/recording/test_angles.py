import numpy as np
import pytest
from written_tables import table

from nsindy.recording import check

T = np.arange(300) * 0.05


def phase(seed=0):
    """A phase that speeds up and slows down in each turn, in radians, with noise."""
    x, found = 0.3, []
    for _ in T:
        found.append(x)
        x += 0.05 * (3.4 - 2.2 * np.sin(x))
    return np.array(found) + np.random.default_rng(seed).normal(0, 0.02, len(T))


def rounded(values, turn, low):
    return np.round(np.mod(values * turn / (2 * np.pi) - low, turn) + low, 2)


@pytest.mark.parametrize(
    ("turn", "low", "ends"),
    [
        (360, 0, "0 and 360"),
        (360, -180, "-180 and 180"),
        (2 * np.pi, 0, "0 and 6.283"),
        (2 * np.pi, -np.pi, "-3.142 and 3.142"),
    ],
)
@pytest.mark.parametrize("sign", [1, -1])
def test_an_angle_goes_on_beyond_a_turn(read, turn, low, ends, sign):
    written = rounded(sign * phase(), turn, low)
    found = read(table(zip(T.tolist(), written.tolist(), strict=True), "t,phase"))
    said = f"phase jumps between {ends}: read as an angle that goes round, without the jumps"
    assert said in found.notes
    got = found.parts[0].states[:, 0]
    expected = sign * phase() * turn / (2 * np.pi)
    # Written with two decimals, from any whole turn on.
    np.testing.assert_allclose(got - got[0], expected - expected[0], atol=0.011)


def test_an_angle_of_several_recordings_and_with_gaps():
    one, other = (np.mod(phase(seed), 2 * np.pi) for seed in range(2))
    other[100] = np.nan
    found = check.check_arrays([T, T], [np.c_[one, one**0], np.c_[other, 2 * other**0]])
    assert all(np.max(np.abs(np.diff(part.states[:, 0]))) < 1 for part in found.parts)
    assert any("jumps between 0 and 6.283" in note for note in found.notes)


TURNING = np.mod(100 * T, 360)
CHARGE = 360 * np.expm1(-np.mod(T, 1.5)) / np.expm1(-1.5)


@pytest.mark.parametrize(
    "x",
    [
        # A relaxation oscillator of that range, charged through a resistor.
        CHARGE,
        # Sawtooths of other ranges.
        np.mod(100 * T, 250),
        np.mod(100 * T, 365),
        # It goes on beyond the range, or does not fill it.
        np.where(np.arange(300) == 40, 380, TURNING),
        20 + TURNING * 320 / 360,
        # Angles that fall anywhere, and one that never jumps.
        np.random.default_rng(0).uniform(0, 360, 300),
        180 + 179.9 * np.sin(T),
    ],
)
def test_what_is_no_angle_stays(x):
    found = check.check_arrays(T, np.c_[x, np.cos(T)])
    np.testing.assert_array_equal(found.parts[0].states[:, 0], x)
    assert not any("angle" in note for note in found.notes)


def test_a_steady_turning_goes_on():
    found = check.check_arrays(T, TURNING)
    np.testing.assert_allclose(found.parts[0].states[:, 0], 100 * T, atol=1e-9)


def test_an_input_stays_as_it_is():
    found = check.check_arrays(T, np.cos(T), inputs=rounded(phase(), 360, 0))
    assert not any("angle" in note for note in found.notes)
    assert np.max(found.parts[0].inputs) <= 360
