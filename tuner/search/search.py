"""A search that has been checked as a whole, and its way back into a search file."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from models.config_file import to_config, to_mapping
from models.presets import Preset
from models.registry import model_spec
from models.training.contracts import ModelSpec
from models.training.ranking import Ranking
from tuner.search.blocks import (
    AUTO,
    SCHEDULER_KEYS,
    Budget,
    Keep,
    Log,
    Notify,
    Objective,
    Resources,
    SchedulerConfig,
    SearcherConfig,
)
from tuner.search.combinations import sampler_advice
from tuner.search.scheduling import rung_advice
from tuner.search.space import Space
from tuner.search.space_effects import effect_advice
from tuner.search.space_points import count_points
from tuner.search.webhooks import hidden_urls, webhook_advice


@dataclass(frozen=True, kw_only=True)
class WarmStart:
    """A point to try first: where a preset or a trial of an earlier run stands in the space."""

    name: str
    values: Mapping[str, Any]
    preset: Preset | None = None


@dataclass(frozen=True, kw_only=True)
class KnownTrial:
    """A result of an earlier run that this search would have had, too.

    Attributes:
        source: the run and the trial.
        scores: of the objectives, at the best epoch.
        is_complete: whether it trained to its end.
    """

    source: str
    values: Mapping[str, Any]
    scores: Sequence[float]
    num_epochs: int
    is_complete: bool


@dataclass(frozen=True, kw_only=True)
class Search:
    """A search: the content of its file, with the presets and the settings that it names.

    Attributes:
        source: the file it was read from.
        preset: what is searched around; its epochs give way to `scheduler.max_epochs`.
        fixed: keys that have another value than the preset's in every trial.
        base_config: the settings where nothing is searched: preset, `fixed` and epochs.
        data: settings of the data, of the model's `data_type`.
        objectives: one; or several, of which the first decides at the rungs.
        warm_starts: points that are tried first, in order.
        known: results of earlier runs, which the sampler is told.
        gpu_is_auto: whether the share of a GPU is still to be measured; `resources` say a whole one
            until then.
        storage: where its runs lie, a folder or the URL of a bucket; None: where they lie usually.
    """

    source: str = field(compare=False)
    model: str
    preset: Preset
    fixed: Mapping[str, Any]
    base_config: Any
    data: Any
    space: Space
    objectives: tuple[Objective, ...]
    searcher: SearcherConfig
    scheduler: SchedulerConfig
    budget: Budget
    resources: Resources
    keep: Keep
    log: Log = field(default_factory=Log)
    notify: Notify = field(default_factory=Notify)
    warm_starts: tuple[WarmStart, ...] = ()
    known: tuple[KnownTrial, ...] = ()
    storage: str | None = None
    gpu_is_auto: bool = False

    @property
    def stem(self) -> str:
        """The name of the search's file without its ending."""
        return Path(self.source).stem

    @property
    def objective(self) -> Objective:
        """The only objective, or the first of several."""
        return self.objectives[0]

    @property
    def ranking(self) -> Ranking:
        """The order of epochs, checkpoints and trials: by the first objective."""
        return self.spec.ranking(self.objective.metric)

    @property
    def rung_ranking(self) -> Ranking:
        """The order of trials at a rung: of equal ones the model knows which will come further."""
        return self.spec.rung_ranking(self.objective.metric)

    @property
    def seed(self) -> int:
        """The searcher's seed."""
        assert self.searcher.seed is not None, "the reader sets it"
        return self.searcher.seed

    @cached_property
    def num_trials(self) -> int:
        """How many trials there are: no point is tried twice, so at most one for each point."""
        known = len({json.dumps(dict(one.values), sort_keys=True) for one in self.known})
        return count_points(self.space, self.budget.num_trials + known) - known

    @property
    def presets(self) -> Mapping[str, Preset]:
        """The presets that the search names, by name."""
        named = (self.preset, *(start.preset for start in self.warm_starts))
        return {preset.name: preset for preset in named if preset is not None}

    @property
    def trial_names(self) -> tuple[str, ...]:
        """The names of all trials, where every one is a warm start; else none."""
        names = tuple(start.name for start in self.warm_starts)
        return names if len(names) == self.num_trials and not self.known else ()

    @property
    def spec(self) -> ModelSpec:
        """What the model declares of itself."""
        return model_spec(self.model)

    @property
    def advice(self) -> list[str]:
        """What could be better about the search, a line each; it runs all the same."""
        return [
            *effect_advice(self.space, self.spec.applies),
            *rung_advice(self.scheduler, self.space, self.spec),
            *sampler_advice(self.searcher, self.space, self.budget),
            *webhook_advice(self.notify.webhook),
        ]

    def config_for(self, values: Mapping[str, Any]) -> Any:
        """Return the model's settings at a point of the space: values of the active keys."""
        return to_config(type(self.base_config), self.space.complete(values), self.source)

    def to_mapping(self) -> dict[str, Any]:
        """Return the search as the content of a search file, every default written out.

        A webhook that is written out is hidden; blocks that ask for nothing are left out.
        """
        scheduler = to_mapping(self.scheduler)
        known = SCHEDULER_KEYS[self.scheduler.name]
        for key in {key for keys in SCHEDULER_KEYS.values() for key in keys} - set(known):
            del scheduler[key]
        objectives = [to_mapping(objective) for objective in self.objectives]
        return {
            "model": self.model,
            "preset": self.preset.name,
            "fixed": dict(self.fixed),
            "data": to_mapping(self.data),
            "space": self.space.to_mapping(),
            **({"constraints": self.space.rules} if self.space.constraints else {}),
            "objective": objectives[0] if len(objectives) == 1 else objectives,
            "searcher": to_mapping(self.searcher),
            "scheduler": scheduler,
            "budget": to_mapping(self.budget),
            "resources": self.resources.described | ({"gpu": AUTO} if self.gpu_is_auto else {}),
            "keep": to_mapping(self.keep),
            **({"storage": self.storage} if self.storage else {}),
            **({"log": to_mapping(self.log)} if self.log.is_on else {}),
            **({"notify": self._hidden_notify()} if self.notify.is_on else {}),
        }

    def _hidden_notify(self) -> dict[str, Any]:
        webhook = self.notify.webhook
        return to_mapping(self.notify) | {"webhook": webhook and hidden_urls(webhook)}


def own_seed(search: Search) -> int:
    """Return the seed of a search that was given none: equal searches have equal ones.

    A search around a promoted preset has the space and the data of the one before. With its seed
    it would draw the points that were tried already.
    """
    identity = {
        "model": search.model,
        "preset": to_mapping(search.preset.config),
        "fixed": dict(search.fixed),
        "data": to_mapping(search.data),
        "space": search.space.to_mapping(),
        **({"constraints": search.space.rules} if search.space.constraints else {}),
        "warm_starts": [dict(start.values) for start in search.warm_starts],
    }
    digest = hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).digest()
    return int.from_bytes(digest[:4], "big")
