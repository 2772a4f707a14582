"""The content of a search file into a `Search`: every mistake found before any is reported."""

from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from dataclasses import replace
from typing import Any, TypeAlias, TypeVar

from models.config_file import to_config, to_mapping
from models.effects import plain
from models.errors import Mistake, UserError, nearest_name, unknown_keys, with_key
from models.presets import Preset
from models.registry import model_spec
from models.training.contracts import ModelSpec
from models.wording import count
from tuner.errors import SearchInvalid
from tuner.search.blocks import (
    AUTO,
    Budget,
    Keep,
    Log,
    Notify,
    Resources,
    SchedulerConfig,
    SearcherConfig,
)
from tuner.search.combinations import (
    budget_mistakes,
    population_mistakes,
    room_mistakes,
    sampler_mistakes,
    scheduler_mistakes,
)
from tuner.search.feasibility import judge_of_space
from tuner.search.machine import Machine
from tuner.search.objectives import read_objectives
from tuner.search.scheduling import idle_scheduler_keys, resolve_grace, scheduler_content
from tuner.search.search import Search, WarmStart, own_seed
from tuner.search.space import Space
from tuner.search.space_effects import effect_mistakes
from tuner.search.space_parsing import parse_space
from tuner.search.storage import read_storage
from tuner.search.webhooks import webhook_url

T = TypeVar("T")
FindPreset: TypeAlias = Callable[[ModelSpec, str], Preset]
"""Gives the preset of a model's name and a preset's name."""
FindRun: TypeAlias = Callable[[str], object]

KEYS = (
    "model",
    "preset",
    "fixed",
    "data",
    "space",
    "constraints",
    "objective",
    "searcher",
    "scheduler",
    "budget",
    "resources",
    "keep",
    "storage",
    "log",
    "notify",
)


