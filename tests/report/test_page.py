import dataclasses
import re
import shlex
import shutil

import jax.numpy as jnp
import numpy as np
import pytest
from by_hand import make

from nsindy.recording.check import Recording, Recordings
from nsindy.report import figures as report_figures
from nsindy.report import page, replay, term_shares
from nsindy.result.tested import LawResult

COMMAND = "nsindy discover 'a <b> & c.csv' --order 2"


def record(discovery, times, *, inputs=None, seed=0):
    """Recordings of the equations themselves, with their noise."""
    rng, parts = np.random.default_rng(seed), []
    count = len(discovery.measured)
    sizes = np.asarray(discovery.noise)[None, :count]
    for initial in np.asarray(discovery.initial):
        states = np.array(discovery.simulate(initial, times, inputs))[:, :count]
        noise = sizes * rng.normal(size=states.shape)
        given = np.zeros((len(times), 0)) if inputs is None else inputs
        parts.append(Recording(times, states + noise, given))
    return Recordings(tuple(parts), discovery.measured, discovery.inputs, ("sorted 2 rows",))


@pytest.fixture(scope="module")
def oscillator():
    found = make(
        ["identity(x)", "identity(v)", "mul(x,mul(x,v))"],
        [[0.0, 1.0, 0.0], [-1.0, -0.1, 0.0]],
        ("x", "v"),
        errors=0.0004,
        initial=[[1.0, 0.0]],
        notes=("sorted 2 rows",),
        warnings=("<script>alert(1)</script>",),
        runner_up=("x' = 1.000 v + 0.01 x^2 v, 12.3 nats behind",),
        collinear=("x^2 v is nearly v",),
    )
    chance = found.inclusion_probabilities.at[1, 2].set(0.08)
    return dataclasses.replace(found, inclusion_probabilities=chance)


@pytest.fixture(scope="module")
def forced():
    """Two positions, an input, two recordings."""
    return make(
        ["identity(x)", "identity(y)", "identity(x')", "identity(y')", "identity(drive)"],
        [[0, 0, 1, 0, 0], [0, 0, 0, 1, 0], [-6, 0, -0.2, 0, 1.5], [0.5, -2, 0, -0.3, 0]],
        ("x", "y", "x'", "y'"),
        errors=0.004,
        inputs=("drive",),
        order=2,
        initial=[[1.0, 0.0, 0.0, 0.5], [-1.5, 0.4, 0.2, 0.0]],
    )


@pytest.fixture(scope="module")
def pages(oscillator, forced, tmp_path_factory):
    times = np.linspace(0, 20, 300)
    folder = tmp_path_factory.mktemp("reports")
    one = page.write_report(folder / "one", oscillator, record(oscillator, times), command=COMMAND)
    drive = np.sin(2 * times)[:, None]
    recordings = record(forced, times, inputs=drive)
    return {
        "one": one,
        "two": page.write_report(folder / "two", forced, recordings, command=COMMAND),
    }


def test_a_replay_is_the_equation_along_the_recording(forced):
    times = np.linspace(0, 20, 300)
    recordings = record(forced, times, inputs=np.sin(2 * times)[:, None])
    first, second = replay.replays(forced, recordings)
    assert len(first.fine) == len(second.fine)
    for each in (first, second):
        # What is left is the noise of 0.01 that was put in.
        np.testing.assert_allclose(np.std(each.residual, axis=0), 0.01, rtol=0.15)
        assert each.held_out == 240 and each.diverges is None
        assert each.smooth.shape == (300, 4)
    with pytest.raises(ValueError, match="the recordings measure x, drive, the equations x, y"):
        replay.replays(forced, recordings._replace(states=("x",)))
    with pytest.raises(ValueError, match="1 recordings, but initial states of 2"):
        replay.replays(forced, recordings._replace(parts=recordings.parts[:1]))


def test_what_is_left_without_a_term(oscillator):
    quiet = dataclasses.replace(oscillator, noise=jnp.zeros(2))
    times = np.linspace(0, 20, 2000)
    replays = replay.replays(quiet, record(quiet, times))
    left = term_shares.left_over(quiet, replays)
    x, v = replays[0].measured.T
    slope = np.var(-x - 0.1 * v)
    expected = [
        [0, np.mean(v**2) / np.var(v), 0, 0],
        [np.mean(x**2) / slope, np.mean((0.1 * v) ** 2) / slope, 0, 0],
    ]
    # Derivatives of a spline through 2000 exact samples.
    np.testing.assert_allclose(left, expected, atol=1e-4)


