"""Imports ahead of their use, and Ray Tune without the libraries that a search never asks it for.

Ray Tune imports Ray's data sets and pandas, a fifth of all modules that a worker of a search
imports: for data sets that are trained on, which ours are not, and for tables of results, which
the run's record gives. Here both stand for themselves until somebody asks for something in them,
and are imported then.
"""

import contextlib
import importlib
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

LEFT_OUT = ("ray.data", "pandas")
"""What is imported only when it is used."""
OF_RAY_TUNE = ("pyarrow.fs", "fsspec", "requests", "jsonschema")
"""What Ray and its Tune import of others, the slowest first."""


def import_quietly(modules: Iterable[str]) -> None:
    """Import modules ahead of their use; whoever needs one that fails says what is wrong."""
    for name in modules:
        with contextlib.suppress(Exception):
            importlib.import_module(name)


def import_lean(modules: Iterable[str]) -> None:
    """Import modules quietly, and Ray Tune before them without what it seldom needs."""
    import_quietly(["ray"])
    with left_out(LEFT_OUT):
        import_quietly(["ray.tune"])
    import_quietly(modules)


@contextmanager
def left_out(names: Iterable[str]) -> Iterator[None]:
    """Let what is imported in the block find these modules empty, if they are not imported yet.

    Whoever keeps one of them gets the true one with the first thing that is asked for later.
    """
    stand_ins = [_StandIn(name) for name in names if name not in sys.modules]
    sys.modules.update({one.__name__: one for one in stand_ins})
    try:
        yield
    finally:
        for one in stand_ins:
            one.is_asked = True
            if sys.modules.get(one.__name__) is one:
                del sys.modules[one.__name__]


class _StandIn(ModuleType):
    """Stands for a module that is imported later; its names are empty classes until then."""

    is_asked = False

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.__spec__ = ModuleSpec(name, None, is_package=True)
        self.__path__ = []

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(f"module {self.__name__!r} has no attribute {name!r}")
        if not self.is_asked:  # in an annotation
            return type(name, (), {})
        return getattr(importlib.import_module(self.__name__), name)
