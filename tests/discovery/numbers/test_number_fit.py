"""Numbers inside terms against nonlinear least squares by SciPy, and what they must earn."""

from types import SimpleNamespace

import numpy as np
import pytest
import scipy.optimize
from problems import candidate, found, prepared, solved

import nsindy
from nsindy.discovery import constants
from nsindy.discovery.numbers import number_fit, number_scan
from nsindy.discovery.numbers.number_blocks import Offer
from nsindy.discovery.numbers.number_fit import Trial
from nsindy.discovery.numbers.several_numbers import Together
from nsindy.discovery.preparation.question import Question
from nsindy.discovery.preparation.signals import Units
from nsindy.discovery.supports import candidates
from nsindy.discovery.supports.candidates import Start
from nsindy.discovery.supports.fitted_numbers import FittedNumbers, simple_powers
from nsindy.discovery.supports.session import Session
from nsindy.terms.numbered import WAVE, Inner, inner_of
from nsindy.terms.text import readable
from nsindy.trajectories import inner_numbers
from nsindy.trajectories.inner_numbers import NumbersFit

TIMES, NOISE, OPERATIONS = np.linspace(0, 7, 101), 0.005, ("sin", "cos")
TRUTH = 0.0, 0.6, -0.4, 2 * np.pi
"""Initial state, constant, amplitude and w of x' = 0.6 - 0.4 sin(2π x), a phase in revolutions."""


def path(values):
    initial, constant, amplitude, number = values
    return solved(lambda x: constant + amplitude * np.sin(number * x), (initial,), TIMES)


@pytest.fixture(scope="module")
def recording():
    clean = path(TRUTH)
    return clean + NOISE * np.random.default_rng(0).standard_normal(clean.shape)


@pytest.fixture(scope="module")
def problem(recording):
    """With a wave of a number that is off by 1 %, some ten of its standard errors."""
    return prepared(TIMES, recording, operations=OPERATIONS, waves=[1.01 * TRUTH[3]])


def places(problem):
    names = [term.name(("x",)) for term in problem.terms]
    return [names.index("one()"), len(names) - 2]


def fitted(problem, mask):
    """The search that has chosen a support."""
    cut, samples = problem.segments(1.0), np.full(len(mask), float(len(TIMES)))
    noise, pool = NOISE / problem.units.states, {}
    start = candidates.regressed(problem.problem, mask)
    candidates.fit(problem.problem, cut, [start], noise, samples, pool)
    (chosen,) = pool.values()
    return found(chosen, problem=problem.problem, segments=cut, noise=noise, samples=samples)


@pytest.fixture(scope="module")
def searched(problem):
    """The true support, fitted with that number."""
    mask = np.zeros(problem.problem.admissible.shape, bool)
    mask[0, places(problem)] = True
    return fitted(problem, mask)


def test_number_error_and_slopes_are_those_of_least_squares(recording, problem, searched):
    wave = number_fit.fit_numbers(problem.units, searched)
    (inner,) = wave.inner
    fit = scipy.optimize.least_squares(
        lambda values: (path(values) - recording)[:, 0] / NOISE, TRUTH, x_scale=(0.1, 0.1, 0.1, 1.0)
    )
    covariance = np.linalg.inv(fit.jac.T @ fit.jac)
    error = np.sqrt(covariance[3, 3])
    # Where the steps end, w is within a tenth of its error.
    assert inner[:2] == (WAVE, 0) and abs(inner.number - fit.x[3]) < 0.1 * error
    assert abs(inner.number - TRUTH[3]) < 4 * error < 0.1
    assert wave.errors.tolist() == [pytest.approx(error, rel=0.05)]
    slopes = (wave.slopes[0] * problem.back)[0, places(problem)]
    np.testing.assert_allclose(slopes, covariance[1:3, 3] / covariance[3, 3], rtol=0.05)
    assert not np.delete(wave.slopes[0, 0], places(problem)).any() and wave.price == 0


