"""Programs: compiled once, beforehand, and ended with the process."""

import os
import subprocess
import sys

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from nsindy.runtime import programs
from nsindy.runtime.programs import Program


@pytest.fixture
def counted():
    traced = []

    def scaled(x, *, power, factor=2.0):
        traced.append(x.shape)
        return factor * x**power

    return Program(scaled, static=("power",)), traced


def test_a_program_is_the_function_compiled_once_for_each_shape(counted):
    program, traced = counted
    x = np.arange(3.0)
    for factor in (2.0, 5.0):
        np.testing.assert_array_equal(program(x, power=2, factor=factor), factor * x**2)
    assert traced == [(3,)]
    np.testing.assert_array_equal(program(x, power=3), 2 * x**3)
    np.testing.assert_array_equal(program(np.ones(4), power=3), 2)
    assert traced == [(3,), (3,), (4,)]


def test_precompiled_it_is_not_compiled_again(counted):
    program, traced = counted
    program.precompile(np.zeros(5), power=2)
    np.testing.assert_array_equal(program(np.full(5, 3.0), power=2), 18)
    assert traced == [(5,)]


def test_the_precision_is_that_of_the_caller(counted):
    program, traced = counted
    assert program(np.ones(2), power=1).dtype == np.float64
    with jax.enable_x64(False):
        program.precompile(np.ones(2), power=1)
        assert program(np.ones(2), power=1).dtype == np.float32
    assert len(traced) == 2


def test_an_error_reaches_who_calls(counted):
    program, _ = counted
    program.precompile(np.zeros(5), power="two")
    for _ in range(2):
        with pytest.raises(TypeError):
            program(np.zeros(5), power="two")


def test_several_calls_at_once_are_those_of_one_after_the_other(counted):
    program, traced = counted
    each = [np.full(2, float(n)) for n in range(5)]
    with jax.enable_x64(False):
        found = programs.at_once(lambda x: np.asarray(program(x, power=2)), each)
    assert [one.dtype for one in found] == [np.float32] * 5 and len(traced) == 1
    np.testing.assert_array_equal(found, [2 * x**2 for x in each])
    with pytest.raises(ZeroDivisionError):
        programs.at_once(lambda x: 1 / x, [1, 0, 2])


def test_programs_run_on_the_device_of_the_caller_in_threads_too(counted):
    program, traced = counted
    (cpu,) = jax.local_devices(backend="cpu")[:1]
    with programs.on_processor(), jax.default_device(cpu):
        (one, other) = programs.at_once(lambda x: program(x, power=2), [np.ones(3), np.ones(3)])
        program.precompile(np.ones(4), power=2)
        assert jax.config.jax_default_device == cpu
        assert program(np.ones(4), power=2).devices() == one.devices() == other.devices() == {cpu}
    assert traced == [(3,), (4,)] and jax.config.jax_default_device is None


def test_a_program_is_a_plain_function_where_another_one_is_traced_or_nothing_compiled(both):
    twice = Program(lambda x, *, power: 2 * x**power, static=["power"])
    expected = 2 * np.arange(3.0) ** 2
    for outer in both(lambda x: twice(x, power=2)):
        np.testing.assert_allclose(outer(jnp.arange(3.0)), expected)


def test_programs_are_kept_where_the_user_says(monkeypatch, tmp_path):
    names = ("jax_compilation_cache_dir", "jax_persistent_cache_min_compile_time_secs")
    before = {name: getattr(jax.config, name) for name in names}
    try:
        jax.config.update(names[0], None)
        monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
        monkeypatch.setenv("NSINDY_CACHE", "off")
        programs.keep_compiled(seconds=0.5)
        assert programs.cache_folder() is None
        monkeypatch.setenv("NSINDY_CACHE", str(tmp_path / "elsewhere"))
        programs.keep_compiled(seconds=0.5)
        assert programs.cache_folder() == str(tmp_path / "elsewhere")
        jax.config.update(names[0], None)
        monkeypatch.delenv("NSINDY_CACHE")
        programs.keep_compiled(seconds=0.5)
        assert programs.cache_folder() == str(tmp_path / "nsindy")
        # What JAX was told itself stays.
        jax.config.update(names[0], "theirs")
        with programs.keeping_compiled():
            assert programs.cache_folder() == "theirs"
            assert getattr(jax.config, names[1]) == 0.0
        assert getattr(jax.config, names[1]) == 0.5
    finally:
        for name, value in before.items():
            jax.config.update(name, value)


def test_a_process_may_end_while_a_program_is_compiled():
    """XLA's compiler aborted the process where the interpreter had ended."""
    code = """
import jax, jax.numpy as jnp
from nsindy.runtime import programs

def long(x, n):
    for k in range(60):
        x = jnp.linalg.solve(jnp.outer(x, x) + jnp.eye(n), jnp.sin(x + k))
    return x

program = programs.Program(long, static=["n"])
for n in range(3, 9):
    program.precompile(jnp.ones(n), n=n)
"""
    done = subprocess.run(
        [sys.executable, "-c", code], env=os.environ | {"NSINDY_CACHE": "off"}, check=False
    )
    assert done.returncode == 0
