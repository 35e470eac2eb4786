"""What counts as changed between two summaries, and what as noise."""

import copy
import json
import runpy
import subprocess
import sys
from pathlib import Path

import changes
import numpy as np
import pytest
from support import measures

SCRIPT = Path(changes.__file__)


def row(title, count, seeds=64, **more):
    rate = {"recovery_count": count, "seeds": seeds, "recovery_rate": count / seeds}
    return {"name": title.lower(), "title": title} | rate | {"recovery_ci95": [0.0, 1.0]} | more


def study(*rows, **more):
    return (
        {"experiment": "ablation", "command": "python x.py --out a"} | more | {"rows": list(rows)}
    )


def test_alike_is_unchanged():
    one = study(row("A", 3), row("B", 60, median={"mse": 1e-6}))
    assert measures.compare(one, copy.deepcopy(one)) == []


@pytest.mark.parametrize(
    ("old", "new", "seeds", "expected"),
    [(31, 40, 64, False), (31, 60, 64, True), (0, 12, 1024, True), (1023, 1020, 1024, False)],
)
def test_a_rate_changes_when_chance_would_hardly_do_it(old, new, seeds, expected):
    found = measures.compare(study(row("A", old, seeds)), study(row("A", new, seeds)))
    assert bool(found) is expected
    if expected:
        assert len(found) == 1 and f"A, exact: {old}/{seeds} → {new}/{seeds}" in found[0]


def test_other_numbers_of_seeds_compare_by_their_rates():
    assert measures.compare(study(row("A", 32, 64)), study(row("A", 500, 1024))) == []
    assert measures.compare(study(row("A", 32, 64)), study(row("A", 1000, 1024)))


def test_among_many_rates_a_chance_of_many_is_none():
    many = [row(f"row {i}", 32) for i in range(60)]
    # Alone this is p = 0.004; of 61 rates one such is expected in every fourth comparison.
    alone = measures.compare(study(row("A", 32)), study(row("A", 48)))
    among = measures.compare(study(row("A", 32), *many), study(row("A", 48), *many))
    assert (len(alone), len(among)) == (1, 0)


def test_draws_of_equal_rates_are_noise_and_a_real_change_among_them_is_found():
    random = np.random.default_rng(0)
    true = random.uniform(0, 1, 150)
    false = found = 0
    for _ in range(20):
        old, new = (
            study(*(row(f"{i}", int(count)) for i, count in enumerate(random.binomial(64, true))))
            for _ in range(2)
        )
        false += bool(measures.compare(old, new))
        old["rows"][0] = row("0", int(random.binomial(64, 0.2)))
        new["rows"][0] = row("0", int(random.binomial(64, 0.8)))
        found += any(sentence.startswith("0, exact") for sentence in measures.compare(old, new))
    # At most 1 % of comparisons without a change report one: 3 of 20 has a chance of 0.1 %.
    assert false <= 2
    assert found == 20


def test_counts_beside_the_seeds_are_rates_and_what_follows_from_them_is_left_out():
    old, new = (
        study(row("A", 64, false_terms=false, diverged=0, grokked_share=share))
        for false, share in ((0, 0.1), (40, 0.9))
    )
    found = measures.compare(old, new)
    assert len(found) == 1 and found[0].startswith("A, false terms: 0/64 → 40/64")


def test_a_count_with_its_own_trials():
    old = {"coverage": {"chosen": {"count": 900, "of": 1000, "rate": 0.9, "ci95": [0.88, 0.92]}}}
    new = {"coverage": {"chosen": {"count": 700, "of": 1000, "rate": 0.7, "ci95": [0.67, 0.73]}}}
    found = measures.compare(old, new)
    assert len(found) == 1 and found[0].startswith("coverage, chosen: 900/1000 → 700/1000")


def test_numbers_move_by_more_than_their_tolerance():
    def compare(old, new, **more):
        return measures.compare({"residual": old} | more, {"residual": new} | more)

    assert compare(1e-6, 1.09e-6) == []
    assert compare(1e-6, 1.2e-6) == ["residual: 1e-06 → 1.2e-06"]
    assert compare(-0.5, 0.5) == ["residual: -0.5 → 0.5"]
    assert compare(0.0, 1e-3) == ["residual: 0 → 0.001"]
    # Over 64 seeds 3 / √64 = 37 % is noise, over 10,000 it is 10 % that counts.
    assert compare(1.0, 1.5, seeds=64) == []
    assert compare(1.0, 1.7, seeds=64) == ["residual: 1 → 1.7"]
    assert compare(1.0, 1.2, seeds=10_000) == ["residual: 1 → 1.2"]


def test_shares_move_by_their_difference():
    old, new = {"slot_2_activation": 0.99}, {"slot_2_activation": 0.96}
    assert measures.compare(old, new) == []
    assert measures.compare(old, {"slot_2_activation": 0.9}) == ["slot 2 activation: 0.99 → 0.9"]


def test_times_move_by_a_factor_and_compilation_is_left_out():
    old = study(row("A", 1, seconds={"compile": 1.0, "run": 10.0}), seconds_per_fit=0.1)
    slower = study(row("A", 1, seconds={"compile": 9.0, "run": 19.0}), seconds_per_fit=0.06)
    slow = study(row("A", 1, seconds={"compile": 9.0, "run": 21.0}), seconds_per_fit=0.04)
    assert measures.compare(old, slower) == []
    assert measures.compare(old, slow) == [
        "seconds per fit: 0.1 s → 0.04 s",
        "A, seconds, run: 10 s → 21 s",
    ]