@pytest.mark.slow
def test_a_phase_in_revolutions(recording):
    """From the recording alone: w is found, within its own error, where sin(x) does not fit."""
    discovery = nsindy.discover(TIMES, recording, states=["x"], operations=OPERATIONS)
    (chosen,) = (np.asarray(discovery.coefficients) != 0).tolist()
    terms = [term for term, used in zip(discovery.library, chosen, strict=True) if used]
    assert [term.primitive.name for term in terms] == ["one", "sin"]
    number = inner_of(terms[1]).number
    assert discovery.parameters == {"w_x": number}
    (message,) = (note for note in discovery.notes if "is fitted" in note)
    error = float(message.split("± ")[1].split()[0])
    assert abs(number - 2 * np.pi) < 4 * error < 0.1
    assert "radian per unit of x" in message
    assert discovery.parameter_errors["w_x"] == pytest.approx(error, rel=0.1)


@pytest.fixture
def offered(problem, searched, monkeypatch):
    """`offered(earned)`: a search with a number that is better by so many nats than without."""
    price = 7.0
    without = problem._replace(terms=problem.terms[:-2], units=problem.units._replace(inner=()))
    pool = [candidate(np.eye(1, len(without.terms)), score=100.0)]
    first = found(pool[0])
    session = SimpleNamespace(build=lambda units, substeps: problem, forcings=0)
    monkeypatch.setattr(number_scan, "offers", lambda *given, **knobs: [])
    monkeypatch.setattr(number_fit, "_search", lambda *given, **knobs: "again")
    monkeypatch.setattr(number_fit, "_explains", lambda *given: False)

    def ask(earned, kind=WAVE, chosen=(True, True)):
        inner = Inner(kind, 0, TRUTH[3])
        numbers = FittedNumbers((inner,), np.array([[1e-4]]), searched.chosen.coefficients[None])
        offer = Offer(inner, searched.chosen.mask, price)
        better = found(searched.chosen._replace(score=100.0 + price + earned))
        dropped = Trial(problem, first, number_fit.NOTHING_FITTED)
        settled = [Trial(problem, better, numbers) if one else dropped for one in chosen]
        starts = []

        def settle(session, prepared, given, share, inner, guides):
            starts.append((given, share, guides))
            return settled[len(starts) - 1]

        monkeypatch.setattr(number_fit, "fit_numbers", lambda *given: numbers)
        monkeypatch.setattr(number_fit, "_settled", settle)
        return number_fit.search_with(session, offer, without, first), starts

    return ask


@pytest.mark.parametrize("more", (0.0, 1e-6))
@pytest.mark.parametrize(
    ("kind", "least"), ((WAVE, constants.WAVE_EARNS), ("saturation", constants.NUMBER_EARNS))
)
def test_a_number_earns_so_many_nats_beyond_its_price(offered, kind, least, more):
    result, starts = offered(least + more, kind)
    assert result is not None and result.first == "again"
    assert result.numbers.price == 7.0 and result.numbers.inner == (Inner(kind, 0, TRUTH[3]),)
    # Searched on the first part and then on all, the first time from the best without it too.
    assert [(share, guides) for _, share, guides in starts] == [
        (1 - constants.HELD_OUT, constants.GUIDES),
        (1.0, 1),
    ]
    (offer, before, *others), _, _ = starts[0]
    assert all(isinstance(start, Start) for start in (offer, before, *others))
    assert offer.mask[0, -2] and not before.mask[0, -2]
    # Without a wave the other terms are chosen right; without another number, seldom.
    assert bool(others) == (kind != WAVE)
    assert offered(least - 1e-6, kind)[0] is None


