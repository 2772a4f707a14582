"""Programs made as short as their behaviour on the probes allows.

Random programs carry much that does nothing. Every statement that can go without a difference
goes, every expression that one of its own parts can stand for is replaced by it, so that all that
is left in a program matters to what it does.
"""

import operator
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from models.programs.data.behaviour import Behaviour, is_value, outcome_key
from models.programs.data.drafts import constant
from models.programs.data.inputs import flat_probes
from models.programs.execution.interpreter import Interpreter
from models.programs.execution.statements import Made
from models.programs.language.contexts import NOT_JOINED, SPLITS
from models.programs.language.hashed_reading import REFUSED as REFUSED_PARTS
from models.programs.language.kinds import (
    CONSTANT,
    MAPS,
    NONTERMINAL_OF,
    SETS,
    SLOT,
    Family,
    Kind,
    language,
)
from models.programs.language.tree import ITEMS, Node

_MAX_PASSES = 3


class _MutableNode:
    """A node that can be changed; the interpreter reads it like a Node."""

    __slots__ = ("args", "blocks", "kind", "slot", "value")

    def __init__(self, node: Node) -> None:
        self.kind = node.kind
        self.slot = node.slot
        self.value = node.value
        self.args = [_MutableNode(item) for item in node.args]
        self.blocks = [[_MutableNode(item) for item in statements] for statements in node.blocks]

    @property
    def family(self) -> Family:
        """What it is, whatever its type or operation."""
        return language().family_of(self.kind)

    def freeze(self) -> Node:
        """Return the node."""
        return Node(
            kind=self.kind,
            slot=self.slot,
            value=self.value,
            args=tuple(item.freeze() for item in self.args),
            blocks=tuple(tuple(item.freeze() for item in block) for block in self.blocks),
        )


def shrink(tree: Node, behaviour: Behaviour, interpreter: Interpreter) -> Node:
    """Return a program with nothing in it that can go.

    It returns the same wherever the program returns; where it fails, the new one may do anything.

    Args:
        tree: the program.
        behaviour: what it does.
        interpreter: runs the attempts.
    """
    return _Shrinker(tree, behaviour, interpreter).result()


