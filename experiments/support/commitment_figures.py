"""Figures of the study of commitment: one for each part that has been run."""

from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from nsindy.paper import figures
from support import commitment_cases

Parts = dict[str, dict[str, Any]]
PAPER_DAMPING = {1.0: (27, -0.0267), 1.5: (34, -0.034)}
"""What the paper printed at each α: Exp 3 and Exp 4, its frequency in % and its product."""
PAPER_SOUP = {"x'": 43.8, "v'": 19.2}
"""Largest activations of the paper's Exp 1, in %."""
PAPER_SINE = {"x'": 1.0265, "v'": -1.0138}
BLUE, ORANGE, GREEN = figures.COLOURS[:3]


def draw(out: Path, parts: Parts) -> None:
    """Draw what the parts so far allow."""
    if "table" in parts:
        figures.save_figure(_table(parts), out / "figure.png")
    if "phase" in parts:
        figures.save_figure(_phase(parts["phase"]["rows"]), out / "phase.png")
    if "soup" in parts or "sine" in parts:
        figures.save_figure(_runs_2_and_3(parts), out / "runs_2_and_3.png")


def _table(parts: Parts) -> Figure:
    """Rates of v' by case, and the damping's share over α where that part was run."""
    library = parts["table"]["rows"][0]["library"]
    rows = [row for row in parts["table"]["rows"] if row["library"] == library]
    wide = "alpha" in parts
    figure = Figure(figsize=(8.8, 0.25 * len(rows) + 1.1), layout="constrained")
    axes = figure.subplots(1, 1 + wide, squeeze=False, width_ratios=[1, 1.4][: 1 + wide])
    figure.suptitle(
        "Exp 4's entropy finds the damping; 27 % and 34 % are Exp 3's at α = 1.0 and 1.5",
        fontsize=11,
    )
    _rates(axes[0, 0], rows)
    if wide:
        _damping(axes[0, 1], parts["alpha"]["rows"])
    return figure


def _rates(axis: Axes, rows: list[dict[str, Any]]) -> None:
    positions = np.arange(len(rows))
    rates = np.array([row["exact"]["v'"]["recovery_rate"] for row in rows]) * 100
    intervals = np.array([row["exact"]["v'"]["recovery_ci95"] for row in rows]) * 100
    spread = np.clip(np.stack([rates - intervals[:, 0], intervals[:, 1] - rates]), 0, None)
    axis.barh(positions, rates, color=BLUE, alpha=0.6)
    axis.errorbar(rates, positions, xerr=spread, fmt="none", color="black", capsize=2, lw=1)
    axis.set_yticks(positions, [row["case"] for row in rows], fontsize=9)
    axis.set_ylim(len(rows) - 0.4, -0.6)
    axis.set_xlim(0, 104)
    axis.set_xlabel(f"v' exact (% of {rows[0]['seeds']} seeds)", fontsize=9)


def _damping(axis: Axes, rows: list[dict[str, Any]]) -> None:
    for label, colour in zip(commitment_cases.ENTROPIES, (BLUE, GREEN), strict=True):
        mine = [row for row in rows if row["case"].startswith(label)]
        strengths = [row["knobs"]["alpha"] for row in mine]
        low, middle, high = 100 * np.array([row["damping_frequency"] for row in mine]).T
        spread = np.stack([middle - low, high - middle])
        axis.errorbar(
            strengths, middle, spread, fmt="o-", color=colour, ms=4, capsize=3, label=label
        )
        for row, at, bottom, top in zip(mine, strengths, low, high, strict=True):
            if top - bottom > 50:
                label = f" {row['damping_chosen']} of {row['seeds']} find it"
                axis.text(at, 70, label, fontsize=9, color=colour)
    axis.plot(
        list(PAPER_DAMPING),
        [share for share, _ in PAPER_DAMPING.values()],
        "*",
        color=ORANGE,
        ms=13,
        label="printed in the paper",
        zorder=5,
    )
    for strength, (share, product) in PAPER_DAMPING.items():
        run = "Exp 3" if strength == 1.0 else "Exp 4"
        axis.annotate(
            f"{run}: {share} %, {product}",
            (strength, share),
            xytext=(8, -13),
            textcoords="offset points",
            fontsize=9,
        )
    axis.set_xlabel("α, strength of the prior (nats)", fontsize=9)
    axis.set_ylabel("draws with identity(v) in v' (%)", fontsize=9)
    axis.set_ylim(-3, 105)
    axis.set_title(f"median and 5–95 % of {rows[0]['seeds']} seeds", fontsize=9)
    axis.legend(fontsize=9, loc=(0.38, 0.76))


