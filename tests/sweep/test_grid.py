import os
import signal
import threading
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from nsindy.paper import one_seed
from nsindy.paper.runs import Run
from nsindy.paper.systems import DAMPED_OSCILLATOR
from nsindy.routers.settings import RouterKnobs, Routing
from nsindy.sweep import chunks, grid

RUN = Run("short", "short", "router", routing=Routing(slots=2, steps=20))
SEEDS = np.array([9, 2, 5, 2, 7])
SCALES = jnp.array([3.0, -1.0, 0.5])


def draw(key, scale, shift=0.0):
    return {"value": scale * jax.random.normal(key) + shift, "path": jax.random.normal(key, (4,))}


def expected(seeds=SEEDS):
    normal = np.array([jax.random.normal(jax.random.key(seed)) for seed in seeds])
    return np.asarray(SCALES)[:, None] * normal[None, :]


@pytest.fixture(scope="module")
def one(exact):
    def outcome(key, measurement):
        data_key, select_key = jax.random.split(key)
        data = one_seed.record_system(data_key, DAMPED_OSCILLATOR, exact, measurement, samples=24)
        return one_seed.outcome(select_key, data, exact, RouterKnobs(learning_rate=0.05), RUN)

    return outcome


@pytest.mark.slow
@pytest.mark.unmeasured
def test_an_outcome_is_the_same_alone_and_in_a_larger_sweep(one, paper):
    settings = jax.tree.map(lambda leaf: jnp.asarray(leaf)[None], paper)
    larger = grid.over(one, np.arange(3, 7), settings, plan=grid.Plan(block=2)).value
    alone = grid.over(one, np.array([5]), settings).value
    for found, same in zip(jax.tree.leaves(alone), jax.tree.leaves(larger), strict=True):
        # Training is in float32, and a batch of another size may round otherwise; the bound is far
        # below the scatter from seed to seed, which the last lines show.
        np.testing.assert_allclose(found[0, 0], same[0, 2], rtol=1e-3, atol=1e-5)
    np.testing.assert_array_equal(alone.slots.terms[0, 0], larger.slots.terms[0, 2])
    spread = np.ptp(larger.loss[0, :, :, -1], axis=0)
    assert np.all(spread > 1e-2)


@pytest.mark.parametrize("block", [1, 2, 5, 32])
def test_a_seed_is_its_key_in_any_block_and_any_setting(block):
    timed = grid.over(draw, SEEDS, SCALES, plan=grid.Plan(block=block))
    np.testing.assert_allclose(timed.value["value"], expected(), rtol=1e-12)
    assert timed.value["path"].shape == (3, 5, 4)
    assert timed.compile > 0
    assert timed.run > 0


def test_shared_arguments_are_traced_and_shared():
    timed = grid.over(draw, SEEDS, SCALES, jnp.float64(2.0))
    np.testing.assert_allclose(timed.value["value"], expected() + 2.0, rtol=1e-12)


def test_only_so_many_seeds_are_kept():
    timed = grid.over(draw, SEEDS, SCALES, keep={"value": grid.EVERY, "path": 2})
    assert timed.value["path"].shape == (3, 2, 4)
    path = jax.random.normal(jax.random.key(2), (4,))
    np.testing.assert_allclose(timed.value["path"][1, 1], path, rtol=1e-12)
    np.testing.assert_allclose(timed.value["value"], expected(), rtol=1e-12)


@pytest.mark.slow
def test_a_block_that_needs_too_much_memory_is_cut_smaller(monkeypatch):
    # What the process really holds changes between two lines, as the allocator likes.
    monkeypatch.setattr(grid.machines, "resident", lambda: 2**29)

    def hungry(key, scale):
        matrix = jax.random.normal(key, (500, 500))
        return scale * jnp.sort(matrix @ matrix.T, axis=0)[:3, 0]

    # A run needs at least 4 MB of temporaries, a block of 20 some 80 MB; half of what is left of
    # the memory is given to them.
    def within(left):
        memory = 0.5 + left
        return grid.over(hungry, np.arange(20), jnp.ones(1), plan=grid.Plan(memory=memory)).value

    np.testing.assert_allclose(within(0.125), within(4.0), rtol=1e-10)
    with pytest.raises(ValueError, match=r"one run on each device takes .*--memory-gb"):
        within(0.0025)
    with pytest.raises(ValueError, match=r"the value of the sweep takes .* --memory-gb"):
        grid.over(draw, np.arange(10**6), SCALES, plan=grid.Plan(memory=0.1))


