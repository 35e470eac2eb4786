import math

import jax.numpy as jnp
import numpy as np
import pytest

from nsindy.terms import operations
from nsindy.terms.given_operations import rows_of


def test_operations_by_name_as_functions_and_alone():
    def friction(v):
        return v * jnp.abs(v)

    names = [row.name for row in rows_of([np.sin, jnp.tanh, "exp", math.cos, abs, friction])]
    assert names == ["sin", "tanh", "exp", "cos", "abs", "friction"]
    assert rows_of("sin") == rows_of(np.sin) == (operations.get("sin"),)
    assert rows_of(operations.get("exp")) == (operations.get("exp"),)
    (row,) = rows_of(friction)
    np.testing.assert_allclose(operations.numpy_function(row)(np.array([-2.0, 3.0])), [-4, 9])

    def two(x, y):
        return x + y

    def mean(x):
        return jnp.mean(x)

    def of_numpy(x):
        return np.interp(x, [0, 1], [0, 1])

    for function, said in (
        (lambda x: x, "needs a name of its own, not '<lambda>'"),
        (two, "JAX cannot trace the operation two"),
        (of_numpy, "learn_operation\\('of_numpy', of_numpy, \\(low, high\\)\\).primitive"),
        (mean, "the operation mean must return one number for each"),
        ("sine", "unknown operation 'sine'"),
    ):
        with pytest.raises(ValueError, match=said):
            rows_of(function)
