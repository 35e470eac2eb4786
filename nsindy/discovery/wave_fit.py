"""The search with a wave whose number w is fitted, by the profile of the misfit of trajectories."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np

from nsindy.discovery import candidates, constants, dictionary, proposals, wave_scan
from nsindy.discovery.candidates import Start
from nsindy.discovery.problem import Prepared
from nsindy.discovery.search import Found
from nsindy.discovery.session import Session
from nsindy.discovery.signals import Units
from nsindy.trajectories.shooting import Segments

__all__ = ["FittedWave", "WaveSearch", "fit_number", "fit_profile", "search_with"]


class FittedWave(NamedTuple):
    """The number of a fitted wave.

    Attributes:
      number: w, per raw unit of the variable.
      error: its standard error where errors are independent.
      slopes: how the scaled coefficients follow it [D, M].
      price: nats that it must earn, which the scores of the search do not know.
    """

    number: float
    error: float
    slopes: np.ndarray
    price: float = 0.0


class WaveSearch(NamedTuple):
    """A discovery with a fitted wave.

    Attributes:
      prepared: the problem, with the wave among its terms.
      first: the search on the first part of each recording.
      final: the search on all samples.
      wave: its number.
    """

    prepared: Prepared
    first: Found
    final: Found
    wave: FittedWave


class _Settled(NamedTuple):
    """A search whose choice stays when w is fitted again; `wave` is None where none was chosen."""

    prepared: Prepared
    found: Found
    wave: FittedWave | None


def fit_number(units: Units, found: Found) -> FittedWave:
    """Fit w to the trajectories, all coefficients and initial states following it.

    χ²(w), the misfit that is left when everything else is fitted, is a parabola near its least
    value, so three fits say where that is, and 2 / (d²χ²/dw²) is the variance of w. The step is
    that standard error as soon as it is known.

    Args:
      units: with the w to begin with.
      found: what was chosen with that w.

    Reference: Bates and Watts (1988), Nonlinear regression analysis, section 6.1.
    """

    def at(number):
        raw = jnp.asarray(_numbered(units, number).raw)
        return found.segments._replace(units=raw)

    number = float(units.waves.max())
    fitted = fit_profile(at, found, number, 1e-3 * number)
    # A slow wave may be fitted with -w, which is the same up to the sign of its sine.
    return fitted._replace(number=abs(fitted.number))


def fit_profile(
    at: Callable[[float], Segments], found: Found, number: float, step: float
) -> FittedWave:
    """Fit a number inside the segments of a recording, all else following it; see `fit_number`.

    Args:
      at: the segments with that number.
      found: what was chosen with the number to begin with.
      number: to begin with.
      step: by which it is changed at first.
    """

    def fitted(number):
        pool: dict[bytes, candidates.Candidate] = {}
        start = found.chosen.start
        candidates.fit(found.problem, at(number), [start], found.noise, found.samples, pool)
        candidate = pool.popitem()[1]
        misfit = float(np.sum(found.samples * candidate.variance / found.noise**2))
        return candidate.coefficients, misfit

    error, slopes = np.inf, np.zeros(found.chosen.mask.shape)
    for _ in range(constants.WAVE_PARABOLAS):
        (low, below), (_, here), (high, above) = (fitted(number + s * step) for s in (-1, 0, 1))
        bend = below - 2 * here + above
        if not 0.1 < bend < np.inf:
            step *= 4 if bend < 1 else 0.25
            continue
        error, slopes = step * np.sqrt(2 / bend), (high - low) / (2 * step)
        move = np.clip((below - above) / (2 * bend), -3, 3) * step
        number += move
        settled = abs(move) < 0.1 * error and 0.3 < step / error < 3
        step = error
        if settled:
            break
    return FittedWave(number, float(error), slopes)


def _numbered(units: Units, number: float) -> Units:
    return units._replace(waves=np.where(units.waves > 0, number, 0.0))


def search_with(
    session: Session, offer: wave_scan.Offer, prepared: Prepared, first: Found
) -> WaveSearch | None:
    """Search with the wave that is offered.

    Args:
      session: builds and searches problems.
      offer: the wave.
      prepared: the problem without the wave.
      first: the search on the first part without the wave.

    Returns:
      the searches with the wave; None where it does not earn its price. The forecast of the first
      part takes the w of all samples.
    """
    units, substeps = prepared.units, prepared.substeps
    wide = session.build(units._replace(waves=offer.numbers), substeps)
    start = candidates.regressed(wide.problem, offer.mask & wide.problem.admissible)
    # With the wave in them, the equations say better how a forcing acts.
    coefficients = start.coefficients + wide.problem.known
    waves = [dictionary.is_fitted_wave(term) for term in wide.terms]
    only = int(np.argmax(offer.mask[:, waves].any(1))), int(np.argmax(offer.numbers))
    forced = only[1] >= len(units.variables) - session.forcings
    offer = (
        wave_scan.offer(wide, offer.mask, coefficients, first.noise, only, forced=forced) or offer
    )
    wide = session.build(units._replace(waves=offer.numbers), substeps)
    more = ((0, 0), (0, len(wide.terms) - len(prepared.terms)))
    masks = [offer.mask, *(np.pad(c.mask, more) for c in first.pool[: constants.WIDTH])]
    starts = [candidates.regressed(wide.problem, mask) for mask in masks]
    if forced:
        # Without the drive, what was fitted may have none of the right terms.
        starts += proposals.proposals(wide)
    part = 1 - constants.HELD_OUT
    trial = _settled(session, wide, starts, part, guides=constants.GUIDES)
    earned = trial.found.chosen.score - first.chosen.score - offer.price
    if trial.wave is None or earned < constants.WAVE_EARNS:
        return None
    final = _settled(session, trial.prepared, trial.found.starts(), 1.0, guides=1)
    if final.wave is None:
        return None
    again = _search(session, final.prepared, trial.found.starts(), part, guides=1)
    wave = final.wave._replace(price=offer.price)
    return WaveSearch(final.prepared, again, final.found, wave)


def _search(
    session: Session, prepared: Prepared, starts: Sequence[Start], share: float, guides: int
) -> Found:
    return session.search(prepared, starts, share=share, stage="fitting a wave", guides=guides)


def _settled(
    session: Session, prepared: Prepared, starts: Sequence[Start], share: float, guides: int
) -> _Settled:
    """Search, fit w, and search again with that, until the choice stays."""
    wave = last = None
    waves = [dictionary.is_fitted_wave(term) for term in prepared.terms]
    for _ in range(constants.WAVE_SEARCHES):
        found = _search(session, prepared, starts, share, guides)
        mask = found.chosen.mask
        if not mask[:, waves].any():
            return _Settled(prepared, found, None)
        if last is not None and (mask == last).all():
            break
        last, wave = mask, fit_number(prepared.units, found)
        prepared = session.build(_numbered(prepared.units, wave.number), prepared.substeps)
        starts, guides = found.starts(), 1
    return _Settled(prepared, found, wave)
