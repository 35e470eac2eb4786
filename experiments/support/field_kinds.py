"""Recordings as people have them, simulated, with what is right for each."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
from scipy.integrate import solve_ivp
from scipy.interpolate import CubicSpline

__all__ = ["KINDS", "Case", "Kind", "Truth"]

Field = Callable[[float, np.ndarray], Sequence[float]]
Truth = tuple[frozenset[str], ...]


class Case(NamedTuple):
    """One recording, and what is right.

    Attributes:
      arguments: of `nsindy.discover`.
      knobs: its keywords.
      truth: terms of every equation; None where no equation of the library is right, and the
        answer must say so. Numbers in waves and steps of the time are `#`.
      values: true coefficients by equation and term, whose intervals are judged.
    """

    arguments: tuple[Any, ...]
    knobs: dict[str, Any]
    truth: Truth | None
    values: dict[tuple[str, str], float]


class Kind(NamedTuple):
    """A kind of recording.

    Attributes:
      name: in words.
      make: a case from a generator.
    """

    name: str
    make: Callable[[np.random.Generator], Case]


def _solved(field: Field, initial: Sequence[float] | np.ndarray, times: np.ndarray) -> np.ndarray:
    span, step = (times[0], times[-1]), 2 * float(np.max(np.diff(times)))
    return solve_ivp(field, span, initial, t_eval=times, rtol=1e-9, atol=1e-11, max_step=step).y.T


def _noisy(rng: np.random.Generator, clean: np.ndarray, share: float) -> np.ndarray:
    return clean + share * clean.std(0) * rng.standard_normal(clean.shape)


def _terms(*equations: str) -> Truth:
    """Terms of every equation, separated by commas."""
    return tuple(frozenset(filter(None, map(str.strip, each.split(",")))) for each in equations)


def _cart(rng: np.random.Generator) -> Case:
    k, c = rng.uniform(1, 4), rng.uniform(0.1, 0.3)
    friction = rng.uniform(0.03, 0.08) * k
    t = np.linspace(0, rng.uniform(12, 20), 400)

    def field(_, y):
        return [y[1], -k * y[0] - c * y[1] - friction * np.tanh(y[1] / 1e-3)]

    x = _noisy(rng, _solved(field, [2.0, 0.0], t), 0.003)
    knobs = {"states": ["x", "v"], "operations": ()}
    return Case((t, x), knobs, _terms("v", "x, v"), {("x", "v"): 1.0, ("v", "x"): -k})


def _three_waves(rng: np.random.Generator) -> Callable[[Any], Any]:
    rates, phases = rng.uniform(0.3, 1.5, 3), rng.uniform(0, 6, 3)
    return lambda s: 1 + 0.6 * np.sin(np.multiply.outer(s, rates) + phases).sum(-1)


def _delayed(rng: np.random.Generator) -> Case:
    a, b = rng.uniform(0.3, 1.5), rng.uniform(0.5, 2)
    t = np.linspace(0, rng.uniform(20, 40), 400)
    drive = _three_waves(rng)
    x = _solved(lambda s, y: [-a * y[0] + b * drive(s - t[1] / 2)], [rng.uniform(0, 2)], t)
    knobs = {"inputs": drive(t)[:, None], "states": ["x"]}
    values = {("x", "x"): -a, ("x", "u"): b}
    return Case((t, _noisy(rng, x, 0.003)), knobs, _terms("x, u"), values)


def _lag(rng: np.random.Generator) -> Case:
    mu, lag = rng.uniform(0.5, 1.5), rng.uniform(0.6, 2.0)
    t = np.linspace(0, 20, 400)

    def field(_, y):
        seen = (y[:2] - y[2:]) / (lag * t[1])
        return [y[1], -y[0] + mu * (1 - y[0] ** 2) * y[1], *seen]

    x = _noisy(rng, _solved(field, [1.0, 0.0, 1.0, 0.0], t)[:, 2:], 0.003)
    return Case((t, x), {}, *_van_der_pol(mu))


def _lag_of_one(rng: np.random.Generator) -> Case:
    field, initial, truth, values = _prey(rng)
    t = np.linspace(0, 15, 400)
    lag = rng.uniform(1, 6) * t[1]

    def seen(s, y):
        return [*field(s, y[:2]), (y[1] - y[2]) / lag]

    x = _solved(seen, [*initial, initial[1]], t)[:, [0, 2]]
    return Case((t, _noisy(rng, x, 0.005)), {}, truth, values)


def _lag_behind_input(rng: np.random.Generator) -> Case:
    a, b = rng.uniform(0.3, 1.5), rng.uniform(0.5, 2)
    t = np.linspace(0, rng.uniform(20, 40), 400)
    drive = _three_waves(rng)
    lag = rng.uniform(2, 10) * t[1]

    def field(s, y):
        return [-a * y[0] + b * drive(s), (y[0] - y[1]) / lag]

    x = _solved(field, rng.uniform(0, 2) * np.ones(2), t)[:, 1:]
    knobs = {"inputs": drive(t)[:, None], "states": ["x"]}
    values = {("x", "x"): -a, ("x", "u"): b}
    return Case((t, _noisy(rng, x, 0.003)), knobs, _terms("x, u"), values)


def _van_der_pol(mu: float) -> tuple[Truth, dict[tuple[str, str], float]]:
    values = {("x", "y"): 1.0, ("y", "x"): -1.0, ("y", "y"): mu, ("y", "x^2 y"): -mu}
    return _terms("y", "x, y, x^2 y"), values


def _prey(rng: np.random.Generator) -> tuple[Field, np.ndarray, Truth, dict]:
    a, b, c, d = rng.uniform(0.5, 1.5, 4)
    initial = np.array([c / d * rng.uniform(1.3, 2.0), a / b * rng.uniform(0.6, 1.2)])
    values = {("x", "x"): a, ("x", "x y"): -b, ("y", "y"): -c, ("y", "x y"): d}

    def field(_, y):
        return [a * y[0] - b * y[0] * y[1], -c * y[1] + d * y[0] * y[1]]

    return field, initial, _terms("x, x y", "y, x y"), values


def _rounded(rng: np.random.Generator) -> Case:
    field, initial, truth, values = _prey(rng)
    t = np.linspace(0, 15, 400)
    x = _solved(field, initial, t)
    step = x.std(0) / rng.choice([8, 15, 25])
    return Case((t, np.round(x / step) * step), {}, truth, values)


def _jitter(rng: np.random.Generator) -> Case:
    mu, t = rng.uniform(0.5, 1.5), np.linspace(0, 20, 400)
    error = np.zeros(len(t))
    for i in range(1, len(t)):
        error[i] = 0.8 * error[i - 1] + rng.standard_normal()
    at = np.sort(t + 0.3 * t[1] * error / error.std())

    def field(_, y):
        return [y[1], -y[0] + mu * (1 - y[0] ** 2) * y[1]]

    x = _noisy(rng, _solved(field, [1.0, 0.0], at - at[0]), 0.003)
    return Case((t, x), {}, *_van_der_pol(mu))


def _held(rng: np.random.Generator) -> Case:
    a, t = rng.uniform(0.3, 1.0), np.linspace(0, 30, 301)
    u = np.repeat(rng.uniform(0, 2, 31), 10)[:301]
    x = np.zeros(301)
    keep = np.exp(-a * t[1])
    for i in range(300):
        x[i + 1] = keep * x[i] + (1 - keep) / a * u[i]
    knobs = {"inputs": u[:, None], "states": ["x"]}
    values = {("x", "x"): -a, ("x", "u"): 1.0}
    return Case((t, _noisy(rng, x, 0.01)), knobs, _terms("x, u"), values)


def _switched(rng: np.random.Generator) -> Case:
    """Each step comes within the interval before the row that shows it."""
    a, t = rng.uniform(0.3, 1.0), np.linspace(0, 30, 301)
    u = np.repeat(rng.uniform(0, 2, 16), 20)[:301]
    x = np.zeros(301)
    for i in range(300):
        share, now = rng.uniform(), x[i]
        for value, of in ((u[i], share), (u[i + 1], 1 - share)):
            keep = np.exp(-a * t[1] * of)
            now = keep * now + (1 - keep) / a * value
        x[i + 1] = now
    knobs = {"inputs": u[:, None], "states": ["x"]}
    values = {("x", "x"): -a, ("x", "u"): 1.0}
    return Case((t, _noisy(rng, x, 0.003)), knobs, _terms("x, u"), values)


def _euler(rng: np.random.Generator) -> Case:
    rate, u = rng.uniform(0.005, 0.02), np.repeat(rng.uniform(0, 2, 30), 20)
    x = np.zeros(600)
    for i in range(599):
        x[i + 1] = x[i] + rate * (u[i] - x[i])
    t = np.arange(600) / 30
    return Case((t, x), {"inputs": u[:, None], "states": ["x"]}, _terms("x, u"), {})


def _gaps(rng: np.random.Generator) -> Case:
    field, initial, truth, values = _prey(rng)
    t = np.linspace(0, 15, 400)
    x = _noisy(rng, _solved(field, initial, t), 0.01)
    x[rng.random(x.shape) < 0.4] = np.nan
    return Case((t, x), {}, truth, values)


def _rates(rng: np.random.Generator) -> Case:
    field, initial, truth, values = _prey(rng)
    own = np.arange(0, 15, 0.1), np.arange(0.03, 15, 0.35)
    t = np.unique(np.concatenate(own))
    x = _noisy(rng, _solved(field, initial, t), 0.01)
    for d, times in enumerate(own):
        x[~np.isin(t, times), d] = np.nan
    return Case((t, x), {}, truth, values)


def _hidden_drive(rng: np.random.Generator) -> Case:
    t, w = np.linspace(0, 60, 600), rng.uniform(1.0, 1.4)

    def field(s, y):
        return [y[1], -y[0] - 0.2 * y[1] - y[0] ** 3 + 0.5 * np.cos(w * s)]

    return Case((t, _noisy(rng, _solved(field, [1.0, 0.0], t), 0.01)), {}, None, {})


def _hidden_step(rng: np.random.Generator) -> Case:
    t, when = np.linspace(0, 20, 300), rng.uniform(8, 12)
    x = _solved(lambda s, y: [1.0 + 2.0 * (s > when) - 0.5 * y[0]], [0.5], t)
    return Case((t, _noisy(rng, x, 0.01)), {"states": ["m"]}, None, {})


def _time_alone(rng: np.random.Generator) -> Case:
    t = np.linspace(0, 20, 200)
    x = np.sin(t + rng.uniform(0, 6))[:, None]
    return Case((t, _noisy(rng, x, 0.01)), {"states": ["x"]}, None, {})


def _logistic(rng: np.random.Generator, steps: int = 300) -> np.ndarray:
    x = [rng.uniform(0.2, 0.8)]
    for _ in range(steps):
        x.append(3.7 * x[-1] * (1 - x[-1]))
    return np.array(x)[:, None]


def _map_as_flow(rng: np.random.Generator) -> Case:
    x = _logistic(rng)
    return Case((np.arange(float(len(x))), x), {"states": ["x"]}, None, {})


def _lorenz(rng: np.random.Generator, step: float, rows: int) -> np.ndarray:
    def field(_, y):
        x, y, z = y
        return [10 * (y - x), x * (28 - z) - y, x * y - 8 / 3 * z]

    begin = np.array([0.0, 0.0, 25.0]) + rng.uniform(-5, 5, 3)
    begin = _solved(field, begin, np.linspace(0, 5, 500))[-1]
    times = np.linspace(0, step * (rows - 1), rows)
    return solve_ivp(
        field, (0, times[-1]), begin, "DOP853", t_eval=times, rtol=1e-11, atol=1e-11
    ).y.T


def _coarse(rng: np.random.Generator) -> Case:
    truth = _terms("x, y", "x, y, x z", "z, x y")
    return Case((0.1, _lorenz(rng, 0.1, 400)), {}, truth, {})


def _far_too_coarse(rng: np.random.Generator) -> Case:
    return Case((10.0, _lorenz(rng, 10.0, 200)), {}, None, {})


def _one_coordinate(rng: np.random.Generator) -> Case:
    t = np.linspace(0, 20, 300)
    x = _solved(lambda _, y: [y[1], -y[0] - 0.1 * y[1]], [rng.uniform(1, 2), 0.0], t)[:, :1]
    truth = frozenset({"x'"}), frozenset({"x", "x'"})
    values = {("x'", "x"): -1.0, ("x'", "x'"): -0.1}
    return Case((t, _noisy(rng, x, 0.01)), {"states": ["x"]}, truth, values)


def _delay(rng: np.random.Generator) -> Case:
    lag, x = 170, list(rng.uniform(0.8, 1.2) * np.ones(171))
    for i in range(lag, lag + 2500):
        x.append(x[i] + 0.1 * (0.2 * x[i - lag] / (1 + x[i - lag] ** 10) - 0.1 * x[i]))
    seen = np.array(x[-2000::5])[:, None]
    t = 0.5 * np.arange(len(seen))
    return Case((t, _noisy(rng, seen, 0.01)), {"states": ["p"]}, None, {})


def _prevalence(rng: np.random.Generator) -> Case:
    t = np.linspace(0, 14, 15)
    beta, gamma = rng.uniform(1.4, 1.8), rng.uniform(0.4, 0.5)

    def field(_, y):
        return [-beta * y[0] * y[1], beta * y[0] * y[1] - gamma * y[1]]

    seen = 763 * _solved(field, [0.995, 0.005], t)[:, 1:]
    return Case((t, np.maximum(_noisy(rng, seen, 0.02), 0)), {"states": ["ill"]}, None, {})


def _noise(rng: np.random.Generator) -> Case:
    return Case((np.linspace(0, 20, 200), rng.standard_normal((200, 1))), {}, None, {})


def _parameter(rng: np.random.Generator) -> Case:
    t, runs, levels = np.linspace(0, 5, 80), [], rng.uniform(0.5, 2.0, 4)
    for level in levels:

        def field(_, y, level=level):
            return [1 - level * y[0]]

        x = _solved(field, [rng.uniform(1.5, 3)], t)
        runs.append(_noisy(rng, x, 0.01))
    inputs = [np.full((len(t), 1), level) for level in levels]
    knobs = {"inputs": inputs, "states": ["x"], "input_names": ["A"]}
    values = {("x", "1"): 1.0, ("x", "x A"): -1.0}
    return Case(([t] * 4, runs), knobs, _terms("1, x A"), values)


def _two_values(rng: np.random.Generator) -> Case:
    a, b = rng.uniform(0.3, 0.8), rng.uniform(0.5, 1.5)
    t, u = np.linspace(0, 40, 400), np.repeat([2.0, 5.0, 2.0, 5.0], 100)
    x, keep = np.zeros(400), np.exp(-a * t[1])
    for i in range(399):
        x[i + 1] = keep * x[i] + (1 - keep) / a * b * u[i]
    knobs = {"inputs": u[:, None], "states": ["x"]}
    return Case((t, _noisy(rng, x, 0.01)), knobs, _terms("x, u"), {})


def _network(rng: np.random.Generator) -> Case:
    t = np.arange(241.0)
    demand = 1 + 0.3 * np.sin(2 * np.pi * t / 24)[:, None]
    flow = demand * rng.uniform(0.5, 2, 14) + 0.05 * rng.standard_normal((241, 14))
    total = flow @ rng.uniform(0, 1, (14, 14)) + 0.01 * rng.standard_normal((241, 14))
    every = np.hstack([flow, total, rng.standard_normal((241, 1))])
    return Case((t, every), {}, None, {})


def _not_named(rng: np.random.Generator) -> Case:
    """A pendulum beside the torque on it, which nobody says is an input."""
    t, (k, c) = np.linspace(0, 20, 400), rng.uniform([3, 0.1], [6, 0.3])
    torque = CubicSpline(np.arange(-1.0, 23.0), rng.standard_normal(24))
    states = _solved(lambda t, y: [y[1], torque(t) - k * np.sin(y[0]) - c * y[1]], [1, 0], t)
    columns = np.column_stack([_noisy(rng, states, 0.01), torque(t)])
    values = {("w", "sin(a)"): -k, ("w", "w"): -c, ("w", "torque"): 1.0, ("a", "w"): 1.0}
    knobs = {"states": ["a", "w", "torque"]}
    return Case((t, columns), knobs, _terms("w", "w, torque, sin(a)"), values)


def _wanders(rng: np.random.Generator) -> Case:
    """Predators and prey beside a supply voltage."""
    field, initial, truth, values = _prey(rng)
    t = np.linspace(0, 30, 300)
    states = _noisy(rng, _solved(field, initial, t), 0.01)
    voltage = 12 + 0.3 * np.cumsum(rng.standard_normal(300))
    knobs = {"states": ["x", "y", "voltage"]}
    return Case((t, np.column_stack([states, voltage])), knobs, truth, values)


def _chaos(rng: np.random.Generator) -> Case:
    """A Duffing oscillator in chaos."""
    t, w = np.linspace(0, 100, 1200), rng.uniform(1.1, 1.3)

    def field(s, y):
        return [y[1], y[0] - y[0] ** 3 - 0.3 * y[1] + 0.5 * np.cos(w * s)]

    states = _noisy(rng, _solved(field, rng.uniform([-1, -0.5], [1, 0.5]), t), 0.01)
    values = {("v", "x"): 1.0, ("v", "x^3"): -1.0, ("v", "v"): -0.3, ("x", "v"): 1.0}
    knobs = {"states": ["x", "v"]}
    return Case((t, states), knobs, _terms("v", "x, v, x^3, cos(# t)"), values)


def _killed(rng: np.random.Generator) -> Case:
    """Bacteria that grow to a limit, and from some hour on die as well."""
    t, when = np.linspace(0, 40, 160), rng.uniform(14, 20)
    r, k = rng.uniform(0.4, 0.6), rng.uniform(0.25, 0.35)
    x = _solved(lambda s, y: [r * y[0] * (1 - y[0] / 8) - k * y[0] * (s > when)], [0.4], t)
    values = {("x", "x"): r, ("x", "x^2"): -r / 8}
    truth = _terms("x, x^2, x step(t - #)")
    return Case((t, _noisy(rng, x, 0.01)), {"states": ["x"]}, truth, values)


KINDS = (
    Kind("dry friction, no term for it", _cart),
    Kind("input half a sample late", _delayed),
    Kind("sensors with a lag", _lag),
    Kind("rounded readings", _rounded),
    Kind("a clock that jitters", _jitter),
    Kind("an input held between rows", _held),
    Kind("an input that switches between rows", _switched),
    Kind("made by Euler steps, no noise", _euler),
    Kind("two cells in five empty", _gaps),
    Kind("states at different rates", _rates),
    Kind("a drive that was not recorded", _hidden_drive),
    Kind("a step that was not recorded", _hidden_step),
    Kind("x' = cos t", _time_alone),
    Kind("a map, taken for a flow", _map_as_flow),
    Kind("Lorenz every 0.1, clean", _coarse),
    Kind("Lorenz every 10", _far_too_coarse),
    Kind("one coordinate of an oscillator", _one_coordinate),
    Kind("a delay", _delay),
    Kind("prevalence of SIR", _prevalence),
    Kind("white noise", _noise),
    Kind("a parameter that differs between runs", _parameter),
    Kind("an input of two values", _two_values),
    Kind("29 columns without dynamics", _network),
    Kind("an input that was not named", _not_named),
    Kind("a column that wanders", _wanders),
    Kind("one sensor of two with a lag", _lag_of_one),
    Kind("a sensor with a lag behind an input", _lag_behind_input),
    Kind("a drive of chaos that was not recorded", _chaos),
    Kind("a rate that changes at one moment", _killed),
)
"""Every kind, in the order of the table."""
