"""Inputs that a controller holds, and inputs that run straight: x' = u - x / 2, solved exactly."""

from types import SimpleNamespace

import numpy as np
import pytest
from problems import prepared

import nsindy
from nsindy.discovery.inputs import readings
from nsindy.discovery.preparation import segmentation, signals, smooth_signals, smoothing
from nsindy.discovery.preparation.question import Question
from nsindy.recording.check import Recording

STEP = 0.1
TIMES = STEP * np.arange(300)


def driven(u, *, held):
    """x of x' = -x / 2 + u, u held or straight between the samples, from x = 1 on."""
    decay, ends = np.exp(-STEP / 2), np.append(u[1:], 0.0)
    slope = 0.0 * u if held else (ends - u) / STEP
    # The particular solution for a + b s is 2 a - 4 b + 2 b s.
    x = [1.0]
    for a, b in zip(u[:-1], slope[:-1], strict=True):
        x.append((x[-1] - 2 * a + 4 * b) * decay + 2 * a - 4 * b + 2 * b * STEP)
    return np.array(x)


def driven_late(u, delay):
    """The same with u of a row held from a share of its step on, one or one for each."""
    x, before = [1.0], np.append(u[:1], u[:-1])
    for a, b, share in zip(before[:-1], u[:-1], np.broadcast_to(delay, len(u) - 1), strict=True):
        between = (x[-1] - 2 * a) * np.exp(-STEP * share / 2) + 2 * a
        x.append((between - 2 * b) * np.exp(-STEP * (1 - share) / 2) + 2 * b)
    return np.array(x)


def inputs(kind, seed=0):
    draw = np.random.default_rng(seed).uniform(-1, 1, len(TIMES))
    return np.repeat(draw[::20], 20) if kind == "steps" else draw


def discovered(u, *, held, noise, **options):
    x = driven(u, held=held)
    x = x + noise * x.std() * np.random.default_rng(1).standard_normal(len(x))
    return nsindy.discover(TIMES, x, inputs=u, states=["x"], operations=(), **options)


def assert_right(found, digits, forecast=0.99):
    value = np.asarray(found.coefficients)[0]
    support = {found.terms[m]: m for m in np.flatnonzero(value)}
    assert support.keys() == {"x", "u"}
    for name, truth in (("x", -0.5), ("u", 1.0)):
        error = np.asarray(found.standard_errors)[0, support[name]]
        assert abs(value[support[name]] - truth) < max(4 * error, digits)
        assert error < 0.02
    assert found.held_out.r2[0] > forecast


@pytest.mark.parametrize(
    "kind", (pytest.param("steps", marks=pytest.mark.slow), "changing in every row")
)
@pytest.mark.parametrize("noise", (0.01, pytest.param(0.0, marks=pytest.mark.slow)))
def test_held_inputs_are_recognised(kind, noise):
    """Read as ramps, the second kind gives -0.46 and false terms."""
    found = discovered(inputs(kind), held=True, noise=noise)
    assert found.held == (True,)
    assert_right(found, 1e-4)
    assert any("u is read as held from each row to the next" in note for note in found.notes)


def test_straight_inputs_stay_straight():
    found = discovered(inputs("changing in every row"), held=False, noise=0.01)
    assert found.held == (False,)
    assert_right(found, 1e-4)
    assert not any("held" in note for note in found.notes)


@pytest.mark.slow
def test_a_person_decides():
    u = inputs("changing in every row")
    ramp = discovered(u, held=True, noise=0.01, hold=False)
    held = discovered(u, held=True, noise=0.01, hold=[True])
    assert (ramp.held, held.held) == ((False,), (True,))
    assert_right(held, 1e-4)
    assert ramp.score < held.score - 10
    assert not any("--hold" in note for note in held.notes)
    with pytest.raises(ValueError, match="hold has 2 values for 1 inputs; give one, or one for"):
        discovered(u, held=True, noise=0.01, hold=[True, False])


def test_what_repeats_its_value_is_taken_for_held_at_first():
    sampled = np.stack([inputs("steps"), np.sin(TIMES), np.round(np.sin(TIMES), 1)], 1)
    part = Recording(TIMES, np.sin(TIMES)[:, None], sampled)
    found = readings.usual([part], Question())
    np.testing.assert_array_equal(found[:2], [True, False])
    np.testing.assert_array_equal(readings.usual([part], Question(hold=True)), [True] * 3)
    assert readings.usual([part._replace(inputs=sampled[:, :0])], Question()).shape == (0,)


def test_an_interval_begins_and_ends_with_what_the_input_is_there():
    u = np.stack([inputs("a"), inputs("b", 1)], 1)
    part = Recording(TIMES, np.sin(TIMES)[:, None], u)
    (found,), units = smooth_signals.smooth_recordings([part], 1, np.array([True, False]))
    segments = segmentation.segments([found], units, np.ones(9, bool), substeps=1, length=300)
    given = np.asarray(segments.inputs)[0, :299] * units.inputs
    np.testing.assert_allclose(given[:, 0], u[:-1])
    np.testing.assert_allclose(given[:, 1, 0], u[:-1, 0])
    np.testing.assert_allclose(given[:, 1, 1], u[1:, 1])


