"""Tables of discovery from recordings: equations found, their rates, and what else was tried."""

from collections.abc import Callable
from typing import Any

from nsindy.paper import metrics
from support.markdown import percent, rate, share, table

__all__ = [
    "air_track",
    "constants",
    "few_rows",
    "field",
    "fitted_frequency",
    "friction",
    "fuzz",
    "kill",
    "odebench",
    "odebench_rates",
    "recording",
]

Summary = dict[str, Any]


def recording(name: str) -> Callable[[Summary], str]:
    """What the command prints for one recording, as a block of code under the command."""

    def write(summary: Summary) -> str:
        (row,) = (row for row in summary["rows"] if row["name"] == name)
        return "\n".join(f"    {line}".rstrip() for line in (row["command"], "", *row["says"]))

    return write


def few_rows(summary: Summary) -> str:
    """How often few rows give the exact terms."""
    lengths = list(dict.fromkeys(row["rows"] for row in summary["rows"]))
    rows: dict[str, list[str]] = {}
    for row in summary["rows"]:
        rows.setdefault(row["system"], []).append(rate(row))
    head = ["system", *(f"{length} rows" for length in lengths)]
    return table(head, [[system, *rates] for system, rates in rows.items()])


def rational(summary: Summary) -> str:
    """How often terms with numbers inside are found, with their numbers."""
    rows = [row for row in summary["rows"] if row["method"] == "nsindy"]
    noises = list(dict.fromkeys(row["sigma"] for row in rows))
    head = ["system", *(f"{noise:.1%}" for noise in noises)]
    head += ["numbers within 3 errors", "90 % intervals that hold", "called an equation, wrong"]
    others = [row for row in summary["rows"] if row["method"] != "nsindy"]
    peers = list(dict.fromkeys(row["method"] for row in others))
    lines = []
    for system in [*dict.fromkeys(row["case"] for row in rows), "all"]:
        own = [row for row in rows if system in (row["case"], "all")]

        def total(name: str, of: list[dict[str, Any]] = own) -> int:
            return sum(row[name] for row in of)

        rates = []
        for noise in noises:
            at = [row for row in own if row["sigma"] == noise]
            rates.append(rate(metrics.recovery(total("recovery_count", at), total("seeds", at))))
        lines.append(
            [
                system,
                *rates,
                f"{total('right_numbers')}/{total('recovery_count')}",
                f"{total('inside')}/{total('intervals')}",
                str(total("wrong_equations")),
                *(_exact(others, peer, system, noises) for peer in peers),
            ]
        )
    return table([*head, *(f"{peer}, exact at each noise" for peer in peers)], lines)


def _exact(rows: list[dict[str, Any]], method: str, system: str, noises: list[float]) -> str:
    """How often a method is exact at each noise; a dash where it was not asked."""
    of = [row for row in rows if row["method"] == method and system in (row["case"], "all")]
    counts = []
    for noise in noises:
        at = [row for row in of if row["sigma"] == noise]
        found, every = (sum(row[name] for row in at) for name in ("recovery_count", "seeds"))
        counts.append(f"{found}/{every}")
    return ", ".join(counts) if of else "–"


def prior(summary: Summary) -> str:
    """How often systems drawn from a prior are found, and what wrong answers are called."""
    rows = [
        [
            row["case"],
            f"{row['sigma']:.1%}",
            rate(row),
            f"{row['inside']}/{row['intervals']}" if row["intervals"] else "–",
            str(row["doubted"]),
            f"{row['called']}, {row['unwarned']}",
        ]
        for row in summary["rows"]
    ]
    head = ["systems", "noise", "exact", "90 % intervals that hold", "exact, called approximation"]
    return table([*head, "wrong, called equation, and of these without a warning"], rows)


def hidden(summary: Summary) -> str:
    """How often the equations of a state that was not measured are right, and what others say."""
    rows = [
        [row["system"], f"{row['noise']:.1%}", rate(row), str(row["said"]), str(row["wrong"])]
        for row in summary["rows"]
    ]
    head = ["system, and what is measured", "noise", "right up to the coordinate"]
    return table([*head, "said so", "wrong"], rows)


def driven(summary: Summary) -> str:
    """How often terms of inputs and of two states are exact, a noise a column."""
    rows: dict[str, list[str]] = {}
    wrong: dict[str, int] = {}
    for row in summary["rows"]:
        rows.setdefault(row["system"], []).append(rate(row))
        wrong[row["system"]] = wrong.get(row["system"], 0) + row["wrong"]
    noises = [f"noise {noise:.1%}" for noise in sorted({row["noise"] for row in summary["rows"]})]
    head = ["system", *noises, "said equation, wrong"]
    return table(head, [[name, *each, str(wrong[name])] for name, each in rows.items()])


