"""What a person knows of the equations: how it is read, and that a search obeys it."""

import numpy as np
import problems
import pytest

import nsindy
from nsindy.discovery.preparation import known
from nsindy.discovery.preparation.known import NOTHING, Names, read_physics
from nsindy.discovery.supports import candidates, neighbours, proposals
from nsindy.terms.numbered import WAVE, Inner, inner_of
from nsindy.terms.text import readable

NAMES = Names.of(["x", "v"], ["u"], 1)
TIMES = np.linspace(0, 8, 160)


def read(know=(), free=(), sign=(), names=NAMES):
    return read_physics(know, free, sign, names)


def words(bounds, names=NAMES):
    return [(b.equation, readable(b.term, names.columns), b.value) for b in bounds]


def test_what_is_known_is_read():
    physics = read(
        ["v' = ... - 9.81*sin(x) + 2 u", "x' = v"], ["v' : x, v, x^2 v, 1"], ["v in v' < 0"]
    )
    assert words(physics.given) == [(1, "sin(x)", -9.81), (1, "u", 2.0), (0, "v", 1.0)]
    assert physics.whole == {0}
    ((row, terms),) = physics.free
    assert row == 1 and [readable(t, NAMES.columns) for t in terms] == ["x", "v", "x^2 v", "1"]
    assert words(physics.signs) == [(1, "v", -1.0)]


def test_equations_of_second_order_have_two_primes():
    names = Names.of(["x", "y"], [], 2)
    physics = read(["y'' = ... - 2 x' y"], sign=["x'*y in x'' > 0"], names=names)
    assert words(physics.given, names) == [(3, "y x'", -2.0)]
    assert words(physics.signs, names) == [(2, "y x'", 1.0)]
    with pytest.raises(ValueError, match="there is no equation for x', but for x'', y''"):
        read(["x' = y"], names=names)


@pytest.mark.parametrize(
    ("given", "said"),
    (
        ({"know": ["w' = ... - x"]}, "at column 1: there is no equation for w', but for x', v'"),
        ({"know": ["v' = ... - g*x"]}, "at column 12: g is no column; the columns are x, v, u"),
        ({"know": ["v' = ... - 9.81*sin(X)"]}, "at column 21: X is not known, and too much like x"),
        ({"know": ["v' = x", "v' = ... + x"]}, "v' is known already"),
        ({"know": ["v' = __import__('os')"]}, 'at column 17: "\'" stands only behind'),
        ({"free": ["v' : x, 2 v"]}, "at column 9: this is not one term without a number"),
        ({"free": ["v' : x + v"]}, "at column 6: this is not one term"),
        ({"free": ["v' : x,"]}, "at column 8: an expression is missing"),
        ({"free": ["v' = x"]}, "a colon and its terms"),
        ({"free": ["v' : x", "v' : v"]}, "listed twice"),
        ({"free": ["x'' : x"]}, "at column 1: there is no equation for x''"),
        ({"sign": ["v in v' <= 0"]}, "write a term, its equation and the sign"),
        ({"sign": ["v in v' < 1"]}, "write a term, its equation and the sign"),
        ({"sign": ["v in v' < 0", "v in v' > 0"]}, "given twice"),
        ({"know": ["v' = -x"], "sign": ["v in v' < 0"]}, "v in v' is known, so its sign is"),
        ({"know": ["v' = -x"], "free": ["v' : v"]}, "v' is wholly known and has free terms"),
        ({"know": ["v' = ... - x"], "free": ["v' : x"]}, "x in v' is known and free at once"),
    ),
)
def test_what_cannot_be_known(given, said):
    with pytest.raises(ValueError) as error:
        read(**given)
    assert said in str(error.value)


def oscillator():
    """x' = v, v' = -x - 0.1 v + 0.2 x², of which a part is known."""
    clean = problems.solved(
        lambda y: np.array([y[1], -y[0] - 0.1 * y[1] + 0.2 * y[0] ** 2]), [1.0, 0.0], TIMES
    )
    return clean + 1e-3 * np.random.default_rng(0).standard_normal(clean.shape)


def prepared(physics, **changes):
    return problems.prepared(TIMES, oscillator(), physics=physics, **changes)


NAMES_2 = Names.of(["x", "v"], [], 1)


def test_what_is_known_is_subtracted_and_kept():
    """The proposals and fits of the rest find it, and pay for that alone."""
    made = prepared(read(["v' = ... + 0.2 x^2 - x"], names=NAMES_2))
    problem = made.problem
    square, x, v = (
        next(m for m, t in enumerate(made.terms) if readable(t, ("x", "v")) == name)
        for name in ("x^2", "x", "v")
    )
    assert not problem.admissible[1, [square, x]].any() and problem.admissible[0, square]
    mask = np.zeros(problem.admissible.shape, bool)
    mask[0, v] = mask[1, v] = True
    start = candidates.regressed(problem, mask)
    assert start.coefficients[1, v] * made.back[1, v] == pytest.approx(-0.1, abs=0.01)
    supports = [s.mask for s in proposals.proposals(made)]
    assert any((s == mask).all() for s in supports)
    pool: dict[bytes, candidates.Candidate] = {}
    cut, samples = made.segments(1.0), np.full(2, float(len(TIMES)))
    candidates.fit(problem, cut, [start], np.full(2, 1e-3), samples, pool)
    (fitted,) = pool.values()
    in_units = fitted.coefficients * made.back
    np.testing.assert_allclose(in_units[1, [square, x]], [0.2, -1.0], rtol=1e-14)
    # Five standard errors: σ / √(Σ v²) of 160 samples, doubled for the initial values.
    assert in_units[1, v] == pytest.approx(-0.1, abs=1e-3)
    assert (fitted.mask == (mask | (problem.known != 0))).all()
    # Without them the same support costs the same, whatever its fit.
    free = fitted._replace(mask=mask)
    assert candidates.score(problem, free, samples) == candidates.score(problem, fitted, samples)
    near = neighbours.look_around(problem, cut, fitted, samples)
    again = neighbours.starts(problem, near, fitted, [mask])[0].coefficients * made.back
    np.testing.assert_allclose(again[1, [square, x, v]], in_units[1, [square, x, v]], atol=1e-4)


