"""`tuner promote`: confirm the best trials of a run on fresh seeds, make presets of the winners."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from models.commands.progress import show_progress
from models.errors import UserError
from models.presets import Preset, find_preset
from models.registry import model_spec
from models.wording import count
from tuner.commands.confirm import confirm
from tuner.commands.confirmation_table import confirmation_table, summary_lines
from tuner.commands.console import output
from tuner.commands.tables import state_words, stretches_words
from tuner.promotion.candidates import Promoted, passed_over
from tuner.promotion.changes import short
from tuner.promotion.confirmation_plan import Plan, fresh_seeds, seeds_of
from tuner.promotion.contenders import contenders, to_beat
from tuner.promotion.model_card import kept_words
from tuner.promotion.names import check_names
from tuner.promotion.promotion import promote
from tuner.promotion.requests import Request, aimed_at
from tuner.record.confirmations import Confirmation
from tuner.record.paths import RunPaths, confirmed_run, find_run, is_run
from tuner.record.promotions import read_promotions
from tuner.record.results import Run, read_run
from tuner.record.search_copy import read_search
from tuner.record.values import value_words
from tuner.running.runner import RunOptions
from tuner.search.compared_rows import rows_words
from tuner.search.search import Search

NONE_WINS = 1
"""Exit code where nothing was promoted, as nothing is better than the preset to beat."""
_RESUMED = "\n  made by a promotion that was broken off; it is in the run's record now"


@dataclass(frozen=True, kw_only=True)
class PromoteOptions:
    """What is asked of `tuner promote`.

    Attributes:
        top: how many of the best trials.
        trials: these instead, by number.
        objective: another recorded metric to rank and compare by.
        confirm_seeds: on how many fresh seeds winners prove themselves; None for no proof.
        against: the preset to beat, instead of the search's.
        name: what the presets are called.
        into: the preset file that they are added to.
        address: the Ray cluster to join.
        command: the command line, for the record.
    """

    top: int = 1
    trials: tuple[int, ...] = ()
    objective: str | None = None
    confirm_seeds: int | None = None
    against: str | None = None
    name: str | None = None
    into: Path | None = None
    address: str | None = None
    command: Sequence[str] = ()

    def __post_init__(self) -> None:
        given = {"--against": self.against, "--address": self.address}
        vain = [flag for flag, value in given.items() if value is not None]
        if vain and self.confirm_seeds is None:
            raise UserError(
                f"{' and '.join(vain)} would have no effect with --no_confirm, which trains "
                "nothing: remove one or the other"
            )

    @property
    def request(self) -> Request:
        """Which trials."""
        return Request(top=self.top, trials=self.trials)


def promote_trials(name: str, options: PromoteOptions) -> int:
    """Confirm trials, promote those that win, print what was made; return the exit code.

    Raises:
        UserError: see `promote` and `confirm`.
        SearchInterrupted: somebody ended the confirmation; the same command goes on.
    """
    paths = find_run(name)
    if (over := confirmed_run(paths)) is not None:
        what, remedy = "verifies a preset", "nothing can be promoted from it"
        if is_run(over):
            what = f"is a confirmation of the run '{over.name}'"
            remedy = f"promote from that, with `tuner promote {over.handle}`"
        raise UserError(f"'{paths.name}' {what}: {remedy}")
    run, search = read_run(paths), aimed_at(read_search(paths), options.objective)
    confirmation = None
    if options.confirm_seeds is not None:
        check_names(search, paths.name, options.name, options.into)
        confirmation = _confirmation(run, search, options)
        if not any(one.wins for one in confirmation.candidates):
            return NONE_WINS
    promoted = promote(
        paths,
        top=options.top,
        trials=options.trials,
        objective=options.objective,
        name=options.name,
        into=options.into,
        confirmation=confirmation,
    )
    _print_promoted(paths, search, promoted, confirmation, options)
    return 0


def training_command(preset: Preset) -> str:
    """Return what to type to train a promoted preset on the data of its search."""
    data = (preset.provenance or {}).get("data", {}).get("settings", {})
    return model_spec(preset.model).training_command(preset.name, data)


def _confirmation(run: Run, search: Search, options: PromoteOptions) -> Confirmation:
    """Retrain the best trials and the preset to beat, and print how they stand."""
    console = output()
    against = None if options.against is None else find_preset(search.spec, options.against)
    baseline = to_beat(search, against)
    seeds = fresh_seeds(_origin(run), options.confirm_seeds or 0, seeds_of(search))
    chosen, said = contenders(run, search, baseline, options.request)
    plan = Plan(search=search, baseline=baseline, candidates=tuple(chosen), seeds=seeds)
    fixed = ", ".join(f"{key} {short(value)}" for key, value in search.fixed.items())
    beaten = f" with the search's fixed keys ({fixed})" if fixed and against is None else ""
    console.print(f"to beat: {baseline.name}{beaten}", soft_wrap=True)
    for one in chosen:
        console.print(f"{one.name}: {one.changes}", soft_wrap=True)
    for line in said:
        console.print(line, soft_wrap=True)
    with show_progress() as progress:
        go_on = f"`{' '.join(options.command)}`" if options.command else None
        running = RunOptions(
            address=options.address, command=options.command, progress=progress, go_on=go_on
        )
        confirmation = confirm(run, plan, running)
    console.print()
    console.print(confirmation_table(confirmation))
    for line in summary_lines(confirmation):
        console.print(line, soft_wrap=True)
    return confirmation


def _origin(run: Run) -> str:
    """Return what the fresh seeds of a run are derived from: the same however often it goes on."""
    return next((row.trial for row in run.rows), run.name)


def _print_promoted(
    paths: RunPaths,
    search: Search,
    promoted: Sequence[Promoted],
    confirmation: Confirmation | None,
    options: PromoteOptions,
) -> None:
    console = output()
    for one in promoted:
        console.print(_promoted_words(one), soft_wrap=True)
    for line in _promoted_before(paths, promoted, confirmation):
        console.print(line, soft_wrap=True)
    for line in _passed_over(paths, search, promoted):
        console.print(line, soft_wrap=True)
    wanted = options.request.count
    if confirmation is None and len(promoted) < wanted:
        console.print(f"no more trials of this run have a checkpoint ({len(promoted)} of {wanted})")
    if promoted:
        first = promoted[0].preset
        if kept := kept_words(search.spec, search.objective.metric):
            console.print(kept, soft_wrap=True)
        console.print(f"train from it: {training_command(first)}", soft_wrap=True)


def _promoted_words(one: Promoted) -> str:
    preset = one.preset
    provenance = preset.provenance or {}
    metric, last = provenance["metric"], provenance["last_value"]
    said = "" if last is None else f", last {value_words(last)}"
    if one.confirmed:
        said += f"\n  {preset.config.description}"
    return (
        f"{preset.name}: trial {one.row.number}, {metric['name']} {value_words(metric['value'])}"
        f"{rows_words(metric)} after epoch {metric['epoch']}{said}\n"
        f"  {preset.source}, {count(len(preset.checkpoints), 'checkpoint')} in {one.folder}"
        f"{_RESUMED if one.resumed else ''}"
    )


def _promoted_before(
    paths: RunPaths, promoted: Sequence[Promoted], confirmation: Confirmation | None
) -> Iterator[str]:
    """Yield a line for each winner that has its preset already."""
    new = {one.row.number for one in promoted}
    known = {one.number: one.preset for one in read_promotions(paths) if one.confirmed}
    for one in confirmation.candidates if confirmation else ():
        if one.wins and one.number not in new and one.number in known:
            yield f"{one.name} was promoted before, as {known[one.number]}"


def _passed_over(paths: RunPaths, search: Search, promoted: Sequence[Promoted]) -> Iterator[str]:
    metric = search.objective.metric
    run = read_run(paths)
    for row in passed_over(run, search, promoted):
        best = row.best(search.ranking)
        assert best is not None
        reason = "a failed trial is never promoted"
        if row.state != "failed":
            reason = (
                f"it was trained with settings that changed ({stretches_words(run, row)}), and a "
                "preset has one value a key"
            )
        yield (
            f"passed over: trial {row.number}, {metric} {value_words(best.metrics[metric])}, "
            f"{state_words(row)}: {reason}"
        )
