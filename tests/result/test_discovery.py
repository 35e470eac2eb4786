import dataclasses
import json
import re

import diffrax
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.integrate
import scipy.linalg
import sympy
from by_hand import make
from hypothesis import given, settings
from hypothesis import strategies as st

from nsindy.circuits import stacks
from nsindy.result.discovery import Discovery, load
from nsindy.terms import operations, primitive
from nsindy.terms import term as terms_term
from nsindy.terms.primitive import Primitive
from nsindy.terms.term import Term

ONE = Term(operations.get("one"), ())


@pytest.fixture
def oscillator():
    return make(
        ["identity(x)", "identity(v)", "mul(x,mul(x,v))"],
        [[0.0, 1.0, 0.0], [-1.00031, -0.09994, 0.0]],
        ("x", "v"),
        errors=[[0.0, 0.0, 0.0], [0.0004, 0.0003, 0.0]],
        warnings=("short",),
        runner_up=("x' = …",),
    )


@pytest.fixture
def positions():
    return make(
        ["identity(x)", "identity(x')", "identity(u)"],
        [[0.0, 1.0, 0.0], [-6.22031, -0.01372, 0.5]],
        ("x", "x'"),
        errors=0.0004,
        inputs=("u",),
        order=2,
        initial=[[1.0, 0.0], [0.5, 0.1]],
    )


def test_prints_equations_with_their_standard_errors(oscillator, positions):
    assert str(oscillator) == (
        "x' = 1.000 v   (± ?)\nv' = -1.0003 x - 0.0999 v   (± 0.0004, 0.0003)"
    )
    assert str(positions) == "x'' = -6.2203 x - 0.0137 x' + 0.5000 u   (± 0.0004, 0.0004, 0.0004)"
    assert repr(positions) == str(positions)
    assert oscillator.equations(2) == ["x' = 1.00 v", "v' = -1.00 x - 0.10 v"]
    assert oscillator.terms == ("x", "v", "x^2 v")
    assert positions.rows == range(1, 2)
    assert positions.measured == ("x",)


def test_the_velocity_of_a_second_order_equation_has_dots(positions):
    assert positions.latex() == [r"\ddot{x} = -6.2203\,x - 0.0137\,\dot{x} + 0.5000\,u"]
    (line,) = positions.mathml()
    assert line.startswith("<math") and line.count("<mover>") == 2


def test_sympy_has_an_expression_for_every_state(positions):
    x, v, u = sympy.Symbol("x"), sympy.Symbol("x'"), sympy.Symbol("u")
    found = positions.to_sympy()
    assert found[0] == 1.0 * v
    assert float(found[1].subs({x: 1.0, v: 0.0, u: 0.0})) == -6.22031
    assert float(found[1].subs({x: 0.0, v: 0.0, u: 2.0})) == 1.0


def test_vector_field_is_the_equation(oscillator, variant):
    y = jnp.array([0.3, -0.7])
    expected = [-0.7, -1.00031 * 0.3 + 0.09994 * 0.7]
    np.testing.assert_allclose(variant(oscillator.vector_field)(0.0, y), expected, rtol=1e-14)


def test_vector_field_goes_through_diffrax_jit_vmap_and_grad(oscillator):
    solution = diffrax.diffeqsolve(
        diffrax.ODETerm(oscillator.vector_field),
        diffrax.Dopri8(),
        0.0,
        20.0,
        0.1,
        jnp.array([1.0, 0.0]),
        stepsize_controller=diffrax.PIDController(rtol=1e-10, atol=1e-10),
    )
    exact = scipy.linalg.expm(20 * np.array([[0, 1], [-1.00031, -0.09994]])) @ [1, 0]
    # Ten times the tolerance of the solver, for what its steps add up to.
    np.testing.assert_allclose(solution.ys[0], exact, atol=1e-9)
    batch = jax.vmap(oscillator.vector_field, (None, 0))(0.0, jnp.eye(2))
    np.testing.assert_allclose(batch.T, [[0, 1], [-1.00031, -0.09994]])
    gradient = jax.grad(lambda d: d.vector_field(0.0, jnp.array([2.0, 3.0]))[1])(oscillator)
    # The third term is absent and stays so.
    np.testing.assert_allclose(gradient.coefficients, [[0, 0, 0], [2, 3, 0]])


def test_an_absent_term_spreads_no_nan():
    found = make(["identity(x)", "log(x)"], [[-1.0, 0.0]], ("x",))
    assert found.vector_field(0.0, jnp.array([-2.0])) == 2.0
    assert jax.jit(lambda d: d.vector_field(0.0, jnp.array([-2.0])))(found) == 2.0


