"""What makes Exp 4 work or fail: the paper's way, each difference alone, its phase."""

import argparse
import itertools
import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from support import command_line, commitment_cases, common
from support.commitment_cases import Case

from nsindy.paper import metrics, one_seed, summary
from nsindy.paper.runs import Run
from nsindy.paper.simulate import Measurement
from nsindy.runtime import files
from nsindy.sweep import machines, over
from nsindy.terms import term
from nsindy.terms.library import Library

Rows = list[dict[str, Any]]


def main() -> None:
    """Parse, run the parts that are asked for, write them into one summary and their figures."""
    options = command_line.parser(__doc__, "out/commitment")
    add = options.add_argument
    add("--steps", type=int, default=0, help="training steps; 0 for the run's own")
    add("--gates", choices=("sample", "shared"), default="sample", help="draws")
    add("--parts", nargs="+", choices=PARTS, default=list(PARTS), help="of the study")
    add("--few", type=command_line.positive, default=64, help="seeds of the maps and of Runs 2, 3")
    add("--libraries", nargs="+", default=["exact", "shipped"], help="for the table, as --library")
    command_line.fail_early(lambda: execute(options.parse_args()))


def execute(options: argparse.Namespace) -> None:
    """Sweep the parts, each over settings × seeds in one compilation for each shape of a router."""
    out = common.begin(options)
    path = out / "summary.json"
    parts = json.loads(path.read_text())["parts"] if path.exists() else {}
    for name in options.parts:
        parts[name] = {"command": common.command(), "rows": PARTS[name](options)}
        if machines.leader():
            write(out, parts)
    common.finish(options)


def write(out: Path, parts: dict[str, Any]) -> None:
    """Write the parts so far, and the figures of those that are there."""
    from support import commitment_figures

    made = {"experiment": "commitment", "command": common.command(), "parts": parts}
    if "table" in parts:
        made["command"] = parts["table"]["command"]
    made["versions"] = common.versions()
    files.write_json(out / "summary.json", made)
    commitment_figures.draw(out, json.loads((out / "summary.json").read_text())["parts"])


def table(options: argparse.Namespace) -> Rows:
    """Each difference alone, and the decisive pairs, with every library."""
    rows: Rows = []
    for kind in options.libraries:
        rows += sweep(commitment_cases.TABLE, kind, options, options.seeds)
    return rows


def alpha(options: argparse.Namespace) -> Rows:
    """The damping's frequency over α, under the base entropy and under the conditional one."""
    cases = [
        Case(f"{label}, α = {strength}", knobs={"alpha": strength, **knobs})
        for (label, knobs), strength in itertools.product(
            commitment_cases.ENTROPIES.items(), commitment_cases.ALPHAS
        )
    ]
    return sweep(cases, options.library, options, options.few)


def phase(options: argparse.Namespace) -> Rows:
    """Exact recovery over α × entropy weight × noise."""
    cases = [
        Case(
            f"α = {strength}, weight {weight}, noise {noise}",
            knobs={"alpha": strength, "conditional_entropy": weight},
            noise=noise,
        )
        for noise, weight, strength in itertools.product(
            commitment_cases.NOISES, commitment_cases.WEIGHTS, commitment_cases.ALPHAS
        )
    ]
    return sweep(cases, options.library, options, options.few)


def soup(options: argparse.Namespace) -> Rows:
    """Run 2 with and without the exploration bonus: how certain its router is."""
    cases = commitment_cases.SOUP
    rows = sweep(cases, options.library, options, options.few, read=certainty)
    return rows


def sine(options: argparse.Namespace) -> Rows:
    """Run 3 with sin circuits of smooth random errors: its coefficients against their size."""
    cases = [
        Case(f"error {size}", run="exp2_scalar_router", distortion=size)
        for size in commitment_cases.SIN_ERRORS
    ]
    return sweep(cases, "exact", options, options.few, read=sine_coefficients)


PARTS: dict[str, Callable[[argparse.Namespace], Rows]] = {
    "table": table,
    "alpha": alpha,
    "phase": phase,
    "soup": soup,
    "sine": sine,
}
"""The parts of the study, by name."""


