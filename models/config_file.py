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
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import TypeAdapter, ValidationError
from yaml.composer import Composer
from yaml.constructor import SafeConstructor
from yaml.cyaml import CParser  # pyright: ignore[reportAttributeAccessIssue]
from yaml.resolver import Resolver

from models.errors import Mistake, UserError, unknown_keys
from models.key_lines import KeyLines, key_lines
from models.mistakes.values import explain
from models.mistakes.yaml_text import Refused, yaml_mistake

ConfigT = TypeVar("ConfigT")

_PAIRS = ("[]", "{}")
_INT_TAG = "tag:yaml.org,2002:int"
_FLOAT_TAG = "tag:yaml.org,2002:float"
_MERGE_TAG = "tag:yaml.org,2002:merge"
_INT = re.compile(r"[-+]?(0|[1-9]\d*)$")
_FLOAT = re.compile(
    r"([-+]?((\d+\.\d*|\.\d+)([eE][-+]?\d+)?|\d+[eE][-+]?\d+|\.(inf|Inf|INF))|\.(nan|NaN|NAN))$"
)


class _Unfit(yaml.constructor.ConstructorError):
    """A key or a value that we refuse, in our words."""


class _StrictLoader(yaml.SafeLoader):
    """PyYAML's safe loader with YAML 1.2 floats and without duplicate keys."""

    def construct_object(self, node: Any, deep: bool = False) -> Any:
        """Tell where a value is that Python refuses, as the date 2026-13-45."""
        try:
            return super().construct_object(node, deep)
        except ValueError as error:
            said = f"{node.value!r} cannot be read ({error}): put text in quotes"
            raise _Unfit(None, None, said, node.start_mark) from error


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
    except _Unfit as error:
        line, column = _place_of(error.problem_mark)
        raise UserError(f"{source}, line {line}, column {column}: {error.problem}") from error
    except yaml.MarkedYAMLError as error:
        raise UserError(yaml_mistake(_refused(error, text), text, source)) from error
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        sign = text[error.position]
        said = f"the character {sign!r} is not allowed: remove it"
        raise UserError(f"{source}, line {line}: {said}") from error
    except RecursionError as error:
        raise UserError(f"{source}: nested too deep: write it flatter") from error


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
        mistakes += explain(error, data, source, only_values=bool(mistakes))
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

    A link stays one: what it points to is written. What is no file, as `/dev/null` or a named
    pipe, is written into: renamed, a file would take the device's place on this machine for good.

    Raises:
        UserError: the disk is full or the folder cannot be written; the old file is intact.
    """
    handle = None
    try:
        if _is_stream(path):
            with path.open("w", encoding="utf-8") as stream:
                stream.write(text)
            return
        place = path.resolve() if path.is_symlink() else path
        place.parent.mkdir(parents=True, exist_ok=True)
        handle, beside = tempfile.mkstemp(dir=place.parent, prefix=f".{place.name}.")
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        Path(beside).chmod(0o644)
        Path(beside).replace(place)
    except OSError as error:
        if handle is not None:
            with contextlib.suppress(OSError):
                Path(beside).unlink()  # pyright: ignore[reportPossiblyUnboundVariable]
        raise UserError(f"{path}: cannot be written: {error.strerror or error}") from error


def _refused(error: yaml.MarkedYAMLError, text: str) -> Refused:
    begun = error.context_mark
    return Refused(
        problem=str(error.problem),
        at=_place_of(error.problem_mark),
        begun=_place_of(begun) if begun else None,
        opened=_open_bracket(text) if "that cannot start any token" not in str(error) else None,
    )


def _open_bracket(text: str) -> tuple[str, tuple[int, int]] | None:
    """Return the last bracket that is open at the end of a text, if that is its mistake."""
    opened: list[tuple[str, tuple[int, int]]] = []
    try:
        for token in yaml.scan(text, Loader=_StrictLoader):
            if token.id in ("[", "{"):
                opened.append((token.id, _place_of(token.start_mark)))
            elif token.id in ("]", "}") and (
                not opened or opened.pop()[0] + token.id not in _PAIRS
            ):
                return None
    except yaml.YAMLError:
        return None
    return opened[-1] if opened else None


def _place_of(mark: Any) -> tuple[int, int]:
    return mark.line + 1, mark.column + 1


def _is_stream(path: Path) -> bool:
    return path.exists() and not (path.is_file() or path.is_dir())


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


def _construct_mapping(loader: Any, node: yaml.MappingNode) -> dict[Any, Any]:
    seen: set[object] = set()
    for key_node, _ in node.value:
        if key_node.tag == _MERGE_TAG:  # PyYAML puts what it names in its place
            continue
        key = loader.construct_object(key_node, deep=True)
        if not isinstance(key, str | int | float | bool | None):
            raise _Unfit(None, None, "a key must be plain text or a number", key_node.start_mark)
        if key in seen:
            raise _Unfit(
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
