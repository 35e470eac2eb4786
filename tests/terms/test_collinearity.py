import re

import numpy as np
import pytest

from nsindy.terms import library
from nsindy.terms.collinearity import describe


@pytest.fixture
def base():
    return np.random.default_rng(0).normal(size=(50, 4))


def test_add_is_the_sum_of_the_identities(exact):
    times = np.arange(300) * 0.1
    states = np.exp(-0.05 * times)[:, None] * np.stack([np.cos(times), -np.sin(times)], axis=1)
    theta = np.asarray(library.evaluate(exact, states).theta)
    found = describe(theta, exact.names)
    assert len(found.relations) == 1
    assert found.relations[0].startswith("add(x,v) = identity(x) + identity(v) (residual ")
    assert found.rank == 7
    pairs = {(one, other): cosine for one, other, cosine in found.near_duplicates}
    assert set(pairs) == {("identity(x)", "sin(x)"), ("identity(v)", "sin(v)")}
    for (one, other), cosine in pairs.items():
        a, b = (theta[:, exact.names.index(name)] for name in (one, other))
        assert cosine == pytest.approx(abs(a @ b) / np.sqrt((a @ a) * (b @ b)), rel=1e-12)


def test_a_full_rank_library_has_no_relations(base):
    found = describe(base, "abcd")
    assert found.relations == []
    assert found.near_duplicates == []
    assert found.rank == 4
    unit = base / np.linalg.norm(base, axis=0)
    assert found.condition == pytest.approx(np.linalg.cond(unit), rel=1e-9)


@pytest.mark.parametrize("seed", range(5))
def test_every_relation_holds_in_numbers(seed):
    random = np.random.default_rng(seed)
    free = random.normal(size=(40, 3)) * np.array([1.0, 30.0, 0.02])
    mixed = free @ np.array([[2.0, 0.5, 0.0], [-1.0, 0.0, 0.07], [0.0, 40.0, 300.0]])
    theta, names = np.concatenate([free, mixed], axis=1), [f"t{i}" for i in range(6)]
    found = describe(theta, names)
    assert found.rank == np.linalg.matrix_rank(theta / np.linalg.norm(theta, axis=0)) == 3
    assert len(found.relations) == 3
    for relation in found.relations:
        left, right = relation.split(" (residual")[0].split(" = ")
        words = re.findall(r"([+-])? ?(?:(\d[\d.]*(?:e[+-]\d+)?) )?(t\d)", right)
        rebuilt = sum(
            (-1 if sign == "-" else 1) * float(factor or 1) * theta[:, names.index(name)]
            for sign, factor, name in words
        )
        column = theta[:, names.index(left)]
        # Factors are written with three digits, so half a percent of each part at most.
        assert np.linalg.norm(rebuilt - column) <= 0.01 * np.linalg.norm(column), relation


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda t: 2 * t[:, 0], "new = 2 a ("),
        (lambda t: -t[:, 1], "new = - b ("),
        (lambda t: -0.125 * t[:, 2], "new = - 0.125 c ("),
        (lambda t: t[:, 0] - 3 * t[:, 3], "new = a - 3 d ("),
        (lambda t: t[:, 0] + t[:, 1] + t[:, 2], "new = a + b + c ("),
    ],
)
def test_a_relation_is_written_by_as_few_earlier_terms_as_hold_it(base, make, words):
    found = describe(np.column_stack([base, make(base)]), [*"abcd", "new"])
    assert len(found.relations) == 1
    assert found.relations[0].startswith(words)
    assert found.rank == 4


def test_a_duplicate_is_a_relation_and_a_pair(base):
    found = describe(np.column_stack([base, -5 * base[:, 0]]), [*"abcd", "e"])
    assert found.relations[0].startswith("e = - 5 a")
    assert [pair[:2] for pair in found.near_duplicates] == [("a", "e")]
    assert found.near_duplicates[0][2] == pytest.approx(1)


def test_nearly_the_same_is_a_pair_and_no_relation(base):
    near = base[:, 0] + 0.05 * base[:, 1]
    found = describe(np.column_stack([base[:, [0, 2]], near]), ["a", "c", "near"])
    assert found.relations == []
    assert found.rank == 3
    assert [pair[:2] for pair in found.near_duplicates] == [("a", "near")]
    assert describe(np.column_stack([base[:, 0], near]), "ab", near=0.99999).near_duplicates == []


def test_the_tolerance_decides_what_is_exact(base):
    theta = np.column_stack([base[:, 0], base[:, 0] + 0.01 * base[:, 1]])
    assert describe(theta, "ab").rank == 2
    assert describe(theta, "ab", exact=0.05).rank == 1


def test_a_term_that_is_zero(base):
    found = describe(np.column_stack([base[:, :2], np.zeros(50)]), "abz")
    assert found.relations == ["z = 0"]
    assert found.rank == 2
    assert found.near_duplicates == []
    assert found.condition > 1e12


def test_a_large_library_of_one_direction_and_nothing_does_not_overflow():
    theta = np.column_stack([np.ones((30, 20)), np.zeros(30)])
    found = describe(theta, [f"t{i}" for i in range(21)])
    assert found.rank == 1
    assert len(found.relations) == 20


def test_fewer_samples_than_terms_are_never_full_rank():
    found = describe(np.random.default_rng(1).normal(size=(3, 5)), "abcde")
    assert found.rank == 3
    assert len(found.relations) == 2
    assert found.condition > 1e12


def test_a_wrong_number_of_names_is_refused(base):
    with pytest.raises(ValueError, match=r"Θ must be \[N, 3\], not \[50, 4\]"):
        describe(base, "abc")


def test_a_value_that_is_no_number_is_found(base):
    base[7, 2] = np.nan
    with pytest.raises(ValueError, match="not finite in row 7, term c"):
        describe(base, "abcd")
