"""Maps x[n+1] = f(x[n], u[n]), with noise of the measurement, of the system, or none."""

import jax
import numpy as np
import pytest
from problems import coefficients, prepared, solved
from scipy.optimize import curve_fit

import nsindy
from nsindy import cli
from nsindy.discovery.maps import map_regression, map_rows, map_search
from nsindy.discovery.preparation.question import Question
from nsindy.discovery.supports.session import Session
from nsindy.recording import check
from nsindy.recording.check import Recording, Recordings
from nsindy.report.page import write_report


def iterated(step, initial, rows, noise=0.0, seed=0):
    """Rows of a map, with noise of the system of that size."""
    random, rows_made = np.random.default_rng(seed), [np.array(initial, float)]
    for n in range(rows - 1):
        following = np.array(step(rows_made[-1], n))
        rows_made.append(following + noise * random.standard_normal(len(initial)))
    return np.array(rows_made)


def logistic(x, n):
    return 3.7 * x * (1 - x)


def assert_near(terms, truth, largest):
    assert terms.keys() == truth.keys()
    for name, (value, error) in terms.items():
        assert abs(value - truth[name]) < 4 * error < largest


@pytest.fixture(scope="module")
def clean():
    return iterated(logistic, [0.3], 150)


@pytest.fixture(scope="module")
def exact(clean):
    return nsindy.discover(None, clean, states=["x"], map=True, operations=())


def test_a_map_without_noise(exact):
    assert_near(coefficients(exact), {"x": 3.7, "x^2": -3.7}, 1e-4)
    assert exact.map and str(exact).startswith("x[n+1] = 3.70000")
    assert exact.latex()[0].startswith("{x}_{n+1} = 3.70000")
    assert "<msub>" in exact.mathml()[0]
    assert exact.held_out.r2[0] > 0.999
    assert exact.equivalent_models == () and exact.verdict == "equation"


def test_a_map_is_iterated(exact, clean):
    assert exact.step([0.25])[0] == pytest.approx(3.7 * 0.25 * 0.75, rel=1e-4)
    # Errors of 1e-5 grow by 1.4 in a row.
    path = np.asarray(exact.simulate([0.3], np.arange(12)))
    np.testing.assert_allclose(path, clean[:12], atol=2e-3)
    slope = jax.jacfwd(exact.step)(np.array([0.25]))
    np.testing.assert_allclose(slope, [[3.7 * (1 - 2 * 0.25)]], rtol=1e-4)
    with pytest.raises(ValueError, match="a map has no vector field"):
        exact.vector_field(0.0, np.array([0.3]))
    diverged = np.asarray(exact.simulate([3.0], np.arange(30)))
    assert np.isnan(diverged[-1]).all() and np.isfinite(diverged[:3]).all()


def test_a_saved_map_is_a_map(exact, tmp_path):
    exact.save(tmp_path / "map.json")
    loaded = nsindy.load(tmp_path / "map.json")
    assert loaded.map and loaded.equations() == exact.equations()
    text = (tmp_path / "map.json").read_text()
    # A file from before there were maps is one of a flow.
    before = text.replace('"map": true,', "").replace(', "map": true', "")
    assert before != text
    (tmp_path / "flow.json").write_text(before)
    assert not nsindy.load(tmp_path / "flow.json").map
    (tmp_path / "bad.json").write_text(text.replace('"map": true', '"map": 1'))
    with pytest.raises(ValueError, match="damaged: map is 1"):
        nsindy.load(tmp_path / "bad.json")


def test_the_report_of_a_map(exact, clean, tmp_path):
    recordings = check.check_arrays(np.arange(150), clean, states=["x"])
    page = write_report(tmp_path, exact, recordings, command="by hand").read_text()
    assert "<msub>" in page and "x[n+1]" in page and "The map behind x" in page
    assert (tmp_path / "state_1.png").stat().st_size > 5000


