"""Random programs by type: parameters, statements, and a result made of what they computed.

A seed stands for its programs only as long as every number is drawn in the same order: one draw
more, or another order of a table of weights, here or in `random_*.py`, changes all that follow.
"""

import random

from models.programs.data.drafts import Draft, Scope, Variable, node, size_of
from models.programs.data.human_weights import PARAMETER_WEIGHTS, RETURN_WEIGHTS, Style
from models.programs.data.random_expressions import about, expression
from models.programs.data.random_statements import fill
from models.programs.language.kinds import TYPES, Type
from models.programs.language.tree import Node

_NUM_PARAMETERS_WEIGHTS = (0.42, 0.38, 0.14, 0.06)

_OVERHEAD = 4
"""Nodes around the statements: the program, a parameter, the return and its value."""


def random_program(rng: random.Random, max_nodes: int, style: Style = "plain") -> Node:
    """Return a program that keeps the rules of the language; nobody knows whether it makes sense.

    Args:
        rng: the source of all choices.
        max_nodes: about as many as are wanted of it once what does nothing is gone.
        style: what it is to be like.
    """
    draft = Draft(rng=rng, returns=rng.choices(TYPES, RETURN_WEIGHTS[style])[0], style=style)
    count = rng.choices((1, 2, 3, 4), _NUM_PARAMETERS_WEIGHTS)[0]
    parameters = [
        draft.invent(value_type, "parameter")
        for value_type in rng.choices(TYPES, PARAMETER_WEIGHTS[style], k=count)
    ]
    scope = Scope(draft=draft, visible=tuple(parameters))
    draw_size = _draw_size if style == "plain" else _draw_human_size
    size = draw_size(rng, max_nodes) - _OVERHEAD - count
    ending = rng.randint(1, max(1, min(10, size)))
    statements, scope = fill(scope, size - ending)
    if not statements or statements[-1].family != "return":
        statements.append(_return(scope, max(ending, size - sum(map(size_of, statements)))))
    return _with_parameters(draft.returns, parameters, statements)


def _draw_size(rng: random.Random, max_nodes: int) -> int:
    """Return a number of nodes to begin with; about half of them turn out to do nothing."""
    kind = rng.random()
    if kind < 0.14:
        return rng.randint(7, min(24, max_nodes))
    if kind < 0.4:
        return rng.randint(min(20, max_nodes), min(70, max_nodes))
    return rng.randint(min(60, max_nodes), 5 * max_nodes // 2)


def _draw_human_size(rng: random.Random, max_nodes: int) -> int:
    """Return a number of nodes to begin with; most of what people write is short."""
    kind = rng.random()
    if kind < 0.14:
        return rng.randint(6, min(22, max_nodes))
    if kind > 0.92:
        return rng.randint(min(60, max_nodes), 2 * max_nodes)
    return round(min(2.0 * max_nodes, 24 + rng.expovariate(1 / 60)))


def _return(scope: Scope, size: int) -> Node:
    """Return the last statement; it is about a result, or another variable, where there is one."""
    returns = scope.draft.returns
    made = [v for v in scope.visible if v.role == "result"]
    made = made or [v for v in scope.visible if v.role != "parameter"]
    if made:
        return node(
            f"return_{returns}", about(scope, scope.rng.choice(made), returns, min(size, 9))
        )
    return node(f"return_{returns}", expression(scope, returns, size))


def _with_parameters(returns: Type, parameters: list[Variable], statements: list[Node]) -> Node:
    """Return the program; parameters that nothing reads are left out, but for one."""
    read: set[int] = set()
    for statement in statements:
        _add_slots(statement, read)
    kept = [p for p in parameters if p.slot in read] or parameters[:1]
    args = [node(f"param_{parameter.type}", slot=parameter.slot) for parameter in kept]
    return node(f"program_{returns}", *args, blocks=[statements])


def _add_slots(item: Node, read: set[int]) -> None:
    """Add the slots that an expression or statement reads or changes."""
    if item.slot is not None and item.family not in ("let", "for", "each"):
        read.add(item.slot)
    for part in item.args:
        _add_slots(part, read)
    for statements in item.blocks:
        for statement in statements:
            _add_slots(statement, read)
