"""What promoted presets are called: as somebody says, else by their run; nothing is overwritten."""

import itertools
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

from models.errors import UserError
from models.presets import find_preset, preset_names
from models.training.contracts import ModelSpec
from tuner.promotion.pairs import is_leftover
from tuner.promotion.preset_text import check_own_file
from tuner.record.paths import check_run_name
from tuner.search.search import Search


@dataclass(frozen=True, kw_only=True)
class Naming:
    """How names are made.

    Attributes:
        stem: what they begin with.
        given: whether somebody chose it.
        alone: whether one preset is asked for, which then has the given name as it stands.
    """

    stem: str
    given: bool
    alone: bool


def check_names(search: Search, run: str, name: str | None, into: Path | None) -> None:
    """Check names and files before long work.

    Raises:
        UserError: a name cannot be used or is taken, or presets of that file would not be found.
    """
    check_run_name(run if name is None else name)
    if into is not None:
        check_own_file(into, search.model)
    if name is not None and name in preset_names(search.spec):
        provenance = find_preset(search.spec, name).provenance or {}
        if provenance.get("run") != run:  # which may have been promoted before
            raise UserError(f"the preset '{name}' exists already: choose another --name")


def free_names(
    folder: Path, spec: ModelSpec, naming: Naming, count: int, own: Collection[str]
) -> Sequence[str]:
    """Return the given name, or `<stem>-1`, `<stem>-2`, ... as far as free.

    Args:
        folder: where the presets go.
        spec: the model.
        naming: how they are called.
        count: how many names.
        own: presets that an earlier try at this promotion has made.

    Raises:
        UserError: a name that somebody chose is taken.
    """
    taken = set(preset_names(spec))
    numbered = (f"{naming.stem}-{number}" for number in itertools.count(1))
    names: list[str] = []
    for name in [naming.stem] if naming.given and naming.alone else numbered:
        if len(names) == count:
            break
        place = folder / name
        free = name not in taken and not (folder / f"{name}.yaml").exists()  # maybe a broken one
        if free and (not place.exists() or is_leftover(place)):
            names.append(name)
        elif naming.given and name not in own:
            raise UserError(f"the preset '{name}' exists already: choose another --name")
    return names
