"""ODEBench's reading, scores and reference, and the two benchmarks from end to end."""

import importlib.util
import json
import math
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import bench_air_track
import bench_odebench
import jax
import numpy as np
import pytest
import sympy
from peers import damped_cosine, odebench, odebench_cases, pysindy_grid

import nsindy

FOLDER = Path(__file__).parents[2] / "experiments"
needs_pysindy = pytest.mark.skipif(
    importlib.util.find_spec("pysindy") is None,
    reason="pysindy is not installed (pip install 'nsindy[bench]')",
)
TIMES = np.linspace(0.0, 6.0, 200)


def logistic(start):
    """x' = x - x² / 2 in closed form."""
    return [2 / (1 + (2 / start - 1) * np.exp(-TIMES))]


def oscillator(start):
    """x' = y, y' = -4 x in closed form."""
    return [
        start * np.cos(2 * TIMES),
        -2 * start * np.sin(2 * TIMES),
    ]


def gompertz(start):
    """x' = -x log(x / 2) / 2 in closed form."""
    return [2 * np.exp(math.log(start / 2) * np.exp(-TIMES / 2))]


def entry(number, title, written, solution, starts):
    trajectories = [
        {"init": [], "t": TIMES.tolist(), "y": [np.asarray(y).tolist() for y in solution(start)]}
        for start in starts
    ]
    return {
        "id": number,
        "description": title,
        "substituted": written,
        "trajectories": trajectories,
    }


@pytest.fixture(scope="module")
def content():
    return [
        entry(4, "logistic", ["x_0*(1 - 0.5*x_0)"], logistic, (0.1, 0.7)),
        entry(7, "oscillator", ["x_1", "-4.0*x_0"], oscillator, (1.0, 2.5)),
        entry(9, "Gompertz", ["-0.5*x_0*log(0.5*x_0)"], gompertz, (0.2, 5.0)),
    ]


@pytest.fixture(scope="module")
def data(content, tmp_path_factory):
    path = tmp_path_factory.mktemp("data") / "systems.json"
    path.write_text(json.dumps(content))
    return path


@pytest.fixture(scope="module")
def systems(data):
    return odebench.read(data)


@pytest.fixture
def quiet_start(monkeypatch):
    """The tests have set JAX up already."""
    monkeypatch.setattr(bench_odebench.experiment, "start", lambda: None)


def test_a_file_is_read_time_first_and_coordinate_last(systems):
    assert [each.number for each in systems] == [4, 7, 9]
    first, second = systems[1].trajectories
    assert first.states.shape == (200, 2)
    np.testing.assert_array_equal(second.states.T, oscillator(2.5))
    x, y = odebench.symbols(2)
    assert systems[1].truth == (y, -4.0 * x)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda c: {"systems": c}, "a list of systems"),
        (lambda c: [], "a list of systems"),
        (lambda c: [3], "system 1"),
        (lambda c: [{k: v for k, v in c[0].items() if k != "substituted"}], "lacks 'substituted'"),
        (lambda c: [c[0], c[1] | {"trajectories": c[1]["trajectories"][:1]}], "system 2.*two traj"),
        (lambda c: [c[1] | {"substituted": ["x_1"]}], "trajectories of 1 states"),
        (lambda c: [c[0] | {"trajectories": [{"t": [0, 1], "y": [[1]]}] * 2}], "must be"),
        (lambda c: [c[0] | {"trajectories": [{"t": [0], "y": [[math.nan]]}] * 2}], "finite"),
        (lambda c: [c[0] | {"substituted": ["x_0 +"]}], "cannot read"),
        (lambda c: [c[0] | {"substituted": ["x_1"]}], "cannot read"),
        (lambda c: [c[0] | {"substituted": ["__import__('os').getcwd()"]}], "cannot read"),
        (lambda c: [c[0] | {"substituted": ["x_0.__class__"]}], "cannot read"),
    ],
)
def test_a_wrong_file_is_said_in_one_sentence(content, tmp_path, change, reason):
    path = tmp_path / "wrong.json"
    path.write_text(json.dumps(change(content)))
    with pytest.raises(ValueError, match=reason) as caught:
        odebench.read(path)
    assert "\n" not in str(caught.value)


