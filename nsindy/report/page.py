"""`report.html`: a discovery on one page, which needs no other file, no script and no network."""

import base64
import functools
import io
import os
import warnings
from collections.abc import Sequence
from html import escape
from pathlib import Path

import numpy as np

from nsindy.recording.check import Recordings
from nsindy.report import figures
from nsindy.report.drawing import Picture
from nsindy.report.replay import replays, thinning
from nsindy.result.discovery import Discovery
from nsindy.runtime import files
from nsindy.terms import symbolic
from nsindy.terms.text import as_given, left_side, number, shares

__all__ = ["write_report"]

NORMAL_95 = 1.959964
"""Half-width of a 95 % interval in standard errors."""

AS_NOISE = 1.3
"""Ratio of the error of a forecast to the noise up to which there was nothing else to forecast."""

STYLE = """
:root { color-scheme: light dark; --ink: #1b1b1b; --soft: #5d5d5d; --line: #dcdcdc;
  --back: #ffffff; --card: #f5f5f3; --mark: #0072b2; --warn: #b34700; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e4e4e4; --soft: #a3a3a3; --line: #3a3a3a; --back: #1a1a1a; --card: #242424;
    --mark: #56b4e9; --warn: #ff9d5c; }
  /* White becomes the colour of the page, and hues stay what they are. */
  img { filter: invert(0.898) hue-rotate(180deg); } }
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 1.2rem 1rem 3rem; max-width: 46rem; background: var(--back);
  color: var(--ink); font: 1rem/1.55 system-ui, sans-serif; overflow-wrap: break-word; }
h1 { font-size: 1.5rem; line-height: 1.25; margin: 0.2rem 0 0.6rem; }
h2 { font-size: 1.15rem; margin: 0 0 0.6rem; }
p, li, figcaption { max-width: 42rem; }
.soft, figcaption { color: var(--soft); font-size: 0.9rem; }
section { margin-top: 2rem; }
.equations { background: var(--card); border-radius: 0.5rem; padding: 0.8rem 1rem; }
.equation { font-size: 1.2rem; margin: 0.5rem 0; padding-left: 1.6rem; text-indent: -1.6rem;
  line-height: 1.9; overflow-x: auto; }
.equation math { text-indent: 0; margin-right: 0.15em; }
.wide { overflow-x: auto; margin-bottom: 1rem; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
th, td { text-align: right; padding: 0.3rem 0.6rem; border-bottom: 1px solid var(--line);
  white-space: nowrap; }
th { width: 27%; white-space: normal; font-weight: 600; font-size: 0.85rem; color: var(--soft); }
th:nth-child(2) { width: 19%; }
th:first-child, td:first-child { text-align: left; }
.laws td:first-child { white-space: normal; }
tr.out td { color: var(--soft); }
meter { width: 4rem; height: 0.7rem; vertical-align: middle; margin-right: 0.4rem; }
@media (max-width: 32rem) { th, td { padding: 0.3rem; font-size: 0.92rem; }
  meter { display: none; } }
figure { margin: 0 0 1.5rem; }
img { display: block; width: 100%; max-width: 40rem; height: auto; }
pre { background: var(--card); padding: 0.7rem 0.9rem; border-radius: 0.5rem; overflow-x: auto;
  font-size: 0.85rem; white-space: pre-wrap; }
.warning { border-left: 4px solid var(--warn); padding: 0.1rem 0 0.1rem 0.8rem; }
.warning h2 { color: var(--warn); }
summary { cursor: pointer; color: var(--mark); }
"""


def write_report(
    folder: str | os.PathLike, discovery: Discovery, recordings: Recordings, *, command: str
) -> Path:
    """Write `report.html`, and its figures as PNG files as well, each whole or not at all.

    Args:
      folder: where to write; it is made if it does not exist.
      discovery: the equations.
      recordings: what they were found in.
      command: the command that found them, as it was typed.

    Returns:
      the path of the page.

    Raises:
      ValueError: the folder cannot be written to, or the recordings are not those of the discovery.
    """
    folder = files.check_folder(folder)
    shown = replays(discovery, recordings)
    drawn = [(p, _png(p)) for p in figures.pictures(discovery, shown)]
    for picture, png in drawn:
        save = functools.partial(Path.write_bytes, data=png)
        files.write_whole(folder / f"{picture.name}.png", save)
    page = _page(discovery, recordings, drawn, command, len(shown))
    path = folder / "report.html"
    files.write_whole(path, lambda file: file.write_text(page, encoding="utf-8", newline="\n"))
    return path


def _png(picture: Picture) -> bytes:
    buffer = io.BytesIO()
    with warnings.catch_warnings():
        # Characters that the font lacks are drawn as boxes; the text of the page shows them right.
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        picture.figure.savefig(buffer, format="png", dpi=160)
    return buffer.getvalue()


