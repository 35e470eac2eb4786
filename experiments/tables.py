"""Write the tables of README from the summaries in results/, between their markers."""

import argparse
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from nsindy.paper.runs import RUNS
from nsindy.runtime import files

Summary = dict[str, Any]


def rate(row: Summary) -> str:
    """`31/32 (84–99 %)`, a count with its 95 % interval."""
    low, high = (percent(value) for value in row["recovery_ci95"])
    return f"{row['recovery_count']}/{row['seeds']} ({low}–{high} %)"


def percent(value: float) -> str:
    """Whole per cents, with a decimal within one of 0 and 100."""
    return f"{100 * value:.{0 if 0.01 <= value <= 0.99 or value in (0, 1) else 1}f}"


def table(head: list[str], rows: list[list[str]]) -> str:
    """A Markdown table."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def slot_text(slot: Summary, seeds: int) -> str:
    """A slot's most frequent term, `-0.0984 identity(v) (27 %, in 787)`, with its medians.

    The activation stands where it does not round to 100 %, the seeds where they are not all.
    """
    chosen, activation = slot["chosen"][slot["most"]], f"{100 * slot['activation'][1]:.0f} %"
    more = [activation] * (activation != "100 %") + [f"in {chosen}"] * (chosen < seeds)
    text = f"{slot['coefficient'][1]:.4f} {slot['most']}"
    return f"{text} ({', '.join(more)})" if more else text


def ablation(summary: Summary) -> str:
    """How often every run is right, and what the slots of those of the paper hold."""
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
            held = ("; ".join(slot_text(s, row["seeds"]) for s in each) for each in row["slots"])
            slots.append([row["title"], *held, row["paper"] or "not run"])
    head = ["run", "exact", "up to ties", "MSE arg-max / sampled", "most often wrong (seeds)"]
    beside = table(["run", "slots of x'", "slots of v'", "the paper saw"], slots)
    return f"{table(head, rates)}\n\n{beside}"


def commitment(summary: Summary) -> str:
    """Exp 4 with one setting changed; what v' does is that of the first library."""
    cases: dict[str, dict[str, Summary]] = {}
    for row in summary["parts"]["table"]["rows"]:
        cases.setdefault(row["case"], {})[row["library"]] = row
    libraries = list(dict.fromkeys(row["library"] for row in summary["parts"]["table"]["rows"]))
    rows = []
    for case, found in cases.items():
        first = found[libraries[0]]
        right = first["exact"]["v'"]
        rows.append(
            [
                case,
                f"{right['recovery_count']}/{right['seeds']}",
                *(rate(found[kind]) if kind in found else "not run" for kind in libraries),
                f"{100 * first['damping_frequency'][1]:.1f} %",
                f"{first['damping_times_frequency'][1]:.4f}",
                f"{first['stiffness'][1]:.4f}",
                f"{first['val_mse_sampled'][1]:.1e}",
            ]
        )
    rates = [f"both exact, {kind} library" for kind in libraries]
    drawn = ["identity(v) drawn in v'", "× its coefficient", "identity(x) in v'", "sampled MSE"]
    return table(["case", "v' exact", *rates, *drawn], rows)


def speed(summary: Summary) -> str:
    """The ratios of the speed benchmark."""
    rows = [[row["name"], f"{row['value']:.2f}", row["target"]] for row in summary["ratios"]]
    return table(["what", "measured", "target"], rows)


def few_rows(summary: Summary) -> str:
    """How often few rows give the exact terms."""
    lengths = list(dict.fromkeys(row["rows"] for row in summary["rows"]))
    rows: dict[str, list[str]] = {}
    for row in summary["rows"]:
        rows.setdefault(row["system"], []).append(rate(row))
    head = ["system", *(f"{length} rows" for length in lengths)]
    return table(head, [[system, *rates] for system, rates in rows.items()])


def fitted_frequency(summary: Summary) -> str:
    """How often a wave of its own frequency is found, and none where there is none."""
    rows = []
    for row in summary["rows"]:
        error = row.get("median_error_of_w")
        said = "–" if error is None else f"{100 * error:.2f} %"
        rows.append([row["system"], str(row["order"]), rate(row), str(row["waves"]), said])
    head = ["system", "order", "exact terms", "seeds with a wave", "median error of w"]
    return table(head, rows)


