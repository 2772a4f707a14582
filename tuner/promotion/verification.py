"""Whether the number of a promoted preset still holds: what is trained for it, and what is said."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from models.config_file import to_config, to_mapping
from models.errors import UserError
from models.presets import Preset
from models.registry import model_spec
from tuner.promotion.confirmation_plan import Plan, fresh_seeds
from tuner.promotion.contenders import Contender
from tuner.promotion.verdicts import own_faults, shift
from tuner.record.confirmations import Confirmed, Difference
from tuner.search.blocks import Budget, Keep, Resources, SchedulerConfig, SearcherConfig
from tuner.search.objectives import read_objectives
from tuner.search.search import Search
from tuner.search.space import Space


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What a verification came to.

    Attributes:
        before: the values when it was promoted.
        now: what fresh seeds gave.
        difference: of both means, above 0 is better now; None where too few trainings have a value.
        faults: what ended trainings by the preset's own fault.
    """

    before: Sequence[float]
    now: Confirmed
    difference: Difference | None
    faults: Sequence[str]

    @property
    def holds(self) -> bool:
        """Whether the preset is not worse than it was, as far as the spread lets one say."""
        return not self.faults and self.difference is not None and self.difference.high >= 0


def verification_plan(preset: Preset, num_seeds: int) -> Plan:
    """Return what is trained: the preset on seeds that it has not seen, on its own data.

    Raises:
        UserError: it was not promoted, so there is no number to hold it to; or too few seeds.
    """
    provenance = preset.provenance or {}
    metric = provenance.get("metric", {}).get("name")
    settings = provenance.get("data", {}).get("settings")
    if metric is None or settings is None:
        raise UserError(
            f"the preset '{preset.name}' has no provenance with a metric and data, as only "
            "promoted ones have: there is no number to verify"
        )
    search = _search(preset, metric, settings)
    data_seed = to_mapping(search.data).get("seed")
    used = {preset.config.seed, data_seed, *provenance.get("confirmation", {}).get("seeds", [])}
    origin = f"verify {preset.name} {provenance.get('promoted')}"
    return Plan(
        search=search,
        baseline=Contender(name=preset.name, config=preset.config),
        seeds=fresh_seeds(origin, num_seeds, used),
    )


def values_before(preset: Preset) -> list[float]:
    """Return the values of a promoted preset: by seed, or the only one where it is unconfirmed."""
    provenance: Mapping[str, Any] = preset.provenance or {}
    confirmation = provenance.get("confirmation")
    return (
        list(confirmation["values"].values()) if confirmation else [provenance["metric"]["value"]]
    )


def verdict_of(preset: Preset, plan: Plan, now: Confirmed) -> Verdict:
    """Return what the new trainings say of a preset."""
    before, values = values_before(preset), list(now.values.values())
    objective = plan.search.objective
    reach = plan.search.spec.reach(objective.metric)
    return Verdict(
        before=before,
        now=now,
        difference=shift(values, before, objective.mode, reach) if len(values) > 1 else None,
        faults=own_faults(now),
    )


def _search(preset: Preset, metric: str, settings: Mapping[str, Any]) -> Search:
    spec = model_spec(preset.model)
    place = f"{preset.source}: {preset.name}"
    resources = (preset.provenance or {}).get("resources", {})
    return Search(
        source=f"preset {preset.name}",
        model=preset.model,
        preset=preset,
        fixed={},
        base_config=preset.config,
        data=to_config(spec.data_type, settings, f"{place}: data"),
        space=Space(parameters=(), preset=to_mapping(preset.config)),
        objectives=read_objectives({"objective": {"metric": metric}}, spec),
        searcher=SearcherConfig(sampler="random", seed=0),
        scheduler=SchedulerConfig(name="fifo", max_epochs=preset.config.epochs),
        budget=Budget(num_trials=1),
        resources=to_config(Resources, resources, f"{place}: resources"),
        keep=Keep(),
    )


def runs_of(runs: Path, preset: Preset) -> Path:
    """Return the folder in which a preset's verifications are kept, among the runs."""
    return runs / f"verify-{preset.name}" / "confirmations"
