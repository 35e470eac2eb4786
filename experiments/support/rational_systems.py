"""Systems with numbers inside their terms, as x/(K + x) or exp(k x), simulated from drawn numbers.

Every number is drawn for each seed, K within the states that the recording visits, and the states
begin where the whole bend of the nonlinear term is seen. The equations are written once: they are
the truth that an answer is held against, and what is solved.
"""

import zlib
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import sympy
from scipy.integrate import solve_ivp

__all__ = [
    "GLYCOLYSIS",
    "QUOTIENTS",
    "ROWS",
    "SYSTEMS",
    "Draw",
    "Recording",
    "System",
    "field_of",
    "record",
]

ROWS = 400
"""Rows of all recordings of a system together."""

Numbers = dict[str, float]


class Draw(NamedTuple):
    """What is drawn for one seed.

    Attributes:
      numbers: in the equations, by name.
      starts: the states at the beginning of each recording, which share the rows.
      end: of every recording, which begins at 0.
    """

    numbers: Numbers
    starts: Sequence[tuple[float, ...]]
    end: float


class System(NamedTuple):
    """Equations, and how their numbers are drawn.

    Attributes:
      name: in words.
      states: names.
      equations: right-hand sides in the names of states and numbers, as SymPy reads them.
      draw: numbers and starts from a generator.
      bends: the state whose values must lie on both sides of a number, by the name of the number.
      rational: whether the equations are ratios of polynomials of degree four at most, in as few
        states as SINDy-PI can have all monomials of.
    """

    name: str
    states: tuple[str, ...]
    equations: tuple[str, ...]
    draw: Callable[[np.random.Generator], Draw]
    bends: dict[str, str]
    rational: bool = True


class Recording(NamedTuple):
    """What is given to a method, and what it is held against.

    Attributes:
      times: of each recording [N].
      states: of each recording, with noise [N, D].
      clean: the same without noise.
      numbers: true numbers by name.
    """

    times: list[np.ndarray]
    states: list[np.ndarray]
    clean: list[np.ndarray]
    numbers: Numbers


