"""What a run took from earlier runs when it began, in a file of its folder."""

import json
from dataclasses import asdict, replace

from models.config_file import write_text
from models.errors import UserError
from tuner.record.paths import RunPaths
from tuner.search.search import KnownTrial, Search, WarmStart


def write_earlier(search: Search, paths: RunPaths) -> None:
    """Write what a search takes from earlier runs into its folder; nothing where it takes nothing.

    Raises:
        UserError: the disk is full.
    """
    points = [one for one in search.warm_starts if one.preset is None]
    if not points and not search.known:
        return
    content = {
        "points": [{"name": one.name, "values": dict(one.values)} for one in points],
        "known": [asdict(one) for one in search.known],
    }
    write_text(paths.warm_start_file, json.dumps(content, indent=1) + "\n")


def with_written(search: Search, paths: RunPaths) -> Search:
    """Return a run's search with what it took from earlier runs when it began.

    Raises:
        UserError: the file is damaged.
    """
    if not paths.warm_start_file.exists():
        return search
    try:
        content = json.loads(paths.warm_start_file.read_text(encoding="utf-8"))
        points = [WarmStart(**one) for one in content["points"]]
        known = [KnownTrial(**{**one, "scores": tuple(one["scores"])}) for one in content["known"]]
    except (ValueError, KeyError, TypeError) as error:
        raise UserError(f"{paths.warm_start_file}: damaged ({error}): restore it") from error
    return replace(search, warm_starts=(*search.warm_starts, *points), known=tuple(known))