def test_autocorrelation_is_that_of_the_process():
    rng = np.random.default_rng(0)
    values = np.zeros(20000)
    for i, kick in enumerate(rng.normal(size=19999)):
        values[i + 1] = 0.8 * values[i] + kick
    # Four standard errors of an estimate from 20000 samples that are correlated.
    np.testing.assert_allclose(
        report_figures.autocorrelation(values, 3), 0.8 ** np.arange(1, 4), atol=0.04
    )
    assert report_figures.autocorrelation(np.ones(10), 2).tolist() == [0, 0]


def test_the_page_needs_nothing_else(pages):
    for path in pages.values():
        text = path.read_text(encoding="utf-8")
        assert "<script" not in text and "javascript:" not in text
        assert not re.findall(r"(?:src|href)=\"(?!data:)", text)
        assert not re.findall(r"url\(|@import|https?://", text)
        assert "default-src 'none'" in text
        assert 'name="viewport"' in text and "prefers-color-scheme: dark" in text


def test_the_page_says_everything(pages):
    text = pages["one"].read_text(encoding="utf-8")
    assert "nsindy discover &#x27;a &lt;b&gt; &amp; c.csv&#x27; --order 2" in text
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in text
    assert "12.3 nats behind" in text and "x^2 v is nearly v" in text and "sorted 2 rows" in text
    assert "−1.0008 … −0.9992" in text and "8.0 %" in text
    assert r"\dot{v} = -1.0000\,x - 0.1000\,v" in text
    assert "cannot distinguish" not in text
    assert "cannot distinguish" not in pages["two"].read_text(encoding="utf-8")
    assert "Warnings" not in pages["two"].read_text(encoding="utf-8")


@pytest.mark.slow
def test_laws_stand_beside_what_was_found(oscillator, tmp_path):
    shares = {"r2": (0.99, 0.98), "held_out": (0.5, -np.inf)}
    found = LawResult("", (), (), (), 0.0, 12.5, **shares)
    law = LawResult("v' = -k*x & <b>", ("k",), (1.0,), (0.01,), -7.25, 0.0, **shares)
    lost = LawResult("v' = k", ("k",), (np.nan,), (np.nan,), -np.inf, 0.0, **shares)
    known = np.zeros((2, 3), bool)
    known[1, 0] = True
    tested = dataclasses.replace(oscillator, laws=(found, law, lost), known=known)
    recordings = record(tested, np.linspace(0, 5, 60))
    text = page.write_report(tmp_path, tested, recordings, command=COMMAND).read_text("utf-8")
    assert "Laws that were tested" in text and "pays 12.5 nats" in text
    assert "<code>v&#x27; = -k*x &amp; &lt;b&gt;</code>" in text and "k = 1.000 ± 0.010" in text
    assert "<td>−7.2</td><td>0.9900, 0.9800</td><td>0.5000, diverged</td>" in text
    assert "<td>no solution</td>" in text and "<td>given</td>" in text


def test_figures_lie_beside_the_page(pages):
    names = {path.name for path in pages["two"].parent.iterdir()}
    figures = ("state_1", "state_2", "phase", "terms", "residuals", "forecast")
    assert names == {"report.html", *(f"{name}.png" for name in figures)}
    for name in figures:
        png = (pages["two"].parent / f"{name}.png").read_bytes()
        assert png.startswith(b"\x89PNG") and len(png) > 5000


@pytest.mark.parametrize(
    "name", [pytest.param("N", marks=pytest.mark.slow), "hare $x_$ <b>", "温度", "a\\frac{"]
)
@pytest.mark.unmeasured
def test_one_state_of_any_name_with_a_simulation_that_leaves(name, tmp_path):
    found = make([], np.zeros((1, 0)), (name,), initial=[[1.0]])
    times = np.linspace(0, 2, 21)
    recordings = record(found, times)
    term = make(["mul(x,x)"], [[1.0]], ("x",), initial=[[1.0]])
    found = dataclasses.replace(term, states=(name,), warnings=())
    text = page.write_report(tmp_path, found, recordings, command="").read_text(encoding="utf-8")
    assert "diverges at time 1.0" in text
    assert "<b>" not in text


