"""Supports by regressions, against the enumeration of all."""

import itertools

import numpy as np
import pytest
from enumeration import enumerate_in_numpy
from problems import narrow, prepared, signal, solved

from nsindy.discovery import constants
from nsindy.discovery.preparation.problem import Prepared
from nsindy.discovery.supports import candidates, proposals
from nsindy.discovery.supports.proposals import Option
from nsindy.evidence.prior import Prior
from nsindy.terms.products import is_product

ROWS, TERMS = 60, 5


@pytest.fixture(scope="module")
def regressions():
    """Θ [N, 5] and two derivatives, each of two terms, with noise."""
    rng = np.random.default_rng(0)
    theta = rng.standard_normal((ROWS, TERMS))
    truth = np.array([[1.0, 0, 0.3, 0, 0], [0, -0.7, 0, 0, 0.02]])
    slopes = theta @ truth.T + 0.01 * rng.standard_normal((ROWS, 2))
    costs = np.array([3.0, 3.0, 5.0, 5.0, 8.0])
    problem = narrow(TERMS, 2, prior=Prior(costs, np.ones(())))
    return theta, slopes, problem, np.linalg.qr(np.hstack([theta, slopes]), "r")


def options(regressions, d, coarse, problem=None):
    _, _, wide, factor = regressions
    return proposals._options(problem or wide, factor, d, ROWS + 1.0, 16, coarse)


@pytest.mark.parametrize("d", (0, 1))
@pytest.mark.parametrize("coarse", (0.1, 1e-4))
def test_supports_are_ranked_as_by_the_enumeration_of_all(regressions, d, coarse):
    """With a row more, which no term explains: that share of the derivative."""
    theta, slopes, problem, _ = regressions
    unseen = coarse * np.linalg.norm(slopes[:, d])
    every = enumerate_in_numpy(
        np.vstack([theta, np.zeros(TERMS)]),
        np.append(slopes[:, d], unseen),
        problem.slots,
        problem.prior.costs,
        1.0,
    )
    found = options(regressions, d, coarse)
    assert [tuple(np.flatnonzero(o.mask)) for o in found] == [support for _, support in every]
    np.testing.assert_allclose([-o.rank for o in found], [score for score, _ in every])


def test_what_is_smaller_than_the_coarse_share_is_not_explained(regressions):
    """The last term is 3 % of the second derivative."""
    best = {
        coarse: tuple(np.flatnonzero(options(regressions, 1, coarse)[0].mask))
        for coarse in (*constants.COARSE, constants.FINE)
    }
    assert best == {0.01: (1, 4), 0.1: (1,), 1e-4: (1, 4)}


def test_terms_that_are_not_admissible_are_not_proposed(regressions):
    _, _, problem, _ = regressions
    allowed = np.array([[True, True, False, True, True], [False] * 5])
    some = problem._replace(admissible=allowed)
    first, second = (options(regressions, d, 0.01, some) for d in (0, 1))
    assert first and not any(o.mask[2] for o in first)
    assert [(o.rank, o.mask.any()) for o in second] == [(0.0, False)]


def test_supports_of_all_equations_are_those_of_the_least_sum_of_ranks(regressions):
    _, _, problem, factor = regressions
    each = [options(regressions, d, 0.01) for d in (0, 1)]
    sums = sorted(a.rank + b.rank for a, b in itertools.product(*each))
    ranks = [{o.mask.tobytes(): o.rank for o in one} for one in each]
    found = proposals._joint(problem, factor, ROWS + 1.0, 16, 0.01)
    # Sixteen by evidence, and sixteen in turns of every size.
    assert len(found) == 32
    totals = [sum(r[row.tobytes()] for r, row in zip(ranks, mask, strict=True)) for mask in found]
    np.testing.assert_allclose(totals[:16], sums[:16])
    sizes = [mask.sum(1).tolist() for mask in found[16:]]
    # The best of each size first: no term at all, one in either, ….
    assert sizes[:3] == [[0, 0], [0, 1], [1, 0]] or sizes[:3] == [[0, 0], [1, 0], [0, 1]]
    best = [{} for _ in each]
    for one, kept in zip(each, best, strict=True):
        for o in one:
            kept.setdefault(int(o.mask.sum()), o.mask.tobytes())
    for mask in found[16:32]:
        for row, kept in zip(mask, best, strict=True):
            assert row.tobytes() == kept[int(row.sum())]


def test_few_supports_are_not_taken_in_turns(regressions):
    _, _, problem, factor = regressions
    few = proposals._joint(problem, factor, ROWS + 1.0, constants.WIDTH, 0.01)
    assert len(few) == constants.WIDTH


def test_the_best_of_each_size_come_first():
    masks = np.array([[1, 1, 0], [1, 0, 1], [1, 0, 0], [0, 0, 0], [0, 1, 0]], bool)
    ranked = proposals._by_size([Option(float(i), mask) for i, mask in enumerate(masks)])
    assert [o.rank for o in ranked] == [0, 0, 0, 1, 1]
    assert [o.mask.sum() for o in ranked] == [2, 1, 0, 2, 1]
    # By its ranks first, then by its number of terms.
    two, one, _, second, _ = ranked
    turns = [proposals._turn(choice) for choice in ((one, one), (two, one), (one, second))]
    assert turns == [(0, 2), (0, 3), (1, 3)]


