"""One state x, in units of 1, with the terms 1, x, x² and x³: a problem and a model in words."""

import numpy as np
from problems import candidate, narrow, signal

from nsindy.discovery.answer.wording import Wording
from nsindy.discovery.preparation import dictionary, known
from nsindy.discovery.preparation.kinds import Kinds
from nsindy.discovery.preparation.known import NOTHING
from nsindy.discovery.preparation.problem import Prepared
from nsindy.discovery.preparation.signals import Units

X = np.linspace(0.5, 2.0, 50)
TERMS = dictionary.library(1, 1, operations=(), degree=3)
THETA = np.stack([X**p for p in range(4)], 1)


def prepared(theta=THETA, terms=TERMS, **changes):
    """One state x, in units of 1, with the terms 1, x, x² and x³."""
    made = Prepared(
        [],
        [signal(X[:, None])],
        Units(np.ones(1), np.zeros(0), 1.0),
        1,
        terms,
        terms,
        np.ones((1, len(terms))),
        theta,
        np.ones(2, bool),
        narrow(factor=np.column_stack([THETA, X])),
        8,
        1,
        known.tables(NOTHING, terms, 1),
        Kinds((), {}),
    )
    return made._replace(**changes)


LINEAR = candidate([[0.0, -1.0, 0, 0]])
WORDS = Wording(prepared(), ("x",), ("x",))
