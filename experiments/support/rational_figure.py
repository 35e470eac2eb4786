"""How often the form is exact, a panel for each noise, a bar for each system and method."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from nsindy.paper.figures import COLOURS

__all__ = ["picture"]


def picture(rows: Sequence[dict[str, Any]]) -> Figure:
    """Rates with their 95 % intervals.

    Args:
      rows: of the summary: `case`, `sigma`, `method`, and the entries of a rate.
    """
    systems = list(dict.fromkeys(row["case"] for row in rows))
    levels = list(dict.fromkeys(row["sigma"] for row in rows))
    methods = list(dict.fromkeys(row["method"] for row in rows))
    size = (3.2 + 3.0 * len(levels), 0.45 * len(systems) + 1.7)
    figure = Figure(figsize=size, layout="constrained")
    axes = figure.subplots(1, len(levels), sharey=True, squeeze=False)[0]
    height = 0.8 / len(methods)
    for axis, level in zip(axes, levels, strict=True):
        for place, method in enumerate(methods):
            own = [row for row in rows if (row["sigma"], row["method"]) == (level, method)]
            heights = np.array([systems.index(row["case"]) for row in own], float)
            heights += (place - (len(methods) - 1) / 2) * height
            rates = 100 * np.array([row["recovery_rate"] for row in own])
            ends = 100 * np.array([row["recovery_ci95"] for row in own]).reshape(-1, 2)
            colour = COLOURS[place]
            axis.barh(heights, rates, 0.9 * height, color=colour, alpha=0.6, label=method)
            spread = np.clip(np.stack([rates - ends[:, 0], ends[:, 1] - rates]), 0, None)
            axis.errorbar(rates, heights, xerr=spread, fmt="none", color="black", capsize=2, lw=1)
            for y, row in zip(heights, own, strict=True):
                text = f"{row['recovery_count']}/{row['seeds']}"
                axis.text(104, float(y), text, va="center", fontsize=8)
        axis.set_title(f"noise {level:.1%}", fontsize=10)
        axis.set_xlim(0, 124)
        axis.set_xticks(range(0, 101, 25))
    axes[0].set_yticks(range(len(systems)), systems)
    axes[0].set_ylim(len(systems) - 0.4, -0.6)
    figure.supxlabel("form of all equations exact (% of seeds, 95 % interval)", fontsize=10)
    if len(methods) > 1:
        figure.legend(*axes[0].get_legend_handles_labels(), loc="outside upper right", fontsize=9)
    return figure
