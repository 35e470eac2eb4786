"""How the numbers of a law are fitted."""

import jax.numpy as jnp
import numpy as np
import pytest

import nsindy
from nsindy.discovery.laws.law_fit import _fitted, _plain


def test_parameters_are_fitted_plain_or_by_logarithms():
    values, free = np.array([1.1, -2.0, 0.0, 3.0]), np.array([True, True, True, False])
    for logarithms in (~free & free, free):
        both = _fitted(values, logarithms)
        np.testing.assert_allclose(_plain(jnp.asarray(both)), values, rtol=1e-15)
    np.testing.assert_allclose(both, [np.log(1.1), np.log(2), 0, 3, 1, -1, 0, 0])
    # A step of a logarithm keeps the sign.
    both[1] -= 50.0
    assert -1e-20 < _plain(jnp.asarray(both))[1] < 0


@pytest.mark.slow
def test_an_activation_energy_of_a_narrow_range():
    """a and B in a exp(-B / T) trade where T is 290 to 320; the fit went on for ever."""
    times = np.arange(0, 200, 2.0)
    random = np.random.default_rng(0)
    heat = np.repeat(random.uniform(0, 1, 10), 10)
    rate = lambda x, u: 1e5 * u * np.exp(-3500 / x) - 0.05 * (x - 295)  # noqa: E731
    x = [295.0]
    for u in heat[:-1]:
        y = x[-1]
        for _ in range(20):
            middle = y + 0.05 * rate(y, u)
            y = y + 0.1 * rate(middle, u)
        x.append(y)
    x = np.array(x) + 0.02 * random.standard_normal(len(x))
    law = "T' = a*u*exp(-B/T) - h*(T - T0)"
    found = nsindy.discover(
        times, x, inputs=heat, states=["T"], input_names=["u"], hold=True, law=law, operations=()
    )
    a, b, h, t0 = found.laws[1].values
    errors = found.laws[1].errors
    assert abs(b - 3500) < 4 * errors[1] < 1000
    assert abs(h - 0.05) < 4 * errors[2] and abs(t0 - 295) < 4 * errors[3]
    assert a > 0
