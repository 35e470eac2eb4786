import jax
import jax.numpy as jnp
import numpy as np
import pytest

from nsindy.routers import settings
from nsindy.routers.settings import RouterKnobs, Routing


def test_schedules_are_a_line_and_its_complement(both):
    knobs = RouterKnobs(temperature_start=4.0, temperature_end=0.5, anneal_fraction=0.75)
    steps = np.arange(200)
    for first in (0, 1):
        counted = steps + first
        temperature = np.where(counted < 150, 4.0 - 3.5 * counted / 150, 0.5)
        for function in both(lambda knobs: settings.schedules(knobs, 200)):
            plan = function(jax.tree.map(jnp.asarray, knobs._replace(first_step=first)))
            np.testing.assert_allclose(plan.temperature, temperature, rtol=1e-12)
            np.testing.assert_allclose(plan.entropy_weight, np.maximum(0, 1 - temperature / 4.0))


def test_an_annealing_of_no_steps_is_over_at_step_1():
    plan = settings.schedules(RouterKnobs(anneal_fraction=0.0), 5)
    np.testing.assert_allclose(plan.temperature, [0.05] * 5, rtol=1e-12)
    plan = settings.schedules(RouterKnobs(anneal_fraction=0.0, first_step=0), 5)
    np.testing.assert_allclose(plan.temperature, [5.0, *[0.05] * 4], rtol=1e-12)


def test_a_rising_temperature_has_no_entropy_weight():
    plan = settings.schedules(
        RouterKnobs(temperature_start=1.0, temperature_end=3.0, first_step=0), 9
    )
    np.testing.assert_allclose(np.asarray(plan.temperature)[[0, 3, 8]], [1.0, 2.0, 3.0], rtol=1e-12)
    np.testing.assert_array_equal(plan.entropy_weight, 0)


def test_the_defaults_are_the_training_of_the_paper():
    routing = Routing()
    assert (routing.slots, routing.steps, routing.hidden) == (1, 3000, (64, 64))
    assert routing.hard and routing.own_noise and routing.uniform and routing.masks == "argmax"
    assert not (routing.shared or routing.residual or routing.state_dependent or routing.explores)
    assert hash(routing) == hash(Routing(steps=3000))
    knobs = RouterKnobs()
    schedule = knobs.temperature_start, knobs.temperature_end, knobs.anneal_fraction
    assert (knobs.learning_rate, *schedule, knobs.first_step) == (3e-3, 5.0, 0.05, 2 / 3, 1.0)
    assert (knobs.error_weight, knobs.exploration, knobs.explore_above) == (0.5, 0.01, 1.0)
    assert (knobs.initial_coefficient, knobs.initial_spread) == (0.0, 0.0)
    assert (knobs.alpha, knobs.base_entropy, knobs.conditional_entropy) == (0.0, 0.0, 0.0)
    assert knobs.freeze_at > 1


def test_masks_of_another_name_are_refused():
    with pytest.raises(ValueError, match="masks are 'argmax' or 'draws', not 'mean'"):
        Routing(masks="mean")
