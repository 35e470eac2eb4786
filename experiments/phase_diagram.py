"""Where each method recovers both equations: noise, damping and amplitude, against the bound."""

import argparse
import itertools
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from support import command_line, common
from support.phase_findings import AXES, METHODS, SURE, Found, Judged, summarise

from nsindy.circuits import snap
from nsindy.paper import metrics, one_seed, selectors
from nsindy.paper.runs import Run
from nsindy.paper.simulate import Measurement
from nsindy.paper.systems import true_coefficients
from nsindy.runtime import files
from nsindy.sweep import machines, over
from nsindy.terms import term
from nsindy.terms.library import Library
from nsindy.trajectories import single, tangent


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
    add("--noise", **several, default=[1e-3, 3e-3, 1e-2, 3e-2, 0.1, 0.3], help="values of σ")
    add("--damping", **several, default=[3e-3, 0.015, 0.06, 0.3], help="values of c, in 1/s")
    add("--x0", **several, default=[0.25, 1.0, 3.0], help="values of the initial position")
    add("--gates", choices=("sample", "shared"), default="shared", help="draws of Exp 4's gates")
    add("--steps", type=int, default=0, help="training steps of Exp 4; 0 for the run's own")
    options.set_defaults(seeds=64, step=1 / 30, derivatives="estimated", library="exact")
    arguments = options.parse_args()
    command_line.fail_early(lambda: execute(arguments))


def execute(options: argparse.Namespace) -> None:
    """Sweep, print and write."""
    for axis in AXES:
        values = getattr(options, axis)
        if not all(np.isfinite(values)) or min(values) <= 0 or sorted(set(values)) != values:
            raise ValueError(f"--{axis} must be positive and increasing, not {values}")
    out = common.begin(options)
    bound = common.bind(term.paper_terms(common.SYSTEM.states), options.library)
    grid = measurements(options)
    count = steps(options)
    limit = jax.jit(lambda grid, bound: limits(grid, bound, options.samples, count))(grid, bound)
    found = {}
    for run in METHODS:
        timed = found[run.name] = swept(run, grid, bound, options, common.plan(options))
        rate = np.mean(np.asarray(timed.value.correct))
        print(
            f"{run.title:<32}{100 * rate:5.1f} % of all seeds exact; "
            f"compile {timed.compile:.0f} s, run {timed.run:.0f} s",
            flush=True,
        )
    truth = np.asarray(truths(grid, bound))
    content = summarise(found, truth, jax.tree.map(np.asarray, limit), bound.names, options)
    if machines.leader():
        write(content, out)
        report(content)
        print(f"wrote {out}/summary.json, figure.png and calibration.png")
    common.finish(options)


def write(content: dict[str, Any], out: Path) -> None:
    """Write the summary and both figures, each whole or not at all."""
    from nsindy.paper import figures, phase_figures

    content = files.plain(content)
    files.write_json(out / "summary.json", content)
    figures.save(phase_figures.phase_figure(content), out / "figure.png")
    figures.save(phase_figures.calibration_figure(content), out / "calibration.png")


def steps(options: argparse.Namespace) -> int:
    """Solver steps of a trajectory."""
    return common.configure(METHODS[-1], options)[0].search.steps


def measurements(options: argparse.Namespace) -> Measurement:
    """The recordings of all cells, every leaf with a leading axis of cells."""
    cells = itertools.product(*(getattr(options, axis) for axis in AXES))
    each = [
        Measurement(
            jnp.array([options.stiffness, damping]),
            jnp.array([x0, options.v0]),
            jnp.asarray(options.step),
            jnp.asarray(noise),
        )
        for x0, damping, noise in cells
    ]
    return jax.tree.map(lambda *leaves: jnp.stack(leaves), *each)


def truths(grid: Measurement, bound: Library) -> jax.Array:
    """True coefficients of every cell [C, D, M]."""
    return jax.vmap(lambda args: true_coefficients(common.SYSTEM, bound.names, args))(grid.args)


def limits(
    grid: Measurement, bound: Library, samples: int, steps: int
) -> tuple[jax.Array, jax.Array]:
    """What any method is up against in every cell.

    The model with the damping in the other equation, x' = v - c x and v' = -k x, has the same
    frequency and the same decay, and is as sparse. Between two models whose trajectories lie d
    standard deviations apart, even the likelihood ratio errs with probability Φ(-d / 2).

    Returns:
      the Cramér–Rao bound of the damping given the true support [C], and the distance d of the
      closest model with the damping in the other equation [C].
    """
    exact = snap.exact(bound)
    x, v = (bound.names.index(name) for name in ("identity(x)", "identity(v)"))
    swapped = jnp.zeros((2, len(bound.names)), bool).at[0, x].set(True).at[0, v].set(True)
    swapped = single.slots_of(swapped.at[1, x].set(True), 2)

    def one(measurement):
        data = one_seed.record(
            jax.random.key(0), common.SYSTEM, bound, measurement, samples=samples, estimate=True
        )
        record = selectors.training_record(data)
        noise = measurement.noise * jnp.ones(2)
        errors = tangent.cramer_rao(
            exact, data.truth != 0, data.truth, measurement.initial, record, noise, steps=steps
        )
        clean = record._replace(states=data.trajectory.clean)
        begin = jnp.where(
            swapped == v, 1.0, jnp.where(swapped == x, -measurement.args[::-1, None], 0)
        )
        other = single.fit(exact, swapped, begin, measurement.initial, clean, noise, steps=steps)
        return errors[1, v], jnp.sqrt(jnp.sum(other.rss / noise**2))

    return jax.lax.map(one, grid)


