"""What makes Exp 4 work or fail: the paper's way, each difference alone, its phase."""

import dataclasses
import itertools
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from support import command_line, commitment_cases, commitment_circuits, written
from support.commitment_cases import Case
from support.experiment import SYSTEM, Experiment, bind

from nsindy.paper import metrics, one_seed, summary
from nsindy.paper.outcomes import Outcome
from nsindy.paper.runs import Run
from nsindy.runtime import files
from nsindy.sweep import machines
from nsindy.sweep.grid import over
from nsindy.terms import term
from nsindy.terms.library import Library

Rows = list[dict[str, Any]]
LIBRARIES = ("exact", "shipped", commitment_circuits.PAPER)


class Study(NamedTuple):
    """What is swept.

    Attributes:
      experiment: the sweep.
      few: seeds of the maps and of Runs 2 and 3.
      further: seeds of the table with every library but the first.
      libraries: of the table, as `--library` names them, or "paper" for circuits that are trained
        by the paper's recipe: of three seeds, each for a third of the seeds of the sweep.
    """

    experiment: Experiment
    few: int = 64
    further: int = 64
    libraries: Sequence[str] = LIBRARIES

    @property
    def smaller(self) -> Experiment:
        """The sweep over few seeds."""
        return self.over(self.few)

    def over(self, seeds: int) -> Experiment:
        """The sweep over so many seeds."""
        return dataclasses.replace(self.experiment, seeds=seeds)


def main() -> None:
    """Parse, run the parts that are asked for, write them into one summary and their figures."""
    options = command_line.parser(__doc__, "out/commitment")
    add = options.add_argument
    add("--steps", type=int, default=0, help="training steps; 0 for the run's own")
    add("--gates", choices=("sample", "shared"), default="sample", help="draws")
    add("--parts", nargs="+", choices=PARTS, default=list(PARTS), help="of the study")
    add("--few", type=command_line.positive, default=64, help="seeds of the maps and of Runs 2, 3")
    add("--further", type=command_line.positive, default=64, help="seeds with further libraries")
    add("--libraries", nargs="+", default=list(LIBRARIES), help="for the table, as --library")
    words = options.parse_args()
    study = Study(Experiment.of(words), words.few, words.further, words.libraries)
    command_line.fail_early(lambda: execute(study, words.parts))


def execute(study: Study, parts: Sequence[str]) -> None:
    """Sweep the parts, each over settings × seeds in one compilation for each shape of a router."""
    out = study.experiment.begin()
    path = out / "summary.json"
    done = json.loads(path.read_text(encoding="utf-8"))["parts"] if path.exists() else {}
    for name in sorted(parts, key=list(PARTS).index):
        rows: Rows = []
        for more in PARTS[name](study):
            rows += more
            done[name] = {"command": written.command(), "rows": rows}
            if machines.leader():
                write(out, done)
    study.experiment.finish()


def write(out: Path, parts: dict[str, Any]) -> None:
    """Write the parts so far, and the figures of those that are there."""
    from support import commitment_figures

    made = {**written.origin(), "experiment": "commitment", "parts": parts}
    if "table" in parts:
        made["command"] = parts["table"]["command"]
    files.write_json(out / "summary.json", made)
    text = (out / "summary.json").read_text(encoding="utf-8")
    commitment_figures.draw(out, json.loads(text)["parts"])


def table(study: Study) -> Iterator[Rows]:
    """Each difference alone, and the decisive pairs, library by library."""
    for kind in study.libraries:
        if kind == commitment_circuits.PAPER:
            commitment_circuits.prepare(Path(study.experiment.out))
        seeds = study.experiment.seeds
        if kind != study.libraries[0]:
            seeds = min(seeds, study.further)
        yield sweep(commitment_cases.TABLE, kind, study.over(seeds))


def circuits(study: Study) -> Iterator[Rows]:
    """Errors of the circuits of the paper's recipe, trained where they are not there yet."""
    yield commitment_circuits.prepare(Path(study.experiment.out))


def alpha(study: Study) -> Iterator[Rows]:
    """The damping's frequency over α, under the base entropy and under the conditional one."""
    cases = [
        Case(f"{label}, α = {strength}", knobs={"alpha": strength, **knobs})
        for (label, knobs), strength in itertools.product(
            commitment_cases.ENTROPIES.items(), commitment_cases.ALPHAS
        )
    ]
    yield sweep(cases, study.experiment.library, study.smaller)


def phase(study: Study) -> Iterator[Rows]:
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
    yield sweep(cases, study.experiment.library, study.smaller)


def soup(study: Study) -> Iterator[Rows]:
    """Run 2 with and without the exploration bonus: how certain its router is."""
    cases = commitment_cases.SOUP
    yield sweep(cases, study.experiment.library, study.smaller, read=certainty)


def sine(study: Study) -> Iterator[Rows]:
    """Run 3: its coefficients against the error of the sin circuit, made up or trained."""
    run, experiment = "exp2_scalar_router", study.smaller
    cases = [
        Case(f"error {size}", run=run, distortion=size) for size in commitment_cases.SIN_ERRORS
    ]
    yield sweep(cases, "exact", experiment, read=sine_coefficients)
    folder = Path(experiment.out)
    commitment_circuits.prepare(folder)
    for seed in commitment_circuits.SEEDS:
        case = Case(f"the paper's circuits, seed {seed}", run=run)
        file = str(commitment_circuits.path(folder, seed))
        rows = sweep([case], file, experiment, read=sine_coefficients)
        yield [row | {"sin_error": sin_error(file, experiment)} for row in rows]


