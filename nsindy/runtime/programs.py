"""Programs compiled once for each shape, in threads beforehand where the shapes are known."""

import atexit
import contextlib
import functools
import inspect
import os
import threading
from collections.abc import Callable, Hashable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import jax
import numpy as np

from nsindy.runtime import traced

__all__ = [
    "AT_ONCE",
    "QUICK",
    "Program",
    "at_once",
    "cache_folder",
    "compile_quickly",
    "keep_compiled",
    "keeping_compiled",
    "on_processor",
    "wait_for_programs",
]

QUICK: dict[str, str | bool | int] = {"xla_cpu_use_fusion_emitters": False}
"""Options under which XLA compiles for CPUs in half the time, and code that is as fast here."""

SMALL = QUICK | {"xla_backend_optimization_level": 1, "xla_cpu_parallel_codegen_split_count": 1}
"""For programs that run for less than they compile, and that are compiled several at once: in three
quarters of the time again. Of six programs of a discovery the code is as fast (all calls together
0.46 and 0.46 s with two states, 1.94 and 1.78 s with three), and five give every bit the same."""

AT_ONCE = 2
"""Programs that run at once; as many whatever the machine, so that answers are the same."""

_One = TypeVar("_One")
_Result = TypeVar("_Result")


class _Turns:
    """Tracing holds Python's lock, so programs take turns: the first is compiled the sooner.

    A program that is waited for goes before those that are compiled beforehand, and of these none
    has a turn after the end.
    """

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._owner: int | None = None
        self._urgent = 0
        self._ended = False

    def end(self) -> None:
        """Give no more turns."""
        with self._changed:
            self._ended = True
            self._changed.notify_all()

    def _free(self, urgent: bool) -> bool:
        return self._owner is None and (urgent or not self._urgent)

    @contextlib.contextmanager
    def turn(self, *, urgent: bool) -> Iterator[None]:
        me = threading.get_ident()
        if self._owner == me:
            # A program that another one calls while it is traced.
            yield
            return
        with self._changed:
            self._urgent += urgent
            try:
                self._changed.wait_for(lambda: self._ended or self._free(urgent))
            finally:
                self._urgent -= urgent
            if self._ended:
                raise RuntimeError("the interpreter ends")
            self._owner = me
        try:
            yield
        finally:
            with self._changed:
                self._owner = None
                self._changed.notify_all()


_TRACING = _Turns()

_COMPILING: list[threading.Thread] = []


def _plain() -> bool:
    return jax.config.jax_disable_jit  # type: ignore[attr-defined]


def wait_for_programs() -> None:
    """Wait for all that `Program.precompile` has begun."""
    while _COMPILING:
        _COMPILING.pop().join()


