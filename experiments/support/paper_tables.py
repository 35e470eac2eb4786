"""Tables of the paper's study: Runs 1 to 9, the noise they bear, and the circuits."""

from typing import Any

from nsindy.paper.runs import RUNS
from support.markdown import rate, share, table

__all__ = ["ablation", "commitment", "noisy", "phase", "phase1", "recovery", "speed"]

Summary = dict[str, Any]


def ablation(summary: Summary) -> str:
    """Every run and reference with its errors, and what the slots of the runs hold."""
    rates, slots = [], []
    for row in summary["rows"]:
        errors = row["median"]
        rates.append(
            [
                row["title"],
                rate(row),
                f"{row['equivalent_count']}/{row['seeds']}",
                f"{errors['val_mse_argmax']:.1e} / {errors['val_mse_sampled']:.1e}",
                "; ".join(row["wrong"].split("; ")[:2]),
            ]
        )
        if row["name"] in RUNS:
            texts = ("; ".join(_slot(s, row["seeds"]) for s in each) for each in row["slots"])
            slots.append([row["title"], *texts, row["paper"] or "not run"])
    head = ["run", "exact", "up to ties", "MSE arg-max / sampled", "most often wrong (seeds)"]
    beside = table(["run", "slots of x'", "slots of v'", "the paper saw"], slots)
    return f"{table(head, rates)}\n\n{beside}"


def _slot(slot: Summary, seeds: int) -> str:
    """A slot's most frequent term, `-0.0984 identity(v) (27 %, in 787)`, with its medians.

    The activation stands where it does not round to 100 %, the seeds where they are not all.
    """
    chosen, activation = slot["chosen"][slot["most"]], f"{100 * slot['activation'][1]:.0f} %"
    more = [activation] * (activation != "100 %") + [f"in {chosen}"] * (chosen < seeds)
    text = f"{slot['coefficient'][1]:.4f} {slot['most']}"
    return f"{text} ({', '.join(more)})" if more else text


def commitment(summary: Summary) -> str:
    """Exp 4 with one setting changed; what v' does is that of the first library."""
    cases: dict[str, dict[str, Summary]] = {}
    for row in summary["parts"]["table"]["rows"]:
        cases.setdefault(row["case"], {})[row["library"]] = row
    libraries = list(dict.fromkeys(row["library"] for row in summary["parts"]["table"]["rows"]))
    rows = []
    for case, by_library in cases.items():
        first = by_library[libraries[0]]
        right = first["exact"]["v'"]
        both = [rate(by_library[kind]) if kind in by_library else "not run" for kind in libraries]
        rows.append(
            [
                case,
                f"{right['recovery_count']}/{right['seeds']}",
                *both,
                f"{100 * first['damping_frequency'][1]:.1f} %",
                f"{first['damping_times_frequency'][1]:.4f}",
                f"{first['stiffness'][1]:.4f}",
                f"{first['val_mse_sampled'][1]:.1e}",
            ]
        )
    rates = [f"both exact, {kind} library" for kind in libraries]
    drawn = ["identity(v) drawn in v'", "× its coefficient", "identity(x) in v'", "sampled MSE"]
    return table(["case", "v' exact", *rates, *drawn], rows)


def recovery(summary: Summary) -> str:
    """Run 9 and the references on every case, from noisy states alone."""
    rows = []
    for case, by_method in _cases(summary).items():
        ours = by_method[_ours(summary)]
        errors = ", ".join(
            f"{name} {value:.2f}" for name, value in ours["rmse_over_cramer_rao"].items()
        )
        rates = _rates(by_method, _methods(summary))
        rows.append([case, str(ours["terms"]), *rates, str(ours["false_terms"]), errors])
    head = ["case", "terms", *_methods(summary)]
    return table([*head, "false terms, Run 9", "RMSE / Cramér–Rao bound, Run 9"], rows)


