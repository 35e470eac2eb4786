"""A discovery as one JSON file of numbers, names and networks, nothing of which is executed."""

import json
import math
import os
from pathlib import Path
from typing import Any

import numpy as np

from nsindy.runtime import files
from nsindy.terms.numbered import inner_numbers
from nsindy.terms.numbered_operations import Numbered, WithNumber
from nsindy.terms.numbered_table import NUMBERED, get_numbered
from nsindy.terms.operations import PRIMITIVES, get
from nsindy.terms.own import read_operation
from nsindy.terms.primitive import Primitive, StepAt, Times
from nsindy.terms.term import Term, by_depth

__all__ = ["read_discovery", "write_discovery"]

FORMAT = "nsindy discovery 1"
"""Value of `format`, the first entry of every file."""

LARGEST = 64 * 2**20
"""Most bytes that a file may have."""

DEEPEST = 20
"""Most levels of operations in a term of a file."""


def write_discovery(path: str | os.PathLike, content: dict[str, Any]) -> None:
    """Write the fields of a Discovery, whole or not at all.

    Args:
      path: the file to write.
      content: the fields by name; `library` holds Terms.

    Raises:
      ValueError: a term has an operation that neither ships with the package nor was written or
        learned, or the shapes of the fields are inconsistent.
    """
    nodes = [term for level in by_depth(content["library"]) for term in level]
    learned, written = {}, {}
    for primitive in {node.primitive for node in nodes}:
        row = PRIMITIVES.get(primitive.name)
        own = primitive.function
        if isinstance(own, StepAt | Times):
            continue
        if isinstance(own, WithNumber) and NUMBERED.get(own.operation.name) == own.operation:
            continue
        if isinstance(own, WithNumber) and own.operation.text:
            written[own.operation.name] = own.operation.text
            continue
        if row is None or row.function is not primitive.function:
            learned[primitive.name] = _learned(primitive)
    library = [_nested(term) for term in content["library"]]
    packed = {
        "format": FORMAT,
        **content,
        "library": library,
        "learned": learned,
        "written": written,
    }
    # A file that could not be read again is not written.
    _fields(files.to_json(packed))
    files.write_json(path, packed)


def _learned(primitive: Primitive) -> dict[str, Any]:
    from nsindy.circuits import stacks

    if not isinstance(primitive.function, stacks.Circuit) or primitive.name in PRIMITIVES:
        raise ValueError(
            f"the operation {primitive.name} neither ships with the package nor was written or "
            f"learned, so it cannot be saved; write it, nsindy.operation('uptake = x / (K + x)'), "
            f"or learn it with nsindy.learn_operation, under a name of its own"
        )
    return stacks.operation_to_json(primitive)


def read_discovery(path: str | os.PathLike) -> dict[str, Any]:
    """Read and check the fields of a Discovery.

    Returns:
      the fields by name: arrays are read-only NumPy float64, `held_out` a dictionary of such.

    Raises:
      ValueError: the file cannot be read, is not a discovery, or is damaged.
    """
    path = Path(path)
    try:
        if not path.is_file():
            raise ValueError("there is no such file")
        if path.stat().st_size > LARGEST:
            raise ValueError(f"it is larger than {LARGEST // 2**20} MiB")
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise ValueError(f"cannot read the discovery {path}: {error}") from error
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        raise ValueError(f"{path} is not a discovery: its format is not {FORMAT!r}")
    try:
        return _fields(content)
    except KeyError as error:
        raise ValueError(f"the discovery {path} is damaged: it lacks {error}") from error
    except (AttributeError, IndexError, OverflowError, TypeError, ValueError) as error:
        raise ValueError(f"the discovery {path} is damaged: {error}") from error