@pytest.mark.slow
def test_noise_of_the_measurement_of_a_chaotic_map(clean):
    """Iterated, it is an order of magnitude more exact than the regression, and unbiased."""
    size = 0.02 * clean.std()
    noisy = clean + size * np.random.default_rng(1).standard_normal(clean.shape)
    found = nsindy.discover(None, noisy, states=["x"], map=True, operations=())
    assert_near(coefficients(found), {"x": 3.7, "x^2": -3.7}, 0.02)
    assert coefficients(found)["x"][1] < 0.002
    # A sixth of the rows are explained by the states that stretches begin with.
    assert found.noise[0] == pytest.approx(size, rel=0.25)
    assert any("noise of the measurement" in said for said in found.notes)


@pytest.mark.slow
def test_noise_of_the_system_is_told_from_that_of_the_measurement():
    made = iterated(logistic, [0.3], 150, noise=0.01)
    found = nsindy.discover(None, made, states=["x"], map=True, operations=())
    assert_near(coefficients(found), {"x": 3.7, "x^2": -3.7}, 0.05)
    assert found.noise[0] == pytest.approx(0.01, rel=0.25)
    assert any("noise of the system" in said for said in found.notes)


def test_standard_errors_of_the_regression_are_those_of_least_squares():
    made = iterated(lambda x, n: 0.8 * x + 0.1, [0.0], 200, noise=0.05, seed=2)
    session = a_session([made])
    prepared_map = map_search._prepared(session, map_rows.units_of_rows(session.parts))
    fit = map_regression.regress_map(prepared_map, 1.0)
    design = np.column_stack([np.ones(199), made[:-1, 0]])
    kept = [name for name, used in zip(("1", "x"), fit.mask[0, :2], strict=True) if used]
    assert "x" in kept and fit.mask.sum() == len(kept)
    design = design[:, [("1", "x").index(name) for name in kept]]
    values, rss = np.linalg.lstsq(design, made[1:, 0])[:2]
    spread = np.sqrt(np.diagonal(np.linalg.inv(design.T @ design)) * rss / (199 - design.shape[1]))
    back = prepared_map.back[0, fit.mask[0]]
    np.testing.assert_allclose(fit.coefficients[0, fit.mask[0]] * back, values, rtol=1e-8)
    np.testing.assert_allclose(fit.errors[0, fit.mask[0]] * back, spread, rtol=1e-8)


def a_session(states):
    parts = [Recording(np.arange(float(len(x))), x, np.zeros((len(x), 0))) for x in states]
    rows, made = map_rows.rows_of_map(parts)
    return Session(rows, made, Question(map=True, operations=()), lambda *now: None)


def test_two_states_and_an_input():
    u = np.random.default_rng(3).uniform(-1, 1, 200)
    made = iterated(lambda x, n: [0.5 * x[1] + u[n], x[0] - 0.3 * x[1]], [0.0, 0.0], 200)
    found = nsindy.discover(
        None, made, states=["x", "y"], inputs=u[:, None], map=True, operations=()
    )
    assert_near(coefficients(found, 0), {"y": 0.5, "u": 1.0}, 1e-4)
    assert_near(coefficients(found, 1), {"x": 1.0, "y": -0.3}, 1e-4)
    path = np.asarray(found.simulate(made[0], np.arange(200), u[:, None]))
    np.testing.assert_allclose(path, made, atol=1e-3)
    with pytest.raises(ValueError, match="the equation has the inputs u"):
        found.step(made[0])


def test_where_a_row_lacks_the_next_does_not_follow(clean):
    times = np.delete(np.arange(150.0), [60, 61])
    found = nsindy.discover(
        times, np.delete(clean, [60, 61], 0), states=["x"], map=True, operations=()
    )
    assert_near(coefficients(found), {"x": 3.7, "x^2": -3.7}, 1e-4)
    assert any("where a row lacks" in said for said in found.notes)
    assert np.asarray(found.initial).shape == (1, 1)


def test_a_map_has_order_1():
    with pytest.raises(ValueError, match="a map has order 1"):
        Question(order=2, map=True)


