"""The blocks of a search file, each a settings dataclass whose rules hold for itself."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal, TypeAlias, get_args

from pydantic import BeforeValidator, Field, FiniteFloat, PlainValidator

from models.errors import Mistake, UserError
from models.field_types import Positive, PositiveFloat
from models.training.wandb_names import check_project
from tuner.search.webhooks import check_webhook

_MOST_RUNGS = 100
_Count = Annotated[int, Field(gt=0, le=1_000_000)]

NotifyEvent: TypeAlias = Literal["start", "best", "failure", "end"]


@dataclass(frozen=True, kw_only=True)
class Objective:
    """What is optimised: a metric, as the model reports it, and whether more or less is better."""

    metric: str
    mode: Literal["max", "min"]


@dataclass(frozen=True, kw_only=True)
class RunStart:
    """Trials of an earlier run, the best `top` of them or all, to begin with."""

    run: str
    top: Positive | None = None


def _start(value: object) -> object:
    """Refuse what is no start at once, since each of its types would refuse it for itself."""
    is_run = isinstance(value, Mapping) and {"run"} <= value.keys() <= {"run", "top"}
    if isinstance(value, str) or is_run:
        return value
    raise UserError("give the name of a preset, or {run: NAME, top: 10} for trials of a run")


@dataclass(frozen=True, kw_only=True)
class SearcherConfig:
    """How points are drawn: `random` is Optuna's random sampler, by its short name.

    `tpe`, `gp` (a Gaussian process), `cmaes` and `nsga2` learn from results, `random` and `qmc`
    (quasi-random) do not, and `grid` takes all points, in the order of the file.
    """

    name: Literal["optuna", "random"] = "optuna"
    sampler: Literal["tpe", "gp", "cmaes", "nsga2", "random", "qmc", "grid"] = "tpe"
    """Without one a search takes tpe, and random under `pbt`, which learns by itself."""
    seed: Annotated[int, Field(ge=0, lt=2**32)] | None = None
    """None is one of the search's own: a search around a new preset then draws other points."""
    warm_start: tuple[Annotated[str | RunStart, BeforeValidator(_start)], ...] = ()
    """Presets whose values are tried first; `{run: NAME, top: 10}` takes trials of a run."""

    def __post_init__(self) -> None:
        if self.name == "random" and self.sampler != "random":
            raise UserError(
                f"sampler is {self.sampler}, which the random searcher does not use: "
                "remove it, or take name: optuna"
            )
        presets = [one for one in self.warm_start if isinstance(one, str)]
        if len(set(presets)) < len(presets):
            raise UserError(f"warm_start names a preset twice: {', '.join(presets)}")
        runs = [one.run for one in self.warm_start if isinstance(one, RunStart)]
        if len(set(runs)) < len(runs):
            raise UserError(f"warm_start names a run twice: {', '.join(runs)}")


AFTER_ANNEALING = "after_annealing"

SCHEDULER_KEYS = {
    "asha": ("grace_epochs", "reduction_factor"),
    "hyperband": ("grace_epochs", "reduction_factor"),
    "median": ("grace_epochs",),
    "pbt": ("interval_epochs", "population"),
    "fifo": (),
}
"""Which settings a scheduler has beside those of all."""


def _grace(value: object) -> object:
    if value == AFTER_ANNEALING or (type(value) is int and 1 <= value <= 1_000_000):
        return value
    raise UserError(f"give a number of epochs from 1 on, or {AFTER_ANNEALING}")


