"""Which offers of a number are searched with."""

from types import SimpleNamespace

import numpy as np
import problems
import pytest

from nsindy.discovery import constants
from nsindy.discovery.numbers import numbers_inside
from nsindy.discovery.numbers.number_blocks import Offer
from nsindy.discovery.numbers.number_fit import Trial
from nsindy.discovery.supports.fitted_numbers import NOTHING_FITTED
from nsindy.terms.numbered import Inner

MASK = np.array([[True, True, True, False], [True, False, False, False]])


def offer(terms, gain, number=1.0):
    mask = np.zeros((2, 5), bool)
    mask[0, :terms], mask[1, 0] = True, True
    return Offer(Inner("saturation", 0, number), mask, 3.0, gain)


@pytest.mark.parametrize(
    ("terms", "gain", "pays"),
    ((2, 10.0, True), (3, 10.0, False), (4, 10.0, False), (2, 1.01 * constants.TERM_COSTS, False)),
)
def test_where_nothing_is_left_a_number_pays_in_place_of_terms(terms, gain, pays):
    """And gains no more than these cost: a linearisation that says so does not hold."""
    assert numbers_inside._pays_by_terms(offer(terms, gain), MASK, any_gain=False) == pays
    # Without noise a regression may well say more.
    assert numbers_inside._pays_by_terms(offer(terms, gain), MASK, any_gain=True) == (terms == 2)


@pytest.mark.parametrize(
    ("terms", "gain", "pays"),
    (
        (2, 10.0, True),
        (2, -0.5 * constants.NUMBER_SPARES, True),
        (3, 10.0, True),
        (4, 1.1 * constants.NUMBER_EARNS, True),
        (4, 0.9 * constants.NUMBER_EARNS, False),
        (4, 1.1 * constants.TERM_COSTS, False),
    ),
)
def test_along_trajectories_a_number_pays_in_place_of_as_many_terms(terms, gain, pays):
    """One that others share may seem to lose a little; one beside all of them must earn more."""
    followed = offer(terms, gain)._replace(followed=True)
    assert numbers_inside._pays_by_terms(followed, MASK, any_gain=False) == pays


def test_what_is_no_rival_waits_for_the_next_round():
    """An offer of another equation, or one that promises far less; not one that is as good."""

    def of(row, behind):
        mask = np.pad(MASK, ((0, 0), (0, 1)))
        mask[row, -1] = True
        return Offer(Inner("saturation", 0, 1.0), mask, 3.0, 30.0, behind)

    earned = of(0, 0.0)
    assert numbers_inside._waits(of(1, 0.0), earned, MASK)
    assert numbers_inside._waits(of(0, 1.0 + constants.NUMBER_CLOSE), earned, MASK)
    assert not numbers_inside._waits(of(0, constants.NUMBER_CLOSE - 1.0), earned, MASK)


def test_offers_are_the_best_of_each_list_and_far_apart():
    near = 0.5 * (1 + constants.NUMBER_ALIKE)
    lists = [[offer(2, 10.0), offer(2, 9.0, number=near)], [offer(1, 8.0, number=9.0)]]
    found = numbers_inside._different(*lists)
    assert [each.inner.number for each in found] == [1.0, 9.0]
    assert [each.behind for each in found] == [0.0, 0.0]


def test_an_offer_is_as_far_behind_as_in_the_list_where_it_is_the_nearest():
    first = [offer(2, 30.0), offer(2, 19.0, number=9.0)]
    found = numbers_inside._different(first, [offer(2, 8.0, number=9.0), offer(2, 4.0)])
    assert [(each.inner.number, each.behind) for each in found] == [(1.0, 0.0), (9.0, 0.0)]


def test_offers_of_two_numbers_leave_those_of_one_their_places():
    """However much more they promise."""
    two = [
        offer(2, 100.0 - i, number=10.0**i)._replace(inner=Inner("haldane", 0, 10.0**i, second=1.0))
        for i in range(4)
    ]
    one = [offer(2, 10.0), offer(2, 9.5, number=100.0)]
    found = numbers_inside._different([*two, *one])
    assert [len(each.inner.numbers) for each in found] == [1, 1, 2]
    assert found[-1].gain == 100.0


@pytest.mark.parametrize(
    ("numbers", "places", "terms", "size", "settled"),
    (
        (1, (0,), 2, 1.0, True),
        (2, (0, 1), 2, 1.0, False),
        (1, (0,), 2, 1.01, False),
        (1, (0,), constants.NUMBER_REPLACES, 1.0, False),
    ),
)
def test_what_is_exact_settles_what_is_no_simpler(numbers, places, terms, size, settled):
    """A number with which few terms are exact leaves offers of as many numbers and more untried."""
    own = Inner("saturation", places[-1], 1.0, before=places[0] if places[1:] else None)
    own = own._replace(second=1.0 if numbers > 1 else None)
    problem = problems.narrow(4, 2)
    mask = np.arange(4)[None] < np.array([[terms], [1]])
    chosen = problems.candidate(mask)._replace(variance=(size * problem.floor) ** 2)
    tried = Trial(
        SimpleNamespace(problem=problem),
        problems.found(chosen),
        NOTHING_FITTED._replace(inner=(own,)),
    )
    assert numbers_inside._settles(tried, offer(2, 10.0)) == settled


@pytest.mark.parametrize(
    ("ahead", "exact", "numbers"),
    ((2.9, False, 1), (3.1, False, 2), (3.1, True, 1), (19.9, True, 1), (20.1, True, 2)),
)
def test_of_what_is_nearly_as_likely_the_fewest_numbers_are_taken(ahead, exact, numbers):
    """Their prices, 4 nats a number, counted; without noise a tenth of 200 measurements is near."""

    def tried(score, second):
        inner = Inner("haldane", 0, 1.0, second=second)
        own = NOTHING_FITTED._replace(inner=(inner,), price=4.0 * len(inner.numbers))
        chosen = problems.candidate(MASK)._replace(score=score)
        return Trial(None, problems.found(chosen), own)

    every = [tried(10.0, None), tried(14.0 + ahead, 1.0)]
    best = numbers_inside._simplest(every, exact=exact)
    assert len(best.numbers.inner[0].numbers) == numbers


def test_a_free_power_is_offered_without_one_of_several_terms():
    """Of three others beside the number each is left out in turn; a single one stays."""
    shapes = SimpleNamespace(shapes=lambda kind, places, count: ("alone",))
    made = numbers_inside._one_less(SimpleNamespace(kinds=shapes), [])
    assert made == []
    mask = np.array([[True, True, False, True, True], [True, False, False, False, True]])
    given = Offer(Inner("hill_power", 0, 1.0, second=2.0), mask, 3.0)
    made = numbers_inside._one_less(SimpleNamespace(kinds=shapes), [given])
    assert [np.argwhere(mask & ~each.mask).tolist() for each in made] == [
        [[0, m]] for m in (0, 1, 3)
    ]
    assert all(each.inner == given.inner for each in made)