class _Shrinker:
    """Tries one change after the other and keeps those that make no difference."""

    def __init__(self, tree: Node, behaviour: Behaviour, interpreter: Interpreter) -> None:
        self._program = _MutableNode(tree)
        self._interpreter = interpreter
        self._made: Made = {}
        # Of statements at which nothing could go: the version of the program by then.
        self._in_vain: dict[_MutableNode, int] = {}
        self._num_changes, self._num_folded = 1, 0
        # The statements around the one that is worked on, and it: they are compiled anew.
        self._around: list[_MutableNode] = []
        runs = zip(behaviour.steps, flat_probes(behaviour.types), behaviour.keys, strict=True)
        # Short runs stand first, and before them the probe that told the last change apart: it
        # tells most others apart, too.
        self._runs = sorted(
            [(steps, inputs, key) for steps, inputs, key in runs if is_value(key)],
            key=lambda run: run[0],
        )

    def result(self) -> Node:
        before = 0
        for _ in range(_MAX_PASSES):
            if self._num_changes == before:
                break
            before = self._num_changes
            self._block(self._program.blocks[0], is_loop=False)
        return self._program.freeze()

    @property
    def _version(self) -> int:
        return self._num_changes + self._num_folded

    def _same(self) -> bool:
        """Tell whether the program still does the same."""
        for statement in self._around:
            self._made.pop(statement, None)
        program: Any = self._program
        run = self._interpreter.compile_tree(program, made=self._made).run
        for place, (_, inputs, key) in enumerate(self._runs):
            if outcome_key(run(inputs)) != key:
                self._runs.insert(0, self._runs.pop(place))
                return False
        self._num_changes += 1
        return True

    def _try(
        self, items: list[_MutableNode], place: slice, replacement: Sequence[_MutableNode]
    ) -> bool:
        """Replace some items; put them back when it makes a difference."""
        kept = items[place]
        items[place] = replacement
        if self._same():
            return True
        items[place.start : place.start + len(replacement)] = kept
        return False

    def _block(self, block: list[_MutableNode], *, is_loop: bool) -> None:
        place = 0
        while place < len(block):
            statement, before = block[place], self._version
            if self._in_vain.get(statement) == before:
                place += 1
            elif not (
                self._starts_later(block, place)
                or self._statement_goes(block, place, is_loop=is_loop)
            ):
                self._inside(statement)
                if self._version == before:
                    self._in_vain[statement] = before
                place += 1

    def _starts_later(self, block: list[_MutableNode], place: int) -> bool:
        """Define a variable only where it gets the first value that is read: always the same."""
        first = block[place]
        if first.family != "let":
            return False
        later = next((s for s in block[place + 1 :] if _mentions(s, first.slot)), None)
        is_start = later is not None and later.kind == f"set_{first.kind.removeprefix('let_')}"
        if (
            later is None
            or not is_start
            or later.slot != first.slot
            or _mentions(later, first.slot) > 1
        ):
            return False
        later.kind = first.kind
        self._made.pop(later, None)
        del block[place]
        self._num_changes += 1
        return True

    def _statement_goes(self, block: list[_MutableNode], place: int, *, is_loop: bool) -> bool:
        """Try to do without a statement, or to put a part of it in its place."""
        statement = block[place]
        if statement.family == "step":
            return False
        is_needed = (
            len(block) == 1
            or (block is self._program.blocks[0] and place == len(block) - 1)
            or (statement.family == "let" and self._is_read(statement))
        )
        if not is_needed and self._try(block, slice(place, place + 1), []):
            return True
        if statement.family != "if":
            return False
        for branch in statement.blocks:
            returns = branch[-1].family in ("return", "leave")
            # What follows a return is never reached, but a loop is there to go on.
            end = len(block) if returns else place + 1
            if not (returns and is_loop) and self._try(block, slice(place, end), branch):
                return True
        return False

    def _inside(self, statement: _MutableNode) -> None:
        """Shorten the parts of a statement."""
        self._around.append(statement)
        self._shorten(statement)
        self._made.pop(self._around.pop(), None)

    def _shorten(self, statement: _MutableNode) -> None:
        kind = language().named(statement.kind)
        if kind.name == "if_else":
            self._drop_else(statement)
        if kind.unconditional is not None:
            self._drop_condition(statement, kind.unconditional)
        # A loop over a named list would freeze it, and its body may change it.
        is_fresh = kind.name in _FRESH or kind.maker is not None
        nonterminals = [name for name in _children(statement.kind) if name not in ("SLOT", "BLOCK")]
        if kind.name == "set_two":
            nonterminals.insert(0, "SLOT")
        for place in range(_num_fixed(kind), len(statement.args)):
            refused = _NAMED if is_fresh else ()
            refused = (*refused, *_REFUSED.get((statement.kind, nonterminals[place]), ()))
            self._expression(statement.args, place, nonterminals[place], refused)
        if kind.family == "let":
            self._simplest_value(statement, kind)
        for block in statement.blocks:
            self._block(block, is_loop=kind.family in ("for", "while"))

    def _drop_else(self, statement: _MutableNode) -> None:
        """Try to do with one of two branches."""
        args, blocks = statement.args, statement.blocks
        statement.kind, statement.blocks = "if", blocks[:1]
        if self._same():
            return
        negated = _MutableNode(Node(kind="not"))
        negated.args = args
        statement.args, statement.blocks = [negated], blocks[1:]
        if not self._same():
            statement.kind, statement.args, statement.blocks = "if_else", args, blocks

    def _drop_condition(self, statement: _MutableNode, unconditional: str) -> None:
        kind, args = statement.kind, statement.args
        statement.kind, statement.args = unconditional, args[:1]
        if not self._same():
            statement.kind, statement.args = kind, args

    def _simplest_value(self, statement: _MutableNode, kind: Kind) -> None:
        """Start a variable from nothing where its first value never matters."""
        value = statement.args[0]
        if value.args or value.kind == SLOT:
            nothings = _NOTHING[kind.children[0]][:1]
            if kind.type in ("texts", *SETS, *MAPS):  # of which only here `[]` says the type
                nothings = (Node(kind=f"empty_{kind.type}"),)
            for nothing in nothings:
                self._try(statement.args, slice(0, 1), [_MutableNode(nothing)])

    def _expression(
        self,
        holder: list[_MutableNode],
        place: int,
        nonterminal: str,
        refused: tuple[str, ...],
    ) -> None:
        """Put a part of an expression in its place as long as that makes no difference.

        Kinds that are refused there are no such parts.
        """
        goes_on = True
        while goes_on:
            goes_on = self._goes_unconditionally(holder[place]) or any(
                self._try(holder, slice(place, place + 1), [part])
                for part in _stand_ins(holder[place], nonterminal)
                if part.kind not in refused
            )
        item = holder[place]
        for number, name in enumerate(_arguments(item)):
            if number == 0 and item.kind in ("power", "power_int"):  # it must not be negative
                for inner, inner_name in enumerate(_arguments(item.args[0])):
                    self._expression(item.args[0].args, inner, inner_name, ())
                continue
            same_too = refused if item.kind in _NAMED and number > 0 else ()
            kinds = _REFUSED.get((item.kind, name), ())
            self._expression(item.args, number, name, (*same_too, *kinds))
        if item.kind in _ARITHMETIC and all(part.kind == CONSTANT for part in item.args):
            holder[place] = _computed(item)
            self._num_folded += holder[place] is not item

    def _goes_unconditionally(self, item: _MutableNode) -> bool:
        """Try to do without the condition of a comprehension."""
        if item.family != "each":
            return False
        where = len(item.args) - 1 - language().named(item.kind).num_values
        has_one = item.args[where].kind == "where"
        return has_one and self._try(item.args, slice(where, where + 1), [])

    def _is_read(self, statement: _MutableNode) -> bool:
        """Tell whether anything but its definition mentions a variable."""
        return _mentions(self._program, statement.slot) > 1


