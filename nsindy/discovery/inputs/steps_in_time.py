"""A step at a time that is fitted."""

import numpy as np

from nsindy.discovery import constants
from nsindy.discovery.inputs.forced import (
    Forced,
    beside_inputs,
    open_equations,
    with_input,
    with_last_terms,
)
from nsindy.discovery.numbers import number_profile, number_scan, response
from nsindy.discovery.preparation.problem import Prepared
from nsindy.discovery.supports import candidates
from nsindy.discovery.supports.search import Found
from nsindy.discovery.supports.session import Session

__all__ = ["with_step"]


def with_step(session: Session, prepared: Prepared, first: Found, final: Found) -> Forced | None:
    """A search with a step at a time that is fitted."""
    base = final.chosen
    at = _step_offered(prepared, base.mask, base.coefficients, final.noise)
    if at is None:
        return None
    time, price = at
    found = None
    for _ in range(constants.NUMBER_SEARCHES):
        stepped, units = with_input(
            session, prepared, [_ramp(part.times, time) for part in session.parts]
        )
        built = stepped.build(units, prepared.substeps)
        found = with_last_terms(stepped, built, final, price)
        if found is None:
            return None
        fitted = _fit_time(found, time)
        settled = abs(fitted[0] - time) < fitted[1]
        time = fitted[0]
        found = found._replace(step=fitted)
        if settled:
            break
    return found


def _ramp(times: np.ndarray, time: float) -> np.ndarray:
    """A step between 0 and 1 at a time, over one interval: inputs are straight between samples."""
    width = np.median(np.diff(times))
    return np.clip((times - time) / width + 0.5, 0.0, 1.0)


def _fit_time(found: Forced, time: float) -> tuple[float, float]:
    """Fit the time of the step that a search has chosen: the time, and its standard error."""
    prepared = found.prepared
    width = float(np.median(np.diff(prepared.parts[0].times)))

    def at(time):
        moved = [
            beside_inputs(
                s._replace(inputs=s.inputs[:, :-1], before=s.before[:, :-1], held=s.held[:-1]),
                _ramp(part.times, time),
            )
            for s, part in zip(prepared.signals, prepared.parts, strict=True)
        ]
        inputs = prepared._replace(signals=moved).segments(1.0).inputs
        return found.final.segments._replace(inputs=inputs)

    def fit(time, start):
        return candidates.fit_alone(found.final.problem, at(time), start, found.final.noise)

    return number_profile.fit_profile(fit, found.final, time, 0.1 * width)


def _step_offered(
    prepared: Prepared, mask: np.ndarray, coefficients: np.ndarray, noise: np.ndarray
) -> tuple[float, float] | None:
    """The time of the step that would pay best, and the nats that a time costs."""
    parts = response.linearised(prepared, coefficients, noise)
    if not all(np.isfinite(part.propagators).all() for part in parts):
        return None
    times = np.concatenate([part.times for part in prepared.parts])
    count = min(constants.STEP_TIMES, len(np.unique(times)) // 2)
    tried = np.quantile(times, np.linspace(0.05, 0.95, count))
    scan = number_scan.of_supports(prepared, parts, mask)
    looked_at = [
        recording.times[0] + part.times * prepared.units.time
        for recording, part in zip(prepared.parts, parts, strict=True)
    ]
    # One for each recording [N, G].
    steps = [np.stack([_ramp(own, time) for time in tried], axis=1) for own in looked_at]
    allowed = open_equations(prepared)
    if not allowed:
        return None
    gains = np.array([scan.with_columns(d, steps) for d in allowed])
    price = 0.5 * np.log(len(scan.target)) + np.log(gains.size)
    if gains.max() - scan.without() <= price:
        return None
    return float(tried[np.argmax(gains.max(0))]), float(price)
