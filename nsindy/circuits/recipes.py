"""How each circuit is trained, as data: the paper's recipe, one that groks, those that ship."""

import dataclasses
import math

from nsindy.circuits.network import MLP
from nsindy.terms.operations import Primitive


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
        takes `interval`.
      inner: fraction of the training points that is drawn from the inner interval instead.
      polish: Levenberg–Marquardt steps after the training.
      interval: (low, high) that points are drawn from; None takes the domain of the primitive.
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
        """The interval that every argument of its points is drawn from."""
        if self.half_width is not None:
            return -self.half_width, self.half_width
        return self.interval or primitive.domain


_PAPER_UNARY = Recipe(weight_decay=1.0)
_PAPER_BINARY = Recipe(activation="relu", weight_decay=0.5, points=1000, validation_points=400)
_DENSE_UNARY = Recipe(
    hidden=(24, 24), epochs=2000, learning_rate=5e-3, points=400, validation_points=2000,
    inner=0.4, polish=200,
)  # fmt: skip
_DENSE_BINARY = dataclasses.replace(_DENSE_UNARY, points=1500)

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
    # Chosen while looking at seeds below 200; what is reported comes from seed 200 on.
    "grok": {
        "identity": dataclasses.replace(_FEW, points=8, half_width=5.0),
        "sin": dataclasses.replace(_FEW, half_width=math.pi, weight_decay=0.1, epochs=40_000),
        "cos": dataclasses.replace(_FEW, points=8, half_width=math.pi),
        "add": dataclasses.replace(_FEW, points=16, half_width=3.0, epochs=40_000),
        "mul": dataclasses.replace(
            _FEW, points=32, half_width=2.0, init_scale=2.0, weight_decay=0.2
        ),
    },
    "library": {
        # A little beyond the declared domain, because a fit is worst at the edge of its data.
        "identity": dataclasses.replace(_DENSE_UNARY, half_width=5.2),
        "sin": dataclasses.replace(_DENSE_UNARY, half_width=2.08 * math.pi),
        "cos": dataclasses.replace(_DENSE_UNARY, half_width=2.08 * math.pi),
        "add": dataclasses.replace(_DENSE_BINARY, half_width=5.2),
        "mul": dataclasses.replace(_DENSE_BINARY, half_width=5.2),
    },
    "further": {
        "square": dataclasses.replace(_DENSE_UNARY, half_width=5.2),
        "exp": dataclasses.replace(_DENSE_UNARY, interval=(-5.2, 3.2), inner_interval=(1.0, 3.2)),
        # Denser where they bend most, next to the pole.
        "log": dataclasses.replace(_DENSE_UNARY, interval=(0.04, 10.2), inner_interval=(0.04, 0.4)),
        "tanh": dataclasses.replace(_DENSE_UNARY, half_width=5.2),
        "reciprocal": dataclasses.replace(
            _DENSE_UNARY, interval=(0.09, 10.2), inner_interval=(0.09, 0.6)
        ),
        "saturation": dataclasses.replace(
            _DENSE_UNARY, interval=(-0.05, 10.2), inner_interval=(-0.05, 1.0)
        ),
        # A kink is a network of two ramps; smooth units only come near it.
        "abs": dataclasses.replace(_DENSE_UNARY, hidden=(8,), activation="relu", half_width=5.2),
    },
}
"""Recipes by name, each a recipe for every operation."""