def record(system: System, noise: float, seed: int) -> Recording:
    """One seed's recordings.

    Args:
      system: the equations.
      noise: as a share of each state's standard deviation over all recordings.
      seed: of the numbers and the noise; the numbers are the same at every noise.
    """
    own = zlib.crc32(system.name.encode())
    draw = system.draw(np.random.default_rng([own, seed]))
    field = field_of(system, draw.numbers)
    times = np.linspace(0, draw.end, ROWS // len(draw.starts))
    clean = []
    for start in draw.starts:
        solved = solve_ivp(
            field, (0, draw.end), start, "LSODA", t_eval=times, rtol=1e-11, atol=1e-12
        )
        if not solved.success:
            raise ValueError(f"{system.name} cannot be solved for seed {seed}: {solved.message}")
        clean.append(solved.y.T)
    rng = np.random.default_rng([own, seed, round(1e6 * noise)])
    size = noise * np.concatenate(clean).std(0)
    states = [x + size * rng.standard_normal(x.shape) for x in clean]
    return Recording([times] * len(clean), states, clean, draw.numbers)


def field_of(system: System, numbers: Numbers) -> Callable[[float, np.ndarray], list[float]]:
    """The equations as a function of time and states [D]."""
    names = {name: sympy.Symbol(name) for name in (*system.states, *numbers)}
    values = {names[name]: value for name, value in numbers.items()}
    sides = [sympy.sympify(text, locals=names).subs(values) for text in system.equations]
    function = sympy.lambdify([[names[name] for name in system.states]], sides, "math")
    return lambda _, y: function(y)


def _michaelis_menten(rng: np.random.Generator) -> Draw:
    V, K = rng.uniform(0.5, 2), rng.uniform(0.3, 1.5)
    start, rest = K * rng.uniform(3, 6), 0.1 * K
    return Draw({"V": V, "K": K}, [(start,)], (start - rest + K * np.log(start / rest)) / V)


def _chemostat(rng: np.random.Generator) -> Draw:
    mu, K, Y = rng.uniform(0.6, 1.2), rng.uniform(0.3, 1.0), rng.uniform(0.4, 0.8)
    D, F = mu * rng.uniform(0.3, 0.6), K * rng.uniform(4, 8)
    # S + X / Y goes to F whatever the growth is: it begins below and above.
    few, many = Y * F * rng.uniform(0.1, 0.3), Y * F * rng.uniform(1.0, 1.5)
    starts = [(K * rng.uniform(0.1, 0.3), few), (F * rng.uniform(0.7, 1.0), many)]
    return Draw({"mu": mu, "K": K, "Y": Y, "D": D, "F": F}, starts, 5 / D)


def _gene_switch(rng: np.random.Generator) -> Draw:
    K, c = rng.uniform(0.8, 1.5), rng.uniform(0.5, 1.5)
    a, b = c * K * rng.uniform(0.05, 0.15), c * K * rng.uniform(2.2, 3.5)
    places = ((0.02, 0.1), (0.6, 0.9), (1.2, 1.6), (3.0, 4.0))
    starts = [(K * rng.uniform(*place),) for place in places]
    return Draw({"a": a, "b": b, "K": K, "c": c}, starts, 5 / c)


def _toggle(rng: np.random.Generator) -> Draw:
    K, L, d, e = rng.uniform(0.6, 1.4, 4)
    a, b = d * L * rng.uniform(2, 4), e * K * rng.uniform(2, 4)
    places = ((0.1, 0.2), (0.3, 2.5), (2.5, 0.4), (3.0, 3.0))
    starts = [(L * x * rng.uniform(0.8, 1.2), K * y * rng.uniform(0.8, 1.2)) for x, y in places]
    return Draw({"a": a, "K": K, "d": d, "b": b, "L": L, "e": e}, starts, 5 / min(d, e))


def _predator(power: int) -> Callable[[np.random.Generator], Draw]:
    def draw(rng: np.random.Generator) -> Draw:
        r, k = rng.uniform(0.8, 1.5), rng.uniform(3, 6)
        a, e, h = rng.uniform(1, 2), rng.uniform(0.4, 0.7), k * rng.uniform(0.2, 0.35)
        rest = h * rng.uniform(0.8, 1.2)
        eaten = a * rest**power / (h**power + rest**power)
        predators = r * rest * (1 - rest / k) / eaten
        starts = [
            (k * rng.uniform(0.6, 0.9), predators * rng.uniform(0.3, 0.7)),
            (h * rng.uniform(0.2, 0.4), predators * rng.uniform(1.0, 1.5)),
        ]
        return Draw({"r": r, "k": k, "a": a, "h": h, "e": e, "m": e * eaten}, starts, 15 / r)

    return draw


def _hoop(rng: np.random.Generator) -> Draw:
    numbers = {"b": rng.uniform(0.1, 0.3), "g": rng.uniform(1.3, 2.5), "p": rng.uniform(0.1, 0.4)}
    starts = [(side * rng.uniform(1.2, 2.0), rng.uniform(-0.3, 0.3)) for side in (1, -1)]
    return Draw(numbers, starts, rng.uniform(10, 15))


def _tank(rng: np.random.Generator) -> Draw:
    c, rest = rng.uniform(0.3, 0.8), rng.uniform(0.3, 1.0)
    starts = [(rest * rng.uniform(4, 8),), (rest * rng.uniform(0.01, 0.05),)]
    return Draw({"q": c * rest**0.5, "c": c}, starts, 8 * rest**0.5 / c)


def _two_tanks(rng: np.random.Generator) -> Draw:
    c, d, e = rng.uniform(0.3, 0.8, 3)
    upper = rng.uniform(0.3, 1.0)
    lower = upper * (d / e) ** 2
    starts = [
        (upper * rng.uniform(4, 8), lower * rng.uniform(0.02, 0.1)),
        (upper * rng.uniform(0.02, 0.1), lower * rng.uniform(3, 6)),
    ]
    return Draw({"q": c * upper**0.5, "c": c, "d": d, "e": e}, starts, 8 * upper**0.5 / min(c, e))


def _drag(rng: np.random.Generator) -> Draw:
    k, c = rng.uniform(0.5, 2), rng.uniform(0.1, 0.4)
    return Draw({"k": k, "c": c}, [(rng.uniform(2, 4), 0.0)], 25 / k**0.5)


def _arrhenius(rng: np.random.Generator) -> Draw:
    a, k, c = rng.uniform(0.1, 0.25), rng.uniform(0.6, 1.2), rng.uniform(0.1, 0.3)
    # b / a is the rise of the temperature without cooling.
    b = a * rng.uniform(2.0, 3.0) / k
    starts = [(rng.uniform(0.9, 1.2), 0.0), (rng.uniform(0.4, 0.6), rng.uniform(1.5, 2.5) / k)]
    return Draw({"a": a, "b": b, "k": k, "c": c}, starts, 1.2 / a)


def _diode(rng: np.random.Generator) -> Draw:
    r, k = rng.uniform(0.5, 2), rng.uniform(2, 4)
    starts = [(rng.uniform(2.0, 3.0) / k,), (-rng.uniform(1.5, 2.5) / k,)]
    return Draw({"r": r, "c": r * rng.uniform(0.1, 0.3), "k": k}, starts, 3 / r)


def _sir(rng: np.random.Generator) -> Draw:
    B, a = rng.uniform(0.8, 1.5), rng.uniform(5, 10)
    g = B * rng.uniform(0.1, 0.2)
    starts = [(0.99, 0.01), (rng.uniform(0.5, 0.7), rng.uniform(0.3, 0.4))]
    return Draw({"B": B, "a": a, "g": g}, starts, 4 / g)


def _ratio_dependent(rng: np.random.Generator) -> Draw:
    r, k, h, e = (
        rng.uniform(0.8, 1.5),
        rng.uniform(3, 6),
        rng.uniform(0.5, 1.5),
        rng.uniform(0.4, 0.7),
    )
    e, share, hunted = rng.uniform(0.4, 0.7), rng.uniform(0.35, 0.6), rng.uniform(0.4, 0.7)
    # At rest h y = (1 / share - 1) x, and a predator gets a share of what it could eat.
    a = r * hunted * h / (1 - share)
    x = k * (1 - hunted)
    y = x * (1 / share - 1) / h
    starts = [
        (x * rng.uniform(1.5, 2.2), y * rng.uniform(0.1, 0.3)),
        (x * rng.uniform(0.3, 0.6), y * rng.uniform(1.5, 2.5)),
    ]
    return Draw({"r": r, "k": k, "a": a, "h": h, "e": e, "m": e * a * share}, starts, 15 / r)


def _joint_inhibition(rng: np.random.Generator) -> Draw:
    d, e, K = rng.uniform(0.6, 1.4, 3).tolist()
    x, y = rng.uniform(0.8, 1.5, 2).tolist()
    # At rest x y is several times K.
    a, b = d * x * (1 + x * y / K), e * y / x
    starts = [
        (x * rng.uniform(0.05, 0.2), y * rng.uniform(0.05, 0.2)),
        (x * rng.uniform(1.5, 2.5), y * rng.uniform(0.1, 0.4)),
        (x * rng.uniform(0.1, 0.4), y * rng.uniform(2.0, 3.0)),
        (x * rng.uniform(1.5, 2.5), y * rng.uniform(1.5, 2.5)),
    ]
    return Draw({"a": a, "K": K, "d": d, "b": b, "e": e}, starts, 5 / min(d, e))


def _frequency_sir(rng: np.random.Generator) -> Draw:
    B = rng.uniform(0.8, 1.5)
    g = B * rng.uniform(0.2, 0.5)
    starts = [(0.99, 0.01), (rng.uniform(0.4, 0.6), rng.uniform(0.4, 0.5))]
    return Draw({"B": B, "g": g}, starts, 4 / g)


def _hill_uptake(rng: np.random.Generator) -> Draw:
    V, K, n = rng.uniform(0.5, 2), rng.uniform(0.5, 1.5), rng.uniform(1.5, 4)
    F = V * rng.uniform(0.3, 0.7)
    starts = [(K * rng.uniform(3, 5),), (K * rng.uniform(0.05, 0.1),)]
    return Draw({"V": V, "K": K, "n": n, "F": F}, starts, 5 * K / V)


def _crowded(rng: np.random.Generator) -> Draw:
    r, k = rng.uniform(0.8, 1.5), rng.uniform(3, 6)
    a, e = rng.uniform(1.5, 3), rng.uniform(0.4, 0.7)
    h, g = k * rng.uniform(0.2, 0.4), k * rng.uniform(0.5, 1)
    x = h * rng.uniform(0.8, 1.2)
    y = r * (1 - x / k) * (1 + x / h) / (a - r * (1 - x / k) / g)
    m = e * a * x / (1 + x / h + y / g)
    starts = [
        (k * rng.uniform(0.6, 0.9), y * rng.uniform(0.3, 0.7)),
        (h * rng.uniform(0.2, 0.4), y * rng.uniform(1.0, 1.5)),
    ]
    return Draw({"r": r, "k": k, "a": a, "h": h, "g": g, "e": e, "m": m}, starts, 15 / r)


def _too_much(rng: np.random.Generator) -> Draw:
    mu, K, L = rng.uniform(1, 2), rng.uniform(0.2, 0.6), rng.uniform(0.8, 2)
    Y, F = rng.uniform(0.4, 0.8), rng.uniform(3, 5)
    D = mu / (1 + 2 * np.sqrt(K / L)) * rng.uniform(0.4, 0.7)
    few, many = Y * F * rng.uniform(0.1, 0.3), Y * F * rng.uniform(0.5, 1.0)
    starts = [(K * rng.uniform(0.1, 0.3), few), (F * rng.uniform(0.7, 1.0), many)]
    return Draw({"mu": mu, "K": K, "L": L, "Y": Y, "D": D, "F": F}, starts, 6 / D)


def _orbit(rng: np.random.Generator) -> Draw:
    m = rng.uniform(0.5, 2)
    # Apsides, with 0.6 to 0.9 and 0.5 to 0.8 of the speed of a circle at the larger one.
    starts = []
    for share in (rng.uniform(0.6, 0.9), rng.uniform(0.5, 0.8)):
        r = rng.uniform(0.8, 1.5)
        starts.append((r, 0.0, share * np.sqrt(m / r**3)))
    return Draw({"m": m}, starts, 12.0 / np.sqrt(m))


def _bubble(rng: np.random.Generator) -> Draw:
    numbers = {"a": rng.uniform(1, 2), "b": rng.uniform(0.7, 1.3), "c": rng.uniform(0.1, 0.4)}
    rest = (numbers["a"] / numbers["b"]) ** (1 / 3)
    starts = [(rest * rng.uniform(1.4, 2.0), 0.0), (rest * rng.uniform(0.6, 0.8), 0.0)]
    return Draw(numbers, starts, 8.0)


def _elastic_pendulum(rng: np.random.Generator) -> Draw:
    numbers = {"k": rng.uniform(20, 60), "l": 1.0, "g": 9.81}
    starts = [
        (rng.uniform(1.0, 1.4), 0.0, rng.uniform(0.5, 1.2), 0.0),
        (rng.uniform(0.9, 1.3), rng.uniform(-0.5, 0.5), rng.uniform(-1.0, -0.4), 1.0),
    ]
    return Draw(numbers, starts, 6.0)


def _glycolysis(rng: np.random.Generator) -> Draw:
    usual = {"J": 2.5, "k1": 100, "k2": 6, "k3": 16, "k4": 100, "k5": 1.28, "k6": 12, "k": 1.8}
    usual |= {"kap": 13, "K": 0.52, "psi": 0.1, "n": 1, "A": 4}
    numbers = {name: value * rng.uniform(0.95, 1.05) for name, value in usual.items()}
    low = np.array([0.15, 0.19, 0.04, 0.10, 0.08, 0.14, 0.05])
    high = np.array([1.60, 2.16, 0.20, 0.35, 0.30, 2.67, 0.10])
    return Draw(numbers, [tuple(rng.uniform(low, high)) for _ in range(4)], 1.25)


SYSTEMS = (
    System(
        "Michaelis–Menten decay", ("s",), ("-V*s/(K + s)",), _michaelis_menten, {"K": "s"}
    ),
    System(
        "Monod growth in a chemostat", ("S", "X"),
        ("D*(F - S) - mu/Y*S*X/(K + S)", "mu*S*X/(K + S) - D*X"),
        _chemostat, {"K": "S"},
    ),
    System(
        "gene switch", ("x",), ("a + b*x**2/(K**2 + x**2) - c*x",), _gene_switch, {"K": "x"}
    ),
    System(
        "toggle of two genes", ("x", "y"),
        ("a*K**2/(K**2 + y**2) - d*x", "b*L**2/(L**2 + x**2) - e*y"),
        _toggle, {"K": "y", "L": "x"},
    ),
    System(
        "predator and prey, Holling II", ("x", "y"),
        ("r*x*(1 - x/k) - a*x*y/(h + x)", "e*a*x*y/(h + x) - m*y"),
        _predator(1), {"h": "x"},
    ),
    System(
        "predator and prey, Holling III", ("x", "y"),
        ("r*x*(1 - x/k) - a*x**2*y/(h**2 + x**2)", "e*a*x**2*y/(h**2 + x**2) - m*y"),
        _predator(2), {"h": "x"},
    ),
    System(
        "bead on a rotating hoop", ("x", "v"), ("v", "-b*v + sin(x + p)*(g*cos(x) - 1)"),
        _hoop, {}, False,
    ),
    System("tank", ("h",), ("q - c*sqrt(h)",), _tank, {}, False),
    System(
        "two tanks in series", ("h", "g"), ("q - c*sqrt(h)", "d*sqrt(h) - e*sqrt(g)"),
        _two_tanks, {}, False,
    ),
    System(
        "quadratic drag", ("x", "v"), ("v", "-k*x - c*v*Abs(v)"), _drag, {}, False
    ),
    System(
        "reaction that heats itself", ("x", "y"),
        ("-a*x*exp(k*y)", "b*x*exp(k*y) - c*y"),
        _arrhenius, {}, False,
    ),
    System("diode", ("V",), ("-r*V - c*(exp(k*V) - 1)",), _diode, {}, False),
    System(
        "epidemic that saturates", ("S", "I"),
        ("-B*S*I/(1 + a*I)", "B*S*I/(1 + a*I) - g*I"),
        _sir, {},
    ),
    System(
        "predators that share their prey", ("x", "y"),
        ("r*x*(1 - x/k) - a*x*y/(x + h*y)", "e*a*x*y/(x + h*y) - m*y"),
        _ratio_dependent, {},
    ),
    System(
        "inhibition by two together", ("x", "y"),
        ("a/(1 + x*y/K) - d*x", "b*x - e*y"),
        _joint_inhibition, {},
    ),
    System(
        "epidemic among those who meet", ("S", "I"),
        ("-B*S*I/(S + I)", "B*S*I/(S + I) - g*I"),
        _frequency_sir, {},
    ),
    System(
        "uptake of a power that is none of a table", ("s",),
        ("F - V*s**n/(K**n + s**n)",),
        _hill_uptake, {"K": "s"}, False,
    ),
    System(
        "predators in each other's way", ("x", "y"),
        ("r*x*(1 - x/k) - a*x*y/(1 + x/h + y/g)", "e*a*x*y/(1 + x/h + y/g) - m*y"),
        _crowded, {"h": "x"},
    ),
    System(
        "growth that too much slows", ("S", "X"),
        ("D*(F - S) - mu/Y*S*X/(K + S + S**2/L)", "mu*S*X/(K + S + S**2/L) - D*X"),
        _too_much, {"K": "S"},
    ),
)  # fmt: skip
"""In the order of the table: thirteen of one state inside each operation, then others."""

QUOTIENTS = (
    System(
        "orbit in polar coordinates", ("r", "v", "w"),
        ("v", "r*w**2 - m/r**2", "-2*v*w/r"),
        _orbit, {}, False,
    ),
    System("bubble", ("R", "V"), ("V", "a/R**4 - b/R - c*V/R - 3*V**2/(2*R)"), _bubble, {}, False),
    System(
        "elastic pendulum", ("r", "v", "q", "w"),
        ("v", "r*w**2 + g*cos(q) - k*(r - l)", "w", "-2*v*w/r - g*sin(q)/r"),
        _elastic_pendulum, {}, False,
    ),
)  # fmt: skip
"""Quotients of products, which have a table of their own."""

_FLUX = "k1*S1*S6/(1 + (S6/K)**4)"

GLYCOLYSIS = System(
    "yeast glycolysis", ("S1", "S2", "S3", "S4", "S5", "S6", "S7"),
    (
        f"J - {_FLUX}",
        f"2*{_FLUX} - k2*S2*(n - S5) - k6*S2*S5",
        "k2*S2*(n - S5) - k3*S3*(A - S6)",
        "k3*S3*(A - S6) - k4*S4*S5 - kap*(S4 - S7)",
        "k2*S2*(n - S5) - k4*S4*S5 - k6*S2*S5",
        f"-2*{_FLUX} + 2*k3*S3*(A - S6) - k5*S6",
        "psi*kap*(S4 - S7) - k*S7",
    ),
    _glycolysis, {"K": "S6"}, False,
)  # fmt: skip
"""Seven states, numbers within 5 % of those of Ruoff et al. (2003), starts as of Daniels and
Nemenman (2015), Efficient inference of parsimonious phenomenological models of cellular dynamics
using S-systems and alternating regression, PLOS ONE 10; Mangan et al. (2016) use it as well."""