def test_a_missing_and_a_binary_file_are_said(tmp_path):
    with pytest.raises(ValueError, match="--data takes"):
        odebench.read(tmp_path / "none.json")
    (tmp_path / "binary").write_bytes(b"\xff\xfe\x00{")
    with pytest.raises(ValueError, match="no JSON"):
        odebench.read(tmp_path / "binary")


def test_noise_is_multiplicative_and_has_a_draw_of_its_own_for_everything(systems):
    clean = systems[1].trajectories[0].states
    np.testing.assert_array_equal(odebench.noisy(systems[1], 0, 0.0, 3), clean)
    draws = {}
    for case in [(1, 0, 0.05, 0), (1, 0, 0.01, 0), (1, 0, 0.05, 1), (1, 1, 0.05, 0)]:
        number, which, sigma, seed = case
        states = odebench.noisy(systems[number], which, sigma, seed)
        np.testing.assert_array_equal(odebench.noisy(systems[number], which, sigma, seed), states)
        away = np.abs(systems[number].trajectories[which].states) > 1e-9
        draws[case] = (states / np.where(away, systems[number].trajectories[which].states, 1))[:, 0]
        draws[case] = (draws[case] - 1) / sigma
        # The standard deviation of 200 normal draws has a standard error of 5 %.
        assert abs(np.std(draws[case][away[:, 0]]) - 1) < 0.2
    several = list(draws.values())
    for i, one in enumerate(several):
        for other in several[:i]:
            assert abs(np.corrcoef(one, other)[0, 1]) < 0.4


X, Y = odebench.symbols(2)
LOOSE = sympy.symbols("x_0 x_1")


@pytest.mark.parametrize(
    ("found", "truth", "same"),
    [
        (["3*x_0 - 0.1*x_0**2"], ["x_0*(1 - x_0/2)"], True),
        (["3.0*x_0**2.0 + 1.0"], ["2 + x_0**2"], True),
        (["x_0 + 1e-9*x_0**2"], ["x_0"], False),
        (["0.0*x_0**2 + x_0"], ["x_0"], True),
        (["0"], ["x_0"], False),
        (["0"], ["0.0"], True),
        (["x_0"], ["x_0 + 3"], False),
        (["2*sin(1.0*x_0)*x_1"], ["x_1*sin(x_0)"], True),
        (["sin(1.01*x_0)"], ["sin(x_0)"], False),
        (["cos(x_0)"], ["sin(x_0)"], False),
        (["x_0*log(x_0) + x_0"], ["x_0*log(2.3*x_0)"], True),
        (["x_0*log(x_0)"], ["x_0*log(2.3*x_0)"], False),
        (["1/exp(x_0)"], ["exp(-x_0)"], True),
        (["x_0/(1 + x_0)"], ["2*x_0/(x_0 + 1.0)"], True),
    ],
)
def test_structure_is_equality_of_terms(found, truth, same):
    loose = [sympy.sympify(text, locals={"x_0": LOOSE[0], "x_1": LOOSE[1]}) for text in found]
    truth = [odebench.parse(text, (X, Y)) for text in truth]
    assert odebench.structure(loose, truth, (X, Y)) is same
    assert odebench.structure(truth, loose, (X, Y)) is same


def test_structure_needs_every_equation_and_known_states():
    assert odebench.structure([Y, -X], [2 * Y, X], (X, Y))
    assert not odebench.structure([Y, -X], [X, -X], (X, Y))
    with pytest.raises(ValueError, match="z in"):
        odebench.structure([sympy.Symbol("z")], [X], (X,))


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("1 + x_0 - 3*x_0**2*x_1", "library"),
        ("15.3*(x_1 - x_0)*(x_0**2 + 0.001) - x_0", "library"),
        ("x_1*sin(x_0) + cos(x_1)", "library"),
        ("x_0**4", ""),
        ("x_0**2*sin(x_0)", "operations"),
        ("sin(x_0)*cos(x_1)", "operations"),
        ("sin(2*x_0)", ""),
        ("x_0*log(2.29*x_0)", "operations"),
        ("cos(x_1)/x_0", "operations"),
        ("1 - exp(-x_0)", "operations"),
        ("x_0/(1 + x_0)", "operations"),
        ("x_0/(0.8 + x_0)", ""),
        ("x_0**2/(1 + x_0**2)", ""),
    ],
)
def test_expressible_says_which_library_holds_the_truth(text, kind):
    assert odebench.expressible([X, odebench.parse(text, (X, Y))], (X, Y)) == kind


