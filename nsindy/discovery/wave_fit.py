"""The search with a wave whose number w is fitted, by the profile of the misfit of trajectories."""

from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

import jax.numpy as jnp
import numpy as np

from nsindy.discovery import candidates, search, signals, wave_scan
from nsindy.discovery.search import Searched

if TYPE_CHECKING:
    from nsindy.discovery.problem import Setting
    from nsindy.discovery.signals import Units

AGAIN = 4
"""Most searches, each with the w of the one before it."""

ROUNDS = 8
"""Most parabolas."""

EARNED = 10.0
"""Nats beyond its price that a wave must earn: slow errors of an instrument are a wave too."""


class Fitted(NamedTuple):
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


def fitted(units: "Units", searched: Searched) -> Fitted:
    """Fit w to the trajectories, all coefficients and initial states following it.

    χ²(w), the misfit that is left when everything else is fitted, is a parabola near its least
    value, so three fits say where that is, and 2 / (d²χ²/dw²) is the variance of w. The step is
    that standard error as soon as it is known.

    Args:
      units: with the w to begin with.
      searched: what was chosen with that w.

    Reference: Bates and Watts (1988), Nonlinear regression analysis, section 6.1.
    """
    found, problem, best = searched.found, searched.problem, searched.found.chosen

    def at(number):
        raw = jnp.asarray(_numbered(units, number).raw)
        cut = searched.segments._replace(units=raw)
        pool: dict[bytes, candidates.Candidate] = {}
        start = (best.mask, (best.coefficients, best.begin))
        candidates.fit(problem, cut, [start], found.noise, found.samples, pool)
        candidate = pool.popitem()[1]
        misfit = float(np.sum(found.samples * candidate.variance / found.noise**2))
        return candidate.coefficients, misfit

    number = float(units.waves.max())
    step, error, slopes = 1e-3 * number, np.inf, np.zeros(best.mask.shape)
    for _ in range(ROUNDS):
        (low, left), (_, here), (high, right) = (at(number + s * step) for s in (-1, 0, 1))
        bend = left - 2 * here + right
        if not 0.1 < bend < np.inf:
            step *= 4 if bend < 1 else 0.25
            continue
        error, slopes = step * np.sqrt(2 / bend), (high - low) / (2 * step)
        move = np.clip((left - right) / (2 * bend), -3, 3) * step
        number += move
        settled = abs(move) < 0.1 * error and 0.3 < step / error < 3
        step = error
        if settled:
            break
    return Fitted(number, float(error), slopes)


def _numbered(units: "Units", number: float) -> "Units":
    return units._replace(waves=np.where(units.waves > 0, number, 0.0))


def search_with(
    offer: wave_scan.Offer,
    build: "Callable[[Units, int], Setting]",
    look: "Callable[[Setting, list, float], Searched]",
    setting: "Setting",
    first: Searched,
) -> "tuple[Setting, Searched, Searched, Fitted] | None":
    """Search with the wave that is offered.

    Args:
      offer: the wave.
      build: from units and substeps to what is searched.
      look: searches from starts, on a share of the samples.
      setting: without the wave.
      first: the search on the first part without the wave.

    Returns:
      what was searched, the searches on the first part and on all samples, and w; None where the
      wave does not earn its price. The forecast of the first part takes the w of all samples.
    """
    units = setting.units
    wide = build(units._replace(waves=offer.numbers), setting.substeps)
    coefficients, _ = candidates.by_derivatives(wide.problem, offer.mask & wide.problem.admissible)
    # With the wave in them, the equations say better how a forcing acts.
    coefficients = coefficients + wide.problem.known
    own = [wave_scan.fitted(term) for term in wide.terms]
    only = int(np.argmax(offer.mask[:, own].any(1))), int(np.argmax(offer.numbers))
    offer = wave_scan.offer(wide, offer.mask, coefficients, first.found.noise, only) or offer
    wide = build(units._replace(waves=offer.numbers), setting.substeps)
    more = ((0, 0), (0, len(wide.terms) - len(setting.terms)))
    starts = [offer.mask, *(np.pad(c.mask, more) for c in first.found.pool[: search.WIDTH])]
    part = 1 - signals.HELD_OUT
    wide, trial, wave = _settled(build, look, wide, starts, part)
    earned = trial.found.chosen.score - first.found.chosen.score - offer.price
    if wave is None or earned < EARNED:
        return None
    wide, final, wave = _settled(build, look, wide, trial.starts(), 1.0)
    if wave is None:
        return None
    trial = look(wide, trial.starts(), part)
    return wide, trial, final, wave._replace(price=offer.price)


def _settled(build, look, setting, starts, counted):
    """Search, fit w, and search again with that, until the choice stays; no w where none has it."""
    wave = last = None
    own = [wave_scan.fitted(term) for term in setting.terms]
    for _ in range(AGAIN):
        searched = look(setting, starts, counted)
        mask = searched.found.chosen.mask
        if not mask[:, own].any():
            return setting, searched, None
        if last is not None and (mask == last).all():
            break
        last, wave = mask, fitted(setting.units, searched)
        setting = build(_numbered(setting.units, wave.number), setting.substeps)
        starts = searched.starts()
    return setting, searched, wave
