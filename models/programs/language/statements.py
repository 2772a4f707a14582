"""Python statements to derivations."""

import ast
from collections.abc import Sequence

from models.programs.language.assignments import read_assignment
from models.programs.language.comprehensions import keys_of, loop_names, read_over
from models.programs.language.counting_loops import CLOSING, NEVER_REACHED, read_while
from models.programs.language.empty_lists import RETURN
from models.programs.language.expressions import (
    Ids,
    names_a_list,
    read_condition,
    read_expression,
    read_typed,
    read_value,
)
from models.programs.language.kinds import ITEM_OF, MAPS, SETS, Type, language, said
from models.programs.language.looked_into import without_names
from models.programs.language.reading_scope import Scope
from models.programs.language.refusals import Refusal, excerpt
from models.programs.language.rewriting import call, listed_view, simplified


class BodyReader:
    """Reads the statements of one function; knows what type it returns once one was seen.

    Args:
        return_type: as the function's annotation says, if it has one.
    """

    def __init__(self, return_type: Type | None) -> None:
        self.return_type: Type | None = return_type
        self._loops: list[str] = []

    def body(self, statements: Sequence[ast.stmt], scope: Scope, owner: ast.AST) -> Ids:
        """Return the derivation of the function's body, which must return at its end."""
        flat = _without_last_else(statements)
        if not flat or not isinstance(flat[-1], ast.Return):
            raise Refusal(
                flat[-1] if flat else owner,
                "the function may end without return",
                "end it with a return statement",
            )
        return self.statements(flat, scope)

    def block(self, statements: Sequence[ast.stmt], scope: Scope) -> Ids:
        """Return the derivation of a nested block, its end included."""
        ids = self.statements(statements, scope)
        ends = [] if isinstance(statements[-1], CLOSING) else [language().id_of("end")]
        return [*ids, *ends]

    def statements(self, statements: Sequence[ast.stmt], scope: Scope) -> Ids:
        """Return the derivation of statements without what ends their block."""
        ids: Ids = []
        statements = without_names(statements)
        for place, statement in enumerate(statements):
            if place and isinstance(statements[place - 1], CLOSING):
                raise Refusal(statement, *NEVER_REACHED)
            ids += self._statement(statement, scope)
        return ids

    def _statement(self, node: ast.stmt, scope: Scope) -> Ids:
        match node:
            case ast.Return():
                return self._return(node, scope)
            case ast.If():
                return self._if(node, scope)
            case ast.For(orelse=[]):
                return self._for(node, scope)
            case ast.While(orelse=[]):
                self._loops.append("while")
                ids = read_while(node, scope, self.statements)
                self._loops.pop()
                return ids
            case ast.Break() | ast.Continue():
                return self._leave(node)
            case ast.For() | ast.While():
                raise Refusal(
                    node.orelse[0], "else of a loop is not in the language", "leave it out"
                )
            case _:
                return read_assignment(node, scope)

    def _return(self, node: ast.Return, scope: Scope) -> Ids:
        if node.value is None:
            raise Refusal(node, "a return without a value", text="return needs a value")
        scope.slots.asked.add(RETURN)
        started = scope.slots.started.get(RETURN)
        value = read_value(node.value, scope, self.return_type or started)
        self.return_type = self.return_type or value.type
        if value.type != self.return_type:
            raise Refusal(
                node,
                f"{{}} returns {said(value.type)}, but the function returns "
                f"{said(self.return_type)}",
                "return one type everywhere",
                it=excerpt(node),
            )
        return [language().id_of(f"return_{value.type}"), *value.ids]

    def _if(self, node: ast.If, scope: Scope) -> Ids:
        condition = read_condition(node.test, scope)
        ids = [*condition, *self.block(node.body, scope.nested())]
        if not node.orelse:
            return [language().id_of("if"), *ids]
        return [language().id_of("if_else"), *ids, *self.block(node.orelse, scope.nested())]

    def _leave(self, node: ast.Break | ast.Continue) -> Ids:
        is_break = isinstance(node, ast.Break)
        if not is_break and self._loops[-1] == "while":
            allowed = "put the rest of the body into an if"
            raise Refusal(node, "continue in a while would leave out its step", allowed)
        return [language().id_of("break" if is_break else "continue")]

    def _for(self, node: ast.For, scope: Scope) -> Ids:
        names = loop_names(node.target)
        for name in names:
            if name.id in scope.visible:
                allowed = "give the loop's variable another name"
                raise Refusal(name, "{} has a value already", allowed, it=repr(name.id))
        slots = [scope.reserve(name, name.id) for name in names]
        kind, ids, frozen = (
            _iterated(node.iter, scope) if len(names) == 1 else _iterated_pairs(node.iter, scope)
        )
        why = f"the loop in line {node.lineno} goes over it"
        inner = scope.nested((slot, why) for slot in frozen)
        for slot, value_type in zip(slots, language().named(kind).defined, strict=True):
            inner.show(slot, value_type)
        self._loops.append("for")
        body = self.block(node.body, inner)
        self._loops.pop()
        return [language().id_of(kind), *ids, *body]