def test_integration_meets_the_closed_form(systems):
    for system in systems:
        field = odebench.compiled(system.truth, odebench.symbols(len(system.truth)))
        for trajectory in system.trajectories:
            found = odebench.integrate(field, trajectory.states[0], TIMES, bound=1e3)
            np.testing.assert_allclose(found, trajectory.states, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(
    "field",
    [
        lambda y: [y[0] ** 2],
        lambda y: [10.0 * y[0]],
        lambda y: [math.log(-y[0])],
        lambda y: [(-y[0]) ** 0.5],
        lambda y: [1 / (y[0] - y[0])],
        lambda y: [math.nan],
        lambda y: [math.sin(1e9 * y[0] ** 2) * 1e9],
    ],
    ids=["blows up", "leaves", "logarithm", "complex", "divides by 0", "nan", "too long"],
)
def test_integration_gives_up_quietly(field, capfd):
    got = odebench.integrate(field, np.ones(1), TIMES, bound=1e6, evaluations=5000)
    assert got is None
    assert capfd.readouterr() == ("", "")


def test_r_squared_is_weighted_by_variance():
    rng = np.random.default_rng(0)
    clean, found = rng.normal(size=(2, 50, 3)) * np.array([1.0, 10.0, 0.1])
    each = 1 - np.sum((clean - found) ** 2, axis=0) / np.sum((clean - clean.mean(0)) ** 2, axis=0)
    weighted = np.average(each, weights=clean.var(axis=0))
    assert odebench.r_squared(clean, found) == pytest.approx(weighted)
    assert odebench.r_squared(clean, None) == -math.inf
    still = np.ones((5, 2))
    assert odebench.r_squared(still, still) == 1.0
    assert odebench.r_squared(still, still + 1) == -math.inf


def test_scores_of_the_truth_and_of_a_model_that_is_right_on_one_trajectory_only(systems):
    for system in systems:
        for which in (0, 1):
            scores = odebench.scores(system.truth, system, which)
            assert all(scores[name] for name in odebench_cases.SCORES)
            assert scores["r2_generalization"] > 0.999999
    # From the first initial state alone, of amplitude 1, 4 x and 4 x³ + ... need not differ.
    energy = Y**2 + 4 * X**2
    special = [Y, -4 * X * energy / 4]
    scores = odebench.scores(special, systems[1], 0)
    assert scores["reconstruction"]
    assert not scores["generalization"] and not scores["structure"]


@needs_pysindy
def test_the_grid_has_48_settings_and_finds_simple_systems(systems):
    assert len(list(pysindy_grid.settings())) == 48
    for system, digits in ((systems[0], 0.01), (systems[1], 0.02)):
        states = odebench.noisy(system, 0, 0.0, 0)
        grid = pysindy_grid.choose(TIMES, states)
        scores = odebench.scores(grid.expressions, system, 0)
        assert scores["reconstruction"] and scores["generalization"] and scores["structure"]
        assert grid.setting.startswith("degree ")
        symbols = odebench.symbols(len(system.truth))
        point = dict(zip(symbols, (0.7, 0.3), strict=False))
        for found, true in zip(grid.expressions, system.truth, strict=True):
            true = float(true.subs(point))
            assert float(found.subs(point)) == pytest.approx(true, rel=digits)


@needs_pysindy
def test_the_fast_field_is_that_of_pysindy():
    rng = np.random.default_rng(1)
    states = np.column_stack(oscillator(1.0)) + 0.01 * rng.normal(size=(200, 2))
    setting = pysindy_grid.Setting(3, True, 0.001, "FiniteDifference")
    with pysindy_grid.quiet():
        model = pysindy_grid.fit(TIMES, states, setting)
        expected = np.asarray(model.predict(states[:5]))
        own = [pysindy_grid.own_field(model)(y.tolist()) for y in states[:5]]
    np.testing.assert_allclose(own, expected)
    exact = odebench.compiled(pysindy_grid.expressions(model), odebench.symbols(2))
    for field in (pysindy_grid.field(model), exact):
        np.testing.assert_allclose([field(y.tolist()) for y in states[:5]], expected, rtol=1e-9)


def test_a_missing_pysindy_is_said(monkeypatch):
    monkeypatch.setitem(sys.modules, "pysindy", None)
    with pytest.raises(ValueError, match="pip install"):
        pysindy_grid.choose(TIMES, np.ones((200, 1)))


def options(path, out, **changes):
    usual = {
        "data": str(path),
        "sigmas": [0.0, 0.01],
        "seeds": 2,
        "seed0": 0,
        "systems": None,
        "methods": ["nsindy", "truth"],
        "jobs": 1,
        "out": str(out),
    }
    return SimpleNamespace(**usual | changes)


def test_the_benchmark_counts_what_was_found_and_what_failed(
    data, tmp_path, monkeypatch, quiet_start, capsys
):
    asked = []

    def discover(t, x, **anything):
        assert anything == {"order": 1}
        asked.append((t, x))
        if x.shape[1] == 1:
            raise RuntimeError("no model")
        x, v = sympy.symbols("x v")
        return SimpleNamespace(states=("x", "v"), to_sympy=lambda: [1.0 * v, -4.0 * x])

    monkeypatch.setattr(nsindy, "discover", discover, raising=False)
    bench_odebench.execute(options(data, tmp_path / "out"))
    summary = json.loads((tmp_path / "out" / "summary.json").read_text())
    cases = json.loads((tmp_path / "out" / "cases.json").read_text())
    assert (tmp_path / "out" / "figure.png").stat().st_size > 10_000
    # Without noise one seed is all there is.
    assert len(asked) == 6 + 12
    assert [(row["method"], row["sigma"]) for row in summary["rows"]] == [
        ("nsindy", 0.0),
        ("truth", 0.0),
        ("nsindy", 0.01),
        ("truth", 0.01),
    ]
    for row, scale in zip(summary["rows"], (1, 1, 2, 2), strict=True):
        ours = row["method"] == "nsindy"
        assert row["failed"] == (4 * scale if ours else 0)
        expected = {
            "reconstruction": (2 if ours else 6, 6),
            "generalization": (2 if ours else 6, 6),
            "structure": (2 if ours else 4, 4),
            "structure_operations": (2 if ours else 6, 6),
        }
        for score, (count, total) in expected.items():
            found = row[score]
            assert (found["count"], found["cases"]) == (count * scale, total * scale)
            low, high = found["ci95"]
            assert low <= found["rate"] == count / total <= high
        assert row["median_seconds"] >= 0
    assert len(cases) == 36
    failed = [case for case in cases if case["error"]]
    assert {case["error"] for case in failed} == {"RuntimeError: no model"}
    one = next(case for case in cases if case["method"] == "nsindy" and not case["error"])
    assert one["equations"] == ["1.0*x_1", "-4.0*x_0"] and one["r2_reconstruction"] > 0.999
    assert "reconstruction  33 %" in capsys.readouterr().out


def test_a_fit_that_compiled_is_timed_again():
    odebench_cases.compilations().clear()
    jax.jit(lambda x: x * 3)(1.0)
    assert odebench_cases.compilations()
    odebench_cases.compilations().clear()
    assert not odebench_cases.compilations()


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"data": None}, "--data PATH"),
        ({"systems": [4, 5]}, "no system 5"),
        ({"seeds": 0}, "at least 1"),
        ({"sigmas": [-1.0]}, "not negative"),
        ({"sigmas": [math.nan]}, "finite"),
    ],
)
def test_wrong_options_are_said(data, tmp_path, changes, reason):
    with pytest.raises(ValueError, match=reason):
        bench_odebench.execute(options(data, tmp_path, **changes))


