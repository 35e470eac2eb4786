"""Systems with numbers inside their terms: what is simulated, and what is counted."""

import importlib.util
import json
import math

import numpy as np
import pytest
import rational
import sympy
from peers import sindy_pi
from support import rational_figure, rational_form
from support.rational_answers import judged
from support.rational_ratio import Equation, Number
from support.rational_systems import GLYCOLYSIS, QUOTIENTS, ROWS, SYSTEMS, record

EVERY = (*SYSTEMS, *QUOTIENTS, GLYCOLYSIS)
NAMES = [system.name for system in EVERY]
MICHAELIS_MENTEN = SYSTEMS[0]


@pytest.mark.parametrize("system", EVERY, ids=NAMES)
def test_recordings_follow_the_equations_and_see_the_bend(system):
    names = [sympy.Symbol(state) for state in system.states]
    for seed in range(3):
        recording = record(system, 0.0, seed)
        assert sum(map(len, recording.times)) == ROWS
        words = {str(symbol): symbol for symbol in names} | recording.numbers
        sides = [sympy.sympify(text, locals=words) for text in system.equations]
        field = sympy.lambdify([names], sides, "numpy")
        for t, x in zip(recording.times, recording.clean, strict=True):
            # From every row to the next by forty steps of a Runge–Kutta method of order four.
            step, y = (t[1] - t[0]) / 40, x[:-1].T
            for _ in range(40):
                a = np.stack(np.broadcast_arrays(*field(y)))
                b = np.stack(np.broadcast_arrays(*field(y + step / 2 * a)))
                c = np.stack(np.broadcast_arrays(*field(y + step / 2 * b)))
                d = np.stack(np.broadcast_arrays(*field(y + step * c)))
                y = y + step / 6 * (a + 2 * b + 2 * c + d)
            assert np.all(np.abs(x[1:] - y.T).max(0) <= 1e-6 * np.ptp(x, axis=0))
        states = np.concatenate(recording.clean)
        for number, state in system.bends.items():
            values = states[:, system.states.index(state)]
            assert values.min() < 0.8 * recording.numbers[number]
            assert values.max() > 1.25 * recording.numbers[number]


@pytest.mark.parametrize(
    ("name", "number"),
    (("reaction that heats itself", "k"), ("diode", "k"), ("epidemic that saturates", "a")),
)
def test_the_last_state_goes_through_what_bends_without_a_place(name, number):
    system = SYSTEMS[NAMES.index(name)]
    for seed in range(8):
        recording = record(system, 0.0, seed)
        spread = np.ptp(np.concatenate(recording.clean), axis=0)[-1]
        assert recording.numbers[number] * spread > 1.5


def test_seeds_draw_numbers_and_noise_is_a_share():
    clean, noisy = (record(MICHAELIS_MENTEN, noise, 3) for noise in (0.0, 0.02))
    assert clean.numbers == noisy.numbers != record(MICHAELIS_MENTEN, 0.0, 4).numbers
    np.testing.assert_array_equal(clean.clean, noisy.clean)
    np.testing.assert_array_equal(clean.clean, clean.states)
    errors = noisy.states[0] - noisy.clean[0]
    # 400 draws: the standard deviation is known to 3.5 %.
    np.testing.assert_allclose(errors.std(0), 0.02 * clean.clean[0].std(0), rtol=0.15)


@pytest.mark.parametrize("system", EVERY, ids=NAMES)
def test_the_truth_with_other_numbers_is_exact_and_a_neighbour_is_not(system):
    recording = record(system, 0.0, 1)
    clean = np.concatenate(recording.clean)
    states = rational_form.symbols(system.states, clean)
    rng = np.random.default_rng(0)
    off = {name: value * rng.uniform(0.95, 1.05) for name, value in recording.numbers.items()}
    found = [rational_form.plain_equation(text, states, off) for text in system.equations]
    assert judged(system, recording, found)["exact"]
    extra = sympy.Symbol("extra", real=True)
    for d, equation in enumerate(found[:2]):
        expression = equation.expression + extra * states[0] ** 2 * states[-1]
        numbers = equation.numbers | {extra: Number(0.01, 1e-3, "extra")}
        false = [*found[:d], Equation(expression, numbers, (extra,)), *found[d + 1 :]]
        forms = judged(system, recording, false)["forms"]
        assert forms == [place != d for place in range(len(found))]


