"""The names of a system's package, each imported when it is asked for.

So the daemon does without the tools, and they without its server.
"""

import importlib
from collections.abc import Callable
from typing import Any


def imported_when_asked(package: str, **modules: str) -> Callable[[str], Any]:
    """The `__getattr__` of a package: its names, and for each the module of the package that defines it."""

    def find(name: str) -> Any:
        """The object of that name, imported on first use. Raises AttributeError."""
        if name not in modules:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        return getattr(importlib.import_module(f"{package}.{modules[name]}"), name)

    return find
