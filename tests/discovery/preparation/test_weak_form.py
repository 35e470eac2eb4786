import numpy as np
import pytest

from nsindy.discovery.preparation import weak_form


def test_integrals_of_a_solution_satisfy_the_equation():
    times = np.linspace(0, 10, 2000)
    states = np.stack([np.exp(-0.3 * times), np.sin(times)], 1)
    theta = np.stack([states[:, 0], np.cos(times)], 1)
    design, targets = weak_form.regression(times, states, theta, half_width=1.0)
    found = np.linalg.lstsq(design, targets, rcond=None)[0]
    np.testing.assert_allclose(found, [[-0.3, 0], [0, 1]], atol=1e-5)


def test_irregular_times():
    times = np.sort(np.random.default_rng(0).uniform(0, 10, 4000))
    states = np.exp(-0.3 * times)[:, None]
    design, targets = weak_form.regression(times, states, states, half_width=2.0)
    assert np.linalg.lstsq(design, targets, rcond=None)[0].item() == pytest.approx(-0.3, abs=1e-3)


@pytest.mark.parametrize("half_width", (0.0, -1.0, 6.0))
def test_bad_half_width(half_width):
    times = np.linspace(0, 10, 20)
    with pytest.raises(ValueError, match="half width must be above 0 and at most 5"):
        weak_form.regression(times, times[:, None], times[:, None], half_width=half_width)
