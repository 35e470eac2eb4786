"""From arrays to equations: what `nsindy.discover` promises, on systems whose truth is known."""

import dataclasses
import itertools

import jax
import numpy as np
import problems
import pytest

import nsindy
from nsindy.discovery import pipeline
from nsindy.discovery.answer import cautions
from nsindy.discovery.numbers import number_regression, number_scan
from nsindy.discovery.positions import Answer
from nsindy.terms import operations, primitive

TIMES = np.linspace(0, 16, 200)
OPERATIONS = ("sin", "cos")


def linear_system(times, a, b, c, *initial):
    """x' = a v, v' = b x + c v, exactly."""
    values, vectors = np.linalg.eig(np.array([[0, a], [b, c]]))
    weights = np.linalg.solve(vectors, np.array(initial, complex))
    return np.real(np.exp(np.outer(times, values)) * weights @ vectors.T)


def rotation(noise=0.01, seed=0, times=TIMES, k=1.0, c=0.1):
    """x' = v, v' = -k x - c v, exactly."""
    clean = linear_system(times, 1.0, -k, -c, 1.0, 0.5)
    return clean + noise * np.random.default_rng(seed).standard_normal(clean.shape)


def support(found):
    return [{found.terms[m] for m in np.flatnonzero(row)} for row in np.asarray(found.coefficients)]


@pytest.fixture(scope="module")
def oscillator():
    return nsindy.discover(TIMES, rotation(), states=["x", "v"], operations=OPERATIONS)


def test_oscillator(oscillator):
    assert support(oscillator) == [{"v"}, {"x", "v"}]
    truth = {"x": -1.0, "v": -0.1}
    for m, name in enumerate(oscillator.terms):
        value, error = oscillator.coefficients[1, m], oscillator.standard_errors[1, m]
        if name in truth:
            assert abs(value - truth[name]) < 4 * error < 0.02
    np.testing.assert_allclose(oscillator.noise, 0.01, rtol=0.15)
    assert (oscillator.held_out.r2 > 0.99).all()
    assert oscillator.noise_kind == ("constant", "constant")


def free(row, equation):
    """Values of x' = a v and v' = b x + c v in that order."""
    x, v = row.terms.index("x"), row.terms.index("v")
    return np.array([equation[0, v], equation[1, x], equation[1, v]])


def test_standard_errors_are_those_of_the_cramer_rao_bound(oscillator):
    """Of all five numbers: the information is that of the exact solution, by differences."""

    def solution(numbers):
        a, b, c, *initial = numbers
        values, vectors = np.linalg.eig(np.array([[0.0, a], [b, c]]))
        weights = np.linalg.solve(vectors, initial)
        return np.real(np.exp(np.outer(TIMES, values)) * weights @ vectors.T).reshape(-1)

    truth, step = np.array([1.0, -1.0, -0.1, 1.0, 0.5]), 1e-5
    slopes = [(solution(truth + d) - solution(truth - d)) / (2 * step) for d in step * np.eye(5)]
    bound = 0.01 * np.sqrt(np.diagonal(np.linalg.inv(np.array(slopes) @ np.array(slopes).T)))
    stated = free(oscillator, oscillator.standard_errors)
    # They hold the noise that was found, whose own standard error is 5 % of it for 200 samples.
    np.testing.assert_allclose(stated, bound[:3], rtol=0.15)


@pytest.mark.slow
def test_errors_are_as_large_as_their_standard_errors(oscillator):
    """Over draws of the noise, errors divided by the stated standard error have variance 1."""
    ratios = []
    for seed in range(8):
        found = oscillator
        if seed:
            states = rotation(seed=seed)
            found = nsindy.discover(TIMES, states, states=["x", "v"], operations=OPERATIONS)
        assert support(found) == [{"v"}, {"x", "v"}]
        error = free(found, found.coefficients) - [1.0, -1.0, -0.1]
        ratios.append(error / free(found, found.standard_errors))
    # Chi-square of 24 draws, at 0.1 %.
    assert 0.3 < np.mean(np.square(ratios)) < 2.2


