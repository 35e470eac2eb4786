"""Figures of a run over its seeds, and of the rates of many; no figure needs a display."""

import os
from collections.abc import Sequence
from typing import Any

import matplotlib
import numpy as np
from jax.typing import ArrayLike
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from nsindy.paper.outcomes import Outcome
from nsindy.routers.settings import Schedules
from nsindy.runtime import files

__all__ = ["COLOURS", "rates_figure", "run_figure", "save_figure"]

COLOURS = matplotlib.colormaps["tab10"].colors  # type: ignore[attr-defined]


def save_figure(figure: Figure, path: str | os.PathLike) -> None:
    """Write a figure to a file, whole or not at all."""
    files.write_whole(path, lambda temporary: figure.savefig(temporary, dpi=110))


def run_figure(
    outcome: Outcome,
    truth: np.ndarray,
    names: Sequence[str],
    states: Sequence[str],
    *,
    title: str,
    plan: Schedules | None,
    noise: float,
) -> Figure:
    """A run over its seeds: training, commitment of each slot, coefficients, what is left.

    Args:
      outcome: NumPy leaves with a leading axis of seeds, those that did not diverge.
      truth: true coefficients [D, M].
      names: the M terms.
      states: the D state variables.
      title: the message.
      plan: temperature and entropy weight of the training; None without training.
      noise: standard deviation of the measurement noise, the line that residuals are held against.
    """
    columns = ["probability of each term, by slot", "coefficients", "what each slot leaves"]
    columns = columns if plan is None else ["training", *columns]
    size = (3.25 * len(columns), 2.9 * len(states) + 0.6)
    figure = Figure(figsize=size, layout="constrained")
    axes = figure.subplots(len(states), len(columns), squeeze=False)
    figure.suptitle(title)
    for d, state in enumerate(states):
        if plan is not None:
            _training(axes[d, 0], outcome.loss[:, d], plan, first=d == 0)
        _activations(axes[d, -3], outcome.probabilities[:, d], outcome.slots.terms[:, d], names)
        _coefficients(axes[d, -2], outcome.coefficients[:, d], truth[d], names)
        _residuals(axes[d, -1], outcome, d, noise)
        axes[d, 0].set_ylabel(f"{state}'" if plan is None else f"{state}' : loss")
    for axis, label in zip(axes[0], columns, strict=True):
        axis.set_title(label, fontsize=10)
    return figure


def _training(axis: Axes, loss: ArrayLike, plan: Schedules, *, first: bool) -> None:
    axis.set_xlabel("step")
    loss = np.asarray(loss)
    if len(loss):
        low, middle, high = np.nanpercentile(_thin(loss), [5, 50, 95], axis=0)
        steps = np.linspace(0, loss.shape[-1], middle.size)
        axis.fill_between(steps, low, high, color=COLOURS[0], alpha=0.25, lw=0)
        axis.semilogy(steps, middle, color=COLOURS[0], label="loss (median, 5–95 %)")
    scale = axis.twinx()
    scale.plot(plan.temperature / plan.temperature[0], "--", color=COLOURS[1], label="τ / τ start")
    scale.plot(plan.entropy_weight, ":", color=COLOURS[2], label="entropy weight / β")
    # The legend has the upper third of the first panel to itself, and all have one scale.
    low, high = axis.get_ylim()
    if axis.get_yscale() == "log":
        axis.set_ylim(low, high * np.sqrt(high / low))
    scale.set_ylim(0, 1.55)
    scale.set_yticks(np.linspace(0, 1, 6))
    if first:
        lines = axis.get_lines() + scale.get_lines()
        names = [str(line.get_label()) for line in lines]
        scale.legend(lines, names, fontsize=7, loc="upper right")


