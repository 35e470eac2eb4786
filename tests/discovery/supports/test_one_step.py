"""Lorenz's attractor sampled ten times a second, seven times a turn, and then every ten seconds."""

import numpy as np
import problems
import pytest
from scipy.integrate import solve_ivp

import nsindy
from nsindy.discovery.preparation import smooth_signals
from nsindy.discovery.supports import one_step, proposals
from nsindy.recording.check import Recording
from nsindy.terms import text

TRUTH = {
    (0, "x"): -10.0,
    (0, "y"): 10.0,
    (1, "x"): 28.0,
    (1, "y"): -1.0,
    (1, "x z"): -1.0,
    (2, "z"): -8 / 3,
    (2, "x y"): 1.0,
}


INITIAL = [-8.0, 7.0, 27.0]


def field(s):
    return [10 * (s[1] - s[0]), s[0] * (28 - s[2]) - s[1], s[0] * s[1] - 8 / 3 * s[2]]


def lorenz(times):
    return problems.solved(field, INITIAL, times)


@pytest.mark.slow
@pytest.mark.parametrize(("noise", "digits"), ((0.0, 1e-3), (1e-3, 0.05)))
def test_the_flow_proposes_what_smoothing_cannot(noise, digits):
    times = 0.1 * np.arange(250)
    made = problems.prepared(times, problems.noisy(lorenz(times), noise))
    assert made.signals[0].coarse and not made.signals[0].resolved.any()
    found = one_step.from_flow(made, proposals.proposals(made))
    names = [text.readable(term, ("x", "y", "z")) for term in made.terms]
    best = [
        {
            (int(d), names[m]): start.coefficients[d, m] * made.back[d, m]
            for d, m in np.argwhere(start.mask)
        }
        for start in found
    ]
    (right,) = [each for each in best if each.keys() == TRUTH.keys()]
    for key, value in TRUTH.items():
        assert abs(right[key] - value) < digits * max(abs(value), 1.0)


@pytest.mark.slow
@pytest.mark.parametrize("noise", (0.0, 1e-3))
def test_a_coarse_recording_is_exact(noise):
    times = 0.1 * np.arange(400)
    found = nsindy.discover(times, problems.noisy(lorenz(times), noise))
    values, errors = np.asarray(found.coefficients), np.asarray(found.standard_errors)
    placed = {(int(d), found.terms[m]): (d, m) for d, m in np.argwhere(values != 0)}
    assert placed.keys() == TRUTH.keys()
    for key, place in placed.items():
        assert abs(values[place] - TRUTH[key]) < max(4 * errors[place], 1e-3) < 0.2


def test_samples_that_are_unrelated_are_refused():
    """Chaos needs no digits here."""
    times = 10.0 * np.arange(80)
    states = solve_ivp(lambda t, s: field(s), times[[0, -1]], INITIAL, t_eval=times).y.T
    with pytest.raises(ValueError, match="10 earlier: the recording is coarser than what it"):
        nsindy.discover(times, states)


def test_a_recording_at_rest_may_stand_beside_one_that_moves():
    """Of the recording at rest there is only noise, which says nothing of the other's steps."""
    times, rng = np.linspace(0, 10, 200), np.random.default_rng(0)
    moves = np.column_stack([np.sin(times), np.cos(times)]) * np.exp(-0.3 * times)[:, None]
    both = [x + 0.01 * rng.standard_normal(x.shape) for x in (moves, 0 * moves)]
    parts = [Recording(times, x, np.zeros((200, 0))) for x in both]
    found, _ = smooth_signals.smooth_recordings(parts, 1)
    assert not any(signal.coarse for signal in found)
    with pytest.raises(ValueError, match="nothing to do with the one before"):
        smooth_signals.smooth_recordings(parts[1:], 1)


def test_noise_is_not_taken_for_a_coarse_signal():
    """A third of noise on a fine recording predicts itself no better than by √2."""
    times = np.linspace(0, 30, 400)
    clean = np.stack([np.sin(times), np.cos(times)], 1)
    for seed in range(5):
        x = clean + 0.3 * np.random.default_rng(seed).standard_normal(clean.shape)
        (found,), _ = smooth_signals.smooth_recordings([Recording(times, x, np.zeros((400, 0)))], 1)
        assert not found.coarse and found.resolved.all()


def test_a_map_is_predicted_by_the_sample_before():
    """Its neighbours are uncorrelated, and yet it is no noise."""
    x = [0.3]
    for _ in range(299):
        x.append(3.7 * x[-1] * (1 - x[-1]))
    part = Recording(np.arange(300.0), np.array(x)[:, None], np.zeros((300, 0)))
    (found,), _ = smooth_signals.smooth_recordings([part], 1)
    assert found.coarse
