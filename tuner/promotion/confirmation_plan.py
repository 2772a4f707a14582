"""What a confirmation trains: every contender on the same fresh seeds, as a search of points.

The search has a warm start for each training and no other trial. So whatever a search can, its
confirmation can: slots side by side, a record, a resume after any end.
"""

import hashlib
import itertools
import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from typing import Any

from models.config_file import to_mapping
from models.errors import UserError
from models.presets import Preset
from tuner.promotion.contenders import Contender, settings_key
from tuner.search.blocks import Budget, Keep, SchedulerConfig, SearcherConfig
from tuner.search.domains import Choice
from tuner.search.search import Search, WarmStart
from tuner.search.space import Parameter, Space

FEWEST_SEEDS = 2
_LOWEST, _NUM_SEEDS = 100_000, 900_000
"""Seeds have six digits, which people can compare."""
_ID_LENGTH = 8


@dataclass(frozen=True, kw_only=True)
class Training:
    """A contender on a seed."""

    contender: Contender
    seed: int

    @property
    def config(self) -> Any:
        """The model's settings; one checkpoint is kept, for a trial that has lost its own."""
        settings = {"seed": self.seed, "save_top_k": 1, "description": ""}
        return replace(self.contender.config, **settings)

    @property
    def key(self) -> str:
        """What equal trainings have in common."""
        return training_key(self.config)


@dataclass(frozen=True, kw_only=True)
class Plan:
    """A confirmation that is to be.

    Attributes:
        search: gives model, data, objectives, resources and length.
        baseline: the preset to beat.
        candidates: those that want to beat it.
        seeds: on which all are trained.
    """

    search: Search
    baseline: Contender
    candidates: tuple[Contender, ...] = ()
    seeds: tuple[int, ...]

    @property
    def trainings(self) -> list[Training]:
        """All trainings, seed by seed, so that an early end leaves pairs."""
        contenders = (self.baseline, *self.candidates)
        pairs = itertools.product(self.seeds, contenders)
        return [Training(contender=contender, seed=seed) for seed, contender in pairs]

    @property
    def id(self) -> str:
        """A name that equal plans have in common."""
        search = self.search
        identity = {
            "contenders": [settings_key(one.config) for one in (self.baseline, *self.candidates)],
            "seeds": self.seeds,
            "data": to_mapping(search.data),
            "objectives": [objective.metric for objective in search.objectives],
            "resources": search.resources.described,
        }
        digest = hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()
        return f"{len(self.candidates)}x{len(self.seeds)}-{digest[:_ID_LENGTH]}"


def training_key(config: Any) -> str:
    """Return what equal trainings have in common: their settings and their seed."""
    return f"{settings_key(config)} seed {config.seed}"


def fresh_seeds(origin: str, num_seeds: int, used: Collection[int]) -> tuple[int, ...]:
    """Return seeds that nobody has used; more of them begin with the same ones.

    Args:
        origin: what they are derived from, so that a repeated command has the same ones.
        num_seeds: how many.
        used: seeds that they must not be.

    Raises:
        UserError: too few to compare anything.
    """
    if num_seeds < FEWEST_SEEDS:
        raise UserError(
            f"the number of seeds is {num_seeds}: an interval needs {FEWEST_SEEDS} or more"
        )
    seeds: list[int] = []
    for number in itertools.count():
        digest = hashlib.sha256(f"{origin} {number}".encode()).digest()
        seed = _LOWEST + int.from_bytes(digest[:8], "big") % _NUM_SEEDS
        if seed not in used and seed not in seeds:
            seeds.append(seed)
        if len(seeds) == num_seeds:
            break
    return tuple(seeds)


def seeds_of(search: Search) -> set[int]:
    """Return every seed that a search and its trials had."""
    configs = [search.base_config, *(preset.config for preset in search.presets.values())]
    data_seed = to_mapping(search.data).get("seed")
    return {search.seed, *(config.seed for config in configs), *filter(None, [data_seed])}


def confirmation_search(plan: Plan, wanted: Sequence[Training], source: str) -> Search:
    """Return the search whose trials are the trainings that are wanted.

    Args:
        plan: the whole plan, which has the values of every key.
        wanted: those of its trainings that are still to be done.
        source: what it is called, for its header.
    """
    search = plan.search
    listed = [to_mapping(training.config) for training in plan.trainings]
    preset = _preset(plan.trainings[0], search, plan.baseline.name)
    options = {key: _distinct([settings[key] for settings in listed]) for key in listed[0]}
    domains = {key: Choice(options=found) for key, found in options.items() if len(found) > 1}
    starts = [_warm_start(training, search, domains) for training in wanted]
    return Search(
        source=source,
        model=search.model,
        preset=preset,
        fixed={},
        base_config=preset.config,
        data=search.data,
        space=Space(
            parameters=tuple(Parameter(key=key, domain=domain) for key, domain in domains.items()),
            preset=listed[0],
        ),
        objectives=search.objectives,
        searcher=SearcherConfig(
            sampler="random",
            seed=search.seed,
            warm_start=tuple(start.name for start in starts),
        ),
        scheduler=SchedulerConfig(
            name="fifo",
            max_epochs=search.scheduler.max_epochs,
            trial_timeout=search.scheduler.trial_timeout,
        ),
        budget=Budget(num_trials=len(wanted)),
        resources=search.resources,
        keep=Keep(top_k=len(wanted), max_gb=search.keep.max_gb),
        warm_starts=tuple(starts),
    )


def _preset(training: Training, search: Search, name: str) -> Preset:
    source = search.preset.source
    return Preset(name=name, model=search.model, config=training.config, source=source)


def _warm_start(training: Training, search: Search, searched: Collection[str]) -> WarmStart:
    name = f"{training.contender.name}, seed {training.seed}"
    settings = to_mapping(training.config)
    values = {key: settings[key] for key in settings if key in searched}
    return WarmStart(name=name, preset=_preset(training, search, name), values=values)


def _distinct(values: Sequence[Any]) -> tuple[Any, ...]:
    return tuple({json.dumps(value): value for value in values}.values())