def _phase(rows: list[dict[str, Any]]) -> Figure:
    """Exact recovery over α and the entropy weight, a panel for each noise."""
    noises = list(dict.fromkeys(row["noise"] for row in rows))
    weights = list(dict.fromkeys(row["knobs"]["conditional_entropy"] for row in rows))
    strengths = list(dict.fromkeys(row["knobs"]["alpha"] for row in rows))
    figure = Figure(figsize=(9.5, 3.3), layout="constrained")
    axes = figure.subplots(1, len(noises), squeeze=False, sharey=True)
    figure.suptitle(
        "Exp 4 is exact where α × entropy weight is above 0.05; "
        "noise 0.1 leaves a false term in half of x'",
        fontsize=11,
    )
    for axis, noise in zip(axes[0], noises, strict=True):
        rates = np.full((len(weights), len(strengths)), np.nan)
        for row in rows:
            if row["noise"] == noise:
                at = row["knobs"]
                place = weights.index(at["conditional_entropy"]), strengths.index(at["alpha"])
                rates[place] = 100 * row["recovery_rate"]
        image = axis.imshow(rates, origin="lower", vmin=0, vmax=100, aspect="auto")
        for (i, j), rate in np.ndenumerate(rates):
            colour = "black" if rate > 60 else "white"
            axis.text(j, i, f"{rate:.0f}", ha="center", va="center", fontsize=8, color=colour)
        axis.set_xticks(range(len(strengths)), strengths)
        axis.set_yticks(range(len(weights)), weights)
        axis.set_xlabel("α (nats)")
        axis.set_title(f"noise {noise:g}", fontsize=10)
    axes[0, 0].set_ylabel("entropy weight")
    figure.colorbar(image, ax=axes, label=f"both exact (% of {rows[0]['seeds']} seeds)")
    return figure


def _runs_2_and_3(parts: Parts) -> Figure:
    """Run 2's largest activations, and Run 3's coefficients over the error of the sin circuit."""
    figure = Figure(figsize=(9.5, 3.4), layout="constrained")
    axes = figure.subplots(1, 2)
    figure.suptitle("Run 2's soup is its bonus; no sin circuit trained here gives Run 3 as printed")
    if "soup" in parts:
        _soup(axes[0], parts["soup"]["rows"])
    if "sine" in parts:
        _sine(axes[1], parts["sine"]["rows"])
    return figure


def _soup(axis: Axes, rows: list[dict[str, Any]]) -> None:
    for place, row in enumerate(rows):
        for d, (state, printed) in enumerate(PAPER_SOUP.items()):
            largest = 100 * np.array(row["largest"])[:, d]
            height = place + 0.22 * (2 * d - 1)
            jitter = np.linspace(-0.12, 0.12, len(largest))
            label = f"{state}, a dot a seed" if place == 0 else None
            axis.plot(largest, height + jitter, ".", color=(BLUE, GREEN)[d], ms=5, label=label)
            if place == 0:
                label = "the paper" if d == 0 else None
                axis.plot(printed, height, "*", color=ORANGE, ms=12, label=label)
    axis.set_yticks(range(len(rows)), [row["case"] for row in rows], fontsize=9)
    axis.set_ylim(len(rows) - 0.4, -0.6)
    axis.set_xlim(0, 103)
    axis.set_xlabel("largest activation in Run 2 (%)")
    axis.legend(fontsize=8, loc="lower left")


def _sine(axis: Axes, rows: list[dict[str, Any]]) -> None:
    terms = 2 + np.arange(2)[::-1]  # sin(v) in x', sin(x) in v'
    for d, (state, printed) in enumerate(PAPER_SINE.items()):
        colour, labelled = (BLUE, GREEN)[d], set()
        for row in rows:
            chosen = np.array(row["chosen"])[:, d] == terms[d]
            size = np.abs(np.array(row["coefficient"], float)[chosen, d])
            trained = "sin_error" in row
            at = 100 * (row["sin_error"] if trained else row["distortion"]) + 0.06 * (2 * d - 1)
            label = f"{state}, the paper's recipe" if trained else f"{state}, errors made up"
            if trained:
                axis.plot(at, np.median(size), "D", color=colour, mec="black", ms=6, zorder=4)
            else:
                axis.plot(np.full(len(size), at), size, ".", color=colour, ms=5)
            if label not in labelled:
                axis.lines[-1].set_label(label)
                labelled.add(label)
        axis.axhline(abs(printed), color=colour, ls="--", lw=1)
        axis.text(-0.1, abs(printed), f"the paper, {state}", fontsize=8, ha="left", va="bottom")
    axis.set_xlabel("RMS error of the sin circuit (%)")
    axis.set_ylabel("|coefficient| of sin in Run 3")
    axis.legend(fontsize=8, loc="upper left")