@dataclass(frozen=True, kw_only=True)
class SchedulerConfig:
    """How long trials train.

    `asha` stops those that fall behind at a rung (Li et al. 2020), `hyperband` does so in several
    brackets (Li et al. 2018), `median` stops those below the median of the others at the same epoch
    (Golovin et al. 2017), `pbt` lets the last of a population give up for offspring of the first
    (Jaderberg et al. 2017), `fifo` stops none.
    """

    name: Literal["asha", "hyperband", "median", "pbt", "fifo"] = "asha"
    """Without one a search takes asha, and fifo where trials have one epoch."""
    max_epochs: _Count
    """Epochs of a trial that is never stopped."""
    grace_epochs: Annotated[int | Literal["after_annealing"], PlainValidator(_grace)] = 1
    """Epochs that every trial gets: the first rung. `after_annealing` is the same for all: the
    first epoch after the longest annealing that the space allows."""
    reduction_factor: Annotated[float, Field(gt=1, le=1e6, allow_inf_nan=False)] = 3.0
    """Rungs lie this factor apart, and the best 1/factor of those at a rung go on."""
    interval_epochs: Positive = 5
    """Under `pbt`: from one comparison to the next; without it half of `max_epochs` up to 5."""
    population: Annotated[int, Field(ge=4)] = 8
    """Under `pbt`: how many trials train side by side."""
    trial_timeout: PositiveFloat | None = None
    """Seconds without a report after which a trial is ended; its first report takes longest."""
    val_rows: Positive | None = None
    """Compare trials by so many validation rows, the same in all of them; those that come to their
    end are judged on all rows then, too. None takes all rows after every epoch."""

    def __post_init__(self) -> None:
        if self.name == "pbt" and self.interval_epochs >= self.max_epochs:
            raise UserError(
                f"interval_epochs ({self.interval_epochs}) must be below max_epochs "
                f"({self.max_epochs}), or no trials are ever compared: lower it, or take name: fifo"
            )
        if "grace_epochs" not in SCHEDULER_KEYS[self.name] or self.grace_epochs == AFTER_ANNEALING:
            return
        if self.grace >= self.max_epochs:
            raise UserError(
                f"grace_epochs ({self.grace_epochs}) must be below max_epochs "
                f"({self.max_epochs}), or no trial is ever stopped: lower it, or take name: fifo"
            )
        ratio = self.max_epochs / self.grace
        if (
            "reduction_factor" in SCHEDULER_KEYS[self.name]
            and self.reduction_factor**_MOST_RUNGS < ratio
        ):
            least = math.ceil(ratio ** (1 / _MOST_RUNGS) * 100) / 100
            rule = f"trials would be compared at more than {_MOST_RUNGS} rungs"
            remedy = f"take {least} or more, as 3"
            key, value = "reduction_factor", self.reduction_factor
            raise UserError(Mistake(key=key, value=value, rule=rule, remedy=remedy))

    @property
    def grace(self) -> int:
        """The epochs that every trial gets, once the reader knows how long annealing takes."""
        assert self.grace_epochs != AFTER_ANNEALING, "the reader sets it"
        return self.grace_epochs

    @property
    def rungs(self) -> tuple[float, ...]:
        """The epochs at which trials are compared, rising; none where there are no rungs.

        A rung may lie between two epochs: a trial is judged at the next one.
        """
        if self.name == "pbt":
            marks = range(self.interval_epochs, self.max_epochs, self.interval_epochs)
            return tuple(map(float, marks))
        if "reduction_factor" not in SCHEDULER_KEYS[self.name]:
            return ()
        rungs = []
        rung = float(self.grace)
        while rung < self.max_epochs:
            rungs.append(rung)
            rung *= self.reduction_factor
        return tuple(rungs)

    @property
    def brackets(self) -> tuple[tuple[tuple[float, ...], float], ...]:
        """The rungs of trials that are compared with each other, and the share of all trials.

        Under hyperband the second bracket begins to stop at the second rung, and so on, and the
        last one stops none; the shares are those of the paper's table 1.
        """
        rungs = self.rungs
        if self.name == "pbt":  # what is stopped goes on as another trial
            return (((), 1.0),)
        if self.name != "hyperband":
            return ((rungs, 1.0),)
        num = len(rungs) + 1
        sizes = [
            math.ceil(num / (num - first) * self.reduction_factor ** (num - 1 - first))
            for first in range(num)
        ]
        return tuple((rungs[first:], size / sum(sizes)) for first, size in enumerate(sizes))


