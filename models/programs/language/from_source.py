"""Python source to derivations."""

import ast
import warnings
from collections.abc import Iterator, Sequence
from itertools import product

from models.errors import UserError
from models.programs.language.kinds import MAX_PARAMETERS, TYPES, Type, language
from models.programs.language.program import Program
from models.programs.language.reading_scope import Scope, Slots
from models.programs.language.refusals import Refusal, excerpt
from models.programs.language.statements import BodyReader

_ANNOTATIONS: dict[str, Type] = {
    "int": "int",
    "bool": "bool",
    "str": "str",
    "list": "list",
    "list[int]": "list",
    "List": "list",
    "List[int]": "list",
}


def source_to_ids(source: str) -> Program:
    """Return the derivation of a Python function of the language.

    The types of parameters come from their annotations, or from their use. A doc string and
    comments are left out, as are imports from `typing`; nothing else is.

    Raises:
        UserError: anything outside the language, with line, column, the construct and what is
            allowed.
    """
    try:
        return _read(_function(source))
    except Refusal as refusal:
        raise refusal.to_error(source) from None
    except RecursionError:
        raise UserError("the program is nested too deeply: use intermediate variables") from None


def _function(source: str) -> ast.FunctionDef:
    """Return the one function of a source text."""
    try:
        with warnings.catch_warnings():  # of odd escapes in strings, which are the user's affair
            warnings.simplefilter("ignore")
            module = ast.parse(source)
    except SyntaxError as error:
        line, column = error.lineno or 1, error.offset or 1
        raise UserError(f"line {line}, column {column}: {error.msg}") from None
    except (ValueError, MemoryError) as error:
        raise UserError(f"line 1, column 1: this is no Python source: {error}") from None
    found = [node for node in module.body if not _is_typing_import(node)]
    match found:
        case [ast.FunctionDef() as function]:
            return function
        case []:
            raise UserError("line 1, column 1: the source is empty: write one function")
        case _:
            odd = next((n for n in found if not isinstance(n, ast.FunctionDef)), found[-1])
            raise Refusal(odd, f"{excerpt(odd)}: a program is one function and nothing else")


def _is_typing_import(node: ast.stmt) -> bool:
    return isinstance(node, ast.ImportFrom) and node.module == "typing"


def _read(function: ast.FunctionDef) -> Program:
    """Read a function with the only types of its parameters that fit their use.

    Where annotations leave types open, all combinations are tried, 256 at most; most fail at the
    first statement.
    """
    parameters = _parameters(function)
    annotated: list[Type | None] = [_annotation(item.annotation) for item in parameters]
    reader = _FunctionReader(function, parameters, _annotation(function.returns))
    fits: list[tuple[Sequence[Type], Program]] = []
    farthest: Refusal | None = None
    for types in _combinations(annotated):
        try:
            fits.append((types, reader.read(types)))
        except Refusal as refusal:
            if farthest is None or refusal.progress > farthest.progress:
                farthest = refusal
    if len(fits) > 1:
        raise _ambiguous(parameters, [types for types, _ in fits])
    if farthest and not fits:
        raise farthest
    return fits[0][1]


class _FunctionReader:
    """Reads one function under given types of its parameters."""

    def __init__(
        self, function: ast.FunctionDef, parameters: Sequence[ast.arg], returned: Type | None
    ) -> None:
        self._function = function
        self._parameters = parameters
        self._returned: Type | None = returned
        self._body = _without_doc_string(function.body)

    def read(self, types: Sequence[Type]) -> Program:
        scope = Scope(slots=Slots(), visible={}, frozen={})
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
    odd = [arguments.vararg, arguments.kwarg, *arguments.kwonlyargs, *arguments.defaults]
    for node in [*function.decorator_list, *odd]:
        if node is not None:
            raise Refusal(
                node, f"{excerpt(node)}: parameters are plain names, and there are no decorators"
            )
    parameters = [*arguments.posonlyargs, *arguments.args]
    if not 1 <= len(parameters) <= MAX_PARAMETERS:
        raise Refusal(
            function,
            f"the function has {len(parameters)} parameters: 1 to {MAX_PARAMETERS} are allowed",
        )
    return parameters


def _annotation(node: ast.expr | None) -> Type | None:
    if node is None:
        return None
    found = _ANNOTATIONS.get(ast.unparse(node))
    if found is None:
        raise Refusal(node, f"{excerpt(node)}: types are int, bool, str, list and list[int]")
    return found


def _without_doc_string(body: list[ast.stmt]) -> list[ast.stmt]:
    match body:
        case [ast.Expr(value=ast.Constant(value=str())), *rest]:
            return rest
        case _:
            return body


def _combinations(annotated: Sequence[Type | None]) -> Iterator[tuple[Type, ...]]:
    choices: list[tuple[Type, ...]] = [TYPES if given is None else (given,) for given in annotated]
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
        f"the type of {name!r} does not follow from its use, it could be {' or '.join(choices)}: "
        f"annotate it, as in `{name}: {next(iter(choices))}`",
    )