@pytest.mark.parametrize(
    ("behind", "fitted", "tried"), ((99, 9, 1), (99, 11, 0), (101, 9, 0), (9, 9, 1))
)
def test_a_number_that_is_far_behind_is_not_searched_around(
    problem, monkeypatch, behind, fitted, tried
):
    """By a nat for each of 100 samples, and by a tenth of one when the number is fitted."""
    mask = np.eye(1, len(problem.terms), dtype=bool)
    mask[0, -2] = True
    first = found(candidate(mask, score=50.0))._replace(samples=np.array([100.0]))
    alone = [found(candidate(mask, score=50.0 - nats)) for nats in (fitted, behind)]
    monkeypatch.setattr(number_fit, "_placed", lambda session, offer, *given: (offer, problem))
    monkeypatch.setattr(number_fit, "_search", lambda *given, **knobs: alone.pop())
    inner = problem.units.inner[0]._replace(kind="hill2")
    numbers = number_fit.NOTHING_FITTED._replace(inner=(inner,))
    monkeypatch.setattr(number_fit, "fit_numbers", lambda *given: numbers)
    monkeypatch.setattr(number_fit, "holding", lambda *given: np.arange(mask.size) == mask.size - 2)
    monkeypatch.setattr(number_fit.proposals, "proposals", lambda *given, **knobs: [])
    settled = []

    def settle(session, prepared, *given, **knobs):
        settled.append(prepared)
        return Trial(problem, first, number_fit.NOTHING_FITTED)

    monkeypatch.setattr(number_fit, "_settled", settle)
    session = SimpleNamespace(build=lambda units, substeps: problem, forcings=0)
    assert number_fit.trial(session, Offer(inner, mask, 3.0), problem, first) is None
    assert len(settled) == tried


@pytest.mark.parametrize(
    ("noise", "independent", "explains"),
    ((0.01, 1.0, True), (0.01, 0.1, False), (1e-6, 1.0, False)),
)
def test_what_explains_all_leaves_noise_without_structure(problem, noise, independent, explains):
    chosen = candidate(np.eye(1, len(problem.terms)), independent=np.array([independent]))
    made = problem._replace(signals=[s._replace(noise=np.array([noise])) for s in problem.signals])
    assert number_fit._explains(made, found(chosen)) == explains


def test_a_power_is_held_at_a_whole_number_of_halves():
    """Where that is near and the error is small: sqrt(h), not h^0.4985."""
    powers = [0.4985, 0.4980, 1.45, 0.6, 1.01]
    inner = [Inner("power", place, power) for place, power in enumerate(powers)]
    inner.append(Inner("saturation", 5, 0.5))
    errors = np.array([0.0013, 0.0005, 0.04, 0.02, 0.02, 0.02])
    numbers = FittedNumbers(tuple(inner), np.diag(errors**2), np.ones((6, 1, 2)))
    assert simple_powers(numbers) == [Inner("power", 0, 0.5)]
    beside = numbers._replace(inner=numbers.inner[1:]).beside_given([Inner("power", 0, 0.5)])
    assert beside.errors[-1] == 0 and beside.inner[-1].number == 0.5
    assert not beside.slopes[-1].any()


@pytest.mark.parametrize(
    ("ratio", "error", "kept"),
    ((3.9, 0.3, True), (4.1, 0.3, False), (4.1, 0.2, True), (0.24, 0.3, False), (0.24, 0.2, True)),
)
def test_a_number_that_runs_away_is_another_term(ratio, error, kept):
    """x⁴/(K⁴ + x⁴) with K far beyond all x is x⁴; the threshold of a step may be anywhere.

    Where it is known to within a quarter, it is where it should be.
    """
    number = 2.0 * ratio
    covariance = np.full((1, 1), (number * error) ** 2)
    fitted = FittedNumbers((Inner("hill4", 0, number),), covariance, np.zeros((1, 1, 1)))
    assert number_fit._ran_away(Inner("hill4", 0, 2.0), fitted) != kept
    step = FittedNumbers((Inner("sigmoid", 0, 2.0 * ratio, second=9.0),), *fitted[1:3])
    assert not number_fit._ran_away(Inner("sigmoid", 0, 2.0, second=9.0), step)


def test_the_price_of_a_number_adds_to_those_before(problem, searched, offered, monkeypatch):
    """Both are in what a discovery with two numbers has to pay."""
    offered(0.0)
    better = found(searched.chosen._replace(score=200.0))
    numbers = FittedNumbers((Inner(WAVE, 0, 6.0),), np.eye(1), np.zeros((1, 1, 1)))
    settled = Trial(problem, better, numbers)
    monkeypatch.setattr(number_fit, "_settled", lambda *given, **knobs: settled)
    session = SimpleNamespace(build=lambda units, substeps: problem, forcings=0)
    without = problem._replace(terms=problem.terms[:-2])
    first = found(candidate(np.eye(1, len(without.terms)), score=100.0))
    offer = Offer(Inner(WAVE, 0, 6.0), searched.chosen.mask, 7.0)
    before = number_fit.NOTHING_FITTED._replace(price=4.0)
    assert number_fit.trial(session, offer, without, first, before).numbers.price == 11.0


