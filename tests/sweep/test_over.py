import os
import signal
import threading

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from nsindy.paper import one_seed
from nsindy.paper.runs import Run
from nsindy.paper.systems import DAMPED_OSCILLATOR
from nsindy.routers.settings import RouterKnobs, Routing
from nsindy.sweep import chunks, over

RUN = Run("short", "short", "router", routing=Routing(slots=2, steps=20))
SEEDS = np.array([9, 2, 5, 2, 7])
GRID = jnp.array([3.0, -1.0, 0.5])


def draw(key, scale, shift=0.0):
    return {"value": scale * jax.random.normal(key) + shift, "path": jax.random.normal(key, (4,))}


def expected(seeds=SEEDS):
    normal = np.array([jax.random.normal(jax.random.key(seed)) for seed in seeds])
    return np.asarray(GRID)[:, None] * normal[None, :]


@pytest.fixture(scope="module")
def one(exact):
    def outcome(key, measurement):
        data_key, select_key = jax.random.split(key)
        data = one_seed.record(data_key, DAMPED_OSCILLATOR, exact, measurement, samples=24)
        return one_seed.outcome(select_key, data, exact, RouterKnobs(learning_rate=0.05), RUN)

    return outcome


def test_an_outcome_is_the_same_alone_and_in_a_larger_sweep(one, paper):
    grid = jax.tree.map(lambda leaf: jnp.asarray(leaf)[None], paper)
    larger = over.over(one, np.arange(3, 7), grid, plan=over.Plan(block=2)).value
    alone = over.over(one, np.array([5]), grid).value
    for found, same in zip(jax.tree.leaves(alone), jax.tree.leaves(larger), strict=True):
        # Training is in float32, and a batch of another size may round otherwise; the bound is far
        # below the scatter from seed to seed, which the last lines show.
        np.testing.assert_allclose(found[0, 0], same[0, 2], rtol=1e-3, atol=1e-5)
    np.testing.assert_array_equal(alone.slots.terms[0, 0], larger.slots.terms[0, 2])
    spread = np.ptp(larger.loss[0, :, :, -1], axis=0)
    assert np.all(spread > 1e-2)


@pytest.mark.parametrize("block", [1, 2, 5, 32])
def test_a_seed_is_its_key_in_any_block_and_any_setting(block):
    timed = over.over(draw, SEEDS, GRID, plan=over.Plan(block=block))
    np.testing.assert_allclose(timed.value["value"], expected(), rtol=1e-12)
    assert timed.value["path"].shape == (3, 5, 4)
    assert timed.compile > 0
    assert timed.run > 0


def test_shared_arguments_are_traced_and_shared():
    timed = over.over(draw, SEEDS, GRID, jnp.float64(2.0))
    np.testing.assert_allclose(timed.value["value"], expected() + 2.0, rtol=1e-12)


def test_only_so_many_seeds_are_kept():
    timed = over.over(draw, SEEDS, GRID, keep={"value": over.EVERY, "path": 2})
    assert timed.value["path"].shape == (3, 2, 4)
    path = jax.random.normal(jax.random.key(2), (4,))
    np.testing.assert_allclose(timed.value["path"][1, 1], path, rtol=1e-12)
    np.testing.assert_allclose(timed.value["value"], expected(), rtol=1e-12)


def test_a_block_that_needs_too_much_memory_is_cut_smaller(monkeypatch):
    # What the process really holds changes between two lines, as the allocator likes.
    monkeypatch.setattr(over.machines, "resident", lambda: 2**29)

    def hungry(key, scale):
        matrix = jax.random.normal(key, (1000, 1000))
        return scale * jnp.sort(matrix @ matrix.T, axis=0)[:3, 0]

    # A run needs at least 16 MB of temporaries, a block of 20 some 0.3 GiB; half of what is left
    # of the memory is given to them.
    def within(left):
        memory = 0.5 + left
        return over.over(hungry, np.arange(20), jnp.ones(1), plan=over.Plan(memory=memory)).value

    np.testing.assert_allclose(within(0.5), within(4.0), rtol=1e-10)
    with pytest.raises(ValueError, match=r"one run on each device takes .*--memory-gb"):
        within(0.01)
    with pytest.raises(ValueError, match=r"the value of the sweep takes .* --memory-gb"):
        over.over(draw, np.arange(10**6), GRID, plan=over.Plan(memory=0.1))


def test_more_devices_than_there_are_is_an_error():
    with pytest.raises(ValueError, match="--devices 99: this machine has"):
        over.over(draw, SEEDS, GRID, plan=over.Plan(devices=99))


@pytest.fixture
def plan(tmp_path):
    """Three blocks a setting, nine chunks, kept in a folder."""
    told = []
    made = over.Plan(block=2, folder=tmp_path, identity={"noise": 0.1}, tell=told.append)
    return made, told


def test_progress_counts_chunks_runs_and_successes(plan):
    made, told = plan
    over.over(draw, SEEDS, GRID, plan=made, success=lambda value: value["value"] > 0)
    assert [done.chunk for done in told] == list(range(1, 10))
    assert [done.runs for done in told] == [2, 4, 5, 7, 9, 10, 12, 14, 15]
    assert told[-1].successes == np.sum(expected() > 0)
    assert told[-1].made == told[-1].of == 15