def _page(
    discovery: Discovery,
    recordings: Recordings,
    drawn: Sequence[tuple[Picture, bytes]],
    command: str,
    shown: int,
) -> str:
    names = escape(", ".join(discovery.measured))
    plural = "s" if len(discovery.measured) > 1 else ""
    what = "map" if discovery.map else "equation"
    title = {
        "equation": f"The {what}{plural} behind {names}",
        "approximation": f"{names}: no {what} found, an approximation",
        "none": f"{names}: no {what} found",
    }[discovery.verdict]
    by_name = {picture.name: _figure(picture, png) for picture, png in drawn}
    states = "".join(by_name[f"state_{d + 1}"] for d in range(len(discovery.measured)))
    drawn_from = ""
    if shown < len(recordings.parts):
        drawn_from += f"The figures show the first {shown} of {len(recordings.parts)} recordings. "
    step = max(thinning(part) for part in recordings.parts)
    if step > 1:
        drawn_from += f"Long recordings are drawn with one sample in {step}."
    drawn_from = f'<p class="soft">{drawn_from}</p>' if drawn_from else ""
    body = [
        f"<h1>{title}</h1>",
        _introduction(discovery, recordings),
        _equations(discovery),
        _laws(discovery),
        _bullets("Warnings", discovery.warnings, "warning"),
        _section("Coefficients", _coefficients(discovery)),
        _section("Data and simulation", drawn_from + states),
        _section("Phase portrait", by_name["phase"]),
        _section("What each term explains", by_name["terms"]),
        _section("Are the residuals only noise?", by_name["residuals"]),
        _section("Forecast of the held-out data", _forecast(discovery) + by_name["forecast"]),
        _bullets(
            "Models that the recording cannot distinguish from this one",
            discovery.equivalent_models,
        ),
        _bullets("Runners-up", discovery.runner_up),
        _bullets("Relations between terms", discovery.collinear),
        _bullets("How the recording was read, and what was fitted", discovery.notes),
        _section("How this page was made", f"<pre>{escape(command)}</pre>"),
    ]
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy"
 content="default-src 'none'; img-src data:; style-src 'unsafe-inline'">
