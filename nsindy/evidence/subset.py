"""Least squares on some columns of a compressed regression, for one support at a time."""

import numpy as np


def solve(factor: np.ndarray, mask: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Solve least squares on a support.

    The same as `regression.solve`, which serves many supports at once and waits for its
    compilation; a column that those before it span is left out here as well.

    Args:
      factor: compressed [A, y], [Q, P + 1].
      mask: the support [P].

    Returns:
      coefficients, exactly zero off the support [P], and (A_Sᵀ A_S)⁻¹, likewise [P, P].
    """
    scale = np.linalg.norm(factor, axis=0)
    scale = np.where(scale > 0, scale, 1.0)
    unit = factor / scale
    columns = np.flatnonzero(mask)
    while True:
        triangle = np.asarray(np.linalg.qr(unit[:, [*columns, -1]], mode="r"))
        pivots = np.diagonal(triangle)[: len(columns)]
        pivots = np.pad(pivots, (0, len(columns) - len(pivots)))
        spanned = np.flatnonzero(pivots**2 <= 1e4 * np.finfo(factor.dtype).eps)
        if not len(spanned):
            break
        columns = np.delete(columns, spanned[0])
    count = len(columns)
    inverse = np.linalg.inv(triangle[:count, :count])
    coefficients, covariance = np.zeros(len(mask)), np.zeros((len(mask), len(mask)))
    coefficients[columns] = inverse @ triangle[:count, count] * scale[-1] / scale[columns]
    covariance[np.ix_(columns, columns)] = (
        inverse @ inverse.T / (scale[columns][:, None] * scale[columns])
    )
    return coefficients, covariance
