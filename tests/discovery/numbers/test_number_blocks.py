"""Numbers that are tried: of which variables, and of which pairs of states."""

import numpy as np
import pytest
from problems import prepared, solved

from nsindy.discovery.numbers import number_blocks
from nsindy.discovery.numbers.number_blocks import Only, blocks
from nsindy.discovery.preparation import kinds
from nsindy.terms.numbered import WAVE, Inner
from nsindy.terms.text import readable

TIMES = np.linspace(0, 6, 120)
OPERATIONS = ("saturation", "tanh", "sin")


@pytest.fixture(scope="module")
def growth():
    """x' = -0.5 x, y' = 0.5 tanh(1.6 x), z' = -0.2 z."""

    def field(y):
        return [-0.5 * y[0], 0.5 * np.tanh(1.6 * y[0]), -0.2 * y[2]]

    return TIMES, solved(field, (2.0, 0.0, 1.0), TIMES)


def of(made):
    return [np.hstack([s.states, s.inputs]) * made.units.variables for s in made.signals]


def test_two_states_share_a_number_where_pairs_are_asked_for(growth):
    times, states = growth
    made = prepared(times, states, operations=OPERATIONS, degree=2)
    alone, both = (blocks(made, of(made), paired=paired) for paired in (False, True))
    assert [block[:2] for block in both[: len(alone)]] == [block[:2] for block in alone]
    assert all(len(block.places) == 1 for block in alone)
    pairs = {(block.kind, block.places) for block in both[len(alone) :]}
    assert {places for _, places in pairs} == {(0, 1), (0, 2), (1, 2)}
    kinds = {"competition", "ratio_share", "joint_saturation", "radial_inhibition"}
    assert {kind for kind, _ in pairs} == kinds
    share = next(block for block in both if block.kind == "ratio_share")
    assert share.inner(0.5) == Inner("ratio_share", 1, 0.5, before=0)
    columns = share.columns(states).reshape(len(states), len(share.shapes), -1)
    x, y = states[:, :2].T
    expected = y / (share.numbers[3] * x + y)
    np.testing.assert_allclose(columns[:, 0, 3], expected)
    np.testing.assert_allclose(columns[:, 3, 3], states[:, 2] * expected)


@pytest.fixture(scope="module")
def held(growth):
    """The growth with a number of its first two states."""
    inner = [Inner("ratio_share", 1, 0.5, before=0)]
    return prepared(*growth, operations=OPERATIONS, degree=2, inner=inner)


def test_a_pair_has_the_number_of_its_second_state(held):
    """Which has no other, and of one that has a number there is no pair."""
    assert held.units.raw.tolist()[3:6] == [0.0, 0.5, 0.0]
    free = {block.places for block in blocks(held, of(held), paired=True)}
    assert free == {(0,), (2,), (0, 2), (1, 2)}


def test_many_states_have_no_pairs(growth):
    times, (x, y, z) = growth[0], growth[1].T
    five = np.column_stack([x, y, z, x + y, x + z])
    made = prepared(times, five, operations=OPERATIONS, degree=1)
    assert all(len(block.places) == 1 for block in blocks(made, of(made), paired=True))


def test_one_kind_alone(held):
    (one,) = blocks(held, of(held), Only("ratio_share", (0, 1)))
    assert one[:2] == ("ratio_share", (0, 1))
    (wave,) = blocks(held, of(held), Only(WAVE, (2,)))
    assert wave[:2] == (WAVE, (2,))


def test_a_one_may_be_free(growth):
    """Tanh(x) of a choice becomes tanh(k x), k = 1 to begin with; without it there is nothing."""
    times, states = growth
    made = prepared(times, states[:, :2], operations=("tanh",), degree=2)
    before = [readable(term, ("x", "y")) for term in made.terms]
    mask = np.zeros(made.problem.admissible.shape, bool)
    mask[0, before.index("x")] = mask[1, before.index("tanh(x)")] = mask[1, 0] = True
    (offer,) = number_blocks.freed(made, mask)
    assert offer.inner == Inner("tanh", 0, 1.0)
    names = [
        readable(term, ("x", "y")) for term in (*made.terms, *made.kinds.terms(offer.inner, 2))
    ]
    chosen = [{names[m] for m in np.flatnonzero(row)} for row in offer.mask]
    assert chosen == [{"x"}, {"1", "tanh(1.000 x)"}]
    assert number_blocks.freed(made, mask & (np.arange(len(made.terms)) < 3)) == []


@pytest.mark.parametrize(("kind", "power"), kinds.POWERS_OF.items())
def test_a_power_may_be_free(growth, kind, power):
    """Where it was fitted: in both equations, alone and times a state, with the others kept."""
    times, states = growth
    held = Inner(kind, 0, 0.7)
    made = prepared(times, states[:, :2], operations=("saturation",), degree=2, inner=[held])
    rows = [term.primitive.name for term in made.terms]
    own = made.kinds.terms(held, 2)
    first, last = made.terms.index(own[0]), made.terms.index(own[-1])
    mask = np.zeros(made.problem.admissible.shape, bool)
    mask[0, first] = mask[1, last] = mask[1, rows.index("one")] = True
    (offer,) = number_blocks.freed_powers(made, mask)
    assert offer.inner == Inner("hill_power", 0, 0.7, second=power)
    assert offer.price == pytest.approx(0.5 * np.log(240))
    library = [term for term in made.terms if term not in own]
    terms = [*library, *made.kinds.terms(offer.inner, 2)]
    said = [{readable(terms[m], ("x", "y")) for m in np.flatnonzero(row)} for row in offer.mask]
    n = f"{power:.3f}"
    assert said == [
        {f"x^{n}/(0.7000^{n} + x^{n})"},
        {"1", f"y/(1 + (x/0.7000)^{n})"},
    ]
    assert number_blocks.freed_powers(made, mask & (np.arange(len(rows)) < first)) == []


def test_a_power_is_not_free_times_two_states(growth):
    """Light times X and X^2 has a kind of its own, of which the steep ones are none."""
    times, states = growth
    held = Inner("saturation", 1, 0.7)
    light = 0.5 + states[:, 2:]
    made = prepared(times, states[:, :1], inputs=light, operations=("saturation",), inner=[held])
    names = [readable(term, ("x", "u")) for term in made.terms]
    mask = np.zeros(made.problem.admissible.shape, bool)
    mask[0, names.index("x u/(0.7000 + u)")] = True
    assert len(number_blocks.freed_powers(made, mask)) == 1
    mask[0, names.index("x^2 u/(0.7000 + u)")] = True
    assert number_blocks.freed_powers(made, mask) == []
