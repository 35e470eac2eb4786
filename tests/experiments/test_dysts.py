"""Chaotic flows as a benchmark: recordings of known truth, and what is counted."""

import bench_dysts
import numpy as np
import pytest
import sympy
from peers import dysts_flows


def test_recordings_follow_the_flow_and_do_not_overlap():
    flow = dysts_flows.lorenz()
    times, states = dysts_flows.recordings(flow, count=2, periods=1, samples=200)
    assert [len(t) for t in times] == [200, 200]
    for t, x in zip(times, states, strict=True):
        np.testing.assert_allclose(np.diff(t), flow.period / 200)
        slopes = np.gradient(x, t, axis=0)[2:-2]
        exact = np.array([flow.field(y) for y in x])[2:-2]
        assert np.abs(slopes - exact).max() < 0.02 * np.abs(exact).max()
    # A recording lies between the two, and no two points of chaos are the same.
    assert np.abs(states[0][-1] - states[1][0]).max() > 0.01


def test_the_truth_of_a_flow_is_its_field():
    flow = dysts_flows.lorenz()
    state = np.array([1.0, -2.0, 3.0])
    values = [sum(c * np.prod(state ** np.array(p)) for p, c in row.items()) for row in flow.truth]
    np.testing.assert_allclose(values, flow.field(state))


def test_noise_is_a_share_of_the_root_mean_square():
    clean = [np.full((4000, 2), (3.0, 0.5)), np.full((4000, 2), (3.0, 0.5))]
    noisy = dysts_flows.noisy(clean, 0.1, 0)
    errors = np.concatenate(noisy) - np.concatenate(clean)
    np.testing.assert_allclose(errors.std(0), [0.3, 0.05], rtol=0.05)


def test_a_term_that_is_no_product_counts_as_a_false_one():
    x, y = sympy.symbols("x y")
    assert dysts_flows.monomials(2 * x * y - x**3, [x, y]) == {(1, 1): 2.0, (3, 0): -1.0}
    assert dysts_flows.monomials(sympy.sin(x), [x, y]) is None


@pytest.mark.parametrize(("extra", "exact"), ((0.0, True), (0.5, False)))
def test_the_error_is_that_of_all_coefficients(monkeypatch, extra, exact):
    """One coefficient off by 0.1, and a false term of 0.5: |Ξ - Ξ_true| / |Ξ_true|."""
    flow = dysts_flows.lorenz()
    found = [dict(row) for row in flow.truth]
    found[0][1, 0, 0] += 0.1
    if extra:
        found[2][0, 0, 0] = extra
    monkeypatch.setattr(bench_dysts, "discovered", lambda times, states, limit: found)
    row = bench_dysts.judged(flow, 0.0, "nsindy", 1, 1, 50, None)
    size = np.sqrt(100 + 100 + 28**2 + 1 + 1 + (8 / 3) ** 2 + 1)
    assert row["exact"] == exact
    assert row["error"] == pytest.approx(np.sqrt(0.01 + extra**2) / size)
    (counted,) = bench_dysts.table([row])
    assert counted["exact"] == int(exact) and counted["below_1_percent"] == int(exact)


def test_a_recording_that_is_refused_is_a_miss(monkeypatch):
    def discovered(times, states, limit):
        raise ValueError("too coarse")

    monkeypatch.setattr(bench_dysts, "discovered", discovered)
    row = bench_dysts.judged(dysts_flows.lorenz(), 0.0, "nsindy", 1, 1, 50, None)
    assert (row["exact"], row["error"], row["refused"]) == (False, 1.0, "too coarse")
