"""The tables of the pages: what their cells say of small summaries whose answers are known."""

import doctest

import pytest
from support import discovery_tables, markdown, paper_tables


def test_the_examples_of_the_docstrings():
    assert doctest.testmod(markdown).failed == 0


def row(count, seeds, low, high, **more):
    return {"recovery_count": count, "seeds": seeds, "recovery_ci95": [low, high]} | more


def test_a_count_stands_with_its_interval():
    assert markdown.rate(row(31, 32, 0.843, 0.9945)) == "31/32 (84–99.5 %)"


@pytest.mark.parametrize(
    ("trials", "decimals", "expected"),
    [
        ({"of": 4608}, True, "1,730/4,608 = 37.5 % (36.1–39.0 %)"),
        ({"cases": 4608}, False, "1,730/4,608 = 38 % (36–39 %)"),
    ],
)
def test_a_share_stands_with_its_trials(trials, decimals, expected):
    share = trials | {"count": 1730, "rate": 1730 / 4608, "ci95": [0.3614, 0.39]}
    assert markdown.share(share, decimals=decimals) == expected


def test_of_noises_the_highest_is_shown_and_of_methods_the_oracle_is_not():
    cases = ["spiral, noise 1 %", "spiral, noise 5 %", "decay, noise 1 %"]
    methods = ["Run 1", "Run 9", "oracle: told"]
    rows = [
        row(number + place, 9, 0.5, 0.9, case=case, method=method)
        for number, case in enumerate(cases)
        for place, method in enumerate(methods)
        if (case, method) != ("decay, noise 1 %", "Run 1")
    ]
    assert paper_tables.noisy({"rows": rows}).splitlines() == [
        "|  | spiral, noise 5 % | decay, noise 1 % |",
        "| --- | --- | --- |",
        "| Run 1 | 1/9 (50–90 %) | not enumerable |",
        "| Run 9 | 2/9 (50–90 %) | 3/9 (50–90 %) |",
    ]


def test_methods_stand_side_by_side_at_each_noise():
    def score(rate):
        return {"rate": rate, "ci95": [rate / 2, 1.0], "count": 1, "cases": 2}

    rows = [
        {"sigma": sigma, "method": method} | dict.fromkeys(discovery_tables.SCORES, score(rate))
        for sigma, method, rate in [(0.05, "a", 0.2), (0.05, "b", 0.4), (0.0, "a", 0.6)]
    ] + [{"sigma": 0.0, "method": "b"} | dict.fromkeys(discovery_tables.SCORES, score(0.8))]
    head, _, first, second = discovery_tables.odebench_rates({"rows": rows}).splitlines()
    assert head.startswith("| noise | reconstruction: a vs b |")
    assert first.startswith("| 0 % | 60 % (30–100 %) vs 80 % (40–100 %) |")
    assert second.startswith("| 5 % | 20 % (10–100 %) vs 40 % (20–100 %) |")


def test_recordings_that_ran_to_their_report_were_accepted_too():
    kind = {"count": 10, "refused": 3, "accepted": 5, "discovered": 2, "failed": 0}
    table = discovery_tables.fuzz({"rows": [kind, kind]})
    assert table.splitlines()[-1] == "| 20 | 2 | 6 | 14 | 4 | 0 |"


def test_chaotic_flows_are_counted_with_the_interval():
    row = {"method": "nsindy", "noise": 0.01, "flows": 10, "exact": 9, "below_1_percent": 8}
    row |= {"median_error": 3.4e-4, "median_seconds": 12.34, "longest_seconds": 40.0}
    line = discovery_tables.dysts({"table": [row]}).splitlines()[-1]
    assert line == "| nsindy | 1.0% | 9/10 (60–98 %) | 8/10 | 3.4e-04 | 12.3 | 40 |"