@pytest.mark.slow
@pytest.mark.unmeasured
def test_units_only_scale_the_equation(oscillator):
    for power in (1e-9, 1e9):
        found = nsindy.discover(TIMES, power * rotation(), states=["x", "v"], operations=OPERATIONS)
        assert support(found) == support(oscillator)
        np.testing.assert_allclose(found.coefficients, oscillator.coefficients, rtol=1e-4)
        np.testing.assert_allclose(found.noise, power * oscillator.noise, rtol=1e-4)


@pytest.mark.unmeasured
def test_permuting_the_states_permutes_the_equations(oscillator):
    found = nsindy.discover(TIMES, rotation()[:, ::-1], states=["v", "x"], operations=OPERATIONS)
    assert support(found) == support(oscillator)[::-1]


@pytest.mark.unmeasured
def test_shuffled_rows_change_nothing(oscillator):
    order = np.random.default_rng(0).permutation(len(TIMES))
    found = nsindy.discover(
        TIMES[order], rotation()[order], states=["x", "v"], operations=OPERATIONS
    )
    np.testing.assert_array_equal(found.coefficients, oscillator.coefficients)
    assert any("sorted" in said for said in found.notes)


@pytest.mark.unmeasured
def test_precision_of_the_caller_stays(oscillator):
    assert oscillator.coefficients.dtype == np.float64
    with jax.enable_x64(False):
        found = nsindy.discover(TIMES, rotation(), states=["x", "v"], operations=OPERATIONS)
    np.testing.assert_array_equal(found.coefficients, oscillator.coefficients)


def test_positions_alone():
    times = TIMES / 2
    x = rotation(times=times, noise=0.003, k=4.0, c=0.2)[:, 0]
    found = nsindy.discover(times, x, states=["x"], order=2, operations=OPERATIONS)
    assert found.states == ("x", "x'")
    assert support(found) == [{"x'"}, {"x", "x'"}]
    row = found.coefficients[1]
    assert row[found.terms.index("x")] == pytest.approx(-4, abs=0.01)
    assert row[found.terms.index("x'")] == pytest.approx(-0.2, abs=0.01)


@pytest.mark.slow
def test_forcing_enters_beside_the_states():
    times = np.linspace(0, 20, 300)
    u = np.sign(np.sin(0.9 * times)) * 1.0
    x, states = 0.0, []
    for i in range(len(times)):
        states.append(x)
        fine = np.linspace(times[i], times[min(i + 1, 299)], 40)
        for a, b in itertools.pairwise(fine):
            given = np.interp(a, times, u)
            x = x + (b - a) * (-0.5 * x + 2 * given)
    noisy = np.array(states) + 0.01 * np.random.default_rng(0).standard_normal(300)
    found = nsindy.discover(times, noisy, inputs=u[:, None], states=["x"], operations=())
    assert support(found) == [{"x", found.inputs[0]}]
    assert found.coefficients[0, found.terms.index("x")] == pytest.approx(-0.5, abs=0.02)


@pytest.mark.unmeasured
def test_operations_that_are_in_every_library_may_be_named(oscillator):
    found = nsindy.discover(
        TIMES, rotation(), states=["x", "v"], operations=("identity", "sin", "cos", "add", "mul")
    )
    assert found.terms == oscillator.terms


@pytest.mark.unmeasured
def test_several_recordings_of_one_system():
    parts = [rotation(seed=1)[:100], 2 * rotation(seed=2)[:100]]
    found = nsindy.discover(
        [TIMES[:100], TIMES[:100]], parts, states=["x", "v"], operations=OPERATIONS
    )
    assert support(found) == [{"v"}, {"x", "v"}]
    assert np.asarray(found.initial).shape == (2, 2)


@pytest.mark.slow
def test_operations_of_ones_own():
    step = primitive.Primitive("bump", 1, lambda x: x * np.e ** (-(x**2)), (-3.0, 3.0), 1.0)
    times = np.linspace(0, 10, 200)
    x, path = 1.5, []
    for a in times:
        path.append(x)
        for _ in range(50):
            x = x + (times[1] - times[0]) / 50 * (-1.5 * x * np.exp(-(x**2)))
        del a
    noisy = np.array(path) + 0.003 * np.random.default_rng(0).standard_normal(200)
    found = nsindy.discover(times, noisy, states=["x"], operations=[step])
    assert support(found) == [{"bump(x)"}]


