"""A search's data, and what is reckoned with them before the first trial.

What a model takes of memory and disk is known from its network, so reckoning imports torch: a
second of a core, just when Ray starts. So it is left to the process that has torch for the workers,
where there is one.
"""

from collections.abc import Callable
from concurrent.futures import Future
from contextlib import AbstractContextManager
from functools import partial
from typing import Any, Protocol

from models.registry import MODELS
from models.training.contracts import ModelSpec, ProgressCallback
from tuner.running.data_loading import Waits, loading_beside
from tuner.running.local_ray import RaySession
from tuner.running.start_steps import DATA, IMPORTS, StartSteps
from tuner.search.loading import load_data
from tuner.search.search import Search


class Wanted(Protocol):
    """What is wanted of the data; see `RunOptions`."""

    @property
    def dataset(self) -> Any:
        """The data, where they are loaded already."""

    @property
    def progress(self) -> ProgressCallback:
        """Told how far loading is."""
        ...

    @property
    def check_data(self) -> Callable[[Any], None] | None:
        """Raises UserError for data that are not to be trained on."""

    @property
    def model_sizes(self) -> Callable[[Search, Any], Any]:
        """Takes the search and its data, and reckons."""
        ...


def loading_search_data(
    search: Search, wanted: Wanted, ray_there: Future[RaySession] | None, steps: StartSteps
) -> AbstractContextManager[Waits]:
    """Load the data of a search beside the block, which waits for them and what is reckoned.

    Args:
        search: the search.
        wanted: of the data.
        ray_there: gives the Ray of this machine; None where Ray runs elsewhere.
        steps: told when the data are there, and what workers import.
    """
    load = partial(_load, search, wanted.dataset)
    reckon = partial(_reckon, search, search.spec, wanted.check_data, wanted.model_sizes)
    if ray_there is None:
        return loading_beside(partial(_load_and_reckon, load, reckon), wanted.progress)
    return loading_beside(load, wanted.progress, partial(_reckon_beside, ray_there, reckon, steps))


def _reckon(
    search: Search,
    spec: ModelSpec,
    check_data: Callable[[Any], None] | None,
    model_sizes: Callable[[Search, Any], Any],
    dataset: Any,
) -> Any:
    MODELS.setdefault(spec.name, spec)  # the driver may know a model that other processes do not
    if check_data is not None:
        check_data(dataset)
    return model_sizes(search, dataset)


def _load(search: Search, dataset: Any, progress: ProgressCallback) -> Any:
    return load_data(search, progress) if dataset is None else dataset


def _load_and_reckon(
    load: Callable[[ProgressCallback], Any],
    reckon: Callable[[Any], Any],
    progress: ProgressCallback,
) -> tuple[Any, Any]:
    dataset = load(progress)
    return dataset, reckon(dataset)


def _reckon_beside(
    ray_there: Future[RaySession], reckon: Callable[[Any], Any], steps: StartSteps, dataset: Any
) -> tuple[Any, Any]:
    steps.reach(DATA)
    reckoned = ray_there.result().call(partial(reckon, dataset))
    steps.reach(IMPORTS)
    return dataset, reckoned