class SearchReader:
    """Reads one search file, collecting mistakes as it goes.

    Args:
        raw: the content of the file.
        source: the file, for messages.
        find: where presets come from.
        check_files: whether the files of the data must be there; those of an old run may be gone.
        find_run: refuses a run that is not there, by a UserError; None leaves that for later.
        machine: what a trial has to fit on; None where that is not known.
        check_effects: whether every key must act, and every point be possible; an old run was what
            it was.
    """

    def __init__(
        self,
        raw: Mapping[str, Any],
        source: str,
        find: FindPreset,
        *,
        check_files: bool = False,
        find_run: FindRun | None = None,
        machine: Machine | None = None,
        check_effects: bool = True,
    ) -> None:
        self._raw = raw
        self._source = source
        self._find = find
        self._check_files = check_files
        self._find_run = find_run
        self._machine = machine
        self._check_effects = check_effects
        self._mistakes: list[str | Mistake] = []
        self._gpu_is_auto = False

    def read(self) -> Search:
        """Return the search.

        Raises:
            SearchInvalid: with every mistake.
        """
        unknown = [str(key) for key in self._raw if key not in KEYS]
        self._mistakes += unknown_keys(unknown, KEYS, rule="a search has no such key.")
        scheduler = self._scheduler()
        searcher = self._searcher(scheduler)
        budget = self._block("budget", Budget)
        resources = self._resources()
        keep = self._block("keep", Keep)
        log = self._block("log", Log)
        notify = self._notify()
        spec = self._attempt(lambda: model_spec(self._name("model")), "model")
        if spec is None:  # the rest is meaningless without it
            raise SearchInvalid(self._source, self._mistakes)
        preset = self._attempt(lambda: self._find(spec, self._name("preset")), "preset")
        data = self._data(spec)
        objectives = self._attempt(lambda: read_objectives(self._raw, spec))
        fixed = self._fixed()
        base, unsure = self._base_config(spec, preset, fixed, scheduler)
        space = self._space(base, unsure)
        if unsure:  # what depends on them cannot be judged
            space = None
        if space and scheduler:
            block = scheduler
            scheduler = self._attempt(lambda: resolve_grace(block, space, spec)) or scheduler
        if space and self._check_effects:
            self._mistakes += effect_mistakes(space, fixed, spec.applies)
        if budget and resources and objectives:
            self._mistakes += budget_mistakes(budget, resources, objectives)
        if space and searcher and objectives:
            self._mistakes += sampler_mistakes(searcher, space, objectives)
        if scheduler and objectives:
            self._mistakes += scheduler_mistakes(scheduler, objectives)
        if searcher and scheduler and budget and space:
            self._mistakes += population_mistakes(
                searcher, scheduler, budget, space, spec.changeable
            )
        if scheduler and resources and self._machine:
            self._mistakes += room_mistakes(scheduler, resources, self._machine)
        warm_starts = self._warm_starts(spec, space, searcher, budget)
        storage = self._attempt(lambda: read_storage(self._raw.get("storage")))
        if self._mistakes:
            raise SearchInvalid(self._source, self._mistakes)
        assert preset and space and objectives and base
        assert searcher and scheduler and budget and resources and keep and log and notify
        search = Search(
            source=self._source,
            model=spec.name,
            preset=preset,
            fixed=fixed,
            base_config=base,
            data=data,
            space=space,
            objectives=objectives,
            searcher=searcher,
            scheduler=scheduler,
            budget=budget,
            resources=resources,
            keep=keep,
            log=log,
            notify=notify,
            warm_starts=warm_starts,
            storage=storage,
            gpu_is_auto=self._gpu_is_auto,
        )
        if searcher.seed is not None:
            return search
        return replace(search, searcher=replace(searcher, seed=own_seed(search)))

    def _attempt(self, build: Callable[[], T], key: str = "") -> T | None:
        """Return what is built, or note why not: of a mistake without a place with its key."""
        try:
            return build()
        except UserError as error:
            self._mistakes += with_key(error.mistakes, key)
            return None

    def _name(self, key: str) -> str:
        value = self._raw.get(key)
        if not isinstance(value, str):
            raise UserError(Mistake(key=key, value=value, rule="give a name"))
        return value

    def _mapping(self, key: str) -> dict[str, Any] | None:
        value = self._raw.get(key)
        if value is None:
            return {}
        if isinstance(value, Mapping):
            return dict(value)
        rule = f"give its keys, {key}: {{...}}"
        self._mistakes.append(Mistake(key=key, value=value, rule=rule))
        return None

    def _block(
        self, key: str, block_type: type[T], complete: Callable[[dict[str, Any]], Any] = dict
    ) -> T | None:
        """Return a block, or note why not; `complete` adds the defaults that depend on others."""
        content = self._mapping(key)
        if content is None:
            return None
        content = complete(content)
        return self._attempt(lambda: to_config(block_type, content, key))

    def _data(self, spec: ModelSpec) -> Any:
        data = self._block("data", spec.data_type)
        if data is not None and self._check_files:
            self._attempt(lambda: spec.check_data(data), "data")
        return data

    def _resources(self) -> Resources | None:
        def complete(content: dict[str, Any]) -> dict[str, Any]:
            self._gpu_is_auto = content.get("gpu") == AUTO
            return {**content, "gpu": 1.0} if self._gpu_is_auto else content

        resources = self._block("resources", Resources, complete)
        if resources is None or self._machine is None:
            return resources
        for key, words in (("cpu", "processors"), ("gpu", "GPUs")):
            wanted, has = getattr(resources, key), getattr(self._machine, key)
            if wanted > has:
                remedy = f"take {has} at most" if has else "take 0, or a machine that has some"
                rule = f"this machine has {has} {words}"
                place = f"resources.{key}"
                if key == "gpu" and self._gpu_is_auto:
                    wanted, rule = AUTO, f"it measures how many trials share a GPU best, and {rule}"
                self._mistakes.append(Mistake(key=place, value=wanted, rule=rule, remedy=remedy))
        return resources

    def _scheduler(self) -> SchedulerConfig | None:
        def complete(content: dict[str, Any]) -> dict[str, Any]:
            self._mistakes += idle_scheduler_keys(content)
            return scheduler_content(content)

        return self._block("scheduler", SchedulerConfig, complete)

    def _searcher(self, scheduler: SchedulerConfig | None) -> SearcherConfig | None:
        def complete(content: dict[str, Any]) -> dict[str, Any]:
            if content.get("name") == "random" or (scheduler and scheduler.name == "pbt"):
                return {"sampler": "random", **content}
            return content

        return self._block("searcher", SearcherConfig, complete)

    def _notify(self) -> Notify | None:
        notify = self._block("notify", Notify)
        webhook = notify.webhook if notify else None
        if webhook is not None and self._check_files:
            self._attempt(lambda: webhook_url(webhook))
        return notify

    def _fixed(self) -> dict[str, Any]:
        fixed = self._mapping("fixed") or {}
        space = self._raw.get("space")
        for key in fixed:
            place = f"fixed.{key}"
            if key == "epochs":
                rule = "set scheduler.max_epochs instead"
                self._mistakes.append(Mistake(place=place, rule=rule))
            elif key == "description" and self._check_effects:
                rule = f"{place} changes nothing, as promotion writes its own: remove it"
                self._mistakes.append(Mistake(key=place, rule=rule))
            elif isinstance(space, Mapping) and key in space:
                rule = f"{place} is searched too: remove it here or in space"
                self._mistakes.append(Mistake(key=place, rule=rule))
        return {key: value for key, value in fixed.items() if key != "epochs"}

    def _base_config(
        self,
        spec: ModelSpec,
        preset: Preset | None,
        fixed: Mapping[str, Any],
        scheduler: SchedulerConfig | None,
    ) -> tuple[Any, set[str]]:
        """Build the settings where nothing is searched; return also the fixed keys that are wrong.

        The preset's values stand in for those, and the model's defaults for a preset that could
        not be found, so that the space can be checked all the same. Of a key that nobody knows
        the nearest counts as wrong, which it was probably meant to be.
        """
        settings = to_mapping(preset.config if preset else spec.config_type())
        settings |= {"epochs": scheduler.max_epochs} if scheduler else {}
        try:
            return to_config(spec.config_type, {**settings, **fixed}, "fixed"), set()
        except UserError as error:
            self._mistakes += error.mistakes
            wrong = {mistake.key.partition(".")[0] for mistake in error.mistakes}
        known = {key: value for key, value in fixed.items() if key in settings}
        meant = {nearest_name(key, settings) or "" for key in wrong - settings.keys() - {""}}
        unsure = ((wrong | meant) & settings.keys()) - {""}
        sound = {key: value for key, value in known.items() if key not in wrong}
        with suppress(UserError):
            return to_config(spec.config_type, {**settings, **sound}, "fixed"), unsure
        # Keys that are wrong together have no name: none of them is known then.
        return to_config(spec.config_type, settings, "fixed"), unsure | known.keys()

    def _space(self, base: Any, unsure: Collection[str]) -> Space | None:
        raw, rules = self._raw.get("space"), self._raw.get("constraints")
        check = self._check_effects
        return self._attempt(
            lambda: parse_space(raw, base, "", unsure, constraints=rules, check_points=check)
        )

    def _warm_starts(
        self,
        spec: ModelSpec,
        space: Space | None,
        searcher: SearcherConfig | None,
        budget: Budget | None,
    ) -> tuple[WarmStart, ...]:
        starts_with = searcher.warm_start if searcher else ()
        names = [one for one in starts_with if isinstance(one, str)]
        if find_run := self._find_run:  # they are read with the data
            for run in [one.run for one in starts_with if not isinstance(one, str)]:
                self._attempt(lambda run=run: find_run(run), "searcher.warm_start")
        if budget and len(names) > budget.num_trials:
            presets, trials = count(len(names), "preset"), count(budget.num_trials, "trial")
            rule = f"searcher.warm_start names {presets} for {trials}"
            remedy = "raise budget.num_trials or drop some"
            self._mistakes.append(Mistake(key="searcher.warm_start", rule=rule, remedy=remedy))
        starts = []
        for name in names:
            preset = self._attempt(lambda name=name: self._find(spec, name), "searcher.warm_start")
            if preset and space:
                start = self._attempt(lambda preset=preset: self._warm_start(preset, space))
                starts += [start] if start else []
        return tuple(starts)

    def _warm_start(self, preset: Preset, space: Space) -> WarmStart:
        values, illegal = space.locate(to_mapping(preset.config))
        violations = judge_of_space(space)(values)
        self._mistakes += [
            Mistake(
                place="searcher.warm_start",
                rule=f"{preset.name} does not keep the constraint `{rule}`",
                remedy="loosen it or drop the preset",
            )
            for rule, violation in zip(space.rules, violations, strict=True)
            if violation and not illegal
        ]
        self._mistakes += [
            Mistake(
                place="searcher.warm_start",
                rule=f"{preset.name} has {item.key} = {plain(item.value)}, which is outside the "
                f"space (nearest: {plain(item.nearest)})",
                remedy=f"widen space.{item.key} or drop the preset",
            )
            for item in illegal
        ]
        if not illegal:
            place = f"searcher.warm_start: {preset.name}"
            self._attempt(lambda: to_config(type(preset.config), space.complete(values), place))
        return WarmStart(name=preset.name, preset=preset, values=values)
