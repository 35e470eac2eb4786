"""The findings of a phase diagram beside their targets, printed."""

from typing import Any

from support.phase_findings import SURE
from support.phase_sweep import METHODS


def print_findings(content: dict[str, Any]) -> None:
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
