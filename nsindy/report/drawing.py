"""What figures of a report have in common: sizes, colours, recordings beside simulations."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from nsindy.report.replay import Replay

__all__ = [
    "COLOURS",
    "DATA",
    "STYLE",
    "Picture",
    "draw_recordings",
    "legend_above",
    "limits_around",
    "stacked_axes",
]

COLOURS = ("#D55E00", "#0072B2", "#009E73", "#AA4499")
DATA = "#777777"
WIDTH = 5.2
STYLE: Any = {
    "font.size": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlesize": 10,
    "axes.formatter.limits": (-3, 4),
    "legend.frameon": False,
    "legend.fontsize": 9,
    # Names of states may contain any character.
    "text.parse_math": False,
}


class Picture(NamedTuple):
    """A figure, its title and its caption.

    Attributes:
      name: name of its file, without the suffix.
      title: what it shows.
      caption: how to read it.
      figure: the drawing.
    """

    name: str
    title: str
    caption: str
    figure: Figure


def stacked_axes(heights: Sequence[float], *, sharex: bool = False) -> tuple[Figure, list[Axes]]:
    """A figure of axes one above the other, of these heights in inches."""
    figure = Figure(figsize=(WIDTH, sum(heights)), layout="constrained")
    axes = figure.subplots(
        len(heights), 1, squeeze=False, sharex=sharex, gridspec_kw={"height_ratios": heights}
    )
    return figure, list(axes[:, 0])


def draw_recordings(
    axis: Axes, replays: Sequence[Replay], d: int, *, forecast: bool = False
) -> None:
    """Draw the measurements as dots, and the simulation as a line, in the range of the former.

    Args:
      axis: where.
      replays: the recordings beside their simulations.
      d: the state.
      forecast: True for the forecast in place of the simulation.
    """
    many = len(replays) > 1
    for r, replay in enumerate(replays):
        line = replay.forecast if forecast else replay.simulated
        dots = replay.measured[:, d]
        size = 2.6 + 2.4 * (len(dots) < 100)
        shade = COLOURS[r] if many else DATA
        label = f"data {r + 1}" if many else "data"
        axis.plot(replay.times, dots, "o", ms=size, mec="none", color=shade, alpha=0.6, label=label)
        label = f"simulation {r + 1}" if many else "simulation"
        axis.plot(replay.fine, line[:, d], color=COLOURS[r], lw=1.2, label=label)
    values = np.concatenate([replay.measured[:, d] for replay in replays])
    axis.set_ylim(*limits_around(values))


def limits_around(values: np.ndarray) -> tuple[float, float]:
    """A range with a margin around finite values."""
    low, high = float(np.nanmin(values)), float(np.nanmax(values))
    margin = 0.12 * (high - low) or 1.0
    return low - margin, high + margin


def legend_above(axis: Axes) -> None:
    """Name what is drawn, above the axes."""
    axis.legend(loc="lower right", bbox_to_anchor=(1, 1), ncols=4, borderaxespad=0.2, markerscale=2)
