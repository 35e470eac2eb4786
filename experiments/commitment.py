"""When does the second slot of Exp 4 fail to commit? One setting is changed at a time."""

import argparse
import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
from support import command_line, common

from nsindy.paper import metrics, one_seed, summary
from nsindy.paper.runs import RUNS, Run
from nsindy.routers import settings
from nsindy.sweep import over
from nsindy.terms import term

CHANGES: dict[str, dict[str, float]] = {
    "Exp 4 as it stands": {},
    "base entropy in place of conditional": {"base_entropy": 0.05, "conditional_entropy": 0.0},
    "no entropy": {"conditional_entropy": 0.0},
    "no prior": {"alpha": 0.0},
    "τ end 0.5": {"temperature_end": 0.5},
    "τ end 0.01": {"temperature_end": 0.01},
    "τ start 1": {"temperature_start": 1.0},
    "learning rate 1e-2": {"learning_rate": 1e-2},
    "entropy weight 0.005": {"conditional_entropy": 0.005},
    "entropy weight 0.5": {"conditional_entropy": 0.5},
    "coefficients start at 0": {"initial_spread": 0.0},
    "coefficients start at N(0, 1)": {"initial_spread": 1.0},
    "coefficients start at 0.5": {"initial_coefficient": 0.5, "initial_spread": 0.0},
    "coefficients start at 1": {"initial_coefficient": 1.0, "initial_spread": 0.0},
    "start at 1, base entropy": {
        "initial_coefficient": 1.0,
        "initial_spread": 0.0,
        "base_entropy": 0.05,
        "conditional_entropy": 0.0,
    },
}
"""What is changed in each row; every change is a traced knob, so they are one compilation."""


def main() -> None:
    """Parse, sweep every change over the seeds, print the table, write summary and figure."""
    options = command_line.parser(__doc__, "out/commitment")
    options.add_argument("--steps", type=int, default=0, help="training steps; 0 for the run's own")
    options.add_argument("--gates", choices=("sample", "shared"), default="sample", help="draws")
    arguments = options.parse_args()
    command_line.fail_early(lambda: execute(arguments))


def execute(options: argparse.Namespace) -> None:
    """Sweep settings × seeds in one compilation for each library, then without circuits' errors."""
    out = common.begin(options)
    run, knobs = common.configure(RUNS["exp4_conditional_entropy"], options)
    names = term.paper_terms(common.SYSTEM.states)
    rows = []

    def sweep_changes(run: Run, changes: dict[str, dict[str, float]], kind: str) -> None:
        settings = [knobs._replace(**change) for change in changes.values()]
        grid = jax.tree.map(lambda *values: jnp.asarray(values), *settings)
        bound = common.bind(names, kind)

        def one(key, knobs: settings.RouterKnobs, measurement, bound):
            data_key, key = jax.random.split(key)
            data = common.record(data_key, bound, measurement, options)
            return one_seed.outcome(key, data, bound, knobs, run)

        timed = over.over(
            one,
            np.arange(options.seed0, options.seed0 + options.seeds),
            grid,
            common.measurement(options),
            bound,
            plan=common.plan(options),
            name=f"{kind}, {run.routing.steps} steps" if run.routing else kind,
            keep=summary.KEEP,
            success=lambda outcome: outcome.support_correct,
        )
        for i, change in enumerate(changes):
            mine = jax.tree.map(lambda leaf, i=i: leaf[i], timed.value)
            rows.append(judge(mine, change, kind))
            print(line(rows[-1]), flush=True)

    assert run.routing is not None
    longer = dataclasses.replace(run.routing, steps=4 * run.routing.steps)
    for kind in dict.fromkeys((options.library, "exact")):
        sweep_changes(run, CHANGES, kind)
        sweep_changes(dataclasses.replace(run, routing=longer), {"4 times the steps": {}}, kind)
    first = [row for row in rows if row["library"] == options.library]
    common.write_rows(
        out,
        rows,
        drawn=first,
        labels=[row["change"] for row in first],
        title=f"Exp 4 with one setting changed: exact recovery over {options.seeds} seeds",
        changes=CHANGES,
    )
    common.finish(options)


def judge(outcome: one_seed.Outcome, change: str, kind: str) -> dict:
    """Rates and the damping term of one setting: which slot holds it, how firmly, how large.

    Seeds that diverged count as failures, and nothing else is taken of them.
    """
    seeds, outcome = len(outcome.support_correct), summary.finished(outcome)
    damping = outcome.slots.terms[:, 1] == 1  # identity(v), the second of the terms
    held = damping.any(axis=1)
    activation = outcome.slots.activations[:, 1][damping]
    coefficient = outcome.slots.coefficients[:, 1][damping]
    second = outcome.slots.activations[:, 1, 1]
    return {
        "change": change,
        "library": kind,
        **metrics.recovery(int(outcome.support_correct.sum()), seeds),
        "diverged": seeds - len(held),
        "damping_chosen": int(held.sum()),
        "damping_activation": summary.median(activation),
        "damping_coefficient": summary.median(coefficient),
        "slot_2_activation": summary.median(second),
        "val_mse_argmax": summary.median(outcome.validation_argmax),
        "val_mse_sampled": summary.median(outcome.validation_sampled),
    }


def line(row: dict) -> str:
    """One line of the table."""
    damping = "damping not chosen"
    if row["damping_chosen"]:
        damping = (
            f"damping chosen in {row['damping_chosen']:>3}: {row['damping_coefficient']:.4f} "
            f"at {100 * row['damping_activation']:.0f} %"
        )
    return (
        f"{row['library']:<9}{row['change']:<38}{row['recovery_count']:>4}/{row['seeds']:<4}"
        f"slot 2 of v' at {100 * row['slot_2_activation']:3.0f} %  {damping}"
    )


if __name__ == "__main__":
    main()