def test_a_file_of_one_column(tmp_path, clean):
    path = tmp_path / "rows.csv"
    path.write_text("x\n" + "\n".join(f"{value:.9f}" for value in clean[:, 0]))
    recordings = check.read_recordings(path, steps=True)
    assert recordings.states == ("x",) and len(recordings.parts[0].times) == 150
    np.testing.assert_allclose(recordings.parts[0].states, clean, atol=1e-8)
    assert recordings.notes == ()
    # Of a flow it is said what the rows were taken for.
    assert "took each row as one unit of time" in check.read_recordings(path).notes[0]


def test_what_increases_is_no_time_of_a_map_unless_it_is_called_so(tmp_path, clean):
    grown = np.cumsum(clean[:, 0])
    for header, times in (("n", np.arange(150.0)), ("t", grown)):
        path = tmp_path / f"{header}.csv"
        rows = np.column_stack([grown, clean[:, 0]])
        np.savetxt(path, rows, delimiter=",", header=f"{header},x", comments="")
        found = check.read_recordings(path, steps=True)
        assert found.states == (("n", "x") if header == "n" else ("x",))
        np.testing.assert_allclose(found.parts[0].times, times)


def test_rows_of_a_map_are_numbered_in_each_recording(tmp_path, clean):
    path = tmp_path / "runs.csv"
    # The runs take turns unevenly, so numbers of the rows of the file would have gaps.
    lines = [f"{'ab'[(n // 3) % 2]},{value:.9f}" for n, value in enumerate(clean[:, 0])]
    path.write_text("run,x\n" + "\n".join(lines))
    found = check.read_recordings(path, by="run", steps=True)
    assert [part.times.tolist() for part in found.parts] == [list(range(75))] * 2
    frame = {"run": np.repeat(["a", "b"], 75), "x": clean[:, 0]}
    of_frame = check.check_arrays(frame, steps=True)
    assert of_frame.states == ("x",) and np.ptp(np.diff(of_frame.parts[0].times)) == 0


def test_arrays_of_a_map_need_no_times(clean):
    found = check.check_arrays(None, [clean[:100], clean[100:]], steps=True)
    assert [part.times.tolist() for part in found.parts] == [list(range(100)), list(range(50))]
    with pytest.raises(ValueError, match="t is missing"):
        check.check_arrays(None, clean)


@pytest.mark.slow
def test_rows_that_do_not_follow_one_another_are_told(tmp_path):
    """Noise has no map; the command says so by its exit code."""
    noise = np.random.default_rng(4).standard_normal((120, 1))
    found = nsindy.discover(None, noise, states=["x"], map=True, operations=())
    assert found.verdict == "none" and any("an earlier row is missing" in w for w in found.warnings)
    found.save(tmp_path / "none.json")
    assert nsindy.load(tmp_path / "none.json").verdict == "none"


def test_the_command_knows_maps_and_forcings():
    words = ["discover", "rows.csv", "--map", "--no-forcing"]
    options = cli.parser().parse_args(words)
    assert options.map and options.forcing is False
    assert cli.parser().parse_args(words[:2]).forcing is None


def suggested(states, left):
    session = a_session([states])
    session = map_search.dataclasses.replace(session, question=Question(operations=()))
    recordings = Recordings(tuple(session.parts), ("x", "y")[: states.shape[1]], (), ())
    return map_search.suggestion(session, recordings, np.full(states.shape[1], left))


def test_a_map_is_suggested_where_a_flow_fails(clean):
    (said,) = suggested(clean, 1.0)
    assert "x[n+1] = 3.7" in said and "99.9 %: try --map" in said
    # A flow that follows the rows needs no map.
    assert suggested(clean, 0.01) == []


@pytest.mark.unmeasured
@pytest.mark.slow
def test_a_flow_that_a_map_beats_is_no_equation(clean):
    found = nsindy.discover(1.0, clean, states=["x"], operations=())
    assert not found.map and found.verdict in ("approximation", "none")
    assert any("x[n+1] = 3.7" in said and "try --map" in said for said in found.warnings)


