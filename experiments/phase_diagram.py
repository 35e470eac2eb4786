"""Where each method recovers both equations: noise, damping and amplitude, against the bound."""

import argparse
from pathlib import Path
from typing import Any

import jax
import numpy as np
from support import command_line, phase_report, phase_sweep
from support.experiment import SYSTEM, Experiment, bind
from support.phase_findings import summarise
from support.phase_sweep import METHODS, Axes

from nsindy.runtime import files
from nsindy.sweep import machines
from nsindy.terms import term


def main() -> None:
    """Parse, sweep every method over the grid, print the findings, write summary and figures."""
    options = command_line.Parser(
        description=__doc__,
        parents=[command_line.parser(None, "out/phase_diagram")],
        add_help=False,
        conflict_handler="resolve",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    add = options.add_argument
    several: dict[str, Any] = {"type": float, "nargs": "+"}
    noises = [1e-3, 3e-3, 1e-2, 3e-2, 0.1, 0.3]
    add("--noise", **several, dest="noises", default=noises, help="values of σ")
    dampings = [3e-3, 0.015, 0.06, 0.3]
    add("--damping", **several, dest="dampings", default=dampings, help="values of c, in 1/s")
    add("--x0", **several, dest="x0s", default=[0.25, 1.0, 3.0], help="values of the position")
    add("--gates", choices=("sample", "shared"), default="shared", help="draws of Exp 4's gates")
    add("--steps", type=int, default=0, help="training steps of Exp 4; 0 for the run's own")
    options.set_defaults(seeds=64, step=1 / 30, derivatives="estimated", library="exact")
    arguments = options.parse_args()
    experiment = Experiment.of(arguments)
    axes = Axes(arguments.x0s, arguments.dampings, arguments.noises)
    command_line.fail_early(lambda: execute(experiment, axes))


def execute(experiment: Experiment, axes: Axes) -> None:
    """Sweep, print and write."""
    axes.check()
    out = experiment.begin()
    bound = bind(term.paper_terms(SYSTEM.states), experiment.library)
    grid = phase_sweep.measurements(axes, experiment)
    steps = experiment.configure(METHODS[-1]).search.steps
    limits = jax.jit(
        lambda grid, bound: phase_sweep.limits(grid, bound, experiment.samples, steps)
    )(grid, bound)
    found = {}
    for run in METHODS:
        timed = found[run.name] = phase_sweep.every_cell(run, grid, bound, experiment, axes)
        rate = np.mean(np.asarray(timed.value.correct))
        print(
            f"{run.title:<32}{100 * rate:5.1f} % of all seeds exact; "
            f"compile {timed.compile:.0f} s, run {timed.run:.0f} s",
            flush=True,
        )
    truth = np.asarray(phase_sweep.truths(grid, bound))
    limits = jax.tree.map(np.asarray, limits)
    content = summarise(found, truth, limits, bound.names, axes, experiment)
    if machines.leader():
        write(content, out)
        phase_report.print_findings(content)
        print(f"wrote {out}/summary.json, figure.png and calibration.png")
    experiment.finish()


def write(content: dict[str, Any], out: Path) -> None:
    """Write the summary and both figures, each whole or not at all."""
    from nsindy.paper import figures, phase_figures

    content = files.to_json(content)
    files.write_json(out / "summary.json", content)
    figures.save_figure(phase_figures.phase_figure(content), out / "figure.png")
    figures.save_figure(phase_figures.calibration_figure(content), out / "calibration.png")


if __name__ == "__main__":
    main()
