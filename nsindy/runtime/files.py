"""Files that are written whole or not at all."""

import json
import math
import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

__all__ = ["check_folder", "to_json", "write_json", "write_whole"]


def check_folder(folder: str | os.PathLike) -> Path:
    """Make a folder and prove that files can be written there.

    Raises:
      ValueError: it cannot be made or written to.
    """
    folder = Path(folder)
    probe = folder / f".{os.getpid()}.partial"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe.write_bytes(b"")
        probe.unlink()
    except OSError as error:
        raise ValueError(
            f"cannot write to {folder}: {error.strerror}; give another --out"
        ) from error
    return folder


def write_whole(path: str | os.PathLike, write: Callable[[Path], Any]) -> None:
    """Let `write` fill a temporary file beside the path, then put it in place in one step.

    The file is on the disk before it gets its name, so neither a kill nor a power cut leaves half
    of it.
    """
    path = Path(path)
    writer = f"{os.getpid()}.{threading.get_ident()}"
    temporary = path.with_name(f".{writer}.partial{path.suffix}")
    try:
        write(temporary)
        with temporary.open("rb+") as file:
            os.fsync(file.fileno())
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def to_json(value: Any) -> Any:
    """Arrays, NamedTuples and numbers as JSON values; a number that is not finite becomes null."""
    if hasattr(value, "_asdict"):
        return {key: to_json(item) for key, item in value._asdict().items()}
    if isinstance(value, dict):
        return {str(key): to_json(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [to_json(item) for item in value]
    if isinstance(value, str | bool | int) or value is None:
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return to_json(np.asarray(value).tolist())


def write_json(path: str | os.PathLike, content: Any) -> None:
    """Write JSON values to a file, whole or not at all."""
    text = json.dumps(to_json(content), indent=1, ensure_ascii=False) + "\n"
    write_whole(path, lambda temporary: temporary.write_text(text, encoding="utf-8"))
