"""Everything that a summary measured, and what of it changed beyond noise from another."""

import math
import re
from collections.abc import Iterator
from typing import Any, NamedTuple

from scipy.stats import false_discovery_control, fisher_exact

LEVEL = 0.01
"""Of the rates of a summary that are reported, at most this share is expected to be noise."""

RELATIVE = 0.1
"""A number that is no rate changed when it moved by more than this, or by more than 3 / √seeds."""

SHARE = 0.05
"""A share without its count changed when it moved by more than this."""

FACTOR = 2.0
"""A time changed when it is more than so many times as long, or as short."""

RULES = (
    f"rates by Fisher's exact test at a false discovery rate of {LEVEL:.0%}; other numbers by more "
    f"than {RELATIVE:.0%}, or 3/√seeds where that is more; shares by {SHARE:g}; times by a factor "
    f"of {FACTOR:g}"
)

TRIALS = ("seeds", "of", "cases")
"""Entries that say how many trials the counts beside them and below them have."""

TOTALS = {"recovery_count": "exact", "count": ""}
"""Counts that are what their row is about, and what a sentence calls them."""

IDENTITY = (
    ("case", "library", "change", "method", "title", "sigma"),
    ("x0", "damping", "noise"),
    ("name",),
)
"""Entries that tell the rows of a list apart, the first that do; else the place in the list."""

SETTINGS = {"experiment", "command", "versions", "device", "config", "seed0", "processes", "cores"}
"""Entries that say how a summary was made."""

SIZES = {"terms", "samples"}
"""Whole numbers that are no counts, whatever stands beside them."""

RMSE = "rmse_over_cramer_rao"
MOSTLY = 0.95
"""Least rate of exact models for errors to be normal; else they are those of the wrong models."""

TOP_OF_MANY = "most_frequent"
"""Counts of which a summary lists the largest only."""

Place = tuple[str, ...]


class Rate(NamedTuple):
    """A count out of its trials."""

    successes: int
    trials: int

    def __str__(self) -> str:
        return f"{self.successes}/{self.trials}"


class Number(NamedTuple):
    """A number, a share, a time or a truth value, and over how many seeds it is."""

    value: float
    seeds: int | None
    kind: str

    def __str__(self) -> str:
        if self.kind == "truth":
            return "yes" if self.value else "no"
        return f"{self.value:.4g}{' s' if self.kind == 'seconds' else ''}"


Measure = Rate | Number


def measures(summary: dict[str, Any]) -> dict[Place, Measure]:
    """Everything that a summary measured, by where it stands.

    A whole number beside a number of seeds is a count out of them. What follows from the counts
    (rates, intervals), a value for each seed, texts, and times of compilation, which depend on what
    a cache holds, are left out.
    """
    timed = str(summary.get("experiment", "")).startswith("bench_speed")
    below = {key: value for key, value in summary.items() if key not in SETTINGS}
    return dict(_walk(below, (), None, timed))


def compare(old: dict[str, Any], new: dict[str, Any]) -> list[str]:
    """What changed from one summary to another beyond noise, a sentence each.

    Rates by Fisher's exact test of two independent proportions; of those reported at most `LEVEL`
    are expected to be noise (Benjamini and Hochberg 1995). Two runs of the same seeds are not
    independent but alike, which makes the test cautious. Numbers over S seeds by more than
    `RELATIVE` or 3 / √S, three standard errors of the ratio of two root mean squares over S normal
    errors; shares by more than `SHARE`; times by more than a factor of `FACTOR`.
    """
    sentences = []
    commands = [_without_out(str(summary.get("command", ""))) for summary in (old, new)]
    if commands[0] != commands[1]:
        sentences.append(f"made by `{commands[1]}`, before by `{commands[0]}`")
    before, after = measures(old), measures(new)
    _fill_chosen(before, after)
    sentences += [f"new: {row}" for row in _only(after, before)]
    sentences += [f"missing: {row}" for row in _only(before, after)]

    both = {path: (before[path], after[path]) for path in before if path in after}
    chances = {
        path: _chance(one, other)
        for path, (one, other) in both.items()
        if isinstance(one, Rate) and isinstance(other, Rate)
    }
    if chances:
        adjusted = false_discovery_control(list(chances.values()))
        chances = dict(zip(chances, map(float, adjusted), strict=True))
    for path, (one, other) in both.items():
        if path in chances:
            if chances[path] < LEVEL:
                chance = max(chances[path], 1e-99)
                sentences.append(f"{_text(path)}: {one} → {other} (p = {chance:.0e}, adjusted)")
        elif _moved(one, other):
            sentences.append(f"{_text(path)}: {one} → {other}")
    return sentences


