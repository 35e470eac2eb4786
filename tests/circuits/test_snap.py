import jax.numpy as jnp
import numpy as np

from nsindy.circuits import snap
from nsindy.circuits.stacks import load_stacks
from nsindy.terms import library, term


def test_shipped_circuits_snap_to_their_own_operations():
    stacks, _ = load_stacks()
    learned = library.bind(term.paper_terms(), ("x", "v"), stacks)
    states = jnp.asarray(np.random.default_rng(0).uniform(-1.5, 1.5, (300, 2)))
    found = snap.snap(learned, states)
    np.testing.assert_array_equal(found.nearest, np.arange(8))
    np.testing.assert_array_equal(found.deviation, found.own)
    # On a third of the domain a circuit's error weighs up to three times its declared fidelity.
    assert np.all(found.deviation < 1e-2)


def test_exact_terms_are_themselves():
    exact = library.bind(term.paper_terms(), ("x", "v"))
    found = snap.snap(exact, jnp.asarray(np.random.default_rng(1).normal(size=(50, 2))))
    np.testing.assert_array_equal(found.nearest, np.arange(8))
    np.testing.assert_array_equal(found.deviation, 0)
    assert snap.exact(exact) == exact
