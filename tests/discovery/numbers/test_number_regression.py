"""Numbers that regressions propose, on recordings whose law is known."""

import numpy as np
import pytest
from problems import noisy, prepared, solved

from nsindy.discovery import constants
from nsindy.discovery.numbers import number_regression
from nsindy.discovery.preparation import signals, weak_form
from nsindy.terms.numbered import Inner
from nsindy.terms.text import readable

K, V = 0.7, 1.2


def everywhere(made):
    return np.ones(len(made.problem.admissible), bool)


def proposed(times, states, **knobs):
    """What is offered, by the first regression alone where there is no noise."""
    made = prepared(times, states, **knobs)
    nothing = np.zeros(made.problem.admissible.shape, bool)
    first, *second = number_regression.proposed(made, nothing, everywhere(made))
    assert bool(second) == signals.noiseless(made.signals)
    return made, first


@pytest.fixture(scope="module")
def michaelis():
    times = np.linspace(0, 5, 200)
    return times, solved(lambda x: -V * x / (K + x), (3.5,), times)


@pytest.mark.parametrize("operations", (("saturation",), None))
@pytest.mark.parametrize("noise", (0.0, 0.005))
def test_the_number_of_a_saturation(michaelis, operations, noise):
    """K within 1 %, and one term: the rate alone."""
    times, clean = michaelis
    made, offers = proposed(times, noisy(clean, noise), operations=operations)
    best = offers[0]
    assert best.inner[:2] == ("saturation", 0)
    assert best.inner.number == pytest.approx(K, rel=0.01)
    (own,) = np.flatnonzero(best.mask[0]) - len(made.terms)
    terms = made.kinds.terms(best.inner, 1)
    assert best.mask.shape == (1, len(made.terms) + len(terms))
    assert readable(terms[own], ("x",)).startswith("x/(0.")
    assert best.gain > 0 and [one.gain for one in offers] == sorted(
        (one.gain for one in offers), reverse=True
    )


def test_a_kind_and_variable_is_offered_once_for_an_equation(michaelis):
    _, offers = proposed(*michaelis, operations=("saturation",))
    assert len({(one.inner.kind, one.inner.places) for one in offers}) == len(offers) > 1
    # The right number is worth far more than another kind, which many terms must help.
    first, *others = offers
    assert first.inner.kind == "saturation" and first.gain > others[0].gain
    # A second number makes up for much: x/(K + x + x²/L) is nearly it.
    assert all(first.gain > one.gain + 100 for one in others if one.inner.second is None)


def test_without_noise_each_regression_offers_its_own():
    """x' = 1/x² - 0.3 x: smoothing errs where it begins, and integrals see that least."""
    times = np.linspace(0, 5, 200)
    clean = solved(lambda x: x**-2 - 0.3 * x, (0.5,), times)
    made = prepared(times, clean, operations=None)
    nothing = np.zeros(made.problem.admissible.shape, bool)
    derivatives, integrals = number_regression.proposed(made, nothing, everywhere(made))
    assert derivatives[0].inner.kind != "power"
    assert integrals[0].inner.kind == "power" and integrals[0].mask.sum() == 2
    assert integrals[0].inner.number == pytest.approx(-2.0, abs=0.01)


def test_numbers_pay_for_their_digits(michaelis):
    """Half the logarithm of the measured values, as wherever a number is offered."""
    times, clean = michaelis
    _, offers = proposed(times, noisy(clean, 0.005), operations=("saturation",))
    assert offers[0].price == pytest.approx(0.5 * np.log(200))


FIELDS = {
    "oscillator": (lambda y: [y[1], -y[0] - 0.2 * y[1]], (1.0, 0.0)),
    "predators": (lambda y: [y[0] * (1 - 0.5 * y[1]), y[1] * (0.3 * y[0] - 1)], (2.0, 1.0)),
}


@pytest.mark.parametrize("name", FIELDS)
@pytest.mark.parametrize("noise", (pytest.param(0.0, marks=pytest.mark.slow), 0.005))
@pytest.mark.parametrize(
    "operations", (pytest.param(("exp", "tanh", "saturation"), marks=pytest.mark.slow), None)
)
def test_a_system_of_the_library_needs_no_number(name, noise, operations):
    times, (field, initial) = np.linspace(0, 12, 200), FIELDS[name]
    states = noisy(solved(field, initial, times), noise)
    made, offers = proposed(times, states, operations=operations)
    assert set(made.kinds.others) > {"saturation", "exponential", "tanh"}
    assert all(one.gain < constants.NUMBER_EARNS for one in offers)


