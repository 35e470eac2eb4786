"""Van der Pol's oscillator without noise, for the tests of all that fits its equation."""

import numpy as np
import pytest
from van_der_pol import solution


@pytest.fixture(scope="session")
def clean():
    times = np.linspace(0, 12, 150)
    return times, solution(times)
