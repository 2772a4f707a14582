"""YAML text to typed settings and back: the only place of the project that reads YAML.

Two repairs to what PyYAML does: numbers are those of YAML 1.2 (`1e-4` is one, `12:30` and `010`
are text), and a key given twice is an error instead of a silent win for the last one.
"""

import contextlib
import copy
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
from yaml.composer import Composer
from yaml.constructor import SafeConstructor
from yaml.cyaml import CParser  # pyright: ignore[reportAttributeAccessIssue]
from yaml.resolver import Resolver

from models.errors import Mistake, UserError, did_you_mean, unknown_keys
from models.key_lines import KeyLines, key_lines

ConfigT = TypeVar("ConfigT")

_SHOULD_BE = {
    "bool_type": "true or false",
    "dataclass_type": "keys with values",
    "dict_type": "keys with values",
    "finite_number": "a finite number",
    "float_type": "a number",
    "int_type": "a whole number",
    "list_type": "a list",
    "string_type": "text",
    "tuple_type": "a list",
    "greater_than": "a value above {gt}",
    "greater_than_equal": "{ge} or more",
    "less_than": "a value below {lt}",
    "less_than_equal": "{le} or less",
    "literal_error": "{expected}",
}
"""What a value should be, by pydantic's type of the error and with the limits of its context."""
_QUOTED = re.compile(r"'([^']*)'")
_MOST_WHOLE = 1e9
"""Whole numbers up to here may be meant by one with a point or an exponent, as 1e3."""
_INT_TAG = "tag:yaml.org,2002:int"
_FLOAT_TAG = "tag:yaml.org,2002:float"
_MERGE_TAG = "tag:yaml.org,2002:merge"
_INT = re.compile(r"[-+]?(0|[1-9]\d*)$")
_FLOAT = re.compile(
    r"([-+]?((\d+\.\d*|\.\d+)([eE][-+]?\d+)?|\d+[eE][-+]?\d+|\.(inf|Inf|INF))|\.(nan|NaN|NAN))$"
)


class _StrictLoader(yaml.SafeLoader):
    """PyYAML's safe loader with YAML 1.2 floats and without duplicate keys."""


class _FastLoader(Composer, CParser, SafeConstructor, Resolver):
    """The same over libyaml's parser, which is quick; its words for mistakes are not as clear.

    Libyaml's own composer ends the process where a file is nested very deep.
    """

    def __init__(self, text: str) -> None:
        CParser.__init__(self, text)
        Composer.__init__(self)
        SafeConstructor.__init__(self)
        Resolver.__init__(self)


class _PlainDumper(yaml.SafeDumper):
    """PyYAML's safe dumper: lists on one line, quotes around all that our loader would misread."""


def parse_yaml(text: str, source: str) -> object:
    """Read YAML text into plain Python values.

    Raises:
        UserError: malformed YAML, a duplicate key, a Python tag; with `source`, line and column.
    """
    return parse_yaml_with_lines(text, source)[0]


def parse_yaml_with_lines(text: str, source: str) -> tuple[object, KeyLines]:
    """Read YAML text into plain Python values, and say in which lines their keys stand.

    Raises:
        UserError: what `parse_yaml` says.
    """
    try:
        try:
            return _load(_FastLoader(text))
        except (yaml.YAMLError, ValueError):
            return _load(_StrictLoader(text))
    except UserError as error:
        raise error.within(source) from error
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
    return read_yaml_with_lines(path)[0]


