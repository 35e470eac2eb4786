"""A recording of known values, written in the ways in which people write theirs."""

import numpy as np

T = np.arange(24) * 0.5
X = np.column_stack([np.sin(T), 2 + np.cos(T)])
ROWS = [[t, *x] for t, x in zip(T.tolist(), X.tolist(), strict=True)]


def table(rows, header="t,x,v", separator=","):
    """Rows as text below a header."""
    lines = [separator.join(map(str, row)) for row in rows]
    return "\n".join([header.replace(",", separator)] * bool(header) + lines) + "\n"


def matrix(recordings, part=0):
    """Times, states and inputs of a recording side by side."""
    return np.column_stack(recordings.parts[part])


def holds(found, *expected):
    """Check that recordings are the expected ones; what was noted of them."""
    assert len(found.parts) == len(expected)
    for part, rows in enumerate(expected):
        np.testing.assert_allclose(matrix(found, part), rows, rtol=1e-12)
    return " ".join(found.notes)