PARTS: dict[str, Callable[[Study], Iterable[Rows]]] = {
    "table": table,
    "circuits": circuits,
    "alpha": alpha,
    "phase": phase,
    "soup": soup,
    "sine": sine,
}
"""The parts of the study, by name, in the order in which they are made."""


def sweep(
    cases: Iterable[Case],
    kind: str,
    experiment: Experiment,
    read: Callable[[Outcome], dict[str, Any]] | None = None,
) -> Rows:
    """Cases × seeds, one compilation for all cases that shape the router alike; a row a case."""
    grouped: dict[Run, list[Case]] = {}
    for case in cases:
        grouped.setdefault(case.shaped(experiment), []).append(case)
    found = {}
    for run, group in grouped.items():
        value = outcomes(run, group, kind, experiment)
        for i, case in enumerate(group):
            mine = jax.tree.map(lambda leaf, i=i: leaf[i], value)
            row = {"case": case.label, "library": Path(kind).stem, **judge(mine)}
            found[case] = row | case.described() | (read(mine) if read else {})
            print(line(found[case]), flush=True)
    return [found[case] for case in cases]


def outcomes(run: Run, group: list[Case], kind: str, experiment: Experiment) -> Outcome:
    """Cases of one shape × seeds, every leaf [C, S, …]; seed by seed with its own circuits."""
    settings = [case.setting(experiment.measurement) for case in group]
    grid = jax.tree.map(lambda *values: jnp.asarray(values, float), *settings)
    names = [name for name in term.paper_terms(SYSTEM.states) if name not in run.drop]
    folder = Path(experiment.out)
    parts = [
        over(
            train(run, experiment),
            seeds,
            grid,
            bind(names, library),
            plan=experiment.plan(),
            name=f"{Path(library).stem}, {group[0].label}".replace("/", " "),
            keep=summary.KEEP,
            success=lambda outcome: outcome.support_correct,
        ).value
        for library, seeds in commitment_circuits.libraries(
            kind, experiment.every_seed, folder
        ).items()
    ]
    return jax.tree.map(lambda *leaves: np.concatenate(leaves, axis=1), *parts)


def train(run: Run, experiment: Experiment) -> Callable[..., Outcome]:
    """One seed of one case, as `over` takes it."""

    def one(key: jax.Array, setting: commitment_cases.Setting, bound: Library) -> Outcome:
        data_key, key = jax.random.split(key)
        data = experiment.record(data_key, bound, setting.measurement)
        theta = commitment_cases.distort(
            jax.random.fold_in(data_key, 1), data.theta, bound.names, setting.distortion
        )
        return one_seed.outcome(key, data._replace(theta=theta), bound, setting.knobs, run)

    return one


def judge(outcome: Outcome) -> dict[str, Any]:
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


def certainty(outcome: Outcome) -> dict[str, Any]:
    """Run 2: the largest mean probability of a term in each equation, seed by seed."""
    largest = outcome.probabilities[:, :, 0].max(axis=-1)
    return {
        "largest": largest,
        "largest_term": outcome.probabilities[:, :, 0].argmax(axis=-1),
        "below_0.9": metrics.recovery(int(np.sum(largest[:, 1] < 0.9)), len(largest)),
        "below_0.5": metrics.recovery(int(np.sum(largest[:, 1] < 0.5)), len(largest)),
        "sampled": outcome.validation_sampled,
    }


def sine_coefficients(outcome: Outcome) -> dict[str, Any]:
    """Run 3: terms and coefficients of both equations, seed by seed, and its sampled error."""
    return {
        "chosen": outcome.slots.terms[:, :, 0],
        "coefficient": outcome.slots.coefficients[:, :, 0],
        "sampled": outcome.validation_sampled,
    }


def sin_error(kind: str, experiment: Experiment) -> float:
    """Root mean square error of a library's sin terms over the first seed's recording."""
    names = term.paper_terms(SYSTEM.states)
    columns = np.array([name.startswith("sin(") for name in names])
    key = jax.random.key(experiment.seed0)
    theta, exact = (
        np.asarray(experiment.record(key, bind(names, each), experiment.measurement).theta)
        for each in (kind, "exact")
    )
    return float(np.sqrt(np.mean((theta - exact)[:, columns] ** 2)))


def line(row: dict[str, Any]) -> str:
    """One line of the table."""
    right = row["exact"]["v'"]
    low, high = right["recovery_ci95"]
    return (
        f"{row['library']:<11}{row['case']:<52}v' {right['recovery_count']:>4}/{right['seeds']:<4}"
        f"[{100 * low:3.0f}, {100 * high:3.0f}] %  both {row['recovery_count']:>4}  damping drawn "
        f"{100 * row['damping_frequency'][1]:5.1f} %, × coefficient "
        f"{row['damping_times_frequency'][1]:.4f}  MSE {row['val_mse_sampled'][1]:.1e}"
    )


if __name__ == "__main__":
    main()
