"""The search file that a user names, read and checked.

    search = load_search("grammar_vae/quickstart", overrides=["budget.num_trials=4"])
    config = search.config_for({"beta": 0.01})

Every mistake in a file is reported at once.
"""

import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from functools import lru_cache
from pathlib import Path
from typing import Any

from models.commands.standard_input import is_stream, name_of, read_stream_text
from models.config_file import parse_yaml_with_lines, read_yaml_with_lines
from models.errors import UserError, with_key
from models.key_lines import KeyLines
from models.presets import find_preset
from models.training.contracts import ProgressCallback
from tuner.errors import SearchInvalid
from tuner.search.machine import Machine
from tuner.search.origins import Origins, changes_hint
from tuner.search.overrides import apply_overrides
from tuner.search.reader import FindRun, SearchReader
from tuner.search.search import Search
from tuner.search.search_files import find_search_file


def load_search(
    path_or_name: str | Path,
    overrides: Iterable[str] = (),
    *,
    check_files: bool = False,
    find_run: FindRun | None = None,
    machine: Machine | None = None,
) -> Search:
    """Read a search file, or one that ships by its name, with changes like `budget.num_trials=8`.

    Args:
        path_or_name: the file, or the name of one that ships.
        overrides: the changes.
        check_files: whether a file of the data that is missing is a mistake, as before a start.
        find_run: refuses a run to begin with that is not there; None leaves that for later.
        machine: what a trial has to fit on; None where that is not known.

    Raises:
        UserError: no such file, or malformed YAML.
        SearchInvalid: with every mistake in the content, and the line of each.
    """
    path, overrides = find_search_file(path_or_name), tuple(overrides)
    raw, lines = _read(path)
    content = apply_overrides(raw, overrides)
    source = name_of(path)
    options = {"check_files": check_files, "find_run": find_run, "machine": machine}
    try:
        return SearchReader(content, source, find_preset, **options).read()
    except SearchInvalid as error:
        located = Origins(lines, overrides).locate(error.mistakes)
        is_sound = overrides and _is_sound(SearchReader(raw, source, find_preset, **options))
        hint = changes_hint(located) if is_sound else ""
        raise SearchInvalid(error.source, located, hint) from None


def load_data(search: Search, progress: ProgressCallback | None) -> Any:
    """Load the data of a search.

    Raises:
        SearchInvalid: they cannot be loaded.
    """
    try:
        return search.spec.load_data(search.data, progress)
    except UserError as error:
        raise SearchInvalid(search.source, with_key(error.mistakes, "data")) from error


@contextmanager
def told_with_lines(path_or_name: str | Path, overrides: Iterable[str] = ()) -> Iterator[None]:
    """Tell what is found wrong with a search in the block, as with its data, with its lines, too.

    Raises:
        SearchInvalid: what the block raises, with the lines of the file.
    """
    try:
        yield
    except SearchInvalid as error:
        lines = _read(find_search_file(path_or_name))[1]
        located = Origins(lines, overrides).locate(error.mistakes)
        raise SearchInvalid(error.source, located) from None


def read_content(path: Path) -> dict[str, Any]:
    """Return what a search file holds.

    Raises:
        UserError: no YAML, or no mapping.
    """
    return _read(path)[0]


def _is_sound(reader: SearchReader) -> bool:
    with suppress(SearchInvalid):
        reader.read()
        return True
    return False


def _read(path: Path) -> tuple[dict[str, Any], KeyLines]:
    if is_stream(path):
        which = path.stat().st_ino if path.exists() else id(sys.stdin)
        content, lines = parse_yaml_with_lines(_stream_text(path, which), name_of(path))
    else:
        content, lines = read_yaml_with_lines(path)
    if not isinstance(content, dict):
        raise SearchInvalid(name_of(path), [f"it holds {content!r}: give `model:`, `preset:`, ..."])
    return content, lines


@lru_cache(maxsize=8)
def _stream_text(path: Path, _which: int) -> str:
    """Return what comes in a stream, which is looked at again where its lines are told."""
    return read_stream_text(path)