@pytest.mark.parametrize("noise", (pytest.param(0.0, marks=pytest.mark.slow), 0.005))
def test_a_number_of_two_states(noise):
    """S' = -B S I/(K S + I), K = 1: epidemics among those who meet."""
    times = np.linspace(0, 12, 200)

    def field(y):
        met = 0.9 * y[0] * y[1] / (y[0] + y[1])
        return [-met, met - 0.3 * y[1]]

    clean = solved(field, (0.97, 0.03), times)
    made, offers = proposed(times, noisy(clean, noise), operations=None)
    best = offers[0]
    assert best.inner[:2] == ("ratio_share", 1) and best.inner.places == (0, 1)
    assert best.inner.number == pytest.approx(1.0, rel=0.01)
    own = made.kinds.terms(best.inner, 2)
    used = np.flatnonzero(best.mask.any(0)) - len(made.terms)
    # Beside I the two are one: I²/(S + I) = I - S I/(S + I).
    assert readable(own[used[used >= 0][0]], ("S", "I")).startswith(("S I/(", "I^2/("))


def test_a_number_is_offered_to_one_equation_and_to_both():
    """P' = v S/(K + S) - P / 2 and S' = -v S/(K + S): the other one keeps its terms, or not."""
    times = np.linspace(0, 5, 200)

    def field(y):
        made = V * y[0] / (K + y[0])
        return [-made, made - 0.5 * y[1]]

    made = prepared(times, solved(field, (3.5, 0.0), times), operations=("saturation",))
    library = len(made.terms)
    mask = np.zeros(made.problem.admissible.shape, bool)
    mask[:, 1] = True
    (offers, _) = number_regression.proposed(made, mask, everywhere(made))
    both = offers[0]
    rows = both.mask[:, library:].any(1)
    assert rows.all() and both.inner.number == pytest.approx(K, rel=0.01)
    own = [offer for offer in offers if (offer.inner.kind, offer.inner.place) == ("saturation", 0)]
    alone = [offer for offer in own if offer.mask[:, library:].any(1).sum() == 1]
    assert len(alone) == 2
    for offer in alone:
        (other,) = np.flatnonzero(~offer.mask[:, library:].any(1))
        assert (offer.mask[other, :library] == mask[other]).all()
    # The number is paid for once.
    assert both.gain == pytest.approx(sum(offer.gain for offer in alone) + both.price)


def test_a_variable_that_has_a_number_has_no_other(michaelis):
    times, clean = michaelis
    taken = prepared(times, clean, operations=("saturation",), inner=[Inner("saturation", 0, K)])
    nothing = np.zeros(taken.problem.admissible.shape, bool)
    assert not any(number_regression.proposed(taken, nothing, everywhere(taken)))


def test_no_number_is_looked_for_in_an_equation_that_asks_for_none(michaelis):
    made = prepared(*michaelis, operations=("saturation",))
    nothing = np.zeros(made.problem.admissible.shape, bool)
    assert not any(number_regression.proposed(made, nothing, np.zeros(1, bool)))


def test_the_integrals_are_those_of_the_weak_form(michaelis):
    """Recording by recording they are what all of them are compressed from."""
    times, clean = michaelis
    made = prepared(times, noisy(clean, 0.005), operations=("saturation",))
    (one,), theta = made.signals, made.theta
    two = [one, one._replace(measured=one.measured[::-1])]
    given = np.zeros((1, len(made.terms)))
    given[0, 1] = -0.3
    whole = weak_form.of_recordings(two, np.concatenate([theta, theta[::-1]]), given)
    rows = []
    for signal, own in zip(two, (theta, theta[::-1]), strict=True):
        test, design, target = weak_form.of_recording(signal, own)
        np.testing.assert_allclose(test @ own, design)
        rows.append(np.concatenate([design, target - design @ given.T], 1))
    rows = np.concatenate(rows)
    np.testing.assert_allclose(whole.T @ whole, rows.T @ rows, rtol=1e-9, atol=1e-9)


@pytest.mark.slow
@pytest.mark.parametrize("noise", (0.0, 0.005))
def test_a_steep_power(noise):
    """A gene that represses itself through two others: 12/(1 + r^9)."""

    def field(y):
        return [12 / (1 + y[2] ** 9) - 0.4 * y[0], 0.5 * y[0] - 0.4 * y[1], 0.4 * (y[1] - y[2])]

    times = np.linspace(0, 60, 200)
    clean = solved(field, (0.1, 0.2, 2.0), times)
    _, offers = proposed(times, noisy(clean, noise), operations=None)
    (free,) = (each for each in offers if each.inner[:2] == ("hill_power", 2))
    # Noise bends the derivatives, and the fit to the trajectories goes on from there.
    assert free.inner.numbers == pytest.approx((1.0, 9.0), rel=0.2 if noise else 0.05)
    assert all(free.gain > o.gain + 10 for o in offers if o.inner.kind == "hill4")