def test_no_map_is_suggested_for_a_smooth_recording():
    """Whatever it is that a flow of two states misses, a row is close to the one before."""
    times = np.linspace(0, 20, 300)
    driven = lambda y: [y[1], -y[0] - 0.1 * y[1] + y[2], 2 * y[3], -2 * y[2]]  # noqa: E731
    force = solved(driven, (1.0, 0.0, 1.0, 0.0), times)[:, :2]
    noisy = force + 0.001 * np.random.default_rng(0).standard_normal(force.shape)
    assert suggested(noisy, 0.3) == []


def test_the_map_of_one_step_of_the_solver_is_no_flow(clean):
    """Segments of a map take no solver steps: each row is the right-hand side of the one before."""
    session = a_session([clean])
    made = map_search._prepared(session, map_rows.units_of_rows(session.parts))
    assert made.substeps is None and made.segments(1.0).substeps is None
    flow = prepared(np.arange(150.0), clean)
    assert flow.segments(1.0).substeps == 1


@pytest.mark.slow
def test_a_number_inside_a_term_of_a_map():
    """Ricker's stock and recruitment, N[n+1] = N exp(2.7 (1 - N/100)), 2 % noise of the system."""
    random, rows = np.random.default_rng(0), [30.0]
    for _ in range(59):
        growth = 2.7 * (1 - rows[-1] / 100) + 0.02 * random.standard_normal()
        rows.append(rows[-1] * np.exp(growth))
    found = nsindy.discover(None, np.array(rows), states=["N"], map=True)
    (name,) = coefficients(found)
    assert name.startswith("N exp(-0.02") and found.verdict == "equation"
    ((value, error),) = zip(found.parameters.values(), found.parameter_errors.values(), strict=True)
    assert abs(value + 0.027) < 4 * error < 0.002
    assert any("is fitted" in note for note in found.notes)
    assert found.step([50.0])[0] == pytest.approx(50 * np.exp(2.7 * 0.5), rel=0.05)


@pytest.mark.slow
def test_errors_beside_a_number_of_a_map_are_those_of_least_squares():
    """Beverton and Holt's N[n+1] = v N / (K + N), 1 % noise of the system."""
    random, rows = np.random.default_rng(1), []
    for _ in range(2):
        rows.append([20.0 + 30 * random.random()])
        for _ in range(29):
            mean = 540 * rows[-1][-1] / (300 + rows[-1][-1])
            rows[-1].append(mean * np.exp(0.01 * random.standard_normal()))
    found = nsindy.discover(None, [np.array(r)[:, None] for r in rows], states=["N"], map=True)
    ((value, error),) = coefficients(found).values()
    pairs = [(np.array(r[:-1]), np.array(r[1:])) for r in rows]
    before, after = (np.concatenate(each) for each in zip(*pairs, strict=True))
    (v, k), covariance = curve_fit(lambda x, v, k: v * x / (k + x), before, after, p0=(500, 300))
    assert value == pytest.approx(v, rel=0.02)
    assert error == pytest.approx(np.sqrt(covariance[0, 0]), rel=0.1)
    ((number, spread),) = zip(
        found.parameters.values(), found.parameter_errors.values(), strict=True
    )
    assert number == pytest.approx(k, rel=0.05)
    assert spread == pytest.approx(np.sqrt(covariance[1, 1]), rel=0.1)


def test_a_map_of_its_library_has_no_number(exact):
    assert not exact.parameters


@pytest.mark.slow
def test_rows_that_have_nothing_to_do_with_each_other_are_no_map():
    """Twenty per cent of noise in every step of a map that settles: nothing is iterated."""
    random, rows = np.random.default_rng(302), [35.0]
    for _ in range(49):
        rows.append(rows[-1] * np.exp(1.5 * (1 - rows[-1] / 120) + 0.2 * random.standard_normal()))
    found = nsindy.discover(None, np.array(rows), states=["N"], map=True)
    assert found.verdict != "equation" or coefficients(found).keys() == {"N exp(-0.0125 N)"}
