"""A hyperparameter search service for the models in `models`, on Ray Tune and Optuna.

    from tuner import results, search
    run = search("grammar_vae/quickstart", name="first")
    results("first").to_frame()

`tuner.search` is a package, too, so it is the package that is called: see `tuner/python.py`.
"""

from importlib import import_module
from types import ModuleType
from typing import Any


class _SearchPackage(ModuleType):
    """The package `tuner.search`, as a function that runs a search."""

    def __call__(self, *given: Any, **named: Any) -> Any:
        """Run a search: see `tuner.python.search`."""
        from tuner.python import search

        return search(*given, **named)


def results(run: str) -> Any:
    """Return what became of a run: see `tuner.python.results`."""
    from tuner.python import results

    return results(run)


import_module("tuner.search").__class__ = _SearchPackage
