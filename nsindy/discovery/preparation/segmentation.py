"""Recordings cut into the segments that equations are fitted on, and put together again."""

import itertools
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from nsindy.discovery.preparation.signals import Signal, Units
from nsindy.trajectories.shooting import Segments

__all__ = ["beginnings", "firsts", "nodes", "segments", "stretches_begun", "windows"]


class _Span(NamedTuple):
    """Rows of a segment.

    Attributes:
      begin: its first.
      end: its last, which is the first of the next one unless a stretch ends there.
      fresh: True where a stretch begins.
      last: True where one ends.
    """

    begin: int
    end: int
    fresh: bool
    last: bool

    @property
    def rows(self) -> np.ndarray:
        """All of them."""
        return np.arange(self.begin, self.end + 1)


def _spans(s: Signal, length: int) -> Iterator[_Span]:
    """The segments of a recording, each of so many intervals at most and in one stretch."""
    for first, after in itertools.pairwise((0, *s.cuts.tolist(), len(s.times))):
        for begin in range(first, after - 1, length):
            end = min(begin + length, after - 1)
            yield _Span(begin, end, begin == first, end == after - 1)


def stretches_begun(signals: Sequence[Signal]) -> int:
    """Stretches that recordings have before any is cut where errors grow."""
    return sum(1 + len(s.cuts) for s in signals)


def firsts(signals: Sequence[Signal], length: int) -> list[int]:
    """The segment that each recording begins with [R]."""
    counts = [len(list(_spans(s, length))) for s in signals]
    return [0, *np.cumsum(counts)[:-1].tolist()]


def segments(
    signals: Sequence[Signal],
    units: Units,
    usable: np.ndarray,
    *,
    substeps: int | None,
    length: int,
    counted: float = 1.0,
) -> Segments:
    """Cut recordings into segments.

    Args:
      signals: the recordings.
      units: of the variables.
      usable: factors of the terms that have a value here.
      substeps: solver steps between samples; None for a map.
      length: L, intervals of a segment.
      counted: share of the samples of each recording, from the first, that count.

    The last of them are empty, so that few programs are compiled.
    """
    spans = [(s, span) for s in signals for span in _spans(s, length)]
    parts = [_segment(s, span, length, round(counted * len(s.times))) for s, span in spans]
    last = parts[-1]
    empty = last._replace(steps=0 * last.steps, weights=0 * last.weights)
    parts += [empty] * (_padded(len(parts)) - len(parts))
    steps, measured, weights, inputs = (np.stack(p) for p in zip(*parts, strict=True))
    fresh = np.flatnonzero([span.fresh for _, span in spans])
    starts = np.zeros((len(steps), _columns(len(fresh))))
    starts[fresh, np.arange(len(fresh))] = 1.0
    everything = np.concatenate([s.measured for s in signals])
    low, high = everything.min(0), everything.max(0)
    half = 1.5 * np.max(high - low)
    bound = np.stack([(low + high) / 2 - half, (low + high) / 2 + half])
    arrays = (steps, substeps, measured, weights, inputs, units.raw, starts, usable, bound)
    return Segments(*(a if a is None else np.asarray(a) for a in arrays))  # type: ignore[arg-type]


def beginnings(signals: Sequence[Signal], length: int) -> np.ndarray:
    """The smoothed state at the first node of each segment [B, D], as `segments` cuts them."""
    found = [s.states[span.begin] for s in signals for span in _spans(s, length)]
    return np.stack([*found, *[found[-1]] * (_padded(len(found)) - len(found))])


def nodes(signals: Sequence[Signal], paths: np.ndarray) -> list[np.ndarray]:
    """States of each recording [N, D], from those along its segments [B, L + 1, D]."""
    length, place, found = paths.shape[1] - 1, 0, []
    for s in signals:
        spans = list(_spans(s, length))
        pieces = [
            path[0 if span.fresh else 1 : len(span.rows)]
            for span, path in zip(spans, paths[place:], strict=False)
        ]
        found.append(np.concatenate(pieces))
        place += len(spans)
    return found


def _padded(count: int) -> int:
    """Segments to make of so many: a power of two, so that few programs are compiled."""
    return max(8, 2 ** int(np.ceil(np.log2(count))))


def _columns(starts: int) -> int:
    """Columns for so many starts: a power of four, so that few programs are compiled."""
    return max(4, 4 ** int(np.ceil(np.log2(starts) / 2)))


class _Segment(NamedTuple):
    """One segment: what `Segments` holds of it."""

    steps: np.ndarray
    states: np.ndarray
    weights: np.ndarray
    inputs: np.ndarray


def _segment(s: Signal, span: _Span, length: int, limit: int) -> _Segment:
    index, lacking = span.rows, length + 1 - len(span.rows)
    weights = (s.noise > 0) / s.relative[index] ** 2 * (index < limit)[:, None] * s.seen[index]
    if not span.last:
        weights[-1] = 0.0
    pad, more = ((0, lacking), (0, 0)), ((0, lacking), (0, 0), (0, 0))
    return _Segment(
        np.pad(np.diff(s.times[index]), (0, lacking)),
        np.pad(s.measured[index], pad, mode="edge"),
        np.pad(weights, pad),
        np.pad(np.stack([s.inputs[index[:-1]], s.before[index[1:]]], 1), more, mode="edge"),
    )


def windows(segments: Segments, propagators: np.ndarray, *, growth: float) -> Segments:
    """Begin anew where an error in the state has grown too far: no fit sees through chaos.

    Args:
      segments: the recordings.
      propagators: derivative of the end of each segment by its beginning [B, D, D].
      growth: factor by which an error may grow before.
    """
    first = np.max(np.asarray(segments.starts), 1) > 0
    total = np.eye(propagators.shape[1])
    for b in range(1, len(first)):
        total = propagators[b - 1] @ total
        size = np.linalg.norm(total, 2) if np.isfinite(total).all() else np.inf
        first[b] |= size > growth
        total = np.eye(len(total)) if first[b] else total
    starts = np.zeros((len(first), _columns(first.sum())))
    starts[np.flatnonzero(first), np.arange(first.sum())] = 1.0
    return segments._replace(starts=starts)  # type: ignore[arg-type]
