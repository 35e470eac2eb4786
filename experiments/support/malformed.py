"""Malformed and hostile recordings, as files: how each kind is drawn from a generator."""

import datetime
import gzip
import io
import json
from collections.abc import Callable
from typing import Any

import numpy as np
import scipy.io

Cells = list[list[str]]


def oscillator(rng: np.random.Generator) -> Cells:
    """A damped oscillator's t, x, v with noise, as text, below a header."""
    n = int(rng.choice((12, 40, 200)))
    t = np.linspace(0.0, 10.0, n)
    x, v = np.exp(-0.05 * t) * np.stack([np.cos(t), -np.sin(t)])
    values = np.column_stack([t, x, v]) + rng.normal(0, 0.01, (n, 3)) * np.array([0, 1, 1])
    return [["t", "x", "v"], *([f"{value:.5f}" for value in row] for row in values)]


def text(cells: Cells, separator: str = ",") -> bytes:
    """The table as a file."""
    return "".join(separator.join(row) + "\n" for row in cells).encode()


def altered(change: Callable[[np.random.Generator, Cells], Any]) -> Callable[..., bytes]:
    """Files in which `change` has altered the cells in place."""

    def make(rng: np.random.Generator) -> bytes:
        cells = oscillator(rng)
        change(rng, cells)
        return text(cells)

    return make


def scaled(low: float, high: float) -> Callable[..., bytes]:
    """Files in which every column has its own power of ten."""

    def change(rng, cells):
        powers = rng.uniform(low, high, 3).round()
        cells[1:] = [
            [f"{cell}e{power:.0f}" for cell, power in zip(row, powers, strict=True)]
            for row in cells[1:]
        ]

    return altered(change)


def cell_of(*words: str, most: int = 3) -> Callable[..., bytes]:
    """Files in which up to `most` cells are one of the words."""

    def change(rng, cells):
        for _ in range(rng.integers(1, most + 1)):
            cells[rng.integers(1, len(cells))][rng.integers(3)] = str(rng.choice(words))

    return altered(change)


def header_of(*words: str) -> Callable[..., bytes]:
    """Files with three of the words as header."""

    def change(rng, cells):
        cells[0] = [str(word) for word in rng.choice(words, 3)]

    return altered(change)


def separated(*separators: str, comma: bool = False) -> Callable[..., bytes]:
    """Files with one of the separators between cells."""

    def make(rng: np.random.Generator) -> bytes:
        content = text(oscillator(rng), str(rng.choice(separators)))
        return content.replace(b".", b",") if comma else content

    return make


def _rows_again(rng, cells):
    for _ in range(rng.integers(1, 4)):
        cells.append(list(cells[rng.integers(1, len(cells))]))


def _same_time(rng, cells):
    row = rng.integers(2, len(cells))
    cells[row][0] = cells[row - 1][0]


def _shuffled(rng, cells):
    cells[1:] = [cells[1 + i] for i in rng.permutation(len(cells) - 1)]


def _ragged(rng, cells):
    row = cells[rng.integers(1, len(cells))]
    row[:] = row[:-1] if rng.random() < 0.5 else [*row, "1"]


def _few(rng, cells):
    del cells[1 + rng.integers(0, 10) :]


def _columns(rng, cells):
    kept = rng.choice(3, rng.integers(1, 3), replace=False)
    cells[:] = [[row[i] for i in kept] for row in cells]


def _constant(rng, cells):
    column = rng.integers(3)
    for row in cells[1:]:
        row[column] = cells[1][column]


def _gap(rng, cells):
    begin = rng.integers(1, len(cells))
    del cells[begin : begin + rng.integers(1, len(cells))]


def _no_header(rng, cells):
    del cells[0]


def _noise_only(rng, cells):
    for row in cells[1:]:
        row[1:] = [f"{value:.4g}" for value in rng.standard_cauchy(2)]


def _units(rng, cells):
    units = [str(unit) for unit in rng.choice(["s", "m", " V", " °C", "%", " m/s"], 3)]
    cells[1:] = [[cell + unit for cell, unit in zip(row, units, strict=True)] for row in cells[1:]]
    if rng.random() < 0.3:
        cells[rng.integers(1, len(cells))][rng.integers(3)] += "?"


def _moments(rng, cells):
    form = str(
        rng.choice(
            (
                "%H:%M:%S.%f",
                "%M:%S.%f",
                "%d.%m.%Y %H:%M:%S.%f",
                "%m/%d/%Y %H:%M",
                "%d/%m/%y",
                "%b-%d",
                "%Y%m%dT%H%M%S",
            )
        )
    )
    begin = datetime.datetime(1999, 12, 31, 23, 59, 55)
    pace = float(rng.choice((1, 3600, 86400, 1e6)))
    for row in cells[1:]:
        row[0] = (begin + datetime.timedelta(seconds=pace * float(row[0]))).strftime(form)


def _thousands(rng, cells):
    for row in cells[1:]:
        row[1:] = [f'"{1e4 * float(cell):,.{rng.integers(3)}f}"' for cell in row[1:]]


