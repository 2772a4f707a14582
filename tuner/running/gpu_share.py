"""How fast trials train that share a GPU, found out by training.

`resources: {gpu: auto}`: the preset trains in 1, 2, 4, 8 and 16 processes for a few seconds each,
as far as cores and the card's memory allow; the best total wins, of nearly equal ones the one with
fewer trials, as these learn more from each other.

`tuner check`: points of the space train side by side, as many as the share says.
"""

import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from models.errors import UserError
from models.training.contracts import ModelCost
from tuner.running.mps import mps_daemon
from tuner.running.side_by_side import Job, SideBySide, TrainersLost
from tuner.search.compared_rows import compared_rows
from tuner.search.machine import Machine, this_machine
from tuner.search.pace import Pace
from tuner.search.search import Search

COUNTS = (1, 2, 4, 8, 16)
SECONDS = 4.0
"""Of each number of processes."""
_SECONDS_OF_CHECK = 8.0
"""Of all points of the space, one after another."""
_NUM_BATCHES = 32
"""Of an epoch: a part of the data that has seen every length of batch soon."""
_NUM_BATCHES_OF_CHECK = 128
"""More, as what an epoch takes beside its batches counts."""
_TIE = 0.97
"""Totals above this share of the best one count as equal to it."""


@dataclass(frozen=True, kw_only=True)
class GpuShare:
    """What was measured.

    Attributes:
        rows_per_s: of all trials together, by their number.
        limits: what kept larger numbers from being tried, in words; "" for nothing.
    """

    rows_per_s: dict[int, float]
    limits: str = ""

    @property
    def num_trials(self) -> int:
        """How many trials share a GPU best."""
        enough = _TIE * max(self.rows_per_s.values())
        return min(count for count, speed in self.rows_per_s.items() if speed >= enough)

    @property
    def share(self) -> float:
        """What one trial takes of a GPU."""
        return 1 / self.num_trials

    @property
    def words(self) -> str:
        """What was measured and chosen, for people."""
        each = [f"{count}: {speed:,.0f}" for count, speed in self.rows_per_s.items()]
        limits = f" ({self.limits})" if self.limits else ""
        return (
            f"resources.gpu: auto measured rows/s of all trials on a GPU together, by their "
            f"number: {', '.join(each)}{limits}; taken: {self.num_trials}, gpu: {self.share:g}"
        )


def with_gpu_share(
    search: Search,
    dataset: Any,
    largest: ModelCost | None,
    *,
    say: Callable[[str], None],
    machine: Machine | None = None,
) -> tuple[Search, GpuShare]:
    """Return a search whose share of a GPU is measured, and what was.

    Args:
        search: one that leaves its share open.
        dataset: its data.
        largest: the largest model of the space; None takes the preset for it.
        say: takes a line for people.
        machine: this machine, unless another is given.

    Raises:
        UserError: here is no GPU, or the preset does not train on one.
    """
    machine = machine or this_machine()
    if machine.gpu == 0:
        raise UserError(
            "resources.gpu is auto, which measures how many trials share a GPU best, and this "
            "machine has 0 GPUs: take 0, or a machine that has some"
        )
    cores = int(machine.cpu / machine.gpu / search.resources.cpu) if search.resources.cpu else 16
    preset = search.spec.describe_cost(search.base_config, dataset)
    ratio = memory_ratio(preset, largest or preset)
    job = job_of(search, [search.base_config], dataset, "cuda", _NUM_BATCHES)
    with trainers(job, say) as running:
        found = measured_share(running, cores=max(1, cores), cost_ratio=ratio)
    say(found.words)
    resources = replace(search.resources, gpu=found.share)
    return replace(search, resources=resources, gpu_is_auto=False), found


def loaded_and_shared(
    search: Search,
    load: AbstractContextManager[Callable[[Callable[[], None]], tuple[Any, Any]]],
    say: Callable[[str], None],
) -> tuple[Search, GpuShare, Any]:
    """Return a search whose share of a GPU is measured, what was, and the data that were loaded.

    Args:
        search: one that leaves its share open.
        load: of `loading_beside`; gives the data, and the smallest and largest model or None.
        say: takes a line for people.

    Raises:
        UserError: see `with_gpu_share`.
    """
    with load as wait:
        dataset, sizes = wait(lambda: None)
    largest = None if sizes is None else sizes[1]
    return *with_gpu_share(search, dataset, largest, say=say), dataset


