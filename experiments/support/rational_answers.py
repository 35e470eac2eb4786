"""What nsindy answers to a recording of a system with numbers inside its terms, judged."""

import math
import time
from collections.abc import Sequence
from typing import Any

import numpy as np

import nsindy
from support import rational_form
from support.rational_systems import Recording, System
from support.simulated import NORMAL_90

__all__ = ["ERRORS", "discovered", "judged"]

ERRORS = 3.0
"""Standard errors within which a number is right."""


def discovered(system: System, recording: Recording) -> dict[str, Any]:
    """What nsindy finds with no option set, judged."""
    began = time.process_time()
    try:
        found = nsindy.discover(recording.times, recording.states, states=system.states)
    except ValueError as error:
        seconds = time.process_time() - began
        nothing = judged(system, recording, [])
        return nothing | {"verdict": "none", "seconds": seconds, "said": str(error), "warnings": []}
    seconds = time.process_time() - began
    states = rational_form.symbols(system.states, np.concatenate(recording.clean))
    answer = judged(system, recording, rational_form.found_equations(found, states))
    parameters = dict(getattr(found, "parameters", None) or {})
    said = {"verdict": found.verdict, "seconds": seconds, "said": str(found)}
    said |= {"warnings": list(found.warnings)}
    return answer | said | {"parameters": {name: float(v) for name, v in parameters.items()}}


def judged(
    system: System, recording: Recording, found: Sequence[rational_form.Equation]
) -> dict[str, Any]:
    """How equations stand to the truth; empty for no equations.

    Numbers are judged where the form of all equations is right; one of several equations once, by
    the worst of them. A number that only a sum of coefficients gives has no error, and is not.
    """
    clean = np.concatenate(recording.clean)
    states = rational_form.symbols(system.states, clean)
    forms: list[bool] = []
    numbers: dict[str, dict[str, float | None]] = {}
    pulls: dict[str, float] = {}
    for equation, text in zip(found, system.equations, strict=False):
        truth = rational_form.plain_equation(text, states, recording.numbers)
        answer = rational_form.judge(equation, truth, states, clean)
        forms.append(answer.form)
        for symbol, true in answer.true.items() if answer.form else ():
            value, error, name = equation.numbers[symbol]
            known = math.isfinite(error) and error > 0
            if not known and float(value).is_integer():
                # The 1 in exp(k x) - 1 is none that was fitted.
                continue
            numbers[name] = {"found": value, "error": error if known else None, "true": true}
            if error == 0 and not math.isclose(value, true):
                pulls[name] = math.inf
            if known:
                pulls[name] = max(pulls.get(name, 0.0), abs(value - true) / error)
    exact = len(forms) == len(system.equations) and all(forms)
    if not exact:
        numbers, pulls = {}, {}
    return {
        "exact": exact,
        "forms": forms,
        "right": exact and bool(pulls) and max(pulls.values()) <= ERRORS,
        "inside": sum(pull <= NORMAL_90 for pull in pulls.values()),
        "intervals": len(pulls),
        "numbers": numbers,
        "true": recording.numbers,
    }
