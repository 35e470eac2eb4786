"""Forcing in time that was not measured: found with its numbers, and not where there is none."""

import numpy as np
import pytest
from problems import candidate, coefficients, narrow, prepared
from scipy.integrate import solve_ivp

import nsindy
from nsindy.discovery.inputs import breaks, forced, forcing_hints, steps_in_time, waves_in_time
from nsindy.discovery.inputs.lines import lines
from nsindy.discovery.preparation.question import Question
from nsindy.discovery.supports.fitted_numbers import NOTHING_FITTED
from nsindy.discovery.supports.session import Session
from nsindy.recording import check
from nsindy.report.page import write_report
from nsindy.terms.numbered import WAVE, Inner

OPERATIONS = ()


def recorded(field, initial, end, rows, noise=0.005, seed=0):
    times = np.linspace(0, end, rows)
    clean = solve_ivp(
        field, (0, end), initial, t_eval=times, rtol=1e-9, atol=1e-10, max_step=end / rows
    ).y.T
    draws = np.random.default_rng(seed).standard_normal(clean.shape)
    return times, clean + noise * clean.std(0) * draws


def fitted(found, word):
    """The number that a warning states, and its error."""
    (said,) = (w for w in found.notes if word in w)
    value, error = said.rsplit(": ", 1)[1].split(" ± ")
    return float(value), float(error.split()[0])


@pytest.mark.slow
def test_a_drive_with_its_frequency_and_phase():
    """An oscillator with 0.4 cos(1.7 t + 0.5), which was not recorded."""
    driven = recorded(
        lambda t, y: [y[1], -y[0] - 0.2 * y[1] + 0.4 * np.cos(1.7 * t + 0.5)], (1.0, 0.0), 30, 240
    )
    oscillator = nsindy.discover(*driven, states=["x", "v"], operations=OPERATIONS)
    assert oscillator.time == "t" and oscillator.inputs == ()
    number, error = fitted(oscillator, "is fitted")
    assert abs(number - 1.7) < 4 * error < 0.01
    row = coefficients(oscillator, 1)
    truth = (-1.0, -0.2, -0.4 * np.sin(0.5), 0.4 * np.cos(0.5))
    assert list(row)[:2] == ["x", "v"] and [n[:4] for n in row][2:] == ["sin(", "cos("]
    for (value, spread), true in zip(row.values(), truth, strict=True):
        assert abs(value - true) < 4 * spread < 0.04
    (said,) = (w for w in oscillator.notes if "the drive of v'" in w)
    size, phase = float(said.split(" is ")[1].split()[0]), float(said.rsplit(" ", 1)[1][:-1])
    assert size == pytest.approx(0.4, abs=0.01) and phase == pytest.approx(0.5, abs=0.05)
    path = np.asarray(oscillator.simulate([1.0, 0.0], driven[0]))
    np.testing.assert_allclose(path, driven[1], atol=0.05)


@pytest.mark.slow
def test_a_drive_of_a_chaotic_oscillator():
    """Its best autonomous equations have none of the right terms."""
    times, states = recorded(
        lambda t, y: [y[1], y[0] - y[0] ** 3 - 0.3 * y[1] + 0.5 * np.cos(1.2 * t)],
        (1.0, 0.0),
        40,
        600,
    )
    found = nsindy.discover(times, states, states=["x", "v"])
    assert set(coefficients(found, 0)) == {"v"}
    assert set(coefficients(found, 1)) == {"x", "v", "x^3", "cos(1.200 t)"}
    number, error = fitted(found, "is fitted")
    assert abs(number - 1.2) < 4 * error < 0.001


@pytest.mark.slow
def test_a_step_at_a_time(tmp_path):
    times, states = recorded(lambda t, y: [1.0 + 2.0 * (t >= 10) - 0.5 * y[0]], (0.0,), 20, 200)
    found = nsindy.discover(times, states, states=["m"], operations=OPERATIONS)
    time, error = fitted(found, "the time of step")
    assert abs(time - 10) < 4 * error < 0.1
    terms = coefficients(found, 0)
    assert list(terms)[:2] == ["1", "m"] and list(terms)[2].startswith("step(t - ")
    for (value, spread), true in zip(terms.values(), (1.0, -0.5, 2.0), strict=True):
        assert abs(value - true) < 4 * spread < 0.1
    before, after = (float(found.vector_field(t, np.array([0.0]))[0]) for t in (9.0, 11.0))
    assert after - before == pytest.approx(2.0, abs=0.05)
    found.save(tmp_path / "step.json")
    assert nsindy.load(tmp_path / "step.json").equations() == found.equations()
    (right,) = found.to_sympy()
    assert float(right.subs({"m": 0, "t": 11})) == pytest.approx(after, rel=1e-6)


