"""One state that was not measured: its equations, and a law of a person's own."""

from types import SimpleNamespace

import hidden_motions
import numpy as np
import problems
import pytest
from scipy.integrate import solve_ivp
from scipy.optimize import least_squares

import nsindy
from nsindy.discovery import constants
from nsindy.discovery.laws import hidden_law
from nsindy.discovery.laws.hidden_law import HiddenStart
from nsindy.discovery.preparation.question import Question
from nsindy.recording.check import Recording

B, G = 1.6, 0.4
LAW = "S' = -b*S*I; I' = c*S*I - g*I"


@pytest.fixture(scope="module")
def epidemic():
    """Times, and the share of the infected with 1 % of noise."""
    t = np.linspace(0, 14, 120)
    clean = solve_ivp(
        lambda t, y: [-B * y[0] * y[1], B * y[0] * y[1] - G * y[1]], (0, 14), [0.98, 0.02],
        t_eval=t, rtol=1e-9, atol=1e-11,
    ).y[1]  # fmt: skip
    return t, clean + np.random.default_rng(0).normal(0, 0.01 * clean.std(), clean.shape)


@pytest.fixture(scope="module")
def found(epidemic):
    return nsindy.discover(*epidemic, states=["I"], hidden="S", law=LAW)


@pytest.mark.slow
def test_an_epidemic_is_found_from_its_prevalence(found):
    chosen = np.asarray(found.coefficients) != 0
    terms = [{found.terms[m] for m in np.flatnonzero(row)} for row in chosen]
    # S is b S - g here: I' = I h, h' = -b I h - b g I.
    assert terms == [{"I S"}, {"I", "I S"}]
    values = {found.terms[m]: found.coefficients[1, m] for m in np.flatnonzero(chosen[1])}
    errors = {found.terms[m]: found.standard_errors[1, m] for m in np.flatnonzero(chosen[1])}
    assert abs(values["I S"] + B) < 4 * errors["I S"]
    assert abs(values["I"] + B * G) < 4 * errors["I"]
    assert found.verdict == "equation"
    assert any("S was not measured, so nothing tells its scale" in w for w in found.notes)


@pytest.mark.slow
def test_a_law_says_which_of_its_numbers_no_recording_tells(found):
    law = found.laws[1]
    values, errors = (dict(zip(law.names, x, strict=True)) for x in (law.values, law.errors))
    assert abs(values["b"] - B) < 4 * errors["b"]
    assert abs(values["g"] - G) < 4 * errors["g"]
    # c only scales S.
    assert np.isnan(errors["c"])
    assert "the recording does not tell c apart" in law.describe()
    # Its terms are not paid for, and it explains as much.
    assert 0 < law.nats < 30


@pytest.mark.slow
def test_it_is_simulated_saved_and_read(found, epidemic, tmp_path):
    assert (found.states, found.measured, found.hidden) == (("I", "S"), ("I",), ("S",))
    found.save(tmp_path / "d.json")
    again = nsindy.load(tmp_path / "d.json")
    assert (again.hidden, again.measured) == (("S",), ("I",))
    t, measured = epidemic
    path = np.asarray(again.simulate(again.initial[0], t))
    # Noise of 1 % of the standard deviation is what the solution leaves.
    assert np.std(path[:, 0] - measured) < 0.02 * measured.std()


@pytest.mark.slow
def test_a_report_has_the_hidden_state(found, epidemic, tmp_path):
    from nsindy.recording import check
    from nsindy.report import replay, term_shares

    t, measured = epidemic
    recordings = check.check_arrays(t, measured, states=["I"])
    (one,) = replay.replays(found, recordings)
    assert one.smooth.shape == one.highest.shape == (len(t), 2)
    left = term_shares.left_over(found, [one])
    # The simulation of S obeys its equation exactly.
    assert left[1, -1] < 1e-20


@pytest.mark.parametrize(
    ("knobs", "said"),
    (
        ({"hidden": 2}, "hidden must be 1 or the name of one state, not 2"),
        ({"hidden": "S'"}, "hidden must be 1 or the name of one state"),
        ({"hidden": 1, "order": 2}, "a hidden state is one of equations of first order"),
        ({"hidden": "I"}, "would have the name of a column, I"),
        ({"hidden": "S", "law": "S' = -b*S*I"}, "has no equation for I"),
        ({"hidden": "S", "law": "S' = -b*S*I; I' = -g*I"}, "no equation of a measured state"),
        ({"hidden": "S", "know": "I' = -0.4*I"}, "enters no equation of a measured state"),
    ),
)
def test_what_cannot_be_is_refused(epidemic, knobs, said):
    with pytest.raises(ValueError, match=said):
        nsindy.discover(*epidemic, states=["I"], **knobs)


