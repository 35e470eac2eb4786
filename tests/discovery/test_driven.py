"""Numbers, waves and roots beside an input that is held: valves, torques, enzymes, inhibitors."""

import numpy as np
import pytest
from problems import coefficients, noisy, prepared, solved
from support.driven_systems import BENDS, SYSTEMS, along_held, levels, without_numbers
from support.simulated import terms_of

import nsindy
from nsindy.discovery.numbers import number_blocks, number_regression
from nsindy.discovery.preparation import signals
from nsindy.terms.numbered import Inner
from nsindy.terms.text import readable


def driven(field, initial, times, u, noise):
    """Noisy states along an input that is held from each sample to the next."""
    return noisy(along_held(field, times, tuple(initial), u), noise)


def steps(rows, each, low, high):
    return levels(np.random.default_rng(1), rows, each, low, high)


@pytest.fixture(scope="module")
def enzyme():
    """S' = 0.2 - 0.7 E S/(0.8 + S), the enzyme E added in steps."""
    times = np.arange(0, 120, 0.6)
    u = steps(200, 25, 0.1, 2.0)
    states = driven(
        lambda y, e: [0.2 - 0.7 * e * y[0] / (0.8 + y[0])], [1.0], times, u, noise=0.005
    )
    return times, states, u


def test_terms_of_a_number_are_means_where_an_input_steps(enzyme):
    """As the terms of the library are; the regression on integrals then has no bias there."""
    times, states, u = enzyme
    made = prepared(times, states, inputs=u[:, None], operations=("saturation",))
    (values,) = number_regression.raw_values(made)
    assert values.shape == (2, len(times), 2)
    shapes = made.kinds.shapes("saturation", (0,), 1)
    at = [(shape.operation.name, shape.times) for shape in shapes].index(("michaelis", (1,)))
    block = number_blocks.Block("saturation", (0,), np.array([0.8]), shapes, np.zeros(len(shapes)))
    smooth = made.signals[0].states[:, 0] * made.units.states[0]
    before = np.append(u[:1], u[:-1])
    expected = (before + u) / 2 * smooth / (0.8 + smooth)
    np.testing.assert_allclose(block.columns(values)[:, at], expected, rtol=1e-10)


def test_without_steps_there_is_one_value_of_a_sample():
    times = np.linspace(0, 10, 100)
    made = prepared(times, np.exp(-times)[:, None])
    assert signals.around_samples(made.signals[0]).shape == (100, 1)


def test_an_input_may_take_the_place_of_a_state(enzyme):
    """An inhibitor is given; what it does to a state has the number of the state."""
    times, states, u = enzyme
    made = prepared(times, states, inputs=u[:, None], operations=("saturation",))
    values = number_regression.raw_values(made)
    pairs = {(b.kind, b.places) for b in number_blocks.blocks(made, values, paired=True)}
    assert {each for each in pairs if len(each[1]) == 2} == {("competition", (1, 0))}
    inner = Inner("competition", 0, 1.0, before=1, second=2.0)
    names = [(s.operation.name, s.times) for s in made.kinds.shapes("competition", (1, 0), 1)]
    assert ("competition", (0,)) in names and len(made.kinds.terms(inner, 1)) == len(names)


@pytest.mark.slow
def test_an_enzyme_that_is_added_in_steps(enzyme):
    times, states, u = enzyme
    found = nsindy.discover(times, states, states=["S"], inputs=u, input_names=["E"])
    terms = coefficients(found)
    name = next(each for each in terms if each != "1")
    assert len(terms) == 2 and name.startswith("E S/(0.") and found.verdict == "equation"
    ((k, error),) = zip(found.parameters.values(), found.parameter_errors.values(), strict=True)
    for (value, spread), true in ((terms["1"], 0.2), (terms[name], -0.7), ((k, error), 0.8)):
        assert abs(value - true) < 4 * spread < 0.05