def test_an_equation_without_terms_stands_still():
    found = make([ONE], [[0.0], [0.0]], ("x", "y"))
    np.testing.assert_array_equal(found.simulate([1.0, 2.0], [0.0, 1.0]), [[1, 2], [1, 2]])
    assert str(found) == "x' = 0.000\ny' = 0.000"


def test_inputs_come_as_a_function_or_as_samples(positions):
    times = np.linspace(0, 10, 101)

    def forcing(t):
        return jnp.stack([jnp.clip(t, 0, 5)])

    def right(t, y):
        return [y[1], -6.22031 * y[0] - 0.01372 * y[1] + 0.5 * np.clip(t, 0, 5)]

    exact = scipy.integrate.solve_ivp(
        right, (0, 10), [1, 0], t_eval=times, rtol=1e-10, atol=1e-10, max_step=0.1
    ).y.T
    by_function = positions.simulate([1.0, 0.0], times, forcing)
    # The samples are interpolated linearly, which this forcing is between them.
    by_samples = positions.simulate([1.0, 0.0], times, np.clip(times, 0, 5)[:, None])
    np.testing.assert_allclose(by_function, exact, atol=1e-6)
    np.testing.assert_allclose(by_samples, exact, atol=1e-6)
    np.testing.assert_allclose(
        positions.vector_field(7.0, jnp.zeros(2), forcing), [0, 2.5], rtol=1e-14
    )
    with pytest.raises(ValueError, match="inputs u; give them as a function of t"):
        positions.vector_field(0.0, jnp.zeros(2))
    with pytest.raises(ValueError, match="inputs u"):
        positions.simulate([1.0, 0.0], times)
    with pytest.raises(ValueError, match=r"\[101, 1\], not \[50\]"):
        positions.simulate([1.0, 0.0], times, times[:50])


@pytest.mark.parametrize("scale", [1e-9, 1.0, 1e9])
def test_simulation_is_as_exact_at_every_scale(oscillator, scale):
    times = np.linspace(3, 23, 41)
    exact = [
        scipy.linalg.expm(t * np.array([[0, 1], [-1.00031, -0.09994]])) @ [1, 0] for t in times - 3
    ]
    found = oscillator.simulate([scale, 0.0], times)
    np.testing.assert_allclose(found / scale, exact, atol=1e-6)


def test_simulation_keeps_the_dtype_and_takes_one_time(oscillator):
    found = oscillator.simulate(jnp.ones(2, jnp.float32), jnp.zeros(1, jnp.float32))
    np.testing.assert_array_equal(found, [[1, 1]])
    assert oscillator.simulate([1, 0], [0, 1]).dtype == jnp.float64


def test_a_solution_that_diverges_is_nan_and_no_error():
    found = make(["mul(x,x)"], [[1.0]], ("x",))
    times = np.array([0.0, 0.5, 0.9, 1.1, 2.0])
    simulated = found.simulate([1.0], times)[:, 0]
    np.testing.assert_allclose(simulated[:3], [1, 2, 10], rtol=1e-5)
    assert np.isnan(simulated[3:]).all()
    assert np.isnan(found.simulate([np.nan], times)).all()


def test_shapes_must_fit(oscillator):
    for x0, t in (([1.0], [0.0, 1.0]), ([1.0, 0.0], 1.0), ([1.0, 0.0], [])):
        with pytest.raises(ValueError, match=r"x0 must be \[2\] \(x, v\) and t \[N\]"):
            oscillator.simulate(x0, t)


def test_a_discovery_cannot_be_changed_and_is_a_pytree(oscillator):
    with pytest.raises(dataclasses.FrozenInstanceError):
        oscillator.order = 2
    doubled = jax.tree.map(lambda leaf: 2 * leaf, oscillator)
    assert doubled.held_out.rmse[0] == 0.04
    assert doubled.states == oscillator.states
    assert jax.tree.structure(doubled) == jax.tree.structure(oscillator)


def same(a, b):
    leaves = zip(jax.tree.leaves(a), jax.tree.leaves(b), strict=True)
    assert all(np.array_equal(x, y, equal_nan=True) for x, y in leaves)
    for field in dataclasses.fields(Discovery):
        value = getattr(a, field.name)
        if field.name not in ("held_out", "initial") and isinstance(value, tuple):
            assert value == getattr(b, field.name), field.name