def test_a_number_that_the_search_drops_is_not_reported(offered):
    assert offered(1e3, chosen=(None, True))[0] is None
    assert offered(1e3, chosen=(True, None))[0] is None


def test_a_likelier_choice_without_the_number_is_kept(problem, searched, monkeypatch):
    """The search with a number meets more supports than that without."""
    inner = problem.units.inner[0]
    without = problem._replace(terms=problem.terms[:-2], units=problem.units._replace(inner=()))
    first = found(candidate(np.eye(1, len(without.terms)), score=100.0))
    plain = candidate(np.eye(1, len(problem.terms)), score=100.0 + constants.NUMBER_EARNS + 1)
    came_to = Trial(problem, found(plain), number_fit.NOTHING_FITTED)
    session = SimpleNamespace(build=lambda units, substeps: problem, forcings=0)
    monkeypatch.setattr(number_scan, "offers", lambda *given, **knobs: [])
    monkeypatch.setattr(number_fit, "_settled", lambda *given, **knobs: came_to)
    # The problem without the number stands for itself: only its terms are others.
    monkeypatch.setattr(number_fit, "carried", lambda *given: plain.mask)
    again = found(plain._replace(mask=plain.mask[:, : len(without.terms)]))
    monkeypatch.setattr(number_fit, "_search", lambda *given, **knobs: again)
    offer = Offer(inner, searched.chosen.mask, 7.0)
    tried = number_fit.trial(session, offer, without, first)
    assert tried.prepared is without and tried.found is again and not tried.holds(inner)
    assert number_fit.search_with(session, offer, without, first) is None
    monkeypatch.setattr(number_fit, "_search", lambda *given, **knobs: first)
    assert number_fit.trial(session, offer, without, first) is None


def test_a_number_below_zero_is_the_same_wave(monkeypatch):
    """And no other kind: exp(-x) is not exp(x)."""
    none = np.zeros((1, 1, 1))
    below = NumbersFit(np.array([-0.7]), np.eye(1), none, none[0])
    monkeypatch.setattr(inner_numbers, "fit_inner_numbers", lambda *given: below)
    for kind, expected in ((WAVE, 0.7), ("exponential", -0.7)):
        units = Units(np.ones(1), np.zeros(0), 1.0, (Inner(kind, 0, 0.3),))
        segments = SimpleNamespace(_replace=lambda **changes: None)
        searched = found(candidate(np.ones((1, 1))), segments=segments)
        (inner,) = number_fit.fit_numbers(units, searched).inner
        assert inner == Inner(kind, 0, expected)


def chain(values):
    """S' = -v S/(K + S), P' = u S/(K + S) - w P/(L + P), from K, L, v, u, w and the beginning."""
    first, last, v, u, w, *initial = values

    def field(y):
        made = y[0] / (first + y[0])
        return [-v * made, u * made - w * y[1] / (last + y[1])]

    return solved(field, initial, TIMES)


