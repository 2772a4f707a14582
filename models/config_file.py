"""YAML text to typed settings and back: the only place of the project that reads YAML.

Two repairs to what PyYAML does: numbers are those of YAML 1.2 (`1e-4` is one, `12:30` and `010`
are text), and a key given twice is an error instead of a silent win for the last one.
"""

import contextlib
import dataclasses
import json
import math
import os
import re
import tempfile
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import TypeAdapter, ValidationError

from models.errors import UserError, did_you_mean, did_you_mean_of

ConfigT = TypeVar("ConfigT")

_INT_TAG = "tag:yaml.org,2002:int"
_FLOAT_TAG = "tag:yaml.org,2002:float"
_INT = re.compile(r"[-+]?(0|[1-9]\d*)$")
_FLOAT = re.compile(
    r"([-+]?((\d+\.\d*|\.\d+)([eE][-+]?\d+)?|\d+[eE][-+]?\d+|\.(inf|Inf|INF))|\.(nan|NaN|NAN))$"
)


class _StrictLoader(yaml.SafeLoader):
    """PyYAML's safe loader with YAML 1.2 floats and without duplicate keys."""


class _PlainDumper(yaml.SafeDumper):
    """PyYAML's safe dumper: lists on one line, quotes around all that our loader would misread."""