def recovery(summary: Summary) -> str:
    """Run 9 and the references on every case, from noisy states alone."""
    cases = list(dict.fromkeys(row["case"] for row in summary["rows"]))
    methods = list(dict.fromkeys(row["method"] for row in summary["rows"]))
    rows = []
    for case in cases:
        found = {row["method"]: row for row in summary["rows"] if row["case"] == case}
        mine = next(row for name, row in found.items() if name.startswith("Run 9"))
        errors = ", ".join(
            f"{name} {value:.2f}" for name, value in mine["rmse_over_cramer_rao"].items()
        )
        rates = [rate(found[name]) if name in found else "not enumerable" for name in methods]
        rows.append([case, str(mine["terms"]), *rates, str(mine["false_terms"]), errors])
    head = ["case", "terms", *methods, "false terms, Run 9", "RMSE / Cramér–Rao bound, Run 9"]
    return table(head, rows)


def phase(summary: Summary) -> str:
    """What the phase diagram says, each statement with its count and 95 % interval."""

    def share(row: Summary) -> str:
        low, high = row["ci95"]
        return (
            f"{row['count']:,}/{row['of']:,} = {100 * row['rate']:.1f} % "
            f"({100 * low:.1f}–{100 * high:.1f} %)"
        )

    mine = "exp8_evidence_router"
    rows = summary["rows"]
    above = sum(row["mean_rate"][mine] >= row["mean_rate"]["best_subset"] for row in rows)
    inside = [row for row in rows if row["frontier_is"] == "at"]
    factors = [row["factor"] for row in inside]
    within = sum(bool(row["within_2"]) for row in inside)
    swap = summary["damping_in_the_other_equation"]
    false, sure = summary["false_terms"][mine], summary["false_terms_held_for_sure"]
    lines = [
        ["rows in which Run 9 is at or above best subset", f"{above} of {len(rows)}"],
        [
            "rows whose frontier (50 % exact) is within 2 of the line, of those inside the grid",
            f"{within} of {len(factors)}, worst factor {min(factors):.2f}",
        ],
        ["seeds with a false term, Run 9", share(false)],
        [
            "of these the damping moved into x', and what the best likelihood ratio must err in",
            f"{swap['count']}, and {swap['least_to_expect']:.0f} of {swap['of']:,}",
        ],
        [f"false terms held for sure (inclusion ≥ {sure['inclusion_at_least']})", share(sure)],
        ["90 % intervals that cover the truth, chosen terms", share(summary["coverage"]["chosen"])],
    ]
    return table(["over all cells", "measured"], lines)


def phase1(summary: Summary) -> str:
    """When each operation is memorised and when it generalises, and what the circuit became."""
    rows = []
    for name, variants in summary["operations"].items():
        mine = variants["recipe"]
        low, high = mine["grokked_ci95"]
        count = round(mine["grokked_share"] * summary["seeds"])
        epochs = [mine["train_epoch_median"], mine["validation_epoch_median"]]
        control = variants.get("no decay")
        rows.append(
            [
                name,
                " → ".join("never" if epoch is None else f"{epoch:,.0f}" for epoch in epochs),
                "never"
                if mine["ratio_quartiles"][1] is None
                else f"{mine['ratio_quartiles'][1]:.1f}",
                f"{count}/{summary['seeds']} ({100 * low:.0f}–{100 * high:.0f} %)",
                "not run"
                if control is None
                else f"{round(control['grokked_share'] * summary['seeds'])}/{summary['seeds']}",
                *(
                    f"{mine[key][first]:.1f} → {mine[key]['end']:.1f}"
                    for key, first in (
                        ("weight_norm", "start"),
                        ("effective_rank", "memorised"),
                        ("active_units", "memorised"),
                    )
                ),
            ]
        )
    head = [
        "operation",
        "epoch train → validation",
        "ratio",
        "ratio ≥ 5",
        "without decay",
        "weight norm",
        "effective rank",
        "active units",
    ]
    return table(head, rows)


