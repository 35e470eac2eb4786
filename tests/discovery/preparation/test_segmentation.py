import numpy as np
import pytest
from problems import irregular

from nsindy.discovery.preparation import segmentation, signals, smooth_signals


@pytest.mark.parametrize("length", (4, 8, 16, 64))
def test_every_sample_counts_once(length):
    parts = [irregular(100, 0), irregular(57, 1)]
    found, units = smooth_signals.smooth_recordings(parts, 1)
    segments = segmentation.segments(found, units, np.ones(5, bool), substeps=2, length=length)
    weights = np.asarray(segments.weights)
    assert (weights > 0).sum() == 2 * 157
    measured = np.asarray(segments.states)[weights > 0].reshape(-1)
    expected = np.concatenate([p.states for p in parts]) / units.states
    np.testing.assert_allclose(np.sort(measured), np.sort(expected.reshape(-1)))
    assert np.asarray(segments.starts).sum() == 2
    begin = segmentation.beginnings(found, length)
    assert begin.shape == (len(weights), 2)
    first = np.concatenate([s.states[::length][: -(-(len(s.times) - 1) // length)] for s in found])
    np.testing.assert_array_equal(begin[: len(first)], first)


def test_the_last_fifth_can_be_held_out():
    found, units = smooth_signals.smooth_recordings([irregular(100)], 1)
    segments = segmentation.segments(
        found, units, np.ones(5, bool), substeps=1, length=8, counted=0.8
    )
    assert (np.asarray(segments.weights) > 0).sum() == 2 * 80


def test_inputs_stand_at_the_nodes():
    found, units = smooth_signals.smooth_recordings([irregular(400, u=1)], 1)
    segments = segmentation.segments(found, units, np.ones(7, bool), substeps=2, length=400)
    times = irregular(400, u=1).times
    given = np.asarray(segments.inputs)[0, :399, :, 0] * units.inputs
    np.testing.assert_allclose(given[:, 0], np.cos(times[:-1]), atol=1e-12)
    np.testing.assert_allclose(given[:, 1], np.cos(times[1:]), atol=1e-12)
    lengths = np.asarray(segments.steps)[0]
    np.testing.assert_allclose(lengths[:399] * units.time, np.diff(times), atol=1e-12)
    # The segment has room for one interval more than there are.
    assert (lengths[399:] == 0).all()


def test_windows_begin_where_errors_have_grown():
    found, units = smooth_signals.smooth_recordings([irregular(100)], 1)
    segments = segmentation.segments(found, units, np.ones(5, bool), substeps=1, length=8)
    count = len(segments.steps)
    calm = segmentation.windows(segments, np.repeat(np.eye(2)[None], count, 0), growth=100.0)
    assert np.asarray(calm.starts).sum() == 1
    wild = segmentation.windows(segments, np.repeat(5 * np.eye(2)[None], count, 0), growth=100.0)
    # 5 · 5 · 5 > 100: every third segment begins anew.
    np.testing.assert_array_equal(
        np.flatnonzero(np.asarray(wild.starts).any(1)), np.arange(0, count, 3)
    )


def test_nodes_undo_the_cut_into_segments():
    parts = [irregular(100, 0), irregular(57, 1)]
    found, units = smooth_signals.smooth_recordings(parts, 1)
    segments = segmentation.segments(found, units, np.ones(5, bool), substeps=1, length=16)
    for nodes, s in zip(segmentation.nodes(found, np.asarray(segments.states)), found, strict=True):
        np.testing.assert_array_equal(nodes, s.measured)


@pytest.mark.parametrize(("growth", "expected"), ((124.9, [0, 3, 6]), (125.1, [0, 4])))
def test_an_error_may_grow_as_far_as_the_limit(growth, expected):
    """Three segments multiply it by 125."""
    found, units = smooth_signals.smooth_recordings([irregular(60)], 1)
    segments = segmentation.segments(found, units, np.ones(5, bool), substeps=1, length=8)
    assert len(segments.steps) == 8
    cut = segmentation.windows(segments, np.repeat(5 * np.eye(2)[None], 8, 0), growth=growth)
    np.testing.assert_array_equal(np.flatnonzero(np.asarray(cut.starts).any(1)), expected)


def test_a_stretch_ends_where_a_propagator_is_not_finite():
    found, units = smooth_signals.smooth_recordings([irregular(60)], 1)
    segments = segmentation.segments(found, units, np.ones(5, bool), substeps=1, length=8)
    propagators = np.repeat(np.eye(2)[None], 8, 0)
    propagators[4] = np.nan
    cut = segmentation.windows(segments, propagators, growth=100.0)
    np.testing.assert_array_equal(np.flatnonzero(np.asarray(cut.starts).any(1)), [0, 5])


@pytest.mark.parametrize("length", (4, 8, 64))
def test_a_cut_begins_a_stretch_and_loses_no_sample(length):
    found, units = smooth_signals.smooth_recordings([irregular(100, 0), irregular(57, 1)], 1)
    found[0] = found[0]._replace(cuts=np.array([3, 41]))
    segments = segmentation.segments(found, units, np.ones(5, bool), substeps=1, length=length)
    starts, steps = np.asarray(segments.starts), np.asarray(segments.steps)
    assert starts.sum() == segmentation.stretches_begun(found) == 4
    # The intervals across the cuts are left out, and all measurements count.
    assert (steps > 0).sum() == 99 - 2 + 56
    assert (np.asarray(segments.weights) > 0).sum() == 2 * 157
    begin = segmentation.beginnings(found, length)[starts.any(1)]
    np.testing.assert_array_equal(begin[:3], found[0].states[[0, 3, 41]])
    assert starts[segmentation.firsts(found, length)].any(1).all()
    back = segmentation.nodes(found, np.asarray(segments.states))
    for signal, states in zip(found, back, strict=True):
        np.testing.assert_allclose(states, signal.measured)


def test_steps_of_held_inputs_are_cut_where_there_is_room():
    held = np.repeat([0.0, 1.0, 0.0, 2.0, 2.0], [20, 2, 28, 49, 1])
    (made,), _ = smooth_signals.smooth_recordings([irregular(100)], 1)
    ramp = np.linspace(0, 1, 100)
    made = made._replace(inputs=np.stack([held, ramp], 1), held=np.array([True, False]))
    assert signals.cut_at_steps(made).cuts.tolist() == [20, 50]
