"""The content of a search file into a `Search`: every mistake found before any is reported."""

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from typing import Any, TypeAlias, TypeVar

from models.config_file import to_config, to_mapping
from models.errors import Mistake, UserError, did_you_mean, did_you_mean_of
from models.presets import Preset
from models.registry import model_spec
from models.training.contracts import ModelSpec
from tuner.errors import SearchInvalid
from tuner.search.blocks import Budget, Keep, Resources, SchedulerConfig, SearcherConfig
from tuner.search.objectives import read_objectives
from tuner.search.search import Search, WarmStart, own_seed
from tuner.search.space import Space
from tuner.search.space_effects import effect_mistakes
from tuner.search.space_parsing import parse_space

T = TypeVar("T")
FindPreset: TypeAlias = Callable[[ModelSpec, str], Preset]
"""Gives the preset of a model's name and a preset's name."""

KEYS = (
    "model",
    "preset",
    "fixed",
    "data",
    "space",
    "objective",
    "searcher",
    "scheduler",
    "budget",
    "resources",
    "keep",
)


class SearchReader:
    """Reads one search file, collecting mistakes as it goes.

    Args:
        raw: the content of the file.
        source: the file, for messages.
        find: where presets come from.
        check_files: whether the files of the data must be there; those of an old run may be gone.
        check_effects: whether every key must act; an old run was what it was.
    """

    def __init__(
        self,
        raw: Mapping[str, Any],
        source: str,
        find: FindPreset,
        *,
        check_files: bool = False,
        check_effects: bool = True,
    ) -> None:
        self._raw = raw
        self._source = source
        self._find = find
        self._check_files = check_files
        self._check_effects = check_effects
        self._mistakes: list[str | Mistake] = []

    def read(self) -> Search:
        """Return the search.

        Raises:
            SearchInvalid: with every mistake.
        """
        unknown = [str(key) for key in self._raw if key not in KEYS]
        self._mistakes += [
            f"{key}: a search has no such key."
            f"{(did_you_mean_of if key == unknown[-1] else did_you_mean)(key, KEYS)}"
            for key in unknown
        ]
        scheduler = self._scheduler()
        searcher = self._searcher()
        budget = self._block("budget", Budget)
        resources = self._block("resources", Resources)
        keep = self._block("keep", Keep)
        spec = self._attempt(lambda: model_spec(self._name("model")))
        if spec is None:  # the rest is meaningless without it
            raise SearchInvalid(self._source, self._mistakes)
        preset = self._attempt(lambda: self._find(spec, self._name("preset")))
        data = self._data(spec)
        objectives = self._attempt(lambda: read_objectives(self._raw, spec))
        fixed = self._fixed()
        base, unsure = self._base_config(spec, preset, fixed, scheduler)
        raw = self._raw.get("space")
        space = self._attempt(lambda: parse_space(raw, base, "", unsure)) if base else None
        if unsure:  # what depends on them cannot be judged
            space = None
        if space and self._check_effects:
            self._mistakes += effect_mistakes(space, fixed, spec.applies)
        warm_starts = self._warm_starts(spec, space, searcher, budget)
        if self._mistakes:
            raise SearchInvalid(self._source, self._mistakes)
        assert preset and space and objectives and base
        assert searcher and scheduler and budget and resources and keep
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
            warm_starts=warm_starts,
        )
        if searcher.seed is not None:
            return search
        return replace(search, searcher=replace(searcher, seed=own_seed(search)))

    def _attempt(self, build: Callable[[], T]) -> T | None:
        try:
            return build()
        except UserError as error:
            self._mistakes += error.mistakes
            return None

    def _name(self, key: str) -> str:
        value = self._raw.get(key)
        if not isinstance(value, str):
            raise UserError(f"{key} is {value!r}: give a name")
        return value

    def _mapping(self, key: str) -> dict[str, Any] | None:
        value = self._raw.get(key)
        if value is None:
            return {}
        if isinstance(value, Mapping):
            return dict(value)
        self._mistakes.append(f"{key} is {value!r}: give its keys, {key}: {{...}}")
        return None

    def _block(self, key: str, block_type: type[T]) -> T | None:
        content = self._mapping(key)
        if content is None:
            return None
        return self._attempt(lambda: to_config(block_type, content, key))

    def _data(self, spec: ModelSpec) -> Any:
        data = self._block("data", spec.data_type)
        if data is not None and self._check_files:
            self._attempt(lambda: spec.check_data(data))
        return data

    def _scheduler(self) -> SchedulerConfig | None:
        content = self._raw.get("scheduler")
        if isinstance(content, Mapping) and content.get("name") == "fifo":
            for key in ("grace_epochs", "reduction_factor"):
                if key in content:
                    self._mistakes.append(
                        f"scheduler.{key} means nothing to fifo, which stops no trial: remove it"
                    )
        return self._block("scheduler", SchedulerConfig)

    def _searcher(self) -> SearcherConfig | None:
        content = self._mapping("searcher")
        if content is None:
            return None
        if content.get("name") == "random":
            content.setdefault("sampler", "random")
        return self._attempt(lambda: to_config(SearcherConfig, content, "searcher"))

    def _fixed(self) -> dict[str, Any]:
        fixed = self._mapping("fixed") or {}
        space = self._raw.get("space")
        for key in fixed:
            if key == "epochs":
                self._mistakes.append("fixed.epochs: set scheduler.max_epochs instead")
            elif key == "description" and self._check_effects:
                self._mistakes.append(
                    "fixed.description changes nothing, as promotion writes its own: remove it"
                )
            elif isinstance(space, Mapping) and key in space:
                self._mistakes.append(f"fixed.{key} is searched too: remove it here or in space")
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
        not be found, so that the space can be checked all the same.
        """
        settings = to_mapping(preset.config if preset else spec.config_type())
        settings |= {"epochs": scheduler.max_epochs} if scheduler else {}
        try:
            return to_config(spec.config_type, {**settings, **fixed}, "fixed"), set()
        except UserError as error:
            self._mistakes += error.mistakes
            wrong = {mistake.key.partition(".")[0] for mistake in error.mistakes}
        sound = {key: value for key, value in fixed.items() if key not in wrong}
        with suppress(UserError):  # keys that are wrong together have no name here
            return to_config(spec.config_type, {**settings, **sound}, "fixed"), wrong
        return None, wrong

    def _warm_starts(
        self,
        spec: ModelSpec,
        space: Space | None,
        searcher: SearcherConfig | None,
        budget: Budget | None,
    ) -> tuple[WarmStart, ...]:
        names = searcher.warm_start if searcher else ()
        if budget and len(names) > budget.num_trials:
            self._mistakes.append(
                f"searcher.warm_start names {len(names)} presets for {budget.num_trials} trials: "
                "raise budget.num_trials or drop some"
            )
        starts = []
        for name in names:
            preset = self._attempt(lambda name=name: self._find(spec, name))
            if preset and space:
                starts.append(self._warm_start(preset, space))
        return tuple(starts)

    def _warm_start(self, preset: Preset, space: Space) -> WarmStart:
        values, illegal = space.locate(to_mapping(preset.config))
        self._mistakes += [
            f"searcher.warm_start: {preset.name} has {item.key} = {item.value!r}, which is outside "
            f"the space (nearest: {item.nearest!r}): widen space.{item.key} or drop the preset"
            for item in illegal
        ]
        if not illegal:
            place = f"searcher.warm_start: {preset.name}"
            self._attempt(lambda: to_config(type(preset.config), space.complete(values), place))
        return WarmStart(preset=preset, values=values)
