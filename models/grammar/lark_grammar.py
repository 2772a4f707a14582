"""A grammar translated into Lark's notation, so that Lark can parse its texts.

Terminals that stand side by side in a right-hand side become one token: the lexer then takes the
longest match (`u*dx(u)` is one atom, not a product), and grammars that spell their atoms symbol
by symbol stay LALR. Alternative `i` carries the alias `p{i}`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import groupby

from models.grammar.grammar import Grammar
from models.grammar.grammar_checks import reachable_nonterminals
from models.grammar.symbols import Production


@dataclass(frozen=True, kw_only=True)
class LarkGrammar:
    """What Lark needs to parse the texts of a grammar, white space removed.

    Args:
        text: the rules in Lark's notation.
        start: Lark's name of the start rule.
        tokens: text of every token by Lark's name for it.
        subtrees: by production id, the places of the nonterminals among Lark's children.
        merged: productions that spell the same as another: the id of that one, which is taken.
    """

    text: str
    start: str
    tokens: Mapping[str, str]
    subtrees: Mapping[int, tuple[int, ...]]
    merged: Mapping[int, int]


def translate(grammar: Grammar, *, by_character: bool = False) -> LarkGrammar:
    """Translate `grammar`; what its start symbol cannot reach is left out.

    Args:
        grammar: the grammar.
        by_character: make a token of every character instead of every run of terminals.
    """
    names: dict[str, str] = {}
    rules: dict[str, dict[tuple[str, ...], int]] = {}
    merged: dict[int, int] = {}
    reachable = reachable_nonterminals(grammar.start, grammar.productions)
    for index, production in enumerate(grammar.productions):
        if production.lhs in reachable:
            expansion = _expansion(production, grammar, names, by_character)
            # Productions that differ only in how a run of terminals is cut are one for Lark.
            first = rules.setdefault(production.lhs, {}).setdefault(expansion, index)
            if first != index:
                merged[index] = first
    return LarkGrammar(
        text=_notation(rules, names, grammar),
        start=_rule_name(grammar.start, grammar),
        tokens={name: text for text, name in names.items()},
        subtrees={
            index: tuple(i for i, item in enumerate(expansion) if item.islower())
            for alternatives in rules.values()
            for expansion, index in alternatives.items()
        },
        merged=merged,
    )


def alias(production_id: int) -> str:
    """Return the name under which Lark reports that it applied a production."""
    return f"p{production_id}"


def _rule_name(nonterminal: str, grammar: Grammar) -> str:
    return f"n{grammar.nonterminals.index(nonterminal)}"


def _expansion(
    production: Production, grammar: Grammar, names: dict[str, str], by_character: bool
) -> tuple[str, ...]:
    """Return Lark's names for a right-hand side; a new token text is added to `names`."""
    items: list[str] = []
    for is_terminal, group in groupby(production.rhs, key=lambda symbol: symbol.is_terminal):
        if is_terminal:
            text = "".join(symbol.text for symbol in group)
            for token in text if by_character else (text,):
                items.append(names.setdefault(token, f"T{len(names)}"))
        else:
            items += [_rule_name(symbol.text, grammar) for symbol in group]
    return tuple(items)


def _notation(
    rules: Mapping[str, Mapping[tuple[str, ...], int]], names: Mapping[str, str], grammar: Grammar
) -> str:
    lines: list[str] = []
    for nonterminal, alternatives in rules.items():
        texts = [f"{' '.join(items)} -> {alias(index)}" for items, index in alternatives.items()]
        lines.append(f"{_rule_name(nonterminal, grammar)}: {' | '.join(texts)}")
    lines += [f"{name}: {_quoted(text)}" for text, name in names.items()]
    return "\n".join(lines) + "\n"


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
