"""PySINDy's optimizers beside STLSQ, best subset and Run 9, on the same Θ and Ẋ."""

import argparse
from typing import Any

import common
import jax
import jax.numpy as jnp
import numpy as np
import pysindy_references as references

from nsindy import library, metrics, results, study, sweep, terms
from nsindy.runs import REFERENCES, RUNS

OURS = (RUNS["exp0_stlsq"], REFERENCES["best_subset"], RUNS["exp8_evidence_router"])


def main() -> None:
    """Parse, fit every method on every seed, print the table, write summary and figure."""
    options = common.parser(__doc__, "out/pysindy")
    arguments = options.parse_args()
    common.fail_early(lambda: execute(arguments))


def execute(options: argparse.Namespace) -> None:
    """Record once, hand the same arrays to every method."""
    out = results.check_folder(options.out)
    common.start()
    runs = [common.configure(run, options)[0] for run in OURS]
    bound = library.bind(
        terms.paper_terms(common.SYSTEM.states),
        common.SYSTEM.states,
        common.load_circuits(options.library),
    )

    def recorded(key, measurement, bound):
        return study.record(
            jax.random.split(key)[0],
            common.SYSTEM,
            bound,
            measurement,
            samples=options.samples,
            estimate=options.derivatives == "estimated",
        )

    seeds = jnp.arange(options.seed0, options.seed0 + options.seeds)
    shared = (common.measurement(options), bound)
    data = sweep.over_seeds(recorded, seeds, *shared).value
    ours = []
    for run in runs:

        def one(key, measurement, bound, run=run):
            data = recorded(key, measurement, bound)
            select_key = jax.random.split(key)[1]
            return study.outcome(select_key, data, bound, run.knobs, run).coefficients

        ours.append(np.asarray(sweep.over_seeds(one, seeds, *shared).value))
    recordings = references.problems(data, bound.names, options.seed0)
    rows = []
    for run, found in zip(runs, ours, strict=True):
        pairs = list(zip(found, recordings, strict=True))
        exact = sum(bool(np.all((model != 0) == (p.truth != 0))) for model, p in pairs)
        equal = sum(references.equivalent(model, p.truth, p.theta) for model, p in pairs)
        row = {"method": run.title, "exact": exact, "equivalent": equal, "seeds": len(pairs)}
        rows.append(rated(row))
    rows += [rated(references.measure(name, recordings)) for name in references.METHODS]
    for row in rows:
        print(line(row))
    ran = [row for row in rows if "recovery_rate" in row]
    common.write_rows(
        out,
        rows,
        drawn=ran,
        labels=[row["method"] for row in ran],
        title=f"Exact recovery on the same Θ and Ẋ, noise {options.noise:g}, "
        f"{options.derivatives} derivatives",
    )


def rated(row: dict[str, Any]) -> dict[str, Any]:
    """The row with its rate and interval; as it is where the method could not run."""
    if "not_available" in row:
        return row
    rate = metrics.recovery(row["exact"], row["seeds"])
    return row | rate | {"equivalent_count": row["equivalent"]}


def line(row: dict[str, Any]) -> str:
    """One line of the table."""
    if "not_available" in row:
        return f"{row['method']:<36}{row['not_available']}"
    low, high = row["recovery_ci95"]
    return (
        f"{row['method']:<36}exact {row['exact']:>4}/{row['seeds']:<5}"
        f"[{100 * low:3.0f}, {100 * high:3.0f}] %   equivalent {row['equivalent']:>4}"
    )


if __name__ == "__main__":
    main()