def test_a_file_gives_back_every_digit(positions, tmp_path):
    thirds = jax.tree.map(lambda leaf: leaf / 3, positions)
    thirds = dataclasses.replace(thirds, noise=np.array([0.1, np.nan]))
    thirds.save(tmp_path / "d.json")
    found = load(tmp_path / "d.json")
    same(found, thirds)
    assert str(found) == str(thirds)
    assert [path.name for path in tmp_path.iterdir()] == ["d.json"]
    with pytest.raises(ValueError, match="read-only"):
        found.coefficients[0, 0] = 1.0


def test_laws_and_what_is_known_travel_in_the_file(oscillator, tmp_path):
    content = saved(oscillator, tmp_path)
    for name in ("known", "laws"):
        # Files of before these fields.
        content.pop(name)
    path = tmp_path / "d.json"
    path.write_text(json.dumps(content))
    plain = load(path)
    assert plain.laws == () and not plain.given.any() and str(plain) == str(oscillator)
    known = [[False, True, False], [False, False, False]]
    path.write_text(json.dumps({**content, "laws": [LAW], "known": known}))
    found = load(path)
    assert found.given.tolist() == known
    (law,) = found.laws
    assert law.r2 == (0.9, -np.inf) and law.values[0] == 1.0 and np.isnan(law.values[1])
    found.save(path)
    assert str(load(path)) == str(found)
    lines = str(found).splitlines()
    assert lines[0] == "x' = 1 v   (± given)"
    assert lines[2] == (
        "x' = a*v; v' = -b*x: a = 1.00 ± 0.10, b = nan ± ?; 3.2 nats worse; the recording does not "
        "tell b apart; R² 0.9000, diverged, of the forecast 0.5000, -2.0000"
    )
    # It stays a pytree, of which laws are no leaves.
    assert jax.tree.map(lambda leaf: leaf, found).laws == found.laws


def test_a_file_that_cannot_be_finished_leaves_the_old_one(oscillator, tmp_path):
    path = tmp_path / "d.json"
    oscillator.save(path)
    before = path.read_bytes()
    local = Term(Primitive("mine", 1, jnp.cosh, (-1.0, 1.0), 1.0), (0,))
    stranger = make([local], [[1.0]], ("x",))
    with pytest.raises(ValueError, match="operation mine neither ships with"):
        stranger.save(path)
    impostor = Term(Primitive("sin", 1, jnp.cosh, (-1.0, 1.0), 1.0), (0,))
    with pytest.raises(ValueError, match="operation sin neither ships"):
        make([impostor], [[1.0]], ("x",)).save(path)
    with pytest.raises(ValueError, match=r"noise has the shape \[1\], not \[2\]"):
        dataclasses.replace(oscillator, noise=jnp.ones(1)).save(path)
    assert path.read_bytes() == before
    assert len(list(tmp_path.iterdir())) == 1


def test_learned_operations_travel_in_the_file(tmp_path):
    # A network of one unit: tanh(3 v) / 2 + 1 / 4.
    friction = stacks.from_json(
        {
            "name": "friction",
            "arity": 1,
            "domain": [-2.0, 2.0],
            "complexity": 1.0,
            "activation": "tanh",
            "layers": [[[[3.0]], [0.0]], [[[0.5]], [0.25]]],
        }
    )
    term = Term(operations.get("mul"), (0, Term(friction, (1,))))
    found = make([term, ONE], [[1.0, 0.0], [0.5, 0.25]], ("x", "v"))
    found.save(tmp_path / "d.json")
    again = load(tmp_path / "d.json")
    same(again, found)
    assert again.terms == ("x friction(v)", "1")
    value = 1.2 * (np.tanh(1.2) / 2 + 0.25)
    np.testing.assert_allclose(
        again.vector_field(0.0, jnp.array([1.2, 0.4])), [value, value / 2 + 0.25], rtol=1e-14
    )


def test_names_may_hold_any_letter(tmp_path):
    states = ("mul(x,", '"\\ü温 <b>')
    product = Term(operations.get("mul"), (0, 1))
    found = make([product], [[1.0], [2.0]], states)
    found.save(tmp_path / "d.json")
    same(load(tmp_path / "d.json"), found)


def saved(discovery, folder):
    discovery.save(folder / "d.json")
    return json.loads((folder / "d.json").read_text())


def nest(depth):
    term = 0
    for _ in range(depth):
        term = ["sin", term]
    return term


