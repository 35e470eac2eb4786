"""The number of a wave against nonlinear least squares by SciPy, and what a wave must earn."""

from types import SimpleNamespace

import numpy as np
import pytest
import scipy.optimize
from problems import candidate, found, prepared, solved

import nsindy
from nsindy.discovery import candidates, constants, dictionary, number_fit, number_scan
from nsindy.discovery.candidates import Start
from nsindy.discovery.number_fit import FittedWave, _Settled
from nsindy.discovery.number_scan import Offer
from nsindy.discovery.signals import Units

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


@pytest.fixture(scope="module")
def searched(problem):
    """The true support, fitted with that number."""
    mask = np.zeros(problem.problem.admissible.shape, bool)
    mask[0, places(problem)] = True
    cut, samples = problem.segments(1.0), np.array([float(len(TIMES))])
    noise, pool = NOISE / problem.units.states, {}
    start = candidates.regressed(problem.problem, mask)
    candidates.fit(problem.problem, cut, [start], noise, samples, pool)
    (chosen,) = pool.values()
    return found(chosen, problem=problem.problem, segments=cut, noise=noise, samples=samples)


def test_number_error_and_slopes_are_those_of_least_squares(recording, problem, searched):
    wave = number_fit.fit_number(problem.units, searched)
    fit = scipy.optimize.least_squares(
        lambda values: (path(values) - recording)[:, 0] / NOISE, TRUTH, x_scale=(0.1, 0.1, 0.1, 1.0)
    )
    covariance = np.linalg.inv(fit.jac.T @ fit.jac)
    error = np.sqrt(covariance[3, 3])
    # Where the parabola stops, w is within a tenth of its error.
    assert abs(wave.number - fit.x[3]) < 0.1 * error
    assert abs(wave.number - TRUTH[3]) < 4 * error < 0.1
    assert wave.error == pytest.approx(error, rel=0.05)
    slopes = (wave.slopes * problem.back)[0, places(problem)]
    np.testing.assert_allclose(slopes, covariance[1:3, 3] / covariance[3, 3], rtol=0.05)
    assert not np.delete(wave.slopes[0], places(problem)).any() and wave.price == 0


def test_a_phase_in_revolutions(recording):
    """From the recording alone: w is found, within its own error, where sin(x) does not fit."""
    discovery = nsindy.discover(TIMES, recording, states=["x"], operations=OPERATIONS)
    (chosen,) = (np.asarray(discovery.coefficients) != 0).tolist()
    terms = [term for term, used in zip(discovery.library, chosen, strict=True) if used]
    assert [term.primitive.name for term in terms] == ["one", "sin"]
    assert dictionary.is_fitted_wave(terms[1])
    number = terms[1].arguments[0].primitive.function.number
    (message,) = (note for note in discovery.warnings if "is fitted" in note)
    error = float(message.split("± ")[1].split()[0])
    assert abs(number - 2 * np.pi) < 4 * error < 0.1
    assert "radian per unit of x" in message


@pytest.fixture
def offered(problem, searched, monkeypatch):
    """`offered(earned)`: a search with a wave that is better by so many nats than without."""
    price = 7.0
    without = problem._replace(terms=problem.terms[:-2])
    pool = [candidate(np.eye(1, len(without.terms)), score=100.0)]
    first = found(pool[0])
    session = SimpleNamespace(build=lambda units, substeps: problem, forcings=0)
    offer = Offer(problem.units.waves, searched.chosen.mask, price)
    wave = FittedWave(TRUTH[3], 0.01, searched.chosen.coefficients)
    monkeypatch.setattr(number_scan, "offer", lambda *given, **knobs: None)
    monkeypatch.setattr(number_fit, "_search", lambda *given, **knobs: "again")

    def ask(earned, waves=(wave, wave)):
        with_wave = found(searched.chosen._replace(score=100.0 + price + earned))
        settled = [_Settled(problem, with_wave, one) for one in waves]
        starts = []

        def settle(session, prepared, given, share, guides):
            starts.append((given, share, guides))
            return settled[len(starts) - 1]

        monkeypatch.setattr(number_fit, "_settled", settle)
        return number_fit.search_with(session, offer, without, first), starts

    return ask


@pytest.mark.parametrize("more", (0.0, 1e-6))
def test_a_wave_earns_so_many_nats_beyond_its_price(offered, more):
    least = constants.NUMBER_EARNS
    result, starts = offered(least + more)
    assert result is not None and result.first == "again"
    assert result.wave.price == 7.0 and result.wave.number == TRUTH[3]
    # Searched on the first part and then on all, the first time from the best without a wave too.
    assert [(share, guides) for _, share, guides in starts] == [
        (1 - constants.HELD_OUT, constants.GUIDES),
        (1.0, 1),
    ]
    (offer, before), _, _ = starts[0]
    assert all(isinstance(start, Start) for start in (offer, before))
    assert offer.mask[0, -2] and not before.mask[0, -2]
    assert offered(least - 1e-6)[0] is None


def test_a_wave_that_the_search_drops_is_not_reported(offered):
    wave = FittedWave(TRUTH[3], 0.01, np.zeros(1))
    assert offered(1e3, (None, wave))[0] is None
    assert offered(1e3, (wave, None))[0] is None


def test_a_number_below_zero_is_the_same_wave(monkeypatch):
    below = FittedWave(-0.7, 0.1, np.zeros((1, 1)))
    monkeypatch.setattr(number_fit, "fit_profile", lambda *given: below)
    units = Units(np.ones(1), np.zeros(0), 1.0, np.array([0.3]))
    assert number_fit.fit_number(units, None).number == 0.7
