import jax
import jax.numpy as jnp
import numpy as np
from van_der_pol import SPLIT, cut, model

from nsindy.trajectories import shooting
from nsindy.trajectories.chain import linearise


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
            path = shooting.shoot(SPLIT, moved._replace(begin=start[None]), one).states
            parts.append(path[0])
            start = path[0, -1]
        return (jnp.sqrt(segments.weights) * jnp.stack(parts)).reshape(-1)

    exact = jax.jit(jax.jacfwd(chained))(jnp.zeros(8))
    at = true._replace(begin=_chain(true, segments))
    found = jax.jit(lambda at: linearise(SPLIT, at, segments, noise))(at)
    design = jnp.concatenate([found.by_initial, found.by_coefficients], -1).reshape(-1, 8)
    np.testing.assert_allclose(design, exact, atol=1e-9)
    # One recording has one initial state.
    assert not np.asarray(found.stretch).any()
    np.testing.assert_allclose(found.gap, 0, atol=1e-12)


def alone(segments, b):
    """One of the segments."""
    each = ("steps", "states", "weights", "inputs", "starts")
    return segments._replace(**{name: getattr(segments, name)[b : b + 1] for name in each})


def _chain(true, segments):
    begin = [true.begin[0]]
    for b in range(len(segments.steps) - 1):
        at = true._replace(begin=begin[-1][None])
        begin.append(shooting.shoot(SPLIT, at, alone(segments, b)).states[0, -1])
    return jnp.stack(begin)
