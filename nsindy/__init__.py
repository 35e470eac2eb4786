"""Neural SINDy: the equation behind a time series, from a library of grokked operations."""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from nsindy.circuits.learn import learn_operation
    from nsindy.discovery.pipeline import discover
    from nsindy.recording.merge import merge
    from nsindy.result.discovery import Discovery, load
    from nsindy.terms.own import operation

__all__ = ["Discovery", "discover", "learn_operation", "load", "merge", "operation"]

_HOMES = {
    "Discovery": "nsindy.result.discovery",
    "discover": "nsindy.discovery.pipeline",
    "learn_operation": "nsindy.circuits.learn",
    "load": "nsindy.result.discovery",
    "merge": "nsindy.recording.merge",
    "operation": "nsindy.terms.own",
}


def __getattr__(name: str) -> Any:
    # Imported on first use, so that `nsindy --help` does not wait for JAX.
    if name not in _HOMES:
        raise AttributeError(f"module 'nsindy' has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES[name]), name)
