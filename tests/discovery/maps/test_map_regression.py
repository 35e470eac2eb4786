import numpy as np

from nsindy.discovery.maps import map_regression


def test_a_term_that_is_less_probable_than_not_is_unclear():
    """Beside it stands what may as well be there, the most probable first."""
    mask = np.array([[True, False, True, False]])
    others = [
        (np.array([True, True, False, False]), -0.1),
        (np.array([True, False, False, True]), -1),
    ]
    fit = map_regression.MapFit(
        mask=mask,
        coefficients=np.ones((1, 4)),
        errors=np.ones((1, 4)),
        probabilities=np.array([[1.0, 0.4, 0.42, 0.15]]),
        variance=np.ones(1),
        score=np.zeros(1),
        others=[others],
    )
    (one,) = map_regression.unclear_terms(fit)
    assert one[:3] == (0, 2, [1, 3]) and one.kept
    assert not map_regression.unclear_terms(fit._replace(probabilities=np.ones((1, 4))))