def field(summary: Summary) -> str:
    """How often recordings as people have them are answered rightly, and what else is said."""
    rows = [
        [
            row["kind"],
            rate(row) if row["answerable"] else "–",
            str(row["said"]),
            str(row["wrong"]),
            f"{row['inside']}/{row['intervals']}" if row["intervals"] else "–",
            f"{row['false_terms']}/{row['terms']}" if row["terms"] else "–",
        ]
        for row in summary["rows"]
    ]
    head = ["recording", "right", "said so", "wrong", "90 % intervals that hold", "false terms"]
    return table(head, rows)


def constants(summary: Summary) -> str:
    """Recordings with exact terms when a constant is halved and when it is doubled."""
    before, *changed = summary["rows"]
    rows: dict[str, list[str]] = {}
    for row in changed:
        rows.setdefault(row["case"], [f"`{row['case']}`", row["value"]]).append(str(row["count"]))
    head = ["constant", "value", "halved", "doubled"]
    first = [f"all as they are, of {before['cases']}", "", *[str(before["count"])] * 2]
    return table(head, [first, *rows.values()])


def fitted_frequency(summary: Summary) -> str:
    """How often a wave of its own frequency is found, and none where there is none."""
    rows = []
    for row in summary["rows"]:
        error = row.get("median_error_of_w")
        text = "–" if error is None else f"{100 * error:.2f} %"
        rows.append([row["system"], str(row["order"]), rate(row), str(row["waves"]), text])
    head = ["system", "order", "exact terms", "seeds with a wave", "median error of w"]
    return table(head, rows)


SCORES = ("reconstruction", "generalization", "structure")


def odebench_rates(summary: Summary) -> str:
    """The three scores at every noise, the methods side by side."""
    by_noise: dict[float, list[Summary]] = {}
    for row in _by_noise(summary):
        by_noise.setdefault(row["sigma"], []).append(row)

    def score(row: Summary, name: str) -> str:
        low, high = (percent(end) for end in row[name]["ci95"])
        return f"{100 * row[name]['rate']:.0f} % ({low}–{high} %)"

    rows = [
        [f"{100 * noise:g} %", *(" vs ".join(score(row, name) for row in both) for name in SCORES)]
        for noise, both in by_noise.items()
    ]
    methods = " vs ".join(row["method"] for row in next(iter(by_noise.values())))
    return table(["noise", *(f"{name}: {methods}" for name in SCORES)], rows)


def odebench(summary: Summary) -> str:
    """The three scores of every method at every noise, with their counts and the time of a fit."""
    rows = [
        [
            f"{100 * row['sigma']:g} %",
            row["method"],
            *_scores(row),
            f"{row['median_seconds']:.2f}",
        ]
        for row in _by_noise(summary)
    ]
    return table(["noise", "method", *SCORES, "median seconds a fit, compilation apart"], rows)


def _by_noise(summary: Summary) -> list[Summary]:
    return sorted(summary["rows"], key=lambda row: row["sigma"])


def _scores(row: Summary) -> list[str]:
    return [share(row[name], decimals=False) for name in SCORES]


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


def friction(summary: Summary) -> str:
    """The equation with the learned curve and without it."""
    rows = [
        [
            library,
            "; ".join(f"`{equation}`" for equation in discovery["equations"]),
            f"{discovery['forecast_rmse']:.4f}",
            f"{discovery['score']:.1f}",
        ]
        for library, discovery in summary["found"].items()
    ]
    return table(["library", "equation", "RMSE of the forecast", "log evidence, nats"], rows)


def dysts(summary: Summary) -> str:
    """Chaotic flows with noise: how many are exact, the coefficients' errors, and the time."""
    head = [
        "method",
        "noise",
        "exact",
        "coefficients within 1 %",
        "median error",
        "median s",
        "longest s",
    ]
    lines = [
        [
            row["method"],
            f"{row['noise']:.1%}",
            rate(metrics.recovery(row["exact"], row["flows"])),
            f"{row['below_1_percent']}/{row['flows']}",
            f"{row['median_error']:.1e}",
            f"{row['median_seconds']:.1f}",
            f"{row['longest_seconds']:.0f}",
        ]
        for row in summary["table"]
    ]
    return table(head, lines)


def fuzz(summary: Summary) -> str:
    """How malformed and hostile recordings end."""
    kinds = summary["rows"]
    total = {name: sum(row[name] for row in kinds) for name in ("count", "refused", "accepted")}
    whole, failed = (sum(row[name] for row in kinds) for name in ("discovered", "failed"))
    head = ["recordings", "kinds", "rejected in one sentence", "accepted"]
    row = [total["count"], len(kinds), total["refused"], total["accepted"] + whole, whole, failed]
    return table([*head, "of these run up to the report", "failed"], [[f"{n:,}" for n in row]])


def kill(summary: Summary) -> str:
    """How sweeps end that were killed and resumed."""
    row = [summary[name] for name in ("sweeps", "chunks", "kills", "equal")]
    head = ["sweeps", "chunks of each", "kills at random moments", "summaries equal to the bit"]
    return table(head, [[str(number) for number in row]])
