"""The blocks of a search file, each a settings dataclass whose rules hold for itself."""

import math
from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import Field

from models.errors import Mistake, UserError
from models.field_types import Positive, PositiveFloat

_MOST_RUNGS = 100
_Count = Annotated[int, Field(gt=0, le=1_000_000)]


@dataclass(frozen=True, kw_only=True)
class Objective:
    """What is optimised: a metric, as the model reports it, and whether more or less is better."""

    metric: str
    mode: Literal["max", "min"]


@dataclass(frozen=True, kw_only=True)
class SearcherConfig:
    """How points are drawn: `random` is Optuna's random sampler, by its short name."""

    name: Literal["optuna", "random"] = "optuna"
    sampler: Literal["tpe", "random"] = "tpe"
    seed: Annotated[int, Field(ge=0, lt=2**32)] | None = None
    """None is one of the search's own: a search around a new preset then draws other points."""
    warm_start: tuple[str, ...] = ()
    """Presets whose values are tried first."""

    def __post_init__(self) -> None:
        if self.name == "random" and self.sampler != "random":
            raise UserError(
                f"sampler is {self.sampler}, which the random searcher does not use: "
                "remove it, or take name: optuna"
            )
        if len(set(self.warm_start)) < len(self.warm_start):
            raise UserError(f"warm_start names a preset twice: {', '.join(self.warm_start)}")


@dataclass(frozen=True, kw_only=True)
class SchedulerConfig:
    """How long trials train: `asha` stops those that fall behind at a rung, `fifo` stops none.

    ASHA: Li et al. 2020, A System for Massively Parallel Hyperparameter Tuning; the stopping
    variant, one bracket.
    """

    name: Literal["asha", "fifo"] = "asha"
    max_epochs: _Count
    """Epochs of a trial that is never stopped."""
    grace_epochs: _Count = 1
    """Epochs that every trial gets: the first rung."""
    reduction_factor: Annotated[float, Field(gt=1, le=1e6, allow_inf_nan=False)] = 3.0
    """Rungs lie this factor apart, and the best 1/factor of those at a rung go on."""
    trial_timeout: PositiveFloat | None = None
    """Seconds without a report after which a trial is ended; its first report takes longest."""

    def __post_init__(self) -> None:
        if self.name == "asha" and self.grace_epochs >= self.max_epochs:
            raise UserError(
                f"grace_epochs ({self.grace_epochs}) must be below max_epochs "
                f"({self.max_epochs}), or no trial is ever stopped: lower it, or take name: fifo"
            )
        ratio = self.max_epochs / self.grace_epochs
        if self.name == "asha" and self.reduction_factor**_MOST_RUNGS < ratio:
            least = math.ceil(ratio ** (1 / _MOST_RUNGS) * 100) / 100
            rule = f"trials would be compared at more than {_MOST_RUNGS} rungs"
            remedy = f"take {least} or more, as 3"
            key, value = "reduction_factor", self.reduction_factor
            raise UserError(Mistake(key=key, value=value, rule=rule, remedy=remedy))

    @property
    def rungs(self) -> tuple[float, ...]:
        """The epochs at which trials are compared, rising; none under fifo.

        A rung may lie between two epochs: a trial is judged at the next one.
        """
        if self.name == "fifo":
            return ()
        rungs = []
        rung = float(self.grace_epochs)
        while rung < self.max_epochs:
            rungs.append(rung)
            rung *= self.reduction_factor
        return tuple(rungs)


@dataclass(frozen=True, kw_only=True)
class Budget:
    """When the search ends: after so many trials, or hours, whichever is first."""

    num_trials: Annotated[int, Field(gt=0, le=100_000)]
    hours: PositiveFloat | None = None


@dataclass(frozen=True, kw_only=True)
class Resources:
    """What one trial takes of a machine; a fraction of a GPU is shared."""

    cpu: Annotated[float, Field(ge=0, le=10_000)] = 1.0
    gpu: Annotated[float, Field(ge=0, le=1_000)] = 0.0

    def __post_init__(self) -> None:
        if self.cpu == 0 and self.gpu == 0:
            raise UserError("cpu and gpu are both 0: a trial needs a share of one of them")
        if self.gpu > 1 and self.gpu != int(self.gpu):
            raise UserError(f"gpu is {self.gpu}: above 1 it is a whole number")


@dataclass(frozen=True, kw_only=True)
class Keep:
    """Which checkpoints stay on disk: those of the best trials, within a number of bytes."""

    top_k: Positive = 3
    max_gb: PositiveFloat | None = None