LAW = {
    "text": "x' = a*v; v' = -b*x",
    "names": ["a", "b"],
    "values": [1.0, None],
    "errors": [0.1, None],
    "nats": -3.25,
    "price": 0.0,
    "r2": [0.9, None],
    "held_out": [0.5, -2.0],
}
DAMAGE = {
    "lacks 'states'": lambda c: c.pop("states"),
    "lacks 'rmse'": lambda c: c["held_out"].pop("rmse"),
    "need different names": lambda c: c.update(states=["x", "x"]),
    "order 3 does not fit": lambda c: c.update(order=3),
    "order True does not fit": lambda c: c.update(order=True),
    "order 2 does not fit the states x, v": lambda c: c.update(order=2),
    "['__import__', 'os'] has an unknown operation": lambda c: c["library"].append(
        ["__import__", "os"]
    ),
    "'x' is not a term": lambda c: c["library"].append("x"),
    "['sin', 7] has an unknown state": lambda c: c["library"].append(["sin", 7]),
    "['sin', -1] has an unknown state": lambda c: c["library"].append(["sin", -1]),
    "['sin', True] has an unknown state": lambda c: c["library"].append(["sin", True]),
    "sin takes 1 argument(s), not 2": lambda c: c["library"].append(["sin", 0, 1]),
    "coefficients has the shape [2, 3], not [2, 4]": lambda c: c["library"].append(["sin", 0]),
    "noise has the shape [1], not [2]": lambda c: c.update(noise=[1.0]),
    "sensor_lag has the shape [3], not [2]": lambda c: c.update(sensor_lag=[0.0, 0.1, 0.2]),
    "noise contains '1' in place of a number": lambda c: c.update(noise=["1", 2.0]),
    "a coefficient is not finite": lambda c: c["coefficients"][0].__setitem__(0, None),
    "inhomogeneous": lambda c: c.update(initial=[[1.0, 2.0], [1.0]]),
    "warnings must be a list of texts": lambda c: c.update(warnings=[1]),
    "states must be a list of texts": lambda c: c.update(states="xv"),
    "held must be a list of true and false": lambda c: c.update(held=[1]),
    "delay must be at least 0": lambda c: c.update(delay=1.0),
    "held has 1 values for 0 inputs": lambda c: c.update(held=[True]),
    "noise_kind must be": lambda c: c.update(noise_kind=["constant", "pink"]),
    "this does not describe a learned operation": lambda c: c.update(learned={"f": {"name": "f"}}),
    "learned must be a dict": lambda c: c.update(learned=[]),
    "held_out must be a dict": lambda c: c.update(held_out=[1]),
    "[['sin'], 0] is not a term": lambda c: c["library"].append([["sin"], 0]),
    "nested deeper than 20": lambda c: c["library"].append(nest(500)),
    "in printable letters": lambda c: c.update(states=["x", "v\n"]),
    "too large": lambda c: c.update(score=10**400),
    "known must be true or false": lambda c: c.update(known=[[True]]),
    "known must be true or false for": lambda c: c.update(known=[["x"] * 3] * 2),
    "laws.values has the shape [1], not [2]": lambda c: c.update(laws=[{**LAW, "values": [1.0]}]),
    "the text of a law": lambda c: c.update(laws=[{**LAW, "text": 1}]),
    "lacks 'nats'": lambda c: c.update(laws=[{k: v for k, v in LAW.items() if k != "nats"}]),
    "indices must be": lambda c: c.update(laws=["x"]),
}


@pytest.mark.parametrize("says", DAMAGE)
def test_a_damaged_file_is_refused_in_one_sentence(says, oscillator, tmp_path):
    content = saved(oscillator, tmp_path)
    DAMAGE[says](content)
    (tmp_path / "bad.json").write_text(json.dumps(content))
    with pytest.raises(ValueError, match=re.escape(says)) as caught:
        load(tmp_path / "bad.json")
    assert str(caught.value).startswith(f"the discovery {tmp_path / 'bad.json'} is damaged: ")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "cannot read"),
        (b"\x80\x04\x95\x00", "cannot read"),
        (b"PK\x03\x04", "cannot read"),
        (b"[" * 100_000, "cannot read"),
        (b"[1]", "is not a discovery"),
        (b"null", "is not a discovery"),
        (b'{"format": "other"}', "is not a discovery"),
        (b'{"format": "nsindy discovery 1"', "cannot read"),
        (b'{"format": "nsindy discovery 1"}', "is damaged: it lacks 'states'"),
    ],
)
def test_a_foreign_file_is_refused(content, says, tmp_path):
    (tmp_path / "f").write_bytes(content)
    with pytest.raises(ValueError, match=says):
        load(tmp_path / "f")


