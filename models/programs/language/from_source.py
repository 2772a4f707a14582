"""Python source to derivations."""

import ast
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import product
from pathlib import Path

from models.commands.standard_input import is_stream, name_of, read_stream
from models.errors import UserError
from models.programs.language.annotations import read_annotation
from models.programs.language.docstring_types import types_in_examples
from models.programs.language.empty_lists import started_empty
from models.programs.language.kinds import (
    MAPS,
    MAX_PARAMETERS,
    SETS,
    TYPES,
    Type,
    language,
    said,
)
from models.programs.language.program import Program
from models.programs.language.python_files import parse_source, read_source, source_text
from models.programs.language.reading_scope import Scope, Slots
from models.programs.language.refusals import NeedsTexts, Refusal, excerpt
from models.programs.language.statements import BodyReader

_PLAIN = "parameters are plain names without default values"


def file_to_ids(path: Path) -> Program:
    """Return the derivation of the one function in a Python file; see `source_to_ids`.

    `-` is standard input.

    Raises:
        UserError: the file cannot be read, Python refuses it, or it is outside the language.
    """
    try:
        return source_to_ids(read_stream(path) if is_stream(path) else read_source(path))
    except UserError as error:
        raise UserError(f"{name_of(path)}: {error}") from error


def source_to_ids(source: str | bytes) -> Program:
    """Return the derivation of a Python function of the language.

    The types of parameters come from their annotations, or from their use. A doc string and
    comments are left out, as are imports from `typing`; nothing else is.

    Args:
        source: text, or the bytes of a file, whose encoding Python finds.

    Raises:
        UserError: anything outside the language, with line, column, the construct and what is
            allowed.
    """
    module = parse_source(source)
    try:
        return function_to_ids(_only_function(module))
    except Refusal as refusal:
        raise refusal.to_error(source_text(source)) from None


def function_to_ids(function: ast.FunctionDef | ast.AsyncFunctionDef) -> Program:
    """Return the derivation of a function as it stands in a syntax tree.

    Raises:
        Refusal: it is outside the language.
    """
    if isinstance(function, ast.AsyncFunctionDef):
        raise Refusal(function, "async is not in the language", "leave it out")
    try:
        return _read(function)
    except RecursionError:
        reason = "the program is nested too deeply"
        raise Refusal(function, reason, "use intermediate variables") from None


def _only_function(module: ast.Module) -> ast.FunctionDef | ast.AsyncFunctionDef:
    """Return the one function of a source."""
    found = [node for node in module.body if not _is_typing_import(node)]
    match found:
        case [ast.FunctionDef() | ast.AsyncFunctionDef() as function]:
            return function
        case []:
            raise UserError("line 1, column 1: the source is empty: write one function")
        case _:
            odd = next((n for n in found if not isinstance(n, ast.FunctionDef)), found[-1])
            raise Refusal(
                odd,
                "a program is one function and nothing else: leave the rest out",
                it=excerpt(odd),
            )


def _is_typing_import(node: ast.stmt) -> bool:
    return isinstance(node, ast.ImportFrom) and node.module == "typing"


def _read(function: ast.FunctionDef) -> Program:
    """Read a function with the only types of its parameters that fit their use.

    Calls of the function in its doc string tell which are meant, if those fit. Else all
    combinations are tried that annotations leave open; most fail at the first statement. Floats and
    lists of str are tried last: whatever fits without them means something else.
    """
    parameters = _parameters(function)
    annotated: list[Type | None] = [read_annotation(item.annotation) for item in parameters]
    reader = _FunctionReader(function, parameters, read_annotation(function.returns))
    told = types_in_examples(function)
    if told is not None and _agrees(told, annotated):
        for how in _WAYS:
            with suppress(Refusal):
                return reader.read(told, how)
    fits: list[tuple[Sequence[Type], Program]] = []
    farthest: Refusal | None = None
    for how in _WAYS:
        for types in () if fits or not reader.may(how) else _combinations(annotated, how):
            try:
                fits.append((types, reader.read(types, how)))
            except NeedsTexts:
                continue
            except Refusal as refusal:
                if farthest is None or refusal.progress > farthest.progress:
                    farthest = refusal
    if len(fits) > 1:
        raise _ambiguous(parameters, [types for types, _ in fits])
    if farthest and not fits:
        raise farthest
    return fits[0][1]


def _agrees(told: Sequence[Type], annotated: Sequence[Type | None]) -> bool:
    return len(told) == len(annotated) and all(
        given in (None, found) for given, found in zip(annotated, told, strict=True)
    )


@dataclass(frozen=True, kw_only=True)
class _Way:
    """How far a function is read for what it may mean, the most likely meaning first.

    Args:
        texts: whether there may be lists of str in it.
        texts_given: whether parameters of unknown type may be some, or floats.
        counts_values: whether `if xs:` may ask for a number, a text or a list; it says little of
            the type of xs.
    """

    texts: bool = False
    texts_given: bool = False
    counts_values: bool = False


_WAYS = [
    _Way(texts=texts, texts_given=given, counts_values=counts_values)
    for texts, given in ((False, False), (True, False), (True, True))
    for counts_values in (False, True)
]


_GUESSED_LAST: tuple[Type, ...] = ("texts", "float")
"""Types of parameters that are tried where nothing else fits: what fits an int fits a float."""

_NEVER_GUESSED: tuple[Type, ...] = (*SETS, *MAPS)
"""Those that an annotation or an example must tell: with them there are too many to try."""


_Types = dict[str, tuple[Type, ...]]
"""Types that are tried for parameters and for what starts empty, by name."""