@pytest.fixture(scope="module")
def fortnight():
    """Daily counts of an epidemic among 763, and what least squares from the truth make of them."""
    days, truth = np.arange(1.0, 15.0), np.array([1.7, 0.45, 3.0, 760.0])

    def solved(b, g, *initial):
        return solve_ivp(
            lambda t, y: _epidemic(y, (b, g)),
            (1, 14), np.array(initial) / 763, t_eval=days, rtol=1e-9, atol=1e-11,
        ).y[0]  # fmt: skip

    noise = np.random.default_rng(0).normal(0, 10 / 763, len(days))
    infected = solved(*truth) + noise
    best = least_squares(lambda z: solved(*(z * truth)) - infected, np.ones(4)).x * truth
    scale = np.array([infected.max(), 2.0])
    part = Recording(days, infected[:, None], np.zeros((len(days), 0)))
    smooth = np.column_stack([infected / scale[0], np.ones(len(days))])
    units = SimpleNamespace(states=scale)
    posed = SimpleNamespace(parts=[part], signals=[problems.signal(smooth)], units=units)
    return posed, best


def _epidemic(variables, numbers):
    infected, healthy = variables
    new = numbers[0] * healthy * infected
    return np.array([new - numbers[1] * infected, -new])


@pytest.mark.slow
def test_starts_are_followed_to_the_least_squares_of_a_fortnight(fortnight):
    """14 rows tell no second derivative, so they are far off, and the course begins below zero."""
    posed, best = fortnight
    far = HiddenStart(np.array([0.97, 0.63]), np.append(-7.0, np.linspace(0.6, 2.4, 13)))
    lost = HiddenStart(np.array([-400.0, -9e3]), np.full(14, 1e9))
    found = hidden_law.followed([lost, far], _epidemic, posed)
    np.testing.assert_allclose(found[0].numbers, best[:2], rtol=1e-3)
    # What cannot be followed is not in the way, and the starts stay behind.
    assert all(np.isfinite(each.course).all() for each in found)
    assert found[-1] is far or found[-1] is lost
    # Rows that tell second derivatives are not followed.
    (part,) = posed.parts
    long = part._replace(times=np.arange(constants.LAW_FOLLOWED + 1.0))
    many = SimpleNamespace(parts=[long], signals=posed.signals, units=posed.units)
    assert hidden_law.followed([far], _epidemic, many) == [far]


@pytest.mark.slow
def test_a_room_whose_walls_were_not_measured():
    """Weather and a heater act on both: two terms of the room beside its walls."""
    motion = hidden_motions.room()
    noise = 0.05 * np.random.default_rng(0).standard_normal(len(motion.times))
    found = nsindy.discover(
        motion.times,
        motion.states[0] + noise,
        states=["room"],
        hidden="walls",
        inputs=motion.inputs.T,
        input_names=["weather", "heater"],
        hold=[False, True],
    )
    chosen = np.asarray(found.coefficients) != 0
    room, walls = ({found.terms[m] for m in np.flatnonzero(row)} for row in chosen)
    # The room itself stands in one of the two, in coordinates of as few terms.
    every = {"room", "walls", "weather", "heater"}
    assert room | {"room"} == walls | {"room"} == every and len(room) + len(walls) == 7
    assert found.verdict == "equation"
    beside = dict(zip(found.terms, np.asarray(found.coefficients)[0], strict=True))
    assert beside["weather"] == pytest.approx(0.13, rel=0.1)
    assert beside["heater"] == pytest.approx(0.62, rel=0.03)


def test_a_count_or_a_name():
    assert Question().hidden_names == Question(hidden="0").hidden_names == ()
    assert Question(hidden=1).hidden_names == Question(hidden="1").hidden_names == ("h",)
    assert Question(hidden="S").hidden_names == ("S",)


def test_a_hidden_state_is_solved_for_sample_by_sample():
    truth = np.linspace(0.5, 50.0, 7)
    straight = hidden_law._solved(lambda s: 3 * s - 1, 3 * truth - 1)
    np.testing.assert_allclose(straight, truth, rtol=1e-12)
    root = hidden_law._solved(lambda s: 0.7 * np.sqrt(s) - 1, 0.7 * np.sqrt(truth) - 1)
    np.testing.assert_allclose(root, truth, rtol=1e-6)
    assert np.isnan(hidden_law._solved(lambda s: s**2, -np.ones(3))).all()


@pytest.mark.slow
def test_a_toxin_that_was_not_measured_in_few_rows():
    """Its coordinates come in twins that fit exactly the same; neither takes the other's terms."""
    times = np.linspace(0, 40, 80)

    def culture(t, y):
        return [0.55 * y[0] - 0.09 * y[0] * y[1], 0.4 * y[0] - 0.08 * y[1]]

    yeast = solve_ivp(culture, (0, 40), [0.3, 0.0], t_eval=times, rtol=1e-9, atol=1e-10).y[0]
    yeast = yeast * (1 + 0.012 * np.random.default_rng(0).standard_normal(80))
    found = nsindy.discover(times, yeast, states=["yeast"], hidden="toxin")
    terms = [{found.terms[m] for m in np.flatnonzero(row)} for row in found.coefficients]
    short = [{"yeast", "yeast toxin"}, {"yeast", "toxin"}]
    assert found.verdict == "equation"
    assert terms in (short, [{"yeast toxin"}, {"1", "yeast", "toxin"}])