def _fields(content: dict[str, Any]) -> dict[str, Any]:
    states, inputs = _texts(content["states"], "states"), _texts(content["inputs"], "inputs")
    names, count = states + inputs, len(states)
    if not states or len({*names}) < len(names) or not all(n and n.isprintable() for n in names):
        raise ValueError("states and inputs need different names, in printable letters")
    for name, kind in (("learned", dict), ("held_out", dict), ("library", list)):
        if not isinstance(content[name], kind):
            raise ValueError(f"{name} must be a {kind.__name__}")
    order = _order(content["order"], states)
    # Files that know of no maps are not of one.
    if type(is_map := content.get("map", False)) is not bool or (is_map and order == 2):
        raise ValueError(f"map is {is_map!r} with order {order}; it must be true or false")
    operations = {**_operations(content["learned"]), **PRIMITIVES}
    # Files of before this field lack it.
    own = _own(content.get("written", {}))
    time = content.get("time", "")
    if not isinstance(time, str) or time in names or not (time.isprintable() or not time):
        raise ValueError(f"the name of the time, {ascii(time)[:40]}, must be a name of its own")
    bound = len(names) + bool(time)
    library = tuple(_term(nested, operations, own, bound) for nested in content["library"])
    kinds = _texts(content["noise_kind"], "noise_kind")
    if len(kinds) != count or not {*kinds} <= {"constant", "proportional"}:
        raise ValueError("noise_kind must be constant or proportional for each state")
    initial = _array(content["initial"], "initial", (None, count))
    # Files of before this field lack it.
    hidden = _texts(content.get("hidden", []), "hidden")
    last = states[count - len(hidden) :]
    if hidden and (order == 2 or is_map or len(hidden) >= count or last != hidden):
        raise ValueError(f"hidden states {', '.join(hidden)} must be the last of several states")
    measured = count // order - len(hidden)
    fields = _arrays(content, count, measured, library, initial)
    verdict = content.get("verdict", "equation")
    if verdict not in ("equation", "approximation", "none"):
        raise ValueError(f"verdict {verdict!r} is not equation, approximation or none")
    fields |= _known(content.get("known"), (count, len(library)))
    if not np.all(np.isfinite(fields["coefficients"])):
        raise ValueError("a coefficient is not finite")
    static: dict[str, Any] = {
        "library": library,
        "states": states,
        "inputs": inputs,
        **_actions(content, len(inputs)),
        "order": order,
        "map": is_map,
        "time": time,
        "noise_kind": kinds,
        "verdict": verdict,
        "hidden": hidden,
    }
    texts = ("equivalent_models", "runner_up", "collinear", "warnings")
    words = {name: _texts(content[name], name) for name in texts}
    # Files of before this field lack it.
    words["notes"] = _texts(content.get("notes", []), "notes")
    laws = [_law(law, measured) for law in content.get("laws", [])]
    return {**fields, **static, "laws": laws, **words}


