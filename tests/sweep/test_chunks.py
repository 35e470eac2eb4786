import json
import pickle

import numpy as np
import pytest

from nsindy.sweep import chunks

IDENTITY = {"sweep": "one", "noise": 0.1}
LAYOUT = {"block": 2, "blocks": 1}


def values(number):
    return {"seed": np.arange(2) + 2 * number, "cell": np.zeros(2, int), "found": np.eye(2)}


@pytest.fixture
def folder(tmp_path):
    """Three finished chunks."""
    store = chunks.open_chunks(tmp_path / "sweep", IDENTITY, LAYOUT)
    for number in range(3):
        chunks.write_chunk(store, number, values(number))
    return store.folder


def resumed(folder, identity=IDENTITY):
    return chunks.open_chunks(folder, identity, {"block": 7, "blocks": 9}, resume=True)


def test_what_is_written_is_read(folder):
    store = resumed(folder)
    assert store.layout == LAYOUT
    for number in range(3):
        found = chunks.read_chunk(store, number)
        assert found is not None
        for name, value in values(number).items():
            np.testing.assert_array_equal(found[name], value)
    assert chunks.read_chunk(store, 3) is None
    assert sorted(each.name for each in folder.iterdir()) == [
        *(f"00000{number}.safetensors" for number in range(3)),
        "manifest.json",
    ]


def test_a_folder_without_a_finished_chunk_is_begun_anew(tmp_path):
    chunks.open_chunks(tmp_path, IDENTITY, LAYOUT)
    assert (
        chunks.open_chunks(tmp_path, {"sweep": "two"}, {"block": 3, "blocks": 3}).layout["block"]
        == 3
    )


@pytest.mark.parametrize("cut", [0, 1, 7, 60, -1])
def test_a_chunk_cut_short_is_made_again(folder, cut):
    path = folder / "000001.safetensors"
    path.write_bytes(path.read_bytes()[:cut])
    store = resumed(folder)
    assert chunks.read_chunk(store, 1) is None
    assert chunks.read_chunk(store, 0) is not None
    with pytest.raises(ValueError, match=r"000001\.safetensors is missing or damaged"):
        chunks.load_runs(folder)


def test_a_missing_chunk_is_made_again(folder):
    (folder / "000001.safetensors").unlink()
    assert chunks.read_chunk(resumed(folder), 1) is None


class Trap:
    def __reduce__(self):
        return (pytest.fail, ("a pickle was loaded",))


def test_a_pickle_is_never_loaded(folder):
    (folder / "000001.safetensors").write_bytes(pickle.dumps(Trap()))
    assert chunks.read_chunk(resumed(folder), 1) is None
    (folder / "manifest.json").write_bytes(pickle.dumps(Trap()))
    with pytest.raises(ValueError, match="manifest"):
        resumed(folder)


def manifest(**changed):
    whole = {"identity": IDENTITY, "layout": LAYOUT, "chunks": {"0": "0" * 64}}
    return json.dumps(whole | changed).encode()


DAMAGED = {
    "nothing": b"",
    "garbage": b"\xff\x00\x17 no text",
    "truncated": manifest()[:-20],
    "no object": b"[1, 2]",
    "keys missing": b'{"identity": {}, "layout": {}}',
    "identity is a list": manifest(identity=[1]),
    "layout is text": manifest(layout="2 by 1"),
    "layout lacks blocks": manifest(layout={"block": 2}),
    "layout of text": manifest(layout={"block": "2", "blocks": "1"}),
    "layout of nothing": manifest(layout={"block": 0, "blocks": 1}),
    "chunks is a list": manifest(chunks=["0" * 64]),
    "chunk without a number": manifest(chunks={"first": "0" * 64}),
    "checksum is a number": manifest(chunks={"0": 17}),
}


@pytest.mark.parametrize("case", DAMAGED)
@pytest.mark.parametrize("resume", [False, True])
def test_finished_chunks_with_a_damaged_manifest_are_not_lost_in_silence(folder, case, resume):
    (folder / "manifest.json").write_bytes(DAMAGED[case])
    with pytest.raises(ValueError, match=r"3 chunks.*manifest.*delete that folder"):
        chunks.open_chunks(folder, IDENTITY, LAYOUT, resume=resume)
    with pytest.raises(ValueError, match="manifest"):
        chunks.load_runs(folder)
    assert len(list(folder.glob("*.safetensors"))) == 3


def test_finished_chunks_without_a_manifest_are_not_lost_in_silence(folder):
    (folder / "manifest.json").unlink()
    with pytest.raises(ValueError, match=r"3 chunks.*manifest.*delete that folder"):
        resumed(folder)


def test_a_damaged_manifest_without_chunks_loses_nothing(tmp_path):
    for content in DAMAGED.values():
        (tmp_path / "manifest.json").write_bytes(content)
        assert chunks.open_chunks(tmp_path, IDENTITY, LAYOUT).checksums == {}


def test_another_sweep_is_refused_with_every_difference(folder):
    with pytest.raises(ValueError, match=r"noise is 0.1 there and 0.2 here; sweep is \"one\" th"):
        resumed(folder, {"sweep": "two", "noise": 0.2})
    assert chunks.differences({"a": 1}, {"b": 1}) == [
        "a is 1 there and null here",
        "b is null there and 1 here",
    ]


def test_a_folder_without_chunks_cannot_be_loaded(tmp_path):
    with pytest.raises(ValueError, match="holds no chunks"):
        chunks.load_runs(tmp_path)
    with pytest.raises(ValueError, match="holds no chunks"):
        chunks.load_runs(tmp_path / "none")


def test_load_joins_the_chunks_in_order(folder):
    found = chunks.load_runs(folder)
    np.testing.assert_array_equal(found["seed"], np.arange(6))
    assert found["found"].shape == (6, 2)
