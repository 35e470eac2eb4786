"""Numbers and rows as Markdown, as the tables of the pages print them."""

from collections.abc import Sequence
from typing import Any

__all__ = ["percent", "rate", "share", "table"]


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table.

    Example:
      >>> print(table(["run", "exact"], [["Run 9", "4/4"]]))
      | run | exact |
      | --- | --- |
      | Run 9 | 4/4 |
    """
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def percent(value: float) -> str:
    """A share in whole per cents, with a decimal within one of 0 and 100.

    Example:
      >>> percent(0.4), percent(0.996), percent(1.0)
      ('40', '99.6', '100')
    """
    return f"{100 * value:.{0 if 0.01 <= value <= 0.99 or value in (0, 1) else 1}f}"


def rate(row: dict[str, Any]) -> str:
    """`31/32 (84–99 %)`, the seeds with exact equations and the 95 % interval of their rate."""
    low, high = (percent(value) for value in row["recovery_ci95"])
    return f"{row['recovery_count']}/{row['seeds']} ({low}–{high} %)"


def share(row: dict[str, Any], *, decimals: bool = True) -> str:
    """`173/4,608 = 3.8 % (3.2–4.3 %)`, a count of its trials with the 95 % interval.

    Args:
      row: `count`, the trials as `of` or `cases`, `rate` and `ci95`.
      decimals: one decimal throughout; else those of `percent`.
    """
    trials = row["of"] if "of" in row else row["cases"]
    ends = [f"{100 * end:.1f}" if decimals else percent(end) for end in row["ci95"]]
    value = f"{100 * row['rate']:.{1 if decimals else 0}f}"
    return f"{row['count']:,}/{trials:,} = {value} % ({ends[0]}–{ends[1]} %)"
