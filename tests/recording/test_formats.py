import gzip
import io
import json
import sys
import types

import numpy as np
import pytest
import scipy.io
from written_tables import ROWS, T, X, matrix, table

from nsindy.recording import check, formats

TEXT = table(ROWS).encode()
VALUES = np.array(ROWS)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def right(path, names=("x", "v"), **ask):
    found = check.read_recordings(path, **ask)
    np.testing.assert_allclose(matrix(found), ROWS, rtol=1e-15, atol=1e-15)
    assert found.states == names
    return found.notes


def saved(save, *arguments, **named):
    buffer = io.BytesIO()
    save(buffer, *arguments, **named)
    return buffer.getvalue()


@pytest.mark.parametrize("packed", [False, True])
def test_arrays_of_numpy(folder, packed):
    path = folder / f"river.npy{'.gz' * packed}"
    pack = gzip.compress if packed else bytes
    fields = [("t", float), ("x", float), ("v", np.float64)]
    structured = np.array([tuple(row) for row in ROWS], dtype=fields)
    for array, names in ((VALUES, ("x", "y")), (VALUES.T, ("x", "y")), (structured, ("x", "v"))):
        path.write_bytes(pack(saved(np.save, array)))
        right(path, names)
    path.write_bytes(pack(saved(np.save, X)))
    right(path, ("x", "y"), dt=0.5)
    path = folder / "river.npz"
    for arrays, names in (
        ({"t": T, "x": X[:, 0], "v": X[:, 1]}, ("x", "v")),
        ({"time": T[:, None], "x": X}, ("x0", "x1")),
        ({"dt": 0.5, "x": X[:, 0], "v": X[:, 1], "mass": np.ones(3)}, ("x", "v")),
    ):
        path.write_bytes(saved(np.savez_compressed, **arrays))
        notes = right(path, names)
    assert any("left out mass, which have other lengths than 24" in note for note in notes)
    assert any("times are 0.5 apart, as the number dt says" in note for note in notes)
    path.write_bytes(saved(np.save, X + 1j))
    with pytest.raises(ValueError, match="holds complex numbers"):
        check.read_recordings(path)
    path.write_bytes(saved(np.save, VALUES)[:200])
    with pytest.raises(ValueError, match=r"river.npz is damaged: .*save it again"):
        check.read_recordings(path)


def test_matlab(folder):
    path = folder / "river.mat"
    for content, names in (
        ({"t": T, "x": X[:, 0], "v": X[:, [1]]}, ("x", "v")),
        ({"t": T, "X": X, "note": "a remark"}, ("X0", "X1")),
        ({"log": {"t": T, "x": X[:, 0], "v": X[:, 1]}}, ("log_x", "log_v")),
        ({"data": VALUES}, ("data1", "data2")),
    ):
        scipy.io.savemat(path, content)
        right(path, names, **({"time": "1"} if "log" in content or "data" in content else {}))
    path.write_bytes(b"MATLAB 7.3 MAT-file" + b" " * 105 + b"\x00\x02IM" + b"\x89HDF\r\n\x1a\n")
    with pytest.raises(ValueError, match=r"version 7.3; save it with save\(..., '-v7'\)"):
        check.read_recordings(path)
    path.write_bytes(b"MATLAB 5.0" + bytes(range(200)))
    with pytest.raises(ValueError, match=r"river.mat cannot be read"):
        check.read_recordings(path)


def test_json(folder):
    path = folder / "river.json"
    for content in (
        {"t": T.tolist(), "x": X[:, 0].tolist(), "v": X[:, 1].tolist(), "by": "me"},
        [dict(zip("txv", row, strict=True)) for row in ROWS],
        [list("txv"), *ROWS],
        [{"t": f"2024-03-01T00:00:{t:04.1f}", "x": x, "v": v} for t, x, v in ROWS],
    ):
        path.write_text(json.dumps(content))
        right(path)
    content = [dict(zip("txv", row, strict=True)) for row in ROWS]
    content[3]["v"] = None
    path.write_text(json.dumps(content))
    assert len(check.read_recordings(path).parts[0].times) == 23
    for text, said in (
        ("{", "is not JSON"),
        ("[" * 100_000, "is not JSON"),
        ("3", "holds no table"),
        ("{}", "holds no columns of numbers"),
        ('{"t": [[1], [1, 2]]}', "t is not regular"),
        ("[\"__import__('os')\"]", "no row of numbers"),
    ):
        path.write_text(text)
        with pytest.raises(ValueError, match=said):
            check.read_recordings(path)


