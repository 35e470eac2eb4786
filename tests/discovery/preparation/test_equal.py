"""Coefficients that are tied across equations: how they are read, and that a search obeys it."""

import numpy as np
import problems
import pytest

import nsindy
from nsindy.discovery.preparation import equal
from nsindy.discovery.preparation.known import Names, read_physics
from nsindy.discovery.supports import candidates, neighbours, proposals
from nsindy.terms.text import readable

NAMES = Names.of(["S", "I", "R"], [], 1)
TIES = ("S I in I' = -S I in S'", "I in R' = -I in I'")
TIMES = np.linspace(0, 40, 60)
RATES = 0.5, 0.15


def read(*texts, know=(), free=(), sign=()):
    return equal.read_ties(texts, read_physics(know, free, sign, NAMES), NAMES)


def epidemic():
    """S' = -b S I, I' = b S I - g I, R' = g I, with noise of a fiftieth."""
    b, g = RATES
    clean = problems.solved(
        lambda y: np.array([-b * y[0] * y[1], b * y[0] * y[1] - g * y[1], g * y[1]]),
        [0.98, 0.02, 0.0],
        TIMES,
    )
    return clean + 0.02 * np.random.default_rng(0).standard_normal(clean.shape)


def test_ties_are_read():
    ((left, right),) = read("S*I in I' = -2 S*I in S'").ties
    assert [readable(b.term, NAMES.columns) for b in (left, right)] == ["S I", "S I"]
    assert (left.equation, right.equation, right.value) == (1, 0, -2.0)
    assert read(*TIES).rows == {0, 1, 2}


@pytest.mark.parametrize(
    ("texts", "known", "said"),
    (
        (["S in S' = I"], {}, "at column 1: write two terms with their equations"),
        (["S in Q' = S in S'"], {}, "at column 6: there is no equation for Q'"),
        (["2 S in S' = S in I'"], {}, "at column 1: this is not one term without a number"),
        (["S in S' = S + I in I'"], {}, "this is not one term with a number"),
        (["S in S' = 0 S in I'"], {}, "this is not one term with a number"),
        (["S in S' = -S in S'"], {}, "the coefficient of S is tied to itself, or twice"),
        (["S in S' = S in I'", "S in I' = 2 S in S'"], {}, "tied to itself, or twice"),
        (["S in S' = S in I'"], {"know": ["S' = ... - S"]}, "S in S' is known, so it cannot be"),
        (["S in S' = S in I'"], {"know": ["I' = -S"]}, "S in I' is known, so it cannot be tied"),
        (["S in S' = S in I'"], {"free": ["I' : I, R"]}, "S in I' is tied, but not among the"),
        (
            ["S in S' = -S in I'"],
            {"sign": ["S in S' > 0", "S in I' > 0"]},
            "the sign of S in I' contradicts that of what it is tied to",
        ),
    ),
)
def test_what_cannot_be_tied(texts, known, said):
    with pytest.raises(ValueError) as error:
        read(*texts, **known)
    assert said in str(error.value)


@pytest.mark.parametrize("said", ("S in S' < 0", "S in I' > 0", "I in R' < 0"))
def test_a_sign_is_that_of_all_that_is_tied(said):
    """A support must not be left without one end of a tie because of its sign."""
    physics = read("S in S' = -S in I'", "I in R' = 2 S in S'", sign=[said])
    found = {(b.equation, readable(b.term, NAMES.columns)): b.value for b in physics.signs}
    assert found == {(0, "S"): -1.0, (1, "S"): 1.0, (2, "I"): -1.0}
    assert read(sign=["S in S' < 0"]).signs == read_physics((), (), ["S in S' < 0"], NAMES).signs


def test_ties_of_ties_have_one_leader():
    """a = 2 b, c = -d, and then b = c: of all four one leads."""
    physics = read("S in S' = 2 I in S'", "I in I' = -R in I'", "I in S' = I in I'")
    terms = problems.prepared(TIMES, epidemic(), physics=physics).terms
    found = equal.shared_places(physics, terms, np.ones((3, len(terms))))
    assert len({tuple(place) for place in found.leaders}) == 1
    place = {readable(t, NAMES.columns): m for m, t in enumerate(terms)}
    values = np.zeros((3, len(terms)))
    values[tuple(found.leaders[0])] = 6.0
    values = found.spread(values)
    s, i, r = (place[name] for name in "SIR")
    assert values[0, s] == 2 * values[0, i] != 0
    assert values[1, i] == -values[1, r] == values[0, i]
    assert np.count_nonzero(values) == 4
    mask = np.zeros(values.shape, bool)
    mask[0, s] = True
    np.testing.assert_array_equal(found.joined(mask), values != 0)