@pytest.mark.slow
def test_known_noise_is_a_floor(monkeypatch):
    """A damping that moves the states by a tenth is found, unless the noise is as large."""
    # A search with a number would be another program to compile.
    monkeypatch.setattr(number_scan, "offers", lambda *given, **knobs: [])
    monkeypatch.setattr(number_regression, "proposed", lambda *given: [])
    states = rotation(noise=1e-3, c=0.02)
    for noise, expected in ((None, {"x", "v"}), (0.2, {"x"})):
        found = nsindy.discover(
            TIMES, states, states=["x", "v"], operations=OPERATIONS, noise=noise
        )
        assert support(found) == [{"v"}, expected]


@pytest.mark.parametrize(
    ("change", "said"),
    (
        ({"order": 3}, "order must be 1 or 2, not 3"),
        ({"degree": 0}, "degree must be at least 1, not 0"),
        ({"max_terms": 0}, "max_terms must be at least 1"),
        ({"noise": -1.0}, "noise must be finite and at least 0"),
        ({"operations": ["sine"]}, "unknown operation 'sine'"),
    ),
)
def test_knobs_that_make_no_sense(change, said):
    with pytest.raises(ValueError, match=said):
        nsindy.discover(TIMES, rotation(), **change)


def test_forms_of_arguments(monkeypatch):
    def stood_in(case, session, units):
        return Answer((session, case.recordings), None)

    monkeypatch.setattr(pipeline, "_discover", stood_in)
    x = rotation()
    session, read = nsindy.discover(
        0.08, [x, x], inputs=TIMES**2, input_names="pump", degree=2, operations=np.sin
    )
    assert (read.states, read.inputs, len(read.parts)) == (("x", "y"), ("pump",), 2)
    np.testing.assert_allclose(read.parts[1].times, 0.08 * np.arange(200))
    assert (session.question.degree, session.question.rows) == (2, (operations.get("sin"),))
    session, read = nsindy.discover({"t": TIMES, "a": x[:, 0], "b": x[:, 1]}, states=["b"])
    asked = session.question
    assert (read.states, asked.operations, asked.degree) == (("b",), None, None)


def test_progress_is_told():
    said = []
    pipeline.discover(
        TIMES, rotation(), operations=OPERATIONS, progress=lambda *now: said.append(now)
    )
    assert {stage for stage, _ in said} == {
        "smoothing",
        "selecting on the first four fifths",
        "selecting on all samples",
    }
    shares = [share for _, share in said]
    assert shares == sorted(shares) and shares[0] == 0 and shares[-1] <= 1


def test_discovery_is_immutable(oscillator):
    with pytest.raises(dataclasses.FrozenInstanceError):
        oscillator.order = 2


def test_a_search_that_is_stopped_gives_the_best_so_far_and_says_so(oscillator):
    stopped = nsindy.discover(
        TIMES, rotation(), states=["x", "v"], operations=OPERATIONS, seconds=1e-9
    )
    assert cautions.STOPPED in stopped.warnings and cautions.STOPPED not in oscillator.warnings
    # The supports that regressions propose hold the true one, and one is fitted to its end.
    assert np.isfinite(stopped.score) and np.all(stopped.noise < 0.05)


def test_seconds_are_positive():
    with pytest.raises(ValueError, match="seconds must be positive, not 0"):
        nsindy.discover(TIMES, rotation(), seconds=0)


@pytest.mark.slow
def test_ten_states_of_a_ring_are_found_in_a_library_of_286_terms():
    """Lorenz's ring of 1996: x_i' = (x_{i+1} - x_{i-2}) x_{i-1} - x_i + 8, chaotic."""
    times = np.linspace(0, 10, 1000)
    start = problems.solved(_ring, 8 + np.sin(np.arange(10.0)), np.array([0.0, 10.0]))[-1]
    states = problems.solved(_ring, start, times)
    found = nsindy.discover(times, problems.noisy(states, 0.01))
    for d, own in enumerate(support(found)):
        pairs = [sorted(((d - 1) % 10, other % 10)) for other in (d + 1, d - 2)]
        assert own == {"1", f"x{d}"} | {f"x{a} x{b}" for a, b in pairs}
    assert any("286 terms" in warning and "40 for each" in warning for warning in found.warnings)


def _ring(x):
    return (np.roll(x, -1) - np.roll(x, 2)) * np.roll(x, 1) - x + 8
