"""The figures of a report: data and simulation, phase portrait, terms, residuals, forecast."""

from collections.abc import Sequence

import numpy as np
from matplotlib import rc_context
from matplotlib.axes import Axes

from nsindy.report.drawing import (
    COLOURS,
    DATA,
    STYLE,
    Picture,
    draw_recordings,
    legend_above,
    limits_around,
    stacked_axes,
)
from nsindy.report.replay import Replay
from nsindy.report.term_shares import contributions, terms_picture
from nsindy.result import along_recording
from nsindy.result.discovery import Discovery
from nsindy.terms.text import left_side

__all__ = ["autocorrelation", "pictures"]


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
            terms_picture(discovery, replays),
            _autocorrelations(discovery, replays),
            _forecasts(discovery, replays),
        ]


def _state(discovery: Discovery, replays: Sequence[Replay], d: int) -> Picture:
    name = discovery.states[d]
    figure, (above, below) = stacked_axes([2.3, 1.2], sharex=True)
    draw_recordings(above, replays, d)
    above.set_ylabel(name)
    legend_above(above)
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
    figure, axes = stacked_axes([3.4] * len(pairs))
    for axis, (i, j) in zip(axes, pairs, strict=True):
        for r, replay in enumerate(replays):
            shade = COLOURS[r] if len(replays) > 1 else DATA
            dots = _dots(discovery, replay)
            axis.plot(dots[:, i], dots[:, j], "o", ms=2.5, mec="none", color=shade, alpha=0.45)
            axis.plot(replay.simulated[:, i], replay.simulated[:, j], color=COLOURS[r], lw=1.2)
            axis.plot(*replay.simulated[0, [i, j]], "o", color=COLOURS[r], ms=6, mfc="white")
        points = np.concatenate([_dots(discovery, replay) for replay in replays])
        axis.set_xlim(*limits_around(points[:, i]))
        axis.set_ylim(*limits_around(points[:, j]))
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
    figure, (axis,) = stacked_axes([2.8])
    for r, replay in enumerate(replays):
        shade = COLOURS[r] if len(replays) > 1 else DATA
        dots = replay.measured[:, 0], replay.slopes[:, 0]
        axis.plot(*dots, "o", ms=3, mec="none", color=shade, alpha=0.5)
        modelled = contributions(discovery, replay).sum(-1)[:, 0]
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
    figure, axes = stacked_axes([1.7] * len(discovery.measured), sharex=True)
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
    figure, axes = stacked_axes([2.0] * len(discovery.measured), sharex=len(replays) == 1)
    for d, axis in enumerate(axes):
        draw_recordings(axis, replays, d, forecast=True)
        # The last two fifths: one that was fitted, and one that was held out.
        starts = [replay.times[int(0.6 * len(replay.times))] for replay in replays]
        ends = [replay.times[-1] for replay in replays]
        cuts = [replay.times[replay.held_out] for replay in replays]
        axis.set_xlim(min(starts), max(ends) + 0.01 * (max(ends) - min(starts)))
        for r, cut in enumerate(cuts):
            axis.axvline(cut, color=COLOURS[r] if len(cuts) > 1 else "black", lw=0.9, ls=":")
        axis.set_ylabel(discovery.states[d])
    legend_above(axes[0])
    axes[-1].set_xlabel("time")
    return Picture(
        "forecast",
        "Forecast of the held-out data",
        "The same terms, fitted only to the first four fifths of the data (left of the dotted "
        "line). To the right of it, the simulation has not seen the data.",
        figure,
    )
