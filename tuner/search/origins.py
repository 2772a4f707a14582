"""Where the keys of a search were written: in a line of its file, or behind `--set`."""

import re
from collections.abc import Iterable
from dataclasses import replace

from models.errors import Mistake
from models.key_lines import KeyLines

SET = "--set"
_PARTS = re.compile(r"[^.\[\]\s]+")


class Origins:
    """Says where the keys of a search come from.

    Args:
        lines: of the file.
        overrides: changes to it, as `budget.num_trials=8`.
    """

    def __init__(self, lines: KeyLines, overrides: Iterable[str] = ()) -> None:
        self._set = {_parts(change.partition("=")[0]) for change in overrides}
        self._lines = {
            path: line
            for path, line in lines.items()
            if not any(path[:depth] in self._set for depth in range(1, len(path) + 1))
        }

    def locate(self, mistakes: Iterable[Mistake]) -> list[Mistake]:
        """Return the mistakes with where each was written, in the order of the file's lines."""
        found = [(self._find(each), each) for each in mistakes]
        found.sort(key=lambda pair: pair[0][0])
        return [replace(each, where=where) for (_, where), each in found]

    def _find(self, mistake: Mistake) -> tuple[int, str]:
        """Return the line, 0 where there is none, and the words for it."""
        place = _parts(mistake.place.partition(":")[0])
        path = (*place, *_parts(mistake.key))
        parts = [path[:depth] for depth in range(len(path), 0, -1)]
        for each in ((*place, mistake.key), *parts):  # a key may have dots in it
            if each in self._set:
                return 0, SET
            if each in self._lines:
                return self._lines[each], f"line {self._lines[each]}"
        return 0, ""


def changes_hint(mistakes: Iterable[Mistake]) -> str:
    """Return how changes to a sound file can be mended that do not fit the rest of it."""
    idle = [each.key for each in mistakes if each.where != SET and each.remedy == "remove it"]
    if idle:
        return (
            f"add {' '.join(f'--set {key}=null' for key in idle)}, which removes what is idle now"
        )
    return (
        "without --set the file has no mistakes: keys that hang together are changed in one call, "
        "a --set for each (KEY=null removes one), or as a block, --set 'KEY={...}'"
    )


def _parts(place: str) -> tuple[str | int, ...]:
    """Return the keys and positions of a place as `space.lr` or `objective[1]`."""
    return tuple(int(part) if part.isdigit() else part for part in _PARTS.findall(place))