def swept(
    run: Run,
    grid: Measurement,
    bound: Library,
    options: argparse.Namespace,
    plan: over.Plan = over.DEFAULT,
) -> over.Timed:
    """Every seed of every cell by one method, in one compilation; leaves [C, S, ...]."""
    run, knobs = common.configure(run, options)
    knobs = jax.tree.map(jnp.asarray, knobs)

    def one(key, numbered, bound, knobs):
        cell, measurement = numbered
        data_key, select_key = jax.random.split(jax.random.fold_in(key, cell))
        data = common.record(data_key, bound, measurement, options)
        if run.method == "evidence":
            return by_evidence(data, bound, run)
        model = one_seed.outcome(select_key, data, bound, knobs, run).coefficients
        smallest = jnp.min(jnp.where(data.truth != 0, jnp.abs(data.truth), jnp.inf))
        # The share below which the run counts a coefficient as zero must not hide a true term.
        relative = jnp.minimum(run.relative, 0.5 * smallest / jnp.max(jnp.abs(data.truth)))
        size = jnp.abs(model)
        present = size >= relative * jnp.max(size, axis=1, keepdims=True)
        model = jnp.where(present, model, 0.0)
        return Found(model, metrics.support_correct(model, data.truth), None)

    return over.over(
        one,
        np.arange(options.seed0, options.seed0 + options.seeds),
        (jnp.arange(len(grid.noise)), grid),
        bound,
        knobs,
        plan=plan._replace(quick=run.method == "evidence"),
        name=run.name,
        success=lambda found: found.correct,
    )


def by_evidence(data: selectors.StudyData, bound: Library, run: Run) -> Found:
    """Run 9, with all of its judge that is held against the truth."""
    found = selectors.recover_by_evidence(data, bound, *selectors.compressed(data), run.search)
    judged = Judged(
        found.errors, found.estimates, found.estimate_errors, found.inclusion, found.settled
    )
    correct = metrics.support_correct(found.coefficients, data.truth, run.relative)
    return Found(found.coefficients, correct, judged)


def report(content: dict[str, Any]) -> None:
    """Print the findings beside the targets."""
    ours, subset = METHODS[-1].name, METHODS[2].name
    keys = ("mean_rate", "mean_rate_up_to_ties")
    print(f"\n{'':18}{'exact':>16}{'up to ties':>16}")
    head = f"{'amplitude':>9}{'damping':>9}" + 2 * f"{'Run 9':>8}{'subset':>8}"
    print(head + "   frontier and bound's line")
    for row in content["rows"]:
        mean = [row[key][name] for key in keys for name in (ours, subset)]
        sign = {"at": "=", "above": ">", "below": "<"}[row["frontier_is"]]
        verdict = {True: "within 2", False: "NOT within 2", None: "beyond the grid"}
        print(
            f"{row['x0']:>9g}{row['damping']:>9g}"
            + "".join(f"{100 * rate:>6.0f} %" for rate in mean)
            + f"   {row['frontier']:.4f} and {row['line']:.4f}, "
            f"factor {sign} {row['factor']:.2f}: {verdict[row['within_2']]}"
        )
    rows, coverage = content["rows"], content["coverage"]
    false, reliable = content["false_terms"][ours], content["reliability"]
    at_least = [sum(row[key][ours] >= row[key][subset] for row in rows) for key in keys]
    within = [row["within_2"] for row in rows if row["within_2"] is not None]
    print(f"\nRun 9 at or above best subset, exact and up to ties: {at_least[0]} and {at_least[1]}")
    print(f"  of {len(rows)} rows (target: all)")
    print(f"frontier within a factor of 2: {sum(within)} of {len(within)} rows (target: all)")
    print(
        f"false terms: {text(false)}, {false['beside_all_true_terms']} beside all true terms "
        f"(target: at most 1 %); {false['most_frequent']}"
    )
    swap = content["damping_in_the_other_equation"]
    print(f"  damping in the other equation: {text(swap)}; to expect of the best choice by")
    print(f"  likelihood: {swap['least_to_expect']:.0f}")
    held = content["false_terms_held_for_sure"]
    print(f"  false terms of inclusion {SURE:g} or more: {text(held)}")
    print(f"90 % intervals cover: {text(coverage['chosen'])} (target: 85 to 95 %)")
    print(f"  in seeds with the exact support: {text(coverage['chosen_in_exact_seeds'])}")
    print(f"  damping, as if always chosen: {text(coverage['damping_as_if_chosen'])}")
    print(f"inclusion probabilities: expected error {reliable['expected_error']:.4f},")
    print(f"  largest of a bin {reliable['largest_error']:.3f} (target: at most 0.1)")


def text(rate: dict[str, Any]) -> str:
    """`12 of 64 (18.8 %, 11.1 to 30.0)`."""
    if not rate["of"]:
        return "none"
    low, high = (100 * end for end in rate["ci95"])
    return f"{rate['count']} of {rate['of']} ({100 * rate['rate']:.1f} %, {low:.1f} to {high:.1f})"


if __name__ == "__main__":
    main()