def _without_last_else(statements: Sequence[ast.stmt]) -> list[ast.stmt]:
    """Put the last else behind its if where both return: the language ends with a return."""
    flat = list(statements)
    while flat and isinstance(flat[-1], ast.If) and _returns(flat):
        last = flat.pop()
        assert isinstance(last, ast.If)
        alone = ast.If(test=last.test, body=last.body, orelse=[])
        flat += [ast.copy_location(alone, last), *last.orelse]
    return flat


def _returns(statements: Sequence[ast.stmt]) -> bool:
    """Tell whether statements return on every path, by their last one."""
    match statements:
        case [*_, ast.Return()]:
            return True
        case [*_, ast.If(body=body, orelse=orelse)]:
            return _returns(body) and _returns(orelse)
        case _:
            return False


def _iterated_pairs(node: ast.expr, scope: Scope) -> tuple[str, Ids, list[int]]:
    """Return the same of a loop with two variables."""
    over = read_over(node, 2, scope, read_expression)
    frozen = [slot for part in over.parts for slot in _named_lists(part, scope)]
    return f"for_{over.name}", over.ids, frozen


def _named_lists(node: ast.expr, scope: Scope) -> list[int]:
    """Return the slots of the lists and dictionaries that an expression may be, or be a view of."""
    match node:
        case ast.IfExp():
            return [*_named_lists(node.body, scope), *_named_lists(node.orelse, scope)]
        case ast.Call(func=ast.Attribute(value=over, attr="keys" | "values"), args=[]):
            return _named_lists(over, scope)
    is_list = isinstance(node, ast.Name) and scope.type_of(node) in (*ITEM_OF, *MAPS)
    return [scope.slot(node)] if is_list and isinstance(node, ast.Name) else []


def _iterated(  # noqa: PLR0911, PLR0912  (one a kind)
    node: ast.expr, scope: Scope
) -> tuple[str, Ids, list[int]]:
    """Return the kind of a for loop, its expressions and the slots to freeze."""
    node = simplified(node)
    match node:
        case ast.Call(func=ast.Name(id="range"), args=[_, *_] as args, keywords=[]):
            if len(args) > 3:
                raise Refusal(
                    node,
                    "a range of more than three numbers",
                    text=f"{excerpt(node)}: range takes one to three numbers",
                )
            ids: Ids = []
            for number in args:
                ids += read_typed(number, "int", scope, "a number of range")
            return f"for_range_{len(args)}", ids, []
        case ast.Call(func=ast.Attribute(value=text, attr="split"), args=[], keywords=[]):
            return "for_words", read_typed(text, "str", scope, "what is split"), []
        case ast.Call(func=ast.Attribute(value=text, attr="split"), args=[by], keywords=[]):
            ids = read_typed(text, "str", scope, "what is split")
            return "for_split", [*ids, *read_typed(by, "str", scope, "what splits a text")], []
        case ast.Call(func=ast.Name(id="reversed"), args=[_], keywords=[]):
            node = call("list", node)
    viewed = node
    node = listed_view(node) or node
    typed = read_expression(node, scope)
    if typed.type == "str":
        return "for_str", typed.ids, []
    if typed.type in MAPS:
        listed = keys_of(typed)
        return f"for_{listed.type}", listed.ids, _named_lists(node, scope)
    if typed.type in SETS:
        allowed = "loop over sorted(...)"
        raise Refusal(node, "a loop over a set, which has no order", allowed, it=excerpt(node))
    if isinstance(viewed, ast.Call) and node is not viewed:  # the values of a dictionary
        return f"for_{typed.type}", typed.ids, _named_lists(viewed, scope)
    if typed.type not in ITEM_OF:
        raise Refusal(
            node,
            f"a loop over {said(typed.type)}",
            text=f"{excerpt(node)} is {said(typed.type)}: loop over a range, a list or a str",
        )
    if isinstance(node, ast.Name):
        slot = scope.slot(node)
        kind = "for_slot" if typed.type == "list" else "for_slot_texts"
        return kind, [language().slot_id("SLOT", slot)], [slot]
    if names_a_list(node):
        allowed = "loop over a copy, `list(...)`"
        raise Refusal(node, "{} may be a named list", allowed, it=excerpt(node))
    return f"for_{typed.type}", typed.ids, []
