"""Operations learned from samples and from functions."""

import functools
import json
import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.interpolate

from nsindy.circuits import learn, stacks
from nsindy.terms import library, operations
from nsindy.terms.library import Library
from nsindy.terms.term import Term, parse

DOMAIN = (-2.0, 2.0)
NOISE = 0.05
GRID = np.linspace(*DOMAIN, 801)


def friction(v):
    return np.tanh(v / 0.2) * (0.6 + 0.6 * np.exp(-((v / 0.6) ** 2)))


def measured(seed=0, count=40):
    rng = np.random.default_rng(seed)
    v = rng.uniform(*DOMAIN, count)
    return v, friction(v) + NOISE * rng.normal(size=count)


@pytest.fixture(scope="module")
def noisy():
    return learn.learn_operation("friction", measured(), DOMAIN)


@pytest.fixture(scope="module")
def black_box():
    def half_wave(x):
        """A function of one number, with a branch, that JAX cannot trace."""
        return math.sin(x) if float(x) > 0 else math.tanh(x)

    return learn.learn_operation("half_wave", half_wave, (-3.0, 3.0))


@pytest.mark.unmeasured
def test_forty_noisy_samples_give_the_curve_and_no_wiggle(noisy):
    found = np.asarray(noisy.primitive.function(GRID))
    error = np.sqrt(np.mean((found - friction(GRID)) ** 2))
    v, f = measured()
    order = np.argsort(v)
    # Generalised cross-validation chooses the smoothness of the reference as well.
    spline = scipy.interpolate.make_smoothing_spline(v[order], f[order])
    reference = np.sqrt(np.mean((spline(GRID) - friction(GRID)) ** 2))
    assert error < min(1.2 * reference, 2 * NOISE)
    variation = np.abs(np.diff(found)).sum() / np.abs(np.diff(friction(GRID))).sum()
    assert variation < 1.15


def test_the_noise_and_the_error_on_fresh_samples_are_said(noisy):
    said = noisy.fidelity
    freedom = said["samples"] - said["effective_parameters"]
    # The relative standard deviation of a root mean square of n normal numbers is 1/√(2n).
    assert abs(said["noise"] / NOISE - 1) < 4 / np.sqrt(2 * freedom)
    v, f = measured(seed=1, count=4000)
    fresh = np.sqrt(np.mean((np.asarray(noisy.primitive.function(v)) - f) ** 2))
    assert 0.5 < said["cross_validated_rmse"] / fresh < 2
    assert 3 < said["effective_parameters"] < 30
    assert str(noisy).startswith("friction: 1 argument(s) in [-2, 2], learned from 40 samples")


@pytest.mark.slow
def test_the_same_seed_gives_the_same_operation_in_single_precision_as_well(noisy):
    with jax.enable_x64(False):
        again = learn.learn_operation("friction", measured(), DOMAIN)
    assert again.primitive == noisy.primitive
    assert hash(again.primitive) == hash(noisy.primitive)
    other = learn.learn_operation("friction", measured(), DOMAIN, seed=1)
    assert other.primitive != noisy.primitive


@pytest.mark.slow
@pytest.mark.unmeasured
def test_units_do_not_matter(noisy):
    """Powers of two scale without rounding, so the network must be the same to the last bit."""
    v, f = measured()
    large, small = 2.0**40, 2.0**-30
    scaled = learn.learn_operation(
        "friction", (v * small, f * large), (DOMAIN[0] * small, DOMAIN[1] * small)
    )
    np.testing.assert_allclose(
        np.asarray(scaled.primitive.function(GRID * small)) / large,
        np.asarray(noisy.primitive.function(GRID)),
        rtol=1e-12, atol=1e-13,
    )  # fmt: skip


def test_a_circuit_is_a_plain_function_of_arrays(noisy, variant):
    function = noisy.primitive.function
    points = jnp.asarray(GRID[::50])
    values = np.array([float(function(point)) for point in points])
    np.testing.assert_allclose(variant(function)(points), values, rtol=1e-12)
    np.testing.assert_allclose(variant(jax.vmap(function))(points), values, rtol=1e-12)
    np.testing.assert_allclose(
        variant(function)(jnp.tile(points, (3, 1))), np.tile(values, (3, 1)), rtol=1e-12
    )
    slope = variant(jax.vmap(jax.grad(function)))(points)
    difference = (function(points + 1e-5) - function(points - 1e-5)) / 2e-5
    np.testing.assert_allclose(slope, difference, rtol=1e-5, atol=1e-7)
    single = function(points.astype(jnp.float32))
    assert single.dtype == jnp.float32
    np.testing.assert_allclose(single, values, rtol=1e-4, atol=1e-5)
    assert function(1).dtype == jnp.float32


def test_a_circuit_may_be_a_static_argument(noisy):
    @functools.partial(jax.jit, static_argnames="function")
    def apply(x, *, function):
        return function(x)

    np.testing.assert_allclose(
        apply(1.5, function=noisy.primitive.function), noisy.primitive.function(1.5), rtol=1e-12
    )


