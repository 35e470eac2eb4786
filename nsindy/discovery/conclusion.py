"""What a search found, said with its uncertainty, in the units of the recordings."""

import dataclasses
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from nsindy.discovery import candidates, signals, wave_scan
from nsindy.discovery.candidates import Candidate
from nsindy.discovery.search import Found, Searched
from nsindy.discovery.wave_fit import Fitted
from nsindy.evidence import beam, subset
from nsindy.recording.check import Recordings
from nsindy.result import along_recording
from nsindy.result.discovery import Discovery, HeldOut
from nsindy.terms import text

if TYPE_CHECKING:
    from nsindy.discovery.problem import Setting

SURE = 0.95
"""Inclusion probability below which a term is mentioned as doubtful."""

NEAR = 0.995
"""Cosine above which an unused term is mentioned as a near duplicate."""


def conclude(
    setting: "Setting",
    recordings: Recordings,
    first: Searched,
    final: Searched,
    wave: Fitted | None = None,
) -> Discovery:
    """Put the result together.

    Args:
      setting: what was searched.
      recordings: as they were read.
      first: the search on the first part of each recording, whose forecast is judged.
      final: the search on all samples.
      wave: the number of the fitted wave, where there is one.
    """
    found, problem, units = final.found, final.problem, setting.units
    best = found.chosen
    states = recordings.states
    if setting.order == 2:
        states = (*states, *(f"{name}'" for name in states))
    texts = _Texts(setting, (*states, *recordings.inputs), states)
    inclusion = _inclusion(found)
    errors = standard_errors(found, problem, wave) * setting.back
    begins = np.flatnonzero(_is_start(setting))
    kinds = np.all([s.proportional for s in setting.signals], 0)
    noise = np.where(kinds, _misfit_share(found, setting), found.noise * units.states)
    unmeasured = np.all([s.noise == 0 for s in setting.signals], 0)
    discovery = Discovery(
        coefficients=best.coefficients * setting.back,
        standard_errors=np.where(best.mask & problem.admissible, errors, 0.0),
        inclusion_probabilities=np.clip(inclusion, 0, 1),
        noise=np.where(unmeasured, 0.0, noise),
        score=np.asarray(best.score - (wave.price if wave else 0.0)),
        initial=best.begin[begins] * units.states,
        held_out=_held_out(setting, recordings, first, begins),
        library=setting.terms,
        states=states,
        inputs=recordings.inputs,
        order=setting.order,
        noise_kind=tuple("proportional" if k else "constant" for k in kinds),
        equivalent_models=texts.equivalents(best),
        runner_up=texts.runners_up(best, found.pool),
        collinear=texts.near(best),
        warnings=(),
    )
    said = _warnings(setting, first, final, discovery, texts)
    warnings = (*recordings.notes, *(_number(setting, found, wave, texts) if wave else ()), *said)
    return dataclasses.replace(discovery, warnings=warnings)


def _is_start(setting: "Setting") -> np.ndarray:
    length = setting.length
    return np.concatenate([np.arange(0, len(s.times) - 1, length) == 0 for s in setting.signals])


def _misfit_share(found: Found, setting: "Setting") -> np.ndarray:
    """The proportional noise that the misfit of the model itself shows."""
    size = np.sqrt(np.mean(np.concatenate([s.measured for s in setting.signals]) ** 2, 0))
    return found.noise / size


def _inclusion(found: Found) -> np.ndarray:
    """Posterior probability of every term over all supports that were fitted or predicted."""
    masks = [c.mask for c in found.pool] + [mask for mask, _ in found.around]
    scores = np.array([c.score for c in found.pool] + [score for _, score in found.around])
    weights = np.exp(scores - scores.max())
    return np.tensordot(weights / weights.sum(), np.array(masks, float), 1)


def standard_errors(
    found: Found, problem: candidates.Problem, wave: Fitted | None = None
) -> np.ndarray:
    """Standard errors of the coefficients of the best support, scaled [D, M].

    From the linearisation of the trajectories, in which the residuals' autocorrelation counts:
    n measurements of which m are independent widen an error by √(n / m). Where w is fitted, the
    variance of a coefficient ξ is that at this w, and (dξ/dw)² times that of w.
    """
    mask = found.chosen.mask & problem.admissible
    initial = found.factor.shape[1] - 1 - mask.size
    held = np.append(np.ones(initial, bool), mask.reshape(-1))
    _, covariance = subset.solve(found.factor, held)
    variance = np.diagonal(covariance)[initial:].reshape(mask.shape)
    if wave is not None:
        variance = variance + np.where(mask, wave.slopes * wave.error, 0.0) ** 2
    return np.sqrt(variance) * _widening(found, mask, initial)


