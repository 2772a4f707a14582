"""In what two settings differ, for descriptions and for `tuner presets diff`."""

from typing import Any

from models.config_file import to_mapping
from models.effects import plain
from tuner.search.domains import same_value

_NO_SETTING = ("description", "seed", "save_top_k")
"""Keys that say nothing of how good a setting is."""
_SHORT = 6


def changed_keys(before: Any, after: Any) -> dict[str, tuple[Any, Any]]:
    """Return the keys in which two settings of a model differ, with both values."""
    old, new = to_mapping(before), to_mapping(after)
    return {key: (old[key], new[key]) for key in old if not same_value(old[key], new[key])}


def changes_words(before: Any, after: Any) -> str:
    """Return the changes in one line: `beta 1.0 -> 0.03, encoder_kernel 3,5,7 -> 3,7,9,9`."""
    return ", ".join(
        f"{key} {short(old)} -> {short(new)}"
        for key, (old, new) in changed_keys(before, after).items()
        if key not in _NO_SETTING
    )


def short(value: Any) -> str:
    """Return a value in a few characters."""
    if isinstance(value, list | tuple):
        return ",".join(map(short, value))
    text = plain(value)
    return f"{value:.3g}" if isinstance(value, float) and len(text) > _SHORT else text
