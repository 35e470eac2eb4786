"""The least misfit as a function of one number, all else following, by parabolas."""

from collections.abc import Callable

import numpy as np

from nsindy.discovery import constants
from nsindy.discovery.supports.candidates import Candidate, Start
from nsindy.discovery.supports.search import Found

__all__ = ["fit_profile"]


def fit_profile(
    fit: Callable[[float, Start], Candidate], found: Found, number: float, step: float
) -> tuple[float, float]:
    """Fit a number by which the terms themselves have no derivative, as the time of a jump.

    χ²(p), the misfit that is left when everything else is fitted, is a parabola near its least
    value, so a few fits say where that is, and 2 / (d²χ²/dp²) is the variance of p. Steps are its
    standard error as soon as that is known.

    Args:
      fit: the choice with the number, from where the fit starts.
      found: what was chosen with the number to begin with.
      number: p to begin with.
      step: by which it is changed at first.

    Returns:
      the number, and its standard error.

    Reference: Bates and Watts (1988), Nonlinear regression analysis, section 6.1.
    """
    start, error = found.chosen.start, np.inf
    for _ in range(constants.NUMBER_PARABOLAS):
        fits = [fit(number + move, start) for move in (-step, 0.0, step)]
        below, here, above = (
            float(np.sum(found.samples * each.variance / found.noise**2)) for each in fits
        )
        # Fits that run away are infinitely bad, on both sides perhaps.
        bend = below - 2 * here + above
        if not 0.1 < bend < np.inf:
            step *= 4.0 if bend < 1 else 0.25
            continue
        start, error = fits[1].start, float(np.sqrt(2 / bend) * step)
        reach = constants.NUMBER_REACH
        move = float(np.clip((below - above) / (2 * bend), -reach, reach)) * step
        number += move
        settled = abs(move) < 0.1 * error and 0.3 < step / error < 3
        step = max(error, min(abs(move), step))
        if settled:
            break
    return number, error
