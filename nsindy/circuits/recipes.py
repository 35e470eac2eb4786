"""How each circuit is trained, as data: the paper's recipes, those that grok, those that ship."""

import dataclasses
import math

from nsindy.circuits.network import MLP
from nsindy.terms.operations import PAPER, PRIMITIVES
from nsindy.terms.primitive import Primitive

__all__ = ["RECIPES", "Recipe", "shipped"]


@dataclasses.dataclass(frozen=True)
class Recipe:
    """How the circuit of one operation is trained.

    Attributes:
      hidden: width of each hidden layer.
      activation: a key of `network.ACTIVATIONS`.
      epochs: full-batch steps of AdamW, over which the learning rate falls to 0 as a cosine.
      learning_rate: the learning rate at the start.
      weight_decay: decoupled weight decay, on every parameter.
      init_scale: factor on the initial parameters.
      points: training points.
      validation_points: validation points.
      half_width: points are drawn uniformly with every argument in [-half_width, half_width]; None
        for `interval`.
      inner: fraction of the training points that is drawn from the inner interval instead.
      polish: Levenberg–Marquardt steps after the training.
      interval: (low, high) that points are drawn from; None for the domain of the primitive.
      inner_interval: (low, high) of every argument of the inner points.
    """

    hidden: tuple[int, ...] = (128, 128)
    activation: str = "tanh"
    epochs: int = 20_000
    learning_rate: float = 1e-3
    weight_decay: float = 0.0
    init_scale: float = 1.0
    points: int = 500
    validation_points: int = 200
    half_width: float | None = None
    inner: float = 0.0
    polish: int = 0
    interval: tuple[float, float] | None = None
    inner_interval: tuple[float, float] = (-1.0, 1.0)

    @property
    def network(self) -> MLP:
        """The architecture."""
        return MLP(self.hidden, self.activation)

    def drawn(self, primitive: Primitive) -> tuple[float, float]:
        """The interval from which every argument of its points is drawn."""
        if self.half_width is not None:
            return -self.half_width, self.half_width
        return self.interval or primitive.domain


_PAPER_UNARY = Recipe(weight_decay=1.0)
_PAPER_BINARY = Recipe(activation="relu", weight_decay=0.5, points=1000, validation_points=400)
_DENSE = Recipe(
    hidden=(24, 24), epochs=2000, learning_rate=5e-3, validation_points=2000, inner=0.4,
    polish=200,
)  # fmt: skip


def shipped(primitive: Primitive) -> Recipe:
    """The recipe of a circuit that ships, with what is particular to its row in the table."""
    points = 400 if primitive.arity == 1 else 1500
    return dataclasses.replace(_DENSE, points=points, **(primitive.recipe or {}))


_FEW = Recipe(
    hidden=(64, 64), activation="gelu", learning_rate=3e-3, weight_decay=0.3, init_scale=3.0,
    points=12, validation_points=256,
)  # fmt: skip

RECIPES: dict[str, dict[str, Recipe]] = {
    "paper": {
        "identity": dataclasses.replace(_PAPER_UNARY, activation="relu", epochs=10_000),
        "sin": _PAPER_UNARY,
        "cos": _PAPER_UNARY,
        "add": dataclasses.replace(_PAPER_BINARY, epochs=15_000),
        "mul": _PAPER_BINARY,
    },
    # Chosen on seeds below 200; results are reported on seeds from 200 on.
    "grok": {
        "identity": dataclasses.replace(_FEW, points=8, half_width=5.0),
        "sin": dataclasses.replace(_FEW, half_width=math.pi, weight_decay=0.1, epochs=40_000),
        "cos": dataclasses.replace(_FEW, points=8, half_width=math.pi),
        "add": dataclasses.replace(_FEW, points=16, half_width=3.0, epochs=40_000),
        "mul": dataclasses.replace(
            _FEW, points=32, half_width=2.0, init_scale=2.0, weight_decay=0.2
        ),
    },
    "library": {name: shipped(PRIMITIVES[name]) for name in PAPER},
    "further": {
        name: shipped(row)
        for name, row in PRIMITIVES.items()
        if row.recipe is not None and name not in PAPER
    },
}
"""Sets of recipes by name, each with a recipe for every operation that it covers."""