@pytest.mark.parametrize("equations", (1, 2, 3, 4, 5))
def test_so_many_supports_of_each_equation_are_combined(monkeypatch, equations):
    """What stands behind the limit is not met, even if it were the best."""
    few = constants.JOINT_OPTIONS.get(equations, constants.JOINT_OPTIONS_MANY)
    assert few == {1: 64, 2: 32, 3: 16}.get(equations, 6)
    masks = np.array(list(itertools.product((False, True), repeat=7)))
    ranked = [Option(float(i), mask) for i, mask in enumerate(masks[: few + 1])]
    ranked[few - 1] = ranked[few - 1]._replace(rank=-1.0)
    ranked[few] = ranked[few]._replace(rank=-2.0)
    monkeypatch.setattr(proposals, "_options", lambda *given: ranked)
    problem = narrow(7, equations)
    (best, *_) = proposals._joint(problem, problem.factor, 1.0, 1, 0.01)
    np.testing.assert_array_equal(best, np.tile(masks[few - 1], (equations, 1)))


def test_the_best_of_many_equations_are_found_without_all_combinations():
    """Of three options of six equations, all 729 of which can be ranked; ten states have 10⁷."""
    rng = np.random.default_rng(0)
    each = [
        [Option(float(rank), np.eye(3, dtype=bool)[i]) for i, rank in enumerate(ranks)]
        for ranks in np.sort(rng.integers(0, 5, (6, 3)))
    ]
    for key in (proposals._rank, proposals._turn):
        every = sorted(itertools.product(*each), key=key)[:20]
        assert all(
            a is b
            for one, other in zip(proposals._least(each, 20, key), every, strict=True)
            for a, b in zip(one, other, strict=True)
        )


@pytest.fixture
def asked(monkeypatch):
    """`asked(samples, noise, …)`: width and coarse share of each regression that proposes."""
    seen = []

    def joint(problem, factor, samples, width, coarse):
        seen.append((width, coarse))
        return [np.zeros(problem.admissible.shape, bool)]

    monkeypatch.setattr(proposals, "_joint", joint)
    monkeypatch.setattr(candidates, "regressed", lambda problem, mask: mask)

    def ask(samples, noise=0.01, equations=2, width=None, substeps=1):
        seen.clear()
        parts = [signal(np.ones((samples, equations)), noise=np.full(equations, noise))]
        nothing = [None] * len(Prepared._fields)
        made = Prepared(*nothing)._replace(
            signals=parts, problem=narrow(3, equations), substeps=substeps, terms=()
        )
        assert len(proposals.proposals(made, width)) == 1
        return seen

    return ask


def test_a_recording_without_noise_is_regressed_finely_as_well(asked):
    usual = list(constants.COARSE)
    for noise, fine in ((constants.FINE, []), (0.999 * constants.FINE, [constants.FINE])):
        assert [coarse for _, coarse in asked(600, noise)] == 2 * (usual + fine)
        # A map has no integrals.
        assert [coarse for _, coarse in asked(600, noise, substeps=None)] == usual + fine


@pytest.mark.parametrize(
    ("samples", "equations", "width", "expected"),
    (
        (600, 2, None, constants.WIDTH // 2),
        (600, 2, 32, 16),
        # Twice as many where there is one equation.
        (600, 1, None, constants.WIDTH),
        # (1500 / N)² passes 8 below 531 samples.
        (531, 2, None, 3),
        (530, 2, None, 4),
        (constants.FEW_SAMPLES // 4, 2, None, 8),
        (constants.FEW_SAMPLES // 10, 2, None, 50),
        (67, 2, None, 250),
        (66, 2, None, constants.MOST_PROPOSALS // 2),
        (10, 2, None, constants.MOST_PROPOSALS // 2),
    ),
)
def test_so_many_supports_are_proposed(asked, samples, equations, width, expected):
    expected = max(expected, constants.WIDTH // 2)
    assert {w for w, _ in asked(samples, equations=equations, width=width)} == {expected}


@pytest.fixture(scope="module")
def oscillator():
    times = np.linspace(0, 16, 200)
    clean = solved(lambda y: [y[1], -y[0] - 0.2 * y[1]], (1.0, 0.5), times)
    return prepared(times, clean + 0.005 * np.random.default_rng(0).standard_normal(clean.shape))


@pytest.mark.parametrize("regression", ("derivatives", "integrals"))
def test_either_regression_proposes_the_truth_of_a_noisy_oscillator(oscillator, regression):
    names = [term.name(("x", "v")) for term in oscillator.terms]
    x, v = names.index("identity(x)"), names.index("identity(v)")
    truth = np.zeros(oscillator.problem.admissible.shape, bool)
    truth[0, v] = truth[1, x] = truth[1, v] = True
    problem = oscillator.problem
    factor = problem.integrals if regression == "integrals" else problem.factor
    freedom, width = oscillator.signals[0].freedom, constants.WIDTH // 2
    for coarse in constants.COARSE:
        found = proposals._joint(oscillator.problem, factor, freedom, width, coarse)
        np.testing.assert_array_equal(found[0], truth)
    size = len(names)
    slopes = np.linalg.lstsq(factor[:, [x, v]], factor[:, size:])[0].T * oscillator.back[:, [x, v]]
    np.testing.assert_allclose(slopes, [[0, 1], [-1, -0.2]], atol=0.01)


def test_products_of_variables_are_proposed_besides():
    """Among many operations some imitate a cubic on a slow manifold, which has its own places."""
    times = np.linspace(0, 60, 600)
    fast = lambda y: [y[0] - y[0] ** 3 / 3 - y[1] + 0.5, 0.08 * (y[0] + 0.7 - 0.8 * y[1])]  # noqa: E731
    made = prepared(times, solved(fast, (-1.0, 1.0), times), operations=None)
    products = np.array([is_product(term) for term in made.terms])

    def masks(**knobs):
        return {start.mask.tobytes(): start.mask for start in proposals.proposals(made, **knobs)}

    more, fewer = masks(), masks(products=False)
    added = [mask for key, mask in more.items() if key not in fewer]
    assert set(fewer) < set(more)
    assert not any(mask[:, ~products].any() for mask in added)