@pytest.mark.slow
def test_a_valve_and_a_torque():
    times = np.arange(0, 120, 0.4)
    u = steps(300, 25, 0.1, 1.0)
    h = driven(lambda y, u: [0.5 - 0.6 * u * np.sqrt(max(y[0], 0))], [1.5], times, u, 0.005)
    found = nsindy.discover(times, h, states=["h"], inputs=u, input_names=["u"])
    assert coefficients(found).keys() == {"1", "u sqrt(h)"}
    times, u = np.arange(0, 30, 0.1), steps(300, 12, -2.0, 2.0)
    field = lambda y, u: [y[1], -2 * np.sin(y[0]) - 0.2 * y[1] + u * np.cos(y[0])]  # noqa: E731
    swing = driven(field, [1.0, 0.0], times, u, 0.01)
    found = nsindy.discover(times, swing, states=["a", "w"], inputs=u, input_names=["u"])
    assert coefficients(found, 1).keys() == {"w", "sin(a)", "u cos(a)"}


@pytest.mark.slow
def test_an_enzyme_that_acts_half_a_row_late():
    """Errors of the coefficients count both the number's and the delay's."""
    times, u = np.arange(0, 120, 0.6), steps(200, 25, 0.1, 2.0)
    acting = np.repeat(np.append(u[:1], u[:-1]), 2)
    acting[1::2] = u
    fine = 0.3 * np.arange(400)
    field = lambda y, e: [0.2 - 0.7 * e * y[0] / (0.8 + y[0])]  # noqa: E731
    states = noisy(along_held(field, fine, (1.0,), acting)[::2], 0.005)
    found = nsindy.discover(times, states, states=["S"], inputs=u, input_names=["E"])
    terms = coefficients(found)
    (name,) = terms.keys() - {"1"}
    assert name.startswith("E S/(0.") and abs(found.delay - 0.5) < 0.1
    assert abs(terms[name][0] + 0.7) < 4 * terms[name][1] < 0.05


@pytest.mark.slow
def test_flows_between_tanks_and_from_the_sea():
    """Whichever is the higher: sign(a - b) sqrt(abs(a - b)), of states and of an input."""
    times = np.arange(0, 200, 0.5)
    u = steps(400, 40, 0.0, 1.0)
    flow = lambda a, b: 0.3 * np.sign(a - b) * np.sqrt(abs(a - b))  # noqa: E731

    def tanks(y, u):
        return [0.4 * u - flow(*y), flow(*y) - 0.25 * np.sqrt(max(y[1], 0.0))]

    states = driven(tanks, [0.5, 1.5], times, u, 0.01)
    found = nsindy.discover(times, states, states=["a", "b"], inputs=u, input_names=["u"])
    assert found.verdict == "equation" and len(coefficients(found, 1)) == 2
    (name,) = coefficients(found, 0).keys() - {"u"}
    assert name.startswith("sign(a - b) abs(a - b)^") and name in coefficients(found, 1)
    assert [*found.parameters.values(), *found.parameter_errors.values()] == [0.5, 0.0]
    assert f"the power in {name} is held at 0.5, to which its fit was near" in found.notes
    sea = np.sin(0.5 * times) + 0.3 * np.sin(0.13 * times)
    level = driven(lambda y, u: [flow(u, y[0])], [0.3], times, sea, 0.01)
    found = nsindy.discover(times, level, states=["h"], inputs=sea, input_names=["sea"], hold=True)
    (name,) = coefficients(found)
    assert name.startswith("sign(sea - h) abs(sea - h)^")


@pytest.mark.slow
def test_a_plate_that_radiates():
    """T' = 4e-11 (Ts^4 - T^4) + 0.002 P, kelvin."""
    times = np.arange(0, 4000, 20.0)
    shroud, power = steps(200, 25, 120.0, 300.0), np.roll(steps(200, 20, 0.0, 40.0), 50)
    inputs = np.stack([shroud, power], 1)

    def field(y, u):
        return [4e-11 * (u[0] ** 4 - y[0] ** 4) + 0.002 * u[1]]

    states = driven(field, [300.0], times, inputs, 0.003)
    found = nsindy.discover(times, states, states=["T"], inputs=inputs, input_names=["Ts", "P"])
    assert set(coefficients(found)) == {"P", "(Ts^4 - T^4)"}


