"""Programs that were traced before, on disk: Python builds a program once for a machine.

What XLA compiles from is kept, as `jax.export` writes it, and JAX's own cache keeps what it was
compiled to. A file is known by everything that the program was made from: its function, the shapes
and types of its arguments, what is compiled in, the source of nsindy, and the versions of what
traced it.

No file is unpickled: it holds the program and, as JSON, the structure of the result. A program
computes and could, changed by somebody else, ask XLA for any function that is registered there, as
what lies in JAX's own cache could. So files are read from a folder alone that belongs to the user
and that nobody else may write to, and never from beside a recording.
"""

import dataclasses
import functools
import hashlib
import importlib
import json
import os
import sys
import types
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jaxlib
import numpy as np
from jax import export
from jax.tree_util import PyTreeDef

from nsindy.runtime import files

__all__ = ["Traced", "lower", "name_of", "platform", "read", "trace", "write"]

SETTINGS = ("jax_default_matmul_precision", "jax_numpy_dtype_promotion", "jax_default_prng_impl")
"""What JAX's configuration says of the operations that a trace is made of."""

FOLDER = "nsindy-traced"


class Traced(NamedTuple):
    """A function of the leaves of its arguments.

    Attributes:
      exported: from the leaves, one after the other, to a list of the leaves of the result.
      result: the structure of the result.
    """

    exported: export.Exported
    result: PyTreeDef


def platform() -> str:
    """What programs run on: the platform of `jax.default_device` where that is said."""
    device = jax.config.jax_default_device  # type: ignore[attr-defined]
    return jax.default_backend() if device is None else getattr(device, "platform", device)


def trace(
    function: Callable[..., Any], leaves: Sequence[Any], tree: PyTreeDef, name: str
) -> Traced:
    """Trace a function of keywords for arguments of these shapes and types.

    Args:
      function: of keywords.
      leaves: of the keywords, arrays.
      tree: their structure.
      name: of the program.
    """
    structure: list[PyTreeDef] = []

    def flat(*leaves):
        result, tree_out = jax.tree.flatten(function(**jax.tree.unflatten(tree, leaves)))
        structure[:] = [tree_out]
        return result

    flat.__name__ = name
    said = jax.config.jax_default_device is not None  # type: ignore[attr-defined]
    exported = export.export(jax.jit(flat), platforms=[platform()] if said else None)
    return Traced(exported(*leaves), structure[0])


def lower(traced: Traced, leaves: Sequence[Any]) -> Any:
    """Lower a program for these arguments.

    It is the same for XLA whether it was traced just now or read.
    """

    def call(*leaves):
        return traced.exported.call(*leaves)

    call.__name__ = traced.exported.fun_name
    return jax.jit(call).lower(*leaves)


def name_of(
    function: Callable[..., Any], statics: dict[str, Any], leaves: Sequence[Any], tree: PyTreeDef
) -> str | None:
    """What a program is known by in every process; None where that cannot be said in words.

    Functions from elsewhere than nsindy, JAX and NumPy may change without notice, and functions
    that hold others, such as learned operations, are more than their code.
    """
    try:
        made_from = [
            _sources(),
            _text(function),
            _text(statics),
            _text_of_tree(tree),
            [(leaf.shape, str(leaf.dtype), getattr(leaf, "weak_type", False)) for leaf in leaves],
            jax.config.jax_enable_x64,  # type: ignore[attr-defined]
            [getattr(jax.config, name) for name in SETTINGS],
            [jax.__version__, jaxlib.__version__, np.__version__, sys.version_info[:2]],
            platform(),
        ]
    except _Unsaid:
        return None
    digest = hashlib.sha256(repr(made_from).encode()).hexdigest()
    return f"{function.__name__.strip('_')}-{digest}"


def read(folder: str | None, name: str) -> Traced | None:
    """The program of that name; None where there is no whole file of the user's own."""
    path = _own(folder)
    if path is None:
        return None
    try:
        check, words, blob = (path / name).read_bytes().split(b"\n", 2)
        if hashlib.sha256(words + b"\n" + blob).hexdigest().encode() != check:
            return None
        result = jax.tree.structure(_example(json.loads(words)))
        return Traced(export.deserialize(bytearray(blob)), result)
    except (OSError, ValueError, ImportError, AttributeError):
        return None


def write(folder: str | None, name: str, traced: Traced) -> None:
    """Write a program, whole or not at all; where that is not possible, do nothing."""
    path = _own(folder, make=True)
    if path is None:
        return
    try:
        words = json.dumps(_words(traced.result)).encode()
        content = words + b"\n" + bytes(traced.exported.serialize())
        check = hashlib.sha256(content).hexdigest().encode()
        files.write_whole(path / name, lambda part: part.write_bytes(check + b"\n" + content))
    except (OSError, ValueError, ImportError, _Unsaid):
        return


