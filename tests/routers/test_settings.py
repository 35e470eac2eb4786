import dataclasses

import jax
import jax.numpy as jnp
import numpy as np

from nsindy.routers import settings
from nsindy.routers.settings import Knobs, Routing


def test_schedules_are_a_line_and_its_complement(both):
    knobs = Knobs(temperature_start=4.0, temperature_end=0.5, anneal_fraction=0.75)
    steps = np.arange(200)
    temperature = np.where(steps < 150, 4.0 - 3.5 * steps / 150, 0.5)
    for function in both(lambda knobs: settings.schedules(knobs, 200)):
        plan = function(jax.tree.map(jnp.asarray, knobs))
        np.testing.assert_allclose(plan.temperature, temperature, rtol=1e-12)
        np.testing.assert_allclose(plan.entropy_weight, np.maximum(0, 1 - temperature / 4.0))


def test_an_annealing_of_no_steps_starts_after_its_first():
    plan = settings.schedules(Knobs(anneal_fraction=0.0), 5)
    np.testing.assert_allclose(plan.temperature, [5.0, *[0.05] * 4], rtol=1e-12)


def test_a_rising_temperature_has_no_entropy_weight():
    plan = settings.schedules(Knobs(temperature_start=1.0, temperature_end=3.0), 9)
    np.testing.assert_allclose(np.asarray(plan.temperature)[[0, 3, 8]], [1.0, 2.0, 3.0], rtol=1e-12)
    np.testing.assert_array_equal(plan.entropy_weight, 0)


def test_the_defaults_are_the_training_of_the_paper():
    assert dataclasses.astuple(Routing()) == (1, 3000, True, False, False, False, (64, 64))
    assert hash(Routing()) == hash(Routing(steps=3000))
    assert tuple(Knobs()) == (3e-3, 5.0, 0.05, 2 / 3, 0.0, 0.0, 0.0, 2.0, 0.0, 0.1)