def test_more_devices_than_there_are_is_an_error():
    with pytest.raises(ValueError, match="--devices 99: this machine has"):
        grid.over(draw, SEEDS, SCALES, plan=grid.Plan(devices=99))


@pytest.fixture
def plan(tmp_path):
    """Three blocks a setting, nine chunks, kept in a folder."""
    told = []
    made = grid.Plan(block=2, folder=tmp_path, identity={"noise": 0.1}, tell=told.append)
    return made, told


def test_progress_counts_chunks_runs_and_successes(plan):
    made, told = plan
    grid.over(draw, SEEDS, SCALES, plan=made, success=lambda value: value["value"] > 0)
    assert [done.chunk for done in told] == list(range(1, 10))
    assert [done.runs for done in told] == [2, 4, 5, 7, 9, 10, 12, 14, 15]
    assert told[-1].successes == np.sum(expected() > 0)
    assert told[-1].made == told[-1].of == 15


def test_resuming_makes_only_what_is_missing_or_damaged(plan, tmp_path):
    made, told = plan
    first = grid.over(draw, SEEDS, SCALES, plan=made)
    assert len(list((tmp_path / "sweep").glob("*.safetensors"))) == 9
    damaged = tmp_path / "sweep" / "000004.safetensors"
    content = bytearray(damaged.read_bytes())
    content[-1] ^= 1
    damaged.write_bytes(content)
    (tmp_path / "sweep" / "000006.safetensors").unlink()
    again = grid.over(draw, SEEDS, SCALES, plan=made._replace(resume=True))
    assert told[-1].made == 4
    assert again.compile > 0
    complete = grid.over(draw, SEEDS, SCALES, plan=made._replace(resume=True))
    assert told[-1].made == 0
    assert complete.compile == complete.run == 0
    for found in (again, complete):
        jax.tree.map(np.testing.assert_array_equal, found.value, first.value)
    loaded = chunks.load_runs(tmp_path / "sweep")
    np.testing.assert_array_equal(loaded["seed"], np.tile(SEEDS, 3))
    np.testing.assert_array_equal(loaded["cell"], np.repeat(np.arange(3), 5))
    np.testing.assert_array_equal(loaded["['value']"], first.value["value"].ravel())


def test_another_sweep_in_the_same_folder_is_refused_with_the_difference(plan):
    made, _ = plan
    grid.over(draw, SEEDS, SCALES, plan=made)
    other = made._replace(resume=True, identity={"noise": 0.2})
    with pytest.raises(ValueError, match=r"another sweep \(noise is 0.1 there and 0.2 here\)"):
        grid.over(draw, SEEDS, SCALES, plan=other)
    with pytest.raises(ValueError, match=r"another sweep \(inputs is"):
        grid.over(draw, SEEDS + 1, SCALES, plan=made._replace(resume=True))
    with pytest.raises(ValueError, match="9 finished chunks of this sweep: --resume continues it"):
        grid.over(draw, SEEDS, SCALES, plan=made)


def test_a_resumed_sweep_keeps_its_cut_whatever_the_block(plan):
    made, told = plan
    first = grid.over(draw, SEEDS, SCALES, plan=made)
    again = grid.over(draw, SEEDS, SCALES, plan=made._replace(resume=True, block=5))
    assert told[-1].made == 0
    jax.tree.map(np.testing.assert_array_equal, again.value, first.value)


