"""What each term explains of the derivatives."""

from collections.abc import Sequence

import numpy as np
from matplotlib.ticker import FuncFormatter, NullFormatter

from nsindy.report.drawing import COLOURS, DATA, Picture, stacked_axes
from nsindy.report.replay import Replay
from nsindy.result.discovery import Discovery
from nsindy.terms.library import numpy_values
from nsindy.terms.text import left_side

__all__ = ["contributions", "left_over", "terms_picture"]

BESIDE = 34
"""Characters of the longest name of a term that stands beside its bar."""


def contributions(discovery: Discovery, replay: Replay) -> np.ndarray:
    """Each coefficient times its term along the smoothed recording [N, equations, M]."""
    rows = np.asarray(discovery.coefficients)[np.array(discovery.rows)]
    parts = np.zeros((len(replay.times), *rows.shape))
    kept = np.flatnonzero((rows != 0).any(0))
    values = numpy_values([discovery.library[m] for m in kept])
    states = np.concatenate([replay.smooth, replay.inputs], 1)
    theta = values(states.T).T
    parts[:, :, kept] = np.where(rows[:, kept] != 0, rows[:, kept] * theta[:, None], 0.0)
    return parts


def left_over(discovery: Discovery, replays: Sequence[Replay]) -> np.ndarray:
    """Unexplained share of the variance of each derivative when one term is left out.

    mean (ẋ - Σ_{k ≠ m} c_k θ_k)² / var(ẋ) on smoothed data, the other coefficients unchanged.

    Returns:
      shares [equations, M + 1], the last with all terms; NaN where a derivative does not vary.
    """
    parts = np.concatenate([contributions(discovery, replay) for replay in replays])
    slopes = np.concatenate([replay.highest for replay in replays])
    rest = (slopes - parts.sum(-1))[..., None]
    rest = np.concatenate([rest + parts, rest], -1)
    usable = np.all(np.isfinite(rest), axis=(1, 2))
    if np.sum(usable) < 2:
        return np.full(rest.shape[1:], np.nan)
    slopes = slopes[usable]
    total = np.var(slopes, axis=0)
    varies = total > 1e-12 * np.mean(slopes**2, axis=0)
    return np.mean(rest[usable] ** 2, axis=0) / np.where(varies, total, np.nan)[:, None]


def terms_picture(discovery: Discovery, replays: Sequence[Replay]) -> Picture:
    """The figure of what stays unexplained without each term.

    Args:
      discovery: the equations.
      replays: the recordings beside their simulations.
    """
    left = left_over(discovery, replays)
    coefficients = np.asarray(discovery.coefficients)
    kept = [np.flatnonzero(coefficients[row]) for row in discovery.rows]
    names = [[*(f"without {discovery.terms[m]}" for m in each), "with all terms"] for each in kept]
    # A long name stands above its bar, where it has the whole width.
    above = max(len(name) for each in names for name in each) > BESIDE
    height = 0.42 if above else 0.26
    figure, axes = stacked_axes([0.75 + height * (len(each) + 1) for each in kept], sharex=True)
    shown = [
        np.maximum(100 * np.nan_to_num(np.append(row[each], row[-1])), 1e-6)
        for row, each in zip(left, kept, strict=True)
    ]
    low = min(0.3 * float(min(np.min(values) for values in shown)), 1.0)
    high = max(100.0, float(max(np.max(values) for values in shown)))
    for axis, row, said, values in zip(axes, discovery.rows, names, shown, strict=True):
        places, colours = np.arange(len(values)), [COLOURS[1]] * (len(values) - 1) + [DATA]
        axis.barh(places, values, color=colours, height=0.4 if above else 0.65)
        axis.axvline(values[-1], color=DATA, lw=0.9, ls="--")
        axis.set_xscale("log")
        # Space for the numbers behind the bars.
        axis.set_xlim(low, high * (high / low) ** 0.15)
        for place, value in zip(places, values, strict=True):
            axis.text(value, float(place), f" {_short(value)}", va="center", fontsize=8.5)
        axis.set_yticks([] if above else places, [] if above else said)
        if above:
            for place, name in zip(places.tolist(), said, strict=True):
                axis.annotate(
                    name, (0, place - 0.24), (3, 0), xycoords=("axes fraction", "data"),
                    textcoords="offset points", va="bottom", fontsize=8.5,
                )  # fmt: skip
            axis.set_ylim(-0.75, len(values) - 0.5)
        axis.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        axis.xaxis.set_minor_formatter(NullFormatter())
        axis.invert_yaxis()
        axis.set_title(left_side(discovery.states[row], map=discovery.map), loc="left")
    what = "next row" if discovery.map else "derivative"
    axes[-1].set_xlabel(f"unexplained variance of the {what} (%)")
    return Picture(
        "terms",
        "What each term explains",
        f"How much of the variance of each {what} stays unexplained when one term is left out "
        "and, in grey, with all terms: what a term explains is the distance from its bar to the "
        "dashed line. "
        + "Derivatives are those of a smoothing spline through the data, so some of "
        "what stays unexplained is their noise. "
        * (not discovery.map)
        + "Without one of two terms that oppose each other, "
        "more than 100\u00a0% can stay.",
        figure,
    )


def _short(value: float) -> str:
    return f"{value:.0f}" if 1e3 <= value < 1e6 else f"{value:.3g}"