@pytest.fixture(scope="module")
def wave():
    return recorded(lambda t, y: [np.cos(t)], (0.0,), 20, 200)


@pytest.fixture(scope="module")
def cosine(wave):
    return nsindy.discover(*wave, states=["x"], operations=OPERATIONS)


@pytest.mark.slow
def test_a_derivative_that_is_a_function_of_the_time_alone(cosine, wave):
    (name,) = coefficients(cosine, 0)
    assert name.startswith("cos(1.0") and name.endswith(" t)")
    assert cosine.time == "t" and cosine.inputs == () and cosine.variables == ("x", "t")
    number, error = fitted(cosine, "is fitted")
    assert abs(number - 1.0) < 4 * error < 0.01
    assert "x'' = -1 (x - its mean)" in cosine.warnings[1]
    none = nsindy.discover(*wave, states=["x"], operations=OPERATIONS, forcing=False, order=1)
    assert none.time == "" and len(none.variables) == 1


@pytest.mark.slow
def test_the_time_counts_in_all_that_is_made_of_it(cosine, wave, tmp_path):
    times, states = wave
    late = np.asarray(cosine.vector_field(2.0, np.array([0.0])))
    np.testing.assert_allclose(late, [np.cos(2.0)], atol=0.01)
    path = np.asarray(cosine.simulate([0.0], times))
    np.testing.assert_allclose(path, states, atol=0.03)
    (right,) = cosine.to_sympy()
    assert float(right.subs({"x": 0, "t": 2.0})) == pytest.approx(late[0], rel=1e-9)
    cosine.save(tmp_path / "driven.json")
    loaded = nsindy.load(tmp_path / "driven.json")
    assert loaded.equations() == cosine.equations() and loaded.time == "t"
    np.testing.assert_allclose(loaded.vector_field(2.0, np.array([0.0])), late, rtol=1e-12)
    assert (np.asarray(cosine.held_out.r2) > 0.99).all()
    recordings = check.check_arrays(times, states, states=["x"])
    page = write_report(tmp_path, cosine, recordings, command="by hand").read_text()
    assert "depend on the time" in page


def test_the_frequency_is_offered_that_the_derivatives_show(wave):
    """Alone, in a library whose waves do not stand times the state."""
    made = prepared(wave[0], wave[1])
    session = Session(made.parts, made.signals, Question(operations=()), lambda *now: None)
    _, built = waves_in_time._timed(session, made)
    (line, *_) = lines(built, [0])
    offer = waves_in_time._offer(built, candidate(np.zeros(made.back.shape)), line)
    assert offer.inner[:3] == (WAVE, 1, pytest.approx(1.0, abs=0.01))
    assert offer.mask[0].tolist() == [False] * (len(built.terms)) + [True, True]
    assert not offer.followed


@pytest.mark.slow
def test_a_season_of_births():
    """N' = (0.1 + 0.06 sin w t) N - 0.002 N² over three years."""
    w = 2 * np.pi / 365

    def field(t, y):
        return [(0.1 + 0.06 * np.sin(w * t)) * y[0] - 0.002 * y[0] ** 2]

    times, states = recorded(field, (30.0,), 1095, 219, 0.01)
    found = nsindy.discover(times, states, states=["N"])
    assert set(coefficients(found, 0)) == {"N", "N^2", f"N sin({found.parameters['w_t']:.5f} t)"}
    assert abs(found.parameters["w_t"] - w) < 4 * found.parameter_errors["w_t"] < 1e-3 * w
    again = found.simulate(states[0], times)
    assert np.std(again - states) < 0.02 * states.std()


@pytest.mark.slow
@pytest.mark.parametrize("forced", (None, True))
@pytest.mark.parametrize("seed", range(3))
def test_no_drive_where_there_is_none(seed, forced):
    times, states = recorded(
        lambda t, y: [y[1], 1.5 * (1 - y[0] ** 2) * y[1] - y[0]], (1.0, 0.0), 20, 300, 0.01, seed
    )
    found = nsindy.discover(times, states, states=["x", "v"], operations=OPERATIONS, forcing=forced)
    assert found.time == ""
    assert [set(coefficients(found, d)) for d in (0, 1)] == [{"v"}, {"x", "v", "x^2 v"}]