def test_a_learned_operation_is_a_term_like_any_other(noisy):
    term = Term(operations.get("mul"), (0, Term(noisy.primitive, (1,))))
    terms = (term, Term(noisy.primitive, (0,)), parse("sin(x)", ("x", "v")))
    states = jnp.asarray([[0.5, 1.0], [-3.0, 0.1], [1.0, -1.5]])
    found = library.evaluate(Library(terms, ("x", "v")), states)
    x, v = states.T
    expected = [x * noisy.primitive.function(v), noisy.primitive.function(x), jnp.sin(x)]
    np.testing.assert_allclose(found.theta, jnp.stack(expected, 1), rtol=1e-12)
    assert found.inside[:, 1].tolist() == [True, False, True]
    assert term.name(("x", "v")) == "mul(x,friction(v))"


@pytest.mark.slow
def test_a_function_that_jax_cannot_trace_is_learned(black_box):
    points = np.linspace(-3, 3, 501)
    exact = np.where(points > 0, np.sin(points), np.tanh(points))
    error = np.abs(np.asarray(black_box.primitive.function(points)) - exact)
    assert error.max() < 5e-3
    assert black_box.fidelity["relative_rmse"] < 2e-3


@pytest.mark.slow
def test_two_arguments():
    def predation(x, y):
        return x * y / (1 + x)

    learned = learn.learn_operation("predation", predation, (0.0, 4.0), complexity=2.0)
    assert learned.primitive.arity == 2
    assert learned.primitive.complexity == 2.0
    x, y = np.random.default_rng(0).uniform(0, 4, (2, 500))
    error = np.asarray(learned.primitive.function(x, y)) - predation(x, y)
    assert np.sqrt(np.mean(error**2)) < 2e-3 * np.std(predation(x, y))


def test_json_brings_the_same_operation_back(noisy):
    text = json.dumps(stacks.operation_to_json(noisy.primitive))
    assert stacks.from_json(json.loads(text)) == noisy.primitive
    with pytest.raises(ValueError, match="sin is not a learned operation"):
        stacks.operation_to_json(operations.get("sin"))


@pytest.mark.parametrize(
    "change",
    [
        {"layers": None},
        {"layers": []},
        {"layers": [[[[1.0]], [0.0]], [[[1.0, 2.0]], [0.0]]]},
        {"layers": [[[[1.0]], [0.0]], [[[math.nan]], [0.0]]]},
        {"arity": 2},
        {"activation": "__import__"},
        {"domain": [0.0]},
        {"name": "f("},
        {"complexity": "much"},
    ],
)
def test_a_damaged_description_is_refused(noisy, change):
    with pytest.raises(ValueError, match="this does not describe a learned operation"):
        stacks.from_json(stacks.operation_to_json(noisy.primitive) | change)


TEN = np.linspace(-1, 1, 10)


@pytest.mark.parametrize(
    ("name", "given", "domain", "sentence"),
    [
        ("sin", (TEN, TEN), DOMAIN, "'sin' is not a word, or names an operation that exists"),
        ("my friction", (TEN, TEN), DOMAIN, "is not a word"),
        ("f", (TEN, TEN), (1.0, 1.0), r"the domain \(1, 1\) is empty"),
        ("f", (TEN, TEN), (-math.inf, 1.0), "is empty"),
        ("f", (TEN, TEN), 3.0, "the domain must be two numbers"),
        ("f", (TEN, TEN[:-1]), DOMAIN, r"not \[10\] and \[9\]"),
        ("f", (np.zeros((10, 3)), TEN), DOMAIN, r"not \[10, 3\] and \[10\]"),
        ("f", 7, DOMAIN, "must be a function, or two arrays"),
        ("f", (TEN, ["a"] * 10), DOMAIN, "must be a function, or two arrays"),
        ("f", (TEN, np.where(TEN > 0.9, np.nan, TEN)), DOMAIN, "sample 9 is not finite"),
        ("f", (3 * TEN, TEN), DOMAIN, r"input \[-3.0\] of sample 0 lies outside the domain"),
        ("f", (TEN[:5], TEN[:5]), DOMAIN, "5 different inputs are too few; at least 8"),
        ("f", (np.repeat(TEN[:2], 10), np.arange(20.0)), DOMAIN, "2 different inputs"),
        ("f", (TEN, np.ones(10)), DOMAIN, "all outputs are equal"),
        ("f", lambda x: 1 / (0 * x), DOMAIN, "not finite"),
        ("f", math.log, DOMAIN, "the function fails at"),
        ("f", lambda x, y, z: x, DOMAIN, "the function takes 3 arguments"),
    ],
)
def test_what_cannot_be_learned_is_refused(name, given, domain, sentence):
    with pytest.raises(ValueError, match=sentence):
        learn.learn_operation(name, given, domain)
