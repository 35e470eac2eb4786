"""States that were measured at different times, or with cells missing: a predator and its prey."""

import numpy as np
import problems
import pytest

import nsindy
from nsindy.discovery.answer import conclusion
from nsindy.discovery.preparation import segmentation, signals, smooth_signals, smoothing, thinning
from nsindy.recording.check import Recording, Recordings
from nsindy.recording.merge import merge

TRUTH = {("x", "x"): 1.0, ("x", "x y"): -0.5, ("y", "y"): -0.8, ("y", "x y"): 0.3}


def prey(times):
    return problems.solved(
        lambda y: [y[0] - 0.5 * y[0] * y[1], 0.3 * y[0] * y[1] - 0.8 * y[1]], [2.0, 1.0], times
    )


def noisy(clean, seed):
    sigma = 0.01 * clean.std(0)
    return clean + sigma * np.random.default_rng(seed).standard_normal(clean.shape), sigma


def at_different_rates(seed):
    """x every 0.1, y every 0.35 from 0.05 on."""
    first, second = np.arange(0, 30, 0.1), np.arange(0.05, 30, 0.35)
    every = np.union1d(first, second)
    x, sigma = noisy(prey(every), seed)
    own = [np.searchsorted(every, each) for each in (first, second)]
    return *merge((first, x[own[0], 0]), (second, x[own[1], 1])), sigma


def with_cells_missing(seed):
    times = np.arange(0, 30, 0.1)
    x, sigma = noisy(prey(times), seed)
    x[np.random.default_rng(seed + 100).random(x.shape) < 0.4] = np.nan
    return times, x, sigma


@pytest.mark.slow
@pytest.mark.parametrize("make", (at_different_rates, with_cells_missing))
@pytest.mark.parametrize("seed", (0, 1))
@pytest.mark.unmeasured
def test_no_grid_is_needed(make, seed):
    times, x, sigma = make(seed)
    found = nsindy.discover(times, x)
    coefficients, errors = map(np.asarray, (found.coefficients, found.standard_errors))
    placed = {
        (found.states[d], found.terms[m]): (coefficients[d, m], errors[d, m])
        for d, m in np.argwhere(coefficients != 0)
    }
    assert placed.keys() == TRUTH.keys()
    for key, (value, error) in placed.items():
        assert abs(value - TRUTH[key]) < 4 * error < 0.05
    # 86 values of y say its noise to 8 %, and four numbers were fitted.
    np.testing.assert_allclose(found.noise, sigma, rtol=0.25)
    assert (found.held_out.r2 > 0.99).all()
    assert any("a state is fitted where it was measured" in note for note in found.notes)


def test_a_missing_cell_weighs_nothing():
    times, x, _ = with_cells_missing(2)
    (found,), units = smooth_signals.smooth_recordings([Recording(times, x, np.zeros((300, 0)))], 1)
    segments = segmentation.segments([found], units, np.ones(5, bool), substeps=1, length=8)
    weights = np.asarray(segments.weights)
    np.testing.assert_array_equal((weights > 0).sum((0, 1)), np.isfinite(x).sum(0))
    np.testing.assert_array_equal(signals.cells([found]), np.isfinite(x).sum(0))
    seen = np.isfinite(x)
    np.testing.assert_allclose(found.measured[seen], (x / units.states)[seen], rtol=1e-15)
    clean = prey(times) / units.states
    assert np.max(np.abs(found.states - clean)[5:-5]) < 0.02


def test_what_is_not_measured_does_not_change_the_spline_of_what_is():
    """Rows in which only another state was measured are places to look at, no knots."""
    times = np.linspace(0, 6, 120)
    values = np.sin(times) + 0.01 * np.random.default_rng(0).standard_normal(120)
    own = smoothing.smooth(times, values)
    more = np.union1d(times, np.linspace(0.01, 5.99, 77))
    asked = smoothing.smooth(times, values, at=more)
    rows = np.searchsorted(more, times)
    for name in ("states", "derivatives", "curvatures", "noise"):
        np.testing.assert_allclose(
            getattr(asked, name)[rows], getattr(own, name), rtol=1e-9, atol=1e-9
        )
    assert np.max(np.abs(asked.states - np.sin(more))) < 0.02