@pytest.mark.slow
def test_two_numbers_that_move_together_have_the_covariance_of_least_squares():
    """Numbers, covariance and slopes, from numbers that are off by 5 %."""
    truth = [0.8, 0.5, 1.0, 1.0, 0.9, 3.0, 0.2]
    clean = chain(truth)
    recording = clean + NOISE * np.random.default_rng(3).standard_normal(clean.shape)
    inner = Inner("saturation", 0, 0.84), Inner("saturation", 1, 0.475)
    made = prepared(TIMES, recording, operations=("saturation",), inner=inner)
    names = [readable(term, ("S", "P")) for term in made.terms]
    first, second = names.index("S/(0.8400 + S)"), names.index("P/(0.4750 + P)")
    mask = np.zeros(made.problem.admissible.shape, bool)
    mask[[0, 1, 1], [first, first, second]] = True
    numbers = number_fit.fit_numbers(made.units, fitted(made, mask))
    fit = scipy.optimize.least_squares(
        lambda values: (chain(values) - recording).ravel() / NOISE, truth
    )
    covariance = np.linalg.inv(fit.jac.T @ fit.jac)
    own = covariance[:2, :2]
    errors = np.sqrt(np.diagonal(own))
    values = np.array([each.number for each in numbers.inner])
    assert (np.abs(values - fit.x[:2]) < 0.1 * errors).all()
    np.testing.assert_allclose(numbers.errors, errors, rtol=0.05)
    correlation = own[0, 1] / errors.prod()
    assert abs(correlation) > 0.2
    assert numbers.covariance[0, 1] / numbers.errors.prod() == pytest.approx(correlation, abs=0.05)
    # With one number held, the coefficients follow the other: C_ξp C_pp⁻¹.
    expected = covariance[2:5, :2] @ np.linalg.inv(own)
    slopes = (numbers.slopes * made.back)[:, [0, 1, 1], [first, first, second]].T
    np.testing.assert_allclose(slopes * [[-1], [1], [-1]], expected, rtol=0.1, atol=0.02)


def uptake(values):
    """S' = f - v S^n/(K^n + S^n), from K, n, v, f and the beginning."""
    K, n, v, f, initial = values
    return solved(lambda y: f - v * y**n / (K**n + y**n), (initial,), TIMES)


@pytest.mark.slow
def test_a_power_and_a_half_saturation_are_fitted_together():
    truth = [0.8, 2.6, 1.0, 0.2, 3.0]
    clean = uptake(truth)
    recording = clean + NOISE * np.random.default_rng(3).standard_normal(clean.shape)
    inner = Inner("hill_power", 0, 0.84, second=2.5)
    made = prepared(TIMES, recording, operations=("saturation",), inner=[inner])
    names = [readable(term, ("S",)) for term in made.terms]
    mask = np.zeros(made.problem.admissible.shape, bool)
    mask[0, [names.index("1"), names.index("S^2.500/(0.8400^2.500 + S^2.500)")]] = True
    numbers = number_fit.fit_numbers(made.units, fitted(made, mask))
    fit = scipy.optimize.least_squares(
        lambda values: (uptake(values) - recording).ravel() / NOISE, truth
    )
    own = np.linalg.inv(fit.jac.T @ fit.jac)[:2, :2]
    errors = np.sqrt(np.diagonal(own))
    (both,) = numbers.inner
    assert (np.abs(both.numbers - fit.x[:2]) < 0.1 * errors).all()
    np.testing.assert_allclose(numbers.errors, errors, rtol=0.05)
    assert number_fit._moved(inner, numbers)
    near = both._replace(second=3.0 + errors[1])
    assert not number_fit._moved(inner, numbers._replace(inner=(near,)))


def test_numbers_of_two_equations_come_together():
    """Each with its equation; the terms of both stand in one library, whatever came before."""
    times = np.linspace(0, 10, 80)
    states = np.stack([2 + np.sin(times), 2 + np.cos(times)], 1)
    made = prepared(times, states, operations=("saturation",), degree=2)
    session = Session(
        made.parts, made.signals, Question(operations=("saturation",), degree=2), print
    )
    size = len(made.terms)
    asked = Together(made, np.eye(2, size, dtype=bool))
    for d, name in ((1, "1/(1 + x/0.5000)"), (0, "y/(0.7000 + y)")):
        inner = Inner("saturation", 1 - d, 0.7 - 0.2 * d)
        own = [readable(term, ("x", "y")) for term in made.kinds.terms(inner, 2)]
        mask = np.pad(asked.mask, ((0, 0), (0, len(own))))
        mask[d] = False
        mask[d, [2, len(asked.prepared.terms) + own.index(name)]] = True
        asked = asked.and_with(session, Offer(inner, mask, 3.0, 10.0))
    assert [i.number for i in asked.prepared.units.inner] == pytest.approx([0.5, 0.7])
    names = np.array([readable(term, ("x", "y")) for term in asked.prepared.terms])
    assert [set(names[row]) for row in asked.mask] == [
        {"y", "y/(0.7000 + y)"},
        {"y", "1/(1 + x/0.5000)"},
    ]
