"""What a discovery has come to, and where another library or floor comes to more."""

import dataclasses
from typing import NamedTuple

import numpy as np

from nsindy.discovery import constants
from nsindy.discovery.inputs.forced import Forced
from nsindy.discovery.inputs.readings import Late
from nsindy.discovery.inputs.sensor_lag import SensorLag
from nsindy.discovery.numbers import number_hints, numbers_inside
from nsindy.discovery.numbers.number_fit import NumberSearch
from nsindy.discovery.preparation import building, dictionary, signals
from nsindy.discovery.preparation.problem import Prepared
from nsindy.discovery.supports import proposals, stages
from nsindy.discovery.supports.discrepancy import Discrepancy, nearly_right
from nsindy.discovery.supports.fitted_numbers import NOTHING_FITTED, FittedNumbers
from nsindy.discovery.supports.search import Found
from nsindy.discovery.supports.session import Session
from nsindy.evidence import regression

__all__ = [
    "FoundModel",
    "Searched",
    "at_fine_floor",
    "beside",
    "search_model",
    "with_negative_powers",
]


class FoundModel(NamedTuple):
    """What a discovery has come to.

    Attributes:
      prepared: the problem.
      first: the search on the first part of each recording.
      final: the search on all samples.
      numbers: that were fitted inside terms.
      slow: the slow error beside the equations.
      lag: the delay of the held inputs or of sensors, where there is one.
      forced: the search with a forcing in time, where there is one.
    """

    prepared: Prepared
    first: Found
    final: Found
    numbers: FittedNumbers
    slow: Discrepancy
    lag: Late | SensorLag | None = None
    forced: Forced | None = None

    @classmethod
    def plain(cls, prepared: Prepared, first: Found, final: Found) -> "FoundModel":
        """A search without numbers inside terms, beside no slow error."""
        none = Discrepancy.none(len(final.chosen.mask))
        return cls(prepared, first, final, NOTHING_FITTED, none)

    @property
    def price(self) -> float:
        """Nats of the numbers inside terms or a forcing, which the scores do not know."""
        return self.numbers.price if self.forced is None else self.forced.price

    @property
    def odd(self) -> bool:
        """Whether it has many terms in an equation, or numbers inside: these may stand in."""
        terms = self.final.chosen.mask & self.prepared.problem.admissible
        many = bool((terms.sum(1) > constants.NUMBER_REPLACES).any())
        return many or bool(self.numbers.inner)

    @property
    def worth(self) -> float:
        """Nats of the search on all samples, that price paid."""
        return self.final.chosen.score - self.price

    @property
    def worth_in_units(self) -> float:
        """The same of the states in a person's units, to compare recordings that were scaled."""
        return self.prepared.score_in_units(self.worth, self.final.samples)


class Searched(NamedTuple):
    """A model, and the problem and first search without numbers inside terms.

    Attributes:
      model: what was found.
      without: the problem and its search on the first part, without numbers.
      stopped: True if the search was ended from outside.
    """

    model: FoundModel
    without: tuple[Prepared, Found]
    stopped: bool


def search_model(
    session: Session, prepared: Prepared, first: Found, lag: Late | SensorLag | None
) -> Searched:
    """The search with numbers inside terms where they help, and on all samples.

    Args:
      session: builds and searches problems.
      prepared: the problem.
      first: its search on the first part of each recording.
      lag: the delay of the held inputs or of sensors, where there is one.
    """
    part, guides = 1 - constants.HELD_OUT, constants.GUIDES
    prepared, base = stages.with_noise_seen(session, prepared, first)
    # What is built from now on has the noise that was seen.
    session, first = dataclasses.replace(session, signals=prepared.signals), base
    if stages.missed(prepared, first) and not session.stop():
        starts = stages.from_more_places(prepared, first)
        stage = "selecting from more places"
        first = session.search(prepared, starts, share=part, stage=stage, guides=guides)
    # Offered around the choice before the retry: where a number is missing, the retry buys terms
    # that stand in for it, and around them a scan sees less of it.
    came_to = numbers_inside.search_with_numbers(session, prepared, base, first)
    for _ in range(constants.NUMBERS):
        if came_to.first is first:
            break
        prepared, first = stages.with_noise_seen(session, prepared, came_to.first)
        session = dataclasses.replace(session, signals=prepared.signals)
        came_to = numbers_inside.search_with_numbers(session, prepared, first, first)
    numbered, without, stopped = came_to.numbered, (prepared, first), session.stop()
    plain, final = stages.search_all(session, prepared, first, stopped=stopped)
    if numbered is not None and _likelier(plain, final, numbered, stopped=stopped):
        numbered = None
    if numbered is None and not stopped and _breaks_down(first, final):
        # What the last part shows to be missing may stand in the first part.
        came_to = numbers_inside.search_with_numbers(session, prepared, final, first)
        numbered, stopped = came_to.numbered, session.stop()
    if numbered is not None:
        # Its noise is not taken again from the fit: the numbers, their errors and prices were
        # judged with the noise of the smoothing, and would have to be judged anew.
        prepared, first, final, numbers = numbered
        stopped = False
    else:
        prepared, numbers = plain, NOTHING_FITTED
    slow = Discrepancy.none(len(final.chosen.mask))
    return Searched(FoundModel(prepared, first, final, numbers, slow, lag), without, stopped)