def test_beyond_its_measurements_a_state_goes_on_straight_for_a_step():
    times = np.linspace(1, 2, 30)
    found = smoothing.smooth(times, 3 * times, at=np.array([0.0, 1.0, 2.0, 2.01, 9.0]))
    end = 6 + 3 / 29
    np.testing.assert_allclose(found.states, [3 - 3 / 29, 3, 6, 6.03, end], atol=1e-6)


@pytest.mark.parametrize("gap", (3, 40))
def test_regressions_leave_long_gaps_out(gap):
    """A spline guesses there; a trajectory needs no guess, and rows where y is measured count."""
    times = np.arange(0, 30, 0.1)
    x, _ = noisy(prey(times), 0)
    x[100 : 100 + gap, 0] = np.nan
    x[250:, 1] = np.nan
    (found,), _ = smooth_signals.smooth_recordings([Recording(times, x, np.zeros((300, 0)))], 1)
    expected = np.ones(300, bool)
    expected[100 : 100 + gap] = gap == 3
    expected[250:] = False
    np.testing.assert_array_equal(found.near, expected)


def test_long_recordings_are_averaged_state_by_state(monkeypatch):
    monkeypatch.setattr(signals.constants, "MOST_SAMPLES", 100)
    times = np.arange(600.0)
    x = np.stack([times, 2 * times], 1)
    x[1::2, 0] = x[::2, 1] = np.nan
    thin = thinning.thin(Recording(times, x, times[:, None]))
    seen = np.isfinite(thin.states)
    assert len(thin.times) <= 100 and (seen.sum(0) == 50).all()
    for d, slope in enumerate((1, 2)):
        np.testing.assert_allclose(thin.states[seen[:, d], d], slope * thin.times[seen[:, d]])
    assert (np.abs(thin.inputs[:, 0] - thin.times) <= 0.5).all()


def test_states_that_were_never_measured_together_are_refused():
    times = np.arange(0, 30, 0.1)
    x = prey(times)
    x[150:, 0] = x[:150, 1] = np.nan
    with pytest.raises(ValueError, match="do not overlap: no equation can hold several of them"):
        smooth_signals.smooth_recordings([Recording(times, x, np.zeros((300, 0)))], 1)


def test_what_was_seldom_measured_is_not_averaged(monkeypatch):
    monkeypatch.setattr(signals.constants, "MOST_SAMPLES", 100)
    times = np.arange(600.0)
    x = np.stack([times, 2 * times], 1)
    x[np.arange(600) % 30 != 0, 1] = np.nan
    thin = thinning.thin(Recording(times, x, np.zeros((600, 0))))
    seen = np.isfinite(thin.states)
    assert seen.sum(0).tolist() == [50, 20]
    np.testing.assert_array_equal(thin.times[seen[:, 1]], times[::30])


def test_an_input_that_was_not_logged_is_filled_in_between():
    times = np.arange(20.0)
    inputs = np.where(times[:, None] % 4 == 0, 3 * times[:, None], np.nan)
    (part,) = thinning.thinned([Recording(times, prey(times), inputs)])
    np.testing.assert_allclose(part.inputs[:, 0], 3 * np.minimum(times, 16))


def test_where_nothing_has_an_equation_gaps_are_no_errors():
    x = np.column_stack([np.arange(20.0), np.ones(20)])
    x[[0, 5, 15, 19], 0] = np.nan
    part = Recording(np.arange(20.0), x, np.zeros((20, 0)))
    found = conclusion.nothing(Recordings((part,), ("x", "y"), (), ()))
    np.testing.assert_allclose(found.initial, [[1.0, 1.0]])
    # Held out are 16 to 19, of which 19 was not measured; the last value before is 14.
    left = np.array([2, 3, 4])
    np.testing.assert_allclose(found.held_out.rmse, [np.sqrt(np.mean(left**2)), 0])
    assert np.isfinite(found.noise).all()