def read_yaml_with_lines(path: Path) -> tuple[object, KeyLines]:
    """Read a YAML file into plain Python values, and say in which lines their keys stand.

    Raises:
        UserError: what `read_yaml` says.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise UserError(f"{path}: no such file") from error
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: cannot be read: {error}") from error
    return parse_yaml_with_lines(text, str(path))


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
    mistakes = unknown_keys([str(key) for key in data if key not in known], known, place=source)
    endless = _not_finite(data)
    mistakes += [
        Mistake(place=source, key=key, value=data[key], rule="give a finite number")
        for key in endless
        if key in known
    ]
    legible = {key: data[key] for key in data if key in known and key not in endless}
    config: Any = None
    try:
        # Through JSON, since only there strict mode takes a list for a tuple.
        text = json.dumps(legible, default=str)
        config = _adapter(config_type).validate_json(text, strict=True)
    except ValidationError as error:
        # What is missing, or broken between keys, may follow from a key that is misspelt.
        mistakes += _explain(error, data, source, only_values=bool(mistakes))
    if mistakes:
        raise UserError(*mistakes)
    return config


def to_mapping(config: object) -> dict[str, Any]:
    """Return a settings dataclass as plain YAML values: the inverse of `to_config`."""
    return json.loads(json.dumps(dataclasses.asdict(config)))  # pyright: ignore[reportArgumentType]


def json_schema(config_type: type) -> dict[str, Any]:
    """Return the JSON Schema of a settings dataclass: a new one, which the caller may change."""
    return copy.deepcopy(_adapter(config_type).json_schema())


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


def _load(loader: Any) -> tuple[object, KeyLines]:
    try:
        root = loader.get_single_node()
        if root is None:
            return None, {}
        lines = key_lines(root)  # before what aliases stand for is written out
        return loader.construct_document(root), lines
    finally:
        loader.dispose()


@cache
def _adapter(config_type: type) -> TypeAdapter[Any]:
    return TypeAdapter(config_type)


def _not_finite(data: Mapping[str, object]) -> list[str]:
    return [k for k, v in data.items() if isinstance(v, float) and not math.isfinite(v)]


def _explain(
    error: ValidationError, data: Mapping[str, object], source: str, *, only_values: bool
) -> list[Mistake]:
    items = [(_place(item["loc"], data), item) for item in error.errors()]
    # A key of several types refuses once for each: the broken rule says more than the types.
    ruled = {place for place, item in items if not _is_of_type(item)}
    found: dict[tuple[int | str, ...], list[Any]] = {}
    for place, item in items:
        # A list of numbers is also no number: the item that is wrong says more.
        deeper = any(len(o) > len(place) and o[: len(place)] == place for o, _ in items)
        deeper = deeper or (place in ruled and _is_of_type(item))
        if not (deeper or (only_values and (not place or item["type"] == "missing"))):
            found.setdefault(place, []).append(item)
    return [
        mistake
        for place, said in found.items()
        # What several types ask for becomes one mistake.
        for together in ([[item] for item in said] if place in ruled else [said])
        for mistake in _mistakes(".".join(map(str, place)), together, source)
    ]


def _is_of_type(item: Any) -> bool:
    return item["type"].endswith("_type")


def _mistakes(key: str, items: Sequence[Any], source: str) -> Sequence[Mistake]:
    """Return the mistakes in the value of a key; `items` are one, or one for each of its types."""
    kind, value = items[0]["type"], items[0]["input"]
    if kind == "missing":
        missing = ".".join(filter(None, (key, str(items[0]["loc"][-1]))))
        return [Mistake(place=source, key=missing, rule=f"{missing} is missing")]
    reason = items[0]["ctx"]["error"] if kind == "value_error" else None
    # A rule of the whole dataclass has no key of its own, and names its keys itself.
    if not key and isinstance(reason, UserError):
        return reason.within(source).mistakes
    rule, remedy = str(reason or _rule(items)), _remedy(items[0], value)
    if remedy.endswith("?"):
        rule += "."
    value = value if key else ...
    return [
        Mistake(
            place=source,
            key=key,
            value=value,
            rule=rule,
            remedy=remedy,
            wrong_type=_is_of_type(items[0]),
        )
    ]


def _rule(items: Sequence[Any]) -> str:
    if any(item["type"] not in _SHOULD_BE for item in items):
        return " or ".join(item["msg"] for item in items)
    return "give " + " or ".join(map(_should_be, items))


def _remedy(item: Any, value: object) -> str:
    """Return what was probably meant, or the empty string."""
    kind = item["type"]
    if kind == "int_type" and isinstance(value, float) and value.is_integer():
        return f"write {value:.0f}" if abs(value) < _MOST_WHOLE else ""
    if kind == "literal_error" and isinstance(value, str):
        return did_you_mean(value, _QUOTED.findall(item["ctx"]["expected"])).strip()
    return ""


def _should_be(item: Any) -> str:
    limits = item.get("ctx", {}).items()
    shown = {name: f"{n:g}" if isinstance(n, float) else n for name, n in limits}
    return _SHOULD_BE[item["type"]].format(**shown)


def _place(path: Sequence[int | str], data: object) -> tuple[int | str, ...]:
    """Return the keys and positions of a path, without pydantic's names for parts of a union."""
    place: list[int | str] = []
    for part in path:
        if isinstance(data, Mapping):
            if part in data:
                place.append(part)
                data = data[part]
        elif isinstance(data, list | tuple) and isinstance(part, int):
            place.append(part)
            data = data[part]
    return tuple(place)


def _construct_mapping(loader: Any, node: yaml.MappingNode) -> dict[Any, Any]:
    seen: set[object] = set()
    for key_node, _ in node.value:
        if key_node.tag == _MERGE_TAG:  # PyYAML puts what it names in its place
            continue
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
    return SafeConstructor.construct_mapping(loader, node, deep=True)


def _represent_text(dumper: yaml.SafeDumper, data: str) -> yaml.Node:
    # PyYAML writes this line break raw and reads it back as a newline.
    style = '"' if "\x85" in data else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", data, style=style)


def _represent_list(dumper: yaml.SafeDumper, data: list[Any] | tuple[Any, ...]) -> yaml.Node:
    scalars = all(isinstance(item, str | int | float | bool | None) for item in data)
    return dumper.represent_sequence("tag:yaml.org,2002:seq", data, flow_style=scalars)


for _loader in (_StrictLoader, _FastLoader):
    _loader.add_constructor("tag:yaml.org,2002:map", _construct_mapping)
    # Numbers as in YAML 1.2: PyYAML's own patterns read 12:30 as 750 and 010 as 8.
    _loader.yaml_implicit_resolvers = {
        first: [(tag, pattern) for tag, pattern in pairs if tag not in (_INT_TAG, _FLOAT_TAG)]
        for first, pairs in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }
    _loader.add_implicit_resolver(_INT_TAG, _INT, list("-+0123456789"))
    _loader.add_implicit_resolver(_FLOAT_TAG, _FLOAT, list("-+0123456789."))
_PlainDumper.add_implicit_resolver(  # quotes text that would read as a number
    _FLOAT_TAG, _FLOAT, list("-+0123456789.")
)
_PlainDumper.add_representer(str, _represent_text)
_PlainDumper.add_representer(list, _represent_list)
_PlainDumper.add_representer(tuple, _represent_list)
