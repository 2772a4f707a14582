"""Who takes part in a confirmation: the best trials with settings of their own, and one to beat."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from models.config_file import to_mapping
from models.errors import UserError
from models.presets import Preset
from tuner.promotion.changes import changed_keys, changes_words
from tuner.promotion.requests import Request, wanted_rows
from tuner.record.results import Run
from tuner.record.trial_rows import TrialRow
from tuner.search.search import Search

_ASIDE = ("seed", "description", "save_top_k")
"""Keys in which equal settings may differ: they change nothing that is measured."""


@dataclass(frozen=True, kw_only=True)
class Contender:
    """A setting that is trained again.

    Attributes:
        name: what it is called: `trial 7`, or the preset's name.
        config: the model's settings, of the full length.
        row: the trial; None for a preset.
        value: the trial's in the search.
        changes: in what it differs from the preset to beat, in words.
    """

    name: str
    config: Any
    row: TrialRow | None = None
    value: float | None = None
    changes: str = ""

    @property
    def number(self) -> int | None:
        """The trial's number; None for a preset."""
        return None if self.row is None else self.row.number


def settings_key(config: Any) -> str:
    """Return what equal settings have in common."""
    settings = {key: value for key, value in to_mapping(config).items() if key not in _ASIDE}
    return json.dumps(settings, sort_keys=True)


def to_beat(search: Search, against: Preset | None = None) -> Contender:
    """Return the preset to beat, at the length of the search's trials.

    Args:
        search: whose preset, with its fixed keys, it is.
        against: another one, as it stands.
    """
    if against is None:
        return Contender(name=search.preset.name, config=search.base_config)
    config = replace(against.config, epochs=search.scheduler.max_epochs)
    return Contender(name=against.name, config=config)


def contenders(
    run: Run, search: Search, baseline: Contender, request: Request
) -> tuple[list[Contender], list[str]]:
    """Return the trials that take part, the best first, and a line for each that does not.

    Two trials of the same settings take part once, the better one; one of the settings of the
    preset to beat does not.

    Raises:
        UserError: no trial is left, one that is asked for cannot be promoted, or they differ from
            the preset to beat in what the objective is made of.
    """
    known = {settings_key(baseline.config): baseline}
    found: list[Contender] = []
    said: list[str] = []
    for row in wanted_rows(run, search, request):
        if len(found) == (request.top if not request.trials else len(request.trials)):
            break
        one = _contender(row, search, baseline)
        same = known.setdefault(settings_key(one.config), one)
        if same is one:
            found.append(one)
        else:
            said.append(f"{one.name} has the settings of {same.name}, which count once")
    if not found:
        raise UserError(
            f"no trial of the run '{run.name}' is left to confirm: {'; '.join(said)}"
            if said
            else f"the run '{run.name}' ({run.status}) has no trial that ended with a value: see "
            f"`tuner show {run.handle}`"
        )
    _refuse_incomparable(search, baseline, found)
    return found, said


def _refuse_incomparable(search: Search, baseline: Contender, found: Sequence[Contender]) -> None:
    changed = {key for one in found for key in changed_keys(baseline.config, one.config)}
    for objective in search.objectives:
        clashes = sorted(changed & set(search.spec.metric(objective.metric).depends_on))
        if clashes:
            raise UserError(
                f"{objective.metric} cannot compare {baseline.name} with the trials, which differ "
                f"in {' and '.join(clashes)}, of which it is made: take another --objective, or "
                "another preset to beat"
            )


def _contender(row: TrialRow, search: Search, baseline: Contender) -> Contender:
    config = search.config_for(row.params)
    best = row.best(search.ranking)
    assert best is not None
    return Contender(
        name=f"trial {row.number}",
        config=config,
        row=row,
        value=best.metrics[search.ranking.metric],
        changes=changes_words(baseline.config, config),
    )