def _num_fixed(kind: Kind) -> int:
    """Return how many of a statement's first parts stay: a bound, a literal, a list's name."""
    has_fixed = kind.family in ("while", "step") or kind.name in _WITH_SLOT
    return int(has_fixed and kind.name != "step_mod")


def _computed(item: _MutableNode) -> _MutableNode:
    """Return the number that constants come to, unless it cannot be computed."""
    try:
        value = _ARITHMETIC[item.kind](*(part.value for part in item.args))
    except ZeroDivisionError:
        return item
    return _MutableNode(constant(value)) if abs(value) < _MAX_COMPUTED else item


def _stand_ins(item: _MutableNode, nonterminal: str) -> Iterator[_MutableNode]:
    """Yield what could stand for an expression: parts of the same type, then nothing much."""
    for child, name in zip(item.args, _arguments(item), strict=True):
        if name == nonterminal:
            yield child
        elif child.family != "each":  # nobody else sees the variables of a comprehension
            for grandchild, inner in zip(child.args, _arguments(child), strict=True):
                if inner == nonterminal:
                    yield grandchild
    if item.args:
        for nothing in _NOTHING.get(nonterminal, ()):
            yield _MutableNode(nothing)


def _arguments(item: _MutableNode) -> Sequence[str]:
    """Return the nonterminals of the parts of an expression."""
    if not item.args:
        return ()
    names = _children(item.kind)
    if names[-1] in ITEMS:
        once = ITEMS[names[-1]]
        return once * (len(item.args) // len(once))
    if item.family == "each" and len(item.args) < len(names):
        return [name for name in names if name != "WHERE"]
    return names


def _children(kind: str) -> tuple[str, ...]:
    of = language()
    return of.kinds[of.id_of(kind)].children


def _mentions(item: _MutableNode, slot: int | None) -> int:
    found = int(item.slot == slot)
    for part in item.args:
        found += _mentions(part, slot)
    for block in item.blocks:
        for statement in block:
            found += _mentions(statement, slot)
    return found


_ARITHMETIC: Mapping[str, Callable[..., int]] = {
    "add": operator.add,
    "sub": operator.sub,
    "mul": operator.mul,
    "floordiv": operator.floordiv,
    "mod": operator.mod,
    "neg": lambda a: -a,
}

_MAX_COMPUTED = 10_000

_FRESH = (
    *("let_list", "set_list", "for_list", "let_texts", "set_texts", "for_texts"),
    *(f"{change}_{of}" for change in ("let", "set") for of in (*SETS, *MAPS)),
)
"""Statements that a named list, set or dictionary must not stand in."""

_NAMED = (SLOT, "if_list", "if_texts", *(f"if_{of}" for of in (*SETS, *MAPS)))

_WITH_SLOT = ("for_slot", "for_slot_texts", "set_two")

_REFUSED: Mapping[tuple[str, str], tuple[str, ...]] = {
    ("join_texts", "TEXTS"): NOT_JOINED,
    **{
        (kind, "TEXTS"): SPLITS
        for kind in (
            *("len_texts", "item_texts", "for_texts"),
            *("int_over_texts", "bool_over_texts", "str_over_texts"),
        )
    },
    **{
        (f"{look}_{of}", NONTERMINAL_OF[of]): (f"{of}_n",)
        for look in ("in", "not_in")
        for of in SETS
    },
    **{
        (kind, next(NONTERMINAL_OF[of] for of in SETS if refused[0].startswith(of))): refused
        for kind, (_, refused) in REFUSED_PARTS.items()
    },
}
"""Kind and nonterminal of a part -> what must not stand there, for it has a kind of its own."""

_NOTHING = {
    "INT": (Node(kind=CONSTANT, value=0), Node(kind=CONSTANT, value=1)),
    "BOOL": (),
    "STR": (Node(kind=CONSTANT, value=""),),
    "LIST": (Node(kind="empty"),),
    "TEXTS": (),
    "FLOAT": (Node(kind=CONSTANT, value=0.0), Node(kind=CONSTANT, value=1.0)),
    **{NONTERMINAL_OF[of]: () for of in (*SETS, *MAPS)},
}
"""The shortest expressions of each type; a condition that never changes is no condition."""
