import jax.numpy as jnp
import numpy as np
import sympy

from nsindy.terms import operations, primitive, symbolic
from nsindy.terms.term import Term
from nsindy.terms.text import readable


def test_a_step_at_a_time_is_known_by_its_name():
    step = primitive.step_at(-2.5)
    assert operations.get(step.name) == step and step.name == "step@-2.5"
    values = np.array([-3.0, -2.5, 0.0])
    assert step.function(jnp.asarray(values)).tolist() == [0.0, 1.0, 1.0]
    assert operations.numpy_function(step)(values).tolist() == [0.0, 1.0, 1.0]
    term = Term(step, (0,))
    assert readable(term, ("t",)) == "step(t + 2.500)"
    (t,) = sympy.symbols("t,")
    written = symbolic.expression(term, [t])
    assert [float(written.subs(t, v)) for v in (-3.0, 0.0)] == [0.0, 1.0]
