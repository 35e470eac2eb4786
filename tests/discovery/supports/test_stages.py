"""Steps of the solver, what is missed, and noise that is taken from a model that fits."""

from types import SimpleNamespace

import numpy as np
import problems
import pytest

from nsindy.discovery import constants
from nsindy.discovery.preparation import signals, smooth_signals, smoothing
from nsindy.discovery.preparation.question import Question
from nsindy.discovery.supports import candidates, stages
from nsindy.discovery.supports.candidates import Path, Start
from nsindy.discovery.supports.session import Session
from nsindy.recording.check import Recording

COARSE = np.linspace(0, 24, 61)


@pytest.fixture(scope="module")
def coarse():
    """The problem, and the true equation to start from."""

    def field(y):
        return [y[1], -y[0] + 0.8 * (1 - y[0] ** 2) * y[1]]

    clean = problems.solved(field, (1.0, 0.5), COARSE)
    made = problems.prepared(COARSE, clean)
    names = [term.name(("x", "v")) for term in made.terms]
    truth = np.zeros(made.back.shape)
    truth[0, names.index("identity(v)")] = 1.0
    truth[1, names.index("identity(x)")] = -1.0
    truth[1, names.index("identity(v)")] = 0.8
    truth[1, names.index("mul(x,mul(x,v))")] = -0.8
    return made, Start(truth != 0, truth / made.back, made.problem.begin)


@pytest.fixture(scope="module")
def errors(coarse):
    """Largest error of each number of steps along the segments, against SciPy."""
    made, start = coarse
    units, errors = made.units, {}

    def scaled(y):
        x, v = y * units.states
        return np.array([v, -x + 0.8 * (1 - x**2) * v]) * units.time / units.states

    for substeps in constants.SUBSTEPS:
        cut = made._replace(substeps=substeps).segments(1.0)
        (path,) = candidates.solved(made.problem, [start], cut)
        largest = 0.0
        for b in np.flatnonzero(np.asarray(cut.steps).any(1)):
            inside = np.append(True, np.asarray(cut.steps)[b] > 0)
            times = np.append(0.0, np.cumsum(np.asarray(cut.steps)[b]))[inside]
            exact = problems.solved(scaled, start.begin[b], times)
            largest = max(largest, np.abs(path.states[b][inside] - exact).max())
        errors[substeps] = largest
    return errors


def test_a_fit_bends_a_sign_and_an_empty_tank_alone():
    times = np.linspace(0, 6, 80)
    swing = np.stack([np.cos(times), 1.5 + np.sin(times)], 1)
    made = problems.prepared(times, swing, operations=("sign", "sqrt"))
    names = [term.name(("x", "v")) for term in made.terms]
    for name, bent in (("sign(x)", True), ("sqrt(v)", False), ("identity(x)", False)):
        mask = np.zeros(made.back.shape, bool)
        mask[0, names.index(name)] = True
        found = problems.found(problems.candidate(mask))
        assert stages.bent_in_fit(made, found) == bent
    low = problems.prepared(times, swing - [0.0, 0.4999], operations=("sqrt",))
    mask = np.zeros(low.back.shape, bool)
    mask[0, [term.name(("x", "v")) for term in low.terms].index("sqrt(v)")] = True
    assert stages.bent_in_fit(low, problems.found(problems.candidate(mask)))


def resolved(coarse, noise, floor):
    made, start = coarse
    (one,) = made.signals
    quiet = made._replace(
        signals=[one._replace(noise=np.asarray(noise))],
        problem=made.problem._replace(floor=np.full(2, floor)),
    )
    return stages.resolved(quiet, [start]).substeps