def parse_yaml(text: str, source: str) -> object:
    """Read YAML text into plain Python values.

    Raises:
        UserError: malformed YAML, a duplicate key, a Python tag; with `source`, line and column.
    """
    try:
        return yaml.load(text, Loader=_StrictLoader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        place = f", line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        context = f" ({error.context})" if error.context else ""
        raise UserError(f"{source}{place}: {error.problem}{context}") from error
    # PyYAML lets through what int() or a date says of 2026-13-45, and its own deep recursion.
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise UserError(f"{source}: not readable as YAML: {error}") from error


def read_yaml(path: Path) -> object:
    """Read a YAML file into plain Python values.

    Raises:
        UserError: the file is missing, not UTF-8 text, or not the YAML we accept.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise UserError(f"{path}: no such file") from error
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: cannot be read: {error}") from error
    return parse_yaml(text, str(path))


def to_config(config_type: type[ConfigT], data: Mapping[str, object], source: str) -> ConfigT:
    """Build a settings dataclass from plain values, strictly.

    Args:
        config_type: a keyword-only dataclass.
        data: keys and plain YAML values.
        source: where the data came from, for messages.

    Raises:
        UserError: unknown keys (with the nearest and all legal ones), wrong types, broken rules:
            all of them at once.
    """
    known = [field.name for field in dataclasses.fields(config_type)]  # pyright: ignore[reportArgumentType]
    mistakes = _unknown_keys([str(key) for key in data if key not in known], known, source)
    mistakes += [
        f"{source}: {key} is {data[key]}: give a finite number" for key in _not_finite(data)
    ]
    legible = {key: data[key] for key in data if key in known and key not in _not_finite(data)}
    config: Any = None
    try:
        # Through JSON, since only there strict mode takes a list for a tuple.
        text = json.dumps(legible, default=str)
        config = _adapter(config_type).validate_json(text, strict=True)
    except ValidationError as error:
        # What is missing, or broken between keys, may follow from a key that is misspelt.
        mistakes += _explain(error, data, source, only_values=bool(mistakes))
    if mistakes:
        raise UserError("\n".join(mistakes))
    return config


def to_mapping(config: object) -> dict[str, Any]:
    """Return a settings dataclass as plain YAML values: the inverse of `to_config`."""
    return json.loads(json.dumps(dataclasses.asdict(config)))  # pyright: ignore[reportArgumentType]


def dump_yaml(data: Mapping[str, object], header: str = "") -> str:
    """Render plain values as YAML, keys in the given order, below `header` as comment lines."""
    comment = "".join(f"# {line}".rstrip() + "\n" for line in header.splitlines())
    body = yaml.dump(dict(data), Dumper=_PlainDumper, sort_keys=False, allow_unicode=True, width=96)
    return comment + body


def write_text(path: Path, text: str) -> None:
    """Write a text file beside its place, then rename: a reader sees the old or the new file.

    Raises:
        UserError: the disk is full or the folder cannot be written; the old file is intact.
    """
    handle = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, beside = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        Path(beside).chmod(0o644)
        Path(beside).replace(path)
    except OSError as error:
        if handle is not None:
            with contextlib.suppress(OSError):
                Path(beside).unlink()  # pyright: ignore[reportPossiblyUnboundVariable]
        raise UserError(f"{path}: cannot be written: {error.strerror or error}") from error


@cache
def _adapter(config_type: type) -> TypeAdapter[Any]:
    return TypeAdapter(config_type)


def _unknown_keys(unknown: Sequence[str], known: Sequence[str], source: str) -> list[str]:
    """Return a line for each unknown key; the last one lists the legal keys, once for all."""
    hints = [did_you_mean(key, known) for key in unknown[:-1]]
    hints += [did_you_mean_of(key, known) for key in unknown[-1:]]
    return [
        f"{source}: unknown key '{key}'.{hint}" for key, hint in zip(unknown, hints, strict=True)
    ]


def _not_finite(data: Mapping[str, object]) -> list[str]:
    return [k for k, v in data.items() if isinstance(v, float) and not math.isfinite(v)]


def _explain(
    error: ValidationError, data: Mapping[str, object], source: str, *, only_values: bool
) -> list[str]:
    items = [(_place(item["loc"], data), item) for item in error.errors()]
    # A key of several types refuses once for each: the broken rule says more than the types.
    ruled = {place for place, item in items if not item["type"].endswith("_type")}
    lines: dict[tuple[int | str, ...], list[str]] = {}
    for place, item in items:
        # A list of numbers is also no number: the item that is wrong says more.
        deeper = any(len(o) > len(place) and o[: len(place)] == place for o, _ in items)
        deeper = deeper or (place in ruled and item["type"].endswith("_type"))
        if not (deeper or (only_values and (not place or item["type"] == "missing"))):
            sentence = _sentence(".".join(map(str, place)), item)
            lines.setdefault(place, []).append(f"{source}: {sentence}")
    return [line for place, said in lines.items() for line in _joined(said, place in ruled)]


def _joined(lines: list[str], is_ruled: bool) -> list[str]:
    """Return the lines of a place; what several types ask for becomes one line."""
    if is_ruled or len(lines) == 1:
        return lines
    wanted = [line.rpartition("Input should be ")[2] for line in lines[1:]]
    return [" or ".join([lines[0], *wanted])]


def _sentence(place: str, item: Any) -> str:
    message = str(item["msg"]).removeprefix("Value error, ").replace("valid array", "list")
    if item["type"] == "missing":
        return f"{place} is missing"
    # A rule of the whole dataclass has no place of its own, and names its keys itself.
    return f"{place} is {item['input']!r}: {message}" if place else message


def _place(path: Sequence[int | str], data: object) -> tuple[int | str, ...]:
    """Return the keys and positions of a path, without pydantic's names for parts of a union."""
    place: list[int | str] = []
    for part in path:
        if isinstance(data, Mapping):
            place.append(part)
            data = data.get(part)
        elif isinstance(data, list | tuple) and isinstance(part, int):
            place.append(part)
            data = data[part]
    return tuple(place)


def _construct_mapping(loader: _StrictLoader, node: yaml.MappingNode) -> dict[Any, Any]:
    seen: set[object] = set()
    for key_node, _ in node.value:
        key = loader.construct_object(key_node, deep=True)
        if not isinstance(key, str | int | float | bool | None):
            raise yaml.constructor.ConstructorError(
                None, None, "a key must be plain text or a number", key_node.start_mark
            )
        if key in seen:
            raise yaml.constructor.ConstructorError(
                None, None, f"the key '{key}' is given twice: keep one", key_node.start_mark
            )
        seen.add(key)
    return yaml.SafeLoader.construct_mapping(loader, node, deep=True)


def _represent_text(dumper: yaml.SafeDumper, data: str) -> yaml.Node:
    # PyYAML writes this line break raw and reads it back as a newline.
    style = '"' if "\x85" in data else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", data, style=style)


def _represent_list(dumper: yaml.SafeDumper, data: list[Any] | tuple[Any, ...]) -> yaml.Node:
    scalars = all(isinstance(item, str | int | float | bool | None) for item in data)
    return dumper.represent_sequence("tag:yaml.org,2002:seq", data, flow_style=scalars)


_StrictLoader.add_constructor("tag:yaml.org,2002:map", _construct_mapping)
_PlainDumper.add_implicit_resolver(  # quotes text that would read as a number
    _FLOAT_TAG, _FLOAT, list("-+0123456789.")
)
# Numbers as in YAML 1.2: PyYAML's own patterns read 12:30 as 750 and 010 as 8.
_StrictLoader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in pairs if tag not in (_INT_TAG, _FLOAT_TAG)]
    for first, pairs in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_StrictLoader.add_implicit_resolver(_INT_TAG, _INT, list("-+0123456789"))
_StrictLoader.add_implicit_resolver(_FLOAT_TAG, _FLOAT, list("-+0123456789."))
_PlainDumper.add_representer(str, _represent_text)
_PlainDumper.add_representer(list, _represent_list)
_PlainDumper.add_representer(tuple, _represent_list)