def test_what_is_no_file_is_refused(tmp_path):
    for path in (tmp_path, tmp_path / "none.json"):
        with pytest.raises(ValueError, match="there is no such file"):
            load(path)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=6,
)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    found = make(["identity(x)", "mul(x,v)"], [[0.0, 1.0], [1.0, 0.0]], ("x", "v"))
    folder = tmp_path_factory.mktemp("entries")
    saved(found, folder)
    return folder


@settings(deadline=None, max_examples=300)
@given(data=st.data(), value=JSON)
@pytest.mark.unmeasured
def test_any_entry_may_be_anything(data, value, whole):
    content = json.loads((whole / "d.json").read_text())
    place, key = content, data.draw(st.sampled_from(sorted(set(content) - {"format"})))
    while isinstance(place[key], dict | list) and place[key] and data.draw(st.booleans()):
        place = place[key]
        keys = sorted(place) if isinstance(place, dict) else range(len(place))
        key = data.draw(st.sampled_from(keys))
    place[key] = value
    (whole / "bad.json").write_text(json.dumps(content))
    try:
        found = load(whole / "bad.json")
    except ValueError as error:
        assert "\n" not in str(error).replace(str(value), "")
    else:
        assert str(found) and found.latex() and found.mathml()


def test_a_wave_with_a_number_of_its_own(tmp_path):
    """sin(w x) prints with four digits and keeps all of them everywhere else."""
    w = np.pi / 180
    wave = Term(operations.get("sin"), (Term(primitive.times(w), (0,)),))
    found = make([wave, "identity(v)"], [[0.0, 1.0], [-9.81, 0.0]], ("x", "v"))
    assert found.terms == ("sin(0.01745 x)", "v")
    assert found.equations(1)[1] == "v' = -9.8 sin(0.01745 x)"
    assert found.latex(1)[1] == r"\dot{v} = -9.8\,\sin{\left(0.01745 \, x \right)}"
    assert "<mn>0.01745</mn>" in found.mathml()[1]
    expression = found.to_sympy()[1]
    assert float(expression.subs("x", 30.0)) == pytest.approx(-9.81 * 0.5, rel=1e-12)
    found.save(tmp_path / "wave.json")
    again = load(tmp_path / "wave.json")
    assert again.library == found.library
    field = again.vector_field(0.0, jnp.array([30.0, 2.0]))
    np.testing.assert_allclose(field, [2.0, -9.81 * 0.5], rtol=1e-6)
    assert terms_term.parse(wave.name(("x", "v")), ("x", "v")) == wave


def test_a_notebook_shows_equations_and_cautions(oscillator, positions):
    shown = oscillator._repr_html_()
    assert shown.count("<math") == 2 and "<li>short</li>" in shown
    assert "<ul>" not in positions._repr_html_()
    risky = dataclasses.replace(positions, warnings=("a < b",))
    assert "<li>a &lt; b</li>" in risky._repr_html_()
    assert positions._repr_latex_() == (
        r"$\displaystyle \begin{aligned}"
        + positions.latex()[0].replace("=", "&=")
        + r"\end{aligned}$"
    )
    assert oscillator._repr_latex_().count(r" \\ ") == 1


def test_inputs_come_in_every_shape(positions):
    t = jnp.linspace(0.0, 3.0, 31)
    u = np.sin(np.asarray(t))
    expected = positions.simulate([1.0, 0.0], t, u[:, None])
    for inputs in (u, u.tolist(), [u], {"u": u}, u[:, None].tolist()):
        if isinstance(inputs, dict):
            pandas = pytest.importorskip("pandas")
            inputs = pandas.DataFrame(inputs)
        np.testing.assert_array_equal(positions.simulate([1.0, 0.0], t, inputs), expected)
    for wrong in (u[:30], np.stack([u, u], 1), [u, u]):
        with pytest.raises(ValueError, match=r"inputs must be \[31, 1\]"):
            positions.simulate([1.0, 0.0], t, wrong)
    y = jnp.array([1.0, 0.5])
    expected = positions.vector_field(0.0, y, lambda t: jnp.array([0.3]))
    for inputs in (0.3, [0.3], jnp.array([0.3]), lambda t: 0.3):
        np.testing.assert_array_equal(positions.vector_field(0.0, y, inputs), expected)
    with pytest.raises(ValueError, match=r"inputs must be \[1\], not \[2\]"):
        positions.vector_field(0.0, y, [0.3, 0.4])
