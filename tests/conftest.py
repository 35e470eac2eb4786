"""Strict modes for every test: double precision, no implicit broadcasting of ranks."""

import atexit
import functools
import os
import shutil
import sys
import tempfile
import threading
from pathlib import Path

# Programs are compiled in half the time (see `nsindy.runtime.programs.QUICK`) and then in three
# fifths of it, for the processes that tests begin as well: most of them run for a moment only.
os.environ["XLA_FLAGS"] = (
    f"{os.environ.get('XLA_FLAGS', '')} --xla_cpu_use_fusion_emitters=false "
    "--xla_backend_optimization_level=0 --xla_cpu_parallel_codegen_split_count=1"
)
# Small factorisations in several threads of several processes would wait for each other.
os.environ["OPENBLAS_NUM_THREADS"] = "1"
# As in the scripts: checks that are host callbacks would keep a program out of the cache.
os.environ.setdefault("EQX_ON_ERROR", "nan")
# One compilation cache for the workers, which inherit it from the first process, and for every
# process that a test begins. Most programs are smaller and not met again: to write them all takes
# a tenth of the time of tests of routers and circuits.
os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0.1")
if "JAX_COMPILATION_CACHE_DIR" not in os.environ:
    os.environ["JAX_COMPILATION_CACHE_DIR"] = tempfile.mkdtemp(prefix="nsindy-tests-")
    atexit.register(shutil.rmtree, os.environ["JAX_COMPILATION_CACHE_DIR"], ignore_errors=True)

import jax
import jax.numpy as jnp
import pytest
from threadpoolctl import threadpool_limits

from nsindy.circuits import stacks
from nsindy.paper.simulate import Measurement
from nsindy.terms import library, term

# A plugin of pytest may have imported NumPy before the variable was set.
threadpool_limits(1, user_api="blas")
jax.config.update("jax_enable_x64", True)
jax.config.update("jax_numpy_rank_promotion", "raise")


def pytest_collection_modifyitems(items):
    """Measure coverage where modules are tested, not by scripts and examples that use them.

    Before Python 3.12 it takes half of the time again, in JAX as well. Tests of modules that run
    the lines of others once more are marked `unmeasured`.
    """
    for item in items:
        place = item.path.relative_to(Path(__file__).parent)
        uses = place.parts[0] in ("experiments", "test_docstrings.py", "test_readme.py")
        # Phase diagrams are drawn by their script's tests alone.
        if uses and place.name != "test_phase_diagram.py":
            item.add_marker("unmeasured")
        # Operation by operation every small program is compiled by itself.
        if item.get_closest_marker("jit_first") and item.callspec.params["variant"] is _without_jit:
            item.add_marker("slow")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item):
    """Trace nothing in an unmeasured test.

    A worker of xdist has two measurements, of which `no_cover` would end one.
    """
    own = sys.gettrace(), threading.gettrace()
    if item.get_closest_marker("unmeasured"):
        sys.settrace(None)
        threading.settrace(None)
    try:
        return (yield)
    finally:
        sys.settrace(own[0])
        threading.settrace(own[1])


def _without_jit(function):
    @functools.wraps(function)
    def run(*arguments, **keywords):
        with jax.disable_jit():
            return function(*arguments, **keywords)

    return run


@pytest.fixture(
    params=[
        pytest.param(jax.jit, id="jit"),
        pytest.param(_without_jit, id="no_jit", marks=pytest.mark.unmeasured),
    ]
)
def variant(request):
    """Run a test twice: `variant(function)` is compiled, and then evaluated operation by operation.

    Both runs face the same reference, so they agree with each other as well.
    """
    return request.param


@pytest.fixture
def both():
    """`both(function)` gives the function under jit and without, for a comparison of the two."""
    return lambda function: (jax.jit(function), _without_jit(function))


@pytest.fixture
def paper():
    """The recording of the paper; `_replace` what a test varies."""
    return Measurement(
        args=jnp.array([1.0, 0.1]),
        initial=jnp.array([1.0, 0.0]),
        step=jnp.float64(0.05),
        noise=jnp.float64(1e-3),
    )


@pytest.fixture(scope="session")
def exact():
    """The eight terms of the paper with their exact functions."""
    return library.bind(term.paper_terms(), ("x", "v"))


@pytest.fixture(scope="session")
def shipped():
    """The eight terms of the paper with the circuits that come with the package."""
    return library.bind(term.paper_terms(), ("x", "v"), stacks.load_stacks()[0])


@pytest.fixture(scope="session")
def environment():
    """Variables of the processes that a test begins: the compilation cache is that of the tests."""
    return os.environ | {"XDG_CACHE_HOME": os.environ["JAX_COMPILATION_CACHE_DIR"]}
