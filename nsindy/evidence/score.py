"""The one formula of a support's evidence."""

from typing import NamedTuple

import jax
import jax.numpy as jnp

from nsindy.evidence.prior import Prior, log_prior

__all__ = ["Supports", "log_evidence", "log_likelihood"]


class Supports(NamedTuple):
    """Supports, best first.

    Attributes:
      masks: True where a term is in [B, D, M].
      log_evidence: natural logarithm, up to one constant [B]; -inf where there was no support left.
      rss: what the support leaves unexplained, sum of squares [B].
    """

    masks: jax.Array
    log_evidence: jax.Array
    rss: jax.Array


def log_evidence(
    log_likelihood: jax.Array,
    masks: jax.Array,
    samples: jax.Array | float,
    prior: Prior,
    *,
    parameters: jax.Array | int | None = None,
) -> jax.Array:
    """Evidence of supports with unit information (BIC), the noise variances profiled.

    log p(y, S) = log L - |S|/2 log n · c + log p(S) + constant

    with c = 1, or, for few samples, c = n / (n - p - 2). A model that leaves no measurement over,
    n <= p + 2, has no evidence then.

    Args:
      log_likelihood: log L, the largest, up to a constant: -Σ_d n_d/2 log v_d with the variance
        v_d of what is left of each state [...], nats.
      masks: [..., D, M], of NumPy for one support at a time or of JAX for many.
      samples: n, independent measurements; fewer than the rows where errors are correlated.
      prior: of the supports.
      parameters: p, the terms and all else that is fitted, for the correction for small samples;
        None for c = 1.

    Reference: Schwarz (1978); Chen & Chen (2008), Biometrika 95, section 2; McQuarrie (1999), A
      small-sample correction for the Schwarz SIC model selection criterion, Statistics and
      Probability Letters 44.

    Example:
      >>> from nsindy.evidence.prior import bic
      >>> masks = jnp.array([[[True, False]], [[True, True]]])
      >>> print(log_evidence(log_likelihood(jnp.ones(2), 100.0), masks, 100.0, bic(2)).round(1))
      [228.  225.7]
    """
    xp = masks.__array_namespace__()
    penalty = 0.5 * xp.sum(masks, (-1, -2)) * xp.log(samples)
    if parameters is None:
        return log_likelihood - penalty + log_prior(masks, prior)
    free = samples - parameters - 2
    penalty = penalty * samples / xp.where(free > 0, free, 1)
    return xp.where(free > 0, log_likelihood - penalty + log_prior(masks, prior), -xp.inf)


def log_likelihood(rss: jax.Array, samples: jax.Array | float) -> jax.Array:
    """Return -n/2 log(RSS / n), log L of a regression whose errors have one variance [...]."""
    return -0.5 * samples * (jnp.log(rss) - jnp.log(samples))
