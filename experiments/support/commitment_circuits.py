"""The circuits of the paper's recipe, as libraries of the study: trained once, kept as files."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jax.numpy as jnp
import numpy as np

from nsindy.circuits import stacks
from nsindy.circuits.recipes import RECIPES, Recipe
from nsindy.runtime import files
from support import grok_training

PAPER = "paper"
"""The library of the table that is trained by the paper's recipe."""
SEEDS = (0, 1, 2)
"""Of the circuits, a set of the five operations each."""


def libraries(kind: str, seeds: np.ndarray, folder: Path) -> dict[str, np.ndarray]:
    """Which seeds of a sweep each library evaluates: one for all, or the paper's circuits in turn.

    Args:
      kind: "exact", "shipped" or a file, as `--library` takes them, or "paper".
      seeds: of the sweep [S].
      folder: where the paper's circuits are.

    Returns:
      seeds by library, none twice, in their order.
    """
    if kind != PAPER:
        return {kind: seeds}
    parts = np.array_split(seeds, len(SEEDS))
    return {
        str(path(folder, seed)): part for seed, part in zip(SEEDS, parts, strict=True) if len(part)
    }


def path(folder: Path, seed: int) -> Path:
    """The file of the circuits of one seed."""
    return folder / f"circuits_{seed}.safetensors"


def prepare(
    folder: Path, recipes: Mapping[str, Recipe] = RECIPES[PAPER], seeds: tuple[int, ...] = SEEDS
) -> list[dict[str, Any]]:
    """Train what is not there, and say how far each circuit is from its operation.

    Args:
      folder: of the files.
      recipes: by the name of the operation.
      seeds: of the circuits.

    Returns:
      a row for every seed, with the relative RMSE of each operation over its domain.
    """
    rows = []
    for seed in seeds:
        file = path(folder, seed)
        if not file.exists():
            print(f"training the paper's circuits, seed {seed}", flush=True)
            trained = grok_training.train_evidence(dict(recipes), jnp.array([seed]), {"recipe": {}})
            stacks.save_stacks(file, trained.stacks, files.to_json({"recipe": PAPER, "seed": seed}))
        measured = grok_training.measure(stacks.load_stacks(file)[0])
        rows.append(
            {"seed": seed, **{name: row["relative_rmse"] for name, row in measured.items()}}
        )
    return rows