def _order(order: Any, states: tuple[str, ...]) -> int:
    """1, or 2 of states of which the second half are the velocities of the first."""
    half = states[: len(states) // 2]
    if (
        type(order) is not int
        or order not in (1, 2)
        or (order == 2 and states != (*half, *(f"{name}'" for name in half)))
    ):
        raise ValueError(f"order {order!r} does not fit the states {', '.join(states)}")
    return order


def _arrays(
    content: dict[str, Any],
    count: int,
    measured: int,
    library: tuple[Term, ...],
    initial: np.ndarray,
) -> dict[str, Any]:
    """The numbers of D states, some of them measured, and M terms."""
    held_out, square = content["held_out"], (count, len(library))
    fields: dict[str, Any] = {
        "coefficients": _array(content["coefficients"], "coefficients", square),
        "standard_errors": _array(content["standard_errors"], "standard_errors", square),
        "inclusion_probabilities": _array(
            content["inclusion_probabilities"], "inclusion_probabilities", square
        ),
        "noise": _array(content["noise"], "noise", (count,)),
        "score": _array(content["score"], "score", ()),
        "initial": initial,
        "held_out": {
            "coefficients": _array(held_out["coefficients"], "held_out.coefficients", square),
            "initial": _array(held_out["initial"], "held_out.initial", initial.shape),
            "rmse": _array(held_out["rmse"], "held_out.rmse", (measured,)),
            "r2": _array(held_out["r2"], "held_out.r2", (measured,)),
        },
    }
    sizes = dict.fromkeys(("slow_error", "slow_memory"), (count,))
    sizes |= dict.fromkeys(("simulation_r2", "sensor_lag"), (measured,))
    for name, shape in sizes.items():
        if content.get(name) is not None:
            fields[name] = _array(content[name], name, shape)
    if content.get("number_errors") is not None:
        used = (np.asarray(fields["coefficients"]) != 0).any(0)
        shape = (sum(len(inner.numbers) for inner in inner_numbers(library, used)),)
        fields["number_errors"] = _array(content["number_errors"], "number_errors", shape)
    return fields


def _known(known: Any, square: tuple[int, int]) -> dict[str, np.ndarray]:
    """Which coefficients were given; nothing in files of before this field."""
    if known is None:
        return {}
    if np.shape(known) != square or not {*np.ravel(known).tolist()} <= {True, False}:
        raise ValueError("known must be true or false for every coefficient")
    return {"known": np.array(known, bool)}


def _actions(content: dict[str, Any], inputs: int) -> dict[str, Any]:
    """How the inputs act; files of the first version lack it, and hold nothing."""
    held = content.get("held", [])
    if not isinstance(held, list) or not all(type(keeps) is bool for keeps in held):
        raise ValueError("held must be a list of true and false")
    if held and len(held) != inputs:
        raise ValueError(f"held has {len(held)} values for {inputs} inputs")
    delay = content.get("delay", 0.0)
    if type(delay) not in (int, float) or not (0 <= delay < 1 or delay == -1):
        raise ValueError("delay must be at least 0 and less than 1, or -1")
    return {"held": tuple(held), "delay": float(delay)}


def _law(law: dict[str, Any], measured: int) -> dict[str, Any]:
    """The fields of one law; a null is a number that is not finite."""
    if not isinstance(law["text"], str):
        raise ValueError("the text of a law must be a text")
    names, (below,) = _texts(law["names"], "laws.names"), (-math.inf,)
    shapes = {"values": len(names), "errors": len(names), "r2": measured, "held_out": measured}
    numbers = {name: _array(law[name], f"laws.{name}", (size,)) for name, size in shapes.items()}
    for name in ("r2", "held_out"):
        numbers[name] = np.nan_to_num(numbers[name], nan=below, neginf=below)
    nats = float(np.nan_to_num(_array(law["nats"], "laws.nats", ()), nan=below))
    price = float(_array(law["price"], "laws.price", ()))
    packed = {name: tuple(map(float, each)) for name, each in numbers.items()}
    return {"text": law["text"], "names": names, **packed, "nats": nats, "price": price}


def _operations(learned: dict[str, Any]) -> dict[str, Primitive]:
    if not learned:
        return {}
    from nsindy.circuits import stacks

    primitives = [stacks.from_json(entry) for entry in learned.values()]
    return {primitive.name: primitive for primitive in primitives}


def _own(written: Any) -> dict[str, Numbered]:
    """Operations with a number, from their texts, which are read and not evaluated."""
    if not isinstance(written, dict) or not all(isinstance(t, str) for t in written.values()):
        raise ValueError("written must be texts by the names of their operations")
    found = {name: read_operation(text) for name, text in written.items()}
    for name, each in found.items():
        if each.name != name:
            raise ValueError(f"the operation {ascii(name)[:40]} is written as {each.name}")
    return found


def _array(value: Any, name: str, shape: tuple[int | None, ...]) -> np.ndarray:
    array = np.asarray(_numbers(value, name), float)
    # An empty axis of a list hides those behind it.
    if array.size == 0 and 0 in shape:
        array = array.reshape([0 if size is None else size for size in shape])
    fits = array.ndim == len(shape) and all(
        size is None or size == actual for size, actual in zip(shape, array.shape, strict=True)
    )
    if not fits:
        raise ValueError(f"{name} has the shape {list(array.shape)}, not {list(shape)}")
    array.setflags(write=False)
    return array


def _numbers(value: Any, name: str) -> Any:
    if isinstance(value, list):
        return [_numbers(item, name) for item in value]
    if value is None:
        return math.nan
    if isinstance(value, bool | str | dict):
        raise ValueError(f"{name} contains {str(value)[:40]!r} in place of a number")
    return value


def _texts(value: Any, name: str) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise ValueError(f"{name} must be a list of texts")
    return tuple(value)


def _nested(term: Term | int) -> Any:
    """A term as nested lists, `["mul", 0, ["sin", 1]]`: names of states may hold any character."""
    if not isinstance(term, Term):
        return int(term)
    return [term.primitive.name, *(_nested(argument) for argument in term.arguments)]


def _term(
    nested: Any,
    operations: dict[str, Primitive],
    own: dict[str, Numbered],
    variables: int,
    depth: int = 0,
) -> Term:
    shown = ascii(nested)[:60]
    if depth == DEEPEST:
        raise ValueError(f"a term is nested deeper than {DEEPEST} operations: … {shown}")
    if not isinstance(nested, list) or not nested or not isinstance(nested[0], str):
        raise ValueError(f"{shown} is not a term")
    try:
        operation = operations.get(nested[0])
        if operation is None:
            with_own = nested[0].partition("[")[0] in own
            operation = get_numbered(nested[0], own) if with_own else get(nested[0])
    except ValueError:
        raise ValueError(f"the term {shown} has an unknown operation") from None
    arguments: list[int | Term] = []
    for item in nested[1:]:
        if isinstance(item, list):
            arguments.append(_term(item, operations, own, variables, depth + 1))
        elif type(item) is int and 0 <= item < variables:
            arguments.append(item)
        else:
            raise ValueError(f"the term {shown} has an unknown state")
    return Term(operation, tuple(arguments))
