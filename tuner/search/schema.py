"""The JSON Schema of search files, by which editors complete keys, explain and underline them.

It is made of the very dataclasses that a search is checked by. It knows what each key takes; what
holds between keys only `tuner check` says.
"""

import ast
import inspect
import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

from models.config_file import json_schema
from models.registry import MODELS
from models.training.contracts import ModelSpec
from tuner.search.blocks import (
    AUTO,
    Budget,
    Keep,
    Log,
    Notify,
    Resources,
    SchedulerConfig,
    SearcherConfig,
)
from tuner.search.domain_parsing import OPTIONS
from tuner.search.field_kinds import field_kinds
from tuner.search.reader import KEYS
from tuner.search.space_check import NOT_SEARCHABLE

Schema = dict[str, Any]

_BLOCKS: Mapping[str, type] = {
    "searcher": SearcherConfig,
    "scheduler": SchedulerConfig,
    "budget": Budget,
    "resources": Resources,
    "keep": Keep,
    "log": Log,
    "notify": Notify,
}
_REQUIRED = ("model", "preset", "space", "scheduler", "budget")
_NUMBERS = {"type": "array", "items": {"type": "number"}, "minItems": 2, "maxItems": 2}
_DOCS = {
    "float": "All numbers from the first to the second.",
    "uniform": "All numbers from the first to the second.",
    "log_uniform": "The same with equal odds for every decade.",
    "int": "All whole numbers from the first to the second.",
    "log_int": "The same with equal odds for every decade.",
    "choice": "One of these values.",
    "list": "A list whose items are drawn one by one.",
    "constant": "This value, where the conditions hold.",
    "expr": "What follows from other keys, as kl_anneal_epochs / 2.",
    "step": "Only every so many; the second end is among them.",
    "log": "Equal odds for every decade.",
    "length": "A number, or the key that holds it.",
    "when": "Keys, and the value (or one of the values) that each must have.",
}


def search_schema() -> Schema:
    """Return the schema of search files of all models."""
    properties: dict[str, Schema] = {key: {} for key in KEYS}
    properties |= {key: block_schema(block) for key, block in _BLOCKS.items()}
    of_resources = properties["resources"]["properties"]
    doc = of_resources["gpu"].pop("description")
    of_resources["gpu"] = {"description": doc, "anyOf": [of_resources["gpu"], {"const": AUTO}]}
    properties["model"] = {"enum": sorted(MODELS), "description": "What is trained."}
    properties["preset"] = {"type": "string", "description": "Every key that is not searched."}
    properties["storage"] = {"type": "string", "description": "Where the run's folder is made."}
    properties["constraints"] = {
        "type": "array",
        "items": {"type": "string"},
        "description": "What every trial has to keep, as params <= 5e6 or beta * free_bits < 2.",
    }
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "A search of grammar-tuner",
        "type": "object",
        "properties": properties,
        "required": list(_REQUIRED),
        "additionalProperties": False,
        "allOf": [_of_model(MODELS[name]) for name in sorted(MODELS)],
        "definitions": {kind: _entry_schema(kind) for kind in OPTIONS},
    }


def block_schema(block: type, without: Sequence[str] = ()) -> Schema:
    """Return the schema of a settings dataclass, each key with its docstring."""
    schema = json_schema(block)
    schema = _inlined(schema, schema.pop("$defs", {}))
    docs = field_docs(block)
    for key, inner in schema["properties"].items():
        inner.pop("title", None)
        if key in docs:
            inner["description"] = docs[key]
    for key in without:
        schema["properties"].pop(key, None)
    schema.pop("title", None)
    return {**schema, "additionalProperties": False}


def _inlined(schema: Any, inner: Mapping[str, Schema]) -> Any:
    """Return a schema with those of dataclasses within it in their places."""
    if isinstance(schema, list):
        return [_inlined(each, inner) for each in schema]
    if not isinstance(schema, dict):
        return schema
    if "$ref" in schema:
        found = inner[schema["$ref"].rpartition("/")[2]]
        return {**_inlined(found, inner), "additionalProperties": False}
    return {key: _inlined(value, inner) for key, value in schema.items()}


def field_docs(block: type) -> dict[str, str]:
    """Return the docstrings that stand below the fields of a dataclass."""
    body = ast.parse(textwrap.dedent(inspect.getsource(block))).body[0]
    assert isinstance(body, ast.ClassDef)
    return {
        field.target.id: " ".join(doc.value.value.split())
        for field, doc in zip(body.body, body.body[1:], strict=False)
        if isinstance(field, ast.AnnAssign)
        and isinstance(field.target, ast.Name)
        and isinstance(doc, ast.Expr)
        and isinstance(doc.value, ast.Constant)
        and isinstance(doc.value.value, str)
    }


def _of_model(spec: ModelSpec) -> Schema:
    """Return what holds where this model is searched."""
    docs = field_docs(spec.config_type)
    keys = [key for key in spec.config_type.__dataclass_fields__ if key not in NOT_SEARCHABLE]
    space = {
        key: {
            "description": docs.get(key, ""),
            "anyOf": [{"$ref": f"#/definitions/{kind}"} for kind in _kinds(spec, key)],
        }
        for key in keys
    }
    then = {
        "fixed": block_schema(spec.config_type, without=("epochs", "description")),
        "data": block_schema(spec.data_type),
        "space": {"properties": space, "additionalProperties": False, "minProperties": 1},
        "objective": _objective_schema(spec),
    }
    condition = {"properties": {"model": {"const": spec.name}}, "required": ["model"]}
    return {"if": condition, "then": {"properties": then}}


def _kinds(spec: ModelSpec, key: str) -> list[str]:
    """Return what an entry of this key may be."""
    kinds = field_kinds(spec.config_type, key)
    fitting = {"float": ("float", "uniform", "log_uniform"), "int": ("int", "log_int")}
    ranges = [name for kind in kinds for name in fitting.get(kind, ())]
    lists = ["list"] if "list" in kinds else []
    return [*sorted(ranges), *lists, "choice", "constant", "expr"]


def _objective_schema(spec: ModelSpec) -> Schema:
    names = {"enum": [metric.name for metric in spec.objectives]}
    one = {
        "type": "object",
        "properties": {"metric": names, "mode": {"enum": ["max", "min"]}},
        "required": ["metric"],
        "additionalProperties": False,
    }
    several = {"type": "array", "items": {"anyOf": [names, one]}, "minItems": 1}
    docs = [f"{metric.name}: {metric.doc}" for metric in spec.objectives]
    return {"description": "\n".join(docs), "anyOf": [names, one, several]}


def _entry_schema(kind: str) -> Schema:
    """Return the schema of a key of a space that is of this kind."""
    values: dict[str, Schema] = {
        "choice": {"type": "array", "minItems": 2},
        "list": {"type": "object", "minProperties": 1},
        "constant": {},
        "expr": {"type": ["string", "number"]},
        "step": {"type": "number", "exclusiveMinimum": 0},
        "log": {"type": "boolean"},
        "length": {"type": ["integer", "string"]},
        "when": {"type": "object", "minProperties": 1},
    }
    allowed = (kind, *OPTIONS[kind], "when")
    return {
        "type": "object",
        "properties": {
            key: {**values.get(key, _NUMBERS), "description": _DOCS[key]} for key in allowed
        },
        "required": [kind, *(["length"] if kind == "list" else [])],
        "additionalProperties": False,
    }