@pytest.mark.slow
def test_two_molecules_react_where_it_is_hot():
    """c' = -k(T) c², T' = 20 k(T) c² - 0.05 (T - 310), k(T) = 2e5 exp(-4500 / T)."""
    times, parts = np.arange(0, 20, 0.1), []

    def field(y):
        rate = 2e5 * np.exp(-4500 / y[1]) * y[0] ** 2
        return [-rate, 40 * rate - 0.05 * (y[1] - 310)]

    for seed, begin in enumerate(((1.0, 330.0), (1.5, 350.0), (0.7, 320.0))):
        parts.append(noisy(solved(field, begin, times), 0.005, seed=seed))
    found = nsindy.discover([times] * 3, parts, states=["c", "T"])
    (name,) = coefficients(found, 0)
    assert name.startswith("c^2 exp(-4") and len(coefficients(found, 1)) == 3


@pytest.mark.slow
def test_an_inhibitor_that_differs_between_runs():
    """S' = -1.1 S/(2 (1 + I/1.5) + S)."""
    times, parts, inputs = np.arange(0, 31, 1.0), [], []
    for seed, (begin, i) in enumerate(((10, 0), (10, 2), (6, 5), (10, 10), (3, 0), (3, 3))):
        clean = solved(lambda y, i=i: [-1.1 * y[0] / (2 * (1 + i / 1.5) + y[0])], (begin,), times)
        parts.append(clean + 0.05 * np.random.default_rng(seed).standard_normal(clean.shape))
        inputs.append(np.full((len(times), 1), float(i)))
    found = nsindy.discover([times] * 6, parts, states=["S"], inputs=inputs, input_names=["I"])
    (name,) = coefficients(found)
    assert name.startswith("S/(1 + I/1.") and found.verdict == "equation"
    for key, true in (("K_I", 1.5), ("K_S", 2.0)):
        if key in found.parameters:
            assert abs(found.parameters[key] - true) < 4 * found.parameter_errors[key]


def drawn(name, seed):
    """A system of that name, and what is drawn for a seed."""
    number, system = next((n, s) for n, s in enumerate((*SYSTEMS, *BENDS)) if s.name == name)
    return system, system.draw(np.random.default_rng([number, seed]))


@pytest.mark.parametrize("name", ("motor with play", "drive of limited strength"))
def test_a_dead_zone_and_a_limit_are_offered_by_regressions(name):
    system, draw = drawn(name, 100)
    (u,) = draw.inputs
    states = driven(draw.field, draw.starts[0], draw.times, u, 0.005)
    made = prepared(draw.times, states, inputs=u[:, None], operations=None)
    tried = number_blocks.blocks(made, number_regression.raw_values(made))
    assert {block.places for block in tried if block.kind == "dead_zone"} == {(1,)}
    nothing = np.zeros(made.problem.admissible.shape, bool)
    ((best, *_),) = number_regression.proposed(made, nothing, np.ones(1, bool))
    terms = [*made.terms, *made.kinds.terms(best.inner, 1)]
    said = frozenset(readable(terms[m], ("w", "u")) for m in np.flatnonzero(best.mask[0]))
    assert without_numbers((said,)) == system.terms


@pytest.mark.slow
@pytest.mark.parametrize("name", ("two boxes that mix", "algae in the light", "car behind another"))
def test_numbers_of_two_states_of_light_and_of_a_distance(name):
    system, draw = drawn(name, 100)
    each = zip(draw.starts, draw.inputs, strict=True)
    found = nsindy.discover(
        [draw.times] * len(draw.starts),
        [driven(draw.field, start, draw.times, u, 0.003) for start, u in each],
        inputs=list(draw.inputs) if system.driven else None,
        states=system.states,
        input_names=[system.driven] if system.driven else None,
    )
    assert without_numbers(terms_of(found)) == system.terms and found.verdict == "equation"
