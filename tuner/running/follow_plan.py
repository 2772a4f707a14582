"""What the process beside a search is told that follows its event log: see `follower`."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from models.training.ranking import Ranking
from tuner.search.blocks import NotifyEvent

INTERRUPTED_S = 6.0
"""How long it may take for the rest when a signal ended the search, which has 25 s in all."""
END_S = 12.0
"""The same at any other end."""
UPLOAD_S = 60.0
"""The same where W&B may have to upload."""


@dataclass(frozen=True, kw_only=True)
class FollowPlan:
    """What is followed, and who is told; it travels as JSON.

    Attributes:
        folder: of the run.
        driver: identity of the driver.
        num_known: events that were there before it took the run up.
        num_trials: how many trials there are to be.
        max_epochs: how long a trial trains at most.
        webhook: the URL itself, which only this process and the driver know.
        command: a shell command.
        events: what these two are told.
        wandb: the W&B project that trials are logged to.
        tensorboard: whether they are logged for TensorBoard.
        settings: every key of the preset, as plain values; a trial has others of those searched.
    """

    folder: str
    driver: Mapping[str, Any]
    num_known: int
    model: str
    ranking: Ranking
    num_trials: int
    max_epochs: int
    webhook: str | None = None
    command: str | None = None
    events: tuple[NotifyEvent, ...] = ()
    wandb: str | None = None
    tensorboard: bool = False
    settings: Mapping[str, Any]

    @property
    def is_needed(self) -> bool:
        """Whether anybody is told, or anything logged."""
        return bool(self.webhook or self.command or self.wandb or self.tensorboard)

    @property
    def end_s(self) -> float:
        """Seconds for the rest when the run has ended."""
        return UPLOAD_S if self.wandb else END_S