def _likelier(plain: Prepared, final: Found, numbered: NumberSearch, *, stopped: bool) -> bool:
    """Whether all samples show that a choice without a number is clearly likelier.

    The number was judged on the first part, where a choice may not have come to the right terms;
    and one that was stopped on its way may be no better than what there was before.
    """
    worth = numbered.final.chosen.score - numbered.numbers.price
    if stopped:
        return not worth > final.chosen.score
    kinds, others = ([s.proportional for s in p.signals] for p in (plain, numbered.prepared))
    return np.array_equal(kinds, others) and final.chosen.score > worth + constants.STRONG


def _breaks_down(first: Found, final: Found) -> bool:
    """Whether a choice that explains the first part leaves structure in the whole."""
    early, late = (each.chosen.independent < constants.INDEPENDENT for each in (first, final))
    return bool((late & ~early).any())


def at_fine_floor(session: Session, usual: Searched) -> FoundModel | None:
    """Search a recording without noise again, where less than the usual floor tells models apart.

    None where there is noise, found or given, the equations are exact already, or are not even
    near; where errors grow along the recording so that it is fitted in stretches, since those of
    the solver that made it grow too; where fits are not exact, as along the jumps of sign(x); and
    where none at the fine floor are exact.
    """
    bare, _ = usual.without
    size = bare.parts[0].states.shape[1]
    noise = signals.noise(bare.signals)[:size].max()
    left = _left(usual.model.final)[:size].max()
    near = constants.FINE_LEFT < left < constants.FINE_NEAR
    if not (0 < noise < constants.FINE_LEFT and near) or bare.problem.wide:
        return None
    prepared, final = usual.model.prepared, usual.model.final
    given = bare.problem.floor[:size].max() > constants.NOISE_FLOOR
    grows = final.stretches > len(session.parts)
    if given or grows or stages.bent_in_fit(prepared, final):
        return None
    fine = dataclasses.replace(session, floor=constants.FINE_FLOOR)
    prepared, first = stages.first_search(fine, bare.units)
    model, _, stopped = search_model(fine, prepared, first, usual.model.lag)
    exact = _left(model.final)[:size].max() <= constants.FINE_LEFT
    return model if exact and not stopped else None


def with_negative_powers(
    session: Session, prepared: Prepared, first: Found
) -> tuple[Session, Prepared, Found]:
    """The same, or a search with negative powers among the terms, where that is likelier.

    1/r^3 - 1/r^2 and v w/r are terms of few systems, orbits and bubbles, but as many as all others
    together. They are tried where a number inside a term may be, before that, and take the place of
    all operations but waves. So there must be samples enough, and no choice of columns.

    Args:
      session: builds and searches problems.
      prepared: the problem.
      first: its search on the first part of each recording.

    Returns:
      the session that the problem belongs to, the problem, and its search.
    """
    usual = session, prepared, first
    if session.question.operations is not None or prepared.problem.wide or session.stop():
        return usual
    if number_hints.settled(prepared, first) or not number_hints.promising(prepared, first).any():
        return usual
    best: tuple[Session, Prepared, Found] | None = None
    for other in _with_inverse(session, prepared):
        made = other.build(prepared.units, prepared.substeps)
        if not number_hints.leaves_more(prepared, first) and not _may_replace(
            prepared, first, made
        ):
            continue
        glance = other.search(
            made,
            proposals.proposals(made),
            share=1 - constants.HELD_OUT,
            stage="selecting on the first four fifths",
            guides=constants.GUIDES,
            rounds=constants.INVERSE_ROUNDS,
        )
        if best is None or glance.chosen.score > best[2].chosen.score:
            best = other, made, glance
    if best is None:
        return usual
    other, made, glance = best
    # Of as many terms or more it must be clearly likelier.
    fewer = glance.chosen.mask.sum() < first.chosen.mask.sum()
    if glance.chosen.score <= first.chosen.score + (0.0 if fewer else constants.STRONG):
        return usual
    return other, *stages.search_from(other, made, glance.starts())