def test_ctrl_c_finishes_the_chunk_and_the_sweep_goes_on_from_there(plan, capsys):
    made, told = plan

    def interrupt(done):
        told.append(done)
        if done.chunk == 4:
            signal.raise_signal(signal.SIGINT)

    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(grid.Interrupted, match=r"stopped after chunk 4 of 9 .*--resume"):
        grid.over(draw, SEEDS, SCALES, plan=made._replace(tell=interrupt))
    assert signal.getsignal(signal.SIGINT) is before
    assert "Ctrl-C again ends at once" in capsys.readouterr().err
    again = grid.over(draw, SEEDS, SCALES, plan=made._replace(resume=True))
    assert told[-1].made == 15 - (2 + 2 + 1 + 2)
    np.testing.assert_allclose(again.value["value"], expected(), rtol=1e-12)


def test_a_sweep_in_another_thread_leaves_the_signals_alone():
    values = []
    worker = threading.Thread(target=lambda: values.append(grid.over(draw, SEEDS, SCALES).value))
    worker.start()
    worker.join()
    np.testing.assert_allclose(values[0]["value"], expected(), rtol=1e-12)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_cannot_be_written_is_an_error(plan, tmp_path):
    made, _ = plan
    tmp_path.chmod(0o500)
    with pytest.raises(ValueError, match="cannot write to"):
        grid.over(draw, SEEDS, SCALES, plan=made)


def test_a_full_disk_leaves_the_finished_chunks(plan, monkeypatch, tmp_path):
    made, told = plan
    whole = chunks.files.write_whole

    def until_full(path, write):
        if path.name == "000003.safetensors":
            raise OSError(28, "No space left on device")
        whole(path, write)

    with monkeypatch.context() as patch:
        patch.setattr(chunks.files, "write_whole", until_full)
        with pytest.raises(ValueError, match="No space left on device; the 3 finished chunks"):
            grid.over(draw, SEEDS, SCALES, plan=made)
    again = grid.over(draw, SEEDS, SCALES, plan=made._replace(resume=True))
    assert told[-1].made == 10
    np.testing.assert_allclose(again.value["value"], expected(), rtol=1e-12)


def test_the_fingerprint_sees_every_value_and_its_type():
    tree = {"a": jnp.arange(3.0), "b": (jnp.int32(1),)}
    assert grid.fingerprint(tree) == grid.fingerprint(jax.tree.map(np.asarray, tree))
    changed = tree | {"a": jnp.array([0.0, 1.0, np.nextafter(2.0, 3.0)])}
    assert grid.fingerprint(tree) != grid.fingerprint(changed)
    assert grid.fingerprint(tree) != grid.fingerprint(tree | {"b": (jnp.int64(1),)})


def test_a_change_anywhere_below_the_package_is_another_source(tmp_path):
    (tmp_path / "deep" / "deeper").mkdir(parents=True)
    files = [tmp_path / name for name in ("top.py", "deep/module.py", "deep/deeper/module.py")]
    for file in files:
        file.write_text("x = 1\n")
    seen = {grid.source_version(tmp_path)}
    for file in files:
        file.write_text("x = 2\n")
        seen.add(grid.source_version(tmp_path))
    files[1].rename(tmp_path / "deep" / "renamed.py")
    assert len(seen | {grid.source_version(tmp_path)}) == 5
    assert grid.source_version() == grid.source_version(Path(grid.__file__).parents[1])


def test_a_change_in_a_sub_package_is_seen_by_resume(plan, monkeypatch, tmp_path):
    made, _ = plan
    package = tmp_path / "package"
    (package / "terms").mkdir(parents=True)
    module = package / "terms" / "library.py"
    module.write_text("x = 1\n")
    version = grid.source_version
    monkeypatch.setattr(grid, "source_version", lambda: version(package))
    grid.over(draw, SEEDS, SCALES, plan=made)
    grid.over(draw, SEEDS, SCALES, plan=made._replace(resume=True))
    module.write_text("x = 2\n")
    with pytest.raises(ValueError, match=r"another sweep \(code is \"nsindy .*source"):
        grid.over(draw, SEEDS, SCALES, plan=made._replace(resume=True))