def odebench(summary: Summary) -> str:
    """The three scores of every method at every noise."""

    def score(found: Summary) -> str:
        low, high = (percent(value) for value in found["ci95"])
        return f"{found['count']}/{found['cases']} = {100 * found['rate']:.0f} % ({low}–{high} %)"

    rows = []
    for row in sorted(summary["rows"], key=lambda row: row["sigma"]):
        rates = [score(row[name]) for name in ("reconstruction", "generalization", "structure")]
        seconds = f"{row['median_seconds']:.2f}"
        rows.append([f"{100 * row['sigma']:g} %", row["method"], *rates, seconds])
    head = ["noise", "method", "reconstruction", "generalization", "structure"]
    return table([*head, "median seconds a fit, compilation apart"], rows)


def air_track(summary: Summary) -> str:
    """Coefficients of every method against the damped cosine."""

    def value(row: Summary, letter: str) -> str:
        if row[letter] is None:
            return "none"
        text = f"{row[letter]:.5f} ({100 * row[f'{letter}_error']:+.2f} %)"
        interval = row.get(f"{letter}_interval")
        return f"{text} [{interval[0]:.5f}, {interval[1]:.5f}]" if interval else text

    reference = summary["reference"]
    (k, c), (k_error, c_error) = reference["values"][:2], reference["errors"][:2]
    rows = [["damped cosine", f"{k:.5f} ± {k_error:.5f}", f"{c:.5f} ± {c_error:.5f}", ""]]
    rows += [
        [row["method"], value(row, "k"), value(row, "c"), "yes" if row["form"] else "no"]
        for row in summary["rows"]
    ]
    return table(["method", "k [95 %]", "c [95 %]", "exactly x'' = -k x - c x'"], rows)


def recording(name: str) -> Callable[[Summary], str]:
    """What the command says to one recording, as a block of code."""

    def write(summary: Summary) -> str:
        (row,) = (row for row in summary["rows"] if row["name"] == name)
        return "\n".join(f"    {line}".rstrip() for line in (row["command"], "", *row["says"]))

    return write


RECORDINGS = ("van_der_pol", "hares_and_lynxes")

TABLES: dict[str, tuple[str, Callable[[Summary], str]]] = {
    "ablation": ("ablation/summary.json", ablation),
    "commitment": ("commitment/summary.json", commitment),
    "recovery": ("recovery/summary.json", recovery),
    "few_rows": ("few_rows/summary.json", few_rows),
    "fitted_frequency": ("fitted_frequency/summary.json", fitted_frequency),
    "odebench": ("odebench/summary.json", odebench),
    "air_track": ("air_track/summary.json", air_track),
    "phase": ("phase_diagram/summary.json", phase),
    "phase1_grok": ("phase1_grok/summary.json", phase1),
    "phase1_paper": ("phase1_paper/summary.json", phase1),
    "speed": ("speed/summary.json", speed),
}
"""Marker in README -> summary it is made from, and how."""

BLOCKS = {name: ("recordings/summary.json", recording(name)) for name in RECORDINGS}
"""The same for blocks that begin with their command."""


def escaped(text: str) -> str:
    """The text as a replacement of a regular expression."""
    return text.replace("\\", r"\\")


def main() -> None:
    """Replace what stands between the markers of each table; print the tables that changed."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--results", type=Path, default=Path("results"), help="the summaries")
    options.add_argument("--readme", type=Path, default=Path("README.md"), help="the page")
    arguments = options.parse_args()
    text = before = arguments.readme.read_text(encoding="utf-8")
    for name, (file, write) in (BLOCKS | TABLES).items():
        summary = json.loads((arguments.results / file).read_text(encoding="utf-8"))
        body = write(summary)
        if name in TABLES:
            body += f"\n\nMade by `{summary['command']}`."
        marked = re.compile(rf"(<!-- {name} -->\n).*?(<!-- /{name} -->)", re.DOTALL)
        if not marked.search(text):
            raise SystemExit(f"error: {arguments.readme} has no marker <!-- {name} -->")
        changed = marked.sub(rf"\g<1>{escaped(body)}\n\g<2>", text)
        print(f"{name}: {'changed' if changed != text else 'as before'}")
        text = changed
    if text != before:
        files.write_whole(arguments.readme, lambda path: path.write_text(text, encoding="utf-8"))


if __name__ == "__main__":
    main()
