"""The columns of each equation, and supports on products, against regressions one by one."""

import itertools

import numpy as np
import pytest
from problems import noisy, prepared, solved

from nsindy.discovery import constants
from nsindy.discovery.preparation import screening
from nsindy.evidence import regression
from nsindy.evidence.prior import Prior
from nsindy.evidence.score import log_evidence

SAMPLES, TERMS = 80, 7


@pytest.fixture
def regress():
    """Seven columns, of which the sixth repeats the first and the last is nothing."""
    rng = np.random.default_rng(0)
    design = rng.standard_normal((SAMPLES, TERMS))
    design[:, 5], design[:, 6] = 3 * design[:, 0], 0.0
    target = design[:, [1, 3]] @ [1.0, -0.5] + 0.3 * rng.standard_normal(SAMPLES)
    return design, target


def test_the_beam_ranks_supports_by_their_evidence(regress):
    design, target = regress
    prior = Prior(np.arange(3.0, 3 + TERMS), np.ones(()))
    factor = regression.compress(design, target[:, None])
    found = screening.beam(factor.T @ factor, prior, float(SAMPLES), 3, 0.1)
    scores = {tuple(s.terms): s.score for s in found}
    expected = {}
    for size in range(4):
        for terms in itertools.combinations(range(TERMS), size):
            columns = design[:, terms]
            if np.linalg.matrix_rank(columns) < size:
                continue
            left = target - columns @ np.linalg.lstsq(columns, target, rcond=None)[0]
            share = np.sum(left**2) / np.sum(target**2) + 0.1**2
            mask = np.isin(np.arange(TERMS), terms)[None]
            fit = -SAMPLES / 2 * np.log(share)
            expected[terms] = float(log_evidence(fit, mask, float(SAMPLES), prior))
    # Sixteen partial supports are more than there are pairs of columns that count.
    assert scores.keys() == expected.keys()
    for terms, score in scores.items():
        assert score == pytest.approx(expected[terms], abs=1e-8)
    assert tuple(found[0].terms) == (1, 3)
    best = found[0]
    for m in np.flatnonzero(np.isfinite(best.gains)):
        larger = tuple(sorted((*best.terms.tolist(), int(m))))
        assert best.gains[m] == pytest.approx(expected[larger], abs=1e-8)


def test_each_equation_has_columns_of_its_own():
    """A ring of eight states with 165 terms: each equation keeps its four among fifty."""
    times = np.linspace(0, 8, 600)
    start = 8 + np.sin(np.arange(8.0))
    states = solved(
        lambda x: (np.roll(x, -1) - np.roll(x, 2)) * np.roll(x, 1) - x + 8, start, times
    )
    one = prepared(times, noisy(states, 0.01))
    terms, columns = [t.name("abcdefgh") for t in one.terms], one.problem.columns
    assert len(terms) == 165 and columns.shape == (8, constants.WIDE_COLUMNS // 8)
    for d, places in enumerate(columns):
        assert len(set(places)) == len(places)
        held = {terms[m] for m in places}
        back, ahead, far = ("abcdefgh"[(d + k) % 8] for k in (-1, 1, -2))
        pairs = {f"mul({','.join(sorted((back, other)))})" for other in (ahead, far)}
        assert held >= {"one()", f"identity({'abcdefgh'[d]})"} | pairs


def test_a_support_that_rounding_makes_indefinite_is_left_out(regress, monkeypatch):
    design, target = regress
    factor = regression.compress(design, target[:, None])
    cholesky = np.linalg.cholesky

    def of_two(table):
        if len(table) == 2:
            raise np.linalg.LinAlgError("Matrix is not positive definite")
        return cholesky(table)

    monkeypatch.setattr(np.linalg, "cholesky", of_two)
    prior = Prior(np.arange(3.0, 3 + TERMS), np.ones(()))
    found = screening.beam(factor.T @ factor, prior, float(SAMPLES), 3, 0.1)
    assert {len(s.terms) for s in found} == {0, 1}
