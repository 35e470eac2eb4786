"""Neural SINDy: the equation behind a time series, from a library of grokked operations."""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from nsindy.discovery import Discovery, load
    from nsindy.learn import learn_operation
    from nsindy.pipeline import discover

__all__ = ["Discovery", "discover", "learn_operation", "load"]

_HOMES = {
    "Discovery": "nsindy.discovery",
    "discover": "nsindy.pipeline",
    "learn_operation": "nsindy.learn",
    "load": "nsindy.discovery",
}


def __getattr__(name: str) -> Any:
    # Imported when first used, so that `nsindy --help` need not wait for JAX.
    if name not in _HOMES:
        raise AttributeError(f"module 'nsindy' has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES[name]), name)