def _with_inverse(session: Session, prepared: Prepared) -> list[Session]:
    """Searches with negative powers of all variables that bear them, or of each where samples lack.

    Args:
      session: builds and searches problems.
      prepared: the problem without them.
    """
    units, samples = prepared.units, signals.cells(session.signals).sum()
    able = tuple(v for v in range(len(units.variables)) if _away_from_zero(prepared, v))
    for choices in ([able], [(place,) for place in able]):
        found = []
        for inverse in filter(None, choices):
            library = building.terms_of(session.signals, units, session.question, inverse=inverse)
            borne = constants.LIBRARY_LADDER[-1][0] * len(library) <= samples
            if borne and not dictionary.is_wide(len(library), len(units.states)):
                found.append(dataclasses.replace(session, inverse=inverse))
        if found:
            return found
    return []


def beside(session: Session, model: FoundModel) -> FoundModel:
    """The same, or a choice beside a slow error where that is likelier and says more.

    What noise moves is followed by any equation, or by none, beside a slow error of its size. Where
    the usual choice follows such a state, though with structure in what it leaves, it stays as the
    approximation that it is.
    """
    nearly = nearly_right(model.final, price=model.price, stop=session.stop)
    if nearly is None:
        return model
    final, slow = nearly
    every = np.concatenate([s.measured for s in model.prepared.signals])
    much, usual = constants.SLOW_FAR * every.std(0), model.final.chosen
    follows = (np.sqrt(usual.variance) < much) & (usual.independent < constants.INDEPENDENT)
    if (follows & (slow.size > much)).any():
        return model
    again = nearly_right(model.first, stop=session.stop)
    first = model.first if again is None else again[0]
    return model._replace(first=first, final=final, slow=slow)


def _may_replace(prepared: Prepared, first: Found, made: Prepared) -> bool:
    """Whether a regression finds negative powers in place of more terms in one equation.

    Args:
      prepared: the problem without negative powers.
      first: its search.
      made: the problem with them.
    """
    new = np.array([term not in prepared.terms for term in made.terms])
    counts = (first.chosen.mask & prepared.problem.admissible).sum(1)
    freedom = sum(s.freedom for s in made.signals)
    for d in np.flatnonzero(number_hints.promising(prepared, first)).tolist():
        for factor in (made.problem.factor, made.problem.integrals):
            own = regression.of_equation(factor, len(new), d)
            options = proposals.options_of(made.problem, own, d, freedom, constants.COARSE[0])
            ranks = {True: np.inf, False: np.inf}
            for option in options:
                inverse = bool((option.mask & new).any())
                if not inverse or option.mask.sum() < counts[d]:
                    ranks[inverse] = min(ranks[inverse], option.rank)
            if ranks[True] < ranks[False] + constants.INVERSE_GLANCE:
                return True
    return False


def _away_from_zero(prepared: Prepared, place: int) -> bool:
    """Whether a variable stays so far from 0 that its negative powers are within few decades."""
    every = np.concatenate([np.hstack([s.states, s.inputs])[:, place] for s in prepared.signals])
    sizes = np.abs(every)
    one_sign = np.all(every > 0) or np.all(every < 0)
    return bool(one_sign and sizes.min() > constants.INVERSE_LEAST * sizes.max())


def _left(found: Found) -> np.ndarray:
    """Standard deviation of what the choice leaves of each state [D]."""
    return np.sqrt(found.chosen.variance)
