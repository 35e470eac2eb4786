"""Probabilities of terms, and equations of only the probable, against sums by hand."""

import numpy as np
import pytest
from problems import candidate, found, narrow

from nsindy.discovery.supports import candidates, inclusion, neighbours
from nsindy.discovery.supports.inclusion import Unclear
from nsindy.discovery.supports.neighbours import Predicted

EACH = narrow(3, factor=np.eye(4))


def test_inclusion_probabilities_are_shares_of_the_evidence():
    """Scores log 6, log 3 and log 1, of what was fitted and of what was predicted."""
    pool = [
        candidate([[1.0, 1.0, 0]], score=100 + np.log(6)),
        candidate([[0.0, 1.0, 0]], score=100 + np.log(3)),
    ]
    other = Predicted(np.array([[False, True, True]]), 100 + np.log(1))
    one = found(pool[0], pool=pool, around=[other], problem=EACH)
    np.testing.assert_allclose(inclusion.inclusion_probabilities(one), [[0.6, 1.0, 0.1]])


def test_a_support_without_evidence_has_no_share():
    pool = [candidate([[1.0, 0]], score=-1e4), candidate([[0, 1.0]], score=-np.inf)]
    one = found(pool[0], pool=pool, problem=narrow(2, factor=np.eye(3)))
    np.testing.assert_array_equal(inclusion.inclusion_probabilities(one), [[1.0, 0.0]])


def test_terms_that_are_one_along_the_recording_count_together():
    """The third column is a multiple of the second beside the first, though not by itself."""
    theta = np.array([[1.0, 1, 9], [0, 1, 2], [0, 0, 0], [0, 0, 0]])
    problem = narrow(3, factor=np.column_stack([theta, np.ones(4)]))
    pool = [
        candidate([[1.0, 1, 0]], score=np.log(2)),
        candidate([[1.0, 0, 1]], score=np.log(1)),
        candidate([[1.0, 0, 0]], score=np.log(1)),
    ]
    one = found(pool[0], pool=pool, problem=problem)
    assert inclusion.stand_ins(one, 0, 1) == [2]
    np.testing.assert_allclose(inclusion.inclusion_probabilities(one), [[1.0, 0.75, 0.25]])


@pytest.mark.parametrize(("factor", "kept"), ((1.9, False), (2.1, True)))
def test_an_improbable_term_stays_only_where_far_more_is_missed_without_it(
    monkeypatch, factor, kept
):
    variance = np.array([1e-4])
    pool = [
        candidate([[1.0, 1, 0]], score=np.log(40), variance=variance),
        candidate([[1.0, 0, 1]], score=np.log(39)),
        candidate([[1.0, 0, 0]], score=np.log(21), variance=factor * variance),
    ]
    one = found(pool[0], pool=pool, problem=EACH)
    near = type("Near", (), {"noise": one.noise})
    near.tangent = type("Tangent", (), {"linearised": "of the one without"})
    monkeypatch.setattr(neighbours, "look_around", lambda *given: near)
    left, unclear = inclusion.only_probable(one)
    assert unclear == [Unclear(0, 1, [2], kept)]
    if kept:
        assert left is one
        np.testing.assert_allclose(
            inclusion.inclusion_probabilities(one, unclear), [[1.0, 0.79, 0.39]]
        )
    else:
        assert left.chosen is pool[2] and left.linearised == "of the one without"


def test_what_is_left_is_fitted_where_it_was_not(monkeypatch):
    pool = [candidate([[1.0, 1, 0]], score=0.1), candidate([[1.0, 0, 1]], score=0.0)]
    pool += [candidate([[1.0, 0, 1]], score=0.0)]
    one = found(pool[0], pool=pool, problem=EACH)
    alone = candidate([[1.0, 0, 0]])
    tangent = type("Tangent", (), {"linearised": None})
    near = type("Near", (), {"noise": one.noise, "tangent": tangent})

    def fit(problem, segments, starts, noise, samples, fitted):
        assert starts == ["from the tangent"]
        fitted[b"key"] = alone

    monkeypatch.setattr(neighbours, "look_around", lambda *given: near)
    monkeypatch.setattr(neighbours, "starts", lambda p, n, best, masks: ["from the tangent"])
    monkeypatch.setattr(candidates, "fit", fit)
    left, unclear = inclusion.only_probable(one)
    assert left.chosen is alone and [place.term for place in unclear] == [1]


def test_probable_terms_stay():
    one = found(candidate([[1.0, 1, 0]]), problem=EACH)
    assert inclusion.only_probable(one) == (one, [])