def test_ratios_of_a_speed_benchmark_are_times():
    old, new, faster = (
        {"experiment": "bench_speed", "ratios": [{"name": "fits : loop", "value": value}]}
        for value in (100.0, 150.0, 250.0)
    )
    assert measures.compare(old, new) == []
    assert measures.compare(old, faster) == ["ratios, fits : loop, value: 100 → 250"]


def test_new_and_missing_rows_are_named_once():
    old, new = study(row("A", 1), row("B", 2)), study(row("B", 2), row("C", 3, median={"mse": 1}))
    assert measures.compare(old, new) == ["new: C", "missing: A"]


def test_rows_are_found_by_what_they_are_and_not_by_their_place():
    cells = [
        {"x0": x0, "noise": 0.1, "methods": {"count": n, "of": 64}} for x0, n in ((1, 0), (3, 64))
    ]
    assert measures.compare({"cells": cells}, {"cells": cells[::-1]}) == []
    swapped = [
        cells[0] | {"methods": cells[1]["methods"]},
        cells[1] | {"methods": cells[0]["methods"]},
    ]
    found = measures.compare({"cells": cells}, {"cells": swapped})
    assert len(found) == 2 and found[0].startswith("cells, x0 1, noise 0.1, methods: 0/64 → 64/64")


def test_a_value_that_came_or_went():
    old, new = study(row("A", 0, damping=None)), study(row("A", 0, damping=-0.1))
    assert measures.compare(old, new) == ["new: A, damping"]
    assert measures.compare(new, old) == ["missing: A, damping"]


def test_truth_values_flip():
    found = measures.compare(
        {"rows": [{"method": "A", "form": True}]}, {"rows": [{"method": "A", "form": False}]}
    )
    assert found == ["A, form: yes → no"]


def test_a_term_that_no_seed_chose_counts_as_zero():
    def slots(chosen, coefficient):
        most = max(chosen, key=chosen.get)
        return [[{"chosen": chosen, "most": most, "coefficient": [coefficient] * 3}]]

    old = study(row("A", 0, slots=slots({"x": 64}, 1.0)))
    other = study(row("A", 0, slots=slots({"x": 24, "sin": 40}, 1.0)))
    sentences = measures.compare(old, other)
    assert [sentence.split(":")[0] for sentence in sentences] == [
        "A, slots, 1, 1, chosen, x",
        "A, slots, 1, 1, chosen, sin",
    ]
    assert "0/64 → 40/64" in sentences[1]
    assert measures.compare(old, study(row("A", 0, slots=slots({"x": 62, "sin": 2}, 1.0)))) == []
    moved = measures.compare(old, study(row("A", 0, slots=slots({"x": 64}, 3.0))))
    assert [sentence.split(":")[0] for sentence in moved] == [
        f"A, slots, 1, 1, x, coefficient, {i}" for i in (1, 2, 3)
    ]


def test_values_of_single_seeds_are_left_out():
    old, new = ({"seeds": 4, "epochs": [value, None, 3, 4]} for value in (1, 900))
    assert measures.compare(old, new) == []


def test_errors_count_where_the_models_are_right():
    for count, expected in ((10, []), (64, ["A, rmse over cramer rao, k: 1 → 9"])):
        old, new = (study(row("A", count, rmse_over_cramer_rao={"k": k})) for k in (1.0, 9.0))
        assert measures.compare(old, new) == expected


def test_another_command_is_said_unless_only_the_folder_differs():
    old, new = study(), study(command="python x.py --out results/b")
    assert measures.compare(old, new) == []
    (said,) = measures.compare(old, study(command="python x.py --seeds 9 --out a"))
    assert said == "made by `python x.py --seeds 9`, before by `python x.py`"


def script(monkeypatch, *arguments):
    monkeypatch.setattr(sys, "argv", ["changes.py", *arguments])
    runpy.run_path(str(SCRIPT), run_name="__main__")


def put(folder, name, summary):
    (folder / name).mkdir(parents=True, exist_ok=True)
    (folder / name / "summary.json").write_text(json.dumps(summary), encoding="utf-8")


def test_the_script_compares_with_a_folder_and_with_a_commit(tmp_path, monkeypatch, capsys):
    place = tmp_path / "results"
    put(place, "a", study(row("A", 0)))
    put(place, "b", study(row("B", 0)))

    def git(*words):
        who = ("-c", "user.name=n", "-c", "user.email=e@example.org")
        subprocess.run(["git", "-C", str(tmp_path), *who, *words], check=True, capture_output=True)

    git("init")
    git("add", ".")
    git("commit", "-m", "results")
    script(monkeypatch, "--results", str(place))
    assert capsys.readouterr().out.startswith("nothing changed beyond noise since HEAD")

    put(place, "a", study(row("A", 64)))
    put(place, "c", study(row("C", 0)))
    (place / "b" / "summary.json").unlink()
    script(monkeypatch, "--results", str(place))
    head, *lines = capsys.readouterr().out.splitlines()
    assert head.startswith("changed since HEAD beyond noise")
    assert lines[:2] == ["c: new", "b: missing"]
    assert lines[2].startswith("a: A, exact: 0/64 → 64/64")
    assert len(lines) == 3

    script(monkeypatch, "--results", str(place), "--before", str(place))
    assert capsys.readouterr().out.startswith("nothing changed beyond noise")


@pytest.mark.parametrize("before", ["HEAD", "no-such-revision"])
def test_nothing_to_compare_with_is_one_sentence(tmp_path, monkeypatch, before):
    put(tmp_path, "a", study(row("A", 0)))
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    with pytest.raises(SystemExit, match="error: there is nothing to compare with: ") as stop:
        script(monkeypatch, "--results", str(tmp_path), "--before", before)
    assert "\n" not in str(stop.value)
