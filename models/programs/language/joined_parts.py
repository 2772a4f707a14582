"""What is made of any number of parts, to derivations: f-strings and long lists."""

import ast
from collections.abc import Callable, Sequence

from models.programs.language.comprehensions import ReadExpression
from models.programs.language.kinds import Type, language, said
from models.programs.language.literals import constant_ids
from models.programs.language.reading_scope import Scope
from models.programs.language.refusals import Refusal, excerpt
from models.programs.language.tree import MORE

Ids = list[int]

ReadTyped = Callable[[ast.expr, Type, Scope, str], Ids]


def read_joined(parts: Sequence[ast.expr], scope: Scope, read_expression: ReadExpression) -> Ids:
    """Return the derivation of an f-string: the sum of its parts.

    Raises:
        Refusal: it is outside the language.
    """
    of = language()
    texts: list[Ids] = []
    for each in parts:
        part = each
        if isinstance(part, ast.FormattedValue):
            if part.conversion != -1 or part.format_spec is not None:
                raise Refusal(part, "a format in an f-string", "use plain {...}", it=excerpt(part))
            part = part.value
        typed = read_expression(part, scope)
        if typed.type not in ("int", "str", "float"):
            allowed = "int, float and str can stand in an f-string"
            raise Refusal(part, f"{said(typed.type)} in an f-string", allowed, it=excerpt(part))
        turned = [] if typed.type == "str" else [of.id_of(f"str_{typed.type}")]
        texts.append([*turned, *typed.ids])
    ids = [of.id_of("concat_str")] * (len(texts) - 1) + [i for text in texts for i in text]
    return ids or constant_ids("STR", "")


def read_long_list(
    node: ast.List, scope: Scope, read_expression: ReadExpression, read_typed: ReadTyped
) -> tuple[Type, Ids]:
    """Return the type and the derivation of a list of four items or more.

    Raises:
        Refusal: it is outside the language.
    """
    of, num_slots = language(), len(scope.slots.names)
    item_type = "str" if read_expression(node.elts[0], scope).type == "str" else "int"
    scope.forget(num_slots)
    list_type: Type = "texts" if item_type == "str" else "list"
    kind = f"{list_type}_n"
    ids = [of.id_of(kind)]
    items = of.named(kind).children[-1]
    for place, item in enumerate(node.elts):
        if place >= 4:  # the first four stand in the production itself
            ids.append(of.id_of(MORE[items]))
        ids += read_typed(item, item_type, scope, "an item of a list")
    return list_type, [*ids, of.id_of(f"{items.lower()}_end")]
