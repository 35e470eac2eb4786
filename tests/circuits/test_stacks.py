"""The circuits that ship, and the file that holds them."""

import dataclasses
import hashlib
import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import safetensors.numpy

from nsindy.circuits.network import MLP
from nsindy.circuits.recipes import RECIPES
from nsindy.circuits.stacks import SHIPPED, Stack, load_stacks, save_stacks
from nsindy.terms.operations import PAPER, PRIMITIVES

BOUNDS = {"identity": 1e-3, "sin": 1e-3, "cos": 1e-3, "add": 1e-3, "mul": 3e-3}
BOUNDS |= dict.fromkeys(("square", "exp", "log", "tanh", "reciprocal", "abs", "saturation"), 3e-4)
FIVE = "bdb7fdecc32d9ee0844ce3755f8433832de12c5c9f6a4744a4b8e1e6a6950513"
CIRCUITS, METADATA = load_stacks()
LEARNED = {p.name: (stack, i) for stack in CIRCUITS for i, p in enumerate(stack.primitives)}


def small():
    network = MLP((4,), "tanh")
    keys = jax.random.split(jax.random.key(0), 2)
    params = jax.vmap(lambda key: network.init(key, jnp.zeros((1, 1), jnp.float32)))(keys)
    params = jax.tree.map(lambda leaf: leaf.astype(jnp.float32), params)
    narrow = dataclasses.replace(PRIMITIVES["cos"], domain=(-1.0, 1.0))
    return (Stack((PRIMITIVES["sin"], narrow), network, params),)


@pytest.mark.parametrize("name", list(BOUNDS))
def test_shipped_fidelity_on_fresh_points(name):
    """Against float64 NumPy, on points that no training saw."""
    stack, row = LEARNED[name]
    primitive = stack.primitives[row]
    rng = np.random.default_rng(20_001)
    inputs = rng.uniform(*primitive.domain, (50_000, primitive.arity))
    numpy_function = {
        "identity": lambda x: x, "sin": np.sin, "cos": np.cos, "add": np.add, "mul": np.multiply,
        "square": np.square, "exp": np.exp, "log": np.log, "tanh": np.tanh, "abs": np.abs,
        "reciprocal": np.reciprocal, "saturation": lambda x: x / (1 + x),
    }[name]  # fmt: skip
    exact = numpy_function(*inputs.T)
    params = jax.tree.map(lambda leaf: leaf[row], stack.params)
    found = np.asarray(stack.network.apply(params, jnp.asarray(inputs, jnp.float32)), np.float64)
    relative = np.sqrt(np.mean((found - exact) ** 2)) / np.std(exact)
    assert relative <= BOUNDS[name]
    # 20,000 and 50,000 points: their RMSEs differ by the sampling of a few large errors at corners.
    np.testing.assert_allclose(relative, METADATA["fidelity"][name]["relative_rmse"], rtol=0.25)


def test_shipped_circuits_declare_the_domains_of_the_primitives():
    for stack in CIRCUITS:
        for primitive in stack.primitives:
            assert primitive == PRIMITIVES[primitive.name]
    # A constant needs no circuit, and what a discovery alone uses has none.
    assert set(LEARNED) == {name for name, row in PRIMITIVES.items() if row.recipe}
    # Those of the paper stand alone, so that nothing beside them can change what they compute.
    assert {p.name for stack in CIRCUITS[:2] for p in stack.primitives} == set(PAPER)
    assert [len(stack.primitives) for stack in CIRCUITS] == [3, 2, 6, 1]


def test_the_five_circuits_of_the_paper_never_change():
    leaves = jax.tree.leaves([stack.params for stack in CIRCUITS[:2]])
    digest = hashlib.sha256(b"".join(np.asarray(leaf).tobytes() for leaf in leaves))
    assert digest.hexdigest() == FIVE


def test_shipped_file_says_how_it_was_made():
    assert METADATA["command"].startswith("python experiments/phase1_grok.py --recipe library")
    assert METADATA["recipe"] == "library"
    assert METADATA["further"]["command"] == (
        "python experiments/phase1_grok.py --recipe further --beside nsindy/library.safetensors "
        "--save nsindy/library.safetensors"
    )
    for recipes in (RECIPES["library"], RECIPES["further"]):
        for name, recipe in recipes.items():
            # The five were written before recipes had an interval.
            said = METADATA["config"][name]
            now = json.loads(json.dumps(dataclasses.asdict(recipe)))
            assert said == {entry: now[entry] for entry in said}
    assert {"jax", "flax", "optax", "numpy", "python"} <= set(METADATA["versions"])
    assert SHIPPED.stat().st_size < 500_000


def test_save_and_load_round_trip(tmp_path):
    stacks = small()
    path = tmp_path / "circuits.safetensors"
    save_stacks(path, stacks, {"recipe": "none", "numbers": [1, 2.5]})
    loaded, metadata = load_stacks(path)
    assert metadata == {"recipe": "none", "numbers": [1, 2.5]}
    assert loaded[0].primitives == stacks[0].primitives
    assert loaded[0].network == stacks[0].network
    jax.tree.map(np.testing.assert_array_equal, loaded[0].params, stacks[0].params)
    assert [file.name for file in tmp_path.iterdir()] == [path.name]


def test_unreadable_files_are_one_clear_error(tmp_path):
    with pytest.raises(ValueError, match="cannot read the library"):
        load_stacks(tmp_path / "absent.safetensors")
    whole = tmp_path / "whole.safetensors"
    save_stacks(whole, small(), {})
    for length in (0, 4, 50, whole.stat().st_size - 3):
        cut = tmp_path / "cut.safetensors"
        cut.write_bytes(whole.read_bytes()[:length])
        with pytest.raises(ValueError, match="cannot read the library"):
            load_stacks(cut)


@pytest.mark.parametrize(
    "change",
    [
        {"stacks": None},
        {"stacks": "not json"},
        {"stacks": '[{"primitives": ["tan"], "domains": [[0, 1]]}]'},
        {"metadata": None},
        {"hidden": [5]},
        {"activation": "swish"},
        {"primitives": ["sin", "power"]},
        {"primitives": ["sin"]},
        {"primitives": ["add", "mul"]},
        {"primitives": ["sin", "add"]},
    ],
)
def test_mismatched_files_are_one_clear_error(tmp_path, change):
    path = tmp_path / "circuits.safetensors"
    save_stacks(path, small(), {})
    with safetensors.safe_open(path, framework="numpy") as file:
        text = dict(file.metadata())
    tensors = safetensors.numpy.load_file(path)
    for entry, value in change.items():
        if entry in text:
            text.pop(entry)
            if value is not None:
                text[entry] = value
        else:
            said = json.loads(text["stacks"])
            said[0][entry] = value
            text["stacks"] = json.dumps(said)
    safetensors.numpy.save_file(tensors, path, metadata=text)
    with pytest.raises(ValueError, match="not a library of circuits"):
        load_stacks(path)