@pytest.mark.parametrize("by", ("noise", "floor"))
@pytest.mark.parametrize("factor", (1.2, 5.0, 25.0))
@pytest.mark.parametrize("substeps", constants.SUBSTEPS)
@pytest.mark.unmeasured
def test_so_many_steps_that_the_error_is_not_seen(coarse, errors, substeps, factor, by):
    """The chosen number is below the threshold, half of it is not: an error falls by 2⁵."""
    small = factor * errors[substeps]
    of_noise, of_floor = constants.SOLVER_ERROR
    noise, floor = (small / of_noise, 0.0) if by == "noise" else (1e-12, small / of_floor)
    chosen = resolved(coarse, (noise, noise), floor)
    assert errors[chosen] < small
    assert chosen == 1 or errors[chosen // 2] > small
    assert chosen == substeps


def test_no_more_steps_than_the_most(coarse, errors):
    assert resolved(coarse, (1e-12, 1e-12), 0.0) == constants.SUBSTEPS[-1]
    assert errors[constants.SUBSTEPS[-1]] > 1e-12


def test_a_proposal_that_runs_away_needs_no_steps(coarse, errors):
    """x' = 200 x leaves the recording in every segment, and stops elsewhere with every step."""
    made, start = coarse
    names = [term.name(("x", "v")) for term in made.terms]
    wild = np.zeros(made.back.shape)
    wild[0, names.index("identity(x)")] = 200.0
    small = 1.2 * errors[2] / constants.SOLVER_ERROR[0]
    quiet = made._replace(signals=[made.signals[0]._replace(noise=np.full(2, small))])
    both = [start, Start(wild != 0, wild, made.problem.begin)]
    assert stages.resolved(quiet, both).substeps == 2


def test_what_was_not_measured_needs_no_steps(coarse):
    assert resolved(coarse, (0.0, 0.0), 0.0) == 1


BELOW, ABOVE = 1 - 1e-6, 1 + 1e-6


@pytest.mark.parametrize(("noise", "floor"), ((0.01, 1e-3), (0.01, 0.02)))
def test_a_model_misses_from_so_many_times_the_noise(coarse, noise, floor):
    """The noise of the smoothing, or the floor where that is higher."""
    one = coarse[0]._replace(
        signals=[problems.signal(np.ones((20, 2)), noise=np.full(2, noise))],
        problem=problems.narrow(3, 2, floor=np.full(2, floor)),
    )
    most = constants.MISSED * max(noise, floor)
    chosen = problems.candidate(np.ones((2, 3)))
    for factor, expected in ((BELOW, False), (ABOVE, True)):
        far = problems.found(chosen, noise=np.array([noise, most * factor]))
        assert stages.missed(one, far) == expected
    # A state that was not measured is not missed.
    blind = one._replace(signals=[problems.signal(np.ones((20, 2)), noise=np.array([noise, 0.0]))])
    assert not stages.missed(blind, far)


@pytest.mark.parametrize(("factor", "expected"), ((1.0, False), (BELOW, True)))
def test_what_smoothing_did_not_resolve_is_missed_where_structure_is_left(coarse, factor, expected):
    part = problems.signal(np.ones((20, 2)), resolved=np.zeros(2, bool))
    one = coarse[0]._replace(signals=[part], problem=problems.narrow(3, 2))
    independent = np.array([1.0, constants.INDEPENDENT * factor])
    chosen = problems.candidate(np.ones((2, 3)), independent=independent)
    assert stages.missed(one, problems.found(chosen, noise=np.ones(2))) == expected


def test_noise_that_smoothing_did_not_see_is_what_a_model_leaves(coarse, monkeypatch):
    """Where it is white; a search goes on with it."""
    part = problems.signal(np.ones((20, 2)), noise=np.full(2, 1e-5), resolved=np.zeros(2, bool))
    one = coarse[0]._replace(signals=[part], problem=problems.narrow(3, 2))
    session = SimpleNamespace(stop=lambda: False, search=lambda *given, **knobs: "again")
    monkeypatch.setattr(stages, "_weighted", lambda prepared, found: "renewed")
    chosen = problems.candidate(np.ones((2, 3)))
    left = problems.found(chosen, noise=np.full(2, 0.01))
    assert stages.with_noise_seen(session, one, left) == ("renewed", "again")
    # Nothing is seen where little is left, or structure, or where smoothing has told the noise.
    fine = left._replace(noise=np.full(2, 1e-5))
    structured = left._replace(chosen=chosen._replace(independent=np.full(2, 0.1)))
    told = one._replace(signals=[part._replace(resolved=np.ones(2, bool))])
    for made, found in ((one, fine), (one, structured), (told, left)):
        assert stages.with_noise_seen(session, made, found) == (made, found)


def test_noise_is_taken_from_a_model_that_follows_the_recording(coarse, monkeypatch):
    """At the samples that were fitted; from one that misses it, nothing is taken."""
    made, start = coarse
    cut = made.segments(1.0)
    followed = Path(np.asarray(cut.states) + 0.001, np.zeros((len(cut.steps), 2, 2)))
    monkeypatch.setattr(candidates, "solved", lambda problem, starts, segments: [followed])
    chosen = problems.candidate(start.coefficients, begin=start.begin)
    near = problems.found(chosen, problem=made.problem, segments=cut, noise=np.zeros(2))
    renewed = stages._reweighted(made, near)
    (one,) = made.signals
    states = one.measured[: signals.fitted_samples(len(COARSE))] + 0.001
    (expected,) = signals.weighted([one], [states], made.problem.floor)
    for name, value in expected._asdict().items():
        np.testing.assert_array_equal(getattr(renewed.signals[0], name), value, err_msg=name)
    # What lies between samples that are too coarse to be smoothed is missed by nothing.
    told = made._replace(signals=[one._replace(resolved=np.ones(2, bool))])
    assert stages._reweighted(told, near._replace(noise=np.ones(2))) is told


@pytest.mark.slow
def test_a_kind_of_noise_that_no_model_follows_is_taken_again_from_the_model():
    """Weights of proportional noise, 2,500 times as high at zero, for noise that is constant."""

    def field(y):
        return [y[1], -y[0] + 0.8 * (1 - y[0] ** 2) * y[1]]

    times = np.linspace(0, 24, 161)
    states = problems.noisy(problems.solved(field, (1.0, 0.5), times), 0.01)
    parts = [Recording(times, states, np.zeros((len(times), 0)))]
    (one,), units = smooth_signals.smooth_recordings(parts, 1)
    assert not one.proportional.any()
    shape = smoothing.proportional_noise(one.states, np.sqrt(np.mean(one.states**2, 0)))
    shape = shape / np.sqrt(np.mean(shape**2, 0))
    wrong = one._replace(relative=shape, proportional=np.ones(2, bool))
    session = Session(parts, [wrong], Question(operations=()), lambda stage, share: None)
    assert not one.coarse
    prepared, found = stages.first_search(session, units)
    assert not prepared.signals[0].proportional.any()
    assert not stages.missed(prepared, found)
    names = [term.name(("x", "v")) for term in prepared.terms]
    chosen = [{names[m] for m in np.flatnonzero(row)} for row in found.chosen.mask]
    truth = {"identity(x)", "identity(v)", "mul(x,mul(x,v))"}
    assert chosen == [{"identity(v)"}, truth]