@pytest.mark.parametrize("scale", [pytest.param(1e-9, marks=pytest.mark.slow), 1e9])
@pytest.mark.unmeasured
def test_a_long_recording_at_any_scale(scale, oscillator, tmp_path):
    initial = scale * np.asarray(oscillator.initial)
    small = dataclasses.replace(
        oscillator,
        initial=initial,
        noise=scale * oscillator.noise,
        held_out=oscillator.held_out._replace(initial=initial),
    )
    recordings = record(small, np.linspace(0, 20, 9000))
    text = page.write_report(tmp_path, small, recordings, command="").read_text(encoding="utf-8")
    assert "one sample in 3" in text and "9,000 samples" in text


@pytest.mark.filterwarnings("error::UserWarning")
def test_long_names_of_terms_stand_above_their_bars(oscillator, tmp_path):
    """Beside them they would leave the bars no room."""
    names = ("concentration_of_the_substrate_mmol_per_l", "rate_of_its_consumption_mmol_per_l_h")
    long = dataclasses.replace(oscillator, states=names)
    recordings = record(long, np.linspace(0, 20, 300))
    page.write_report(tmp_path, long, recordings, command=COMMAND)
    shown = report_figures.pictures(long, replay.replays(long, recordings))
    (terms,) = [picture.figure for picture in shown if picture.name == "terms"]
    axis = terms.axes[1]
    said = [text.get_text() for text in axis.texts if text.get_text().startswith("without ")]
    assert said == [f"without {name}" for name in names] and not axis.get_yticks().size


def test_a_folder_that_cannot_be_written_is_said(oscillator, tmp_path):
    (tmp_path / "file").write_text("")
    recordings = record(oscillator, np.linspace(0, 20, 300))
    with pytest.raises(ValueError, match="cannot write to"):
        page.write_report(tmp_path / "file", oscillator, recordings, command="")


@pytest.fixture(scope="module")
def browser():
    webdriver = pytest.importorskip("selenium.webdriver")
    chromium, driver = shutil.which("chromium"), shutil.which("chromedriver")
    if not chromium or not driver:
        pytest.skip("needs chromium and chromedriver")
    options = webdriver.ChromeOptions()
    options.binary_location = chromium
    for argument in shlex.split("--headless --no-sandbox --disable-gpu --disable-dev-shm-usage"):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    service = webdriver.ChromeService(executable_path=driver)
    opened = webdriver.Chrome(options=options, service=service)
    yield opened
    opened.quit()


@pytest.mark.parametrize("name", ["one", "two"])
@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1200])
def test_a_browser_draws_the_page(name, theme, width, pages, browser):
    size = {"width": width, "height": 844, "deviceScaleFactor": 1, "mobile": width < 500}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    browser.execute_cdp_cmd("Network.enable", {})
    offline = {"offline": True, "latency": 0, "downloadThroughput": 0, "uploadThroughput": 0}
    browser.execute_cdp_cmd("Network.emulateNetworkConditions", offline)
    scheme = {"features": [{"name": "prefers-color-scheme", "value": theme}]}
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", scheme)
    browser.get(pages[name].as_uri())
    equations = browser.find_elements("css selector", ".equation")
    assert len(equations) == 2
    for equation in equations:
        assert "=" in equation.text
        terms = equation.find_elements("css selector", "math")
        assert len(terms) >= 2
        assert all(term.rect["width"] > 4 and term.rect["height"] > 4 for term in terms)
    images = browser.find_elements("css selector", "figure img")
    assert len(images) == 6
    for image in images:
        assert browser.execute_script("return arguments[0].naturalWidth", image) > 0
        assert 200 < image.rect["width"] <= width
        assert image.get_attribute("alt")
    # Wide tables scroll by themselves, and the page does not.
    assert browser.execute_script("return document.documentElement.scrollWidth") <= width
    back = browser.execute_script("return getComputedStyle(document.body).backgroundColor")
    assert back == {"light": "rgb(255, 255, 255)", "dark": "rgb(26, 26, 26)"}[theme]
    assert browser.get_log("browser") == []


def test_states_that_were_not_always_measured_are_drawn(oscillator, tmp_path):
    recordings = record(oscillator, np.linspace(0, 20, 300))
    (part,) = recordings.parts
    part.states[1::3, 1] = part.states[5:9, 0] = np.nan
    (one,) = replay.replays(oscillator, recordings)
    np.testing.assert_array_equal(np.isnan(one.residual), np.isnan(part.states))
    assert np.isfinite(one.smooth).all() and np.isfinite(one.highest).all()
    page.write_report(tmp_path, oscillator, recordings, command=COMMAND)
    assert (tmp_path / "state_2.png").stat().st_size > 1000