def test_a_spline_breaks_where_a_held_input_steps():
    """The derivative there is the mean of what it was and what it is."""
    u = inputs("steps")
    x = driven(u, held=True)
    steps = signals.steps_of(u[:, None])
    found = smoothing.smooth(TIMES, x, breaks=TIMES[steps])
    true = u - x / 2
    before = np.append(u[:1], u[:-1]) - x / 2
    inner = slice(3, -3)
    np.testing.assert_allclose(found.derivatives[inner], ((true + before) / 2)[inner], atol=2e-3)
    # Without, the steps are smeared over several rows.
    smeared = smoothing.smooth(TIMES, x)
    assert np.max(np.abs(smeared.derivatives - (true + before) / 2)) > 0.05


@pytest.mark.parametrize("kind", ("steps", pytest.param("every row", marks=pytest.mark.slow)))
def test_an_input_that_acts_late_is_recognised(kind):
    u = inputs(kind)
    x = driven_late(u, 0.4)
    x = x + 0.01 * x.std() * np.random.default_rng(1).standard_normal(len(x))
    found = nsindy.discover(TIMES, x, inputs=u, states=["x"], operations=())
    assert found.held == (True,)
    # 1 % of noise and 14 steps of some 0.7 tell it to a few hundredths.
    assert abs(found.delay - 0.4) < 0.15
    assert_right(found, 1e-4)
    assert any("of a step later than the row says" in note for note in found.notes)


@pytest.mark.parametrize(
    ("asked", "rows"), ((None, 300), pytest.param("since", 40, marks=pytest.mark.slow))
)
def test_sums_of_the_time_since_the_row_before_are_recognised(asked, rows):
    """As the rain of the last hour: what stands in a row acts before it."""
    u = inputs("every row")
    x = driven(np.append(u[1:], u[-1:]), held=True)
    x = (x + 0.01 * x.std() * np.random.default_rng(1).standard_normal(len(x)))[:rows]
    found = nsindy.discover(
        TIMES[:rows], x, inputs=u[:rows], states=["x"], operations=(), hold=asked
    )
    assert found.held == (True,) and found.delay == -1
    assert_right(found, 1e-4)
    assert any("acting since the row before" in note for note in found.notes)
    # A simulation of the whole, with inputs as they stand in the rows.
    path = np.asarray(found.simulate(np.array([1.0]), TIMES[:rows], u[:rows, None]))[:, 0]
    assert np.std(path - x) < 0.02 * x.std()


def test_what_is_late_acts_as_a_line_of_the_same_mean_and_moment():
    u = inputs("every row")
    part = Recording(TIMES, np.sin(TIMES)[:, None], u[:, None])
    (found,), units = smooth_signals.smooth_recordings([part], 1, np.array([True]))
    late = readings._later(found, 0.3)
    begin, end = late.inputs[:-1, 0] * units.inputs, late.before[1:, 0] * units.inputs
    before, now = np.append(u[:1], u[:-2]), u[:-1]
    np.testing.assert_allclose((begin + end) / 2, 0.3 * before + 0.7 * now)
    # Of a step at 0.3 and of a line, the first moment about the middle.
    np.testing.assert_allclose((end - begin) / 12, 0.3 * 0.7 / 2 * (now - before))


def test_rows_of_late_inputs_hold_no_measurement():
    part = Recording(TIMES, np.sin(TIMES)[:, None], inputs("steps")[:, None])
    (found,) = readings.delayed([part], np.array([True]), 0.3)
    assert len(found.times) == len(TIMES) + 14
    seen = np.isfinite(found.states[:, 0])
    np.testing.assert_array_equal(found.times[seen], TIMES)
    changes = found.times[signals.steps_of(found.inputs)]
    np.testing.assert_allclose(changes, TIMES[20::20] + 0.03)


def test_a_late_input_moves_beside_a_forcing_in_time_that_was_not_measured():
    part = Recording(TIMES, np.sin(TIMES)[:, None], inputs("steps")[:, None])
    (late,) = readings.delayed([part], np.array([True]), 0.3)
    wave = np.sin(3 * late.times)
    made = prepared(late.times, late.states, inputs=np.column_stack([late.inputs, wave]))
    found = SimpleNamespace(segments=made.segments(1.0))
    cut = readings._moving_steps(made, [part], found, 1.0)
    np.testing.assert_allclose(cut(0.3).steps, found.segments.steps, atol=1e-12)
    assert np.max(np.abs(cut(0.4).steps - found.segments.steps)) > 0.05 * STEP / made.units.time


@pytest.mark.slow
def test_what_is_asked_of_each_input_may_stand_in_an_array():
    u = inputs("steps")
    both = np.stack([u, np.sin(TIMES)], 1)
    x, asked = driven(u, held=True)[:, None], np.array([True, False])
    found = nsindy.discover(TIMES, x, inputs=both, states=["x"], operations=(), hold=asked)
    assert found.held == (True, False) and found.delay == 0


@pytest.mark.slow
def test_an_input_that_switches_between_the_rows():
    """Each step acts from an unknown moment of its interval on."""
    random = np.random.default_rng(5)
    u = inputs("steps")
    x = driven_late(np.append(u[1:], u[-1]), random.uniform(size=len(u) - 1))
    x = x + 0.002 * random.normal(size=len(x))
    found = nsindy.discover(TIMES, x, inputs=u, states=["x"], operations=())
    assert found.verdict == "equation"
    assert any("switches between the rows" in note for note in found.notes)
    # The forecast takes the steps at their rows.
    assert_right(found, 0.01, forecast=0.95)
