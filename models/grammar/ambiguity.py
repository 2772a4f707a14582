"""Finds texts with more than one derivation.

Whether a grammar has such texts cannot be decided in general. What can be done: a grammar that is
LALR(1) over single characters has none, and of one text all derivations can be found.
"""

from functools import cached_property

from lark import Lark
from lark.parsers.earley_forest import ForestNode, PackedNode, SymbolNode

from models.grammar.grammar import Grammar
from models.grammar.grammar_checks import label
from models.grammar.lark_grammar import translate
from models.grammar.parsing import lalr_parser
from models.grammar.white_space import strip_white_space


class AmbiguityFinder:
    """Looks for second derivations of texts of one grammar; takes milliseconds a text."""

    def __init__(self, grammar: Grammar) -> None:
        self.grammar = grammar

    @cached_property
    def may_be_ambiguous(self) -> bool:
        """Whether nothing rules out that some text has two derivations."""
        lark_grammar = translate(self.grammar, by_character=True)
        return bool(lark_grammar.merged) or lalr_parser(lark_grammar) is None

    @property
    def never_taken(self) -> list[str]:
        """Productions that spell the same as an earlier one of their nonterminal, as sentences."""
        productions = self.grammar.productions
        return [
            f"{label(index, productions)} spells the same as {label(first, productions)}, which is "
            "always taken: remove one"
            for index, first in translate(self.grammar).merged.items()
        ]

    @cached_property
    def _parser(self) -> Lark:
        lark_grammar = translate(self.grammar)
        return Lark(
            lark_grammar.text,
            parser="earley",
            lexer="dynamic",
            ambiguity="forest",
            start=lark_grammar.start,
            keep_all_tokens=True,
        )

    def second_derivation(self, text: str) -> str | None:
        """Say where the derivations of a text part, or return None where there is only one.

        Args:
            text: a text of the grammar.
        """
        root = self._parser.parse(strip_white_space(text))
        pending: list[ForestNode] = [root]  # pyright: ignore[reportAssignmentType]
        seen: set[int] = set()
        while pending:
            node = pending.pop()
            if id(node) in seen:
                continue
            seen.add(id(node))
            if isinstance(node, SymbolNode) and node.is_ambiguous:
                return self._parting(node)
            if isinstance(node, SymbolNode | PackedNode):
                pending.extend(node.children)
        return None

    def _parting(self, node: SymbolNode) -> str:
        """Name the productions that a part of a text can be derived by."""
        aliases = {str(child.rule.alias) for child in node.children}
        ids = sorted(int(alias[1:]) for alias in aliases)
        names = [label(production_id, self.grammar.productions) for production_id in ids]
        return " or ".join(names) if len(names) > 1 else f"{names[0]} in two ways"
