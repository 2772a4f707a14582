"""Statements as functions over the slots of a run.

A function returns what the program returns, BREAK or CONTINUE where it leaves a round of the loop
around it, or None when the program goes on: no value of a program is None.
"""

from collections.abc import Mapping, MutableMapping, Sequence
from typing import Any

from models.programs.execution.expressions import (
    ExpressionCompiler,
    iterated,
    named,
    slot_of,
    target,
    weigh,
)
from models.programs.execution.functions import NAMES, Function, function_of
from models.programs.execution.limits import Meter
from models.programs.execution.operations import Operation
from models.programs.language.kinds import MAPS, SETS, Kind, language
from models.programs.language.tree import Node

Made = MutableMapping[Any, tuple[Function, int]]
"""The functions of statements, and their weights."""


class StatementCompiler:
    """Turns blocks into functions.

    Args:
        operations: kind -> what it computes.
        meter: counts steps and checks sizes.
        visited: each block that runs adds its number here, counted in the order of the text;
            None notes nothing, which is faster.
        made: statements that need not be made anew; gets those that are.
    """

    def __init__(
        self,
        operations: Mapping[str, Operation],
        meter: Meter,
        visited: set[int] | None = None,
        made: Made | None = None,
    ) -> None:
        self.num_blocks = 0
        self._meter = meter
        self._visited = visited
        self._made = made
        compiler = ExpressionCompiler(operations, meter)
        self._text_of, self._over, self._applied = compiler.text, compiler.over, compiler.applied
        self._named = language().named

    def block(self, nodes: Sequence[Node]) -> Function:
        """Return a function that runs statements; a run of the block is charged all at once."""
        number = self.num_blocks
        self.num_blocks += 1
        weight = 0
        parameters: list[Any] = [None]
        if self._visited is not None:
            note = self._visited.add
            parameters.append(lambda _: note(number))
        for node in nodes:
            function, own = self._statement(node)
            parameters.append(function)
            weight += own
        parameters[0] = weight
        if 1 < len(parameters) <= len(_BLOCKS) + 1:
            return function_of(_BLOCKS[len(parameters) - 2], self._meter, parameters)
        return function_of(_LONG_BLOCK, self._meter, (weight, parameters[1:]))

    def _statement(self, node: Node) -> tuple[Function, int]:
        if self._made is None:
            return self._function(node), weigh(node)
        found = self._made.get(node)
        if found is None:
            found = self._made[node] = self._function(node), weigh(node)
        return found

    def _function(self, node: Node) -> Function:
        parameters: list[Any] = []
        return function_of(self._text(node, parameters), self._meter, parameters)

    def _text(self, node: Node, parameters: list[Any]) -> str:
        kind = self._named(node.kind)
        if kind.family == "for":
            return self._for(node, kind, parameters)
        own = "" if node.slot is None else f"s[{named(node.slot, parameters)}]"
        parts = [self._text_of(item, parameters) for item in node.args]
        blocks = [named(self.block(block), parameters) for block in node.blocks]
        if kind.operation is not None and kind.name not in _TEXTS:
            # Python reads the old value first, which matters to nobody: expressions change nothing.
            computed = self._applied(kind.operation, (own, parts[0]), parameters)
            if kind.family != "while":
                return f"  {own} = {computed}"
            condition = "".join([f" and {part}" for part in parts[1:]])
            return _WHILE.format(computed + condition, *blocks)
        text = _TEXTS.get(kind.name) or _TEXTS[kind.family]
        return text.format(*parts, *blocks, own=own)

    def _for(self, node: Node, kind: Kind, parameters: list[Any]) -> str:
        body = named(self.block(node.blocks[0]), parameters)
        read = self._over if kind.second else self._text_of
        parts = [read(item, parameters) for item in node.args]
        if kind.name in _RANGES:
            items = f"{named(range, parameters)}({', '.join(parts)})"
        elif kind.name == "for_words":
            items = f"{parts[0]}.split()"
        else:
            items = iterated(kind, parts, parameters)
        return _FOR.format(target(kind, slot_of(node), parameters), items, body)


_RANGES = ("for_range_1", "for_range_2", "for_range_3")

_FOR = """\
  for {0} in {1}:
   v = {2}(s)
   if v is not None and v is not CONTINUE: return None if v is BREAK else v"""

_WHILE = """\
  while {0}:
   v = {1}(s)
   if v is not None: return None if v is BREAK else v"""

_TEXTS: Mapping[str, str] = {
    "let": "  {own} = {0}",
    "set": "  {own} = {0}",
    "set_two": "  {own}, {0} = {1}, {2}",
    "step_mod": "  {own} = {0} % {own}",
    **{
        name: text
        for names, text in {
            ("iadd_list", "iadd_texts"): (
                "  i, a = {own}, {0}\n  m.length(len(i) + len(a))\n  i += a"
            ),
            ("append", "append_text"): (
                "  i = {own}\n  i.append({0})\n  if len(i) > m.max_length: grown()"
            ),
            ("store", "store_text"): "  {own}[{0}] = {1}",
            ("pop", "pop_text"): "  {own}.pop({0})",
            ("insert", "insert_text"): (
                "  i = {own}\n  i.insert({0}, {1})\n  if len(i) > m.max_length: grown()"
            ),
            ("remove", "remove_text"): "  i = {own}\n  m.went_over(len(i))\n  i.remove({0})",
            ("swap", "swap_texts"): "  i = {own}\n  v = i[{1}], i[{0}]\n  i[{0}], i[{1}] = v",
            tuple(f"add_{of}" for of in SETS): (
                "  i = {own}\n  i.add({0})\n  if len(i) > m.max_length: grown()"
            ),
            tuple(f"discard_{of}" for of in SETS): "  {own}.discard({0})",
            tuple(f"remove_{of}" for of in SETS): "  {own}.remove({0})",
            tuple(f"store_{of}" for of in MAPS): (
                "  i = {own}\n  i[{0}] = {1}\n  if len(i) > m.max_length: grown()"
            ),
        }.items()
        for name in names
    },
    "return": "  return {0}",
    "if": "  return {1}(s) if {0} else None",
    "if_else": "  return {1}(s) if {0} else {2}(s)",
    "break": "  return BREAK",
    "continue": "  return CONTINUE",
}
"""Kinds and families of statements; `own` is the variable that they define or change."""

_CHARGED = "  m.steps_left -= p0\n  if m.steps_left < 0: spent()\n"

_NEXT = "  v = {0}(s)\n  if v is not None: return v\n"

_LAST = "  return {0}(s)"

_BLOCKS = tuple(
    _CHARGED + "".join(map(_NEXT.format, NAMES[1:count])) + _LAST.format(NAMES[count])
    for count in range(1, 12)
)
"""Blocks of so many statements."""

_LONG_BLOCK = f"{_CHARGED}  for f in p1:\n   v = f(s)\n   if v is not None: return v"
