"""A discovery made by hand, for the tests of all that is done with one."""

import jax.numpy as jnp

from nsindy.result.discovery import Discovery
from nsindy.result.tested import HeldOut
from nsindy.terms import term as terms_term
from nsindy.terms.term import Term


def make(names, coefficients, states, *, errors=0.0, inputs=(), order=1, initial=None, **static):
    """A discovery by hand; a name that is a Term stands for itself."""
    variables = (*states, *inputs)
    library = tuple(n if isinstance(n, Term) else terms_term.parse(n, variables) for n in names)
    coefficients = jnp.asarray(coefficients, float)
    initial = jnp.zeros((1, len(states))) if initial is None else jnp.asarray(initial, float)
    spread = jnp.broadcast_to(jnp.asarray(errors, float), coefficients.shape)
    measured = len(states) // order
    return Discovery(
        coefficients=coefficients,
        standard_errors=jnp.where(coefficients != 0, spread, 0.0),
        inclusion_probabilities=jnp.where(coefficients != 0, 0.999, 0.01),
        noise=jnp.full(len(states), 0.01),
        score=jnp.float64(123.5),
        initial=initial,
        held_out=HeldOut(coefficients, initial, jnp.full(measured, 0.02), jnp.full(measured, 0.99)),
        library=library,
        states=tuple(states),
        inputs=tuple(inputs),
        order=order,
        noise_kind=("constant",) * len(states),
        **static,
    )
