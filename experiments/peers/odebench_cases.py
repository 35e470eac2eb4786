"""One method on one noisy trajectory of ODEBench: fitted, timed and scored."""

import functools
import time
from typing import Any, NamedTuple

import jax
from peers import odebench
from peers.odebench_methods import METHODS

SCORES = ("reconstruction", "generalization", "structure")


class Job(NamedTuple):
    """One method on one noisy trajectory."""

    method: str
    system: odebench.System
    trajectory: int
    sigma: float
    seed: int


def attempt(job: Job) -> dict[str, Any]:
    """Fit one method to one trajectory and score what it found; an error is a case that failed."""
    method, system = METHODS[job.method], job.system
    times = system.trajectories[job.trajectory].times
    states = odebench.noisy(system, job.trajectory, job.sigma, job.seed)
    names = odebench.symbols(states.shape[1])
    method.prepare()
    compilations().clear()
    case: dict[str, Any] = {
        "method": job.method,
        "system": system.number,
        "title": system.title,
        "trajectory": job.trajectory,
        "sigma": job.sigma,
        "seed": job.seed,
        "truth": [str(each) for each in system.truth],
        "expressible": odebench.expressible(system.truth, names),
    }
    start = time.perf_counter()
    error = ""
    try:
        expressions, note = method.fit(times, states, system)
    except Exception as problem:  # Whatever a method raises, the table must say so and go on.
        error = f"{type(problem).__name__}: {problem}"
    first = seconds = time.perf_counter() - start
    if compilations() and not error:
        # Compilation overlaps with work, so the fit without it is one that finds it done.
        start = time.perf_counter()
        method.fit(times, states, system)
        seconds = time.perf_counter() - start
    case |= {"seconds": seconds, "compile_seconds": max(0.0, first - seconds), "error": error}
    if error:
        empty: dict[str, Any] = {
            "equations": [],
            "note": "",
            "r2_reconstruction": None,
            "r2_generalization": None,
        }
        return case | empty | dict.fromkeys(SCORES, False)
    written = [str(each) for each in expressions]
    return (
        case
        | {"equations": written, "note": note}
        | odebench.scores(expressions, system, job.trajectory)
    )


@functools.cache
def compilations() -> list[str]:
    """What JAX traced or compiled in this process since the list was cleared."""
    events: list[str] = []

    def listen(event: str, duration_secs: float, **_: Any) -> None:
        if event.startswith("/jax/core/compile/"):
            events.append(event)

    jax.monitoring.register_event_duration_secs_listener(listen)
    return events