@atexit.register
def _end() -> None:
    """End what is compiled beforehand: XLA aborts in a thread that outlives the interpreter."""
    _TRACING.end()
    wait_for_programs()


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
        leaves = jax.tree.leaves((args, knobs))
        if any(isinstance(leaf, jax.core.Tracer) for leaf in leaves) or _plain():
            return self._function(*args, **knobs)
        asked = self._split(args, knobs)
        future, mine = self._future(asked)
        if mine:
            self._fill(future, asked, urgent=True)
        compiled, result = future.result()
        return jax.tree.unflatten(result, compiled(*asked.leaves))

    def precompile(self, *args: Any, **knobs: Any) -> None:
        """Compile in a thread for arguments of these shapes, types and static values.

        An error of the compilation is raised by the call that needs its program.
        """
        asked = self._split(args, knobs)
        future, mine = self._future(asked)
        if mine:
            here = _settings()

            def work():
                with here():
                    self._fill(future, asked, urgent=False)

            thread = threading.Thread(target=work, daemon=True)
            _COMPILING.append(thread)
            thread.start()

    def _split(self, args, knobs) -> "_Asked":
        given = self._signature.bind(*args, **knobs)
        given.apply_defaults()
        statics = {name: given.arguments.pop(name) for name in self._static}
        leaves, tree = jax.tree.flatten(dict(given.arguments))
        arrays = [leaf if isinstance(leaf, jax.Array) else np.asarray(leaf) for leaf in leaves]
        return _Asked(statics, arrays, tree)

    def _future(self, asked: "_Asked") -> tuple[Future, bool]:
        double = jax.config.jax_enable_x64  # type: ignore[attr-defined]
        shapes = tuple((leaf.shape, leaf.dtype) for leaf in asked.leaves)
        key = (tuple(asked.statics.items()), asked.tree, shapes, double, traced.platform())
        with self._lock:
            mine = key not in self._compiled
            return self._compiled.setdefault(key, Future()), mine

    def _fill(self, future: Future, asked: "_Asked", *, urgent: bool) -> None:
        try:
            future.set_result(self._built(asked, urgent))
        except BaseException as error:
            future.set_exception(error)

    def _built(self, asked: "_Asked", urgent: bool) -> tuple[Callable[..., Any], Any]:
        """What computes the leaves of the result, and the structure of the result."""
        statics, leaves, tree = asked
        # JAX's own cache stays as JAX was told.
        folder = None if os.environ.get("NSINDY_CACHE") == "off" else cache_folder()
        name = traced.name_of(self._function, statics, leaves, tree) if folder else None
        if name is not None:
            # A file that XLA cannot use counts as none.
            with contextlib.suppress(Exception):
                with _TRACING.turn(urgent=urgent):
                    kept = traced.read(folder, name)
                    lowered = kept and traced.lower(kept, leaves)
                if kept and lowered:
                    return compile_quickly(lowered, SMALL), kept.result
        function = functools.partial(self._function, **statics)
        with _TRACING.turn(urgent=urgent):
            new = traced.trace(function, leaves, tree, self._function.__name__)
            lowered = traced.lower(new, leaves)
        if name is not None:
            traced.write(folder, name, new)
        return compile_quickly(lowered, SMALL), new.result


@functools.cache
def _workers() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(AT_ONCE, thread_name_prefix="nsindy")


if hasattr(os, "register_at_fork"):
    # The threads of a process are not those of its child, which would wait for them for ever.
    os.register_at_fork(after_in_child=_workers.cache_clear)


def at_once(function: Callable[[_One], _Result], each: Sequence[_One]) -> list[_Result]:
    """A function of each, `AT_ONCE` of them at a time, in the caller's precision and on its device.

    XLA computes without Python's lock, but what is dispatched from one thread it computes in turn.

    Args:
      function: calls programs and takes their results to NumPy; it does not call `at_once`.
      each: its arguments.
    """
    if len(each) < 2 or _plain():
        return [function(one) for one in each]
    here = _settings()

    def as_here(one: _One) -> _Result:
        with here():
            return function(one)

    return list(_workers().map(as_here, each))


def _settings() -> Callable[[], contextlib.AbstractContextManager[None]]:
    """The precision and the device of this thread, for another one."""
    double, device = jax.config.jax_enable_x64, jax.config.jax_default_device  # type: ignore[attr-defined]

    @contextlib.contextmanager
    def set_again() -> Iterator[None]:
        with jax.enable_x64(double), jax.default_device(device):
            yield

    return set_again


@contextlib.contextmanager
def on_processor() -> Iterator[None]:
    """Run programs on the processor, unless another device was asked for.

    What calls many programs in turn, each of which ends in a moment, waits longer for a GPU.
    """
    asked = jax.config.jax_default_device is not None  # type: ignore[attr-defined]
    with contextlib.ExitStack() as stack:
        # JAX_PLATFORMS may leave no processor.
        with contextlib.suppress(RuntimeError):
            if not asked and jax.default_backend() != "cpu":
                stack.enter_context(jax.default_device(jax.local_devices(backend="cpu")[0]))
        yield


class _Asked(NamedTuple):
    """What a program is to be compiled for.

    Attributes:
      statics: what is compiled in, by name.
      leaves: of the other arguments.
      tree: their structure.
    """

    statics: dict[str, Any]
    leaves: list[Any]
    tree: Any


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


def compile_quickly(lowered: Any, options: dict[str, str | bool | int] = QUICK) -> Any:
    """Compile a lowered program, on CPUs with such options where this version of XLA has them.

    What the environment asks of XLA itself stays.
    """
    if traced.platform() == "cpu":
        flags = os.environ.get("XLA_FLAGS", "")
        left = {name: value for name, value in options.items() if name not in flags}
        with contextlib.suppress(RuntimeError):
            return lowered.compile(compiler_options=left)
    return lowered.compile()