def _thin(values: np.ndarray, points: int = 200) -> np.ndarray:
    width = max(1, values.shape[-1] // points)
    count = values.shape[-1] // width
    return values[..., : count * width].reshape(*values.shape[:-1], count, width).mean(axis=-1)


def _activations(
    axis: Axes, probabilities: ArrayLike, terms: ArrayLike, names: Sequence[str]
) -> None:
    probabilities, terms = np.asarray(probabilities), np.asarray(terms)
    seeds, slots, count = probabilities.shape
    shown = [j for j in range(slots) if np.any(terms[:, j] >= 0)]
    positions = np.arange(count)
    jitter = np.linspace(-0.12, 0.12, seeds) if seeds != 1 else np.zeros(1)
    for place, j in enumerate(shown):
        offset = (place - (len(shown) - 1) / 2) * 0.3
        axis.plot(
            probabilities[:, j].T * 100,
            (positions + offset)[:, None] + jitter[None, :],
            ".",
            color=COLOURS[place % 10],
            ms=3,
            alpha=0.6,
        )
        axis.plot([], [], "o", color=COLOURS[place % 10], label=f"slot {j + 1}")
    axis.set_yticks(positions, names, fontsize=8)
    axis.set_ylim(count - 0.5, -0.5)
    axis.set_xlim(-4, 104)
    axis.set_xlabel("probability (%)")
    if shown:
        axis.legend(fontsize=7, loc="center")


def _coefficients(
    axis: Axes, coefficients: ArrayLike, truth: np.ndarray, names: Sequence[str]
) -> None:
    coefficients = np.asarray(coefficients)
    positions = np.arange(len(names))
    jitter = np.linspace(-0.2, 0.2, len(coefficients)) if len(coefficients) != 1 else np.zeros(1)
    found = np.where(coefficients == 0, np.nan, coefficients)
    axis.plot(found.T, positions[:, None] + jitter[None, :], ".", color=COLOURS[0], ms=3, alpha=0.6)
    axis.plot([], [], "o", color=COLOURS[0], label="found, one dot per seed")
    true = truth != 0
    axis.plot(truth[true], positions[true], "|", color="black", ms=14, mew=2, label="truth")
    axis.axvline(0, color="grey", lw=0.5)
    axis.set_yticks(positions, [""] * len(names))
    axis.set_ylim(len(names) - 0.5, -0.5)
    axis.set_xlabel("coefficient")
    axis.legend(fontsize=7, loc="lower center")


def _residuals(axis: Axes, outcome: Outcome, d: int, noise: float) -> None:
    empty = np.asarray(outcome.slots.terms[:, d]) < 0
    residual = np.where(empty, np.nan, outcome.slots.residual[:, d])
    slots = np.arange(1, residual.shape[1] + 1)
    jitter = np.linspace(-0.1, 0.1, len(residual)) if len(residual) != 1 else np.zeros(1)
    colour = axis.scatter(
        (slots[None, :] + jitter[:, None]).ravel(),
        residual.ravel(),
        c=np.clip(outcome.slots.autocorrelation[:, d], 0, 1).ravel(),
        cmap="viridis",
        vmin=0,
        vmax=1,
        s=10,
    )
    axis.set_yscale("log")
    low, high = axis.get_ylim()
    axis.set_ylim(min(low, noise or low) / 1.6, 1.6 * max(high, noise))
    if noise > 0:
        axis.axhline(noise, color="grey", ls="--", lw=1, label="noise of a state")
        axis.legend(fontsize=7, loc="best")
    axis.set_xlim(0.5, slots[-1] + 0.5)
    axis.set_xticks(slots, [f"slot {j}" for j in slots] if len(slots) < 5 else slots)
    axis.set_ylabel("residual (RMS)", fontsize=8)
    axis.figure.colorbar(colour, ax=axis, label="lag-1 autocorrelation")


def rates_figure(
    labels: Sequence[str],
    rows: Sequence[dict[str, Any]],
    *,
    title: str,
    what: str = "both equations exact (% of seeds, 95 % interval)",
) -> Figure:
    """Recovery rates with their 95 % intervals, a bar a row, the first on top.

    Args:
      labels: what each row is called.
      rows: `recovery_rate`, `recovery_ci95`, `recovery_count` and `seeds` of each row; `colour`
        counts from 0 and tells kinds of rows apart.
      title: the message.
      what: the label of the axis.
    """
    figure = Figure(figsize=(9, 0.34 * len(rows) + 1.2), layout="constrained")
    axis = figure.subplots()
    positions = np.arange(len(rows))
    rates = np.array([row["recovery_rate"] for row in rows]) * 100
    intervals = np.array([row["recovery_ci95"] for row in rows]) * 100
    colours = [COLOURS[row.get("colour", 0)] for row in rows]
    axis.barh(positions, rates, color=colours, alpha=0.6)
    spread = np.clip(np.stack([rates - intervals[:, 0], intervals[:, 1] - rates]), 0, None)
    axis.errorbar(rates, positions, xerr=spread, fmt="none", color="black", capsize=3, lw=1)
    for position, row in zip(positions, rows, strict=True):
        axis.text(
            103, float(position), f"{row['recovery_count']}/{row['seeds']}", va="center", fontsize=8
        )
    axis.set_yticks(positions, labels)
    axis.set_ylim(len(rows) - 0.4, -0.6)
    axis.set_xlim(0, 119)
    axis.set_xlabel(what)
    axis.set_title(title, fontsize=10)
    return figure
