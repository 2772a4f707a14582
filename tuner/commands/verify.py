"""`tuner presets verify`: train a promoted preset again, and say whether its number still holds."""

from collections.abc import Sequence
from statistics import fmean, stdev

from models.commands.progress import show_progress
from models.presets import Preset
from tuner.commands.confirm import train
from tuner.commands.confirmation_table import difference_words, remedies
from tuner.commands.console import output
from tuner.commands.presets import find_named
from tuner.promotion.verdicts import judge
from tuner.promotion.verification import Verdict, runs_of, verdict_of, verification_plan
from tuner.record.changes import code_changes
from tuner.record.environment import code_state, describe_driver
from tuner.record.outcomes import CHANCES
from tuner.record.paths import RunPaths, runs_folder
from tuner.record.values import value_words
from tuner.running.runner import RunOptions

_DOES_NOT_HOLD = 1


def verify_preset(
    name: str, model: str | None, *, num_seeds: int, address: str | None, command: Sequence[str]
) -> int:
    """Train a preset on fresh seeds and print how it stands; return 1 when its number is gone.

    Raises:
        UserError: no such preset, it was never promoted, its data are gone or others, or what a
            search may raise.
        SearchInterrupted: somebody ended it; the same command goes on.
    """
    preset = find_named(name, model)
    provenance = preset.provenance or {}
    plan = verification_plan(preset, num_seeds)
    plan.search.spec.check_data(plan.search.data)
    console = output()
    for line in code_changes(provenance, describe_driver(code_state(), command)):
        console.print(f"note: {line.replace('the run', 'the preset')}", soft_wrap=True)
    own = RunPaths(runs_of(runs_folder(), preset) / plan.id)
    with show_progress() as progress:
        options = RunOptions(
            address=address,
            command=command,
            progress=progress,
            go_on=f"`{' '.join(command)}`" if command else None,
        )
        trained = train(
            plan,
            own,
            options,
            rows=lambda training: _seconds_per_epoch(preset),
            digest=provenance["data"].get("digest"),
        )
    verdict = verdict_of(preset, plan, judge(plan, trained).baseline)
    for line in _lines(preset, verdict, plan.search.objective.metric):
        console.print(line, soft_wrap=True)
    return 0 if verdict.holds else _DOES_NOT_HOLD


def _seconds_per_epoch(preset: Preset) -> float | None:
    provenance = preset.provenance or {}
    epochs = provenance.get("trial", {}).get("epochs")
    return provenance.get("wall_seconds", 0.0) / epochs if epochs else None


def _lines(preset: Preset, verdict: Verdict, metric: str) -> list[str]:
    picked = "" if len(verdict.before) > 1 else ", the best of a search, not confirmed"
    lines = [
        f"{preset.name}, {metric}",
        f"  when promoted  {_spread(verdict.before)}{picked}",
        f"  now            {_spread(list(verdict.now.values.values()))}",
        *(f"  seed {seed}: failed ({cause})" for seed, cause in verdict.now.failures.items()),
    ]
    if verdict.difference is not None:
        level = f"{verdict.difference.level:.0%}"
        lines.append(f"  difference     {difference_words(verdict.difference)} ({level} interval)")
    failed = [cause for cause in verdict.now.failures.values() if cause in CHANCES]
    again = f"the same command trains again what failed so ({remedies(failed)})"
    return [*lines, _sentence(preset, verdict), *([again] if failed else [])]


def _sentence(preset: Preset, verdict: Verdict) -> str:
    if verdict.holds:
        return f"the number of {preset.name} holds"
    if verdict.faults:
        causes = ", ".join(dict.fromkeys(verdict.faults))
        return f"the number of {preset.name} does not hold: trainings failed ({causes})"
    if verdict.difference is None:
        return f"nothing can be said of {preset.name}: fewer than two trainings came to a value"
    worse = value_words(-verdict.difference.mean)
    return (
        f"the number of {preset.name} does not hold: it is {worse} worse, and its whole interval "
        "lies below 0"
    )


def _spread(values: Sequence[float]) -> str:
    if not values:
        return "no value"
    spread = f" +- {value_words(stdev(values))}" if len(values) > 1 else ""
    seeds = "seed" if len(values) == 1 else "seeds"
    return f"{value_words(fmean(values))}{spread} ({len(values)} {seeds})"
