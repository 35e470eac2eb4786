"""The figures of a report: data and simulation, phase portrait, terms, residuals, forecast."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, NullFormatter

from nsindy.report.replay import Replay
from nsindy.result import along_recording
from nsindy.result.discovery import Discovery
from nsindy.terms.library import numpy_values
from nsindy.terms.text import left_side

__all__ = ["Picture", "autocorrelation", "left_over", "pictures"]

COLOURS = ("#D55E00", "#0072B2", "#009E73", "#AA4499")
DATA = "#777777"
WIDTH = 5.2
BESIDE = 34
"""Characters of the longest name of a term that stands beside its bar."""
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


def pictures(discovery: Discovery, replays: Sequence[Replay]) -> list[Picture]:
    """All figures of the report, in order.

    Args:
      discovery: the equations.
      replays: the recordings to draw, beside their simulations.
    """
    with rc_context(STYLE):
        states = [_state(discovery, replays, d) for d in range(len(discovery.measured))]
        portrait = _phase(discovery, replays)
        return [
            *states,
            portrait,
            _terms(discovery, replays),
            _autocorrelations(discovery, replays),
            _forecasts(discovery, replays),
        ]


def _figure(heights: Sequence[float], *, sharex: bool = False) -> tuple[Figure, list[Axes]]:
    figure = Figure(figsize=(WIDTH, sum(heights)), layout="constrained")
    axes = figure.subplots(
        len(heights), 1, squeeze=False, sharex=sharex, gridspec_kw={"height_ratios": heights}
    )
    return figure, list(axes[:, 0])


def _draw(axis: Axes, replays: Sequence[Replay], d: int, *, forecast: bool = False) -> None:
    """Draw the measurements as dots, and the simulation as a line, in the range of the former."""
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
    axis.set_ylim(*_limits(values))


def _limits(values: np.ndarray) -> tuple[float, float]:
    low, high = float(np.nanmin(values)), float(np.nanmax(values))
    margin = 0.12 * (high - low) or 1.0
    return low - margin, high + margin


def _legend(axis: Axes) -> None:
    axis.legend(loc="lower right", bbox_to_anchor=(1, 1), ncols=4, borderaxespad=0.2, markerscale=2)


def _state(discovery: Discovery, replays: Sequence[Replay], d: int) -> Picture:
    name = discovery.states[d]
    figure, (above, below) = _figure([2.3, 1.2], sharex=True)
    _draw(above, replays, d)
    above.set_ylabel(name)
    _legend(above)
    for r, replay in enumerate(replays):
        shade = COLOURS[r] if len(replays) > 1 else DATA
        size = 2.0 + 2.0 * (len(replay.times) < 100)
        below.plot(replay.times, replay.residual[:, d], "o", ms=size, mec="none", color=shade)
        band = 2 * np.nan_to_num(replay.noise[:, d])
        below.plot(replay.times, np.stack([-band, band], 1), color="black", lw=0.8, ls="--")
    below.axhline(0, color=DATA, lw=0.6)
    below.set_ylabel("data −\nsimulation")
    below.set_xlabel("time")
    figure.align_ylabels()
    ends = [replay.diverges for replay in replays if replay.diverges is not None]
    line = "the equations, solved from the fitted initial state over the whole recording"
    line = "each row as the map gives it from the row before" if discovery.map else line
    caption = (
        f"Line: {line}. "
        "Below: the residual, data minus simulation; dashed, ± twice the estimated noise."
    )
    caption += f" The simulation diverges at time {ends[0]:.4g}." if ends else ""
    title = f"Data and simulation: {name}"
    return Picture(f"state_{d + 1}", title, caption if d == 0 else "", figure)


def _pairs(discovery: Discovery) -> list[tuple[int, int]]:
    count = len(discovery.states)
    if discovery.order == 2:
        return [(d, d + count // 2) for d in range(count // 2)][:3]
    if count == 3:
        return [(0, 1), (0, 2), (1, 2)]
    return [(d, d + 1) for d in range(0, count - 1, 2)][:3]


def _phase(discovery: Discovery, replays: Sequence[Replay]) -> Picture:
    if len(discovery.states) == 1:
        return _phase_line(discovery, replays)
    pairs = _pairs(discovery)
    flow = len(discovery.states) == 2 and not discovery.inputs
    flow &= not discovery.map and not discovery.time
    figure, axes = _figure([3.4] * len(pairs))
    for axis, (i, j) in zip(axes, pairs, strict=True):
        for r, replay in enumerate(replays):
            shade = COLOURS[r] if len(replays) > 1 else DATA
            dots = _dots(discovery, replay)
            axis.plot(dots[:, i], dots[:, j], "o", ms=2.5, mec="none", color=shade, alpha=0.45)
            axis.plot(replay.simulated[:, i], replay.simulated[:, j], color=COLOURS[r], lw=1.2)
            axis.plot(*replay.simulated[0, [i, j]], "o", color=COLOURS[r], ms=6, mfc="white")
        points = np.concatenate([_dots(discovery, replay) for replay in replays])
        axis.set_xlim(*_limits(points[:, i]))
        axis.set_ylim(*_limits(points[:, j]))
        axis.set_xlabel(discovery.states[i])
        axis.set_ylabel(discovery.states[j])
        if flow:
            _arrows(axis, discovery)
    hidden = f" {', '.join(discovery.hidden)} of the dots is the simulation's: it was not measured."
    velocities = " Velocities of the data are derivatives of a smoothing spline."
    arrows = " Grey: the flow of the equations."
    return Picture(
        "phase",
        "Phase portrait",
        "Dots: the data. Line: the simulation, which starts at the circle."
        + arrows * flow
        + velocities * (discovery.order == 2)
        + hidden * bool(discovery.hidden),
        figure,
    )


def _dots(discovery: Discovery, replay: Replay) -> np.ndarray:
    """The data, then what was not measured of the states: velocities, or hidden ones [N, D]."""
    if discovery.order == 2:
        return np.concatenate([replay.measured, replay.slopes], 1)
    count = len(discovery.measured)
    return np.concatenate([replay.measured, replay.smooth[:, count:]], 1)


def _arrows(axis: Axes, discovery: Discovery) -> None:
    x = np.linspace(*axis.get_xlim(), 22)
    y = np.linspace(*axis.get_ylim(), 22)
    grid = np.stack(np.meshgrid(x, y), -1).reshape(-1, 2)
    speed = along_recording.right_hand_side(discovery.library, discovery.coefficients)(
        grid.T
    ).T.reshape(22, 22, 2)
    speed = np.where(np.isfinite(speed), speed, 0.0)
    limits = axis.get_xlim(), axis.get_ylim()
    if np.any(speed):
        axis.streamplot(
            x, y, speed[..., 0], speed[..., 1], color="#cfcfcf", linewidth=0.6, arrowsize=0.7,
            density=0.8, zorder=0,
        )  # fmt: skip
    axis.set(xlim=limits[0], ylim=limits[1])


def _phase_line(discovery: Discovery, replays: Sequence[Replay]) -> Picture:
    name = discovery.states[0]
    figure, (axis,) = _figure([2.8])
    for r, replay in enumerate(replays):
        shade = COLOURS[r] if len(replays) > 1 else DATA
        dots = replay.measured[:, 0], replay.slopes[:, 0]
        axis.plot(*dots, "o", ms=3, mec="none", color=shade, alpha=0.5)
        modelled = _contributions(discovery, replay).sum(-1)[:, 0]
        order = np.argsort(replay.smooth[:, 0])
        axis.plot(replay.smooth[order, 0], modelled[order], color=COLOURS[r], lw=1.4)
    if not discovery.map:
        axis.axhline(0, color=DATA, lw=0.6)
    axis.set_xlabel(name)
    axis.set_ylabel(left_side(name, map=discovery.map))
    caption = "Dots: derivative of a smoothing spline through the data. Line: the equation."
    if discovery.map:
        caption = "Dots: each row over the one before. Line: the map."
    return Picture("phase", "Phase portrait", caption, figure)


def _contributions(discovery: Discovery, replay: Replay) -> np.ndarray:
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
    parts = np.concatenate([_contributions(discovery, replay) for replay in replays])
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


def _terms(discovery: Discovery, replays: Sequence[Replay]) -> Picture:
    left = left_over(discovery, replays)
    coefficients = np.asarray(discovery.coefficients)
    kept = [np.flatnonzero(coefficients[row]) for row in discovery.rows]
    names = [[*(f"without {discovery.terms[m]}" for m in each), "with all terms"] for each in kept]
    # A long name stands above its bar, where it has the whole width.
    above = max(len(name) for each in names for name in each) > BESIDE
    height = 0.42 if above else 0.26
    figure, axes = _figure([0.75 + height * (len(each) + 1) for each in kept], sharex=True)
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


def autocorrelation(residual: np.ndarray, lags: int) -> np.ndarray:
    """Autocorrelation of a residual at the lags 1 to `lags`.

    ρ_k = Σ_i r_i r_{i+k} / Σ_i r_i², with the mean of r subtracted.

    Args:
      residual: r [N], finite.
      lags: largest lag, less than N.

    Returns:
      ρ [lags]; zeros if the residual does not vary.
    """
    centred = residual - np.mean(residual)
    power = float(np.sum(centred**2))
    sums = [np.sum(centred[lag:] * centred[:-lag]) for lag in range(1, lags + 1)]
    return np.array(sums) / power if power > 0 else np.zeros(lags)


def _autocorrelations(discovery: Discovery, replays: Sequence[Replay]) -> Picture:
    figure, axes = _figure([1.7] * len(discovery.measured), sharex=True)
    count = max(len(replay.times) for replay in replays)
    lags = min(40, count // 3)
    for d, axis in enumerate(axes):
        for r, replay in enumerate(replays):
            noise = np.where(replay.noise[:, d] > 0, replay.noise[:, d], np.nan)
            scale = np.nan_to_num(noise, nan=1.0)
            residual = (replay.residual[:, d] / scale)[np.isfinite(replay.residual[:, d])]
            if len(residual) > lags:
                values = autocorrelation(residual, lags)
                axis.vlines(np.arange(1, lags + 1), 0, values, color=COLOURS[r], lw=1, alpha=0.6)
                axis.plot(np.arange(1, lags + 1), values, "o", ms=3, color=COLOURS[r])
        bound = 1.96 / np.sqrt(count)
        axis.axhspan(-bound, bound, color=DATA, alpha=0.2, lw=0)
        axis.axhline(0, color=DATA, lw=0.6)
        reach = max(0.3, *np.abs(axis.get_ylim()))
        axis.set_ylim(-reach, reach)
        axis.set_title(discovery.states[d], loc="left")
    figure.supylabel("autocorrelation", fontsize=STYLE["font.size"])
    axes[-1].set_xlabel("lag of the residual (samples)")
    return Picture(
        "residuals",
        "Are the residuals only noise?",
        "The autocorrelation of white noise stays within the grey band at 95 % of the lags. Slow "
        "waves that leave it mean that the equations miss something.",
        figure,
    )


def _forecasts(discovery: Discovery, replays: Sequence[Replay]) -> Picture:
    figure, axes = _figure([2.0] * len(discovery.measured), sharex=len(replays) == 1)
    for d, axis in enumerate(axes):
        _draw(axis, replays, d, forecast=True)
        # The last two fifths: one that was fitted, and one that was held out.
        starts = [replay.times[int(0.6 * len(replay.times))] for replay in replays]
        ends = [replay.times[-1] for replay in replays]
        cuts = [replay.times[replay.held_out] for replay in replays]
        axis.set_xlim(min(starts), max(ends) + 0.01 * (max(ends) - min(starts)))
        for r, cut in enumerate(cuts):
            axis.axvline(cut, color=COLOURS[r] if len(cuts) > 1 else "black", lw=0.9, ls=":")
        axis.set_ylabel(discovery.states[d])
    _legend(axes[0])
    axes[-1].set_xlabel("time")
    return Picture(
        "forecast",
        "Forecast of the held-out data",
        "The same terms, fitted only to the first four fifths of the data (left of the dotted "
        "line). To the right of it, the simulation has not seen the data.",
        figure,
    )
