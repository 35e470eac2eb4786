"""The finished chunks of a sweep in a folder: written whole, checked when read, continued.

`manifest.json` holds what the sweep is (its identity), how it is cut (its layout), and the checksum
of every chunk; `000012.safetensors` holds the values of one chunk.
"""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import safetensors.numpy

from nsindy.runtime import files

__all__ = ["Chunks", "differences", "load_runs", "open_chunks", "read_chunk", "write_chunk"]

Arrays = dict[str, np.ndarray]


class Chunks(NamedTuple):
    """A folder of finished chunks.

    Attributes:
      folder: where they lie.
      identity: what the sweep is: settings, inputs, code; as JSON values.
      layout: how its runs are cut into chunks.
      checksums: SHA-256 of every finished chunk, by its number; it grows as chunks are written.
    """

    folder: Path
    identity: dict[str, Any]
    layout: dict[str, int]
    checksums: dict[int, str]


def open_chunks(
    folder: Path, identity: Mapping[str, Any], layout: Mapping[str, int], *, resume: bool = False
) -> Chunks:
    """Start a folder of chunks, or continue one that holds chunks of the same sweep.

    Args:
      folder: made if it is not there.
      identity: what the sweep is, JSON values.
      layout: how to cut it; a folder that is continued keeps its own.
      resume: continue what is there.

    Raises:
      ValueError: the folder holds chunks and `resume` was not given, or they belong to another
        sweep (with the differences), or nobody knows to which, or nothing can be written there.
    """
    found = _kept(folder)
    if found is not None and found.checksums:
        count = len(found.checksums)
        changed = differences(found.identity, files.to_json(dict(identity)))
        if changed:
            raise ValueError(
                f"{folder} holds {count} finished chunks of another sweep ({'; '.join(changed)}): "
                "give another --out, or delete that folder"
            )
        if not resume:
            raise ValueError(
                f"{folder} holds {count} finished chunks of this sweep: --resume continues it; to "
                "begin anew delete that folder"
            )
        return found
    started = Chunks(folder, files.to_json(dict(identity)), dict(layout), {})
    _save(started)
    return started


def read_chunk(chunks: Chunks, number: int) -> Arrays | None:
    """The values of a finished chunk; None where it is missing or damaged, and must be made."""
    expected = chunks.checksums.get(number)
    if expected is None:
        return None
    try:
        content = _path(chunks, number).read_bytes()
    except OSError:
        return None
    if hashlib.sha256(content).hexdigest() != expected:
        return None
    return safetensors.numpy.load(content)


def write_chunk(chunks: Chunks, number: int, values: Arrays) -> None:
    """Add a chunk: its file first, then the manifest, each whole or not at all.

    Raises:
      ValueError: it cannot be written; the chunks before it are intact.
    """
    content = safetensors.numpy.save(
        {name: np.ascontiguousarray(value) for name, value in values.items()}
    )
    path = _path(chunks, number)
    try:
        files.write_whole(path, lambda temporary: temporary.write_bytes(content))
        chunks.checksums[number] = hashlib.sha256(content).hexdigest()
        _save(chunks)
    except OSError as error:
        chunks.checksums.pop(number, None)
        raise ValueError(
            f"cannot write {path}: {error.strerror}; the {len(chunks.checksums)} finished chunks "
            "before it are intact, and --resume continues there once it can be written"
        ) from error


def load_runs(folder: Path) -> Arrays:
    """Every run of a finished or unfinished sweep, for a look by hand.

    Args:
      folder: of the chunks.

    Returns:
      `cell` and `seed` of every run [R], and the leaves of its value [R, …]; a leaf that is kept
      for the first seeds only has fewer rows.

    Raises:
      ValueError: the folder holds no chunks, a damaged one, or no manifest of them.
    """
    chunks = _kept(Path(folder))
    if chunks is None or not chunks.checksums:
        raise ValueError(f"{folder} holds no chunks of a sweep with a readable manifest.json")
    parts = []
    for number in sorted(chunks.checksums):
        part = read_chunk(chunks, number)
        if part is None:
            raise ValueError(f"{_path(chunks, number)} is missing or damaged: run with --resume")
        parts.append(part)
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def differences(there: Mapping[str, Any], here: Mapping[str, Any]) -> list[str]:
    """What differs between two identities, `name is 1 there and 2 here`."""
    words = []
    for name in sorted({*there, *here}):
        old, new = (json.dumps(each.get(name), ensure_ascii=False) for each in (there, here))
        if old != new:
            words.append(f"{name} is {old} there and {new} here")
    return words


def _path(chunks: Chunks, number: int) -> Path:
    return chunks.folder / f"{number:06d}.safetensors"


def _save(chunks: Chunks) -> None:
    content = {"identity": chunks.identity, "layout": chunks.layout, "chunks": chunks.checksums}
    files.check_folder(chunks.folder)
    files.write_json(chunks.folder / "manifest.json", content)


def _kept(folder: Path) -> Chunks | None:
    """The chunks that the manifest lists; None where nothing was kept.

    Raises:
      ValueError: there are chunks, and nothing readable that says whose.
    """
    try:
        found = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
        if _is_manifest(found):
            checksums = {int(number): value for number, value in found["chunks"].items()}
            return Chunks(folder, found["identity"], found["layout"], checksums)
    except (OSError, ValueError, RecursionError):
        pass
    count = len(list(folder.glob("[0-9]*.safetensors")))
    if count:
        raise ValueError(
            f"{folder} holds {count} chunks, but its manifest.json is missing or damaged, so that "
            "nothing says what they are: give another --out, or delete that folder"
        )
    return None


def _is_manifest(found: Any) -> bool:
    if not isinstance(found, dict):
        return False
    parts: list[Any] = [found.get(name) for name in ("identity", "layout", "chunks")]
    identity, layout, checksums = parts
    return (
        all(isinstance(each, dict) for each in (identity, layout, checksums))
        and all(type(layout.get(name)) is int and layout[name] > 0 for name in ("block", "blocks"))
        and all(
            number.isdecimal() and isinstance(checksum, str)
            for number, checksum in checksums.items()
        )
    )