def test_resuming_makes_only_what_is_missing_or_damaged(plan, tmp_path):
    made, told = plan
    first = over.over(draw, SEEDS, GRID, plan=made)
    assert len(list((tmp_path / "sweep").glob("*.safetensors"))) == 9
    damaged = tmp_path / "sweep" / "000004.safetensors"
    content = bytearray(damaged.read_bytes())
    content[-1] ^= 1
    damaged.write_bytes(content)
    (tmp_path / "sweep" / "000006.safetensors").unlink()
    again = over.over(draw, SEEDS, GRID, plan=made._replace(resume=True))
    assert told[-1].made == 4
    assert again.compile > 0
    complete = over.over(draw, SEEDS, GRID, plan=made._replace(resume=True))
    assert told[-1].made == 0
    assert complete.compile == complete.run == 0
    for found in (again, complete):
        jax.tree.map(np.testing.assert_array_equal, found.value, first.value)
    loaded = chunks.load(tmp_path / "sweep")
    np.testing.assert_array_equal(loaded["seed"], np.tile(SEEDS, 3))
    np.testing.assert_array_equal(loaded["cell"], np.repeat(np.arange(3), 5))
    np.testing.assert_array_equal(loaded["['value']"], first.value["value"].ravel())


def test_another_sweep_in_the_same_folder_is_refused_with_the_difference(plan):
    made, _ = plan
    over.over(draw, SEEDS, GRID, plan=made)
    other = made._replace(resume=True, identity={"noise": 0.2})
    with pytest.raises(ValueError, match=r"another sweep \(noise is 0.1 there and 0.2 here\)"):
        over.over(draw, SEEDS, GRID, plan=other)
    with pytest.raises(ValueError, match=r"another sweep \(inputs is"):
        over.over(draw, SEEDS + 1, GRID, plan=made._replace(resume=True))
    with pytest.raises(ValueError, match="9 finished chunks of this sweep: --resume continues it"):
        over.over(draw, SEEDS, GRID, plan=made)


def test_a_resumed_sweep_keeps_its_cut_whatever_the_block(plan):
    made, told = plan
    first = over.over(draw, SEEDS, GRID, plan=made)
    again = over.over(draw, SEEDS, GRID, plan=made._replace(resume=True, block=5))
    assert told[-1].made == 0
    jax.tree.map(np.testing.assert_array_equal, again.value, first.value)


def test_ctrl_c_finishes_the_chunk_and_the_sweep_goes_on_from_there(plan, capsys):
    made, told = plan

    def interrupt(done):
        told.append(done)
        if done.chunk == 4:
            signal.raise_signal(signal.SIGINT)

    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(over.Interrupted, match=r"stopped after chunk 4 of 9 .*--resume"):
        over.over(draw, SEEDS, GRID, plan=made._replace(tell=interrupt))
    assert signal.getsignal(signal.SIGINT) is before
    assert "Ctrl-C again ends at once" in capsys.readouterr().err
    again = over.over(draw, SEEDS, GRID, plan=made._replace(resume=True))
    assert told[-1].made == 15 - (2 + 2 + 1 + 2)
    np.testing.assert_allclose(again.value["value"], expected(), rtol=1e-12)


def test_a_sweep_in_another_thread_leaves_the_signals_alone():
    values = []
    worker = threading.Thread(target=lambda: values.append(over.over(draw, SEEDS, GRID).value))
    worker.start()
    worker.join()
    np.testing.assert_allclose(values[0]["value"], expected(), rtol=1e-12)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_cannot_be_written_is_an_error(plan, tmp_path):
    made, _ = plan
    tmp_path.chmod(0o500)
    with pytest.raises(ValueError, match="cannot write to"):
        over.over(draw, SEEDS, GRID, plan=made)


def test_a_full_disk_leaves_the_finished_chunks(plan, monkeypatch, tmp_path):
    made, told = plan
    whole = chunks.results.write_whole

    def until_full(path, write):
        if path.name == "000003.safetensors":
            raise OSError(28, "No space left on device")
        whole(path, write)

    with monkeypatch.context() as patch:
        patch.setattr(chunks.results, "write_whole", until_full)
        with pytest.raises(ValueError, match="No space left on device; the 3 finished chunks"):
            over.over(draw, SEEDS, GRID, plan=made)
    again = over.over(draw, SEEDS, GRID, plan=made._replace(resume=True))
    assert told[-1].made == 10
    np.testing.assert_allclose(again.value["value"], expected(), rtol=1e-12)


def test_the_fingerprint_sees_every_value_and_its_type():
    tree = {"a": jnp.arange(3.0), "b": (jnp.int32(1),)}
    assert over.fingerprint(tree) == over.fingerprint(jax.tree.map(np.asarray, tree))
    changed = tree | {"a": jnp.array([0.0, 1.0, np.nextafter(2.0, 3.0)])}
    assert over.fingerprint(tree) != over.fingerprint(changed)
    assert over.fingerprint(tree) != over.fingerprint(tree | {"b": (jnp.int64(1),)})
