"""The `objective:` block of a search file, checked against the metrics of the model."""

from collections.abc import Iterable, Mapping
from typing import Any

from models.config_file import to_config
from models.errors import Mistake, UserError, unknown_name
from models.training.contracts import Metric, ModelSpec
from tuner.search.blocks import Objective


def read_objectives(raw: Mapping[str, Any], spec: ModelSpec) -> tuple[Objective, ...]:
    """Return what a search optimises: as its file says, else the model's main metric.

    Args:
        raw: the content of the search file; `objective` is a metric, or a mapping in which `mode`
            may be left out, or a list of these.
        spec: the model.

    Raises:
        UserError: unknown metrics; a mode that seeks the worst; a metric that means another thing
            in every trial, as a key that it depends on is searched. A line for each.
    """
    metrics = {metric.name: metric for metric in spec.objectives}
    given = raw.get("objective", {"metric": spec.main_metric})
    blocks = given if isinstance(given, list) else [given]
    space = raw.get("space")
    searched = [str(key) for key in space] if isinstance(space, Mapping) else []
    mistakes: list[str | Mistake] = []
    objectives: list[Objective] = []
    for index, block in enumerate(blocks):
        place = f"objective[{index}]" if isinstance(given, list) else "objective"
        try:
            objective = _objective(block, place, metrics, spec.name)
            _check_comparable(metrics[objective.metric], searched, spec.metrics, place)
            objectives.append(objective)
        except UserError as error:
            mistakes += error.mistakes
    names = [objective.metric for objective in objectives]
    if len(set(names)) < len(names):
        rule = f"a metric is given twice ({', '.join(names)}): remove one"
        mistakes.append(Mistake(place="objective", rule=rule))
    if not blocks:
        rule = "the list is empty: name a metric, or leave objective out"
        mistakes.append(Mistake(place="objective", rule=rule))
    if mistakes:
        raise UserError(*mistakes)
    return tuple(objectives)


def _objective(block: object, place: str, metrics: Mapping[str, Metric], model: str) -> Objective:
    if isinstance(block, str):
        block = {"metric": block}
    if not isinstance(block, Mapping) or not isinstance(block.get("metric"), str):
        rule = f"give {{metric: {next(iter(metrics))}, mode: max}}"
        raise UserError(Mistake(key=place, value=block, rule=rule))
    name = block["metric"]
    if name not in metrics:
        raise unknown_name(f"metric of {model}", name, metrics).within(f"{place}.metric")
    metric = metrics[name]
    objective = to_config(Objective, {"mode": metric.mode, **block}, place)
    if objective.mode != metric.mode:
        rule = f"{place}.mode is {objective.mode}, which seeks the worst {name}"
        remedy = f"take {metric.mode}, or leave mode out"
        raise UserError(Mistake(key=f"{place}.mode", rule=rule, remedy=remedy))
    return objective


def _check_comparable(
    metric: Metric, searched: Iterable[str], metrics: Iterable[Metric], place: str
) -> None:
    clashes = sorted(set(metric.depends_on) & set(searched))
    if not clashes:
        return
    fit = [other.name for other in metrics if not set(other.depends_on) & set(searched)]
    rule = (
        f"{metric.name} cannot compare trials while {' and '.join(clashes)} "
        f"{'is' if len(clashes) == 1 else 'are'} searched, which it is made of"
    )
    remedy = f"take one of {', '.join(fit)}"
    raise UserError(Mistake(place=f"{place}.metric", rule=rule, remedy=remedy))
