"""What shows that a number may be missing."""

import numpy as np
import pytest
from problems import candidate, found, noisy, prepared, solved

from nsindy.discovery import constants
from nsindy.discovery.numbers import number_hints
from nsindy.discovery.preparation import signals


@pytest.fixture(scope="module")
def two():
    """An oscillator with noise, of which regressions have 200 samples."""
    times = np.linspace(0, 12, 200)
    clean = solved(lambda y: [y[1], -y[0] - 0.2 * y[1]], (1.0, 0.0), times)
    return prepared(times, noisy(clean, 0.005), degree=2)


@pytest.mark.parametrize("terms", (2, 3, 4))
@pytest.mark.parametrize("noise", (None, 0.0))
def test_a_number_may_take_the_place_of_several_terms(two, terms, noise):
    """One more where nothing is noise: there regressions find small terms that are none."""
    made = two
    if noise is not None:
        made = two._replace(signals=[s._replace(noise=np.zeros(2)) for s in two.signals])
    mask = np.zeros((2, len(made.terms)))
    mask[1, :terms], mask[0, 2] = 1.0, 1.0
    level = np.maximum(signals.noise(made.signals), made.problem.floor)
    search = found(candidate(mask), noise=level, samples=np.full(2, 200.0))
    least = constants.NUMBER_REPLACES + (noise == 0.0)
    assert number_hints.promising(made, search).tolist() == [False, terms >= least]


@pytest.mark.parametrize(("independent", "own"), ((1.0, constants.NOISE_ERROR), (0.9, 0.0)))
@pytest.mark.parametrize("more", (0.99, 1.01))
def test_a_number_may_explain_what_is_missed(two, more, independent, own):
    """By so many nats more than the noise that smoothing found, in all equations.

    That noise has an error of its own, which counts where what is left has no structure.
    """
    level = np.maximum(signals.noise(two.signals), two.problem.floor)
    # n (log r - 1/√(2 n)) nats of a state whose noise is r times that of smoothing.
    ratio = np.exp(more * constants.WAVE_EARNS / 200 + 1 / np.sqrt(400) + own)
    chosen = candidate(np.eye(2, len(two.terms)), independent=np.full(2, independent))
    search = found(chosen, noise=level * [1.0, ratio], samples=np.full(2, 200.0))
    assert number_hints.promising(two, search).tolist() == [more > 1] * 2
