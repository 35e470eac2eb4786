import diffrax
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from nsindy import compose, products, shooting, signals
from nsindy.recording import Recording
from nsindy.shooting import Model

TERMS = compose.monomials(2, 3)
SPLIT = products.split(TERMS, 4)
USABLE = np.ones(4 + len(SPLIT.atoms) + 1, bool)


def place(*arguments):
    names = [term.name(("x", "v")) for term in TERMS]
    return [names.index(a) for a in arguments]


def van_der_pol(times, x0=(1.0, 0.5)):
    solution = diffrax.diffeqsolve(
        diffrax.ODETerm(lambda t, y, a: jnp.array([y[1], -y[0] + 0.8 * (1 - y[0] ** 2) * y[1]])),
        diffrax.Dopri8(),
        times[0],
        times[-1],
        0.01,
        jnp.array(x0),
        saveat=diffrax.SaveAt(ts=jnp.asarray(times)),
        stepsize_controller=diffrax.PIDController(rtol=1e-11, atol=1e-11),
    )
    return np.asarray(solution.ys)


def cut(states, times, *, length=16, substeps=2):
    recording = Recording(times, states, np.zeros((len(times), 0)))
    found, units = signals.prepare([recording], 1)
    segments, begin = signals.segments(found, units, USABLE, substeps=substeps, length=length)
    return segments, begin, units


def model(begin, units):
    """The true equation in scaled units."""
    scale, time = units.states, units.time
    indices = np.array([place("identity(v)", "one()", "one()"), [0, 0, 0]])
    indices[1] = place("identity(x)", "identity(v)", "mul(x,mul(x,v))")
    raw = np.array([[1, 0, 0], [-1, 0.8, -0.8]])
    powers = np.array([[scale[1], 1, 1], [scale[0], scale[1], scale[0] ** 2 * scale[1]]])
    coefficients = raw * powers * time / scale[:, None]
    free = np.array([[True, False, False], [True, True, True]])
    return Model(*map(jnp.asarray, (indices, free, coefficients, begin)))


@pytest.fixture(scope="module")
def clean():
    times = np.linspace(0, 12, 150)
    return times, van_der_pol(times)


def test_segments_follow_the_exact_solution(clean, variant):
    times, states = clean
    segments, _, units = cut(states, times, length=8)
    begin = states[:-1:8] / units.states
    lacking = len(segments.steps) - len(begin)
    begin = np.concatenate([begin, np.repeat(begin[-1:], lacking, 0)])
    path, _ = variant(lambda *given: shooting.shoot(SPLIT, *given))(model(begin, units), segments)
    counted = np.asarray(segments.weights) > 0
    error = np.abs(np.asarray(path) - np.asarray(segments.states))[counted]
    assert counted.sum() == states.size
    assert error.max() < 1e-6


def test_the_steps_are_those_of_diffrax():
    tableau = diffrax.Tsit5.tableau
    np.testing.assert_array_equal(shooting.NODES[1:], tableau.c[:5])
    np.testing.assert_array_equal(shooting.SOLUTION, tableau.b_sol[:6])
    for row, expected in zip(shooting.LOWER[1:], tableau.a_lower[:5], strict=True):
        np.testing.assert_array_equal(row[row != 0], expected)


def test_steps_between_samples_need_no_other_program(clean):
    times, states = clean
    errors = []
    for substeps in (1, 2):
        segments, _, units = cut(states, times, substeps=substeps)
        begin = states[:-1:16] / units.states
        begin = np.concatenate([begin, np.repeat(begin[-1:], len(segments.steps) - len(begin), 0)])
        path, _ = shooting.shoot(SPLIT, model(begin, units), segments)
        counted = np.asarray(segments.weights) > 0
        errors.append(np.abs(np.asarray(path) - np.asarray(segments.states))[counted].max())
    # Of fifth order: half the step, an error of at most 1/32, but for what the next order adds.
    assert errors[0] > 25 * errors[1]


def test_linearisation_is_the_derivative_of_the_chain(clean):
    times, states = clean
    segments, begin, units = cut(states, times, length=32)
    true = model(begin, units)
    noise = jnp.ones(2)

    def chained(change):
        """Solve from one initial state through all segments."""
        moved = true._replace(coefficients=true.coefficients + change[2:].reshape(2, 3))
        start, parts = true.begin[0] + change[:2], []
        for b in range(len(segments.steps)):
            one = alone(segments, b)
            path, _ = shooting.shoot(SPLIT, moved._replace(begin=start[None]), one)
            parts.append(path[0])
            start = path[0, -1]
        return (jnp.sqrt(segments.weights) * jnp.stack(parts)).reshape(-1)

    exact = jax.jacfwd(chained)(jnp.zeros(8))
    at = true._replace(begin=_chain(true, segments))
    found = shooting.linearise(SPLIT, at, segments, noise)
    # One recording has one initial state; the columns of the others are empty.
    initial = 2 * segments.starts.shape[1]
    assert not np.asarray(found.design[:, 2:initial]).any()
    design = jnp.concatenate([found.design[:, :2], found.design[:, initial:]], 1)
    np.testing.assert_allclose(design, exact, atol=1e-9)
    np.testing.assert_allclose(found.gap, 0, atol=1e-12)