def answer(recording, *, error, off=0.0, form=True):
    """An equation of Michaelis and Menten with its numbers off by standard errors."""
    (s,) = rational_form.symbols(["s"], recording.clean[0])
    c, K = sympy.symbols("c K", real=True)
    values = {c: -recording.numbers["V"], K: recording.numbers["K"]}
    numbers = {k: Number(v + off * error if off else v, error, k.name) for k, v in values.items()}
    expression = c * s / (K + s) if form else c * s + K
    return Equation(expression, numbers, (c,) if form else (c, K))


@pytest.mark.parametrize(
    ("off", "right", "inside"), ((0.0, True, 2), (1.5, True, 2), (2.0, True, 0), (3.1, False, 0))
)
def test_numbers_are_held_against_the_truth_by_their_errors(off, right, inside):
    recording = record(MICHAELIS_MENTEN, 0.0, 0)
    found = judged(MICHAELIS_MENTEN, recording, [answer(recording, error=0.01, off=off)])
    assert (found["exact"], found["right"]) == (True, right)
    assert (found["inside"], found["intervals"]) == (inside, 2)


def test_what_is_not_exact_has_no_numbers_to_judge():
    recording = record(MICHAELIS_MENTEN, 0.0, 0)
    for equations in ([answer(recording, error=0.01, form=False)], []):
        found = judged(MICHAELIS_MENTEN, recording, equations)
        assert not found["exact"] and not found["right"]
        assert found["intervals"] == 0 and found["numbers"] == {}


def test_a_number_without_an_error_is_not_right():
    recording = record(MICHAELIS_MENTEN, 0.0, 0)
    found = judged(MICHAELIS_MENTEN, recording, [answer(recording, error=math.nan)])
    assert found["exact"] and not found["right"] and found["intervals"] == 0


def test_a_study_counts_prints_and_goes_on(monkeypatch, tmp_path, capsys):
    calls = []

    def discovered(system, recording):
        calls.append(recording)
        equation = answer(recording, error=0.01, form=len(calls) > 1)
        found = judged(system, recording, [equation])
        return found | {"verdict": "equation", "seconds": 1.0, "said": ""}

    monkeypatch.setattr(rational, "discovered", discovered)
    words = ["rational.py", "--systems", "Menten", "--noise", "0.01", "--out", str(tmp_path)]
    for seeds in ("2", "3"):
        monkeypatch.setattr("sys.argv", [*words, "--seeds", seeds])
        rational.main()
    assert len(calls) == 3
    summary = json.loads((tmp_path / "summary.json").read_text(encoding="utf-8"))
    (row,) = summary["rows"]
    assert (row["recovery_count"], row["seeds"], row["wrong_equations"]) == (2, 3, 1)
    assert (row["inside"], row["intervals"], row["right_numbers"]) == (4, 4, 2)
    assert row["verdicts"] == {"equation": 3, "approximation": 0, "none": 0}
    assert "| Michaelis–Menten decay | 1.0% | nsindy | 2/3 (" in capsys.readouterr().out
    assert (tmp_path / "figure.png").read_bytes().startswith(b"\x89PNG")


def test_the_figure_has_a_bar_for_every_rate():
    rows = [
        {"case": case, "sigma": sigma, "method": method, "recovery_count": 1, "seeds": 2}
        | {"recovery_rate": 0.5, "recovery_ci95": (0.1, 0.9)}
        for case in ("one", "two")
        for sigma in (0.0, 0.02)
        for method in ("nsindy", "SINDy-PI")
        if (case, method) != ("two", "SINDy-PI")
    ]
    figure = rational_figure.picture(rows)
    assert [len(axis.patches) for axis in figure.axes] == [3, 3]


@pytest.mark.skipif(
    not all(map(importlib.util.find_spec, ("pysindy", "cvxpy"))),
    reason="pysindy or cvxpy is not installed",
)
def test_sindy_pi_finds_a_ratio_in_clean_rows():
    sindy_pi.prepare(None)
    recording = record(MICHAELIS_MENTEN, 0.0, 1)
    found = rational.peer(MICHAELIS_MENTEN, recording)
    assert found["exact"]
