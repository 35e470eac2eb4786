"""What is fitted to a trajectory of ODEBench: nsindy, PySINDy's grid, and the truth."""

import importlib
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import sympy
from peers import odebench, pysindy_grid


def discovered(
    times: np.ndarray, states: np.ndarray, system: odebench.System
) -> tuple[list[sympy.Expr], str]:
    """What `nsindy.discover` finds of first order, in `odebench.symbols`; nothing else is set."""
    discovery = importlib.import_module("nsindy").discover(times, states, order=1)
    names = dict(zip(discovery.states, odebench.symbols(states.shape[1]), strict=True))
    expressions = [sympy.sympify(each) for each in discovery.to_sympy()]
    renamed = [
        each.xreplace({old: names[old.name] for old in each.free_symbols}) for each in expressions
    ]
    return renamed, str(discovery)


def gridded(
    times: np.ndarray, states: np.ndarray, system: odebench.System
) -> tuple[list[sympy.Expr], str]:
    """What PySINDy's grid chooses."""
    grid = pysindy_grid.choose(times, states)
    return grid.expressions, grid.setting


def gridded_by_pysindy(
    times: np.ndarray, states: np.ndarray, system: odebench.System
) -> tuple[list[sympy.Expr], str]:
    """The same with PySINDy's own evaluation, which takes its users much longer."""
    grid = pysindy_grid.choose(times, states, fast=False)
    return grid.expressions, grid.setting


def true(
    times: np.ndarray, states: np.ndarray, system: odebench.System
) -> tuple[list[sympy.Expr], str]:
    """The truth itself: what the scores can give at best."""
    return list(system.truth), ""


class Method(NamedTuple):
    """A method.

    Attributes:
      prepare: imports what the fit needs, before the clock starts; a ValueError if it is missing.
      fit: times [N], states [N, D] and the system to the D right-hand sides and a note.
    """

    prepare: Callable[[], Any]
    fit: Callable[[np.ndarray, np.ndarray, odebench.System], tuple[list[sympy.Expr], str]]


METHODS = {
    "nsindy": Method(lambda: importlib.import_module("nsindy").discover, discovered),
    "pysindy": Method(pysindy_grid.pysindy, gridded),
    "pysindy-simulate": Method(pysindy_grid.pysindy, gridded_by_pysindy),
    "truth": Method(lambda: None, true),
}
"""Only "truth" reads the equations of the system."""