def test_packed_text(folder):
    path = folder / "river.csv.gz"
    path.write_bytes(gzip.compress(TEXT))
    right(path)
    path.write_bytes(gzip.compress(TEXT)[:-20])
    with pytest.raises(ValueError, match="cannot be unpacked"):
        check.read_recordings(path)


def test_what_grows_without_end_is_refused(folder, monkeypatch):
    monkeypatch.setattr(formats, "LARGEST", 10_000)
    (folder / "a.gz").write_bytes(gzip.compress(bytes(20_000)))
    (folder / "a.npz").write_bytes(saved(np.savez_compressed, x=np.zeros(5000)))
    (folder / "a.csv").write_bytes(TEXT * 20)
    for name, said in (("a.gz", "has more than"), ("a.npz", "too large"), ("a.csv", "more than")):
        with pytest.raises(ValueError, match=said):
            check.read_recordings(folder / name)


def test_standard_input(monkeypatch):
    for content in (TEXT, gzip.compress(TEXT), saved(np.save, VALUES)):
        stream = types.SimpleNamespace(buffer=io.BytesIO(content))
        monkeypatch.setattr(sys, "stdin", stream)
        found = check.read_recordings("-")
        np.testing.assert_array_equal(matrix(found), ROWS)
    stream = types.SimpleNamespace(buffer=io.BytesIO(b""))
    monkeypatch.setattr(sys, "stdin", stream)
    with pytest.raises(ValueError, match="standard input is empty"):
        check.read_recordings("-")


def test_an_archive_is_named(folder):
    import zipfile

    with zipfile.ZipFile("river.zip", "w") as archive:
        archive.writestr("river.csv", TEXT)
    with pytest.raises(ValueError, match="is an archive; unpack it and name the files in it"):
        check.read_recordings("river.zip")


def test_what_needs_a_library_names_it(folder, monkeypatch):
    (folder / "river.parquet").write_bytes(b"PAR1" + bytes(20))
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(ValueError, match=r"pip install 'nsindy\[files\]', or export it as CSV"):
        check.read_recordings("river.parquet")


def test_parquet(folder):
    arrow = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    moments = np.datetime64("2024-03-01T00:00:00") + (1000 * T).astype("timedelta64[ms]")
    for times in (T, moments):
        columns = {"t": times, "x": X[:, 0], "v": X[:, 1], "site": ["A"] * 24}
        parquet.write_table(arrow.table(columns), "river.parquet")
        right("river.parquet")
    content = (folder / "river.parquet").read_bytes()
    (folder / "river.parquet").write_bytes(content[:-60] + content[-8:])
    with pytest.raises(ValueError, match=r"river.parquet cannot be read"):
        check.read_recordings("river.parquet")


def test_workbooks(folder):
    pytest.importorskip("python_calamine")
    openpyxl = pytest.importorskip("openpyxl")
    import datetime

    start = datetime.datetime(2024, 3, 1)
    for first in (lambda t: t, lambda t: start + datetime.timedelta(seconds=t)):
        book = openpyxl.Workbook()
        book.active.append(["A title"])
        sheet = book.create_sheet("data")
        for row in (["A tracker's export"], [], ["t", "x", "v"], ["s", "m", "m/s"]):
            sheet.append(row)
        for t, x, v in ROWS:
            sheet.append([first(t), x, v])
        book.save("river.xlsx")
        notes = right("river.xlsx")
        assert any("read sheet 'data' of 2" in note for note in notes)
    (folder / "river.xlsx").write_bytes((folder / "river.xlsx").read_bytes()[:-400])
    with pytest.raises(ValueError, match=r"river.xlsx"):
        check.read_recordings("river.xlsx")
