"""Stretches of recordings, each with an initial state of its own: regressions without those.

A stretch is what one initial state leads to: a recording, or a part of one whose errors have grown
too far. Only its own measurements depend on that state, so it is eliminated stretch by stretch, and
costs the same however many stretches there are.

Letters beside the usual: B segments · n (L + 1) D rows of a segment · R stretches · P coefficients.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp

from nsindy.evidence import regression
from nsindy.trajectories.chain import Chain
from nsindy.trajectories.linearised import Linearised

__all__ = [
    "Eliminated",
    "LeastSquares",
    "eliminate",
    "products",
    "products_of_free",
    "solve_stretches",
]


class LeastSquares(NamedTuple):
    """Least squares of all stretches together.

    Attributes:
      initial: of each stretch; 0 where it says nothing of it [R, D].
      coefficients: exactly zero off the support [P].
      rss: residual sum of squares.
    """

    initial: jax.Array
    coefficients: jax.Array
    rss: jax.Array


class Eliminated(NamedTuple):
    """Recordings to first order in coefficients alone, every initial state following them.

    Attributes:
      linearised: the measurements, without columns of initial values.
      begin_by: derivatives of the segments' beginnings by the coefficients [B, D, P].
      begin_gap: what the best initial states and closed gaps change of them [B, D].
      gap: of the `Chain` [B, D].
    """

    linearised: Linearised
    begin_by: jax.Array
    begin_gap: jax.Array
    gap: jax.Array


def products(chain: Chain, stretches: int) -> jax.Array:
    """Products of the columns with each other: D initial values, P coefficients, closing, target.

    Args:
      chain: the recordings to first order.
      stretches: R.

    Returns:
      for each stretch [R, D + P + 2, D + P + 2].
    """
    last = jnp.stack([chain.closing, chain.target], -1)
    columns = jnp.concatenate([chain.by_initial, chain.by_coefficients, last], -1)
    size = columns.shape[-1]

    def add(tables, segment):
        rows, stretch = segment
        return tables.at[stretch].add(rows.T @ rows), None

    empty = jnp.zeros((stretches, size, size), columns.dtype)
    return jax.lax.scan(add, empty, (columns, chain.stretch))[0]


def products_of_free(tables: jax.Array, follow: jax.Array) -> jax.Array:
    """Products of the columns of free coefficients, each with those that follow it.

    Args:
      tables: see `products` [R, D + P + 2, D + P + 2].
      follow: derivatives of all coefficients by the free ones [P, P].
    """
    before = tables.shape[-1] - len(follow) - 2
    change = jax.scipy.linalg.block_diag(jnp.eye(before), follow, jnp.eye(2))
    return change.T @ tables @ change


def solve_stretches(
    tables: jax.Array, mask: jax.Array, damping: jax.Array | float = 0.0
) -> LeastSquares:
    """Solve least squares on a support of the coefficients, with all initial values.

    Args:
      tables: products of D initial values, P coefficients and the target, for each stretch
        [R, D + P + 1, D + P + 1].
      mask: the support [P].
      damping: Marquardt's λ, of squares of the columns.
    """
    count = tables.shape[1] - len(mask) - 1
    squares = jnp.diagonal(tables, axis1=1, axis2=2)
    shared = jnp.broadcast_to(jnp.sum(squares, 0), squares.shape)
    scale = jnp.sqrt(jnp.concatenate([squares[:, :count], shared[:, count:]], 1))
    scale = jnp.where(scale > 0, scale, 1.0)
    unit = tables / scale[:, :, None] / scale[:, None, :]
    own = damping * jnp.diag((jnp.arange(unit.shape[1]) < count).astype(unit.dtype))
    unit = unit + own[None] * (squares > 0)[:, None, :]
    every = jnp.ones(count, bool)
    swept, active = jax.vmap(regression.sweep, in_axes=(0, None))(unit, every)
    both = jnp.sum(swept[:, count:, count:], 0)
    both = both + damping * jnp.diag(jnp.append(shared[0, count:-1] > 0, False).astype(both.dtype))
    solved, chosen = regression.sweep(both, mask)
    values = jnp.where(chosen, solved[:-1, -1], 0.0)
    initial = swept[:, :count, -1] - swept[:, :count, count:-1] @ values
    initial = jnp.where(active, initial, 0.0) * scale[:, -1:] / scale[:, :count]
    unscaled = scale[0, -1]
    rss = jnp.maximum(solved[-1, -1], 0.0) * unscaled**2
    return LeastSquares(initial, values * unscaled / scale[0, count:-1], rss)


def eliminate(chain: Chain, stretches: int) -> Eliminated:
    """Project the initial values of every stretch out of everything else.

    Args:
      chain: the recordings to first order.
      stretches: R.

    Reference: Frisch and Waugh (1933), Econometrica 1; Lovell (1963).
    """
    initial, count = chain.by_initial, chain.by_initial.shape[-1]
    squares = _by_stretch(jnp.einsum("bnd,bne->bde", initial, initial), chain, stretches)
    scale = jnp.sqrt(jnp.diagonal(squares, axis1=1, axis2=2))
    scale = jnp.where(scale > 0, scale, 1.0)
    unit = squares / scale[:, :, None] / scale[:, None, :]
    every = jnp.ones(count, bool)
    inverse, active = jax.vmap(regression.sweep, in_axes=(0, None))(unit, every)
    inverse = jnp.where(active[:, :, None] & active[:, None, :], inverse, 0.0)
    inverse = inverse / scale[:, :, None] / scale[:, None, :]
    rows = jnp.concatenate([chain.by_coefficients, chain.target[..., None]], -1)
    total = jnp.zeros(())
    # Once leaves what the condition of the products loses; twice is enough.
    for _ in range(2):
        share = _by_stretch(jnp.einsum("bnd,bnp->bdp", initial, rows), chain, stretches)
        share = (inverse @ share)[chain.stretch]
        rows, total = rows - initial @ share, total + share
    begin_by = chain.begin_by_coefficients - chain.begin_by_initial @ total[..., :-1]
    begin_gap = chain.begin_gap + (chain.begin_by_initial @ total[..., -1:])[..., 0]
    rows = rows.reshape(-1, rows.shape[-1])
    linearised = Linearised(rows[:, :0], rows[:, :-1], rows[:, -1])
    return Eliminated(linearised, begin_by, begin_gap, chain.gap)


def _by_stretch(each: jax.Array, chain: Chain, stretches: int) -> jax.Array:
    """Sums over the segments of each stretch [R, ...], of [B, ...]."""
    return jax.ops.segment_sum(each, chain.stretch, stretches)