class _FunctionReader:
    """Reads one function under given types of its parameters."""

    def __init__(
        self, function: ast.FunctionDef, parameters: Sequence[ast.arg], returned: Type | None
    ) -> None:
        self._function = function
        self._parameters = parameters
        self._returned: Type | None = returned
        self._body = _without_doc_string(function.body)
        self._empty = started_empty(self._body)
        self._wants_texts = bool(self._empty)
        self._refused: dict[_Way, list[tuple[_Types, Refusal]]] = {}

    def may(self, how: _Way) -> bool:
        """Tell whether another way to read may do more than those before."""
        is_open = any(parameter.annotation is None for parameter in self._parameters)
        return is_open if how.texts_given else self._wants_texts or not how.texts

    def read(self, types: Sequence[Type], how: _Way) -> Program:
        """Read the function; `[]` starts a list of int where that fits, else one of str.

        So do `set()` and `{}` start the first of their types that fits.

        Raises:
            Refusal: nothing fits; the one of the try that came farthest.
        """
        given: _Types = {p.arg: (of,) for p, of in zip(self._parameters, types, strict=True)}
        farthest: Refusal | None = None
        for tried in self._tries(given, list(self._empty), how):
            refusal = tried
            if not isinstance(tried, Refusal):
                started: dict[str, Type] = {name: tried[name][-1] for name in self._empty}
                slots = Slots(
                    counts_values=how.counts_values,
                    allows_texts=how.texts,
                    started={name: of for name, of in started.items() if of != "list"},
                )
                try:
                    return self._with(types, slots)
                except Refusal as refused:
                    self._wants_texts = self._wants_texts or slots.wants_texts
                    asked = {name: tried[name] for name in slots.asked if name in tried}
                    self._refused.setdefault(how, []).append((asked, refused))
                    refusal = refused
            assert isinstance(refusal, Refusal)
            if farthest is None or refusal.progress > farthest.progress:
                farthest = refusal
        assert farthest is not None  # at least one was tried
        raise farthest

    def _tries(
        self, known: "_Types", rest: Sequence[str], how: _Way
    ) -> Iterator["_Types | Refusal"]:
        """Yield the types to try, by name: of parameters, and what starts empty in all ways.

        In their place comes the refusal of an earlier try, where nothing that it depends on is
        other now: with four parameters and four names that start empty there are 65,536 ways.
        """
        for asked, refusal in self._refused.get(how, ()):
            if asked.items() <= known.items():
                yield refusal
                return
        if not rest:
            yield known
            return
        name = rest[0]
        for of in self._empty[name]:
            if how.texts or of != "texts":
                more = {**known, name: (*known.get(name, ()), of)}
                yield from self._tries(more, rest[1:], how)

    def _with(self, types: Sequence[Type], slots: Slots) -> Program:
        scope = Scope(slots=slots, visible={}, frozen={})
        for parameter, value_type in zip(self._parameters, types, strict=True):
            scope.define(parameter, parameter.arg, value_type)
        body = BodyReader(self._returned)
        body_ids = body.body(self._body, scope, self._function)
        of = language()
        params = [f"param_{value_type}" for value_type in types[:-1]]
        head = [f"program_{body.return_type}", *params, f"last_{types[-1]}"]
        return Program(
            ids=(*map(of.id_of, head), *body_ids),
            name=self._function.name,
            names=tuple(scope.slots.names),
        )


def _parameters(function: ast.FunctionDef) -> list[ast.arg]:
    arguments = function.args
    takes = "a parameter that"
    odd: list[tuple[ast.AST | None, str, str, str]] = [
        *((node, "is", "a decorator", "there are none") for node in function.decorator_list),
        (arguments.vararg, takes, "takes any number of values", _PLAIN),
        (arguments.kwarg, takes, "takes any named values", _PLAIN),
        *((node, "is", "a parameter by name alone", _PLAIN) for node in arguments.kwonlyargs),
        *((node, "is", "a default value", _PLAIN) for node in arguments.defaults),
    ]
    for node, link, what, rule in odd:
        if node is not None:
            # Refusals are counted by their kind, `a decorator`; a message tells of this one.
            kind, said = (what, f"is {what}") if link == "is" else (f"{takes} {what}", what)
            raise Refusal(node, kind, text=f"{excerpt(node)} {said}: {rule}")
    parameters = [*arguments.posonlyargs, *arguments.args]
    if not 1 <= len(parameters) <= MAX_PARAMETERS:
        raise Refusal(
            function,
            f"the function has {len(parameters)} parameters",
            f"1 to {MAX_PARAMETERS} are allowed",
        )
    return parameters


def _without_doc_string(body: list[ast.stmt]) -> list[ast.stmt]:
    match body:
        case [ast.Expr(value=ast.Constant(value=str())), *rest]:
            return rest
        case _:
            return body


def _combinations(annotated: Sequence[Type | None], how: _Way) -> Iterator[tuple[Type, ...]]:
    left_out = _NEVER_GUESSED if how.texts_given else (*_GUESSED_LAST, *_NEVER_GUESSED)
    unknown: tuple[Type, ...] = tuple(t for t in TYPES if t not in left_out)
    choices: list[tuple[Type, ...]] = [
        unknown if given is None else (given,) for given in annotated
    ]
    return product(*choices)


def _ambiguous(parameters: Sequence[ast.arg], fits: Sequence[Sequence[Type]]) -> Refusal:
    place, choices = next(
        (place, choices)
        for place, choices in enumerate(map(dict.fromkeys, zip(*fits, strict=True)))
        if len(choices) > 1
    )
    name = parameters[place].arg
    return Refusal(
        parameters[place],
        "the type of {} does not follow from its use, it could be "
        f"{' or '.join(map(said, choices))}",
        f"annotate it, as in `{name}: {said(next(iter(choices)))}`",
        it=repr(name),
    )
