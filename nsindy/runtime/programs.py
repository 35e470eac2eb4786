"""Programs compiled once for each shape, in threads beforehand where the shapes are known."""

import contextlib
import functools
import inspect
import os
import threading
from collections.abc import Callable, Hashable, Iterator, Sequence
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import jax
import numpy as np

__all__ = [
    "QUICK",
    "Program",
    "cache_folder",
    "compiler_options",
    "keep_compiled",
    "keeping_compiled",
    "wait_for_programs",
]

_TRACING = threading.RLock()
"""Tracing holds Python's lock: in turns, the first program is traced, and compiling, the sooner."""

QUICK: dict[str, str | bool] = {"xla_cpu_use_fusion_emitters": False}
"""Options under which XLA compiles for CPUs in half the time, and code that is as fast here."""


_COMPILING: list[threading.Thread] = []


def wait_for_programs() -> None:
    """Wait for all that `Program.precompile` has begun."""
    while _COMPILING:
        _COMPILING.pop().join()


class Program:
    """A function that is compiled once for each shape of its arguments, as `jax.jit` does.

    XLA compiles without Python's lock. So where shapes are known before values, `precompile` works
    in a thread while the caller goes on; a call waits for what is being compiled.

    Args:
      function: pure; its leaves are arrays or numbers.
      static: names of its arguments that are hashed and compiled in.
    """

    def __init__(self, function: Callable[..., Any], *, static: Sequence[str] = ()):
        functools.update_wrapper(self, function)
        self._function, self._static = function, tuple(static)
        self._signature = inspect.signature(function)
        self._compiled: dict[Hashable, Future] = {}
        self._lock = threading.Lock()

    def __call__(self, *args: Any, **knobs: Any) -> Any:
        """Call the compiled function; leaves of the arguments are arrays or numbers.

        Under a trace, and where `jax.disable_jit` is in force, it is the plain function.
        """
        traced = any(isinstance(leaf, jax.core.Tracer) for leaf in jax.tree.leaves((args, knobs)))
        if traced or jax.config.jax_disable_jit:  # type: ignore[attr-defined]
            return self._function(*args, **knobs)
        statics, dynamic = self._split(args, knobs)
        future, mine = self._future(statics, dynamic)
        if mine:
            self._fill(future, statics, dynamic)
        return future.result()(**dynamic)

    def precompile(self, *args: Any, **knobs: Any) -> None:
        """Compile in a thread for arguments of these shapes, types and static values.

        An error of the compilation is raised by the call that needs its program.
        """
        statics, dynamic = self._split(args, knobs)
        future, mine = self._future(statics, dynamic)
        if mine:
            double = jax.config.jax_enable_x64  # type: ignore[attr-defined]

            def work():
                with jax.enable_x64(double):
                    self._fill(future, statics, dynamic)

            thread = threading.Thread(target=work, daemon=True)
            _COMPILING.append(thread)
            thread.start()

    def _split(self, args, knobs) -> tuple[dict[str, Any], dict[str, Any]]:
        given = self._signature.bind(*args, **knobs)
        given.apply_defaults()
        statics = {name: given.arguments.pop(name) for name in self._static}
        arrays = jax.tree.map(
            lambda leaf: leaf if isinstance(leaf, jax.Array) else np.asarray(leaf), given.arguments
        )
        return statics, dict(arrays)

    def _future(self, statics, dynamic) -> tuple[Future, bool]:
        leaves, tree = jax.tree.flatten(dynamic)
        double = jax.config.jax_enable_x64  # type: ignore[attr-defined]
        shapes = tuple((leaf.shape, leaf.dtype) for leaf in leaves)
        key = (tuple(statics.items()), tree, shapes, double)
        with self._lock:
            mine = key not in self._compiled
            return self._compiled.setdefault(key, Future()), mine

    def _fill(self, future: Future, statics, dynamic) -> None:
        @functools.wraps(self._function)
        def run(**dynamic):
            return self._function(**statics, **dynamic)

        del run.__wrapped__
        try:
            with _TRACING:
                lowered = jax.jit(run).lower(**dynamic)
            future.set_result(lowered.compile(compiler_options=compiler_options()))
        except BaseException as error:
            future.set_exception(error)


def keep_compiled(*, seconds: float) -> None:
    """Keep compiled programs on disk, so that a second process finds them.

    In the folder that JAX was told (JAX_COMPILATION_CACHE_DIR, or its configuration), or in that of
    NSINDY_CACHE, or in `nsindy` in the user's cache directory; with NSINDY_CACHE=off nowhere.

    Args:
      seconds: programs that compile in less are not kept.
    """
    folder = os.environ.get("NSINDY_CACHE")
    if folder == "off":
        return
    if cache_folder() is None:
        base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
        jax.config.update("jax_compilation_cache_dir", folder or str(base / "nsindy"))
    jax.config.update("jax_persistent_cache_min_compile_time_secs", seconds)


def cache_folder() -> str | None:
    """The folder that compiled programs are kept in."""
    return jax.config.jax_compilation_cache_dir  # type: ignore[attr-defined]


@contextlib.contextmanager
def keeping_compiled() -> Iterator[None]:
    """Keep every program that is compiled meanwhile; see `keep_compiled`."""
    name = "jax_persistent_cache_min_compile_time_secs"
    before = getattr(jax.config, name)
    keep_compiled(seconds=0.0)
    try:
        yield
    finally:
        jax.config.update(name, before)


@functools.cache
def compiler_options() -> dict[str, str | bool]:
    """`QUICK` on CPUs, where this version of XLA has it."""
    if jax.default_backend() != "cpu":
        return {}
    try:
        jax.jit(lambda x: x).lower(np.zeros(())).compile(compiler_options=QUICK)
    except RuntimeError:
        return {}
    return dict(QUICK)