def noisy(summary: Summary) -> str:
    """The same in short: each system at its highest noise, a row for each method but the oracle."""
    methods = [name for name in _methods(summary) if not name.startswith("oracle")]
    highest = {case.rsplit(", noise", 1)[0]: case for case in _cases(summary)}
    columns = [_rates(_cases(summary)[case], methods) for case in highest.values()]
    return table(
        ["", *highest.values()], [list(row) for row in zip(methods, *columns, strict=True)]
    )


def _cases(summary: Summary) -> dict[str, dict[str, Summary]]:
    cases: dict[str, dict[str, Summary]] = {}
    for row in summary["rows"]:
        cases.setdefault(row["case"], {})[row["method"]] = row
    return cases


def _methods(summary: Summary) -> list[str]:
    return list(dict.fromkeys(row["method"] for row in summary["rows"]))


def _ours(summary: Summary) -> str:
    return next(name for name in _methods(summary) if name.startswith("Run 9"))


def _rates(by_method: dict[str, Summary], methods: list[str]) -> list[str]:
    return [rate(by_method[name]) if name in by_method else "not enumerable" for name in methods]


def phase(summary: Summary) -> str:
    """What the phase diagram says, each statement with its count and 95 % interval."""
    ours = "exp8_evidence_router"
    rows = summary["rows"]
    above = sum(row["mean_rate"][ours] >= row["mean_rate"]["best_subset"] for row in rows)
    inside = [row for row in rows if row["frontier_is"] == "at"]
    within = sum(bool(row["within_2"]) for row in inside)
    worst = min(row["factor"] for row in inside)
    swap = summary["damping_in_the_other_equation"]
    sure = summary["false_terms_held_for_sure"]
    lines = [
        ["rows in which Run 9 is at or above best subset", f"{above} of {len(rows)}"],
        [
            "rows whose frontier (50 % exact) is within a factor of 2 of the line, of those inside "
            "the grid",
            f"{within} of {len(inside)}, worst factor {worst:.2f}",
        ],
        ["seeds with a false term, Run 9", share(summary["false_terms"][ours])],
        [
            "of these: damping moved into x', and how many the best likelihood ratio must get "
            "wrong",
            f"{swap['count']}, and {swap['least_to_expect']:.0f} of {swap['of']:,}",
        ],
        [
            f"false terms reported as certain (inclusion ≥ {sure['inclusion_at_least']})",
            share(sure),
        ],
        ["90 % intervals that cover the truth, chosen terms", share(summary["coverage"]["chosen"])],
    ]
    return table(["over all cells", "measured"], lines)


def phase1(summary: Summary) -> str:
    """When each operation is memorised and when it generalises, and what the circuit became."""
    rows = []
    for name, variants in summary["operations"].items():
        recipe, control = variants["recipe"], variants.get("no decay")
        low, high = recipe["grokked_ci95"]
        epochs = [recipe["train_epoch_median"], recipe["validation_epoch_median"]]
        ratio = recipe["ratio_quartiles"][1]
        changes = [
            f"{recipe[quantity][first]:.1f} → {recipe[quantity]['end']:.1f}"
            for quantity, first in (
                ("weight_norm", "start"),
                ("effective_rank", "memorised"),
                ("active_units", "memorised"),
            )
        ]
        rows.append(
            [
                name,
                " → ".join("never" if epoch is None else f"{epoch:,.0f}" for epoch in epochs),
                "never" if ratio is None else f"{ratio:.1f}",
                f"{_grokked(recipe, summary)} ({100 * low:.0f}–{100 * high:.0f} %)",
                "not run" if control is None else _grokked(control, summary),
                *changes,
            ]
        )
    head = ["operation", "epoch train → validation", "ratio", "ratio ≥ 5", "without decay"]
    return table([*head, "weight norm", "effective rank", "active units"], rows)


def _grokked(variant: Summary, summary: Summary) -> str:
    return f"{round(variant['grokked_share'] * summary['seeds'])}/{summary['seeds']}"


def speed(summary: Summary) -> str:
    """The ratios of the speed benchmark."""
    rows = [[row["name"], f"{row['value']:.2f}", row["target"]] for row in summary["ratios"]]
    return table(["what", "measured", "target"], rows)
