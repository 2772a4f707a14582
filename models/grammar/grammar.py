"""Grammars: a start symbol and ordered productions, whose positions are the production ids."""

import hashlib
import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from importlib.resources import files
from pathlib import Path
from typing import Any, Literal

from models.config_file import parse_yaml, read_yaml, to_config
from models.errors import Mistake, UserError, did_you_mean
from models.grammar.grammar_checks import grammar_mistakes, grammar_warnings, white_space_mistakes
from models.grammar.symbols import Production, parse_production

logger = logging.getLogger(__name__)

BUILT_IN_GRAMMARS = ("equations", "pde", "pde_wide", "programs", "smiles")
"""Names that `load_grammar` knows; each is `data/<name>.yaml`."""

WhiteSpace = Literal["free", "none"]
Constraints = Literal["none", "molecules"]


@dataclass(frozen=True, kw_only=True)
class Grammar:
    """A context-free grammar whose production ids are positions in `productions`.

    Args:
        name: for messages only; it is not part of the digest.
        start: the nonterminal that every derivation begins with.
        productions: in id order.
        separator: text between two symbols when a derivation is written out.
        spaced: terminals written with a space on either side where `separator` is empty.
        pad_production: id of a production that only fills arrays and is never derived.
        white_space: "free" means nothing between symbols; with "none" a text has none inside.
        constraints: what decoding keeps to beyond the grammar: "molecules" keeps ring bonds,
            valences and aromatic rings legal, for grammars that name things as `smiles` does.

    Raises:
        UserError: undefined or endless nonterminals, duplicates, and so on; all of them at once.
    """

    name: str
    start: str
    productions: tuple[Production, ...]
    separator: str = ""
    spaced: tuple[str, ...] = ()
    pad_production: int | None = None
    white_space: WhiteSpace = "free"
    constraints: Constraints = "none"

    def __post_init__(self) -> None:
        mistakes = grammar_mistakes(
            self.start, self.productions, self.separator, self.spaced, self.pad_production
        )
        if self.white_space == "none":
            mistakes += white_space_mistakes(self.separator, self.spaced)
        if mistakes:
            raise UserError(*mistakes).within(f"grammar {self.name}")

    @cached_property
    def nonterminals(self) -> tuple[str, ...]:
        """Names of the nonterminals, in the order in which their productions first appear."""
        return tuple(dict.fromkeys(production.lhs for production in self.productions))

    @property
    def num_productions(self) -> int:
        """Number of productions, the pad production included."""
        return len(self.productions)

    @cached_property
    def digest(self) -> str:
        """SHA-256 of what ids and text depend on: where it is equal, they are interchangeable."""
        content = self.to_mapping()
        del content["name"], content["white_space"], content["constraints"]
        canonical = json.dumps(content, sort_keys=True, ensure_ascii=True)
        return hashlib.sha256(canonical.encode()).hexdigest()

    def to_mapping(self) -> dict[str, Any]:
        """Return the grammar as plain values, as a grammar file holds them."""
        pad = None if self.pad_production is None else self.productions[self.pad_production].lhs
        return {
            "name": self.name,
            "start": self.start,
            "separator": self.separator,
            "spaced": list(self.spaced),
            "pad": pad,
            "white_space": self.white_space,
            "constraints": self.constraints,
            "productions": [str(production) for production in self.productions],
        }

    @staticmethod
    def from_mapping(mapping: object, source: str) -> "Grammar":
        """Build a grammar from the content of a grammar file: the inverse of `to_mapping`.

        Raises:
            UserError: unknown keys, lines that are no productions, broken rules; with `source`.
        """
        if not isinstance(mapping, Mapping):
            raise UserError(f"{source}: a grammar file holds keys such as start: and productions:")
        content = to_config(_GrammarFile, mapping, source)
        productions = _productions(content.productions, source)
        try:
            return Grammar(
                name=content.name or Path(source).stem,
                start=content.start,
                productions=productions,
                separator=content.separator,
                spaced=content.spaced,
                pad_production=_pad_production(content.pad, productions),
                white_space=content.white_space,
                constraints=content.constraints,
            )
        except UserError as error:
            raise error.within(source) from None


@dataclass(frozen=True, kw_only=True)
class _GrammarFile:
    """The keys of a grammar file."""

    start: str
    productions: tuple[str, ...]
    name: str | None = None
    separator: str = ""
    spaced: tuple[str, ...] = ()
    pad: str | None = None
    white_space: WhiteSpace = "free"
    constraints: Constraints = "none"


def load_grammar(name_or_path: str) -> Grammar:
    """Return the built-in grammar of that name, or read a grammar file.

    Nonterminals that no derivation opens are a warning: ids of arrays made elsewhere may count
    their productions.

    Raises:
        UserError: neither a built-in name nor a readable, valid file.
    """
    if name_or_path in BUILT_IN_GRAMMARS:
        text = (files("models.grammar.data") / f"{name_or_path}.yaml").read_text(encoding="utf-8")
        return Grammar.from_mapping(parse_yaml(text, name_or_path), name_or_path)
    path = Path(name_or_path)
    if name_or_path == "-" or path.is_fifo():
        raise UserError(
            f"the grammar {name_or_path!r} comes in a stream, which is gone when a training or a "
            "search goes on: give a file"
        )
    if not path.is_file():
        raise UserError(
            f"unknown grammar {name_or_path!r}: neither built in nor a file."
            f"{did_you_mean(name_or_path, BUILT_IN_GRAMMARS)} "
            f"Built in: {', '.join(BUILT_IN_GRAMMARS)}; or give the path of a YAML file"
        )
    grammar = Grammar.from_mapping(read_yaml(path), str(path))
    for text in grammar_warnings(grammar.start, grammar.productions, grammar.pad_production):
        logger.warning("%s: %s", path, text)
    return grammar


def first_productions(grammar: Grammar, count: int) -> Grammar:
    """Return the grammar of the first `count` productions, whose ids are the same.

    Raises:
        UserError: they are no grammar: what they use is defined behind them.
    """
    if count == grammar.num_productions:
        return grammar
    productions = grammar.productions[:count]
    texts = {symbol.text for item in productions for symbol in item.rhs if symbol.is_terminal}
    pad = grammar.pad_production
    return replace(
        grammar,
        productions=productions,
        spaced=tuple(text for text in grammar.spaced if text in texts),
        pad_production=None if pad is None or pad >= count else pad,
    )


def begins_with(grammar: Grammar, beginning: Grammar) -> bool:
    """Tell whether ids of the grammar `beginning` mean the same in `grammar`."""
    return (
        grammar.productions[: beginning.num_productions] == beginning.productions
        and (grammar.start, grammar.separator) == (beginning.start, beginning.separator)
        and set(beginning.spaced) <= set(grammar.spaced)
    )


def _productions(lines: tuple[str, ...], source: str) -> tuple[Production, ...]:
    productions: list[Production] = []
    mistakes: list[Mistake] = []
    for index, line in enumerate(lines):
        try:
            productions.append(parse_production(line))
        except UserError as error:
            mistakes += error.within(f"{source}: production {index}").mistakes
    if mistakes:
        raise UserError(*mistakes)
    return tuple(productions)


def _pad_production(pad: str | None, productions: tuple[Production, ...]) -> int | None:
    if pad is None:
        return None
    names = [production.lhs for production in productions]
    if pad not in names:
        raise UserError(
            f"pad names {pad!r}, which no production defines: add a production "
            f"'{pad} ->' or remove pad:.{did_you_mean(pad, names)}"
        )
    return names.index(pad)