<title>{title}</title>
<link rel="icon" href="data:,">
<style>{STYLE}</style>
</head>
<body>
<main>
{chr(10).join(part for part in body if part)}
</main>
</body>
</html>
"""


def _section(title: str, content: str, kind: str = "") -> str:
    return f'<section class="{kind}"><h2>{escape(title)}</h2>{content}</section>'


def _bullets(title: str, lines: Sequence[str], kind: str = "") -> str:
    """A list under its title; an empty text if there are no lines."""
    items = "".join(f"<li>{escape(line)}</li>" for line in lines)
    return _section(title, f"<ul>{items}</ul>", kind) if lines else ""


def _figure(picture: Picture, png: bytes) -> str:
    width, height = (round(160 * size) for size in picture.figure.get_size_inches())
    source = base64.b64encode(png).decode()
    caption = f"<figcaption>{escape(picture.caption)}</figcaption>" if picture.caption else ""
    return (
        f'<figure><img src="data:image/png;base64,{source}" width="{width}" height="{height}" '
        f'alt="{escape(picture.title)}">{caption}</figure>'
    )


def _introduction(discovery: Discovery, recordings: Recordings) -> str:
    count, samples = len(recordings.parts), sum(len(part.times) for part in recordings.parts)
    first = min(float(part.times[0]) for part in recordings.parts)
    last = max(float(part.times[-1]) for part in recordings.parts)
    recorded = "one recording of" if count == 1 else f"{count} recordings, together"
    plural = "s" if len(discovery.inputs) > 1 else ""
    names = ", ".join(discovery.inputs)
    forced = f", with the measured input{plural} {names}" if names else ""
    velocities = "; only positions were measured" if discovery.order == 2 else ""
    if discovery.hidden:
        velocities = f"; {', '.join(discovery.hidden)} was not measured"
    text = (
        f"Found in {recorded} {samples:,} samples, from time {first:.6g} to {last:.6g}"
        f"{forced}{velocities}."
    )
    return f"<p>{escape(text)}</p>"


def _equations(discovery: Discovery) -> str:
    lines = symbolic.pieces(
        terms=discovery.library, variables=discovery.variables, **discovery.found()
    )
    typeset = "".join(
        f'<div class="equation">{" ".join(f"<math>{piece}</math>" for piece in line)}</div>'
        for line in lines
    )
    copy = f"{discovery}\n\n" + "\n".join(discovery.latex())
    return (
        f'<div class="equations">{typeset}<details><summary>As text and LaTeX</summary>'
        f"<pre>{escape(copy)}</pre></details></div>"
    )


def _laws(discovery: Discovery) -> str:
    """The laws that were tested beside what was found; an empty text if there were none."""
    if not discovery.laws:
        return ""
    lines = []
    for law in discovery.laws:
        better = f"{law.nats:+.1f}".replace("-", "−") if np.isfinite(law.nats) else "no solution"
        explained = map(shares, (law.r2, law.held_out))
        name = f"<code>{escape(law.text)}</code>" if law.text else "what was found"
        numbers = f'<br><span class="soft">{escape(law.numbers())}</span>' if law.names else ""
        cells = [name + numbers, better, *map(escape, explained)]
        lines.append(f"<tr>{''.join(f'<td>{cell}</td>' for cell in cells)}</tr>")
    head = ["equations", "nats", "R² of one simulation", "R² of the forecast"]
    price = discovery.laws[0].price
    note = (
        "Nats are log evidence beyond that of what was found, above 0 for a law that is likelier. "
        f"What was found pays {price:.1f} nats for the choice of its terms among all others, a law "
        "that was given pays for its numbers alone; a state that it has no equation for keeps the "
        "terms that were found. The simulation starts at the first sample and ends at the last; "
        "the forecast is of the last fifth, by a fit to the first four."
    )
    table = _table(head, lines).replace('class="wide"', 'class="wide laws"')
    return _section("Laws that were tested", f'{table}<p class="soft">{note}</p>')


def _table(head: Sequence[str], rows: Sequence[str]) -> str:
    cells = "".join(f"<th>{escape(word)}</th>" for word in head)
    return f'<div class="wide"><table><tr>{cells}</tr>{"".join(rows)}</table></div>'


def _coefficients(discovery: Discovery, likely: float = 0.05) -> str:
    """The terms of each equation with a coefficient, and those that are likely without one."""
    values, errors, probabilities = (
        np.asarray(array)
        for array in (
            discovery.coefficients,
            discovery.standard_errors,
            discovery.inclusion_probabilities,
        )
    )
    tables, given = [], discovery.given
    for row in discovery.rows:
        lines = []
        for m in np.argsort(values[row] == 0, kind="stable"):
            value, error, chance = values[row, m], errors[row, m], probabilities[row, m]
            if value == 0 and not chance >= likely:
                continue
            size, interval = "—", "—"
            if value != 0:
                half = NORMAL_95 * error
                size = number(value, float(as_given(value)) if given[row, m] else error)
                interval = "given" if given[row, m] else "not known"
                if error > 0 and not given[row, m]:
                    ends = (number(end, error) for end in (value - half, value + half))
                    interval = " … ".join(ends)
            term = symbolic.mathml(discovery.library[m], discovery.variables)
            cells = [f"<math>{term}</math>", *(w.replace("-", "−") for w in (size, interval))]
            kind = " class=out" if value == 0 else ""
            row_cells = "".join(f"<td>{cell}</td>" for cell in (*cells, _meter(chance)))
            lines.append(f"<tr{kind}>{row_cells}</tr>")
        left = left_side(discovery.states[row], map=discovery.map)
        head = [left, "coefficient", "95 % interval", "in the equation"]
        tables.append(_table(head, lines))
    note = "“In the equation” is the posterior probability that the term belongs to the equation."
    if any("class=out" in table for table in tables):
        note += (
            " Terms without a coefficient were left out, although their probability is at least "
            f"{100 * likely:.0f} %."
        )
    return "".join(tables) + f'<p class="soft">{note}</p>'


def _meter(chance: float) -> str:
    if not np.isfinite(chance):
        return "not known"
    percent = 100 * float(chance)
    word = "> 99.9" if percent > 99.9 else "< 0.1" if percent < 0.1 else f"{percent:.1f}"
    return f'<meter min="0" max="1" value="{chance:.4f}"></meter>{escape(word)} %'


def _forecast(discovery: Discovery) -> str:
    rows = []
    kinds = discovery.noise_kind or ("constant",) * len(discovery.states)
    for d, name in enumerate(discovery.measured):
        noise = float(np.asarray(discovery.noise)[d])
        size = f"{100 * noise:.3g} % of the value" if kinds[d] == "proportional" else f"{noise:.3g}"
        error, r2 = (
            float(np.asarray(array)[d])
            for array in (discovery.held_out.rmse, discovery.held_out.r2)
        )
        wrong = f"{error:.3g}" if np.isfinite(error) else "diverged"
        share = shares([r2])
        if kinds[d] == "constant" and r2 < 0.5 and error < AS_NOISE * noise:
            share += " (the last fifth is noise)"
        cells = [escape(name), wrong, share, size]
        rows.append(f"<tr><td>{'</td><td>'.join(cells)}</td></tr>")
    head = ["state", "error (RMS)", "R²", "measurement noise"]
    return _table(head, rows)