def test_a_column_of_many_is_kept_for_what_is_tied():
    places = np.array([[0, 5], [1, 5]]), np.array([[1, 6], [2, 5]])
    found = equal.Shared(*places, np.ones(2))
    columns = np.array([[1, 2, 3], [4, 5, 7], [1, 2, 3]])
    assert found.held_by(columns).tolist() == [[1, 2, 5], [4, 5, 6], [1, 2, 5]]


@pytest.mark.slow
def test_what_is_tied_is_one_parameter_of_proposals_fits_and_neighbours():
    made = problems.prepared(TIMES, epidemic(), physics=read(*TIES), operations=())
    problem, noise = made.problem, 0.02 / made.units.states
    place = {readable(t, NAMES.columns): m for m, t in enumerate(made.terms)}
    infected, pairs = place["I"], place["S I"]
    ends = [(0, pairs), (1, pairs)], [(1, infected), (2, infected)]
    supports = [start.mask for start in proposals.proposals(made)]
    assert all(mask[one] == mask[two] for mask in supports for one, two in ends)

    mask = np.zeros(problem.admissible.shape, bool)
    for each in (*ends[0], *ends[1]):
        mask[each] = True
    assert (mask & problem.admissible).sum() == 2, "one price for each pair"
    pool: dict[bytes, candidates.Candidate] = {}
    cut, samples = made.segments(1.0), np.full(3, float(len(TIMES)))
    start = candidates.regressed(problem, mask)
    candidates.fit(problem, cut, [start], noise, samples, pool)
    (fitted,) = pool.values()
    values = fitted.coefficients * made.back
    np.testing.assert_allclose(values[0, pairs], -values[1, pairs], rtol=1e-12)
    np.testing.assert_allclose(values[2, infected], -values[1, infected], rtol=1e-12)

    near = neighbours.look_around(problem, cut, fitted, samples)
    lone = mask.copy()
    lone[1, pairs] = lone[0, pairs] = False
    without, again = neighbours.starts(problem, near, fitted, [lone, mask])
    assert not without.coefficients[0, pairs] and not without.coefficients[1, pairs]
    # The fit is where its own linearisation, by the noise that it leaves, has its least.
    pool.clear()
    candidates.fit(problem, cut, [again], near.noise, samples, pool)
    (refitted,) = pool.values()
    np.testing.assert_allclose(again.coefficients, refitted.coefficients, rtol=1e-3)
    half = lone.copy()
    half[0, pairs] = True
    assert candidates.key_of(problem, half) != candidates.key_of(problem, lone)


@pytest.mark.unmeasured
@pytest.mark.slow
def test_an_epidemic_whose_rates_are_shared():
    """The numbers are those of the law in which they have one name, and so are their errors."""
    law = "S' = -b*S*I; I' = b*S*I - g*I; R' = g*I"
    found = nsindy.discover(
        TIMES, epidemic(), states=["S", "I", "R"], operations=(), equal=TIES, law=law
    )
    names = {name: m for m, name in enumerate(found.terms)}
    coefficients, errors = found.coefficients, found.standard_errors
    assert np.count_nonzero(coefficients) == 4
    b, g = coefficients[1, names["S I"]], coefficients[2, names["I"]]
    assert coefficients[0, names["S I"]] == pytest.approx(-b, rel=1e-9)
    assert coefficients[1, names["I"]] == pytest.approx(-g, rel=1e-9)
    _, fitted = found.laws
    assert fitted.names == ("b", "g")
    np.testing.assert_allclose([b, g], fitted.values, rtol=2e-3)
    own = [errors[0, names["S I"]], errors[1, names["I"]]]
    np.testing.assert_allclose(own, [errors[1, names["S I"]], errors[2, names["I"]]], rtol=1e-9)
    np.testing.assert_allclose(own, fitted.errors, rtol=0.1)
    assert np.all(np.abs(np.array([b, g]) - RATES) < 3 * np.array(own))