def test_a_sign_excludes():
    """Support by support: proposals have none of the wrong sign, and no fit keeps one."""
    made = prepared(read(sign=["v in v' > 0"], names=NAMES_2))
    problem = made.problem
    starts = proposals.proposals(made)
    assert all(not problem.violated(s.mask, s.coefficients).any() for s in starts)
    v = next(m for m, t in enumerate(made.terms) if readable(t, ("x", "v")) == "v")
    mask = np.zeros(problem.admissible.shape, bool)
    mask[0, v] = mask[1, v] = True
    pool: dict[bytes, candidates.Candidate] = {}
    cut, samples = made.segments(1.0), np.full(2, float(len(TIMES)))
    start = candidates.regressed(problem, mask)
    candidates.fit(problem, cut, [start], np.full(2, 1e-3), samples, pool)
    (fitted,) = pool.values()
    assert fitted.coefficients[1, v] < 0 and fitted.score == -np.inf


def test_terms_that_are_listed_are_the_library_where_all_equations_are_settled():
    physics = read(["x' = v"], ["v' : x, v, tanh(2 x)"], names=NAMES_2)
    made = prepared(physics, operations=("sin",))
    assert {readable(t, ("x", "v")) for t in made.terms} == {"x", "v", "tanh(2.000 x)"}
    half = read(free=["v' : x, v, tanh(2 x)"], names=NAMES_2)
    made = prepared(half, operations=("sin",))
    named = next(m for m, t in enumerate(made.terms) if "tanh" in readable(t, ("x", "v")))
    assert made.problem.admissible[:, named].tolist() == [False, True]
    assert made.problem.admissible[1].sum() == 3 and made.problem.admissible[0].sum() > 10


def test_fitted_waves_are_behind_what_was_named():
    """As a scan counts them; and only where the library itself holds a wave."""
    physics = read(["v' = ... - 2 sin(3 x) + tanh(x)"], names=NAMES_2)
    made = prepared(physics, operations=("sin",), waves=[0.7, 0.0])
    fitted = [inner_of(term) is not None for term in made.terms]
    assert fitted == [False] * (len(fitted) - 1) + [True]
    assert made.problem.admissible[:, -1].all() and not made.tables.named[-1]
    made = prepared(physics, operations=(), waves=[0.7, 0.0])
    assert not any(inner_of(term) for term in made.terms)
    assert not made.kinds.terms(Inner(WAVE, 0, 1.0), 2)


def test_nothing_known_changes_nothing():
    one, other = problems.prepared(TIMES, oscillator()), prepared(NOTHING)
    np.testing.assert_array_equal(one.problem.factor, other.problem.factor)
    assert other.problem.signs is None and not other.tables.given.any()
    tables = known.tables(NOTHING, other.terms, 2)
    assert not (tables.named.any() or tables.listed.any() or tables.closed.any())


def test_a_term_without_a_value_here_is_refused():
    with pytest.raises(ValueError, match=r"the term log\(v\) that is known or free is not finite"):
        prepared(read(["v' = ... + log(v)"], names=NAMES_2))


@pytest.fixture(scope="module")
def pendulum():
    """x'' = -9.81 sin(x) - 0.3 x', of which gravity is known; noise of a hundredth."""
    times = np.linspace(0, 6, 150)
    clean = problems.solved(
        lambda y: np.array([y[1], -9.81 * np.sin(y[0]) - 0.3 * y[1]]), [2.0, 0.0], times
    )
    return times, clean[:, 0] + 0.01 * np.random.default_rng(0).standard_normal(150)


@pytest.mark.slow
@pytest.mark.unmeasured
def test_a_pendulum_with_known_gravity(pendulum, tmp_path):
    found = nsindy.discover(
        *pendulum, states=["x"], order=2, operations=(), know="x'' = ... - 9.81*sin(x)"
    )
    names = dict(zip(found.terms, range(len(found.terms)), strict=True))
    row, errors = found.coefficients[1], found.standard_errors[1]
    assert set(np.flatnonzero(row)) == {names["sin(x)"], names["x'"]}
    assert row[names["sin(x)"]] == -9.81 and errors[names["sin(x)"]] == 0
    damping, error = row[names["x'"]], errors[names["x'"]]
    assert abs(damping + 0.3) < 3 * error < 0.03
    assert found.given[1].tolist() == [name == "sin(x)" for name in found.terms]
    assert "- 9.81 sin(x)" in str(found) and "given" in str(found)
    # What is known is not paid for, nor is it doubtful.
    assert found.inclusion_probabilities[1, names["sin(x)"]] == 1
    found.save(tmp_path / "found.json")
    again = nsindy.load(tmp_path / "found.json")
    assert str(again) == str(found)
