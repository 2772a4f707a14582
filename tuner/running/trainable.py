"""One trial, as Ray runs it in a worker process: train, report every epoch, keep checkpoints.

What goes wrong inside a trial is a result of the trial: it is caught and reported with its cause.
A failure that Ray sees is therefore a lost worker, and the trial goes on from its last checkpoint.
"""

import dataclasses
import gc
import importlib
import json
import math
from collections.abc import Callable, Collection, Mapping
from contextlib import nullcontext, suppress
from pathlib import Path
from typing import Any

from ray import tune

from models.config_file import to_config
from models.errors import unknown_name
from models.training.contracts import PARAMS as SIZE
from models.training.contracts import Task
from models.training.loop import EpochReport, fit, fit_settings
from tuner.record.outcomes import (
    BUILT,
    CHECKPOINT,
    EPOCH,
    FINISHED,
    MESSAGE,
    METRICS,
    UNREAD,
    Cause,
)
from tuner.running.applied import Watch
from tuner.running.checkpoint_writer import CheckpointWriter
from tuner.running.mps import CUDA_CONTEXT_BYTES
from tuner.running.trial_config import NUMBER, PARAMS, REACHED, TRIAL, TrialPlan
from tuner.running.trial_failure import ObjectiveNotFinite, failure_result
from tuner.search.compared_rows import ALL_ROWS, compared_rows


def train_trial(config: dict[str, Any], plan: TrialPlan, dataset: Any) -> None:
    """Train one trial; Ray calls this in a worker, for one trial after another.

    Where memory runs out it goes on from its last checkpoint in half micro-batches, once, if the
    model can: the settings hold, since two of them make the step of one batch.
    """
    _free_memory()
    with CheckpointWriter(plan.checkpoints / config[TRIAL]) as writer:
        reporter = EpochReporter(plan, writer, tune.report, reached=config[REACHED])
        for micro_batches in (1, 2):
            try:
                _train(config, plan, dataset, reporter, micro_batches)
                return
            except Exception as error:  # noqa: BLE001  (whatever a model raises is its failure)
                failure = failure_result(error, plan.objectives)
            if failure[FINISHED] != Cause.OOM or not plan.spec.splits_batches:
                break
            # The traceback, which kept alive all that had filled the memory, is gone with `error`.
            gc.collect()
            _free_memory()
            reporter.note = "trained in half micro-batches after running out of memory"
            failure[MESSAGE] += "; so it did in half micro-batches"
    tune.report(failure)


def warm_up(plan: TrialPlan) -> None:
    """Do once in a worker what would hold up its first trial: imports, and the start of its device.

    What fails here is left to the trials, which say so.
    """
    with suppress(Exception):
        import torch

        importlib.import_module(f"{plan.spec.home}.task")
        square = torch.ones(8, 8, device=_take_share())
        torch.mm(square, square)  # starts cuBLAS


class EpochReporter:
    """Hands every epoch to Ray, and its checkpoint to the writer.

    Args:
        plan: what all trials share.
        writer: of the trial's checkpoints.
        report: takes the result.
        reached: the last epoch on record, 0 for none.

    Attributes:
        note: what is said of the trial in every result from now on.
        watch: of the settings that the model was built from; None where nobody asks.
        drawn: the keys that were drawn for the trial.
    """

    def __init__(
        self,
        plan: TrialPlan,
        writer: CheckpointWriter,
        report: Callable[[dict[str, Any]], None],
        reached: int = 0,
    ) -> None:
        self._plan = plan
        self._writer = writer
        self._report = report
        self._reached = reached
        self._last_epoch = 0
        self._is_built_told = False
        self.note: str | None = None
        self.watch: Watch | None = None
        self.drawn: Collection[str] = ()

    def __call__(self, epoch: EpochReport) -> None:
        """Report one epoch.

        Raises:
            ObjectiveNotFinite: the objective has no finite value.
            UserError: the model does not report the objective, or a checkpoint cannot be written.
        """
        if epoch.epoch <= self._last_epoch:
            return  # the trial went back to a checkpoint
        values = self._objective_values(epoch)
        self._last_epoch = epoch.epoch
        with self.watch.paused() if self.watch else nullcontext():
            payload = epoch.payload()
        checkpoint = self._writer.save(epoch.epoch, payload)
        if epoch.finished:
            self._writer.finish()
        result: dict[str, Any] = {
            **values,
            EPOCH: epoch.epoch,
            CHECKPOINT: checkpoint,
            FINISHED: epoch.finished,
            # As text: Ray would keep five statistics of every number, and save them all the time.
            METRICS: json.dumps(epoch.metrics),
            # Ray asks a trial that is done for nothing more, so it cannot be lost after its end.
            "done": epoch.finished is not None,
            **({MESSAGE: self.note} if self.note else {}),
            **self._applied(payload, is_last=epoch.finished is not None),
        }
        self._report(result)

    def last_checkpoint(self) -> Path | None:
        """Return the checkpoint to go on from, None for none.

        Raises:
            UserError: the run's folder is not on this machine.
        """
        return self._writer.newest(self._last_epoch or self._reached)

    def _applied(self, payload: Mapping[str, Any], *, is_last: bool) -> dict[str, str]:
        """Return what the model was built from, and in the end what it never looked at."""
        told: dict[str, str] = {}
        if not self._is_built_told and "config" in payload:
            told[BUILT] = json.dumps(payload["config"])
            self._is_built_told = True
        if is_last and self.watch is not None:
            told[UNREAD] = json.dumps(self.watch.unread(self.drawn, self._plan.spec.applies))
        return told

    def _objective_values(self, epoch: EpochReport) -> dict[str, float]:
        values = {}
        for metric in self._plan.objectives:
            if metric not in epoch.metrics:
                raise unknown_name("objective", metric, epoch.metrics)
            values[metric] = epoch.metrics[metric]
            if not math.isfinite(values[metric]):
                raise ObjectiveNotFinite(
                    f"{metric} is {values[metric]} at epoch {epoch.epoch}: trials cannot be "
                    "compared by it"
                )
        return values