def test_a_line_in_noise_is_as_likely_as_it_is_said():
    """Among 2,000 spectra of white noise, those below a level of 5 % are about so many."""
    draws = np.random.default_rng(0).standard_normal((2000, 101))
    levels = np.array([forcing_hints.line_probability(row) for row in draws])
    # The binomial's standard deviation is 0.5 %; the formula is the first term of a series.
    assert 0.03 < np.mean(levels < 0.05) < 0.065
    # With amplitude 1 the line has a third of all, and 50 (2/3)^49 is 1e-7.
    wave = np.sin(2 * np.pi * 14 / 101 * np.arange(101))
    assert np.median([forcing_hints.line_probability(row + wave) for row in draws[:100]]) < 1e-3
    assert forcing_hints.line_probability(np.zeros(10)) == 1.0


def test_a_ramp_is_a_step_on_average():
    times = np.linspace(0, 10, 51)
    for time in (3.0, 3.07, 3.1):
        ramp = breaks.ramp(times, time)
        assert np.trapezoid(ramp, times) == pytest.approx(10 - time, abs=1e-12)


@pytest.mark.parametrize(
    ("threshold", "kind", "once"),
    [(2.0, "sigmoid", True), (2.0, "hinge", False), (1.0, "sigmoid", False)],
)
def test_a_threshold_that_is_passed_once_is_a_moment(threshold, kind, once):
    """A wave about a line passes 2 once, and 1 three times."""
    times = np.linspace(0, 4, 200)
    problem = prepared(times, np.column_stack([times + 0.8 * np.sin(3 * times)]))
    numbers = NOTHING_FITTED._replace(inner=(Inner(kind, 0, threshold, "c", second=9.0),))
    assert forcing_hints.switches_once(problem, NOTHING_FITTED) is False
    assert forcing_hints.switches_once(problem, numbers) is once


def test_a_step_is_looked_for_where_a_row_lacks_a_value():
    """A long recording is thinned among the rows that were measured; m' = 1 + 2 step - 0.5 m."""
    field = lambda t, y: [1.0 + 2.0 * (t > 10) - 0.5 * y[0]]  # noqa: E731
    times, states = recorded(field, [1.0], 20, 601)
    lacking = states.copy()
    lacking[300] = np.nan
    offered = []
    for values in (states, lacking):
        made = prepared(times, values, degree=2)
        base = candidate(np.array([[1.0, -0.5, 0.0]]) / made.back)
        offered += steps_in_time._offered_beside(made, base, np.array([0.01]))
    # Of 601 rows every other is looked at, of 600 each.
    (_, whole), (_, other) = offered
    assert abs(whole.time - 10) < 1 and abs(other.time - 10) < 1 and 0 < other.price < 15


def test_a_map_has_no_forcing():
    with pytest.raises(ValueError, match="a map has no forcing in time"):
        Question(map=True, forcing=True)


def test_slots_are_left_for_a_forcing_by_the_smallest_contributions():
    """Of an equation with as many terms as it may hold; an equation with fewer keeps them all."""
    problem = narrow(5, 2, shares=np.ones((2, 5)), slots=3)
    base = candidate([[3.0, 0.1, -2.0, 0.0], [0.5, 0.0, 0.0, 0.0]])
    first = forced.with_slots(problem, base, 0, 2)
    assert first.tolist() == [[True, False, False, False], [True, False, False, False]]
    assert forced.with_slots(problem, base, 1, 2).tolist() == base.mask.tolist()


@pytest.mark.slow
def test_a_drift_is_no_step():
    """x' = 0.1 t - 0.5 x: the time itself, though a step would pay as well against none."""
    times, states = recorded(lambda t, y: [0.1 * t - 0.5 * y[0]], (1.0,), 20, 200)
    found = nsindy.discover(times, states, states=["x"])
    assert set(coefficients(found, 0)) == {"x", "t"}


@pytest.mark.slow
def test_a_rate_that_drifts():
    """A catalyst that wears out: what is fed in steps reacts the slower the later."""
    feed = np.repeat([1.0, 3.0, 1.5, 2.5, 0.5, 2.0], 40)
    times = np.linspace(0, 120, len(feed))

    def reactor(t, y):
        held = feed[min(np.searchsorted(times, t, side="right") - 1, len(feed) - 1)]
        return [0.2 * held - 0.62 * y[0] + 0.0035 * t * y[0]]

    path = solve_ivp(reactor, (0, 120), [0.5], t_eval=times, rtol=1e-9, max_step=0.25).y.T
    path = path + 0.005 * path.std() * np.random.default_rng(0).standard_normal(path.shape)
    found = nsindy.discover(times, path, states=["c"], inputs=feed, input_names=["feed"])
    assert set(coefficients(found)) == {"c", "feed", "c t"}
    value, error = coefficients(found)["c t"]
    assert abs(value - 0.0035) < 3 * error and "a rate drifts" in found.warnings[0]