@dataclass(frozen=True, kw_only=True)
class Budget:
    """When the search ends: by whichever is first."""

    num_trials: Annotated[int, Field(gt=0, le=100_000)]
    hours: PositiveFloat | None = None
    """Of the clock, pauses between drivers left out."""
    gpu_hours: PositiveFloat | None = None
    """Hours of running trials times their share of a GPU."""
    no_improvement: Positive | None = None
    """So many trials that end one after another without a better value in any trial."""
    target: FiniteFloat | None = None
    """A value of the objective that is enough."""


AUTO = "auto"


@dataclass(frozen=True, kw_only=True)
class Resources:
    """What one trial takes of a machine; a fraction of a GPU is shared.

    Where a search file says `gpu: auto`, the search leaves the share open until it is measured.
    """

    cpu: Annotated[float, Field(ge=0, le=10_000)] = 1.0
    """Processors, which trials may also share."""
    gpu: Annotated[float, Field(ge=0, le=1_000)] = 0.0
    """GPUs; auto measures how many trials share one best."""
    label: Mapping[str, str] = field(default_factory=dict)
    """Labels that a node of a cluster must have, as `{accelerator: H100}`."""

    def __post_init__(self) -> None:
        if self.cpu == 0 and self.gpu == 0:
            raise UserError("cpu and gpu are both 0: a trial needs a share of one of them")
        if self.gpu > 1 and self.gpu != int(self.gpu):
            raise UserError(f"gpu is {self.gpu}: above 1 it is a whole number")

    @property
    def described(self) -> dict[str, Any]:
        """What stands in records: labels only where there are any, as before there were labels."""
        amounts = {"cpu": self.cpu, "gpu": self.gpu}
        return {**amounts, "label": dict(self.label)} if self.label else amounts


@dataclass(frozen=True, kw_only=True)
class Keep:
    """Which checkpoints stay on disk: those of the best trials, within a number of bytes."""

    top_k: Positive = 3
    max_gb: PositiveFloat | None = None


@dataclass(frozen=True, kw_only=True)
class Log:
    """Where trials are logged besides the run's own record."""

    wandb: str | None = None
    """A W&B project: a run a trial, grouped by the search; offline without a login."""
    tensorboard: bool = False
    """Whether TensorBoard's events are written, a folder a trial."""

    def __post_init__(self) -> None:
        if self.wandb is not None:
            check_project(self.wandb, "wandb")

    @property
    def is_on(self) -> bool:
        """Whether anything is logged."""
        return self.wandb is not None or self.tensorboard


@dataclass(frozen=True, kw_only=True)
class Notify:
    """Who is told what becomes of a search: a webhook, a command, or both."""

    webhook: str | None = None
    """A URL that gets JSON by POST, or the environment variable that holds it, as `$HOOK`."""
    command: str | None = None
    """A shell command that gets the JSON on its standard input."""
    events: tuple[NotifyEvent, ...] = get_args(NotifyEvent)
    """What is told: `start`, a new `best` value, a `failure`, the `end`."""

    def __post_init__(self) -> None:
        mistakes: list[str | Mistake] = []
        if self.webhook is not None:
            try:
                check_webhook(self.webhook)
            except UserError as error:
                mistakes += error.mistakes
        if self.command is not None and not self.command.strip():
            mistakes.append("command is empty: give a command, or leave it out")
        if not self.events:
            mistakes.append("events is empty, so nothing would be told: name some, or all")
        if not self.is_on and self.events != get_args(NotifyEvent):
            mistakes.append("events without webhook and command: nobody would be told, name one")
        if mistakes:
            raise UserError(*mistakes)

    @property
    def is_on(self) -> bool:
        """Whether anybody is told."""
        return self.webhook is not None or self.command is not None