def _walk(
    value: Any, path: Place, trials: int | None, timed: bool
) -> Iterator[tuple[Place, Measure]]:
    if isinstance(value, dict):
        own = [value[key] for key in TRIALS if _whole(value.get(key))]
        trials = own[0] if own else trials
        # The numbers of a slot are those of its most frequent term.
        term = (value["most"],) if isinstance(value.get("most"), str) else ()
        for key, item in value.items():
            if key in TRIALS and _whole(item):
                continue
            if key == RMSE and value.get("recovery_rate", 1.0) < MOSTLY:
                continue
            name = TOTALS.get(key, key) if own else key
            place = (*path, *(() if key == "chosen" else term), *((name,) if name else ()))
            yield from _walk(item, place, trials, timed)
    elif isinstance(value, list):
        if len(value) == trials and all(item is None or _real(item) for item in value):
            return
        for label, item in zip(_labels(value), value, strict=True):
            yield from _walk(item, (*path, label), trials, timed)
    elif _measured(path) and (isinstance(value, bool) or _real(value)):
        yield path, _measure(value, path, trials, timed)


def _measure(value: float, path: Place, trials: int | None, timed: bool) -> Measure:
    if isinstance(value, bool):
        return Number(value, None, "truth")
    words = {word for key in path for word in re.split(r"[^a-z]+", key)}
    if timed or "seconds" in words:
        return Number(value, None, "seconds" if "seconds" in path or not timed else "ratio")
    if path[-1] in SIZES:
        return Number(value, None, "number")
    if _whole(value) and trials is not None and 0 <= value <= trials:
        return Rate(int(value), trials)
    shares = {"activation", "explained", "inclusion", "settled"}
    return Number(value, trials, "share" if words & shares else "number")


def _measured(path: Place) -> bool:
    """Neither follows from the counts, nor is a time of compilation."""
    words = {word for key in path for word in key.split("_")}
    derived = {"rate", "rates", "ci95", "share", "interval", "quartiles"}
    return not words & derived and "compile" not in words


def _labels(items: list[Any]) -> list[str]:
    for names in IDENTITY:
        if all(isinstance(item, dict) for item in items):
            found = [
                ", ".join(
                    str(item[name]) if isinstance(item[name], str) else f"{name} {item[name]:g}"
                    for name in names
                    if isinstance(item.get(name), str) or _real(item.get(name))
                )
                for item in items
            ]
            if all(found) and len(set(found)) == len(found):
                return found
    return [str(i + 1) for i in range(len(items))]


def _fill_chosen(before: dict[Place, Measure], after: dict[Place, Measure]) -> None:
    """A term that no seed chose has no entry: its count is zero."""
    for one, other in ((before, after), (after, before)):
        trials = {path[:-1]: m.trials for path, m in other.items() if isinstance(m, Rate)}
        for path in one:
            if path[:-1] in trials and path not in other and "chosen" in path[-2:-1]:
                other[path] = Rate(0, trials[path[:-1]])


def _only(here: dict[Place, Measure], there: dict[Place, Measure]) -> list[str]:
    """What one summary has and the other lacks, whole rows as one."""
    known = {path[:end] for path in there for end in range(len(path) + 1)}
    found = {}
    for path in here:
        if path not in there and not {"slots", TOP_OF_MANY} & set(path):
            end = next(end for end in range(len(path) + 1) if path[:end] not in known)
            found[_text(path[:end])] = True
    return list(found)


def _chance(one: Rate, other: Rate) -> float:
    if one == other:
        return 1.0
    table = [[rate.successes, rate.trials - rate.successes] for rate in (one, other)]
    return float(fisher_exact(table).pvalue)


def _moved(one: Measure, other: Measure) -> bool:
    if not (isinstance(one, Number) and isinstance(other, Number)):
        return _plain(one) != _plain(other)
    if one.kind == "truth":
        return one.value != other.value
    low, high = sorted((abs(one.value), abs(other.value)))
    if one.kind in ("seconds", "ratio"):
        return high > FACTOR * low
    if one.kind == "share":
        return abs(one.value - other.value) > SHARE
    seeds = min(one.seeds or math.inf, other.seeds or math.inf)
    return abs(one.value - other.value) > max(RELATIVE, 3 / math.sqrt(seeds)) * high


def _plain(measure: Measure) -> float:
    return measure.successes if isinstance(measure, Rate) else measure.value


def _whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _real(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _text(path: Place) -> str:
    return ", ".join(key.replace("_", " ") for key in path if key != "rows")


def _without_out(command: str) -> str:
    return re.sub(r" --out \S+", "", command)