def _own(folder: str | None, *, make: bool = False) -> Path | None:
    """The folder of programs, where it is the user's own and nobody else may write to it."""
    if folder is None or "://" in folder:
        return None
    path = Path(folder) / FOLDER
    try:
        if make:
            path.mkdir(mode=0o700, parents=True, exist_ok=True)
        found = path.lstat()
    except OSError:
        return None
    if hasattr(os, "getuid") and (found.st_uid != os.getuid() or found.st_mode & 0o022):
        return None
    return path


@functools.cache
def _sources() -> str:
    """A digest of the source of nsindy.

    Raises:
      _Unsaid: it does not lie in a folder.
    """
    home = Path(__file__).parents[1]
    paths = sorted(home.rglob("*.py"))
    if not paths:
        raise _Unsaid
    digest = hashlib.sha256()
    for path in paths:
        digest.update(f"{path.relative_to(home)}\n".encode() + path.read_bytes())
    return digest.hexdigest()


class _Unsaid(Exception):
    """There are no words for a value."""


def _text(value: Any) -> str:
    """Words for a value that is compiled in, the same in every process."""
    if value is None or isinstance(value, bool | int | float | str | bytes):
        return repr(value)
    if isinstance(value, np.ndarray | np.generic) and value.dtype != object:
        return f"{value.dtype}{value.shape}{value.tobytes()!r}"
    if isinstance(value, dict):
        return f"{{{','.join(f'{_text(k)}:{_text(v)}' for k, v in value.items())}}}"
    if isinstance(value, tuple | list):
        return f"{_home(type(value))}({','.join(map(_text, value))})"
    if isinstance(value, type):
        return _home(value)
    if dataclasses.is_dataclass(value):
        # What does not count for its equality does not count for what is compiled.
        fields = [f.name for f in dataclasses.fields(value) if f.compare]
        return f"{_home(type(value))}({','.join(_text(getattr(value, f)) for f in fields)})"
    if callable(value):
        return _text_of_function(value)
    raise _Unsaid


def _text_of_function(function: Callable[..., Any]) -> str:
    try:
        return _home(function)
    except _Unsaid:
        # A lambda in a table: its place, and its code in case there are several in a line, and the
        # numbers that it was made with.
        if not isinstance(function, types.FunctionType):
            raise
        if function.__module__.partition(".")[0] != "nsindy":
            raise
        code = function.__code__
        held = [cell.cell_contents for cell in function.__closure__ or ()]
        if not all(isinstance(each, int | float) for each in held):
            raise
        place = [function.__module__, code.co_qualname, code.co_firstlineno]
        parts = [*place, code.co_code.hex(), held]
        defaults = _text((function.__defaults__, function.__kwdefaults__))
        return repr([*parts, _text(code.co_consts), code.co_names, defaults])


def _home(value: Any) -> str:
    """Where a class or function of nsindy, JAX, NumPy or Python stands."""
    module, name = getattr(value, "__module__", None), getattr(value, "__qualname__", None)
    if name is None:
        name = getattr(value, "__name__", None)
    if not isinstance(module, str) or not isinstance(name, str):
        raise _Unsaid
    if module.partition(".")[0] not in ("nsindy", "jax", "jaxlib", "numpy", "builtins"):
        raise _Unsaid
    at: Any = sys.modules.get(module)
    for part in name.split("."):
        at = getattr(at, part, None)
    if at is not value:
        raise _Unsaid
    return f"{module}:{name}"


def _text_of_tree(tree: PyTreeDef) -> str:
    node = tree.node_data()
    if node is None:
        return "*"
    kind, data = node
    if kind is type(None):
        return "-"
    return f"{_home(kind)}<{_text(data)}>({','.join(map(_text_of_tree, tree.children()))})"


def _words(tree: PyTreeDef) -> Any:
    """The structure of a result as JSON: NamedTuples of nsindy, tuples, lists, arrays and None."""
    node = tree.node_data()
    if node is None:
        return 0
    kind, _ = node
    if kind is type(None):
        return None
    if kind is list or issubclass(kind, tuple):
        return [_home(kind), *map(_words, tree.children())]
    raise _Unsaid


def _example(words: Any) -> Any:
    """A value of that structure, whose leaves are 0."""
    if words in (None, 0):
        return words
    home, *parts = words
    module, _, name = home.partition(":")
    values = map(_example, parts)
    if module == "builtins":
        return {"tuple": tuple, "list": list}[name](values)
    if module.partition(".")[0] != "nsindy":
        raise ValueError(home)
    kind = getattr(importlib.import_module(module), name)
    if not issubclass(kind, tuple) or len(kind._fields) != len(parts):
        raise ValueError(home)
    return kind(*values)
