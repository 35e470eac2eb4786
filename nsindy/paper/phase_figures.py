"""Figures of a phase diagram: where each method recovers, and whether its doubts are honest."""

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

__all__ = ["calibration_figure", "phase_figure"]

LINE = "#d1495b"


def phase_figure(content: dict[str, Any]) -> Figure:
    """Heat maps of the rate of exact recovery: a row an amplitude, a column a method.

    Args:
      content: the summary of the phase diagram, as JSON values.
    """
    methods, config = content["methods"], content["config"]
    noise, damping = np.array(config["noise"]), np.array(config["damping"])
    lines = [content[f"noise_where_{what}"] for what in ("damping_is_seen", "swap_is_told")]
    rows, columns = len(config["x0"]), len(methods)
    figure = Figure(figsize=(9.5, 2.1 * rows + 1.1), layout="constrained")
    axes = figure.subplots(rows, columns, squeeze=False, sharex=True, sharey=True)
    mesh: Any = None
    for row, x0 in enumerate(config["x0"]):
        for axis, (name, title) in zip(axes[row], methods.items(), strict=True):
            rate = 100 * np.array(content["rates"][name])[row]
            mesh = _heat(axis, noise, damping, rate)
            limits = axis.get_xlim(), axis.get_ylim()
            for line, style in zip(lines, ("--", ":"), strict=True):
                axis.plot(_ends(np.array(line[row])), _ends(damping), color=LINE, lw=2, ls=style)
            axis.set(xlim=limits[0], ylim=limits[1])
            if row == 0:
                equal = 100 * np.mean(content["rates_up_to_ties"][name])
                axis.set_title(f"{title}\n(up to exact ties: {equal:.0f} %)", fontsize=8)
        axes[row, 0].set_ylabel(f"x0 = {x0:g}\ndamping c (1/s)", fontsize=9)
    for axis in axes[-1]:
        axis.set_xlabel("noise", fontsize=9)
    figure.colorbar(mesh, ax=axes, label="both equations exact (% of seeds)", aspect=40)
    means = ", ".join(
        f"{100 * np.mean(content['rates'][name]):.0f} % by {title.split(':')[0].split(' of ')[0]}"
        for name, title in reversed(methods.items())
    )
    figure.suptitle(
        f"Both equations exact, over all cells: {means}\n"
        "right of the dashed line c is less than 3 standard errors (Cramér–Rao) from zero;\n"
        "right of the dotted one even a likelihood ratio puts it into x' in over 5 % of seeds",
        fontsize=9.5,
    )
    return figure


def _heat(axis: Axes, noise: np.ndarray, damping: np.ndarray, rate: np.ndarray):
    mesh = axis.pcolormesh(_edges(noise), _edges(damping), rate, cmap="Blues", vmin=0, vmax=100)
    axis.set(xscale="log", yscale="log")
    axis.tick_params(labelsize=8)
    axis.minorticks_off()
    axis.set_yticks(damping, [f"{value:g}" for value in damping])
    for i, j in np.ndindex(rate.shape):
        colour = "white" if rate[i, j] > 60 else "black"
        place = (noise[j], damping[i])
        axis.annotate(f"{rate[i, j]:.0f}", place, ha="center", va="center", size=7.5, color=colour)
    return mesh


def _edges(values: np.ndarray) -> np.ndarray:
    middles = np.sqrt(values[1:] * values[:-1])
    first = values[0] ** 2 / middles[0] if len(middles) else values[0] / 2
    last = values[-1] ** 2 / middles[-1] if len(middles) else values[-1] * 2
    return np.concatenate([[first], middles, [last]])


def _ends(values: np.ndarray) -> np.ndarray:
    if len(values) == 1:
        return np.repeat(values, 2) * np.array([1.0, 1.001])
    ratios = values[1] / values[0], values[-1] / values[-2]
    return np.concatenate([[values[0] / ratios[0]], values, [values[-1] * ratios[1]]])


def calibration_figure(content: dict[str, Any]) -> Figure:
    """Inclusion probabilities against the share of true terms; coverage of intervals by cell.

    Args:
      content: the summary of the phase diagram, as JSON values.
    """
    figure = Figure(figsize=(9.5, 4.2), layout="constrained")
    left, right = figure.subplots(1, 2)
    reliable, coverage = content["reliability"], content["coverage"]
    _reliability(left, reliable)
    left.set_title(
        f"inclusion probabilities of Run 9: off by {reliable['expected_error']:.3f} on average,\n"
        f"by {reliable['largest_error']:.2f} in the worst bin of at least "
        f"{reliable['fewest_in_a_bin']} terms",
        fontsize=9.5,
    )
    _coverage(right, content)
    shares = (coverage[key]["rate"] for key in ("chosen", "chosen_in_exact_seeds"))
    chosen, exact = ("none" if share is None else f"{100 * share:.1f} %" for share in shares)
    right.set_title(
        f"90 % intervals of Run 9 cover {chosen} of chosen true terms,\n"
        f"{exact} of them where the support is exact",
        fontsize=9.5,
    )
    return figure


def _reliability(axis: Axes, reliable: dict[str, Any]) -> None:
    bins = reliable["bins"]
    places = np.arange(len(bins))
    predicted, observed = (np.array([bin[key] for bin in bins]) for key in ("predicted", "rate"))
    ends = np.array([bin["ci95"] for bin in bins])
    spread = np.clip(np.stack([observed - ends[:, 0], ends[:, 1] - observed]), 0, None)
    axis.bar(places, 0.2, 0.8, predicted - 0.1, color="grey", alpha=0.25, label="predicted ± 0.1")
    axis.hlines(predicted, places - 0.4, places + 0.4, color="grey", lw=1.5)
    axis.errorbar(places, observed, yerr=spread, fmt="o", ms=4, capsize=2, lw=1, label="found true")
    for place, bin in enumerate(bins):
        axis.text(place, 1.13, f"{bin['of']}", ha="center", va="bottom", fontsize=7.5, rotation=45)
    edges = [" to ".join(f"{100 * edge:.0f}" for edge in bin["edges"]) for bin in bins]
    axis.set_xticks(places, edges, rotation=45, ha="right", fontsize=7.5, rotation_mode="anchor")
    axis.set(ylim=(-0.12, 1.32), yticks=np.linspace(0, 1, 6))
    axis.set_xlabel("predicted inclusion probability (%); on top: number of terms")
    axis.set_ylabel("share of true terms (95 % interval)")
    axis.legend(fontsize=7.5, loc="center left")


def _coverage(axis: Axes, content: dict[str, Any]) -> None:
    values = content["config"]["x0"]
    axis.axhspan(85, 95, color="grey", alpha=0.2, lw=0)
    for number, x0 in enumerate(values):
        shift = 1.12 ** (number - (len(values) - 1) / 2)
        for key, marker in (("chosen", "o"), ("damping_as_if_chosen", "x")):
            cells = [cell for cell in content["cells"] if cell["x0"] == x0 and cell[key]["of"]]
            noise = np.array([cell["noise"] for cell in cells]) * shift
            share = [100 * cell[key]["rate"] for cell in cells]
            label = (
                f"x0 = {x0:g}: {'chosen true terms' if marker == 'o' else 'damping as if chosen'}"
            )
            axis.plot(noise, share, marker, color=f"C{number}", ms=4, alpha=0.8, label=label)
    axis.set(xscale="log", ylim=(-3, 103))
    axis.set(xlabel="noise (a mark for each cell)", ylabel="truth within the 90 % interval (%)")
    axis.legend(fontsize=7, loc="lower left")