def _train(
    config: Mapping[str, Any],
    plan: TrialPlan,
    dataset: Any,
    reporter: EpochReporter,
    micro_batches: int,
) -> None:
    settings = to_config(
        plan.spec.config_type,
        {**plan.settings, **config[PARAMS]},
        f"trial {config[NUMBER]}",
    )
    watch = reporter.watch = Watch(settings)
    reporter.drawn = tuple(config[PARAMS])
    parts = {"micro_batches": micro_batches} if micro_batches > 1 else {}
    compared = compared_rows(dataset, plan.val_rows)
    task = plan.spec.build_task(watch.settings, compared, _take_share(), **parts)
    resume_from = reporter.last_checkpoint()
    size = _size(plan, settings, dataset)

    def on_epoch(epoch: EpochReport) -> None:
        epoch = dataclasses.replace(epoch, metrics=epoch.metrics | size)
        if epoch.finished and compared is not dataset:
            epoch = _judged_on_all(epoch, task, dataset)
        reporter(epoch)

    fit(task, fit_settings(plan.spec, watch.settings), on_epoch, resume_from=resume_from)


def _size(plan: TrialPlan, settings: Any, dataset: Any) -> dict[str, float]:
    """Return the size of a trial's network as a metric, where it is an objective."""
    if SIZE.name not in plan.objectives:
        return {}
    return {SIZE.name: float(plan.spec.describe_cost(settings, dataset).num_parameters)}


def _judged_on_all(epoch: EpochReport, task: Task, dataset: Any) -> EpochReport:
    """Return the last report of a trial with metrics of all validation rows, too."""
    found = task.evaluate_on(dataset.val)
    of_all = {f"{ALL_ROWS}{name}": value for name, value in found.items()}
    return dataclasses.replace(epoch, metrics=epoch.metrics | of_all)


def _take_share() -> str:
    """Keep this process to the trial's cores and share of a GPU; return the trial's device."""
    import torch

    resources = tune.get_context().get_trial_resources().required_resources
    torch.set_num_threads(max(1, int(resources.get("CPU", 1))))
    _keep_to_gpu_share(resources.get("GPU", 0))
    return "cuda" if resources.get("GPU") else "cpu"


def _keep_to_gpu_share(share: float) -> None:
    """Let a trial that wants more than its share of a GPU's memory fail alone."""
    import torch

    if 0 < share < 1 and torch.cuda.is_available():
        total = torch.cuda.get_device_properties(0).total_memory
        rest = share - CUDA_CONTEXT_BYTES / total  # torch counts its own tensors only
        torch.cuda.set_per_process_memory_fraction(max(rest, share / 2))


def _free_memory() -> None:
    """Give back the GPU memory of the trial before, which held it until its thread was gone."""
    import torch

    if torch.cuda.is_initialized():  # collecting takes 0.2 s
        gc.collect()
        torch.cuda.empty_cache()