def _widening(found: Found, mask: np.ndarray, initial: int) -> float:
    total, independent = found.samples.sum(), np.sum(found.samples * found.chosen.independent)
    freedom = max(total - mask.sum() - initial, 1)
    return float(np.sqrt(total / max(independent, 1.0) * total / freedom))


def _number(setting: "Setting", found: Found, wave: Fitted, texts: "_Texts") -> tuple[str, ...]:
    """The w of the fitted wave and its error, in words."""
    mask = found.chosen.mask & setting.problem.admissible
    initial = found.factor.shape[1] - 1 - mask.size
    error = wave.error * _widening(found, mask, initial)
    used = [
        m for m, term in enumerate(setting.terms) if wave_scan.fitted(term) and mask[:, m].any()
    ]
    names = " and ".join(texts.names[m] for m in used)
    value, spread = (text.number(number, error) for number in (wave.number, error))
    (variable,) = np.flatnonzero(setting.units.waves)
    unit = f"radian per unit of {texts.variables[variable]}"
    return (f"the number in {names} is fitted: {value} ± {spread} {unit}",)


def _held_out(setting, recordings: Recordings, first: Searched, begins) -> HeldOut:
    """Forecast the end of each recording from the state that the fit ends with."""
    best, units = first.found.chosen, setting.units
    squares, count, deviations = 0.0, 0, 0.0
    measured = len(recordings.states)
    given = (best.mask, (best.coefficients, best.begin))
    paths, _ = candidates.solved(first.problem, [given], first.segments)[0]
    model = _model(setting, recordings, best)
    followed = signals.nodes(setting.signals, paths)
    for signal, part, nodes in zip(setting.signals, setting.parts, followed, strict=True):
        limit = signals.fitted(len(signal.times))
        start = nodes[limit - 1] * units.states
        rest = part.times[limit - 1 :], part.inputs[limit - 1 :]
        ahead = along_recording.solve_along(model, start, *rest)[1:, :measured]
        truth = part.states[limit:]
        squares = squares + np.sum((ahead - truth) ** 2, 0)
        deviations = deviations + np.sum((truth - truth.mean(0)) ** 2, 0)
        count += len(truth)
    rmse = np.sqrt(squares / count)
    r2 = 1 - squares / np.where(deviations > 0, deviations, np.nan)
    return HeldOut(
        best.coefficients * setting.back,
        best.begin[begins] * units.states,
        np.nan_to_num(rmse, nan=np.inf),
        np.nan_to_num(r2, nan=-np.inf),
    )


def constants(states: np.ndarray, noise: np.ndarray) -> list[np.ndarray]:
    """Linear combinations of states that do not change along a recording, beyond their noise.

    In units of the noise such a combination of length 1 has the variance 1, with a standard error
    of √(2 / N).

    Args:
      states: measured [N, D].
      noise: standard deviation of each state [D].

    Returns:
      coefficients [D] of each, 0 for a state of little share in it, the largest share's being 1.

    Reference: Anderson (1963), Annals of Mathematical Statistics 34, for the distribution.
    """
    scaled = (states - states.mean(0)) / noise
    values, directions = np.linalg.eigh(scaled.T @ scaled / max(len(scaled) - 1, 1))
    found = []
    for value, direction in zip(values, directions.T, strict=True):
        share = np.abs(direction) * np.std(scaled, 0)
        held = share > 0.1 * share.max()
        if value < 1 + 3 * np.sqrt(2 / len(scaled)) and held.sum() > 1:
            weights = np.where(held, direction / noise, 0.0)
            found.append(weights / weights[np.argmax(share)])
    return found


def _model(setting, recordings, best) -> Discovery:
    count = len(setting.units.states)
    zero = np.zeros((count, len(setting.terms)))
    names = tuple(f"x{i}" for i in range(count))
    return Discovery(
        coefficients=best.coefficients * setting.back,
        standard_errors=zero,
        inclusion_probabilities=zero,
        noise=np.zeros(count),
        score=np.zeros(()),
        initial=setting.units.states[None],
        held_out=HeldOut(zero, zero, zero, zero),
        library=setting.terms,
        states=names,
        inputs=recordings.inputs,
    )