def measured_share(
    running: SideBySide, *, cores: int, cost_ratio: float, counts: Sequence[int] = COUNTS
) -> GpuShare:
    """Measure numbers of trials as far as they fit.

    Args:
        running: trains.
        cores: how many trials the cores of a GPU's share allow.
        cost_ratio: how many times the preset's memory the largest model of the space takes.
        counts: rising, 1 first.

    Raises:
        UserError: not even one trial trains.
    """
    speeds: dict[int, float] = {}
    for count in counts:
        if count > cores:
            return GpuShare(rows_per_s=speeds, limits=f"more than {cores} have no core each")
        try:
            if (
                count > 1
                and (fit := int(running.total_mb / (running.peak_mb * cost_ratio))) < count
            ):
                limits = (
                    f"the largest model takes about {running.peak_mb * cost_ratio:,.0f} MB of a "
                    f"card's {running.total_mb:,.0f}, so that {fit} fit"
                )
                return GpuShare(rows_per_s=speeds, limits=limits)
            speeds[count] = running.rows_per_s(count)
        except TrainersLost as error:
            if not speeds:
                raise UserError(
                    f"resources.gpu is auto, and the preset does not train here ({error}): "
                    "give a share, as 0.25, or mend that"
                ) from error
            return GpuShare(rows_per_s=speeds, limits=f"{count} did not train: {error}")
    return GpuShare(rows_per_s=speeds)


def shared_pace(
    search: Search,
    configs: Sequence[Any],
    dataset: Any,
    num_on_card: int,
    *,
    say: Callable[[str], None],
    device: str = "cuda",
) -> Pace:
    """Return how fast a search's trials train beside the others of their card, and one alone.

    They train as many at a time as will run on a card.

    Args:
        search: the search.
        configs: settings of trials that it may draw.
        dataset: its data.
        num_on_card: how many trials run on a card.
        say: takes a line for people.
        device: where to train.

    Raises:
        UserError: they do not train.
    """
    epochs_s, begins = [], []
    firsts = range(0, len(configs), num_on_card)
    job = job_of(search, configs, dataset, device, _NUM_BATCHES_OF_CHECK)
    try:
        with trainers(job, say, _SECONDS_OF_CHECK / len(firsts)) as running:
            for first in firsts:
                begins += running.trial_s(num_on_card, first)
                epochs_s += running.epochs_s(num_on_card)
            # the first process still has the settings of the first of the last group
            alone = running.epochs_s(1)[0] / epochs_s[-num_on_card] if num_on_card > 1 else 1.0
    except TrainersLost as error:
        raise UserError(
            f"{num_on_card} trials do not train side by side on a card ({error}): raise "
            "resources.gpu, or leave the measurement out with --no_measure"
        ) from error
    return Pace(epochs_s=epochs_s, trial_s=sum(begins) / len(begins), alone=min(alone, 1.0))


def job_of(
    search: Search, configs: Sequence[Any], dataset: Any, device: str, num_batches: int
) -> Job:
    """Return what processes train for a search."""
    return Job(
        model=search.model,
        configs=configs,
        dataset=compared_rows(dataset, search.scheduler.val_rows),
        device=device,
        cores=search.resources.cpu,
        num_batches=num_batches,
    )


@contextmanager
def trainers(
    job: Job, say: Callable[[str], None], seconds: float = SECONDS
) -> Iterator[SideBySide]:
    """Give what trains in processes side by side; they end with the block."""
    with tempfile.TemporaryDirectory(prefix="tuner-share-") as name:
        folder = Path(name)
        daemon = mps_daemon(folder / "mps", say) if job.device == "cuda" else nullcontext()
        with daemon, SideBySide(folder, job, seconds=seconds) as running:
            yield running


def refuse_auto_elsewhere(search: Search, address: str | None) -> None:
    """Refuse to leave the share of a GPU open where other machines than this one train.

    Raises:
        UserError: it is left open, and an address is given.
    """
    if search.gpu_is_auto and address is not None:
        raise UserError(
            "resources.gpu is auto, which measures the GPUs of this machine, and the search is to "
            "run on a cluster: give a share, as 0.125; `tuner check` on a machine with such a GPU "
            "says which is best"
        )


def memory_ratio(preset: ModelCost, largest: ModelCost) -> float:
    """Return how many times the preset's memory the largest model takes, by the model's words."""
    return max(1.0, largest.memory_mb / preset.memory_mb) if preset.memory_mb else 1.0