def _several(rng, cells):
    ids = rng.choice(["", "1", "2", "A", "B"], 2)
    rows = [[str(name), *row] for name in ids for row in cells[1:]]
    order = rng.permutation(len(rows)) if rng.random() < 0.3 else range(len(rows))
    cells[:] = [[str(rng.choice(("id", "", "x"))), *cells[0]], *(rows[i] for i in order)]


def _long(rng, cells):
    rows = [
        [row[0], name, cell] for row in cells[1:] for name, cell in zip("xv", row[1:], strict=True)
    ]
    del rows[: rng.integers(3)]
    cells[:] = [["t", "variable", "value"], *rows]


def _title(rng, cells):
    words = ["A title", "", "Rate", "100", "t", "1.5"]
    for _ in range(rng.integers(1, 4)):
        cells.insert(0, [str(word) for word in rng.choice(words, rng.integers(1, 5))])


def _turned(rng: np.random.Generator) -> bytes:
    cells = oscillator(rng)
    rows = [list(row) for row in zip(*cells[int(rng.integers(2)) :], strict=True)]
    return text(rows, str(rng.choice((",", ";", " "))))


def _binary(rng: np.random.Generator) -> bytes:
    cells = oscillator(rng)
    values = np.array([[float(cell) for cell in row] for row in cells[1:]])
    named: dict[str, Any] = dict(zip("txv", values.T, strict=True))
    named["more"] = [rng.normal(size=rng.integers(0, 4, rng.integers(0, 4))), "word", None][
        rng.integers(3)
    ]
    buffer = io.BytesIO()
    match rng.integers(5):
        case 0:
            np.save(buffer, values.astype(str(rng.choice(("f4", "f8", "i4", "c16", "U8")))))
        case 1:
            np.savez(buffer, **{k: v for k, v in named.items() if v is not None})
        case 2:
            np.save(buffer, np.array([*named.values(), {}], dtype=object), allow_pickle=True)
        case 3:
            lists = {k: v.tolist() for k, v in named.items() if hasattr(v, "tolist")}
            buffer.write(json.dumps([lists, values.tolist(), cells][rng.integers(3)]).encode())
        case _:
            scipy.io.savemat(buffer, {k: v for k, v in named.items() if v is not None})
    content = bytearray(buffer.getvalue())
    for _ in range(rng.integers(0, 3)):
        content[rng.integers(len(content))] = rng.integers(256)
    content = content[: rng.integers(len(content))] if rng.random() < 0.2 else content
    return gzip.compress(bytes(content)) if rng.random() < 0.2 else bytes(content)


def _cut(rng: np.random.Generator) -> bytes:
    content = text(oscillator(rng))
    return content[: rng.integers(len(content))]


def _overwritten(rng: np.random.Generator) -> bytes:
    content = bytearray(text(oscillator(rng)))
    for _ in range(rng.integers(1, 6)):
        content[rng.integers(len(content))] = rng.integers(128)
    return bytes(content)


def _encoded(rng: np.random.Generator) -> bytes:
    cells = oscillator(rng)
    cells[0][1] = "Größe"
    encoding = str(rng.choice(("utf-16", "utf-32", "latin-1", "utf-8-sig", "utf-7", "cp037")))
    return text(cells).decode().encode(encoding)


KINDS: dict[str, Callable[[np.random.Generator], bytes]] = {
    "as it should be": altered(lambda rng, cells: None),
    "no header": altered(_no_header),
    "shuffled rows": altered(_shuffled),
    "repeated rows": altered(_rows_again),
    "same time, other values": altered(_same_time),
    "a gap in time": altered(_gap),
    "one to nine rows": altered(_few),
    "one or two columns": altered(_columns),
    "a ragged row": altered(_ragged),
    "a constant column": altered(_constant),
    "heavy-tailed noise": altered(_noise_only),
    "empty or infinite cells": cell_of("", "nan", "inf", "-inf", "1e999", "NA", most=6),
    "text in cells": cell_of("x", "1_0", "0x1f", "1.2.3", "2024-01-01", "=1+1", '"', "1e", "½"),
    "huge cells": cell_of("1e308", "-1e99", "1e30", "1e-320", "9" * 400),
    "scales 1e±28": scaled(-28, 28),
    "scales 1e±300": scaled(-300, 300),
    "unicode headers": header_of("θ̇", "时间", "x\u200b", "Größe (mm)", "🙂", "x'", "t", "١"),
    "headers of code": header_of("lambda", "sin", "__import__('os')", "x[0]", "1", "<b>", "$x$"),
    "separators": separated(";", "\t", " ", "   ", ", ", "|", ":", "\x00", ";;"),
    "decimal commas": separated(";", "\t", " ", ",", comma=True),
    "units in cells": altered(_units),
    "clocks and dates": altered(_moments),
    "thousands": altered(_thousands),
    "several recordings": altered(_several),
    "long tables": altered(_long),
    "lines above": altered(_title),
    "one series in each row": _turned,
    "NumPy, JSON and MATLAB": _binary,
    "cut anywhere": _cut,
    "bytes overwritten": _overwritten,
    "other encodings": _encoded,
    "random bytes": lambda rng: rng.bytes(int(rng.integers(0, 2000))),
    "empty": lambda rng: b"\n" * int(rng.integers(0, 3)),
}
"""How each kind of file is made."""