@needs_pysindy
def test_the_script_runs_in_several_processes(data, tmp_path):
    command = [sys.executable, str(FOLDER / "bench_odebench.py"), "--data", str(data)]
    command += ["--methods", "truth", "pysindy", "--sigmas", "0", "--systems", "7", "--jobs", "2"]
    done = subprocess.run(
        [*command, "--out", str(tmp_path)],
        env=os.environ | {"XDG_CACHE_HOME": str(tmp_path / "cache")},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert (done.returncode, done.stderr) == (0, "")
    rows = json.loads((tmp_path / "summary.json").read_text())["rows"]
    assert [row["structure"]["count"] for row in rows] == [2, 2]


@pytest.mark.parametrize("script", (bench_odebench, bench_air_track))
def test_a_script_without_its_data_says_so(script, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", [script.__file__])
    with pytest.raises(SystemExit) as stop:
        script.main()
    assert stop.value.code == 1
    said = capsys.readouterr().err
    assert said.startswith("error: give") and said.count("\n") == 1


@pytest.fixture(scope="module")
def film():
    """A damped cosine in whole pixels: k = 6, c = 0.02, about the centre 3."""
    rng = np.random.default_rng(3)
    times = np.round(np.arange(1, 801) / 30, 3)
    omega = np.sqrt(6 - 1e-4)
    wave = 80 * np.exp(-0.01 * times) * np.cos(omega * times + 0.4)
    return times, np.round(3 + wave + 0.3 * rng.normal(size=800))


def test_the_damped_cosine_is_fitted_to_its_own_errors(film):
    fit = damped_cosine.damped_cosine(*film)
    truth = np.array([6.0, 0.02, 3.0])
    assert np.all(np.abs(fit.values[:3] - truth) < 4 * fit.errors[:3])
    assert np.all(fit.errors[:2] < [1e-3, 3e-4])
    # Rounding adds a variance of 1/12.
    assert fit.residual == pytest.approx(np.sqrt(0.09 + 1 / 12), rel=0.1)


@needs_pysindy
def test_the_benchmark_of_the_film_reports_every_method(
    film, tmp_path, monkeypatch, quiet_start, capsys
):
    def discover(t, x, *, order):
        assert order == 2 and x.shape == (800, 1)
        return SimpleNamespace(
            states=("x", "x'"),
            terms=("1", "x", "x'", "x^2"),
            coefficients=np.array([[0, 0, 1, 0], [18.0, -6.001, -0.021, 0]]),
            standard_errors=np.array([[0, 0, 0, 0], [0.1, 0.001, 0.0001, 0]]),
        )

    monkeypatch.setattr(nsindy, "discover", discover, raising=False)
    path = tmp_path / "film.csv"
    np.savetxt(path, np.column_stack(film), delimiter=",", header="t,x", comments="")
    bench_air_track.execute(
        SimpleNamespace(data=str(path), methods=["nsindy", "pysindy"], out=str(tmp_path / "out"))
    )
    rows = json.loads((tmp_path / "out" / "summary.json").read_text())["rows"]
    assert len(rows) == 7
    assert rows[0]["form"] and rows[0]["k"] == 6.001 and rows[0]["k_error"] < 0.01
    assert rows[0]["k_interval"] == pytest.approx([5.99904, 6.00296])
    assert rows[0]["c_inside"] is False
    for row in rows[1:]:
        assert row["method"].startswith("PySINDy") and row["k"] == pytest.approx(6, rel=0.1)
    said = capsys.readouterr().out
    assert "95 % interval [5.999040, 6.002960]" in said and "the reference outside" in said


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("t,x\n1,a\n", "no CSV"),
        ("t,x\n1,2\n", "10 or more"),
        ("t,x\n" + "1,2\n" * 20, "must increase"),
    ],
)
def test_a_wrong_film_is_said(tmp_path, text, reason):
    path = tmp_path / "film.csv"
    path.write_text(text)
    with pytest.raises(ValueError, match=reason):
        damped_cosine.read_film(str(path))
    with pytest.raises(ValueError, match="cannot read"):
        damped_cosine.read_film(str(tmp_path / "none.csv"))