class _Texts:
    """Models in words."""

    def __init__(self, setting: "Setting", variables: tuple[str, ...], states: tuple[str, ...]):
        self.setting, self.states, self.variables = setting, states, variables
        self.names = [text.readable(term, variables) for term in setting.terms]

    def difference(self, one: Candidate, other: Candidate) -> str:
        """What another model has that this one has not."""
        words = []
        for d, state in enumerate(self.states):
            more = [self.names[m] for m in np.flatnonzero(other.mask[d] & ~one.mask[d])]
            less = [self.names[m] for m in np.flatnonzero(one.mask[d] & ~other.mask[d])]
            if more and less:
                words.append(f"{', '.join(more)} for {', '.join(less)} in {state}'")
            elif more:
                words.append(f"{', '.join(more)} added in {state}'")
            elif less:
                words.append(f"{', '.join(less)} left out of {state}'")
        return "; ".join(words)

    def runners_up(self, best: Candidate, pool: Sequence[Candidate]) -> tuple[str, ...]:
        """The next best models, and those of more terms that are better by too little."""
        found = []
        for c in pool[:6]:
            behind = best.score - c.score
            if c is not best and np.isfinite(behind):
                place = "behind" if behind >= 0 else "ahead, too few for its size"
                found.append(f"{self.difference(best, c)}: {abs(behind):.1f} nats {place}")
        return tuple(found[:5])

    def equivalents(self, best: Candidate) -> tuple[str, ...]:
        """Models that no recording of these values can tell from the best."""
        found = []
        factor = np.asarray(self.setting.problem.factor)
        size = best.mask.shape[1]
        for d, state in enumerate(self.states):
            if not self.setting.problem.admissible[d].any() or not best.mask[d].any():
                continue
            own = factor[:, [*range(size), size + d]]
            for other in beam.equivalents(own, best.mask[d], tolerance=1e-9, most=5):
                found.append(f"{state}' of {', '.join(self.names[m] for m in other)}")
        return tuple(found)

    def near(self, best: Candidate) -> tuple[str, ...]:
        """Unused terms that are nearly the same as a term of the model."""
        theta = self.setting.theta
        norms = np.linalg.norm(theta, axis=0)
        unit = theta / np.where(norms > 0, norms, 1.0)
        used = np.flatnonzero((best.mask & self.setting.problem.admissible).any(0))
        found = []
        for m in used:
            cosines = np.abs(unit[:, m] @ unit)
            others = [o for o in np.argsort(-cosines)[:4] if o not in used and cosines[o] > NEAR]
            found += [
                f"{self.names[m]} and {self.names[o]} are nearly the same here "
                f"(cosine {cosines[o]:.4f})"
                for o in others
            ]
        return tuple(found)


def _warnings(setting, first, final, discovery: Discovery, texts: _Texts) -> list[str]:
    found, best = final.found, final.found.chosen
    said = []
    if not found.settled:
        said.append("the search ended before it settled; another start may find a better model")
    if best.gap > 1:
        said.append(
            "the fitted solution has jumps: no single solution of these equations follows the "
            "recording, so the equations describe it only piece by piece"
        )
    extra = int(np.asarray(final.segments.starts).any(1).sum()) - len(setting.signals)
    if extra > 0:
        said.append(
            f"an error in the state grows too much along the recording for one solution, so it is "
            f"fitted in {extra + len(setting.signals)} stretches, each with its own initial state; "
            "a forecast far beyond the length of one is not to be trusted"
        )
    smooth = signals.noise(setting.signals)
    for d, state in enumerate(discovery.measured):
        if smooth[d] > 0 and found.noise[d] > 2 * max(smooth[d], setting.problem.floor[d]):
            said.append(
                f"{state} is missed by {found.noise[d] / smooth[d]:.1f} times its noise: "
                "a term or an influence is missing"
            )
        if best.independent[d] < 0.5:
            said.append(f"what is left of {state} is not noise: it has structure in time")
    every = np.concatenate([part.states for part in setting.parts])
    count = every.shape[1]
    for weights in constants(every, (found.noise * setting.units.states)[:count]):
        pairs = zip(weights, discovery.measured, strict=True)
        words = " + ".join(f"{text.number(w)} {name}" for w, name in pairs if w)
        said.append(
            f"{words} does not change beyond its noise, so terms of these states stand for one "
            "another and only the price of terms decides; another initial state would tell"
        )
    doubtful = best.mask & (discovery.inclusion_probabilities < SURE)
    for d, m in np.argwhere(doubtful & setting.problem.admissible):
        said.append(
            f"{texts.names[m]} in {discovery.states[d]}' is doubtful "
            f"(inclusion probability {discovery.inclusion_probabilities[d, m]:.2f})"
        )
    if (first.found.chosen.mask != best.mask).any():
        words = texts.difference(best, first.found.chosen)
        said.append(f"the first four fifths alone give another model: {words}")
    return said