def sweep(
    cases: Iterable[Case],
    kind: str,
    options: argparse.Namespace,
    seeds: int,
    read: Callable[[one_seed.Outcome], dict[str, Any]] | None = None,
) -> Rows:
    """Cases × seeds, one compilation for all cases that shape the router alike; a row a case."""
    grouped: dict[Run, list[Case]] = {}
    for case in cases:
        grouped.setdefault(case.shaped(options), []).append(case)
    found = {}
    for run, group in grouped.items():
        settings = [case.setting(common.measurement(options)) for case in group]
        grid = jax.tree.map(lambda *values: jnp.asarray(values, float), *settings)
        names = [name for name in term.paper_terms(common.SYSTEM.states) if name not in run.drop]
        timed = over.over(
            train(run, options),
            np.arange(options.seed0, options.seed0 + seeds),
            grid,
            common.bind(names, kind),
            plan=common.plan(options),
            name=f"{kind}, {group[0].label}".replace("/", " "),
            keep=summary.KEEP,
            success=lambda outcome: outcome.support_correct,
        )
        for i, case in enumerate(group):
            mine = jax.tree.map(lambda leaf, i=i: leaf[i], timed.value)
            row = {"case": case.label, "library": kind, **judge(mine)}
            found[case] = row | case.described() | (read(mine) if read else {})
            print(line(found[case]), flush=True)
    return [found[case] for case in cases]


def train(run: Run, options: argparse.Namespace) -> Callable[..., one_seed.Outcome]:
    """One seed of one case, as `over.over` takes it."""

    def one(key: jax.Array, setting: commitment_cases.Setting, bound: Library) -> one_seed.Outcome:
        data_key, key = jax.random.split(key)
        measurement = Measurement(*setting.measurement)
        data = common.record(data_key, bound, measurement, options)
        theta = commitment_cases.distort(
            jax.random.fold_in(data_key, 1), data.theta, bound.names, setting.distortion
        )
        return one_seed.outcome(key, data._replace(theta=theta), bound, setting.knobs, run)

    return one


def judge(outcome: one_seed.Outcome) -> dict[str, Any]:
    """Rates of both equations and of v' alone, and its terms: how often drawn, how large.

    The frequency of a term is that of its draws for any slot, and activation × coefficient is what
    the mean drawn model has. Seeds that diverged are failures, and nothing else is taken of them.
    """
    seeds, outcome = len(outcome.support_correct), summary.finished(outcome)
    right = {}
    for d, (name, truth) in enumerate({"x'": (1,), "v'": (0, 1)}.items()):
        there = outcome.coefficients[:, d] != 0
        exact = (there == np.isin(np.arange(there.shape[1]), truth)).all(axis=1)
        right[name] = metrics.recovery(int(exact.sum()), seeds)
    often, coefficients = outcome.frequencies[:, 1], outcome.coefficients[:, 1]
    quantiles = 0.05, 0.5, 0.95
    held = coefficients[:, 1] != 0
    kept = coefficients[held, 1] if held.any() else np.full(1, np.nan)
    return {
        **metrics.recovery(int(outcome.support_correct.sum()), seeds),
        "exact": right,
        "diverged": seeds - len(often),
        "stiffness": np.quantile(coefficients[:, 0], quantiles),
        "damping_chosen": int(held.sum()),
        "damping": np.quantile(kept, quantiles),
        "damping_frequency": np.quantile(often[:, 1], quantiles),
        "damping_times_frequency": np.quantile(often[:, 1] * coefficients[:, 1], quantiles),
        "slots": np.median(outcome.slots.activations[:, 1], axis=0),
        "val_mse_sampled": np.quantile(outcome.validation_sampled, quantiles),
        "val_mse_argmax": summary.median(outcome.validation_argmax),
    }


def certainty(outcome: one_seed.Outcome) -> dict[str, Any]:
    """Run 2: the largest mean probability of a term in each equation, seed by seed."""
    largest = outcome.probabilities[:, :, 0].max(axis=-1)
    return {
        "largest": largest,
        "largest_term": outcome.probabilities[:, :, 0].argmax(axis=-1),
        "below_0.9": metrics.recovery(int(np.sum(largest[:, 1] < 0.9)), len(largest)),
        "below_0.5": metrics.recovery(int(np.sum(largest[:, 1] < 0.5)), len(largest)),
        "sampled": outcome.validation_sampled,
    }


def sine_coefficients(outcome: one_seed.Outcome) -> dict[str, Any]:
    """Run 3: terms and coefficients of both equations, seed by seed, and its sampled error."""
    return {
        "chosen": outcome.slots.terms[:, :, 0],
        "coefficient": outcome.slots.coefficients[:, :, 0],
        "sampled": outcome.validation_sampled,
    }


def line(row: dict[str, Any]) -> str:
    """One line of the table."""
    right = row["exact"]["v'"]
    low, high = right["recovery_ci95"]
    return (
        f"{row['library']:<9}{row['case']:<52}v' {right['recovery_count']:>4}/{right['seeds']:<4}"
        f"[{100 * low:3.0f}, {100 * high:3.0f}] %  both {row['recovery_count']:>4}  damping drawn "
        f"{100 * row['damping_frequency'][1]:5.1f} %, × coefficient "
        f"{row['damping_times_frequency'][1]:.4f}  MSE {row['val_mse_sampled'][1]:.1e}"
    )


if __name__ == "__main__":
    main()