def alone(segments, b):
    """One of the segments."""
    each = ("steps", "states", "weights", "inputs", "starts")
    return segments._replace(**{name: getattr(segments, name)[b : b + 1] for name in each})


def _chain(true, segments):
    begin = [true.begin[0]]
    for b in range(len(segments.steps) - 1):
        path, _ = shooting.shoot(SPLIT, true._replace(begin=begin[-1][None]), alone(segments, b))
        begin.append(path[0, -1])
    return jnp.stack(begin)


@pytest.mark.parametrize("wrong", (1.0, 1.3))
def test_fit_closes_the_gaps_and_finds_the_coefficients(clean, wrong):
    times, states = clean
    noisy = states + 0.02 * np.random.default_rng(0).standard_normal(states.shape)
    segments, begin, units = cut(noisy, times)
    true = model(begin, units)
    start = true._replace(coefficients=true.coefficients * wrong)
    fit = jax.jit(shooting.fit, static_argnames="terms")
    found = fit(SPLIT, start, segments, jnp.full(2, 0.01))
    ratio = np.asarray(found.model.coefficients / true.coefficients)[np.asarray(true.free)]
    np.testing.assert_allclose(ratio, 1, atol=0.02)
    assert found.gap < 0.1
    np.testing.assert_allclose(np.sqrt(found.variance) * units.states, 0.02, rtol=0.1)


def test_a_chaotic_recording_is_fitted_in_windows():
    def lorenz(t, y, a):
        return jnp.array(
            [10 * (y[1] - y[0]), y[0] * (28 - y[2]) - y[1], y[0] * y[1] - 8 / 3 * y[2]]
        )

    times = np.linspace(0, 8, 400)
    solution = diffrax.diffeqsolve(
        diffrax.ODETerm(lorenz),
        diffrax.Dopri8(),
        0.0,
        8.0,
        0.01,
        jnp.array([1.0, 2.0, 20.0]),
        saveat=diffrax.SaveAt(ts=jnp.asarray(times)),
        stepsize_controller=diffrax.PIDController(rtol=1e-10, atol=1e-10),
        max_steps=100_000,
    )
    states = np.asarray(solution.ys)
    noisy = states + 0.2 * np.random.default_rng(0).standard_normal(states.shape)
    terms = compose.monomials(3, 2)
    split = products.split(terms, 6)
    found, units = signals.prepare([Recording(times, noisy, np.zeros((400, 0)))], 1)
    segments, begin = signals.segments(found, units, np.ones(7, bool), substeps=2, length=8)
    names = [t.name(("x", "y", "z")) for t in terms]
    x, y, z, xy, xz = map(
        names.index, ("identity(x)", "identity(y)", "identity(z)", "mul(x,y)", "mul(x,z)")
    )
    indices = np.array([[x, y, 0], [x, y, xz], [z, xy, 0]])
    free = np.array([[1, 1, 0], [1, 1, 1], [1, 1, 0]], bool)
    raw = np.array([[-10, 10, 0], [28, -1, -1], [-8 / 3, 1, 0]])
    scale = units.states
    powers = np.array(
        [
            [scale[0], scale[1], 1],
            [scale[0], scale[1], scale[0] * scale[2]],
            [scale[2], scale[0] * scale[1], 1],
        ]
    )
    coefficients = raw * powers * units.time / scale[:, None]
    start = Model(*map(jnp.asarray, (indices, free, 0.97 * coefficients, begin)))
    path = shooting.shoot(split, start, segments)[1]
    segments = signals.windows(segments, np.asarray(path[:, -1, :, :3]))
    assert np.asarray(segments.starts).sum() > 1
    fitted = jax.jit(shooting.fit, static_argnames="terms")(
        split, start, segments, jnp.full(3, 0.005)
    )
    ratio = np.asarray(fitted.model.coefficients)[free] / coefficients[free]
    np.testing.assert_allclose(ratio, 1, atol=0.02)
    np.testing.assert_allclose(np.sqrt(fitted.variance) * scale, 0.2, rtol=0.1)


@pytest.mark.parametrize("noise", (0.0, 0.02))
def test_a_fit_ends_at_its_optimum(clean, noise):
    """There every step is as bad as rounding makes it, and more damping makes it no better."""
    times, states = clean
    noisy = states + noise * np.random.default_rng(0).standard_normal(states.shape)
    segments, begin, units = cut(noisy, times)
    fit = jax.jit(shooting.fit, static_argnames="terms")
    found = fit(SPLIT, model(begin, units), segments, jnp.full(2, 0.01))
    for _ in range(3):
        found = fit(SPLIT, found.model, segments, jnp.full(2, 0.01))
    assert found.steps <= 2
