"""Changes to a search file from the command line: `--set budget.num_trials=8`."""

import copy
from collections.abc import Iterable, Mapping
from typing import Any

from models.config_file import parse_yaml
from models.errors import UserError


def apply_overrides(
    raw: Mapping[str, Any],
    overrides: Iterable[str],
    flag: str = "--set",
    example: str = "budget.num_trials=8",
) -> dict[str, Any]:
    """Return the content of a search file with `key.path=value` changes, in order: the last holds.

    A value is YAML (`8`, `1e-3`, `[3, 5]`, `{uniform: [0, 1]}`). `null` removes the key, so that
    its default holds, or so that it is no longer searched.

    Args:
        raw: the content.
        overrides: the changes.
        flag: by which they were given, for messages.
        example: one that is right, for messages.

    Raises:
        UserError: not of that form, or the path leads through something that is no block.
    """
    content = copy.deepcopy(dict(raw))
    for override in overrides:
        path, equals, text = override.partition("=")
        keys = path.strip().split(".")
        said = f"{flag} {override}"
        if not equals or not all(keys):
            raise UserError(f"{said}: write key=value, for example {flag} {example}")
        value = parse_yaml(text, said)
        block = _block(content, keys[:-1], said)
        if value is None:
            block.pop(keys[-1], None)
        else:
            block[keys[-1]] = value
    return content


def _block(content: dict[str, Any], keys: list[str], said: str) -> dict[str, Any]:
    for depth, key in enumerate(keys, start=1):
        inner = content.get(key)
        if inner is None:
            inner = content[key] = {}
        if not isinstance(inner, dict):
            name = ".".join(keys[:depth])
            raise UserError(
                f"{said}: {name} is {inner!r}, which has no keys: set it as a whole, "
                f"{said.partition(' ')[0]} '{name}=...'"
            )
        content = inner
    return content
